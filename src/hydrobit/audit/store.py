"""Queries of the audit log in, values out."""

from collections.abc import Iterable, Sequence

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.audit")


class Change(msgspec.Struct, frozen=True):
    """One line of the log. `before` and `after` are canonical JSON; None where there is nothing, or it was erased."""

    audit_no: int
    at: int
    actor: str
    action: str
    subject: str
    before: str | None
    after: str | None


def next_number(tx: Transaction, company: int) -> int:
    row = tx.one(sql.next_number, company=company)
    assert row is not None
    return int(row[0])


def add(tx: Transaction, lines: Iterable[Sequence[object]]) -> None:
    """Writes lines; the values of each stand in the order of the table's columns."""
    tx.run_many(sql.add, lines)


def texts_about(tx: Transaction, company: int, kind: str, subject: str) -> list[bytes]:
    """The digests of all that the log says of a subject. Goes through the whole log of the company."""
    rows = tx.all(sql.texts_about, company=company, kind=kind, subject=subject)
    return [digest for row in rows for digest in row if digest is not None]


def page(tx: Transaction, company: int, before: int, length: int) -> list[Change]:
    """A page of the log before a number, latest first."""
    return [Change(*row) for row in tx.all(sql.page, company=company, before=before, page=length)]
