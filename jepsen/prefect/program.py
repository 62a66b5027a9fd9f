"""Goes through a limit by Prefect's client, turn after turn, until its input ends.

    python program.py hold pf 7    # concurrency("pf"), by the chance of seed 7
    python program.py rate pr 8    # rate_limit("pr")

It prints a JSON object a line: for each turn, and for each complaint of the
client's log. Times are ns of the machine's monotonic clock.
"""

import json
import logging
import random
import sys
import threading
import time

from prefect.concurrency.sync import concurrency, rate_limit

LEASE = 60  # s; Prefect's least
now = time.monotonic_ns
printing = threading.Lock()


def tell(what):
    with printing:
        print(json.dumps(what), flush=True)


class Complaints(logging.Handler):
    def emit(self, record):
        text = record.levelname + " " + record.getMessage()
        if "raised TimeoutError" in text or "Still processing items" in text:
            return  # of this program's own patience, and of events to send before it ends
        if record.exc_info and record.exc_info[1]:
            text += " from " + repr(record.exc_info[1])
        tell({"at": now(), "complaint": text})


def why(error):
    text = repr(error)
    while error := error.__cause__:
        text += " from " + repr(error)
    return text


def hold(limit, chance, turn):
    patience = chance.choice([30, 30, 30, chance.uniform(0.05, 5)])
    with concurrency(limit, occupy=1, timeout_seconds=patience, lease_duration=LEASE, strict=True):
        turn["entered"] = now()
        try:
            time.sleep(chance.uniform(1, 3) if chance.random() < 0.02 else chance.uniform(0, 0.05))
        finally:
            turn["left"] = now()


def rate(limit, chance, turn):
    rate_limit(limit, occupy=1, timeout_seconds=30, strict=True)
    turn["entered"] = now()


def go(step, limit, chance):
    turn = {"called": now()}
    try:
        step(limit, chance, turn)
    except TimeoutError as error:
        turn["error" if "entered" in turn else "timeout"] = why(error)
    except BaseException as error:  # a lost lease cancels what is done under it
        turn["error"] = why(error)
    turn["returned"] = now()
    tell(turn)
    if "error" in turn:
        time.sleep(0.2)


def main(kind, limit, seed):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    chance = random.Random(int(seed))
    while not over.is_set():
        go({"hold": hold, "rate": rate}[kind], limit, chance)


main(*sys.argv[1:])
