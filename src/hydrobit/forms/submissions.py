"""Handing in a filled form, as units. The order is the contract's: replay, existence, ownership, state.

A form that was sent before is answered as it was then, also when it was disabled or has a new version by now.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.forms import service, store, tasks
from hydrobit.forms.answers import Checked
from hydrobit.forms.media import OBJECT
from hydrobit.forms.reading import Filled
from hydrobit.forms.store import Form, Record, Task
from hydrobit.forms.tasks import DONE, PENDING
from hydrobit.kit import canonical, ids, instants
from hydrobit.ledger import store as ledger
from hydrobit.objects import service as objects
from hydrobit.operation import Caller
from hydrobit.projects import places
from hydrobit.projects import service as projects
from hydrobit.projects.places import Place
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields

ZONE_OF_NOWHERE = "UTC"
OWN_EVENT, OWN_EVENT_BYTES = "\x1f", 16
"""How the event begins that a form without one is given; no phone can send this character."""


class HandedIn(msgspec.Struct, frozen=True):
    """A stored record, its task as it is now, and whether this call stored it."""

    record: Record
    task: Task | None
    is_new: bool


class Judged(msgspec.Struct, frozen=True):
    """What a filled form is checked against, and where it belongs."""

    form: Form
    task: Task | None
    place: Place
    project_verified: bool
    sector_verified: bool


def look(tx: Transaction, caller: Caller, filled: Filled) -> HandedIn | Judged:
    """The stored record where this one was handed in before, else what it is to be checked against.

    It only reads, before the media are kept; `hand_in` looks again. Raises Refused as that does.
    """
    return _replayed(tx, caller, filled) or _judge(tx, caller, filled, filled.version)


def with_event(filled: Filled, random: Callable[[int], bytes]) -> Filled:
    """The form with an event, its own where it brings none: `hand_in` has to know it again when it runs twice."""
    if filled.client_event_id is not None:
        return filled
    return msgspec.structs.replace(filled, client_event_id=OWN_EVENT + random(OWN_EVENT_BYTES).hex())


def sent_event(record: Record) -> str | None:
    """The event that the phone sent with a record."""
    event = record.client_event_id
    return None if event is None or event.startswith(OWN_EVENT) else event


def hand_in(
    tx: Transaction,
    caller: Caller,
    filled: Filled,
    version: int,
    checked: Checked,
    values: list[tuple[str, Any]],
    now: int,
) -> HandedIn:
    """Stores a filled form whose answers were checked against a version, and ends its task.

    Raises Refused: idempotency_conflict, form_not_found, invalid_value for an unknown version or another type,
    role_forbidden, task_not_found, project_not_found, sector_not_found, form_disabled. May run twice.
    """
    head = ledger.lock_head(tx, caller.company)
    replayed = _replayed(tx, caller, filled)
    if replayed is not None:
        return replayed
    judged = _judge(tx, caller, filled, version)
    number = store.last_record_number(tx, caller.company) + 1
    position = filled.position
    record = Record(
        record_no=number,
        record_id=ids.form_record_id(head.prefix, number),
        form_id=filled.form_id,
        version=version,
        user_id=caller.user_id,
        task_no=judged.task.task_no if judged.task else None,
        project_id=judged.place.project_id,
        sector_id=judged.place.sector_id,
        project_verified=judged.project_verified,
        sector_verified=judged.sector_verified,
        latitude=position.latitude if position else None,
        longitude=position.longitude if position else None,
        started_at=filled.started_at,
        duration_ms=filled.duration_ms,
        received_at=now,
        day=_day(tx, caller.company, judged.place, now if filled.started_at is None else filled.started_at),
        client_event_id=filled.client_event_id,
        content_digest=filled.content_digest,
        answers=canonical.json_text([{"field": field, "value": value} for field, value in values]),
    )
    store.add_record(tx, caller.company, record)
    for digest in sorted(_digests(values)):
        objects.name(tx, caller.company, digest)
    for answer_no, seen in enumerate(checked.observations, start=1):
        store.add_observation(tx, caller.company, record, answer_no, seen)
    return HandedIn(record, _end(tx, caller.company, judged.task, now), True)


def _replayed(tx: Transaction, caller: Caller, filled: Filled) -> HandedIn | None:
    """What the same event was answered before. Raises Refused, idempotency_conflict, for other content.

    The user is content: two phones that count 1, 2, 3 would else lose each other's forms without a word.
    """
    if filled.client_event_id is None:
        return None
    record = store.record_by_event(tx, caller.company, filled.client_event_id)
    if record is None:
        return None
    task = None if record.task_no is None else store.task_by_number(tx, caller.company, record.task_no)
    differ = _differences(filled, record, task)
    if record.user_id != caller.user_id:
        differ.insert(0, "user")
    if differ:
        raise Refused(
            Code.idempotency_conflict,
            f"clientEventId {filled.client_event_id} was used before for {record.record_id}, with another "
            f"{', another '.join(differ)}. Every filled form needs an id of its own, such as a UUID.",
            field="clientEventId",
            existing={
                "recordId": record.record_id,
                "formId": record.form_id,
                "version": record.version,
                "receivedAt": instants.write_instant(record.received_at),
            },
        )
    return HandedIn(record, task, False)


def _differences(filled: Filled, record: Record, task: Task | None) -> list[str]:
    """Version and task count only where they are named: what was left out then was filled in by the server."""
    found = ["content"] if filled.content_digest != record.content_digest else []
    if filled.version not in (None, record.version):
        found.append(f"version ({record.version} before, {filled.version} now)")
    if filled.task_id is not None and (task is None or task.task_id != filled.task_id):
        found.append("taskId")
    return found


def _judge(tx: Transaction, caller: Caller, filled: Filled, version: int | None) -> Judged:
    form = _form(tx, caller.company, filled.form_id, version)
    if filled.type != form.definition.type:
        raise fields.invalid("type", f"is {filled.type}, and the form's is {form.definition.type}")
    task = _task(tx, caller, filled)
    if task is None and caller.role not in form.definition.roles:
        raise Refused(Code.role_forbidden, f"The role {caller.role} may not fill in the form {form.form_id}.")
    judged = _placed(tx, caller.company, filled, form, task)
    if form.disabled_at is not None and not _was_begun_before(filled, form.disabled_at):
        since = instants.write_instant(form.disabled_at)
        raise Refused(Code.form_disabled, f"The form {form.form_id} is disabled since {since}.", field="_id")
    return judged


def _was_begun_before(filled: Filled, disabled_at: int) -> bool:
    """A phone without signal hands in later what was filled in while the form was in use: work that was done."""
    return filled.started_at is not None and filled.started_at < disabled_at


def _form(tx: Transaction, company: int, form_id: str, version: int | None) -> Form:
    found = store.form(tx, company, form_id, version)
    if found is not None:
        return found
    present = store.present_version(tx, company, form_id)
    if present is None:
        raise Refused(Code.form_not_found, service.no_form(form_id), field="_id")
    raise fields.invalid("version", f"is {version}; the form has the versions 1 to {present}")


def _task(tx: Transaction, caller: Caller, filled: Filled) -> Task | None:
    """The named task, else the caller's only one of the form that waits. Raises Refused, task_not_found."""
    if filled.task_id is None:
        waiting = store.pending_tasks(tx, caller.company, caller.user_id, filled.form_id)
        return waiting[0] if len(waiting) == 1 else None
    task = store.task(tx, caller.company, filled.task_id)
    if task is None or (task.form_id, task.user_id) != (filled.form_id, caller.user_id):
        raise tasks.no_task(filled.task_id)
    return task


def _placed(tx: Transaction, company: int, filled: Filled, form: Form, task: Task | None) -> Judged:
    """The forced place, else the one that GPS tells; and whether GPS confirms it.

    A sector may be forced without its project. Where the project alone is forced, GPS may still tell the sector in it.
    """
    covering = _covering(tx, company, filled)
    project_id, sector_id = filled.project_id, filled.sector_id
    if sector_id is not None:
        if project_id is not None:
            projects.require(tx, company, project_id)
            projects.require_sector(tx, company, project_id, sector_id)
        project_id = project_id or projects.find_sector(tx, company, sector_id).project_id
        place = Place(project_id, sector_id)
    elif project_id is not None:
        projects.require(tx, company, project_id)
        place = next((one for one in covering if one.project_id == project_id), Place(project_id, None))
    else:
        place = covering[0] if covering else places.NOWHERE
    return Judged(
        form,
        task,
        place,
        project_verified=any(one.project_id == place.project_id for one in covering),
        sector_verified=place.sector_id is not None and any(one.sector_id == place.sector_id for one in covering),
    )


def _covering(tx: Transaction, company: int, filled: Filled) -> list[Place]:
    position = filled.position
    return [] if position is None else places.covering(tx, company, position.longitude, position.latitude)


def _day(tx: Transaction, company: int, place: Place, at: int) -> str:
    """The local day in the zone of the project, else of the company's first project."""
    known = None if place.project_id is None else projects.require(tx, company, place.project_id).timezone
    zone = known or projects.first_zone(tx, company) or ZONE_OF_NOWHERE
    return instants.local_day(at, zone).isoformat()


def _digests(values: list[tuple[str, Any]]) -> set[str]:
    """The objects that answers name."""
    flat = [one for _, value in values for one in (value if isinstance(value, list) else [value])]
    return {one[OBJECT] for one in flat if isinstance(one, dict) and OBJECT in one}


def _end(tx: Transaction, company: int, task: Task | None, now: int) -> Task | None:
    """The task once it is done; one that was ended before stays as it is, and the record is kept all the same."""
    if task is None or task.status != PENDING:
        return task
    store.end_task(tx, company, task.task_no, DONE, now)
    return store.task_by_number(tx, company, task.task_no)
