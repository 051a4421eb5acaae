"""What a plan asks of its shell: a plan is a generator that decides everything, and touches no socket and no clock.

It yields a step and is sent what came of it: `Send` an `Answer` or None, `Renew` whether there is another token, `Wait`
nothing, `Keep` what the function returned.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

Random = Callable[[], float]
"""Numbers from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call as every road carries it. `path` begins with `/api/`."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `retry_after_s` is the time that the server asked for, where it did."""

    status: int
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; None comes back when its answer was lost, and then nobody knows whether it was carried out."""

    request: Request


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait by a clock that does not jump."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Get another token; the one before is not taken any more."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Run what waits for the disk."""

    run: Callable[[], object]


Step = Send | Wait | Renew | Keep
Plan = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a client is."""

    wait_s_first: float = 0.5
    """Doubled with each try that brings nothing, up to `wait_s_max`; up to a half of it is taken off by chance."""
    wait_s_max: float = 60
    retry_after_s_max: float = 3_600
    """What the server asks for is kept to, as far as this."""
    tries_max: int = 8
    """So many tries in a row that bring nothing end a call or a delivery."""
    bulk_length_first: int = 250
    """So many counts of a backlog at once; doubled while all goes well, halved when an answer is lost."""
    bulk_length_max: int = 1_000

    def wait(self, tries: int, answer: Answer | None, random: Random) -> Wait:
        """The wait after so many tries: never shorter than the server has asked for."""
        longest = min(self.wait_s_max, self.wait_s_first * 2 ** min(tries - 1, 30))
        seconds = longest * (1 - random() / 2)
        asked = answer.retry_after_s if answer is not None else None
        if asked is None:
            return Wait(seconds)
        return Wait(min(asked, self.retry_after_s_max) + random() * self.wait_s_first)
