"""Commands for the crew: its workers, its template, a crew from a CSV file, and forgetting a person."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
import msgspec
from cyclopts import Parameter

from hydrobit.audit.service import OPERATOR
from hydrobit.cli import app
from hydrobit.cli.common import AsJson, Data, checked_id, company_number, now, opened, print_rows, settings
from hydrobit.errors import SettingError, StoreError
from hydrobit.kit.amounts import amount_text
from hydrobit.kit.folding import fold
from hydrobit.kit.instants import write_instant
from hydrobit.wire import fields
from hydrobit.wire.workers import WorkerChange, WorkerInput
from hydrobit.workers import crew, importing, reading, service
from hydrobit.workers import template as options
from hydrobit.workers.store import Wanted, Worker
from hydrobit.workers.template import Kind, Template

PAGE = 100

worker = cyclopts.App(name="worker", help="Workers of the crew register.")
template = cyclopts.App(name="template", help="What workers may be: positions, employment types, statuses, skills.")
app.command(worker)
app.command(template)

Company = Annotated[str, Parameter(help="The company's id.")]
WorkerId = Annotated[str, Parameter(name="WORKER", help="Business id such as JS0315, or stored id.")]
Clearable = Annotated[str | None, Parameter(help='"" takes it away.')]
Skills = Annotated[list[str] | None, Parameter(name="--skill", help="May be said several times.")]
KindName = Literal["position", "employment_type", "status", "skill"]


@worker.command(name="add")
def add_worker(
    first_name: str,
    last_name: str,
    *,
    company: Company,
    hired: Annotated[str, Parameter(help="The day of hiring, such as 2025-03-15.")],
    position: str,
    employment_type: str,
    status: str | None = None,
    phone: str | None = None,
    email: str | None = None,
    rate: Annotated[str | None, Parameter(help="Pay per hour.")] = None,
    skill: Skills = None,
    notes: str | None = None,
    data: Data = None,
) -> None:
    """Add a worker and print the business id."""
    body = _shape(
        WorkerInput,
        first_name=first_name,
        last_name=last_name,
        hire_date=hired,
        position=position,
        employment_type=employment_type,
        status=status,
        phone=phone,
        email=email,
        hourly_rate=_number(rate),
        skills=skill,
        notes=notes,
    )
    new = reading.new_worker(body)
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        added, is_new = store.write(service.add_worker, number, OPERATOR, new, None, now(), os.urandom)
    print(f"added worker {added.worker_id}" if is_new else f"worker {added.worker_id} was there already")


@worker.command(name="change")
def change_worker(
    worker_id: WorkerId,
    *,
    company: Company,
    first_name: str | None = None,
    last_name: str | None = None,
    position: str | None = None,
    employment_type: str | None = None,
    status: str | None = None,
    terminated: Annotated[str | None, Parameter(help='The last day, such as 2025-11-30; "" takes it away.')] = None,
    phone: Clearable = None,
    email: Clearable = None,
    emergency_contact_name: Clearable = None,
    emergency_contact_phone: Clearable = None,
    rate: Annotated[str | None, Parameter(help="Pay per hour.")] = None,
    skill: Skills = None,
    notes: Clearable = None,
    data: Data = None,
) -> None:
    """Change what is given of a worker; the business id stays, and nothing of the history is deleted."""
    body = _shape(
        WorkerChange,
        first_name=first_name,
        last_name=last_name,
        position=position,
        employment_type=employment_type,
        status=status,
        termination_date=terminated,
        phone=phone,
        email=email,
        emergency_contact_name=emergency_contact_name,
        emergency_contact_phone=emergency_contact_phone,
        hourly_rate=_number(rate),
        skills=skill,
        notes=notes,
    )
    changes = reading.changes(body, ())
    with opened(settings(data=data)) as store:
        number, name = company_number(store, company), checked_id(worker_id)
        changed = store.write(service.change_worker, number, OPERATOR, name, changes, now(), os.urandom)
    print(f"changed worker {changed.worker_id}")


@worker.command(name="list")
def list_workers(
    *,
    company: Company,
    search: Annotated[str | None, Parameter(help="Anywhere in the names and the business id.")] = None,
    status: str | None = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List a company's workers, latest added first."""
    wanted, found = Wanted(text=fold(search or "") or None, status=status), list[Worker]()
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        while page := store.read(service.list_workers, number, wanted, len(found) // PAGE + 1, PAGE)[1]:
            found += page
            if len(page) < PAGE:
                break
    print_rows(map(_told if as_json else _row, found), as_json, "there is no worker")


@worker.command(name="show")
def show_worker(worker_id: WorkerId, *, company: Company, data: Data = None) -> None:
    """Print all that the register holds of a worker, as JSON."""
    with opened(settings(data=data)) as store:
        found = store.read(service.read_worker, company_number(store, company), checked_id(worker_id))
    print(json.dumps(_told(found), ensure_ascii=False, indent=2))


@worker.command(name="import")
def import_workers(
    file: Path,
    *,
    company: Company,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be done.")] = False,
    partial: Annotated[bool, Parameter(negative="", help="Take the good lines, and leave the bad ones out.")] = False,
    data: Data = None,
) -> None:
    """Add a crew from a CSV file; every line is taken, or none. Exit status 1 when a line is bad."""
    text, encoding = crew.decode(_content(file))
    wanted = crew.read(text)
    print(f"read as {encoding}, separated by {wanted.separator}")
    if wanted.passed_over:
        print(f"passed over the columns {', '.join(wanted.passed_over)}")
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        plan = store.read(importing.plan, number, wanted)
        done, is_written = plan.outcome, not dry_run and (partial or not plan.outcome.bad_lines)
        if is_written:
            when = (partial, now(), os.urandom)
            entries = importing.prepare(number, OPERATOR, plan, *when)
            done = store.write(importing.add_crew, number, OPERATOR, wanted, plan, entries, *when)
    for bad in done.bad_lines:
        print(importing.told(bad), file=sys.stderr)
    counts = f"{len(done.added)} added, {len(done.unchanged)} unchanged, {len(done.bad_lines)} bad"
    print(counts if is_written else f"{counts}; {'a dry run, ' if dry_run else ''}nothing was stored")
    if done.bad_lines:
        sys.exit(1)


@worker.command(name="erase")
def erase_worker(
    worker_id: Annotated[str, Parameter(name="WORKER", help="Business id such as JS0315.")],
    *,
    company: Company,
    data: Data = None,
) -> None:
    """Forget who a worker is: names, contacts, evidence, and what the audit log says. Units and totals stay."""
    from hydrobit.records import erasing

    known_as = fields.worker_id(worker_id)
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        notes = store.read(erasing.find_notes, number, known_as)
        store.overwrite_erased()
        erased = store.write(erasing.erase_worker, number, OPERATOR, known_as, notes, now(), os.urandom)
    print(f"erased worker {known_as}: {erased.texts} texts, {erased.held} held counts")


@template.command(name="show")
def show_template(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """Print a company's options."""
    with opened(settings(data=data)) as store:
        found = store.read(options.of_company, company_number(store, company))
    if as_json:
        print(json.dumps({kind.value: list(names) for kind, names in found.options.items()}, ensure_ascii=False))
        return
    _print_options(found)


@template.command(name="set")
def set_template(
    kind: KindName,
    names: Annotated[tuple[str, ...], Parameter(name="NAME", help="The options in order; none: the usual ones.")] = (),
    *,
    company: Company,
    data: Data = None,
) -> None:
    """Put options of a kind in the place of those before; workers keep what they have."""
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        set_now = store.write(options.set_options, number, OPERATOR, Kind(kind), names, now(), os.urandom)
    print(f"{kind}: {', '.join(set_now)}")


def _print_options(found: Template) -> None:
    for kind, names in found.options.items():
        print(f"{kind}: {', '.join(names)}")


def _shape(shape: type[msgspec.Struct], **given: Any) -> Any:
    """The request that says the same, so that flags are held to the rules of the API."""
    return shape(auth0Id="", **{name: value for name, value in given.items() if value is not None})


def _number(text: str | None) -> msgspec.Raw | None:
    from hydrobit.kit.amounts import read_amount

    if text is None:
        return None
    try:
        read_amount(text.encode())
    except ValueError as e:
        raise SettingError(f"--rate {e}") from e
    return msgspec.Raw(text.encode())


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(crew.FILE_BYTES_MAX + 1)
    except OSError as e:
        raise StoreError(f"{file} cannot be read: {e.strerror}") from e


def _row(one: Worker) -> dict[str, Any]:
    """A worker as a line of a table."""
    return {
        "worker": one.worker_id,
        "name": f"{one.first_name} {one.last_name}",
        "position": one.position,
        "hired": one.hire_date,
        "status": one.status,
    }


def _told(one: Worker) -> dict[str, Any]:
    """A worker as JSON has it: no nulls, an exact rate, no inner numbers."""
    told: dict[str, Any] = msgspec.to_builtins(one)
    told |= {"created_at": write_instant(one.created_at)}
    if one.hourly_rate is not None:
        told["hourly_rate"] = amount_text(one.hourly_rate)
    hidden = ("worker_no", "photo")
    return {name: value for name, value in told.items() if value is not None and name not in hidden}
