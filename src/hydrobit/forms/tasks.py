"""The rules of tasks: a form that one user is to fill in once. Each change writes its line of the audit log."""

from typing import Any

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Refused
from hydrobit.forms import service, store
from hydrobit.forms.reading import Wish
from hydrobit.forms.store import PENDING_MAX, Task
from hydrobit.identity import people
from hydrobit.kit import ids
from hydrobit.ledger import store as ledger
from hydrobit.projects.service import Author
from hydrobit.storage.engine import Transaction

PENDING, DONE, CANCELLED = "pending", "done", "cancelled"


def assign(tx: Transaction, author: Author, form_id: str, wish: Wish) -> tuple[Task, bool]:
    """The task, and whether it is new. The same taskId again, or without one the same pending task, is the stored one.

    Raises Refused: form_not_found, form_disabled, user_not_found, invalid_value for a form without tasks, id_taken.
    """
    company = author.company
    head = ledger.lock_head(tx, company)
    known = _known(tx, company, form_id, wish)
    if known is not None:
        return known, False
    form = service.require(tx, company, form_id)
    if form.disabled:
        raise Refused(Code.form_disabled, f"The form {form_id} is disabled.", field="formId")
    if not form.definition.is_task_form:
        raise Refused(
            Code.invalid_value, f"The form {form_id} has no tasks: its subtype is not `tasks`.", field="formId"
        )
    if people.require(tx, company, wish.user_id).disabled_at is not None:
        raise Refused(Code.user_not_found, f"The user {wish.user_id} is disabled.", field="userId")
    if len(store.pending_tasks(tx, company, wish.user_id)) >= PENDING_MAX:
        raise Refused(Code.invalid_value, f"At most {PENDING_MAX} tasks may wait for a user.", field="userId")
    number = store.last_task_number(tx, company) + 1
    while wish.task_id is None and store.task(tx, company, ids.task_id(head.prefix, number)) is not None:
        number += 1  # somebody chose the id that would be drawn
    identity = wish.task_id or ids.task_id(head.prefix, number)
    task = Task(number, identity, form_id, wish.user_id, wish.title, wish.due_day, PENDING, author.now, None)
    store.add_task(tx, company, task)
    _record(tx, author, "task.assign", None, task)
    return task, True


def cancel(tx: Transaction, author: Author, form_id: str, task_id: str) -> Task:
    """The task, which waits no more; a repeat changes nothing. Raises Refused: task_not_found, task_done."""
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, form_id, task_id)
    if before.status == DONE:
        raise Refused(Code.task_done, f"The task {task_id} is done; its record stays.")
    if before.status == CANCELLED:
        return before
    store.end_task(tx, author.company, before.task_no, CANCELLED, author.now)
    after = require(tx, author.company, form_id, task_id)
    _record(tx, author, "task.cancel", before, after)
    return after


def require(tx: Transaction, company: int, form_id: str, task_id: str) -> Task:
    """Raises Refused: form_not_found, task_not_found, also for another form's."""
    service.require(tx, company, form_id)
    found = store.task(tx, company, task_id)
    if found is None or found.form_id != form_id:
        raise no_task(task_id)
    return found


def list_tasks(tx: Transaction, company: int, form_id: str, page: int, page_size: int) -> tuple[int, list[Task]]:
    """How many tasks a form has, and one page of them, latest first. Raises Refused, form_not_found."""
    service.require(tx, company, form_id)
    return store.page_of_tasks(tx, company, form_id, page, page_size)


def no_task(task_id: str) -> Refused:
    """The refusal of a task that is not there, or not the caller's."""
    return Refused(Code.task_not_found, f"There is no task {task_id[:200]} of this form.", field="taskId")


def _known(tx: Transaction, company: int, form_id: str, wish: Wish) -> Task | None:
    """The stored task that is the same. Raises Refused, id_taken, when its id is another task's."""
    wanted = (form_id, wish.user_id, wish.title, wish.due_day)
    if wish.task_id is None:
        waiting = store.pending_tasks(tx, company, wish.user_id, form_id)
        return next((task for task in waiting if _what(task) == wanted), None)
    found = store.task(tx, company, wish.task_id)
    if found is not None and _what(found) != wanted:
        raise Refused(
            Code.id_taken, f"There is another task {wish.task_id} already; choose another id.", field="taskId"
        )
    return found


def _what(task: Task) -> tuple[str, str, str | None, str | None]:
    return task.form_id, task.user_id, task.title, task.due_day


def _record(tx: Transaction, author: Author, action: str, before: Task | None, after: Task) -> None:
    told = None if before is None else _told(before)
    audit.record(
        tx, author.company, author.user_id, action, after.task_id, told, _told(after), author.now, author.random
    )


def _told(task: Task) -> dict[str, Any]:
    told = {"formId": task.form_id, "userId": task.user_id, "status": task.status}
    return told | {name: value for name, value in (("title", task.title), ("dueDay", task.due_day)) if value}
