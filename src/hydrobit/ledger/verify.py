"""Recomputing a ledger from its entries: numbers, chain, sums, keys and personal texts, naming the first bad number."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from hydrobit.errors import LedgerBroken
from hydrobit.kit import canonical
from hydrobit.ledger import store
from hydrobit.ledger.entry import FORMAT, GENESIS, Kind, entry_id
from hydrobit.ledger.store import sql
from hydrobit.storage.engine import Row, Transaction

PAGE = 10_000
_COLUMNS = {name: place for place, name in enumerate(sql.insert_entry.names)}
_LINK = _COLUMNS["hash"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a company's ledger holds, all of it sound. `units` are net millionths."""

    company: int
    entries: int
    units: int


def verify_company(tx: Transaction, company: int, progress: Callable[[int], None] = lambda entries: None) -> Verified:
    """Walks the whole ledger of a company. Raises LedgerBroken naming the first entry that does not fit."""
    head = store.lock_head(tx, company)
    walk = _Walk(company)
    after, before = entry_id(company, 0), entry_id(company + 1, 0)
    while rows := tx.all(sql.entries_after, after=after, before=before, page=PAGE):
        for row in rows:
            walk.take(row)
        after = rows[-1][0]
        progress(len(rows))
    if (walk.seq, walk.units, walk.link) != (head.seq, head.units, head.hash):
        raise LedgerBroken(
            f"company {company}: the head does not fit after seq {walk.seq}: "
            f"it says seq {head.seq}, units {head.units}; the entries say seq {walk.seq}, units {walk.units}"
        )
    _verify_texts(tx, company)
    return Verified(company, walk.seq, walk.units)


def verify_store(tx: Transaction, progress: Callable[[int], None] = lambda entries: None) -> list[Verified]:
    """Every company's ledger. Raises LedgerBroken."""
    return [verify_company(tx, company, progress) for company in store.companies(tx)]


class _Walk:
    """The state of a ledger as its entries build it up."""

    def __init__(self, company: int) -> None:
        self.company = company
        self.seq, self.units, self.link = 0, 0, GENESIS
        self._sessions: dict[int, int] = {}
        self._voided: set[int] = set()
        self._units: dict[int, int] = {}

    def take(self, row: Row) -> None:
        seq = self.seq + 1
        if row[_COLUMNS["seq"]] != seq or row[0] != entry_id(self.company, seq) or row[1] != self.company:
            raise LedgerBroken(f"company {self.company}: seq {seq} is missing or out of its place")
        if canonical.chain(self.link, FORMAT, row[:_LINK]) != row[_LINK]:
            raise LedgerBroken(f"company {self.company}: seq {seq} does not fit the chain")
        self._count(seq, row)
        self.seq, self.link = seq, row[_LINK]

    def _count(self, seq: int, row: Row) -> None:
        kind, session_no, units = row[_COLUMNS["kind"]], row[_COLUMNS["session_no"]], row[_COLUMNS["units"]]
        self.units += units
        self._sessions[session_no] = self._sessions.get(session_no, 0) + units
        if kind == Kind.session_closed:
            said = msgspec.json.decode(row[_COLUMNS["facts"]])["units"]
            if said != self._sessions[session_no]:
                raise LedgerBroken(f"company {self.company}: the close at seq {seq} says {said} units, not the sum")
        elif kind == Kind.record and units:
            self._units[seq] = units
        elif kind == Kind.void:
            self._take_back(seq, row[_COLUMNS["answers"]], units)

    def _take_back(self, seq: int, answers: int, units: int) -> None:
        if answers in self._voided or self._units.get(answers, 0) != -units:
            raise LedgerBroken(f"company {self.company}: the void at seq {seq} does not undo seq {answers} once")
        self._voided.add(answers)


def _verify_texts(tx: Transaction, company: int) -> None:
    after = b""
    while rows := tx.all(sql.personal_after, company=company, after=after, page=PAGE):
        for digest, salt, text in rows:
            if canonical.salted_digest(salt, text) != digest:
                raise LedgerBroken(f"company {company}: the text behind digest {digest.hex()} was changed")
        after = rows[-1][0]
