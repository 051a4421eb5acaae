"""The ASGI shell: reads a request whole within its limits, finds the endpoint, writes the answer.

It knows nothing of operations; the benchmark's echo runs in the same shell.
"""

import asyncio
import gzip
import math
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from starlette.routing import compile_path

from hydrobit.errors import Code, Refused
from hydrobit.transport.room import BODIES_BYTES_MAX, Room, Share

log = structlog.get_logger("hydrobit")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CREDENTIALS = (b"authorization", b"x-api-key", b"x-iot-token")
GZIP_BYTES_MIN = 1_400
"""A smaller answer fits into one packet; packing it gains nothing."""
GZIP_LEVEL = 4
LENGTH_DIGITS_MAX = 18
"""A longer Content-Length is more than any limit, or is written with zeros that nobody writes."""
GZIP_IN_THREAD_BYTES_MIN = 32_768
UNPACK_IN_THREAD_BYTES_MIN = 1_048_576
"""Where a body may be larger than this, it is unpacked beside the event loop."""
UNPACK_STEP_BYTES = 1_048_576
"""So much is unpacked before more room is asked for."""
_NO_QUALITY = re.compile(rb"q\s*=\s*0(\.0*)?")
LARGE_BYTES_MIN = 1_048_576
"""A body that comes plain and in one piece takes room from this size on; a smaller one is answered before it weighs."""
JOIN_IN_THREAD_BYTES_MIN = 4_194_304
"""A larger body is put together beside the event loop; at this size it takes some milliseconds."""
_METHODS = b"GET, HEAD, POST, PATCH, OPTIONS"
_ALLOWED_HEADERS = (
    b"authorization, content-type, content-encoding, x-api-key, x-iot-token, prefer, x-mock-space, x-mock-fault"
)
SAFE_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]
WITHOUT_A_BODY = (204, 304)


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request, read whole. Header names are lower case."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: bytes
    headers: Mapping[bytes, bytes]
    credentials: int
    """How many headers with credentials there were; two of different names are told by the endpoint."""
    client: str
    body: bytes


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back; the shell adds the lengths and the headers that every answer carries."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: Sequence[tuple[bytes, bytes]] = ()
    length: int | None = 0
    chunks: AsyncIterator[bytes] | None = None
    """A body that comes in parts, in the place of `body`: `length` bytes in all, None where nobody knows before."""
    is_kept: bool = False
    """Whether who asked may keep it, as its own headers say; everything else nobody stores."""


class Cut(Exception):
    """Raised by an endpoint that wants the connection to end without an answer."""


CUT = "cut"
"""Under this name a connection's state holds what ends it."""


class Endpoint(Protocol):
    """What answers at a path."""

    body_bytes_max: int

    async def admit(self, head: Request) -> Answer | int | None:
        """The refusal of a caller whose body need not be read or unpacked, or the number of the caller's company.

        `head` is the request without its body; None where nobody is asked who they are.
        """
        return None

    async def answer(self, request: Request) -> Answer: ...


class Routes:
    """Endpoints by path and method. Fixed paths are found in a dictionary, templates in the order of the table."""

    def __init__(self, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        templates: dict[str, dict[str, Endpoint]] = {}
        for (method, path), endpoint in endpoints.items():
            (templates if "{" in path else self._fixed).setdefault(path, {})[method] = endpoint
        self._templates = [(compile_path(path)[0], methods) for path, methods in templates.items()]

    def find(self, path: str) -> tuple[Mapping[str, Endpoint], Mapping[str, str]] | None:
        """The methods at a path and what its template took from it; one trailing slash is ignored."""
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, {}
        for pattern, methods in self._templates:
            match = pattern.match(path)
            if match is not None:
                return methods, match.groupdict()
        return None


class Shell:
    """The ASGI application. `refuse` turns what went wrong before an endpoint was reached into an answer; `front` is
    the page that a browser finds at `/`.
    """

    def __init__(
        self,
        routes: Routes,
        refuse: Callable[[Refused, str], Answer],
        *,
        front: Endpoint | None = None,
        cors_origins: Sequence[str] = ("*",),
        bodies_bytes_max: int = BODIES_BYTES_MAX,
    ) -> None:
        self._routes, self._refuse, self._front = routes, refuse, front
        self._room = Room(bodies_bytes_max)
        self._any_origin = "*" in cors_origins
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._headers = [*SAFE_HEADERS, *([(b"access-control-allow-origin", b"*")] if self._any_origin else [])]
        self._kept_headers = [header for header in self._headers if header[0] != b"cache-control"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served here")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            answer = await self._answer(scope, headers, receive)
            if answer.length is None and scope.get("http_version") == "1.0":
                answer = await _whole(answer)  # which knows no body of unknown length
        except Refused as refused:
            answer = self._refuse(refused, scope["path"])
        except asyncio.CancelledError:  # uvicorn does so when a stop has waited long enough
            stopping = Refused(Code.unavailable, "The server is stopping; send the same call again.")
            answer = self._refuse(stopping, scope["path"])
        except _TurnedAway as turned_away:
            answer = turned_away.answer
        except _Gone:
            return
        except Cut:
            scope["state"][CUT]()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        except Exception:
            log.exception("answer failed", path=scope["path"])
            answer = self._refuse(Refused(Code.internal, "Something failed in the server."), scope["path"])
        await self._send(scope, headers, answer, receive, send)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        method: str = scope["method"]
        found = self._routes.find(scope["path"])
        if found is None:
            if self._front is not None and _is_opened(scope, headers):
                return await self._front.answer(_request(scope, headers, {}, b""))
            raise Refused(Code.unknown_path, f"There is nothing at {scope['path'][:200]}.")
        methods, parameters = found
        if method == "OPTIONS":
            return Answer(204, b"", headers=[(b"allow", _allowed(methods)), *_preflight(headers)])
        endpoint = methods.get(method)
        if endpoint is None:
            answer = self._refuse(Refused(Code.method_not_allowed, f"{method} is not one of its methods."), "")
            return Answer(answer.status, answer.body, headers=[(b"allow", _allowed(methods)), *answer.headers])
        with self._room.share() as share:
            body = await self._read_body(scope, headers, parameters, receive, endpoint, share)
            return await endpoint.answer(_request(scope, headers, parameters, body))

    async def _read_body(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        parameters: Mapping[str, str],
        receive: Receive,
        endpoint: Endpoint,
        share: Share,
    ) -> bytes:
        """The whole body, unpacked. Raises Refused: body_too_large, unsupported_content_type, busy.

        Who sends a body in parts, or packed, is asked for first: strangers must not fill what all such bodies may hold
        together.
        """
        bytes_max = endpoint.body_bytes_max
        if _said_length(headers) > bytes_max:
            raise _too_large(bytes_max)
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        body: bytes = message["body"]
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if message["more_body"] or coding == b"gzip":
            admitted = await endpoint.admit(_request(scope, headers, parameters, b""))
            if isinstance(admitted, Answer):
                raise _TurnedAway(admitted)
            share.belong_to(admitted)
        if message["more_body"]:
            body = await _read_rest(body, receive, bytes_max, share)
        elif coding == b"gzip" or len(body) >= LARGE_BYTES_MIN:
            share.take(len(body))
        if coding != b"identity":
            body = await _decoded(body, coding, bytes_max, share)
        if body:
            _check_content_type(headers.get(b"content-type", b""))
        return body

    async def _send(
        self, scope: Scope, request: dict[bytes, bytes], answer: Answer, receive: Receive, send: Send
    ) -> None:
        body = b"" if scope["method"] == "HEAD" else answer.body
        headers: Headers = [*(self._kept_headers if answer.is_kept else self._headers), *answer.headers]
        if not self._any_origin:
            headers += self._origin(request.get(b"origin"))
        takes_gzip = _takes_gzip(request.get(b"accept-encoding", b""))
        if takes_gzip and (len(body) >= GZIP_BYTES_MIN or answer.length is None):
            body = await _pack(body) if body else body
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        if answer.chunks is not None:
            chunks = _packed(answer.chunks) if takes_gzip and answer.length is None else answer.chunks
            await _send_chunks(scope["path"], answer, chunks, headers, receive, send)
            return
        if answer.status not in WITHOUT_A_BODY:
            headers.append((b"content-length", b"%d" % len(body)))
            if body:
                headers.append((b"content-type", answer.content_type))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _origin(self, origin: bytes | None) -> Headers:
        allowed = [(b"access-control-allow-origin", origin)] if origin is not None and origin in self._origins else []
        return [*allowed, (b"vary", b"origin")]


def _is_opened(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks for the first page; for whoever reads no HTML there is nothing."""
    is_read = scope["method"] in ("GET", "HEAD")
    return is_read and scope["path"] == "/" and b"text/html" in headers.get(b"accept", b"")


class _Gone(Exception):
    """The client left before its request was whole."""


class _TurnedAway(Exception):
    """The endpoint answers before the body is whole."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def _request(scope: Scope, headers: Mapping[bytes, bytes], parameters: Mapping[str, str], body: bytes) -> Request:
    pairs, client = scope["headers"], scope["client"]
    credentials = 1 if len(headers) == len(pairs) else sum(name in CREDENTIALS for name, _ in pairs)
    return Request(
        scope["method"],
        scope["path"],
        parameters,
        scope["query_string"],
        headers,
        credentials,
        client[0] if client else "",
        body,
    )


def _allowed(methods: Mapping[str, Endpoint]) -> bytes:
    return ", ".join([*sorted(methods), "OPTIONS"]).encode()


def _preflight(headers: Mapping[bytes, bytes]) -> Headers:
    if b"access-control-request-method" not in headers:
        return []
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", b"86400"),
    ]


async def _send_chunks(
    path: str, answer: Answer, chunks: AsyncIterator[bytes], headers: Headers, receive: Receive, send: Send
) -> None:
    """Sends the parts as they come, while the client is there; a fault among them ends the connection."""
    headers.append((b"content-type", answer.content_type))
    if answer.length is not None:
        headers.append((b"content-length", b"%d" % answer.length))
    gone = asyncio.ensure_future(receive())
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for chunk in chunks:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except Exception:
        log.exception("answer broke off", path=path)  # the server ends a connection whose answer is not whole
    finally:
        gone.cancel()


async def _whole(answer: Answer) -> Answer:
    """The answer with its parts put together."""
    assert answer.chunks is not None, "an answer of unknown length comes in parts"
    body = b"".join([chunk async for chunk in answer.chunks])
    return Answer(answer.status, body, answer.content_type, answer.headers)


async def _packed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts as one gzip member; large ones are packed beside the event loop."""
    packer = zlib.compressobj(GZIP_LEVEL, wbits=31)
    async for chunk in chunks:
        if len(chunk) < GZIP_IN_THREAD_BYTES_MIN:
            packed = packer.compress(chunk)
        else:
            packed = await asyncio.to_thread(packer.compress, chunk)
        if packed:
            yield packed
    yield packer.flush()


async def _read_rest(first: bytes, receive: Receive, bytes_max: int, share: Share) -> bytes:
    """Collects a body that comes in parts. Raises Refused: body_too_large, busy."""
    share.take(len(first))
    parts = [first]
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        part: bytes = message["body"]
        share.take(len(part))
        parts.append(part)
        if share.length > bytes_max:
            raise _too_large(bytes_max)
        if not message["more_body"]:
            return await _joined(parts, share.length)


async def _joined(parts: list[bytes], length: int) -> bytes:
    if length < JOIN_IN_THREAD_BYTES_MIN:
        return b"".join(parts)
    return await asyncio.to_thread(b"".join, parts)


async def _decoded(body: bytes, coding: bytes, bytes_max: int, share: Share) -> bytes:
    if coding == b"gzip":
        return await _unpack(body, bytes_max, share) if body else body
    if coding:
        raise Refused(Code.unsupported_content_type, "Content-Encoding must be gzip or left out.")
    return body


async def _unpack(packed: bytes, bytes_max: int, share: Share) -> bytes:
    """Unpacks gzip step by step, and takes room before each; the share is then that of the unpacked body alone."""
    unpacker, parts, length, place = zlib.decompressobj(wbits=31), [], 0, 0
    while not unpacker.eof:
        piece = unpacker.unconsumed_tail
        if not piece:
            piece = packed[place : place + UNPACK_STEP_BYTES]
            place += len(piece)
        step = min(UNPACK_STEP_BYTES, bytes_max + 1 - length)
        share.take(step)
        try:
            if bytes_max < UNPACK_IN_THREAD_BYTES_MIN:
                part = unpacker.decompress(piece, step)
            else:
                part = await asyncio.to_thread(unpacker.decompress, piece, step)
        except zlib.error as e:
            raise Refused(Code.invalid_json, "The body is not valid gzip.") from e
        share.give_back(step - len(part))
        parts.append(part)
        length += len(part)
        if length > bytes_max:
            raise _too_large(bytes_max)
        if not (piece or part):
            break
    if not unpacker.eof or unpacker.unused_data or place < len(packed):
        raise Refused(Code.invalid_json, "The body is not one whole gzip member.")
    body = await _joined(parts, length)
    share.give_back(len(packed))
    return body


def _takes_gzip(accepted: bytes) -> bool:
    """Whether Accept-Encoding allows gzip: named, and not with a quality of 0 (RFC 9110, 12.5.3)."""
    for coding in accepted.lower().split(b","):
        name, _, quality = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip"):
            return _NO_QUALITY.fullmatch(quality.strip()) is None
    return False


async def _pack(body: bytes) -> bytes:
    if len(body) < GZIP_IN_THREAD_BYTES_MIN:
        return gzip.compress(body, GZIP_LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)


def _said_length(headers: Mapping[bytes, bytes]) -> float:
    length = headers.get(b"content-length", b"0")
    return math.inf if len(length) > LENGTH_DIGITS_MAX else int(length)


def _check_content_type(content_type: bytes) -> None:
    kind = content_type.partition(b";")[0].strip().lower()
    if kind not in (b"application/json", b"") and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        raise Refused(Code.unsupported_content_type, "Content-Type must be application/json.")


def _too_large(bytes_max: int) -> Refused:
    return Refused(Code.body_too_large, f"The body may have at most {bytes_max} bytes, unpacked.")
