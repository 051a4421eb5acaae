"""What happens to a request on its way, and the plan that says which request meets what."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hydrobit.errors import CATALOGUE, Code, Refused
from hydrobit.wire import envelope


class Body(Enum):
    """Who speaks in an answer that is not the server's own."""

    server = "server"
    """An error as the server tells it."""
    proxy = "proxy"
    """A page in HTML."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request meets. Without a status its connection breaks, and no answer comes."""

    words: str
    """Completes "request 3 ..."."""
    is_stored: bool
    """Whether the server gets it, and stores it."""
    status: int | None = None
    body: Body = Body.server
    retry_after_s: int | None = None
    delay_s: float = 0
    """So long it is on its way to the server; others may overtake it."""
    kills: bool = False
    """The client's process is ended by kill -9 in the place of an answer."""
    expires: bool = False
    """The token is refused from this request on, until the client is started again."""

    @property
    def is_answered(self) -> bool:
        """Whether the client gets the server's own answer, if late."""
        return self.is_stored and self.status is None and self.delay_s > 0


LOST_ANSWER = Fault("was stored, and its answer was lost", is_stored=True)
LOST_REQUEST = Fault("was lost on the way, and never stored", is_stored=False)
FAILED_AFTER = Fault("was stored, and answered with 500 all the same", is_stored=True, status=500)
FAILED_BEFORE = Fault("was answered with 500, and not stored", is_stored=False, status=500)
BAD_GATEWAY = Fault("was stored, and a proxy in between answered with 502", is_stored=True, status=502, body=Body.proxy)
UNAVAILABLE = Fault(
    "was answered with 503 by a proxy in between, and not stored", is_stored=False, status=503, body=Body.proxy
)
LOG_IN_PAGE = Fault(
    "was answered with 200 and a log-in page by the network, and never reached the server",
    is_stored=False,
    status=200,
    body=Body.proxy,
)
SLOW = Fault("was slow on its way to the server", is_stored=True, delay_s=1.0)
EXPIRED = Fault("was answered with 401: the token has expired", is_stored=False, status=401, expires=True)
STRANGER = Fault(
    "was answered with 401: its Authorization was not `Bearer` and the token of CERTIFY_TOKEN",
    is_stored=False,
    status=401,
)
KILLED_AFTER = Fault("was stored, and the client was killed before the answer", is_stored=True, kills=True)
KILLED_BEFORE = Fault("was not stored, and the client was killed meanwhile", is_stored=False, kills=True)


def busy(status: int, seconds: int) -> Fault:
    """A server that names the time when it wants to be asked again."""
    words = f"was answered with {status} and Retry-After: {seconds}, and not stored"
    return Fault(words, is_stored=False, status=status, retry_after_s=seconds)


CODES = {401: Code.token_expired, 429: Code.busy, 500: Code.internal, 503: Code.busy}
"""What the server says with a status."""
_PAGE = b"<!doctype html><title>%d</title><p>This is not the server that you are looking for.</p>\n"


def told(fault: Fault) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a fault that answers."""
    assert fault.status is not None, "a fault without a status answers nothing"
    headers = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    if fault.body is Body.proxy:
        return fault.status, headers | {"content-type": "text/html"}, _PAGE % fault.status
    code = CODES[fault.status]
    error = envelope.error(Refused(code, CATALOGUE[code].remedy), "field")
    return fault.status, headers | {"content-type": "application/json"}, envelope.encode(error)


class Plan:
    """Faults by the number of a count: a request that carries the count meets the first one that is left.

    A request meets one at most, so that a client which sends many counts at once meets them one after the other.
    """

    def __init__(self, faults: Mapping[int, Sequence[Fault]]) -> None:
        self._left = {number: deque(wanted) for number, wanted in faults.items()}

    def meet(self, counts: Iterable[int]) -> Fault | None:
        """The fault of a request that carries these counts; it is used up by that."""
        for number in sorted(set(counts)):
            if self._left.get(number):
                return self._left[number].popleft()
        return None
