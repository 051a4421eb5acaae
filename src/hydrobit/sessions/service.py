"""The rules of sessions, as units: open, read, change, extend, close, expire.

Each unit that writes locks the head of its company first, so records and session changes have one order.
"""

from typing import Any

import msgspec

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.errors import Code, Refused
from hydrobit.kit import canonical, ids
from hydrobit.kit.instants import HOUR_MS, local_day, write_instant
from hydrobit.ledger import read as sums
from hydrobit.ledger import store as ledger
from hydrobit.ledger.entry import SYSTEM, Head, Kind, Source, text_digests
from hydrobit.operation import Caller
from hydrobit.projects import service as projects
from hydrobit.projects.store import Project
from hydrobit.sessions import description, store
from hydrobit.sessions.description import Description
from hydrobit.sessions.reading import Change, Opening
from hydrobit.sessions.store import Session, Terms
from hydrobit.storage.engine import Transaction

Salts = tuple[bytes, bytes, bytes]
"""One for each text that a change may bring: notes, plate, driver."""


class SessionView(msgspec.Struct, frozen=True):
    """A session with what its owner is shown beside it."""

    session: Session
    terms: Terms
    notes: str | None
    final_notes: str | None
    held_count: int
    workers: tuple[sums.WorkerSum, ...] | None
    total: int
    description: Description


def open_session(
    tx: Transaction, caller: Caller, opening: Opening, source: int, now: int, salt: bytes
) -> tuple[SessionView, bool]:
    """The session, and whether it is new: the same localId again returns the stored one.

    Raises Refused: project_not_found, sector_not_found, session_already_open, idempotency_conflict.
    """
    head = ledger.lock_head(tx, caller.company)
    if opening.local_id is not None:
        known = store.by_local_id(tx, caller.company, opening.local_id)
        if known is not None:
            _same_opening(known, caller, opening)
            return view(tx, known), False
    project = projects.require(tx, caller.company, opening.project_id)
    projects.require_sector(tx, caller.company, opening.project_id, opening.sector_id)
    day = local_day(opening.opened_at, project.timezone).isoformat()
    standing = store.open_at(tx, caller.company, opening.project_id, day, opening.sector_id)
    if standing is not None:
        _make_way(tx, head, standing, caller, now)
    terms = Terms(
        sampling_unit=opening.sampling_unit or project.sampling_unit,
        price=project.price if opening.price is None else opening.price,
        bonus=opening.bonus or project.bonus,
    )
    note = ledger.add_personal(tx, caller.company, salt, opening.notes) if opening.notes else None
    session = _new_session(head, caller, opening, project, day, now, note)
    facts = _opened_facts(session, terms)
    _write(
        tx, head, session, Kind.session_opened, caller.user_id, source, now, facts, note, recorded_at=session.opened_at
    )
    store.insert(tx, session)
    store.add_terms(tx, session, session.session_no, terms, caller.user_id, now)
    return view(tx, session), True


def read_session(tx: Transaction, caller: Caller, session_id: str) -> SessionView:
    """Raises Refused: session_not_found, not_owner."""
    return view(tx, _owned(tx, caller, session_id), with_workers=True)


def list_sessions(
    tx: Transaction, caller: Caller, day: str | None, status: str | None, now: int, page: int, page_size: int
) -> tuple[int, list[SessionView]]:
    """How many of the caller's own sessions fit, and one page of them."""
    total, found = store.of_user(tx, caller.company, caller.user_id, day, status, now, page, page_size)
    return total, [view(tx, session) for session in found]


def of_days(
    tx: Transaction,
    company: int,
    first_day: str,
    last_day: str,
    project_id: str | None,
    sector_id: str | None,
    after: tuple[str, int],
    most: int,
) -> list[Session]:
    """A page of the company's sessions of a span of local days, by day and number, whoever opened them."""
    return store.of_days(tx, company, first_day, last_day, project_id, sector_id, after, most)


def change_session(
    tx: Transaction, caller: Caller, session_id: str, change: Change, source: int, now: int, salts: Salts
) -> None:
    """Appends new terms and notes, and what describes the harvest, which a closed session takes too.

    Raises Refused: session_not_found, not_owner, session_closed.
    """
    head = ledger.lock_head(tx, caller.company)
    session = _owned(tx, caller, session_id)
    if change.needs_open:
        require_open(session, now)
        _change_terms(tx, head, session, caller, change, source, now, salts[0])
    _describe(tx, head, session, caller, change.description, source, now, salts)


def _change_terms(
    tx: Transaction, head: Head, session: Session, caller: Caller, change: Change, source: int, now: int, salt: bytes
) -> None:
    before = store.terms(tx, session)
    terms = Terms(
        sampling_unit=change.sampling_unit or before.sampling_unit,
        price=before.price if change.price is None else change.price,
        bonus=change.bonus or before.bonus,
    )
    if terms == before and not change.notes:
        return
    if change.notes and ledger.personal_text(tx, caller.company, canonical.salted_digest(salt, change.notes)):
        return  # nobody else draws this salt: the commit that was not heard of took place
    note = ledger.add_personal(tx, caller.company, salt, change.notes) if change.notes else None
    facts: dict[str, Any] = {"terms": msgspec.to_builtins(terms)} if terms != before else {}
    _write(tx, head, session, Kind.session_changed, caller.user_id, source, now, facts, note)
    if terms != before:
        store.add_terms(tx, session, head.seq, terms, caller.user_id, now)
    if note is not None:
        store.set_note(tx, session, note)


def _describe(
    tx: Transaction,
    head: Head,
    session: Session,
    caller: Caller,
    wanted: Description,
    source: int,
    now: int,
    salts: Salts,
) -> None:
    """Appends what is new of a harvest's description; nothing where it is described so already."""
    facts = description.new_facts(tx, session, wanted, salts[1:])
    if not facts:
        return
    _write(tx, head, session, Kind.session_described, caller.user_id, source, now, facts)
    stored = store.description(tx, session.company, session.session_no)
    store.set_description(tx, session, description.changed(stored, facts, now))


def extend_session(tx: Transaction, caller: Caller, session_id: str, hours: int, source: int, now: int) -> int:
    """Sets a new whole length and returns it; after an expiry it opens the session again.

    Raises Refused: session_not_found, not_owner, session_closed, session_over, session_already_open.
    """
    head = ledger.lock_head(tx, caller.company)
    session = _owned(tx, caller, session_id)
    if session.closed_at is not None and session.closed_reason != "expired":
        require_open(session, now)
    expires_at = _end(session.opened_at, session.opened_received_at, hours)
    if hours <= session.max_duration_hours or expires_at <= now:
        raise Refused(
            Code.session_over,
            f"maxDurationHours is {session.max_duration_hours}; the session would end at {write_instant(expires_at)}.",
            field="maxDurationHours",
        )
    other = store.open_at(tx, session.company, session.project_id, session.day, session.sector_id)
    if other is not None and other.session_no != session.session_no:
        _make_way(tx, head, other, caller, now)
    reopened = session.has_expired(now)
    if reopened and session.closed_at is None:
        write_expiry(tx, head, session, now)
    facts = {"maxDurationHours": hours, "expiresAt": expires_at, "reopened": reopened}
    _write(tx, head, session, Kind.session_changed, caller.user_id, source, now, facts)
    store.set_length(tx, session, hours, expires_at)
    return hours


def close_session(
    tx: Transaction,
    caller: Caller,
    session_id: str,
    notes: str | None,
    wanted: Description,
    source: int,
    now: int,
    salts: Salts,
) -> SessionView:
    """Ends the session and returns its totals; after an expiry it returns the totals of then.

    What describes the harvest is kept in both cases.

    Raises Refused: session_not_found, not_owner, session_closed.
    """
    head = ledger.lock_head(tx, caller.company)
    session = _owned(tx, caller, session_id)
    if session.has_expired(now):
        if session.closed_at is None:
            write_expiry(tx, head, session, now)
    else:
        require_open(session, now)
        note = ledger.add_personal(tx, caller.company, salts[0], notes) if notes else None
        _close(tx, head, session, now, caller.user_id, "manual", source, now, note)
    _describe(tx, head, session, caller, wanted, source, now, salts)
    return view(tx, _owned(tx, caller, session_id), with_workers=True)


def close_one_expired(tx: Transaction, now: int) -> bool:
    """Writes the close of one session whose time ran out; False when there is none. It may run again at any time."""
    company = store.company_with_expired(tx, now)
    if company is None:
        return False
    head = ledger.lock_head(tx, company)
    session = store.expired(tx, company, now)
    if session is not None:
        write_expiry(tx, head, session, now)
    return True


def write_expiry(tx: Transaction, head: Head, session: Session, now: int) -> None:
    """Writes the close that the session's end has brought."""
    _close(tx, head, session, session.expires_at, SYSTEM, "expired", Source.system, now, None)


def erase_texts(tx: Transaction, author: Author, session_id: str) -> int:
    """Erases what was written in a session about people: notes, plate and driver, each as often as it was changed.

    Returns how many texts there were; units and the chain stay. May run twice. Raises Refused, session_not_found.
    """
    company = author.company
    ledger.lock_head(tx, company)
    session = store.by_id(tx, company, session_id)
    if session is None:
        raise not_found(session_id)
    digests: list[bytes] = []
    for entry in ledger.session_entries(tx, company, session.session_no):
        digests += [] if entry.note_digest is None else [entry.note_digest]
        digests += text_digests(entry.facts or "{}") if entry.kind == Kind.session_described else []
    erased = ledger.erase_texts(tx, company, digests)
    audit.record(tx, author, "session.erase", session_id, None, None)
    return erased


def view(
    tx: Transaction, session: Session, *, with_workers: bool = False, names: sums.Texts | None = None
) -> SessionView:
    """The session with its terms, texts and sums. Who views many hands over `names`, where those found are kept."""
    workers = tuple(sums.session_sums(tx, session.company, session.session_no, names)) if with_workers else None
    return SessionView(
        session=session,
        terms=store.terms(tx, session),
        notes=ledger.personal_text(tx, session.company, session.note_digest),
        final_notes=ledger.personal_text(tx, session.company, session.final_note_digest),
        held_count=store.held_count(tx, session.company, session.session_no),
        workers=workers,
        total=_total(tx, session) if workers is None else sum(worker.units for worker in workers),
        description=description.read(tx, session.company, store.description(tx, session.company, session.session_no)),
    )


def _total(tx: Transaction, session: Session) -> int:
    """Net millionths of all movements. A close's entry holds what they came to, and nothing enters after it."""
    if session.closed_seq is None:
        return sums.session_total(tx, session.company, session.session_no)
    close = ledger.by_seq(tx, session.company, session.closed_seq)
    assert close is not None, "a close is written as an entry"
    units: int = msgspec.json.decode(close.facts or "")["units"]
    return units


def require_open(session: Session, now: int) -> None:
    """Raises Refused, session_closed."""
    ended_at = session.ended_at(now)
    if ended_at is not None:
        raise closed(ended_at, session.closed_reason or "expired")


def closed(closed_at: int, reason: str, **extra: object) -> Refused:
    """The refusal of what comes after a close."""
    return Refused(Code.session_closed, f"The session was closed at {write_instant(closed_at)} ({reason}).", **extra)


def not_found(session_id: str) -> Refused:
    """The refusal for an unknown session, and for another company's."""
    return Refused(Code.session_not_found, f"There is no session {session_id}.", field="sessionId")


def _owned(tx: Transaction, caller: Caller, session_id: str) -> Session:
    session = store.by_id(tx, caller.company, session_id)
    if session is None:
        raise not_found(session_id)
    if session.opened_by != caller.user_id:
        raise Refused(Code.not_owner, "Only the user who opened the session may do this.")
    return session


def _new_session(
    head: Head, caller: Caller, opening: Opening, project: Project, day: str, now: int, note: bytes | None
) -> Session:
    """The session that the head's next entry opens."""
    hours = opening.max_duration_hours or project.max_duration_hours
    return Session(
        company=caller.company,
        session_no=head.seq + 1,
        session_id=ids.session_id(opening.opened_at, head.prefix, head.seq + 1),
        local_id=opening.local_id,
        project_id=opening.project_id,
        sector_id=opening.sector_id,
        sector_name=opening.sector_name,
        timezone=project.timezone,
        day=day,
        opened_at=opening.opened_at,
        opened_received_at=now,
        opened_by=caller.user_id,
        max_duration_hours=hours,
        expires_at=_end(opening.opened_at, now, hours),
        note_digest=note,
    )


def _make_way(tx: Transaction, head: Head, standing: Session, caller: Caller, now: int) -> None:
    """Writes the expiry of a session that stands in the way; refuses while that one is open."""
    if not standing.is_open(now):
        write_expiry(tx, head, standing, now)
        return
    existing = {"sessionId": standing.session_id, "openedAt": write_instant(standing.opened_at)}
    shown: dict[str, Any] = {"existing": existing} if standing.opened_by == caller.user_id else {}
    raise Refused(
        Code.session_already_open,
        f"Project {standing.project_id}, sector {standing.sector_id} has an open session for {standing.day}.",
        **shown,
    )


def _same_opening(known: Session, caller: Caller, opening: Opening) -> None:
    """A localId means one opening for ever. Raises Refused, idempotency_conflict, naming what differs."""
    if known.opened_by != caller.user_id:
        raise Refused(Code.idempotency_conflict, "Another user opened a session with this localId.", field="localId")
    pairs = {
        "projectId": (known.project_id, opening.project_id),
        "sectorId": (known.sector_id, opening.sector_id),
        "openedAt": (write_instant(known.opened_at), write_instant(opening.opened_at)),
    }
    differing = [f"{name}: stored {old}, sent {new}" for name, (old, new) in pairs.items() if old != new]
    if differing:
        raise Refused(
            Code.idempotency_conflict,
            f"This localId opened a session before; {'; '.join(differing)}.",
            field="localId",
            existing={"sessionId": known.session_id, "openedAt": write_instant(known.opened_at)},
        )


def _close(
    tx: Transaction,
    head: Head,
    session: Session,
    closed_at: int,
    by: str,
    reason: str,
    source: int,
    now: int,
    note: bytes | None,
) -> None:
    total = sums.session_total(tx, session.company, session.session_no)
    facts = {"closedAt": closed_at, "reason": reason, "units": total}
    _write(tx, head, session, Kind.session_closed, by, source, now, facts, note)
    store.set_closed(tx, session, closed_at, closed_by(reason, by), reason, head.seq, note)


def closed_by(reason: str, actor: str) -> str:
    """Who closed a session, as it is shown: `user` for its owner, else the actor."""
    return "user" if reason == "manual" else actor


def _write(
    tx: Transaction,
    head: Head,
    session: Session,
    kind: Kind,
    actor: str,
    source: int,
    now: int,
    facts: dict[str, Any],
    note: bytes | None = None,
    recorded_at: int | None = None,
) -> None:
    """Appends what happened to a session. It was done now, unless `recorded_at` says otherwise."""
    row = head.next_row(
        kind,
        session.session_no,
        actor=actor,
        source=source,
        recorded_at=now if recorded_at is None else recorded_at,
        received_at=now,
        note_digest=note,
        facts=canonical.json_text(facts),
    )
    ledger.insert(tx, [row])
    ledger.move_head(tx, head)


def _opened_facts(session: Session, terms: Terms) -> dict[str, Any]:
    """What an opening fixed, as far as the entry has no column for it."""
    in_columns = ("company", "session_no", "note_digest")
    fixed = {name: getattr(session, name) for name in store.OPENING_COLUMNS if name not in in_columns}
    return fixed | {"terms": msgspec.to_builtins(terms)}


def _end(opened_at: int, received_at: int, hours: int) -> int:
    return max(opened_at, received_at) + hours * HOUR_MS
