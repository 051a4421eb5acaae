"""HTTP as bytes on a socket, for tests that break its rules or need more calls than a client library gives."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

ANSWER_S_MAX = 30
RECEIVED_AT_ONCE = 65_536


class Broken(Exception):
    """The connection ended before an answer was whole; `received` is what came of it."""

    def __init__(self, received: bytes) -> None:
        super().__init__(f"the connection ended after {received!r}")
        self.received = received


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable word of an error in the envelope."""
        told = self.json()
        assert told["status"] == "error", told
        assert told["message"], told
        assert told["error"], told
        code: str = told["code"]
        return code


def request(
    method: str, path: str, token: str | None = None, body: object = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of one request; `body` becomes JSON unless it is bytes."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": "localhost"}
    if token is not None:
        lines["Authorization"] = f"Bearer {token}"
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


class Connection:
    """One TCP connection to a server; every wait on it ends after ANSWER_S_MAX."""

    def __init__(self, address: str, token: str | None = None) -> None:
        place = urlsplit(address)
        self.token = token
        self._socket = socket.create_connection((place.hostname or "", place.port or 80), ANSWER_S_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Raises Broken when the server has gone."""
        try:
            self._socket.sendall(data)
        except ConnectionError as e:
            raise Broken(b"") from e

    def send_request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send(request(method, path, self.token, body, headers))

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request and its answer. Raises Broken."""
        self.send_request(method, path, body, headers)
        return self.answer(has_body=method != "HEAD")

    def answer(self, *, has_body: bool = True) -> Answer:
        """The next answer. Raises Broken; TimeoutError when none comes."""
        head = self._until(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        status = int(status_line.split(" ")[1])
        length = int(headers.get("content-length", 0)) if has_body and status >= 200 else 0
        while len(self._received) < length:
            self._receive(head)
        body, self._received = self._received[:length], self._received[length:]
        return Answer(status, headers, body)

    def rest(self) -> bytes:
        """What still comes until the server ends the connection."""
        try:
            while received := self._socket.recv(RECEIVED_AT_ONCE):
                self._received += received
        except ConnectionError:
            pass
        rest, self._received = self._received, b""
        return rest

    def is_quiet(self) -> bool:
        """True while the server has neither answered nor ended the connection."""
        self._socket.setblocking(False)
        try:
            received = self._socket.recv(RECEIVED_AT_ONCE)
        except BlockingIOError:
            return not self._received
        except ConnectionError:
            return False
        finally:
            self._socket.settimeout(ANSWER_S_MAX)
        self._received += received
        return False

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive(b"")
        found, _, self._received = self._received.partition(end)
        return found

    def _receive(self, before: bytes) -> None:
        try:
            received = self._socket.recv(RECEIVED_AT_ONCE)
        except ConnectionError as e:
            raise Broken(before + self._received) from e
        if not received:
            raise Broken(before + self._received)
        self._received += received


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
