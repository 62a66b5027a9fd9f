"""Runs callers with Prefect's own client, each in a process of its own.

It is told what to do by a line of JSON on its standard input, and answers with
one on its standard output:

    {"do": "start", "program": "cycles", "processes": 4, "arguments": {...}}
        starts the processes, and answers {} once each of them is ready
    {"do": "go", "seconds": 60}
        lets them begin, and ends those that are at it after so many seconds,
        where any are told; answers what they said:
        {"begin": 1.5, "said": [[0, 1.7], [1, 1.8]], "failed": ["..."]}
    {"do": "kill"}
        ends them by SIGKILL, and answers {}

Prefect is imported once, before all forks, so that its import is in no figure.
All times are of the machine's monotonic clock, in s.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
import traceback

import prefect.client.orchestration  # noqa: F401  what the client imports late
import prefect.events.clients  # noqa: F401
from prefect.concurrency.asyncio import concurrency as concurrency_async
from prefect.concurrency.sync import concurrency, rate_limit


class Caller:
    """What a program says to the parent, and hears from it."""

    def __init__(self, number, to, go):
        self.number, self.to, self.go = number, to, go

    def tell(self, kind, value):
        os.write(self.to, json.dumps([kind, self.number, value]).encode() + b"\n")

    def say(self, value):
        self.tell("said", value)

    def wait(self):
        """Tells that it is ready, and waits until all may begin."""
        self.tell("ready", None)
        os.read(self.go, 1)

    def attempt(self, work, *arguments):
        """Does the work until it succeeds."""
        while True:
            try:
                return work(*arguments)
            except Exception as wrong:
                self.tell("failed", repr(wrong)[:500])
                time.sleep(0.1)


def cycle(limit, seconds=0):
    with concurrency(limit, occupy=1):
        if seconds:
            time.sleep(seconds)


def cycles(caller, limit, seconds):
    """Goes in and out for so long; says how often a second."""
    caller.attempt(cycle, limit)
    caller.wait()
    n, begin = 0, time.monotonic()
    while time.monotonic() < begin + seconds:
        caller.attempt(cycle, limit)
        n += 1
    caller.say(n / (time.monotonic() - begin))


def jobs(caller, limit, seconds, number):
    """Does a number of jobs, one after the other; says when it is done."""
    caller.attempt(cycle, limit)
    caller.wait()
    for _ in range(number):
        caller.attempt(cycle, limit, seconds)
    caller.say(time.monotonic())


def gather(caller, limit, seconds, number):
    """Does a number of jobs, all at once; says when they are done."""

    async def job(seconds):
        async with concurrency_async(limit, occupy=1):
            await asyncio.sleep(seconds)

    async def main():
        await job(0)
        caller.wait()
        await asyncio.gather(*(job(seconds) for _ in range(number)))
        caller.say(time.monotonic())

    asyncio.run(main())


def rate(caller, limit):
    """Asks for one token after the other, until it is killed; says when it got one."""
    caller.attempt(rate_limit, limit)
    caller.wait()
    while True:
        caller.attempt(rate_limit, limit)
        caller.say(time.monotonic())


def hold(caller, limit, lease):
    """Is ready once it is in, and goes out when told to go."""
    with concurrency(limit, occupy=1, lease_duration=lease):
        caller.wait()
    caller.say(time.monotonic())


PROGRAMS = {program.__name__: program for program in (cycles, jobs, gather, rate, hold)}


class Crew:
    """Processes that run one program."""

    def __init__(self, program, processes, arguments):
        self.pids = []
        heard, to = os.pipe()
        go, self.release = os.pipe()
        for number in range(processes):
            pid = os.fork()
            if pid == 0:
                os.close(heard)
                os.close(self.release)
                work(PROGRAMS[program], Caller(number, to, go), arguments)
            self.pids.append(pid)
        os.close(to)
        os.close(go)
        self.heard = os.fdopen(heard)
        self.answer = {"begin": 0, "said": [], "failed": []}

    def listen(self, ready=0):
        """Hears what the processes say, until so many are ready or all have ended."""
        for line in self.heard:
            kind, number, value = json.loads(line)
            if kind == "said":
                self.answer["said"].append([number, value])
            elif kind == "failed":
                self.answer["failed"].append(value)
            elif (ready := ready - 1) == 0:
                return {}
        return self.answer

    def start(self):
        answer = self.listen(ready=len(self.pids))
        return {"wrong": "\n".join(answer["failed"])} if answer else {}

    def go(self, seconds):
        if seconds:
            timer = threading.Timer(seconds, self.kill)
            timer.start()
        self.answer["begin"] = time.monotonic()
        os.close(self.release)
        answer = self.listen()
        if seconds:
            timer.cancel()
        self.end()
        return answer

    def kill(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)

    def end(self):
        for pid in self.pids:
            os.waitpid(pid, 0)
        self.pids = []
        self.heard.close()


def work(program, caller, arguments):
    """Is what a process does; it does not return."""
    try:
        program(caller, **arguments)
    except BaseException as wrong:
        caller.tell("failed", repr(wrong)[:500])
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def main():
    crew = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            crew = Crew(order["program"], order["processes"], order["arguments"])
            answer = crew.start()
        elif order["do"] == "go":
            answer = crew.go(order["seconds"])
        else:
            crew.kill()
            os.close(crew.release)
            crew.end()
            answer = {}
        print(json.dumps(answer), flush=True)
    if crew:
        crew.kill()


main()
