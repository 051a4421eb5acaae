"""Holding the tables of sessions against the ledger: what they say must follow from the entries and nothing else."""

from typing import Any

import msgspec

from hydrobit.errors import LedgerBroken
from hydrobit.ledger import store as ledger
from hydrobit.ledger.entry import Entry, Kind
from hydrobit.projects.store import Bonus
from hydrobit.sessions import description, store
from hydrobit.sessions.service import closed_by
from hydrobit.sessions.store import OPENER_WRITES_FROM, AgreedTerms, Described, Session, Terms
from hydrobit.storage.engine import Transaction

PAGE = 1_000


def verify_sessions(tx: Transaction, company: int) -> int:
    """The number of sessions, each of which is what its entries made it. Raises LedgerBroken naming the first other."""
    after = count = 0
    while openings := ledger.openings(tx, company, after, PAGE):
        for session_no in openings:
            _verify_session(tx, company, session_no)
        count, after = count + len(openings), openings[-1]
    numbers = store.numbers(tx, company)
    if len(numbers) != count:
        unopened = (number for number in numbers if not ledger.session_entries(tx, company, number))
        raise LedgerBroken(f"company {company}: no entry opens the session with number {next(unopened, None)}")
    stray = store.number_without_session(tx, company)
    if stray is not None:
        raise LedgerBroken(
            f"company {company}: terms, writers or a description stand for session {stray}, which does not exist"
        )
    return count


def _verify_session(tx: Transaction, company: int, session_no: int) -> None:
    stored = store.by_no(tx, company, session_no)
    if stored is None:
        raise LedgerBroken(f"company {company}: the session opened at seq {session_no} is gone")
    try:
        rebuilt, terms, described = _rebuild(ledger.session_entries(tx, company, session_no))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as e:
        raise LedgerBroken(f"company {company}: the entries of session {session_no} cannot be followed: {e}") from e
    differing = [name for name in Session.__struct_fields__ if getattr(stored, name) != getattr(rebuilt, name)]
    if store.all_terms(tx, company, session_no) != terms:
        differing.append("terms")
    if store.description(tx, company, session_no) != described:
        differing.append("description")
    if store.writers(tx, company, session_no) != [(rebuilt.opened_by, OPENER_WRITES_FROM, None)]:
        differing.append("writers")
    if differing:
        raise LedgerBroken(
            f"company {company}: session {rebuilt.session_id}, opened at seq {session_no}: "
            f"{', '.join(differing)} do not follow from its entries"
        )


def _rebuild(entries: list[Entry]) -> tuple[Session, list[AgreedTerms], Described]:
    """A session, its terms and its description as the entries say, whatever the tables hold."""
    session, agreed = _opened(entries[0])
    terms, described = [agreed], Described()
    for entry in entries[1:]:
        facts = _facts(entry)
        if entry.kind == Kind.session_closed:
            session = _closed(session, entry, facts)
        elif entry.kind == Kind.session_described:
            described = description.changed(described, facts, entry.received_at)
        else:
            session = _changed(session, entry, facts)
            if "terms" in facts:
                terms.append(_agreed(entry, facts["terms"]))
    return session, terms, described


def _opened(entry: Entry) -> tuple[Session, AgreedTerms]:
    facts = _facts(entry)
    agreed = _agreed(entry, facts.pop("terms"))
    return Session(entry.company, entry.session_no, **facts, note_digest=entry.note_digest), agreed


def _changed(session: Session, entry: Entry, facts: dict[str, Any]) -> Session:
    if entry.note_digest is not None:
        session = msgspec.structs.replace(session, note_digest=entry.note_digest)
    if "maxDurationHours" not in facts:
        return session
    return msgspec.structs.replace(
        session,
        max_duration_hours=facts["maxDurationHours"],
        expires_at=facts["expiresAt"],
        closed_at=None,
        closed_by=None,
        closed_reason=None,
        closed_seq=None,
        final_note_digest=None,
    )


def _closed(session: Session, entry: Entry, facts: dict[str, Any]) -> Session:
    return msgspec.structs.replace(
        session,
        closed_at=facts["closedAt"],
        closed_by=closed_by(facts["reason"], entry.actor),
        closed_reason=facts["reason"],
        closed_seq=entry.seq,
        final_note_digest=entry.note_digest,
    )


def _agreed(entry: Entry, facts: dict[str, Any]) -> AgreedTerms:
    bonus = Bonus(**facts["bonus"]) if facts["bonus"] else None
    return AgreedTerms(entry.seq, Terms(facts["sampling_unit"], facts["price"], bonus), entry.actor, entry.received_at)


def _facts(entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.json.decode(entry.facts or "")
    return facts
