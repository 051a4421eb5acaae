"""The pages of the system itself: health, readiness, metrics, keys and the derived document."""

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec
import structlog

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.settings import Settings
from hydrobit.transport.http.shell import Answer, Endpoint, Request
from hydrobit.transport.metrics import CONTENT_TYPE, Metrics
from hydrobit.wire.envelope import encode

log = structlog.get_logger("hydrobit")

_OBJECT_QUERY = re.compile(rb"until=(?P<until>[0-9]{1,12})&signature=(?P<signature>[\w-]{43})", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
Refuse = Callable[[Refused, str], Answer]


class Page(Endpoint):
    """A page whose content stays as it was made at the start."""

    body_bytes_max = 0

    def __init__(self, content: bytes, content_type: bytes = b"application/json") -> None:
        self._answer = Answer(200, content, content_type)

    async def answer(self, request: Request) -> Answer:
        return self._answer


class Document(NamedTuple):
    """What makes a page that stays as it is, and what it is. `cache_control` is None where nobody keeps it."""

    make: Callable[[], bytes]
    content_type: bytes
    cache_control: bytes | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class MadePage(Endpoint):
    """A page that is made when it is first asked for, beside the event loop; then it stays as it is.

    Who may keep it asks with the mark of what they have, and is told when that is still right (RFC 9110, 13.1.2).
    """

    body_bytes_max = 0

    def __init__(self, document: Document) -> None:
        self._document = document
        self._making = asyncio.Lock()  # who comes meanwhile waits for it, in place of making it too
        self._answer: Answer | None = None
        self._unchanged: Answer | None = None
        self._mark = b""

    async def answer(self, request: Request) -> Answer:
        async with self._making:
            if self._answer is None:
                self._keep(await asyncio.to_thread(self._document.make))
        assert self._answer is not None, "it was made just now"
        if self._unchanged is not None and self._mark in request.headers.get(b"if-none-match", b""):
            return self._unchanged
        return self._answer

    def _keep(self, content: bytes) -> None:
        _, content_type, cache_control, headers = self._document
        if cache_control is not None:
            self._mark = b'"%s"' % sha256(content).hexdigest()[:32].encode()
            headers = (*headers, (b"cache-control", cache_control), (b"etag", self._mark))
            self._unchanged = Answer(304, b"", headers=headers, is_kept=True)
        self._answer = Answer(200, content, content_type, headers, is_kept=cache_control is not None)


class ReadyPage(Endpoint):
    """200 while the store answers, 503 otherwise: what a load balancer asks."""

    body_bytes_max = 0

    def __init__(self, is_ready: Callable[[], Awaitable[bool]], refuse: Refuse) -> None:
        self._is_ready, self._refuse = is_ready, refuse

    async def answer(self, request: Request) -> Answer:
        if await self._is_ready():
            return Answer(200, encode({"status": "success", "data": {"ready": True}}))
        return self._refuse(Refused(Code.unavailable, "The store does not answer."), request.path)


class KeysPage(Endpoint):
    """The public keys that own tokens are checked with, as they are now on every node."""

    body_bytes_max = 0

    def __init__(self, shown: Callable[[], Awaitable[bytes]], refuse: Refuse) -> None:
        self._shown, self._refuse = shown, refuse

    async def answer(self, request: Request) -> Answer:
        try:
            return Answer(200, await self._shown())
        except StoreError:
            return self._refuse(Refused(Code.unavailable, "The store does not answer."), request.path)


class MetricsPage(Endpoint):
    """The counts of this process, for callers on this machine unless a setting opens it."""

    body_bytes_max = 0

    def __init__(self, metrics: Metrics, refuse: Refuse, *, public: bool) -> None:
        self._metrics, self._refuse, self._public = metrics, refuse, public

    async def answer(self, request: Request) -> Answer:
        if not self._public and not _is_loopback(request):
            return self._refuse(Refused(Code.unknown_path, f"There is nothing at {request.path}."), request.path)
        return Answer(200, self._metrics.text(), CONTENT_TYPE.encode())


class Fetched(msgspec.Struct, frozen=True):
    """An object on its way out: its type, its length in bytes, and its bytes in parts."""

    content_type: str
    length: int
    chunks: AsyncIterator[bytes]


class ObjectPage(Endpoint):
    """Photos and media, for whoever has a signed link; without a token, so that a browser can show them."""

    body_bytes_max = 0

    def __init__(self, fetch: Callable[[int, str, int, str], Awaitable[Fetched | None]], refuse: Refuse) -> None:
        self._fetch, self._refuse = fetch, refuse

    async def answer(self, request: Request) -> Answer:
        link = _OBJECT_QUERY.fullmatch(request.query)
        company, digest = request.parameters["company"], request.parameters["digest"]
        found = None
        if link is not None and _NUMBER.fullmatch(company) and _DIGEST.fullmatch(digest):
            try:
                found = await self._fetch(int(company), digest, int(link["until"]), link["signature"].decode())
            except StoreError as e:
                log.error("object not read", path=request.path, error=str(e))
                away = "The store did not answer; open the same link again."
                return self._refuse(Refused(Code.unavailable, away), request.path)
        if found is None:
            gone = "There is nothing at this link, or it has expired; ask for the thing again to get a new one."
            return self._refuse(Refused(Code.unknown_path, gone), request.path)
        return Answer(
            200,
            b"",
            found.content_type.encode(),
            headers=[
                (b"content-disposition", _disposition(found.content_type, digest)),
                (b"content-security-policy", b"default-src 'none'; sandbox"),
            ],
            length=found.length,
            chunks=found.chunks,
        )


def _disposition(content_type: str, digest: str) -> bytes:
    """Pictures may be shown in a page; everything else is only saved."""
    kind, _, name = content_type.partition("/")
    return f'{"inline" if kind == "image" else "attachment"}; filename="{digest[:16]}.{name}"'.encode()


def _is_loopback(request: Request) -> bool:
    """A caller on this machine. What a proxy forwards for others carries a header that says so."""
    if b"x-forwarded-for" in request.headers or b"forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client).is_loopback
    except ValueError:
        return False


def pages(
    settings: Settings,
    metrics: Metrics,
    refuse: Refuse,
    is_ready: Callable[[], Awaitable[bool]],
    shown_keys: Callable[[], Awaitable[bytes]],
    documents: Mapping[str, Document],
) -> dict[tuple[str, str], Endpoint]:
    """`documents` are pages by their paths."""
    found: dict[tuple[str, str], Endpoint] = {
        ("GET", "/healthz"): Page(encode({"status": "success", "data": {"alive": True}})),
        ("GET", "/readyz"): ReadyPage(is_ready, refuse),
        ("GET", "/metrics"): MetricsPage(metrics, refuse, public=settings.metrics_public),
        ("GET", "/.well-known/jwks.json"): KeysPage(shown_keys, refuse),
    }
    for path, document in documents.items():
        found["GET", path] = MadePage(document)
    return found | {("HEAD", path): page for (_, path), page in found.items()}
