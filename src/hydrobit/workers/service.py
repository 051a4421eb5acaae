"""The rules of the crew register, as units."""

import re
from collections.abc import Callable

import msgspec

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Refused
from hydrobit.kit import ids
from hydrobit.kit.folding import fold
from hydrobit.ledger import store as ledger
from hydrobit.objects import service as objects
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields
from hydrobit.workers import business_id, store, template
from hydrobit.workers.reading import NewWorker
from hydrobit.workers.store import Wanted, Worker
from hydrobit.workers.template import Kind

_STORED_ID = re.compile(r"[0-9a-fA-F]{24}")


def add_worker(
    tx: Transaction,
    company: int,
    actor: str,
    new: NewWorker,
    photo: str | None,
    now: int,
    random: Callable[[int], bytes],
) -> tuple[Worker, bool]:
    """The worker, and whether it is new: the same person again is the stored one, unchanged.

    The same person has the same names, upper case and blanks aside, and the same hire date. It writes an audit entry
    and may run twice. Raises Refused, invalid_value, for what is no option of the company's template.
    """
    head = ledger.lock_head(tx, company)  # whoever adds waits here, so that no two draw the same number
    options = template.of_company(tx, company)
    options.require(Kind.position, new.position)
    options.require(Kind.employment_type, new.employment_type)
    options.require(Kind.status, new.status)
    person = _person(new)
    known = store.by_person(tx, company, person, new.hire_date)
    if known is not None:
        return known, False
    id_base = business_id.base(new.first_name, new.last_name, new.hire_date)
    id_number = store.last_id_number(tx, company, id_base) + 1
    worker_no = store.last_number(tx, company) + 1
    told = msgspec.structs.asdict(new) | {"skills": options.known_skills(new.skills)}
    worker = Worker(
        **told,
        worker_no=worker_no,
        stored_id=ids.worker_id(now, head.prefix, worker_no),
        worker_id=business_id.numbered(id_base, id_number),
        photo=photo,
        created_at=now,
    )
    if photo is not None:
        objects.name(tx, company, photo)
    store.insert(tx, company, worker, id_base, id_number, person, _search_text(worker))
    audit.record(tx, company, actor, "worker.add", worker.worker_id, None, _shown(worker), now, random)
    return worker, True


def read_worker(tx: Transaction, company: int, name: str) -> Worker:
    """By stored id or by business id. Raises Refused, worker_not_found, also for another company's."""
    found = store.by_stored_id(tx, company, name.lower()) if is_stored_id(name) else None
    try:
        found = found or store.by_business_id(tx, company, fields.worker_id(name))
    except Refused:
        found = None  # what cannot be an id is the id of nobody
    if found is None:
        raise Refused(Code.worker_not_found, f"There is no worker {name[:100]}.", field="worker")
    return found


def list_workers(tx: Transaction, company: int, wanted: Wanted, page: int, page_size: int) -> tuple[int, list[Worker]]:
    """How many workers fit, and one page of them, newest first."""
    return store.matching(tx, company, wanted, page, page_size)


def is_stored_id(text: str) -> bool:
    """Whether a text has the form of a stored id; business ids are shorter."""
    return len(text) == ids.WORKER_ID_LENGTH and _STORED_ID.fullmatch(text) is not None


def to_business_ids(tx: Transaction, company: int, stored_ids: frozenset[str]) -> dict[str, str]:
    """The business ids of those texts that are stored ids of workers, in upper or lower case."""
    found = {text: store.business_id(tx, company, text.lower()) for text in stored_ids if is_stored_id(text)}
    return {stored_id: worker_id for stored_id, worker_id in found.items() if worker_id is not None}


def _person(new: NewWorker) -> str:
    """What makes a person of a hire date: the names. A tab stands between them, which no name can hold."""
    return "\t".join(" ".join(name.casefold().split()) for name in (new.first_name, new.last_name))


def _search_text(worker: Worker) -> str:
    return fold(f"{worker.first_name} {worker.last_name} {worker.worker_id}")


def _shown(worker: Worker) -> dict[str, object]:
    """What the audit log keeps of a worker."""
    facts: dict[str, object] = msgspec.to_builtins(worker)
    return {name: value for name, value in facts.items() if value is not None and name != "worker_no"}
