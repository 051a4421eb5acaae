"""Commands for forms, and for the tasks to fill them in."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import (
    AsJson,
    Data,
    authored,
    checked_id,
    checked_user,
    company_number,
    opened,
    print_rows,
    settings,
)
from hydrobit.errors import Refused, SettingError
from hydrobit.kit.instants import write_instant

if TYPE_CHECKING:
    from hydrobit.forms.definition import Definition
    from hydrobit.forms.store import Form, Task

PAGE = 100

form = cyclopts.App(name="form", help="Forms that are filled in.")
task = cyclopts.App(name="task", help="Tasks: a form that one user is to fill in once.")
app.command(form)
app.command(task)

Company = Annotated[str, Parameter(help="The company's id.")]
OfForm = Annotated[str, Parameter(name="--form", help="The form's id.")]
File = Annotated[Path, Parameter(name="FILE", help="The definition: YAML, JSON, or an XLSForm spreadsheet (.xlsx).")]


@form.command(name="add")
def add_form(file: File, *, company: Company, data: Data = None) -> None:
    """Add a form from a file."""
    from hydrobit.forms import service

    wanted = _definition(file)
    with authored(data, company) as (store, author):
        _, is_new = store.write(service.add_form, author, wanted)
    print(f"added form {wanted.form_id}" if is_new else f"form {wanted.form_id} was there already")


@form.command(name="change")
def change_form(file: File, *, company: Company, data: Data = None) -> None:
    """Give a form its next version from a file; what was filled in keeps its own."""
    from hydrobit.forms import service

    wanted = _definition(file)
    with authored(data, company) as (store, author):
        before = store.read(service.require, author.company, wanted.form_id).version
        changed = store.write(service.change_form, author, wanted.form_id, wanted, None)
    word = "has the version" if changed.version > before else "is the same as before, version"
    print(f"form {wanted.form_id} {word} {changed.version}")


@form.command(name="list")
def list_forms(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List a company's forms, disabled ones too."""
    from hydrobit.forms import service

    with opened(settings(data=data)) as store:
        found = store.read(service.list_forms, company_number(store, company))
    print_rows([_form_row(one) for one in found], as_json, "there is no form")


@form.command(name="show")
def show_form(
    form_id: str,
    *,
    company: Company,
    number: Annotated[int | None, Parameter(name="--version", help="An earlier version.")] = None,
    data: Data = None,
) -> None:
    """Print a form's definition as JSON, to be changed and sent again."""
    from hydrobit.forms import service

    with opened(settings(data=data)) as store:
        found = store.read(service.require, company_number(store, company), checked_id(form_id), number)
    print(json.dumps(json.loads(found.definition.text()), indent=2, ensure_ascii=False))


@form.command(name="disable")
def disable_form(form_id: str, *, company: Company, data: Data = None) -> None:
    """Show a form to nobody and take no more records of it; nothing of it is deleted."""
    _switch(form_id, company, True, data)
    print(f"disabled form {form_id}")


@form.command(name="enable")
def enable_form(form_id: str, *, company: Company, data: Data = None) -> None:
    """Bring a disabled form back."""
    _switch(form_id, company, False, data)
    print(f"enabled form {form_id}")


@task.command(name="assign")
def assign_task(
    user_id: str,
    *,
    company: Company,
    form_id: OfForm,
    title: str | None = None,
    due: Annotated[str | None, Parameter(help="A calendar day, such as 2025-10-19.")] = None,
    identity: Annotated[str | None, Parameter(name="--id", help="An id of your own for the task.")] = None,
    data: Data = None,
) -> None:
    """Ask a user to fill in a form of the subtype `tasks`; prints the task's id."""
    from hydrobit.forms import reading, tasks
    from hydrobit.wire.forms import TaskInput

    wish = reading.wish(TaskInput(userId=checked_user(user_id), title=title, dueDay=due, taskId=identity))
    with authored(data, company) as (store, author):
        assigned, is_new = store.write(tasks.assign, author, checked_id(form_id), wish)
    print(f"assigned task {assigned.task_id}" if is_new else f"task {assigned.task_id} was there already")


@task.command(name="cancel")
def cancel_task(task_id: str, *, company: Company, form_id: OfForm, data: Data = None) -> None:
    """Show a task to its user no more; a record that names it all the same is kept."""
    from hydrobit.forms import tasks

    with authored(data, company) as (store, author):
        store.write(tasks.cancel, author, checked_id(form_id), checked_id(task_id))
    print(f"cancelled task {task_id}")


@task.command(name="list")
def list_tasks(*, company: Company, form_id: OfForm, data: Data = None, as_json: AsJson = False) -> None:
    """List a form's tasks, ended ones too, latest first."""
    from hydrobit.forms import tasks

    found: list[Task] = []
    with opened(settings(data=data)) as store:
        number, of = company_number(store, company), checked_id(form_id)
        while page := store.read(tasks.list_tasks, number, of, len(found) // PAGE + 1, PAGE)[1]:
            found += page
            if len(page) < PAGE:
                break
    print_rows([_task_row(one) for one in found], as_json, "there is no task")


def _switch(form_id: str, company: str, disabled: bool, data: Path | None) -> None:
    from hydrobit.forms import service

    with authored(data, company) as (store, author):
        store.write(service.change_form, author, checked_id(form_id), None, disabled)


def _definition(file: Path) -> "Definition":
    """The checked definition of a file; what was passed over in it is told on standard error."""
    from hydrobit.forms import definition, files

    try:
        found, passed_over = files.read(file.name, file.read_bytes())
        wanted = definition.read(found)
    except OSError as e:
        raise SettingError(f"{file} cannot be read: {e.strerror}") from e
    except Refused as e:
        raise SettingError(f"{file}: {e}") from e
    for sentence in passed_over:
        print(f"{file}: {sentence}", file=sys.stderr)
    return wanted


def _form_row(one: "Form") -> dict[str, Any]:
    return {
        "formId": one.form_id,
        "name": one.definition.name,
        "type": one.definition.type,
        "subtype": one.definition.subtype,
        "version": one.version,
        "fields": len(one.definition.fields),
        "createdAt": write_instant(one.created_at),
        "status": "disabled" if one.disabled else "active",
    }


def _task_row(one: "Task") -> dict[str, Any]:
    return {
        "taskId": one.task_id,
        "userId": one.user_id,
        "title": one.title,
        "dueDay": one.due_day,
        "status": one.status,
        "createdAt": write_instant(one.created_at),
        "endedAt": None if one.ended_at is None else write_instant(one.ended_at),
    }
