"""Sums of a session, always computed from its movements."""

import msgspec

from hydrobit.ledger.store import sql
from hydrobit.storage.engine import Transaction


class WorkerSum(msgspec.Struct, frozen=True):
    """What one worker has in a session. `units` are net millionths; `records` counts voided ones too."""

    worker_id: str
    names: tuple[str, ...]
    units: int
    records: int
    voids: int


def session_sums(tx: Transaction, company: int, session_no: int) -> list[WorkerSum]:
    """The sums per worker, in order of workerId."""
    names: dict[str, list[str]] = {}
    for worker_id, name in tx.all(sql.session_names, company=company, session_no=session_no):
        names.setdefault(worker_id, []).append(name)
    return [
        WorkerSum(worker_id, tuple(names.get(worker_id, ())), units, records, voids)
        for worker_id, units, records, voids in tx.all(sql.session_sums, company=company, session_no=session_no)
    ]


def session_total(tx: Transaction, company: int, session_no: int) -> int:
    """Net millionths of all movements of a session, voids included."""
    row = tx.one(sql.session_total, company=company, session_no=session_no)
    return int(row[0]) if row else 0
