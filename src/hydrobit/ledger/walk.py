"""One pass over a company's entries: each one is held against the chain and against all that stands before it."""

from collections.abc import Callable
from typing import Any

import msgspec

from hydrobit.errors import LedgerBroken
from hydrobit.kit import canonical
from hydrobit.ledger.entry import FORMAT, GENESIS, Kind, entry_id, text_digests
from hydrobit.ledger.store import sql
from hydrobit.storage.engine import Row, Transaction

_COLUMNS = sql.insert_entry.names
_ENTRY_ID, _COMPANY, _SEQ, _PREFIX, _KIND, _SESSION = map(
    _COLUMNS.index, ("entry_id", "company", "seq", "prefix", "kind", "session_no")
)
_WORKER, _KEY, _UNITS, _ANSWERS, _FACTS, _LINK = map(
    _COLUMNS.index, ("worker_id", "idempotency_key", "units", "answers", "facts", "hash")
)


class Walk:
    """The state of a ledger as its entries build it up. Raises LedgerBroken naming the first entry that does not fit.

    What it remembers grows with the sessions of a company, never with their records.
    """

    def __init__(self, tx: Transaction, company: int) -> None:
        self.company = company
        self.seq, self.units, self.prefix, self.link = 0, 0, -1, GENESIS
        self._tx, self._base = tx, entry_id(company, 0)
        self._open: dict[int, int] = {}
        self._expired: dict[int, int] = {}
        self._opened: set[int] = set()
        self._rules: dict[int, Callable[[int, Row], None]] = {
            Kind.record: self._record,
            Kind.void: self._void,
            Kind.session_opened: self._session_opened,
            Kind.session_changed: self._session_changed,
            Kind.session_closed: self._session_closed,
            Kind.key_claimed: self._key_claimed,
            Kind.restored: self._restored,
            Kind.session_described: self._session_described,
        }

    def take(self, row: Row) -> None:
        """Moves over the next entry, given as its whole row."""
        seq = self.seq + 1
        if row[_SEQ] != seq or row[_ENTRY_ID] != self._base + seq or row[_COMPANY] != self.company:
            raise self._broken(seq, "is missing or out of its place")
        link = row[_LINK]
        if canonical.chain(self.link, FORMAT, row[:_LINK]) != link:
            raise self._broken(seq, "does not fit the chain")
        rule = self._rules.get(row[_KIND])
        if rule is None:
            raise self._broken(seq, f"is of kind {row[_KIND]}, which this release does not know")
        rule(seq, row)
        if row[_PREFIX] != self.prefix:
            self._take_prefix(seq, row)
        self.units += row[_UNITS]
        self.seq, self.link = seq, link

    def _record(self, seq: int, row: Row) -> None:
        if row[_UNITS] < 0:
            raise self._broken(seq, "counts below zero")
        self._count(seq, row)

    def _void(self, seq: int, row: Row) -> None:
        answered = self._answered(seq, row)
        if answered != (Kind.record, row[_SESSION], row[_WORKER], -row[_UNITS]):
            raise self._broken(seq, f"does not undo seq {row[_ANSWERS]}")
        self._count(seq, row)

    def _count(self, seq: int, row: Row) -> None:
        try:
            self._open[row[_SESSION]] += row[_UNITS]
        except KeyError:
            raise self._broken(seq, "stands in a session that was not open") from None

    def _session_opened(self, seq: int, row: Row) -> None:
        if row[_SESSION] != seq:
            raise self._broken(seq, "opens a session under another number")
        self._open[seq] = 0
        self._opened.add(seq)

    def _session_changed(self, seq: int, row: Row) -> None:
        session_no = row[_SESSION]
        if self._facts(seq, row).get("reopened") and session_no in self._expired:
            self._open[session_no] = self._expired.pop(session_no)
        if session_no not in self._open:
            raise self._broken(seq, "changes a session that was not open")

    def _session_closed(self, seq: int, row: Row) -> None:
        facts, session_no = self._facts(seq, row), row[_SESSION]
        if session_no not in self._open:
            raise self._broken(seq, "closes a session that was not open")
        units = self._open.pop(session_no)
        if facts.get("units") != units:
            raise self._broken(seq, f"closes its session with {facts.get('units')} units; its records say {units}")
        if facts.get("reason") == "expired":
            self._expired[session_no] = units

    def _session_described(self, seq: int, row: Row) -> None:
        self._facts(seq, row)
        try:
            text_digests(row[_FACTS] or "{}")
        except (TypeError, ValueError) as e:
            raise self._broken(seq, f"has facts that cannot be read: {e}") from e
        if row[_SESSION] not in self._opened or row[_UNITS]:
            raise self._broken(seq, "describes no session")

    def _key_claimed(self, seq: int, row: Row) -> None:
        answered = self._answered(seq, row)
        if row[_KEY] is None or answered is None or answered[:2] != (Kind.record, row[_SESSION]) or row[_UNITS]:
            raise self._broken(seq, "claims no key for a record")

    def _restored(self, seq: int, row: Row) -> None:
        if row[_SESSION] != seq or row[_UNITS]:
            raise self._broken(seq, "is no restore")

    def _take_prefix(self, seq: int, row: Row) -> None:
        """Ids change their prefix at a restore alone."""
        if seq > 1 and row[_KIND] != Kind.restored:
            raise self._broken(seq, "carries another prefix than the entry before it")
        self.prefix = row[_PREFIX]

    def _answered(self, seq: int, row: Row) -> Row | None:
        """Kind, session, worker and units of the earlier entry that this one answers."""
        answers = row[_ANSWERS]
        if answers is None or not 0 < answers < seq:
            return None
        return self._tx.one(sql.answered_entry, entry_id=self._base + answers)

    def _facts(self, seq: int, row: Row) -> dict[str, Any]:
        try:
            facts: object = msgspec.json.decode(row[_FACTS] or "{}")
        except msgspec.DecodeError as e:
            raise self._broken(seq, f"has facts that cannot be read: {e}") from e
        return facts if isinstance(facts, dict) else {}

    def _broken(self, seq: int, sentence: str) -> LedgerBroken:
        return LedgerBroken(f"company {self.company}: seq {seq} {sentence}")
