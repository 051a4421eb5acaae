"""Queries of the audit log in, values out."""

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


def add(
    tx: Transaction,
    company: int,
    number: int,
    at: int,
    actor: str,
    action: str,
    subject: str,
    before_digest: bytes | None,
    after_digest: bytes | None,
) -> None:
    tx.run(
        sql.add,
        company=company,
        audit_no=number,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        before_digest=before_digest,
        after_digest=after_digest,
    )


def page(tx: Transaction, company: int, before: int, length: int) -> list[Change]:
    """A page of the log before a number, latest first."""
    return [Change(*row) for row in tx.all(sql.page, company=company, before=before, page=length)]
