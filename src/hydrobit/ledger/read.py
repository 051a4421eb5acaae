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

    def plus(self, other: "WorkerSum") -> "WorkerSum":
        """Both together: the same worker under another name."""
        return WorkerSum(
            self.worker_id,
            (*self.names, *other.names),
            self.units + other.units,
            self.records + other.records,
            self.voids + other.voids,
        )


def session_sums(tx: Transaction, company: int, session_no: int) -> list[WorkerSum]:
    """The sums per worker, in order of workerId."""
    found: dict[str, WorkerSum] = {}
    for worker_id, name, *sums in tx.all(sql.session_sums, company=company, session_no=session_no):
        part = WorkerSum(worker_id, (name,) if name is not None else (), *sums)
        found[worker_id] = found[worker_id].plus(part) if worker_id in found else part
    return list(found.values())


def session_total(tx: Transaction, company: int, session_no: int) -> int:
    """Net millionths of all movements of a session, voids included."""
    row = tx.one(sql.session_total, company=company, session_no=session_no)
    return int(row[0]) if row else 0
