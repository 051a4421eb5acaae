"""The echo: the least that any server in this shell can do. One route, JSON decoded, a fixed answer.

No token, no dispatch, no log, no metrics, no store: what is between this and ours is what ours does.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from bench.peers.serving import serve

decoder = msgspec.json.Decoder()

ANSWER = (
    b'{"status":"success","data":{"payloadPreview":{"recordId":"rec_1234567890abcdef",'
    b'"sessionId":"6507f1e3c9d8e2a4b1f9c3d5","workerId":"JS0315","units":5},"idempotent":false}}'
)
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
    (b"cache-control", b"no-store"),
]

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer any POST of a JSON body to the create route with the same 201."""
    if scope["type"] != "http":
        return
    known = scope["path"] == "/api/control/production/records" and scope["method"] == "POST"
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    decoder.decode(body)
    await send({"type": "http.response.start", "status": 201 if known else 404, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    serve(app, int(sys.argv[1]))
