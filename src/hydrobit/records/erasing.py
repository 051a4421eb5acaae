"""Forgetting a person of the crew: every text about a worker goes, every unit and every link of the chain stays."""

from collections.abc import Callable, Sequence

import msgspec

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Refused
from hydrobit.ledger import store as ledger
from hydrobit.records import store
from hydrobit.storage.engine import Transaction
from hydrobit.workers import service as workers

PAGE = 10_000


class Erased(msgspec.Struct, frozen=True):
    """How much was erased: texts behind digests, and held counts that carried a name."""

    texts: int
    held: int


def find_notes(tx: Transaction, company: int, worker_id: str) -> list[bytes]:
    """The digests of reasons and evidence beside the worker's records; a read, for it goes through the ledger."""
    return ledger.notes_of_worker(tx, company, worker_id, PAGE)


def erase_worker(
    tx: Transaction,
    company: int,
    actor: str,
    worker_id: str,
    notes: Sequence[bytes],
    now: int,
    random: Callable[[int], bytes],
) -> Erased:
    """Erases the names of a worker, the notes that were found, what the audit log says of the worker, and the register.

    The line that says so names the id alone. May run twice: then nothing is left to erase. Raises Refused,
    worker_not_found, when no record and no register knows of the worker.
    """
    ledger.lock_head(tx, company)
    is_registered = workers.erase_worker(tx, company, worker_id, now)
    texts = ledger.erase_names(tx, company, worker_id) + ledger.erase_texts(tx, company, notes)
    texts += audit.erase(tx, company, workers.AUDITED_AS, worker_id)
    held = store.erase_held(tx, company, worker_id)
    if not (is_registered or texts or held or notes):
        raise Refused(Code.worker_not_found, f"There is no worker {worker_id}, and nothing was recorded for one.")
    erased = Erased(texts, held)
    audit.record(tx, company, actor, "worker.erase", worker_id, None, None, now, random)
    return erased
