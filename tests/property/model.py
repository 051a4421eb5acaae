"""What the contract says of sessions and counts, in plain Python: the model that the real store is held against.

It was written from the contract's text, not from the code. Amounts are whole millionths, instants milliseconds.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = 3_600_000
AHEAD_MAX = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Terms:
    unit: str
    price: int
    bonus: tuple[str, int] | None = None


@dataclass(frozen=True)
class Opening:
    """What a user asks to open."""

    project: str
    sector: str
    opened_at: int
    hours: int | None = None
    local_id: str | None = None
    price: int | None = None
    notes: str | None = None


@dataclass(frozen=True)
class Count:
    """What a device sends. `own_key` is a key that counts; the derived one says nothing new."""

    session_id: str
    worker: str
    name: str
    event: str
    units: int
    recorded_at: int
    own_key: str | None = None
    device: tuple[str, int] | None = None

    @property
    def content(self) -> tuple[object, ...]:
        """What a repeat must say again."""
        return self.session_id, self.worker, self.event, self.units, self.recorded_at


@dataclass(eq=False)
class Record:
    """A movement: a count, or the opposite movement of a void."""

    session: "Session"
    count: Count
    units: int
    void_of: "Record | None" = None
    voided_by: "Record | None" = None
    id: str = ""


@dataclass(eq=False)
class Held:
    """Work that came after its session's close."""

    count: Count
    id: str = ""


@dataclass(eq=False)
class Session:
    owner: str
    opening: Opening
    received_at: int
    day: str
    hours: int
    terms: Terms
    notes: str | None
    final_notes: str | None = None
    closed_at: int | None = None
    movements: list[Record] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    described: dict[str, object] = field(default_factory=dict)
    id: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        return self.opening.project, self.day, self.opening.sector

    @property
    def end(self) -> int:
        return max(self.opening.opened_at, self.received_at) + self.hours * HOUR

    def ended(self, now: int) -> int | None:
        """The instant of the close, by its owner or by its time; None while open."""
        if self.closed_at is not None:
            return self.closed_at
        return self.end if now >= self.end else None

    @property
    def total(self) -> int:
        return sum(movement.units for movement in self.movements)

    @property
    def held_count(self) -> int:
        """What waits for review: what was counted since, after the session was opened again, waits no more."""
        counted = {(movement.count.worker, movement.count.event) for movement in self.movements}
        return sum((held.count.worker, held.count.event) not in counted for held in self.held)

    def workers(self) -> dict[str, tuple[list[str], int, int, int]]:
        """By worker: names, net units, counts, voids."""
        found: dict[str, tuple[list[str], int, int, int]] = {}
        for worker in sorted({movement.count.worker for movement in self.movements}):
            own = [movement for movement in self.movements if movement.count.worker == worker]
            voids = sum(movement.void_of is not None for movement in own)
            names = sorted({movement.count.name for movement in own})
            found[worker] = names, sum(movement.units for movement in own), len(own) - voids, voids
        return found


@dataclass(frozen=True)
class Expected:
    """The status that an answer must have, one of the codes of a refusal, and the thing that it is about."""

    status: int
    codes: tuple[str, ...] = ()
    session: Session | None = None
    record: Record | None = None
    held: Held | None = None


@dataclass
class Tally:
    """How many entries of a kind the ledger must hold; a close by time is written when it is noticed."""

    counts: int = 0
    voids: int = 0
    openings: int = 0
    changes: int = 0
    claims: int = 0
    restores: int = 0
    descriptions: int = 0


@dataclass
class Company:
    """All that one company has. Nothing in here is ever seen by another."""

    zone: str
    project: str
    sectors: tuple[str, ...]
    terms: Terms = Terms("box", 5_500_000)
    hours: int = 12
    sessions: list[Session] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    events: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    keys: dict[str, Record] = field(default_factory=dict)
    devices: set[tuple[str, int]] = field(default_factory=set)
    held_events: dict[tuple[str, str, str], Held] = field(default_factory=dict)
    held_keys: dict[str, Held] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    @property
    def total(self) -> int:
        return sum(session.total for session in self.sessions)

    def session(self, session_id: str) -> Session | None:
        return next((session for session in self.sessions if session.id == session_id), None)

    def open(self, user: str, wanted: Opening, now: int) -> Expected:
        if wanted.opened_at > now + AHEAD_MAX:
            return Expected(400, ("clock_ahead",))
        if wanted.local_id is not None:
            for known in self.sessions:
                if known.opening.local_id == wanted.local_id:
                    return self._same_opening(known, user, wanted)
        if wanted.project != self.project:
            return Expected(404, ("project_not_found",))
        if wanted.sector not in self.sectors:
            return Expected(404, ("sector_not_found",))
        terms = self.terms if wanted.price is None else replace(self.terms, price=wanted.price)
        day = (EPOCH + timedelta(milliseconds=wanted.opened_at)).astimezone(ZoneInfo(self.zone)).date().isoformat()
        session = Session(user, wanted, now, day, wanted.hours or self.hours, terms, wanted.notes)
        if self._taken(session, now):
            return Expected(409, ("session_already_open",))
        self.sessions.append(session)
        self.tally.openings += 1
        return Expected(201, session=session)

    def _same_opening(self, known: Session, user: str, wanted: Opening) -> Expected:
        same = ("project", "sector", "opened_at")
        if known.owner == user and all(getattr(known.opening, name) == getattr(wanted, name) for name in same):
            return Expected(200, session=known)
        return Expected(409, ("idempotency_conflict",))

    def _taken(self, session: Session, now: int) -> bool:
        """Whether another session is open in its place."""
        return any(
            other is not session and other.place == session.place and other.ended(now) is None
            for other in self.sessions
        )

    def _refused(self, user: str, session: Session | None) -> Expected | None:
        if session is None:
            return Expected(404, ("session_not_found",))
        return None if session.owner == user else Expected(403, ("not_owner",))

    def change(self, user: str, session_id: str, terms: dict[str, object], notes: str | None, now: int) -> Expected:
        """Terms that stand already add nothing; a note is always one more."""
        session = self.session(session_id)
        refused = self._refused(user, session)
        if refused or session is None:
            return refused or Expected(404)
        if session.ended(now) is not None:
            return Expected(409, ("session_closed",))
        before, session.terms = session.terms, replace(session.terms, **terms)  # type: ignore[arg-type]
        session.notes = notes or session.notes
        self.tally.changes += bool(notes) or session.terms != before
        return Expected(200, session=session)

    def describe(self, user: str, session_id: str, told: dict[str, object]) -> Expected:
        """Owner only, whatever the session's state; what is told already adds nothing."""
        session = self.session(session_id)
        refused = self._refused(user, session)
        if refused or session is None:
            return refused or Expected(404)
        self.tally.descriptions += session.described != session.described | told
        session.described |= told
        return Expected(200, session=session)

    def extend(self, user: str, session_id: str, hours: int, now: int) -> Expected:
        session = self.session(session_id)
        refused = self._refused(user, session)
        if refused or session is None:
            return refused or Expected(404)
        if session.closed_at is not None:
            return Expected(409, ("session_closed",))
        is_over = hours <= session.hours or replace(session, hours=hours).end <= now
        if is_over:
            return Expected(409, ("session_over",))
        if self._taken(session, now):
            return Expected(409, ("session_already_open",))
        session.hours = hours
        self.tally.changes += 1
        return Expected(200, session=session)

    def close(self, user: str, session_id: str, notes: str | None, now: int) -> Expected:
        session = self.session(session_id)
        refused = self._refused(user, session)
        if refused or session is None:
            return refused or Expected(404)
        if session.closed_at is not None:
            return Expected(409, ("session_closed",))
        if session.ended(now) is None:
            session.closed_at, session.final_notes = now, notes
        return Expected(200, session=session)

    def count(self, user: str, count: Count, now: int) -> Expected:
        """Replay, existence, ownership, state, in this order."""
        if count.recorded_at > now + AHEAD_MAX:
            return Expected(400, ("clock_ahead",))
        by_event = self.events.get((count.session_id, count.worker, count.event))
        by_key = self.keys.get(count.own_key) if count.own_key else None
        if by_event and by_key and by_event is not by_key:
            return Expected(409, ("idempotency_conflict",))
        known = by_event or by_key
        if known:
            return self._replay(known, count)
        session = self.session(count.session_id)
        refused = self._refused(user, session)
        if refused or session is None:
            return refused or Expected(404)
        ended = session.ended(now)
        if ended is not None:
            return self._late(session, count, ended)
        held = self.held_events.get((count.session_id, count.worker, count.event))
        if held is not None and held.count.content != count.content:
            return Expected(409, ("idempotency_conflict",))
        if count.device in self.devices:
            return Expected(409, ("device_seq_used",))
        return self._add(session, count)

    def _replay(self, known: Record, count: Count) -> Expected:
        if known.count.content != count.content:
            return Expected(409, ("idempotency_conflict",), record=known)
        if count.own_key and count.own_key not in self.keys:
            self.keys[count.own_key] = known
            self.tally.claims += 1
        return Expected(200, record=known)

    def _late(self, session: Session, count: Count, ended: int) -> Expected:
        if count.recorded_at >= ended:
            return Expected(409, ("session_closed",))
        event = (count.session_id, count.worker, count.event)
        held = self.held_events.get(event) or (self.held_keys.get(count.own_key) if count.own_key else None)
        if held is not None and held.count.content != count.content:
            return Expected(409, ("idempotency_conflict",))
        if held is None:
            held = self.held_events[event] = Held(count)
            if count.own_key:
                self.held_keys[count.own_key] = held
            session.held.append(held)
        return Expected(409, ("session_closed",), held=held)

    def _add(self, session: Session, count: Count) -> Expected:
        record = Record(session, count, count.units)
        session.movements.append(record)
        self.records.append(record)
        self.events[count.session_id, count.worker, count.event] = record
        if count.own_key:
            self.keys[count.own_key] = record
        if count.device:
            self.devices.add(count.device)
        self.tally.counts += 1
        return Expected(201, record=record)

    def void(self, user: str, record_id: str, now: int) -> Expected:
        record = next((record for record in self.records if record.id == record_id), None)
        if record is None:
            return Expected(404, ("record_not_found",))
        session = record.session
        if record.voided_by is not None:
            return Expected(200, record=record.voided_by)
        if session.owner != user:
            return Expected(403, ("not_owner",))
        if record.void_of is not None:
            return Expected(409, ("record_is_void",))
        if session.ended(now) is not None:
            return Expected(409, ("session_closed",))
        void = Record(session, record.count, -record.units, void_of=record)
        record.voided_by = void
        session.movements.append(void)
        self.records.append(void)
        self.tally.voids += 1
        return Expected(200, record=void)

    def knows(self, key: str) -> bool:
        """Whether the key was claimed by a record, an own one or the one derived from its event."""
        derived = {f"client:{session}:{worker}:{event}" for session, worker, event in self.events}
        return key in self.keys or key in derived
