"""Queries of the crew register in, values out."""

from collections.abc import Sequence

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.workers")

FEW = 1_000
"""Up to so many matches are found in one pass; where there are more, they are counted in a second one."""


class Worker(msgspec.Struct, frozen=True):
    """A worker as stored. `hourly_rate` in millionths, `photo` the digest of an object, `created_at` in ms."""

    worker_no: int
    stored_id: str
    worker_id: str
    first_name: str
    last_name: str
    position: str
    employment_type: str
    hire_date: str
    status: str
    phone: str | None
    email: str | None
    termination_date: str | None
    hourly_rate: int | None
    emergency_contact_name: str | None
    emergency_contact_phone: str | None
    skills: tuple[str, ...]
    notes: str | None
    photo: str | None
    created_at: int


class Wanted(msgspec.Struct, frozen=True):
    """What a list is narrowed to; None narrows nothing. `text` is folded."""

    text: str | None = None
    status: str | None = None
    position: str | None = None
    employment_type: str | None = None


def row(company: int, worker: Worker, id_base: str, id_number: int, person: str, text: str) -> list[object]:
    """A worker as `insert` writes it. `text` is what a search looks in, folded."""
    beside = {"company": company, "id_base": id_base, "id_number": id_number, "person": person, "search": text}
    return sql.insert_worker.values(_columns(worker) | beside)


def insert(tx: Transaction, rows: Sequence[Sequence[object]]) -> None:
    """Raises Duplicate when an id is taken or a person is there."""
    tx.run_many(sql.insert_worker, rows)


def update(tx: Transaction, company: int, worker: Worker, person: str, text: str) -> None:
    """Writes what may be changed of a worker. Raises Duplicate when there is such a person already."""
    tx.run(sql.update_worker, **_columns(worker), company=company, person=person, search=text)


def drop_photo(tx: Transaction, company: int, worker_no: int) -> None:
    tx.run(sql.drop_photo, company=company, worker_no=worker_no)


def _columns(worker: Worker) -> dict[str, object]:
    columns: dict[str, object] = msgspec.structs.asdict(worker)
    return columns | {"skills": msgspec.json.encode(worker.skills).decode()}


def last_number(tx: Transaction, company: int) -> int:
    return _number(tx.one(sql.last_worker_number, company=company)) or 0


def last_id_number(tx: Transaction, company: int, id_base: str) -> int:
    return _number(tx.one(sql.last_id_number, company=company, id_base=id_base)) or 0


def by_number(tx: Transaction, company: int, worker_no: int) -> Worker:
    row = tx.one(sql.worker_by_number, company=company, worker_no=worker_no)
    assert row is not None, "a number that was just read has its worker"
    columns = dict(zip(Worker.__struct_fields__, row, strict=True))
    return Worker(**columns | {"skills": msgspec.json.decode(columns["skills"], type=tuple[str, ...])})


def by_stored_id(tx: Transaction, company: int, stored_id: str) -> Worker | None:
    return _worker(tx, company, tx.one(sql.number_by_stored_id, company=company, stored_id=stored_id))


def by_business_id(tx: Transaction, company: int, worker_id: str) -> Worker | None:
    return _worker(tx, company, tx.one(sql.number_by_business_id, company=company, worker_id=worker_id))


def by_person(tx: Transaction, company: int, person: str, hire_date: str) -> Worker | None:
    return _worker(tx, company, tx.one(sql.number_of_person, company=company, person=person, hire_date=hire_date))


def business_id(tx: Transaction, company: int, stored_id: str) -> str | None:
    row = tx.one(sql.business_id, company=company, stored_id=stored_id)
    return row[0] if row else None


def matching(tx: Transaction, company: int, wanted: Wanted, page: int, page_size: int) -> tuple[int, list[Worker]]:
    """How many workers fit, and one page of them, newest first. Looks through the whole crew once, seldom twice."""
    chosen = {
        "company": company,
        "status": wanted.status,
        "position": wanted.position,
        "employment_type": wanted.employment_type,
        "text": wanted.text or "",
    }
    first = (page - 1) * page_size
    found = tx.all(sql.matching_numbers, **chosen, length=FEW, first=0)
    total = len(found)
    if total == FEW:
        is_everyone = wanted == Wanted()
        row = tx.one(sql.count_workers, company=company) if is_everyone else tx.one(sql.count_matching, **chosen)
        total = _number(row) or 0
        if first + page_size > FEW:
            found, first = tx.all(sql.matching_numbers, **chosen, length=page_size, first=first), 0
    return total, [by_number(tx, company, number) for (number,) in found[first : first + page_size]]


def template_options(tx: Transaction, company: int) -> dict[str, list[str]]:
    """The company's own options by their kind, in order."""
    found: dict[str, list[str]] = {}
    for kind, name in tx.all(sql.template_options, company=company):
        found.setdefault(kind, []).append(name)
    return found


def replace_template_options(tx: Transaction, company: int, kind: str, names: Sequence[str]) -> None:
    tx.run(sql.drop_template_options, company=company, kind=kind)
    for place, name in enumerate(names, start=1):
        tx.run(sql.add_template_option, company=company, kind=kind, place=place, name=name)


def _worker(tx: Transaction, company: int, row: Row | None) -> Worker | None:
    return None if row is None else by_number(tx, company, row[0])


def _number(row: Row | None) -> int | None:
    return row[0] if row else None
