"""The shell answers in the envelope whatever an endpoint does; here with endpoints of the tests' own."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from hydrobit.errors import Code, Refused
from hydrobit.transport.http.shell import Answer, Request, Routes, Shell


class Broken:
    """An endpoint with a fault that nobody thought of."""

    body_bytes_max = 100

    async def answer(self, request: Request) -> Answer:
        raise ZeroDivisionError(request.path)


def refuse(refused: Refused, path: str) -> Answer:
    return Answer(refused.status, refused.code.value.encode())


async def call(method: str, path: str, body: bytes = b"", *, leaves: bool = False) -> list[MutableMapping[str, Any]]:
    """What the shell sends for one request; a client that `leaves` is gone before its body is whole."""
    shell = Shell(Routes({("POST", "/broken"): Broken(), ("HEAD", "/broken"): Broken()}), refuse)
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"} if leaves else {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await shell(scope, receive, send)
    return sent


async def test_a_fault_that_nobody_thought_of_is_answered_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    start, body = await call("POST", "/broken")
    assert (start["status"], body["body"]) == (500, Code.internal.value.encode())
    assert "ZeroDivisionError" in "".join(capsys.readouterr()), "the operator finds it in the log"


async def test_a_fault_on_head_has_no_body(capsys: pytest.CaptureFixture[str]) -> None:
    start, body = await call("HEAD", "/broken")
    assert (start["status"], body["body"]) == (500, b"")
    assert (b"content-length", b"0") in start["headers"]
    capsys.readouterr()


async def test_a_client_that_left_is_sent_nothing() -> None:
    assert await call("POST", "/broken", leaves=True) == []


@pytest.mark.parametrize(
    ("path", "status"), [("/broken", 500), ("/broken/", 500), ("/broken//", 404), ("/Broken", 404)]
)
async def test_one_trailing_slash_is_ignored(path: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    start, _ = await call("POST", path)
    assert start["status"] == status
    capsys.readouterr()
