"""Queries of forms, tasks and filled forms in, values out."""

import msgspec

from hydrobit.forms import definition
from hydrobit.forms.answers import Observation
from hydrobit.forms.definition import Definition
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.forms")

FORMS_MAX = 500
"""How many forms a company may have; the rules hold to it, and so does every list."""
PENDING_MAX = 500
"""How many tasks may wait for one user."""


class Form(msgspec.Struct, frozen=True):
    """A form in one of its versions; `present` is the number of its present one."""

    form_id: str
    version: int
    present: int
    created_at: int
    disabled_at: int | None
    definition: Definition

    @property
    def disabled(self) -> bool:
        return self.disabled_at is not None


class Task(msgspec.Struct, frozen=True):
    """A form that a user is to fill in once. Instants are milliseconds, `due_day` such as `2025-10-19`."""

    task_no: int
    task_id: str
    form_id: str
    user_id: str
    title: str | None
    due_day: str | None
    status: str
    created_at: int
    ended_at: int | None


class Record(msgspec.Struct, frozen=True):
    """A filled form as stored. Instants are milliseconds; `answers` is canonical JSON."""

    record_no: int
    record_id: str
    form_id: str
    version: int
    user_id: str
    task_no: int | None
    project_id: str | None
    sector_id: str | None
    project_verified: bool
    sector_verified: bool
    latitude: float | None
    longitude: float | None
    started_at: int | None
    duration_ms: int | None
    received_at: int
    day: str
    client_event_id: str | None
    content_digest: bytes
    answers: str


def form(tx: Transaction, company: int, form_id: str, version: int | None = None) -> Form | None:
    """A form in a version of it, in its present one where none is named."""
    row = tx.one(sql.form, company=company, form_id=form_id, version=version)
    return None if row is None else _form(row)


def present_version(tx: Transaction, company: int, form_id: str) -> int | None:
    row = tx.one(sql.present_version, company=company, form_id=form_id)
    return None if row is None else row[0]


def forms(tx: Transaction, company: int) -> list[Form]:
    """Every form in its present version, disabled ones too, by id."""
    return [_form(row) for row in tx.all(sql.forms, company=company, most=FORMS_MAX)]


def size(tx: Transaction, company: int) -> tuple[int, int]:
    """How many forms, and how many characters their present versions have together."""
    row = tx.one(sql.size_of_forms, company=company)
    assert row is not None
    return row[0], row[1]


def add_form(tx: Transaction, company: int, wanted: Definition, actor: str, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_form, company=company, form_id=wanted.form_id, now=now)
    _add_version(tx, company, wanted, 1, actor, now)


def add_version(tx: Transaction, company: int, wanted: Definition, version: int, actor: str, now: int) -> None:
    """Writes the next version, which is the present one from now on."""
    _add_version(tx, company, wanted, version, actor, now)
    tx.run(sql.set_version, company=company, form_id=wanted.form_id, version=version)


def switch_form(tx: Transaction, company: int, form_id: str, disabled_at: int | None) -> None:
    tx.run(sql.switch_form, company=company, form_id=form_id, disabled_at=disabled_at)


def last_task_number(tx: Transaction, company: int) -> int:
    return _number(tx.one(sql.last_task_number, company=company))


def add_task(tx: Transaction, company: int, task: Task) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(
        sql.add_task,
        company=company,
        task_no=task.task_no,
        task_id=task.task_id,
        form_id=task.form_id,
        user_id=task.user_id,
        title=task.title,
        due_day=task.due_day,
        now=task.created_at,
    )


def task(tx: Transaction, company: int, task_id: str) -> Task | None:
    row = tx.one(sql.task_by_id, company=company, task_id=task_id)
    return Task(*row) if row else None


def task_by_number(tx: Transaction, company: int, task_no: int) -> Task:
    row = tx.one(sql.task_by_number, company=company, task_no=task_no)
    assert row is not None, "a record names a task that is there"
    return Task(*row)


def pending_tasks(tx: Transaction, company: int, user_id: str, form_id: str | None = None) -> list[Task]:
    """What waits for a user, oldest first."""
    found = tx.all(sql.pending_tasks, company=company, user_id=user_id, form_id=form_id, most=PENDING_MAX)
    return [Task(*row) for row in found]


def page_of_tasks(tx: Transaction, company: int, form_id: str, number: int, length: int) -> tuple[int, list[Task]]:
    """How many tasks a form has, and one page of them, latest first."""
    total = _number(tx.one(sql.count_tasks, company=company, form_id=form_id))
    skipped = (number - 1) * length
    found = tx.all(sql.page_of_tasks, company=company, form_id=form_id, page=length, skipped=skipped)
    return total, [Task(*row) for row in found]


def end_task(tx: Transaction, company: int, task_no: int, status: str, now: int) -> None:
    tx.run(sql.end_task, company=company, task_no=task_no, status=status, now=now)


def last_record_number(tx: Transaction, company: int) -> int:
    return _number(tx.one(sql.last_record_number, company=company))


def add_record(tx: Transaction, company: int, record: Record) -> None:
    """Raises Duplicate when the client's event is known."""
    columns = {name: getattr(record, name) for name in record.__struct_fields__}
    flags = {name: int(columns[name]) for name in ("project_verified", "sector_verified")}
    tx.run(sql.add_record, **columns | flags, company=company)


def record_by_event(tx: Transaction, company: int, client_event_id: str) -> Record | None:
    row = tx.one(sql.record_by_event, company=company, client_event_id=client_event_id)
    return None if row is None else _record(row)


def page_of_records(tx: Transaction, company: int, form_id: str, number: int, length: int) -> tuple[int, list[Record]]:
    """How many records a form has, and one page of them, latest first."""
    total = _number(tx.one(sql.count_records, company=company, form_id=form_id))
    skipped = (number - 1) * length
    found = tx.all(sql.page_of_records, company=company, form_id=form_id, page=length, skipped=skipped)
    return total, list(map(_record, found))


def add_observation(tx: Transaction, company: int, record: Record, answer_no: int, seen: Observation) -> None:
    tx.run(
        sql.add_observation,
        company=company,
        day=record.day,
        record_no=record.record_no,
        answer_no=answer_no,
        project_id=record.project_id,
        sector_id=record.sector_id,
        variable=seen.variable,
        name=seen.name,
        value=seen.value,
        severity=seen.severity,
        scale=seen.scale,
    )


def _add_version(tx: Transaction, company: int, wanted: Definition, version: int, actor: str, now: int) -> None:
    tx.run(
        sql.add_version,
        company=company,
        form_id=wanted.form_id,
        version=version,
        definition=wanted.text(),
        now=now,
        actor=actor,
    )


def _form(row: Row) -> Form:
    form_id, version, present, created_at, disabled_at, text = row
    return Form(form_id, version, present, created_at, disabled_at, definition.stored(text))


def _record(row: Row) -> Record:
    columns = dict(zip(Record.__struct_fields__, row, strict=True))
    flags = {name: bool(columns[name]) for name in ("project_verified", "sector_verified")}
    return Record(**columns | flags)


def _number(row: Row | None) -> int:
    assert row is not None, "an aggregate has one row"
    number: int = row[0]
    return number
