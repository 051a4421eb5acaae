"""The road by HTTP: requests to httpx and answers back, for both kinds of its clients.

httpx is imported when a client is made, so that a command which only keeps a count starts in half the time.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hydrobit.client.steps import Answer, Request

if TYPE_CHECKING:
    import httpx

ANSWER_S_MAX = 30.0
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpCarrier:
    """Keeps a connection open between calls. `options` are those of httpx.Client."""

    def __init__(self, url: str, **options: Any) -> None:
        import httpx

        self._http = httpx.Client(**_options(url, options))
        self._lost = (httpx.TransportError, httpx.DecodingError)

    def send(self, request: Request, token: str) -> Answer | None:
        """None when the answer was lost."""
        try:
            return _answer(self._http.request(**_said(request, token)))
        except self._lost:
            return None

    def close(self) -> None:
        self._http.close()


class AsyncHttpCarrier:
    """The same on an event loop. `options` are those of httpx.AsyncClient."""

    def __init__(self, url: str, **options: Any) -> None:
        import httpx

        self._http = httpx.AsyncClient(**_options(url, options))
        self._lost = (httpx.TransportError, httpx.DecodingError)

    async def send(self, request: Request, token: str) -> Answer | None:
        """None when the answer was lost."""
        try:
            return _answer(await self._http.request(**_said(request, token)))
        except self._lost:
            return None

    async def close(self) -> None:
        await self._http.aclose()


def _options(url: str, given: dict[str, Any]) -> dict[str, Any]:
    place = urlsplit(url)
    usual = {
        "base_url": url,
        "timeout": ANSWER_S_MAX,
        "verify": place.scheme != "http",  # reading certificates takes longer than a call
        "trust_env": place.hostname not in _THIS_MACHINE,  # a proxy has no part in a talk with this machine
    }
    return {**usual, **given}


def _said(request: Request, token: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    if request.body is not None:
        headers["content-type"] = "application/json"
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.query),
        "content": request.body,
        "headers": headers,
    }


def _answer(response: "httpx.Response") -> Answer:
    return Answer(response.status_code, response.content, _seconds(response.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    """A `Retry-After` in seconds. A date counts as none: its clock may not be ours."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
