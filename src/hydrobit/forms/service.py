"""The rules of forms and their versions, as units; each change writes its line of the audit log.

A version is never changed: a new definition becomes the next one, and what was filled in keeps the version it names.
"""

import msgspec

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Refused
from hydrobit.forms import store
from hydrobit.forms.definition import TASKS, Definition
from hydrobit.forms.store import FORMS_MAX, Form, Record, Task
from hydrobit.ledger import store as ledger
from hydrobit.operation import Caller
from hydrobit.projects.service import Author
from hydrobit.storage.engine import Transaction

CHARACTERS_MAX = 8 * 1024 * 1024
"""What the present versions of one company's forms may have together, so that their list is an answer."""


class Shown(msgspec.Struct, frozen=True):
    """A form as its user sees it, and what waits of it."""

    form: Form
    tasks: list[Task]


def add_form(tx: Transaction, author: Author, wanted: Definition) -> tuple[Form, bool]:
    """The form, and whether it is new: the same again is the stored one. Raises Refused: id_taken, invalid_value."""
    ledger.lock_head(tx, author.company)
    known = store.form(tx, author.company, wanted.form_id)
    if known is not None:
        if known.disabled or known.definition.text() != wanted.text():
            state = "is disabled" if known.disabled else "asks other things"
            sentence = f"There is a form {wanted.form_id} already, and it {state}; change that one instead."
            raise Refused(Code.id_taken, sentence)
        return known, False
    store.add_form(tx, author.company, wanted, author.user_id, author.now)
    _require_room(tx, author.company)
    added = require(tx, author.company, wanted.form_id)
    _record(tx, author, "form.add", None, added)
    return added, True


def change_form(
    tx: Transaction, author: Author, form_id: str, wanted: Definition | None, disabled: bool | None
) -> Form:
    """The form as changed: another definition is its next version. What is there already leaves no trace.

    Raises Refused: form_not_found, invalid_value.
    """
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, form_id)
    if wanted is not None and wanted.text() != before.definition.text():
        store.add_version(tx, author.company, wanted, before.version + 1, author.user_id, author.now)
        _require_room(tx, author.company)
        _record(tx, author, "form.change", before, require(tx, author.company, form_id))
    if disabled is not None and disabled != before.disabled:
        before = require(tx, author.company, form_id)
        store.switch_form(tx, author.company, form_id, author.now if disabled else None)
        action = "form.disable" if disabled else "form.enable"
        _record(tx, author, action, before, require(tx, author.company, form_id))
    return require(tx, author.company, form_id)


def require(tx: Transaction, company: int, form_id: str, version: int | None = None) -> Form:
    """The form, also a disabled one, in a version of it. Raises Refused, form_not_found, also for another company's."""
    found = store.form(tx, company, form_id, version)
    if found is None:
        has_other = version is not None and store.present_version(tx, company, form_id) is not None
        told = f"The form {form_id[:200]} has no version {version}." if has_other else no_form(form_id)
        raise Refused(Code.form_not_found, told, field="version" if has_other else "formId")
    return found


def no_form(form_id: str) -> str:
    """The sentence about a form that is not there."""
    return f"There is no form {form_id[:200]}."


def list_forms(tx: Transaction, company: int) -> list[Form]:
    """Every form in its present version, disabled ones too, by id."""
    return store.forms(tx, company)


def forms_of(tx: Transaction, caller: Caller, kind: str | None, subtype: str | None) -> list[Shown]:
    """What a user may fill in: with the subtype `tasks` the forms of their tasks, else what their role may see."""
    found = [form for form in store.forms(tx, caller.company) if not form.disabled]
    if kind is not None:
        found = [form for form in found if form.definition.type == kind]
    if subtype != TASKS:
        return [Shown(form, []) for form in found if _is_seen(form, caller, subtype)]
    waiting: dict[str, list[Task]] = {}
    for task in store.pending_tasks(tx, caller.company, caller.user_id):
        waiting.setdefault(task.form_id, []).append(task)
    return [
        Shown(form, waiting[form.form_id]) for form in found if form.definition.is_task_form and form.form_id in waiting
    ]


def list_records(
    tx: Transaction, company: int, form_id: str, page: int, page_size: int
) -> tuple[int, list[tuple[Record, Task | None]]]:
    """How many records a form has, and one page of them with their tasks, latest first. Raises Refused."""
    require(tx, company, form_id)
    total, found = store.page_of_records(tx, company, form_id, page, page_size)
    return total, [(record, _task_of(tx, company, record)) for record in found]


def _task_of(tx: Transaction, company: int, record: Record) -> Task | None:
    return None if record.task_no is None else store.task_by_number(tx, company, record.task_no)


def _is_seen(form: Form, caller: Caller, subtype: str | None) -> bool:
    wanted = form.definition
    return not wanted.is_task_form and caller.role in wanted.roles and subtype in (None, wanted.subtype)


def _require_room(tx: Transaction, company: int) -> None:
    """Raises Refused when the company has more now than it may; what this transaction wrote is undone then."""
    count, characters = store.size(tx, company)
    if count > FORMS_MAX:
        raise Refused(Code.invalid_value, f"A company may have at most {FORMS_MAX} forms.")
    if characters > CHARACTERS_MAX:
        raise Refused(Code.invalid_value, f"A company's forms may have at most {CHARACTERS_MAX} characters together.")


def _record(tx: Transaction, author: Author, action: str, before: Form | None, after: Form) -> None:
    told = None if before is None else _told(before)
    audit.record(
        tx, author.company, author.user_id, action, after.form_id, told, _told(after), author.now, author.random
    )


def _told(form: Form) -> dict[str, object]:
    """A version's definition is kept for ever beside the log, so that its number tells it."""
    told: dict[str, object] = {"version": form.version, "name": form.definition.name}
    return told | {"disabled": True} if form.disabled else told
