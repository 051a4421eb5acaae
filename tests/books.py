"""The ledger as it stands in the store, read past our own code, and `hydrobit verify` as an operator calls it."""

from pathlib import Path
from typing import NamedTuple

from tests import engines
from tests.commands import printed

MILLION = 1_000_000
COUNT, VOID, CLOSE = 1, 2, 5


class Line(NamedTuple):
    """One entry. `units` in millionths; `answers` is the seq of the entry that a void takes back."""

    seq: int
    kind: int
    client_event_id: str | None
    units: int
    record_id: str
    answers: int | None


def lines(data: Path, session_id: str | None = None) -> list[Line]:
    """The entries of the demo company, or of one session, in the order of seq."""
    rows = engines.rows(
        data,
        "select seq, kind, client_event_id, units, prefix, answers from entry where company = 1"
        " and (cast(? as text) is null or session_no ="
        " (select session_no from session where company = 1 and session_id = ?))"
        " order by seq",
        session_id,
        session_id,
    )
    return [
        Line(seq, kind, event, units, _id(kind, prefix, seq), answers)
        for seq, kind, event, units, prefix, answers in rows
    ]


def held_events(data: Path, session_id: str) -> dict[str, str]:
    """heldId by client event id of what is held of a session; fails when an event is held twice."""
    rows = engines.rows(
        data,
        "select client_event_id, prefix, held_number from held"
        " where session_no = (select session_no from session where company = 1 and session_id = ?)",
        session_id,
    )
    held = {event: f"held_{prefix << 32 | number:016x}" for event, prefix, number in rows}
    assert len(held) == len(rows), "an event is held twice"
    return held


def verify(data: Path) -> str:
    """What `hydrobit verify` says; fails unless it finds everything sound."""
    return printed("verify", "--data", data)


def _id(kind: int, prefix: int, seq: int) -> str:
    return f"{'rec_void_' if kind == VOID else 'rec_'}{prefix << 32 | seq:016x}"
