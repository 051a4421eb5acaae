"""Holding the table of held counts against the ledger's head: none was taken away, each belongs to a session."""

from hydrobit.errors import LedgerBroken
from hydrobit.ledger import store as ledger
from hydrobit.records.store import sql
from hydrobit.storage.engine import Transaction


def verify_held(tx: Transaction, company: int) -> int:
    """The number of held counts. Raises LedgerBroken.

    What a held count says is not in the chain: it is no movement, and enters the ledger only when it is approved.
    """
    head, row = ledger.head(tx, company), tx.one(sql.held_numbers, company=company)
    count, last, strays = row or (0, 0, 0)
    if count != head.held_number or last != head.held_number:
        raise LedgerBroken(
            f"company {company}: {count} counts are held, the last is number {last}; the head says {head.held_number}"
        )
    if strays:
        raise LedgerBroken(f"company {company}: {strays} held counts belong to no session")
    return head.held_number
