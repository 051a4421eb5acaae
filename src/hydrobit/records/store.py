"""Queries of held work and of the register in, values out; movements themselves belong to the ledger."""

import msgspec

from hydrobit.kit import ids
from hydrobit.records.reading import RecordDraft
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.records")


class Held(msgspec.Struct, frozen=True):
    """Work that reached us after its session's close: kept for review, counted nowhere."""

    held_number: int
    prefix: int
    session_no: int
    worker_id: str
    client_event_id: str
    units: int
    recorded_at: int

    @property
    def public_id(self) -> str:
        return ids.held_id(self.prefix, self.held_number)


class HeldLine(msgspec.Struct, frozen=True):
    """A held count with the names that an operator knows."""

    company: int
    held_number: int
    prefix: int
    company_id: str
    session_id: str
    worker_id: str
    worker_name: str
    units: int
    recorded_at: int
    received_at: int
    actor: str
    client_event_id: str

    @property
    def public_id(self) -> str:
        return ids.held_id(self.prefix, self.held_number)


def held_by_event(tx: Transaction, draft: RecordDraft, session_no: int) -> Held | None:
    return _held(
        tx.one(
            sql.held_by_event,
            company=draft.company,
            session_no=session_no,
            client_event_id=draft.client_event_id,
            worker_id=draft.worker_id,
        )
    )


def held_by_key(tx: Transaction, company: int, key: str) -> Held | None:
    return _held(tx.one(sql.held_by_key, company=company, idempotency_key=key))


def insert_held(tx: Transaction, draft: RecordDraft, number: int, prefix: int, session_no: int, now: int) -> None:
    tx.run(
        sql.insert_held,
        company=draft.company,
        held_number=number,
        prefix=prefix,
        session_no=session_no,
        worker_id=draft.worker_id,
        worker_name=draft.worker_name,
        client_event_id=draft.client_event_id,
        idempotency_key=draft.idempotency_key,
        units=draft.units,
        recorded_at=draft.recorded_at,
        received_at=now,
        sent_at=draft.sent_at,
        actor=draft.actor,
        source=draft.source,
        device_id=draft.device_id,
        device_seq=draft.device_seq,
        evidence=draft.evidence,
    )


def erase_held(tx: Transaction, company: int, worker_id: str) -> int:
    return tx.run(sql.erase_held, company=company, worker_id=worker_id)


def held_after(tx: Transaction, company: int, held_number: int, company_id: str | None, page: int) -> list[HeldLine]:
    """A page of what is held, after the given place."""
    rows = tx.all(sql.held_after, company=company, held_number=held_number, company_id=company_id, page=page)
    return [HeldLine(*row) for row in rows]


class HeldWhole(Held, frozen=True):
    """All that is stored of a held count."""

    worker_name: str
    idempotency_key: str | None
    received_at: int
    sent_at: int | None
    actor: str
    source: int
    device_id: str | None
    device_seq: int | None
    evidence: str | None


def held_by_number(tx: Transaction, company: int, held_number: int) -> HeldWhole | None:
    row = tx.one(sql.held_by_number, company=company, held_number=held_number)
    return HeldWhole(*row) if row else None


def lines_of_day(
    tx: Transaction, company: int, day: str, worker_id: str, after: tuple[int, int, int], page: int
) -> list[Row]:
    """Places in a worker's day after the given one, as (recorded_at, is_held, number, running sum)."""
    recorded_at, is_held, number = after
    return tx.all(
        sql.lines_of_day,
        company=company,
        day=day,
        worker_id=worker_id,
        recorded_at=recorded_at,
        is_held=is_held,
        number=number,
        page=page,
    )


def movements_of_day(tx: Transaction, company: int, day: str, worker_id: str) -> list[Row]:
    """(session_no, net, records, their units, voided records, their units) of each session with movements."""
    return tx.all(sql.movements_of_day, company=company, day=day, worker_id=worker_id)


def held_of_day(tx: Transaction, company: int, day: str, worker_id: str) -> list[Row]:
    """(session_no, held counts, their units) of each session where something is held."""
    return tx.all(sql.held_of_day, company=company, day=day, worker_id=worker_id)


def refuses_unknown_workers(tx: Transaction, company: int) -> bool:
    row = tx.one(sql.refuses_unknown_workers, company=company)
    return bool(row and row[0])


def is_known_worker(tx: Transaction, company: int, worker_id: str) -> bool:
    return tx.one(sql.known_worker, company=company, worker_id=worker_id) is not None


def _held(row: Row | None) -> Held | None:
    return Held(*row) if row else None
