"""Records what a real Prefect server answers.

    python record.py recorded.json        # with prefect 3.8.8 and fastapi 0.139.0

asks it what is in the file, and writes its answers there.

    python record.py clients.json 4321    # with prefect 3.9.1

serves at the port until it is interrupted, and writes there what clients asked, and what
they were answered.

Each line is one exchange: method, path, body (text, or null), headers, and what the
server answered: status, whether there was a header Retry-After, and the body. UUIDs and
times are written as "<uuid>" and "<time>". In a request {lease} and {id} stand for the
last lease and the last limit that an answer named. A body that is no text is in base64,
as "bytes".
"""

import base64
import json
import os
import re
import sys
import tempfile

os.environ["PREFECT_HOME"] = tempfile.mkdtemp()
os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

import uvicorn  # noqa: E402
from prefect.server.api.server import create_app  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def fill(text, known):
    for name, value in known.items():
        text = text.replace("{" + name + "}", value)
    return text


def empty(text, known):
    for name, value in known.items():
        text = text.replace(value, "{" + name + "}")
    return text


def learn(answer, known):
    if isinstance(answer, dict) and "lease_id" in answer:
        known["lease"] = answer["lease_id"]
    elif isinstance(answer, dict) and "limit" in answer:
        known["id"] = answer["id"]


def answered(exchange, status, headers, text, known):
    """The exchange with its answer."""
    masked = re.sub(TIME, "<time>", re.sub(UUID, "<uuid>", text))
    if text:
        learn(json.loads(text), known)
    result = {k: exchange[k] for k in ("method", "path", "body", "bytes", "headers") if k in exchange}
    result["status"] = status
    result["answer"] = json.loads(masked) if masked else None
    result["retry_after"] = "retry-after" in headers
    return result


def write(exchanges, out):
    for e in exchanges:
        out.write(json.dumps(e, ensure_ascii=False) + "\n")
    out.flush()


def ask(client, exchange, known):
    body = exchange.get("body")
    content = None if body is None else fill(body, known).encode()
    if "bytes" in exchange:
        content = base64.b64decode(exchange["bytes"])
    response = client.request(
        exchange["method"],
        "/api" + fill(exchange["path"], known),
        content=content,
        headers=exchange.get("headers", {}),
        follow_redirects=False,
    )
    return answered(exchange, response.status_code, response.headers, response.text, known)


def record(path):
    exchanges = [json.loads(line) for line in open(path)]
    known = {}
    with TestClient(create_app(ephemeral=True), raise_server_exceptions=False) as client:
        got = [ask(client, e, known) for e in exchanges]
    with open(path, "w") as out:
        write(got, out)


def listening(app, out):
    """The application, and a note of each exchange."""
    known = {}

    async def recorder(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        asked, told, status, headers = b"", b"", 0, {}

        async def hear():
            nonlocal asked
            message = await receive()
            asked += message.get("body", b"")
            return message

        async def say(message):
            nonlocal told, status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            told += message.get("body", b"")
            await send(message)

        # What is compressed cannot be read here.
        scope["headers"] = [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]
        await app(scope, hear, say)
        given = {k.decode(): v.decode() for k, v in scope["headers"]}
        path = scope["raw_path"].decode().removeprefix("/api")
        if scope["query_string"]:
            path += "?" + re.sub(UUID, "x", scope["query_string"].decode())
        exchange = {
            "method": scope["method"],
            "path": empty(path, known),
            "body": empty(asked.decode(), known) or None,
            "headers": {k: given[k] for k in ("user-agent", "content-type") if k in given},
        }
        write([answered(exchange, status, headers, told.decode(), known)], out)

    return recorder


if len(sys.argv) == 2:
    record(sys.argv[1])
else:
    with open(sys.argv[1], "w") as file:
        uvicorn.run(listening(create_app(ephemeral=True), file), port=int(sys.argv[2]), log_level="critical")
