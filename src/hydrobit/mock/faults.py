"""The fault dial: what happens in a field, on request. `x-mock-fault: lose-answer, slow;ms=500`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hydrobit.errors import Code, Refused

FAULTS_MAX = 4
"""Faults of one call."""
HEARD_BYTES = 1_000
"""Of a call in a log, without its texts."""


class FaultKind(StrEnum):
    """What can be dialled."""

    lose_answer = "lose-answer"
    """The call is done, and the connection ends without an answer."""
    slow = "slow"
    """The call is done, and its answer waits; `ms`."""
    error_after_commit = "500-after-commit"
    """The call is done, and answered 500."""
    duplicate_delivery = "duplicate-delivery"
    """The call arrives twice; the second outcome is answered."""
    clock_skew = "clock-skew"
    """The server's clock is behind; `hours`."""
    busy = "busy"
    """Nothing is done; 503 with Retry-After; `s`."""


_AMOUNTS: Mapping[FaultKind, tuple[str, int, int]] = {
    FaultKind.slow: ("ms", 2_000, 30_000),
    FaultKind.clock_skew: ("hours", 87_600, 200_000),
    FaultKind.busy: ("s", 1, 60),
}
"""The name of a fault's parameter, its value where nobody says one, and the greatest."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one call; `amount` is its parameter, 0 where it has none."""

    kind: FaultKind
    amount: int = 0

    def __str__(self) -> str:
        if self.kind not in _AMOUNTS:
            return self.kind.value
        name, usual, _ = _AMOUNTS[self.kind]
        return self.kind.value if self.amount == usual else f"{self.kind};{name}={self.amount}"


def fault(kind: FaultKind, amount: int | None = None) -> Fault:
    """A fault with its usual amount, where none is said."""
    if kind not in _AMOUNTS:
        return Fault(kind)
    return Fault(kind, _AMOUNTS[kind][1] if amount is None else amount)


def read(text: str) -> tuple[Fault, ...]:
    """The faults that a header or a flag names. Raises Refused, invalid_value, naming what there is."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > FAULTS_MAX:
        raise _invalid(f"names {len(words)} faults; {FAULTS_MAX} are the most")
    return tuple(_read_one(word) for word in words)


def _read_one(word: str) -> Fault:
    name, _, parameter = (part.strip() for part in word.partition(";"))
    try:
        kind = FaultKind(name.lower())
    except ValueError:
        raise _invalid(f"knows no {name[:100]!r}; there are {', '.join(FaultKind)}") from None
    if not parameter:
        return fault(kind)
    if kind not in _AMOUNTS:
        raise _invalid(f"{kind} takes no parameter")
    wanted, _, most = _AMOUNTS[kind]
    said, _, value = (part.strip() for part in parameter.partition("="))
    if said != wanted or not (value.isascii() and value.isdigit() and len(value) <= 6 and int(value) <= most):
        raise _invalid(f"{kind} takes {wanted}= a whole number up to {most}")
    return fault(kind, int(value))


def _invalid(sentence: str) -> Refused:
    return Refused(Code.invalid_value, f"x-mock-fault {sentence}.", field="x-mock-fault")


Plan = Callable[["Heard"], Sequence[Fault]]
"""Says which faults a call meets, beside those of its header."""


def no_faults(heard: "Heard") -> Sequence[Fault]:
    """The plan of a mock whose dial nobody touched."""
    return ()


@dataclass(slots=True)
class Heard:
    """One call to a space as it was heard, and what became of it. `began` and `ended` are seconds of one clock that
    never goes back.
    """

    number: int
    """From 1 on, in the order in which the space's calls arrived."""
    operation: str
    method: str
    path: str
    query: str
    body: bytes
    """Its first bytes, as many as the log keeps."""
    body_length: int
    digest: str
    """SHA-256 of the whole body, in hex."""
    began: float
    ended: float | None = None
    """None while it is under way."""
    outcome: int | None = None
    """The status of what was done; None where nothing was."""
    status: int | None = None
    """The status that was answered; None where the answer was lost."""
    faults: tuple[Fault, ...] = ()

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        return HEARD_BYTES + len(self.path) + len(self.query) + len(self.body)


def every(nth: int, faults: Sequence[Fault]) -> Plan:
    """Every nth call of a space meets the faults, the first one first."""

    def plan(heard: Heard) -> Sequence[Fault]:
        return faults if (heard.number - 1) % nth == 0 else ()

    return plan
