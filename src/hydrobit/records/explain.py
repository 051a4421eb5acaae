"""What a worker's sum of a day is made of: every count, void and held count behind it, in the order of the work.

The day's sessions are those whose stored local day it is. The sums come from the same movements as a session's own.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.kit import instants
from hydrobit.kit.amounts import amount_text
from hydrobit.ledger import store as ledger
from hydrobit.ledger.entry import Entry, Kind
from hydrobit.records import store
from hydrobit.records.store import HeldWhole
from hydrobit.sessions import store as session_store
from hydrobit.sessions.store import Session
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields
from hydrobit.workers.service import to_business_ids

Place = tuple[int, int, int]
"""Where a line stands in a day: recorded_at, whether it is held, its seq or held number."""
START: Place = (-1, 0, 0)
PAGE_MAX = 1_000
NAMES_SHOWN_MAX = 20
CLAIMS_SHOWN_MAX = 20
PLACE_PATTERN = r"^[0-9]{1,15}-[01]-[0-9]{1,15}$"


class State(StrEnum):
    """What became of a line."""

    counted = "counted"
    voided = "voided"
    void = "void"
    held = "held"


class Line(msgspec.Struct, frozen=True):
    """One line of the day: a movement of the ledger, or a count that is held, with what stands around it."""

    place: Place
    state: State
    source: Entry | HeldWhole
    session: Session
    running: int
    worker_name: str | None
    evidence: str | None = None
    reason: str | None = None
    void_of: str | None = None
    voided_by: str | None = None
    claims: tuple[Entry, ...] = ()


class Totals(msgspec.Struct, frozen=True):
    """Sums of a day or of one session in it, in millionths. `net` is all movements, `valid` the records not voided."""

    net: int = 0
    records: int = 0
    recorded: int = 0
    voided: int = 0
    voided_units: int = 0
    held: int = 0
    held_units: int = 0

    @property
    def valid(self) -> int:
        return self.recorded - self.voided_units

    def plus(self, other: "Totals") -> "Totals":
        mine, others = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Totals(*(one + another for one, another in zip(mine, others, strict=True)))


class Day(msgspec.Struct, frozen=True):
    """A worker's day: the sums of the whole of it, and one page of its lines."""

    worker_id: str
    names: tuple[str, ...]
    day: str
    totals: Totals
    sessions: tuple[tuple[Session, Totals], ...]
    lines: tuple[Line, ...]
    next: Place | None


def explain_day(tx: Transaction, company: int, worker: str, day: str, after: Place, page: int) -> Day:
    """The worker may be named by business id or stored id, and need not be registered.

    Raises Refused, worker_not_found, for one of whom nothing is known at all.
    """
    worker_id = _worker_id(tx, company, worker)
    names = ledger.names_of(tx, company, worker_id, NAMES_SHOWN_MAX)
    sessions = _totals(tx, company, day, worker_id)
    if not names and not sessions and not store.is_known_worker(tx, company, worker_id):
        raise _nobody(worker)
    known = {session.session_no: session for session, _ in sessions}
    places = store.lines_of_day(tx, company, day, worker_id, after, page + 1)
    lines = tuple(_line(tx, company, known, *row) for row in places[:page])
    return Day(
        worker_id,
        tuple(name for name in names if name is not None),
        day,
        _sum(totals for _, totals in sessions),
        sessions,
        lines,
        lines[-1].place if len(places) > page else None,
    )


def summary(totals: Totals) -> str:
    """The day in a few sentences, for a person who compares it with paper tickets."""
    if not totals.records and not totals.held:
        return "Nothing was recorded."
    sentences = [f"{amount_text(totals.net)} units."]
    records = f"{_some(totals.records, 'record')} with {amount_text(totals.recorded)} units"
    if totals.voided:
        records += f"; {totals.voided} of them voided, which takes off {amount_text(totals.voided_units)}"
    sentences.append(f"{records}.")
    if totals.held:
        are = "is" if totals.held == 1 else "are"
        held = f"{_some(totals.held, 'record')} with {amount_text(totals.held_units)} units"
        sentences.append(f"Not in the sum: {held} that came after the close and {are} held.")
    return " ".join(sentences)


def read_day(text: str) -> str:
    """A day such as `2025-10-19`. Raises Refused naming the parameter."""
    try:
        return instants.read_day(text)
    except ValueError as e:
        raise fields.invalid("day", e) from e


def read_place(text: str) -> Place:
    """A place as `write_place` wrote it. Raises Refused naming the parameter."""
    if re.fullmatch(PLACE_PATTERN, text, re.ASCII) is None:
        raise fields.invalid("after", "must be `next` of the page before")
    recorded_at, is_held, number = map(int, text.split("-"))
    return recorded_at, is_held, number


def write_place(place: Place) -> str:
    """A place as a caller hands it back."""
    return "-".join(map(str, place))


def _worker_id(tx: Transaction, company: int, worker: str) -> str:
    try:
        worker_id = fields.worker_id(worker)
    except Refused as e:
        raise _nobody(worker) from e  # what cannot be an id is the id of nobody
    return to_business_ids(tx, company, frozenset({worker_id})).get(worker_id, worker_id)


def _nobody(worker: str) -> Refused:
    return Refused(Code.worker_not_found, f"There is no worker {worker[:100]}, and no record of one.", field="worker")


def _totals(tx: Transaction, company: int, day: str, worker_id: str) -> tuple[tuple[Session, Totals], ...]:
    """The worker's sums in each session of the day, in the order of the sessions' openings."""
    found = {number: Totals(*sums) for number, *sums in store.movements_of_day(tx, company, day, worker_id)}
    for number, held, units in store.held_of_day(tx, company, day, worker_id):
        found[number] = found.get(number, Totals()).plus(Totals(held=held, held_units=units))
    return tuple((_session(tx, company, number), found[number]) for number in sorted(found))


def _session(tx: Transaction, company: int, number: int) -> Session:
    session = session_store.by_no(tx, company, number)
    assert session is not None, "its day was asked for"
    return session


def _sum(parts: Iterable[Totals]) -> Totals:
    total = Totals()
    for part in parts:
        total = total.plus(part)
    return total


def _line(
    tx: Transaction,
    company: int,
    sessions: dict[int, Session],
    recorded_at: int,
    is_held: int,
    number: int,
    running: int,
) -> Line:
    place = (recorded_at, is_held, number)
    if is_held:
        held = store.held_by_number(tx, company, number)
        assert held is not None, "it was found a moment ago"
        return Line(place, State.held, held, sessions[held.session_no], running, held.worker_name, held.evidence)
    entry = ledger.by_seq(tx, company, number)
    assert entry is not None, "it was found a moment ago"
    name = ledger.personal_text(tx, company, entry.name_digest)
    text = ledger.personal_text(tx, company, entry.note_digest)
    session = sessions[entry.session_no]
    if entry.kind == Kind.void:
        answered = ledger.by_seq(tx, company, entry.answers) if entry.answers is not None else None
        void_of = answered.public_id if answered else None
        return Line(place, State.void, entry, session, running, name, reason=text, void_of=void_of)
    void = ledger.void_of(tx, company, entry.seq)
    return Line(
        place,
        State.voided if void else State.counted,
        entry,
        session,
        running,
        name,
        evidence=text,
        voided_by=void.public_id if void else None,
        claims=tuple(ledger.claims_of(tx, company, entry.seq, CLAIMS_SHOWN_MAX)),
    )


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
