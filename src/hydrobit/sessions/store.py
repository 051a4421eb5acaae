"""Queries of sessions in, values out."""

from collections.abc import Sequence

import msgspec

from hydrobit.ledger.entry import SYSTEM
from hydrobit.projects.store import Bonus, bonus_columns, bonus_of
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.sessions")

OPENING_COLUMNS = sql.insert_session.names
OPENER_WRITES_FROM = 0
"""The opener may write from the beginning of time, so that a clock set back locks nobody out."""


class Session(msgspec.Struct, frozen=True):
    """A session as stored. A session whose time ran out is closed whether or not its close is written yet."""

    company: int
    session_no: int
    session_id: str
    local_id: str | None
    project_id: str
    sector_id: str
    sector_name: str
    timezone: str
    day: str
    opened_at: int
    opened_received_at: int
    opened_by: str
    max_duration_hours: int
    expires_at: int
    note_digest: bytes | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    closed_reason: str | None = None
    closed_seq: int | None = None
    final_note_digest: bytes | None = None

    @property
    def shown_closed_by(self) -> str:
        """Who closed it, of a session that is closed; the system where its time ran out."""
        return self.closed_by or SYSTEM

    @property
    def shown_closed_reason(self) -> str:
        """Why it is closed, of a session that is."""
        return self.closed_reason or "expired"

    def ended_at(self, now: int) -> int | None:
        """The instant of its close, written or not; None while it is open."""
        return _ended_at(self.closed_at, self.expires_at, now)

    def is_open(self, now: int) -> bool:
        return self.ended_at(now) is None

    def has_expired(self, now: int) -> bool:
        """True when its time ran out, written or not, and nobody closed it before."""
        return self.closed_reason == "expired" or (self.closed_at is None and now >= self.expires_at)


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What a writer must know of a session."""

    session_no: int
    closed_at: int | None
    expires_at: int
    may_write: int
    has_held: int

    def ended_at(self, now: int) -> int | None:
        """The instant of its close, written or not; None while it is open."""
        return _ended_at(self.closed_at, self.expires_at, now)


class Terms(msgspec.Struct, frozen=True):
    """What a unit is worth. `price` and the bonus' value are in millionths."""

    sampling_unit: str
    price: int
    bonus: Bonus | None


class Described(msgspec.Struct, frozen=True):
    """What is told of a session's harvest, as stored: texts of persons as digests, qualities as canonical JSON."""

    unit_id: str | None = None
    lot_code: str | None = None
    plate_digest: bytes | None = None
    driver_digest: bytes | None = None
    qualities: str | None = None
    qualities_at: int | None = None


class AgreedTerms(msgspec.Struct, frozen=True):
    """Terms, the entry that agreed on them, by whom and when."""

    seq: int
    terms: Terms
    set_by: str
    set_at: int


def by_id(tx: Transaction, company: int, session_id: str) -> Session | None:
    return _session(tx.one(sql.session_by_id, company=company, session_id=session_id))


def by_no(tx: Transaction, company: int, session_no: int) -> Session | None:
    return _session(tx.one(sql.session_by_no, company=company, session_no=session_no))


def by_local_id(tx: Transaction, company: int, local_id: str) -> Session | None:
    return _session(tx.one(sql.session_by_local_id, company=company, local_id=local_id))


def open_at(tx: Transaction, company: int, project_id: str, day: str, sector_id: str) -> Session | None:
    """The session in the place of a project, day and sector whose close is not written."""
    row = tx.one(sql.session_open_at, company=company, project_id=project_id, day=day, sector_id=sector_id)
    return _session(row)


def standing(tx: Transaction, company: int, session_id: str, user_id: str, now: int) -> Standing | None:
    row = tx.one(sql.standing, company=company, session_id=session_id, user_id=user_id, now=now)
    return Standing(*row) if row else None


def standings(
    tx: Transaction, company: int, named: Sequence[tuple[str, str]], now: int
) -> dict[tuple[str, str], Standing | None]:
    """By session and user; None for a session that does not exist. One question, however many they are."""
    if len(named) == 1:
        return {named[0]: standing(tx, company, *named[0], now)}
    found: dict[tuple[str, str], Standing | None] = dict.fromkeys(named)
    rows = tx.all(sql.standings, company=company, named=msgspec.json.encode(named).decode(), now=now)
    found.update(((session_id, user_id), Standing(*rest)) for session_id, user_id, *rest in rows)
    return found


def standing_by_no(tx: Transaction, company: int, session_no: int, user_id: str, now: int) -> Standing | None:
    row = tx.one(sql.standing_by_no, company=company, session_no=session_no, user_id=user_id, now=now)
    return Standing(*row) if row else None


def of_user(
    tx: Transaction,
    company: int,
    user_id: str,
    day: str | None,
    status: str | None,
    now: int,
    page: int,
    page_size: int,
) -> tuple[int, list[Session]]:
    """How many sessions fit, and one page of them, latest day first."""
    chosen = {"company": company, "user_id": user_id, "day": day, "status": status, "now": now}
    total = tx.one(sql.count_sessions_of_user, **chosen)
    rows = tx.all(sql.sessions_of_user, **chosen, page_size=page_size, first=(page - 1) * page_size)
    return (total[0] if total else 0), [Session(*row) for row in rows]


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
    """Sessions of a span of days, by day and number, after the given day and number."""
    rows = tx.all(
        sql.sessions_of_days,
        company=company,
        first_day=max(first_day, after[0]),
        last_day=last_day,
        project_id=project_id,
        sector_id=sector_id,
        after_day=after[0],
        after_no=after[1],
        most=most,
    )
    return [Session(*row) for row in rows]


def company_with_expired(tx: Transaction, now: int) -> int | None:
    """A company with a session whose time ran out and whose close is not written."""
    row = tx.one(sql.company_with_expired, now=now)
    return row[0] if row else None


def expired(tx: Transaction, company: int, now: int) -> Session | None:
    """The session of a company whose time ran out first and whose close is not written."""
    return _session(tx.one(sql.expired_session, company=company, now=now))


def insert(tx: Transaction, session: Session) -> None:
    """Raises Duplicate when the place is taken or the localId known."""
    columns = {name: getattr(session, name) for name in OPENING_COLUMNS}
    tx.run(sql.insert_session, **columns)
    tx.run(
        sql.add_writer,
        company=session.company,
        session_no=session.session_no,
        user_id=session.opened_by,
        from_at=OPENER_WRITES_FROM,
    )


def set_closed(
    tx: Transaction, session: Session, closed_at: int, by: str, reason: str, seq: int, final_note: bytes | None
) -> None:
    tx.run(
        sql.close_session,
        company=session.company,
        session_no=session.session_no,
        closed_at=closed_at,
        closed_by=by,
        closed_reason=reason,
        closed_seq=seq,
        final_note_digest=final_note,
    )


def set_length(tx: Transaction, session: Session, hours: int, expires_at: int) -> None:
    """Raises Duplicate when another session took the place of an expired one."""
    tx.run(
        sql.set_length,
        company=session.company,
        session_no=session.session_no,
        max_duration_hours=hours,
        expires_at=expires_at,
    )


def set_note(tx: Transaction, session: Session, digest: bytes) -> None:
    tx.run(sql.set_note, company=session.company, session_no=session.session_no, note_digest=digest)


def add_terms(tx: Transaction, session: Session, seq: int, terms: Terms, by: str, now: int) -> None:
    tx.run(
        sql.add_terms,
        company=session.company,
        session_no=session.session_no,
        seq=seq,
        sampling_unit=terms.sampling_unit,
        price=terms.price,
        set_by=by,
        set_at=now,
        **bonus_columns(terms.bonus),
    )


def terms(tx: Transaction, session: Session) -> Terms:
    """The last agreed terms; they value the whole session."""
    row = tx.one(sql.last_terms, company=session.company, session_no=session.session_no)
    assert row is not None, "a session is opened with its terms"
    unit, price, *bonus = row
    return Terms(unit, price, bonus_of(*bonus))


def all_terms(tx: Transaction, company: int, session_no: int) -> list[AgreedTerms]:
    """Every agreement of a session, oldest first."""
    return [
        AgreedTerms(seq, Terms(unit, price, bonus_of(*bonus)), by, at)
        for seq, unit, price, *bonus, by, at in tx.all(sql.all_terms, company=company, session_no=session_no)
    ]


def writers(tx: Transaction, company: int, session_no: int) -> list[Row]:
    """Who may write, as (user, from, until)."""
    return tx.all(sql.writers, company=company, session_no=session_no)


def numbers(tx: Transaction, company: int) -> list[int]:
    return [row[0] for row in tx.all(sql.session_numbers, company=company)]


def number_without_session(tx: Transaction, company: int) -> int | None:
    """A number under which terms or writers stand, but no session."""
    row = tx.one(sql.without_session, company=company)
    return row[0] if row else None


def description(tx: Transaction, company: int, session_no: int) -> Described:
    """What is told of a session's harvest; all None where nothing was."""
    row = tx.one(sql.description, company=company, session_no=session_no)
    return Described(*row) if row else Described()


def set_description(tx: Transaction, session: Session, described: Described) -> None:
    values = {"company": session.company, "session_no": session.session_no, **msgspec.structs.asdict(described)}
    if not tx.run(sql.change_description, **values):
        tx.run(sql.add_description, **values)


def held_count(tx: Transaction, company: int, session_no: int) -> int:
    row = tx.one(sql.count_held, company=company, session_no=session_no)
    return row[0] if row else 0


def _session(row: Row | None) -> Session | None:
    return Session(*row) if row else None


def _ended_at(closed_at: int | None, expires_at: int, now: int) -> int | None:
    if closed_at is not None:
        return closed_at
    return expires_at if now >= expires_at else None
