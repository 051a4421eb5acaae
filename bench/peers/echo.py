"""The echo: the least that any service in our shell can do. One route, JSON decoded, a fixed answer.

No token, no dispatch, no log, no metrics, no store: what lies between this and ours is what ours does. With `--bare`
even the shell is left out: a raw ASGI application, which finds no route and checks no header.
"""

from __future__ import annotations

import sys

import msgspec

from bench.peers.serving import refuse, serve
from hydrobit.settings import Settings
from hydrobit.transport.http.shell import Answer, Endpoint, Receive, Request, Routes, Scope, Send, Shell

PATH = "/api/control/production/records"
BODY = (
    b'{"status":"success","data":{"payloadPreview":{"recordId":"rec_1234567890abcdef",'
    b'"sessionId":"6507f1e3c9d8e2a4b1f9c3d5","workerId":"PK0001","units":1},"idempotent":false}}'
)
decoder = msgspec.json.Decoder()


class Echo(Endpoint):
    """The one endpoint: as many bytes as the answer to a create."""

    body_bytes_max = Settings().body_bytes_max

    async def answer(self, request: Request) -> Answer:
        decoder.decode(request.body)
        return Answer(201, BODY)


async def bare(_scope: Scope, receive: Receive, send: Send) -> None:
    """The same without our shell: a small body comes in one message."""
    decoder.decode((await receive())["body"])
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"access-control-allow-origin", b"*"),
        (b"content-length", str(len(BODY)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    shell = Shell(Routes({("POST", PATH): Echo()}), refuse)
    serve(bare if "--bare" in sys.argv else shell, int(sys.argv[1]))
