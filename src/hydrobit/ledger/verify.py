"""Recomputing ledgers from their entries: numbers, chain, sums, keys and texts, naming the first number that is bad.

Memory stays bounded: entries are read a page at a time, and keys are compared by the store in the order of an index.
That the store's indexes fit its tables is the store's own to say (`SqliteStore.fault`), so ask it before the keys.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hydrobit.errors import LedgerBroken, StoreError
from hydrobit.kit import canonical
from hydrobit.ledger import store
from hydrobit.ledger.entry import SEQ_BITS, entry_id, text_digests
from hydrobit.ledger.store import sql
from hydrobit.ledger.walk import Walk
from hydrobit.storage.engine import Row, Transaction

PAGE = 10_000
ENTRY_ID_MIN, ENTRY_ID_MAX = -(2**63), 2**63 - 1
_UNIQUE = (
    (sql.repeated_event, "hold the same event"),
    (sql.repeated_key, "hold the same own key"),
    (sql.repeated_device_seq, "hold the same number of a device"),
    (sql.repeated_void, "undo the same record"),
)
_FINDING = (sql.unfound_by_event, sql.unfound_by_key, sql.unfound_by_device, sql.unfound_by_void)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a company's ledger holds, all of it sound. `units` are net millionths, `head` is its last link."""

    company: int
    entries: int
    units: int
    head: bytes


def verify_store(tx: Transaction, progress: Callable[[int], None] = lambda entries: None) -> list[Verified]:
    """Walks every company's ledger. Raises LedgerBroken naming the first entry that does not fit."""
    companies = store.companies(tx)
    sound = [verify_company(tx, company, progress) for company in companies]
    _refuse_strays(tx, companies)
    return sound


def verify_company(tx: Transaction, company: int, progress: Callable[[int], None] = lambda entries: None) -> Verified:
    """Numbers, chain and sums of one company, and its head. Raises LedgerBroken."""
    head, walk = store.head(tx, company), Walk(tx, company)
    for rows in _pages(tx, company):
        for row in rows:
            walk.take(row)
        progress(len(rows))
    if (walk.seq, walk.units, walk.link) != (head.seq, head.units, head.hash):
        raise LedgerBroken(
            f"company {company}: the head does not fit after seq {walk.seq}: "
            f"it says seq {head.seq}, units {head.units}; the entries say seq {walk.seq}, units {walk.units}"
        )
    if walk.seq and walk.prefix != head.prefix:
        raise LedgerBroken(f"company {company}: the head's prefix is not that of the entries up to seq {walk.seq}")
    return Verified(company, walk.seq, walk.units, walk.link)


def verify_keys(tx: Transaction, company: int) -> None:
    """That no event, own key or device number stands twice, and no record is undone twice. Raises LedgerBroken."""
    for query, what in _UNIQUE:
        row = tx.one(query, company=company)
        if row is not None:
            first, again = (number & (1 << SEQ_BITS) - 1 for number in row)
            raise LedgerBroken(f"company {company}: seq {again} and seq {first} {what}")


def verify_texts(tx: Transaction, company: int) -> None:
    """That each personal text is the one that its digest stands for, or was erased as a whole. Raises LedgerBroken."""
    row = tx.one(sql.entry_without_text, after=entry_id(company, 0), before=entry_id(company + 1, 0))
    if row is not None:
        raise LedgerBroken(f"company {company}: the text of seq {row[0]} is gone, or stands for someone else")
    _verify_texts_in_facts(tx, company)
    after = b""
    while rows := tx.all(sql.personal_after, company=company, after=after, page=PAGE):
        for digest, salt, text in rows:
            if salt is None or text is None or canonical.salted_digest(salt, text) != digest:
                raise LedgerBroken(f"company {company}: the text behind digest {digest.hex()} was changed")
        after = rows[-1][0]


def _verify_texts_in_facts(tx: Transaction, company: int) -> None:
    """The digests in what describes a session stand for texts of nobody's name, as those of a note do."""
    after, before = entry_id(company, 0), entry_id(company + 1, 0)
    while rows := tx.all(sql.descriptions_after, after=after, before=before, page=PAGE):
        for number, facts in rows:
            for digest in text_digests(facts):
                if tx.one(sql.text_of_nobody, company=company, digest=digest) is None:
                    seq = number & (1 << SEQ_BITS) - 1
                    raise LedgerBroken(f"company {company}: the text of seq {seq} is gone, or stands for someone else")
        after = rows[-1][0]


def unfound_entry(tx: Transaction) -> str | None:
    """Names an entry that the store does not find under its own key; to be asked when the store found a fault."""
    for query in _FINDING:
        row = tx.one(query)
        if row is not None:
            return f"company {row[0]}: seq {row[1]} is not found under its own key"
    return None


def _pages(tx: Transaction, company: int) -> Iterator[list[Row]]:
    """A company's entries in order. Where a page cannot be read, its entries are tried one by one to name the bad."""
    after, before, page = entry_id(company, 0) - 1, entry_id(company + 1, 0), PAGE
    while True:
        try:
            with tx.savepoint():  # what cannot be read is undone, so that the next page may be tried
                rows = tx.all(sql.entries_after, after=after, before=before, page=page)
        except StoreError as e:
            if page == 1:
                seq = max(after - entry_id(company, 0), 0) + 1
                raise LedgerBroken(f"company {company}: seq {seq} cannot be read: {e}") from e
            page = 1
            continue
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _refuse_strays(tx: Transaction, companies: Sequence[int]) -> None:
    """Refuses entries that stand outside of every company's ledger: those of a company whose head is gone."""
    low = ENTRY_ID_MIN
    for company in companies:
        _refuse_between(tx, low, entry_id(company, 0) - 1)
        low = entry_id(company + 1, 0)
    _refuse_between(tx, low, ENTRY_ID_MAX)


def _refuse_between(tx: Transaction, low: int, high: int) -> None:
    row = tx.one(sql.entry_between, low=low, high=high)
    if row is not None:
        raise LedgerBroken(f"seq {row[1]} of company {row[0]} belongs to no ledger: the company has no head")
