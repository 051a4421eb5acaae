"""Queries of the ledger in, values out."""

from collections.abc import Sequence

import msgspec

from hydrobit.errors import StoreError, StoreMoved
from hydrobit.kit import canonical
from hydrobit.ledger.entry import GENESIS, SYSTEM, Entry, Head, Kind, Source, entry_id
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.ledger")

PLAIN_COLUMNS = len(sql.insert_plain_entry.names) - 1
"""The columns that every entry has; a row that has nothing past them is written a quarter faster without the rest."""
_NOTHING_MORE = (None,) * (len(sql.insert_entry.names) - PLAIN_COLUMNS - 1)


def lock_head(tx: Transaction, company: int) -> Head:
    """The head of a company's ledger, held until the transaction ends. Take several in ascending order.

    Raises StoreMoved where nobody writes any more.
    """
    row = tx.one(sql.lock_head, company=company)
    if row is None:
        head(tx, company)
        raise StoreMoved
    return Head(*row)


def head(tx: Transaction, company: int) -> Head:
    """The head of a company's ledger as this transaction sees it."""
    row = tx.one(sql.head, company=company)
    if row is None:
        raise StoreError(f"company {company} has no ledger")
    return Head(*row)


def prefix(tx: Transaction, company: int) -> int:
    """What the ids of a company begin with in this life of the store. It locks nothing."""
    row = tx.one(sql.prefix, company=company)
    if row is None:
        raise StoreError(f"company {company} has no ledger")
    return int(row[0])


def add_head(tx: Transaction, company: int, prefix: int) -> None:
    tx.run(sql.add_head, company=company, prefix=prefix, hash=GENESIS)


def move_head(tx: Transaction, head: Head) -> None:
    tx.run(
        sql.move_head,
        company=head.company,
        seq=head.seq,
        held_number=head.held_number,
        units=head.units,
        hash=head.hash,
    )


def change_access(tx: Transaction, company: int) -> None:
    """Says that who may do what in the company has changed; under its locked head."""
    tx.run(sql.change_access, company=company)


def access_numbers(tx: Transaction, companies: Sequence[int]) -> dict[int, int]:
    """How often rights have changed in each of these companies. One question, however many they are."""
    rows = tx.all(sql.access_numbers, companies=msgspec.json.encode(companies).decode())
    return dict(rows)


def begin_life(tx: Transaction, company: int, prefix: int, now: int) -> None:
    """Gives a company's ids a new prefix, so that a restored store never repeats one; an entry says so in the chain."""
    tx.run(sql.renew_prefix, company=company, prefix=prefix)
    head = lock_head(tx, company)
    row = head.next_row(
        Kind.restored, head.seq + 1, actor=SYSTEM, source=Source.system, recorded_at=now, received_at=now
    )
    insert(tx, [row])
    move_head(tx, head)


def companies(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.all(sql.companies_with_head)]


def insert(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    """Raises Duplicate when an event, key or device number is known; then nothing of it should be kept."""
    plain = [row[:PLAIN_COLUMNS] + row[-1:] for row in rows if row[PLAIN_COLUMNS:-1] == _NOTHING_MORE]
    if plain:
        tx.run_many(sql.insert_plain_entry, plain)
    if len(plain) < len(rows):
        tx.run_many(sql.insert_entry, [row for row in rows if row[PLAIN_COLUMNS:-1] != _NOTHING_MORE])


def by_seq(tx: Transaction, company: int, seq: int) -> Entry | None:
    return _entry(tx.one(sql.entry_by_seq, company=company, entry_id=entry_id(company, seq)))


def by_event(tx: Transaction, company: int, session_no: int, worker_id: str, client_event_id: str) -> Entry | None:
    return _entry(
        tx.one(
            sql.entry_by_event,
            company=company,
            session_no=session_no,
            worker_id=worker_id,
            client_event_id=client_event_id,
        )
    )


def by_key(tx: Transaction, company: int, key: str) -> Entry | None:
    """The record that an own key points to, also where a later replay claimed it."""
    entry = _entry(tx.one(sql.entry_by_key, company=company, idempotency_key=key))
    if entry is not None and entry.answers is not None:
        return by_seq(tx, company, entry.answers)
    return entry


def by_device(tx: Transaction, company: int, device_id: str, device_seq: int) -> Entry | None:
    return _entry(tx.one(sql.entry_by_device, company=company, device_id=device_id, device_seq=device_seq))


def void_of(tx: Transaction, company: int, seq: int) -> Entry | None:
    return _entry(tx.one(sql.void_of, company=company, answers=seq))


def claims_of(tx: Transaction, company: int, seq: int, page: int) -> list[Entry]:
    """The entries by which replays claimed further keys for an entry."""
    return [Entry(*row) for row in tx.all(sql.claims_of, company=company, answers=seq, page=page)]


def session_entries(tx: Transaction, company: int, session_no: int) -> list[Entry]:
    """The opening of a session, its changes and closes, in order."""
    return [Entry(*row) for row in tx.all(sql.session_entries, company=company, session_no=session_no)]


def openings(tx: Transaction, company: int, after: int, page: int) -> list[int]:
    """A page of the seqs under which sessions were opened, after the given one."""
    low, high = entry_id(company, after), entry_id(company + 1, 0)
    return [row[0] for row in tx.all(sql.openings_after, after=low, before=high, page=page)]


def name_digest(tx: Transaction, company: int, worker_id: str, name: str) -> bytes | None:
    row = tx.one(sql.personal_by_name, company=company, subject=worker_id, text=name)
    return row[0] if row else None


def names_of(tx: Transaction, company: int, worker_id: str, page: int) -> list[str | None]:
    """The names under which a worker was counted, None for an erased one; empty where nothing was ever counted."""
    return [row[0] for row in tx.all(sql.names_of, company=company, subject=worker_id, page=page)]


def add_personal(tx: Transaction, company: int, salt: bytes, text: str, subject: str | None = None) -> bytes:
    """Keeps a personal text beside the ledger and returns the digest that stands for it in an entry."""
    digest = canonical.salted_digest(salt, text)
    tx.run(sql.add_personal, company=company, digest=digest, subject=subject, salt=salt, text=text)
    return digest


def add_personal_texts(tx: Transaction, company: int, texts: Sequence[tuple[bytes, bytes, str]]) -> None:
    """Keeps texts of no one subject: digest, salt and text of each."""
    tx.run_many(sql.add_personal, [(company, digest, None, salt, text) for digest, salt, text in texts])


def notes_of_worker(tx: Transaction, company: int, worker_id: str, page: int) -> list[bytes]:
    """The digests of all reasons and evidence beside a worker's records. Reads the whole ledger of the company."""
    digests: list[bytes] = []
    after, before = entry_id(company, 0), entry_id(company + 1, 0)
    place = {"company": company, "before": before, "worker_id": worker_id, "page": page}
    while rows := tx.all(sql.notes_of_worker, after=after, **place):
        digests += [digest for _, digest in rows]
        after = rows[-1][0]
    return digests


def erase_texts(tx: Transaction, company: int, digests: Sequence[bytes]) -> int:
    """Erases what stands behind digests, and returns how many texts were there. May run twice."""
    return sum(tx.run(sql.erase_text, company=company, digest=digest) for digest in digests)


def erase_names(tx: Transaction, company: int, subject: str) -> int:
    """Erases every name under which a worker was recorded, and returns how many there were. May run twice."""
    return tx.run(sql.erase_names, company=company, subject=subject)


def personal_text(tx: Transaction, company: int, digest: bytes | None) -> str | None:
    """The text behind a digest; None where there is none or it was erased."""
    row = tx.one(sql.personal_text, company=company, digest=digest) if digest is not None else None
    return row[0] if row else None


def _entry(row: Row | None) -> Entry | None:
    return None if row is None else Entry(*row)
