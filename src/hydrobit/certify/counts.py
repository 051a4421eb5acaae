"""The counts that a client is given, and how one of them is known again in what the client sends."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from hydrobit.errors import Code
from hydrobit.kit.instants import write_instant

MEMBERS = ("clientEventId", "workerId", "worker_name", "units", "recordedAtUtc")
"""What one line of the file says."""
LENGTH = 12
GAP_MS = 60_000
"""Between two counts."""
AHEAD_MS = 1_000 * GAP_MS * 60
"""A count that lies so far ahead is refused by every server."""
NOBODY = "000000000000000000000000"
"""The stored id of a worker, as no register has it."""
_WORKERS = (("JS0315", "John Smith"), ("AG0110", "Ana García"), ("LM0622", "Luis Martínez"))
_THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Given:
    """One count of the file. Its units are its own among all counts, so that it is known again under another id."""

    number: int
    """From 1, in the order of the file."""
    event_id: str
    worker_id: str
    worker_name: str
    units: Decimal
    recorded_at: str
    refused: Code | None = None
    """Why a server refuses it for good."""

    @property
    def members(self) -> dict[str, Any]:
        said = (self.event_id, self.worker_id, self.worker_name, float(self.units), self.recorded_at)
        return dict(zip(MEMBERS, said, strict=True))


def made(now: int, refused: Mapping[int, Code] = {}) -> tuple[Given, ...]:
    """The counts of a scenario, three workers in turn, the last a minute ago. `now` is in milliseconds."""
    return tuple(_given(number, now, refused.get(number)) for number in range(1, LENGTH + 1))


def _given(number: int, now: int, refused: Code | None) -> Given:
    worker_id, name = _WORKERS[(number - 1) % len(_WORKERS)]
    recorded_at = now - (LENGTH + 1 - number) * GAP_MS
    return Given(
        number,
        f"evt_field_{number:03}",
        NOBODY if refused is Code.worker_not_found else worker_id,
        name,
        number + number * _THOUSANDTH,
        write_instant(recorded_at + (AHEAD_MS if refused is Code.clock_ahead else 0)),
        refused,
    )


def lines(counts: Iterable[Given]) -> str:
    """The file that a client reads: one JSON object a line."""
    return "".join(f"{json.dumps(count.members, ensure_ascii=False)}\n" for count in counts)


def known(counts: Sequence[Given], said: Mapping[str, Any]) -> Given | None:
    """The count that somebody means: by its event id, and where that is no given one, by worker and units."""
    for count in counts:
        if said.get("clientEventId") == count.event_id:
            return count
    for count in counts:
        if said.get("workerId") == count.worker_id and units_of(said) == count.units:
            return count
    return None


def units_of(said: Mapping[str, Any]) -> Decimal | None:
    """The units of a count; None where they are no number."""
    try:
        units = Decimal(str(said.get("units", 1)))
    except InvalidOperation:
        return None
    return units if units.is_finite() else None


def is_text(said: object) -> bool:
    """Whether what JSON said is all of texts that can be written: half a character is none, and no server reads it."""
    try:
        json.dumps(said, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True
