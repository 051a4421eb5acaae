"""Sums of a session, always computed from its movements."""

import msgspec

from hydrobit.ledger import store
from hydrobit.ledger.store import sql
from hydrobit.storage.engine import Transaction


class WorkerSum(msgspec.Struct, frozen=True):
    """What one worker has in a session. `units` are net millionths; `records` counts voided ones too.

    `names` are in order, as far as they are not erased; `last_name` is the one that was captured last.
    """

    worker_id: str
    names: tuple[str, ...]
    last_name: str | None
    units: int
    records: int
    voids: int


Texts = dict[bytes, str | None]
"""Names by their digests, of one company, for as long as a caller keeps them."""


def session_sums(tx: Transaction, company: int, session_no: int, known: Texts | None = None) -> list[WorkerSum]:
    """The sums per worker, in order of workerId. Names that were looked up are kept in `known`."""
    texts: Texts = {} if known is None else known
    found: list[WorkerSum] = []
    for worker_id, digest, units, records, voids in tx.all(sql.session_sums, company=company, session_no=session_no):
        name = _text(tx, company, digest, texts)
        if found and found[-1].worker_id == worker_id:
            found[-1] = _with(found[-1], name, units, records, voids)
        else:
            found.append(WorkerSum(worker_id, () if name is None else (name,), name, units, records, voids))
    return found


def session_total(tx: Transaction, company: int, session_no: int) -> int:
    """Net millionths of all movements of a session, voids included."""
    row = tx.one(sql.session_total, company=company, session_no=session_no)
    return int(row[0]) if row else 0


def _text(tx: Transaction, company: int, digest: bytes | None, texts: Texts) -> str | None:
    if digest is None:
        return None
    if digest not in texts:
        texts[digest] = store.personal_text(tx, company, digest)
    return texts[digest]


def _with(worker: WorkerSum, name: str | None, units: int, records: int, voids: int) -> WorkerSum:
    """The sum of a worker with what was recorded later under another name."""
    return WorkerSum(
        worker.worker_id,
        worker.names if name is None else tuple(sorted({*worker.names, name})),
        name or worker.last_name,
        worker.units + units,
        worker.records + records,
        worker.voids + voids,
    )
