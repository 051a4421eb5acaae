"""The rules of the crew register, as units."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.kit import ids
from hydrobit.kit.folding import fold
from hydrobit.ledger import store as ledger
from hydrobit.objects import service as objects
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields
from hydrobit.workers import business_id, store, template
from hydrobit.workers.reading import NewWorker, require_order
from hydrobit.workers.store import Wanted, Worker
from hydrobit.workers.template import Kind

AUDITED_AS = "worker."
"""How the audit log's actions on a worker begin."""
ERASED = "Erased"
"""The first name of a worker whose own was erased; the business id is the last."""
_STORED_ID = re.compile(r"[0-9a-fA-F]{24}")


class Newcomer(msgspec.Struct, frozen=True):
    """Someone who is to join: who it is, and the id that is the next free one."""

    new: NewWorker
    person: str
    search: str
    id_base: str
    id_number: int

    @property
    def worker_id(self) -> str:
        return business_id.numbered(self.id_base, self.id_number)


class Hiring:
    """Who joins the crew of a company in one transaction; what is the same for all of them is looked up once.

    It writes nothing, so that a dry run may use it. Whoever means to write locks the head of the company before.
    """

    def __init__(self, tx: Transaction, company: int) -> None:
        self._tx, self._company = tx, company
        self.template = template.of_company(tx, company)
        self._id_numbers: dict[str, int] = {}
        self._joined: dict[tuple[str, str], str] = {}

    def require_options(self, new: NewWorker) -> None:
        """Raises Refused for what is no option of the company's template."""
        self.template.require(Kind.position, new.position)
        self.template.require(Kind.employment_type, new.employment_type)
        self.template.require(Kind.status, new.status)

    def known(self, new: NewWorker) -> str | None:
        """The business id of the same person, in the register or among those who joined here."""
        person = _person(new)
        joined = self._joined.get((person, new.hire_date))
        if joined is not None:
            return joined
        found = store.by_person(self._tx, self._company, person, new.hire_date)
        return found.worker_id if found else None

    def join(self, new: NewWorker) -> Newcomer:
        """Someone who is not known, with the next id of the same initials and day. Unknown skills are left out."""
        id_base = business_id.base(new.first_name, new.last_name, new.hire_date)
        last = self._id_numbers.get(id_base)
        if last is None:
            last = store.last_id_number(self._tx, self._company, id_base)
        self._id_numbers[id_base] = last + 1
        new = msgspec.structs.replace(new, skills=self.template.known_skills(new.skills))
        newcomer = Newcomer(new, _person(new), _search_text(new), id_base, last + 1)
        self._joined[newcomer.person, new.hire_date] = newcomer.worker_id
        return newcomer


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
    ledger.lock_head(tx, company)  # whoever adds waits here, so that no two draw the same number
    hiring = Hiring(tx, company)
    hiring.require_options(new)
    known = store.by_person(tx, company, _person(new), new.hire_date)
    if known is not None:
        return known, False
    entries = prepare(company, actor, [hiring.join(new)], next_numbers(tx, company), photo, now, random)
    write(tx, company, entries)
    if photo is not None:
        objects.name(tx, company, photo)
    return entries.workers[0], True


class Numbers(msgspec.Struct, frozen=True):
    """What the ids of those who join next are made of, and the next number of the audit log."""

    prefix: int
    worker_no: int
    audit_no: int


class Entries(msgspec.Struct, frozen=True):
    """Workers who are ready to be written, with their lines of the audit log."""

    numbers: Numbers
    workers: list[Worker]
    rows: list[list[object]]
    log: audit.Lines


def next_numbers(tx: Transaction, company: int) -> Numbers:
    """Only whoever holds the head of the company may rely on them."""
    prefix = ledger.prefix(tx, company)
    return Numbers(prefix, store.last_number(tx, company) + 1, audit.next_number(tx, company))


def prepare(
    company: int,
    actor: str,
    newcomers: Sequence[Newcomer],
    numbers: Numbers,
    photo: str | None,
    now: int,
    random: Callable[[int], bytes],
) -> Entries:
    """Those who join as they will be written. Touches no store. `photo` is of the only one, if there is one."""
    workers = [
        Worker(
            **msgspec.structs.asdict(one.new),
            worker_no=worker_no,
            stored_id=ids.worker_id(now, numbers.prefix, worker_no),
            worker_id=one.worker_id,
            photo=photo,
            created_at=now,
        )
        for worker_no, one in enumerate(newcomers, start=numbers.worker_no)
    ]
    rows = [
        store.row(company, worker, one.id_base, one.id_number, one.person, f"{one.search} {worker.worker_id.lower()}")
        for worker, one in zip(workers, newcomers, strict=True)
    ]
    told = [(worker.worker_id, None, _shown(worker)) for worker in workers]
    log = audit.prepare(company, numbers.audit_no, actor, "worker.add", told, now, random)
    return Entries(numbers, workers, rows, log)


def write(tx: Transaction, company: int, entries: Entries) -> None:
    """Writes those who join. Whoever calls holds the head of the company, and the numbers are still the next ones.

    Raises Duplicate when an id was given meanwhile, or a person is there.
    """
    store.insert(tx, entries.rows)
    audit.write(tx, company, entries.log)


def change_worker(
    tx: Transaction,
    company: int,
    actor: str,
    name: str,
    changes: Mapping[str, Any],
    now: int,
    random: Callable[[int], bytes],
) -> Worker:
    """The worker, by stored or business id, with some fields changed; a repeat changes nothing.

    The business id stays, for records name it; new names are searched for, and tell who is the same person. It writes
    an audit entry and may run twice. Raises Refused: worker_not_found, invalid_value, name_taken.
    """
    ledger.lock_head(tx, company)
    before = read_worker(tx, company, name)
    options = template.of_company(tx, company)
    for kind in (Kind.position, Kind.employment_type, Kind.status):
        if kind.value in changes:
            options.require(kind, changes[kind.value])
    after = msgspec.structs.replace(before, **changes)
    if "skills" in changes:
        after = msgspec.structs.replace(after, skills=options.known_skills(after.skills))
    require_order(after.hire_date, after.termination_date)
    if after == before:
        return before
    try:
        store.update(tx, company, after, _person(after), f"{_search_text(after)} {after.worker_id.lower()}")
    except Duplicate as e:
        sentence = f"Another worker hired on {after.hire_date} has these names; tell the two apart in the names."
        raise Refused(Code.name_taken, sentence, field="last_name") from e
    audit.record(tx, company, actor, "worker.change", after.worker_id, _shown(before), _shown(after), now, random)
    return after


def erase_worker(tx: Transaction, company: int, worker_id: str, now: int) -> bool:
    """Takes from the register what tells who a worker is, and returns whether there was such a worker.

    What the work needs stays: the ids, the day of hiring, position, employment type, status. The photo is swept after a
    while. May run twice.
    """
    before = store.by_business_id(tx, company, worker_id)
    if before is None:
        return False
    after = msgspec.structs.replace(
        before,
        first_name=ERASED,
        last_name=worker_id,
        phone=None,
        email=None,
        hourly_rate=None,
        emergency_contact_name=None,
        emergency_contact_phone=None,
        skills=(),
        notes=None,
    )
    store.update(tx, company, after, _person(after), f"{_search_text(after)} {worker_id.lower()}")
    if before.photo is not None:
        store.drop_photo(tx, company, before.worker_no)
        objects.unname(tx, company, before.photo, now)
    return True


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


def _person(new: NewWorker | Worker) -> str:
    """What makes a person of a hire date: the names. A tab stands between them, which no name can hold."""
    return "\t".join(" ".join(name.casefold().split()) for name in (new.first_name, new.last_name))


def _search_text(named: NewWorker | Worker) -> str:
    """What a search for the names looks in; the business id follows it."""
    return fold(f"{named.first_name} {named.last_name}")


def _shown(worker: Worker) -> dict[str, object]:
    """What the audit log keeps of a worker."""
    facts: dict[str, object] = msgspec.to_builtins(worker)
    return {name: value for name, value in facts.items() if value is not None and name != "worker_no"}
