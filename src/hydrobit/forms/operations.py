"""The rows of forms: what a phone fetches and hands in, and what an admin sets up and reads."""

import asyncio
import os
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from hydrobit.audit.service import author_of
from hydrobit.errors import Code
from hydrobit.forms import answers, media, reading, service, submissions, tasks
from hydrobit.forms.definition import TASKS
from hydrobit.forms.media import OBJECT
from hydrobit.forms.service import Shown
from hydrobit.forms.store import Form, Record, Task
from hydrobit.forms.submissions import HandedIn
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.instants import write_instant
from hydrobit.operation import (
    ADMINS,
    ANYONE,
    AUTH0_ID_QUERY,
    PAGING,
    WRITERS,
    Call,
    Context,
    Http,
    Operation,
    Parameter,
    Repeat,
    Reply,
)
from hydrobit.wire import fields
from hydrobit.wire import forms as wire
from hydrobit.wire.body import Body


async def get_forms(context: Context, call: Call) -> Reply:
    kind, subtype = call.query.get("type"), call.query.get("subtype")
    found = await context.engine.read(service.forms_of, call.caller, kind, subtype)
    return Reply(200, wire.FormListEnvelope(data=[_shown(one, subtype) for one in found]))


async def submit_record(context: Context, call: Call) -> Reply:
    ahead_hours_max = context.settings.clock_ahead_hours_max
    filled = await asyncio.to_thread(reading.filled, call.body, call.now, ahead_hours_max)
    looked = await context.engine.read(submissions.look, call.caller, filled)
    if isinstance(looked, HandedIn):
        return _handed_in(call, looked, filled.ignored)
    checked = await asyncio.to_thread(answers.check, looked.form.definition, filled)
    filled = submissions.with_event(filled, context.random)
    values = await media.keep(context, call.caller.company, checked, call.now)
    version = looked.form.version
    done = await context.engine.write(submissions.hand_in, call.caller, filled, version, checked, values, call.now)
    return _handed_in(call, done, (*filled.ignored, *checked.ignored))


async def add_form(context: Context, call: Call) -> Reply:
    wanted = await asyncio.to_thread(reading.defined, call.body.definition)
    form, is_new = await context.engine.write(service.add_form, author_of(context, call), wanted)
    return _answer_form(call, form, is_new)


async def change_form(context: Context, call: Call) -> Reply:
    form_id, body = call.path["formId"], call.body
    wanted = None
    if not fields.left_out(body.definition):
        wanted = await asyncio.to_thread(reading.defined, body.definition, form_id)
    reading.require_change(wanted, body.disabled)
    author = author_of(context, call)
    return _answer_form(call, await context.engine.write(service.change_form, author, form_id, wanted, body.disabled))


async def list_forms(context: Context, call: Call) -> Reply:
    found = await context.engine.read(service.list_forms, call.caller.company)
    return Reply(200, wire.FormSummaryListEnvelope(data=[wire.FormSummary(**_summary(form)) for form in found]))


async def read_form(context: Context, call: Call) -> Reply:
    form_id, version = call.path["formId"], call.query.get("version")
    return _answer_form(call, await context.engine.read(service.require, call.caller.company, form_id, version))


async def assign_task(context: Context, call: Call) -> Reply:
    wish = reading.wish(call.body)
    task, is_new = await context.engine.write(tasks.assign, author_of(context, call), call.path["formId"], wish)
    return _answer_task(call, task, is_new)


async def cancel_task(context: Context, call: Call) -> Reply:
    author, path = author_of(context, call), call.path
    return _answer_task(call, await context.engine.write(tasks.cancel, author, path["formId"], path["taskId"]))


async def list_tasks(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    company, form_id = call.caller.company, call.path["formId"]
    total, found = await context.engine.read(tasks.list_tasks, company, form_id, page, page_size)
    items = [_task(task) for task in found]
    return Reply(
        200, wire.TaskPageEnvelope(data=wire.TaskPage(total=total, page=page, pageSize=page_size, items=items))
    )


async def list_records(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    company, form_id = call.caller.company, call.path["formId"]
    total, found = await context.engine.read(service.list_records, company, form_id, page, page_size)
    items = [_record(context, call, record, task) for record, task in found]
    data = wire.FormRecordPage(total=total, page=page, pageSize=page_size, items=items)
    return Reply(200, wire.FormRecordPageEnvelope(data=data))


def _shown(shown: Shown, subtype: str | None) -> wire.Form:
    form = shown.form
    waiting = [
        wire.OpenTask(taskId=one.task_id, title=one.title or UNSET, dueDay=one.due_day or UNSET) for one in shown.tasks
    ]
    return wire.Form(
        form=form.form_id,
        name=form.definition.name,
        type=form.definition.type,
        subtype=form.definition.subtype or UNSET,
        version=form.version,
        fields=Raw(msgspec.json.encode(form.definition.fields)),
        tasks=waiting if subtype == TASKS else UNSET,
    )


def _handed_in(call: Call, done: HandedIn, ignored: tuple[str, ...]) -> Reply:
    record, task = done.record, done.task
    answer = wire.FormRecordEnvelope(
        verification=_verification(record),
        recordId=record.record_id,
        version=record.version,
        idempotent=not done.is_new,
        projectId=record.project_id or UNSET,
        sectorId=record.sector_id or UNSET,
        task=UNSET if task is None else wire.TaskState(taskId=task.task_id, status=task.status),  # type: ignore[arg-type]
        ignored=[*call.ignored, *ignored] or UNSET,
    )
    return Reply(201 if done.is_new else 200, answer)


def _verification(record: Record) -> wire.Verification:
    return wire.Verification(project=record.project_verified, sector=record.sector_verified)


def _answer_form(call: Call, form: Form, is_new: bool = False) -> Reply:
    data = wire.FormDetails(**_summary(form), definition=Raw(form.definition.text().encode()))
    return Reply(201 if is_new else 200, wire.FormEnvelope(data=data, ignored=call.ignored_or_unset))


def _summary(form: Form) -> dict[str, Any]:
    return {
        "formId": form.form_id,
        "name": form.definition.name,
        "type": form.definition.type,
        "subtype": form.definition.subtype or UNSET,
        "version": form.version,
        "disabled": form.disabled,
        "createdAt": write_instant(form.created_at),
    }


def _answer_task(call: Call, task: Task, is_new: bool = False) -> Reply:
    return Reply(201 if is_new else 200, wire.TaskEnvelope(data=_task(task), ignored=call.ignored_or_unset))


def _task(task: Task) -> wire.Task:
    return wire.Task(
        taskId=task.task_id,
        formId=task.form_id,
        userId=task.user_id,
        title=task.title or UNSET,
        dueDay=task.due_day or UNSET,
        status=task.status,  # type: ignore[arg-type]
        createdAt=write_instant(task.created_at),
        endedAt=UNSET if task.ended_at is None else write_instant(task.ended_at),
    )


def _record(context: Context, call: Call, record: Record, task: Task | None) -> wire.FormRecord:
    return wire.FormRecord(
        recordId=record.record_id,
        formId=record.form_id,
        version=record.version,
        userId=record.user_id,
        day=record.day,
        receivedAt=write_instant(record.received_at),
        inicio=UNSET if record.started_at is None else write_instant(record.started_at),
        segundos=UNSET if record.duration_ms is None else write_amount(record.duration_ms * 1000),
        latitude=UNSET if record.latitude is None else record.latitude,
        longitude=UNSET if record.longitude is None else record.longitude,
        projectId=record.project_id or UNSET,
        sectorId=record.sector_id or UNSET,
        verification=_verification(record),
        taskId=task.task_id if task else UNSET,
        clientEventId=submissions.sent_event(record) or UNSET,
        form_values=_with_links(context, call, record.answers),
    )


def _with_links(context: Context, call: Call, text: str) -> Raw:
    """Stored answers with a link in the place of each object. Numbers stay as they are written."""
    if f'"{OBJECT}":' not in text:
        return Raw(text.encode())
    linked = [
        {name: _linked(context, call, raw) if name == "value" else raw for name, raw in answer.items()}
        for answer in msgspec.json.decode(text, type=list[dict[str, Raw]])
    ]
    return Raw(msgspec.json.encode(linked))


def _linked(context: Context, call: Call, raw: Raw) -> object:
    value = msgspec.json.decode(raw)
    media_of = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    if not all(isinstance(one, dict) and OBJECT in one for one in media_of) or not media_of:
        return raw
    links = [
        {"url": context.objects.link(call.caller.company, one[OBJECT], call.now), "contentType": one["contentType"]}
        for one in media_of
    ]
    return links if isinstance(value, list) else links[0]


TAG = "Forms"
PATH = "/api/control/forms"
ADMIN_PATH = "/api/control/admin/forms"
FORM_ID = Parameter("formId", "path", True, "form_abc123")
TASK_ID = Parameter("taskId", "path", True, "task_1f2e3d4c5b6a7980")
_SCOUTING = {
    "_id": "form_scouting",
    "name": "Crop scouting",
    "type": "inspection",
    "subtype": "monitoring",
    "fields": [
        {"name": "aphids", "label": "Aphids", "type": "pest", "required": True, "maximum": 500, "scale": 5},
        {
            "name": "vigour",
            "label": "Vigour",
            "type": "choice",
            "options": [{"value": "good", "label": "Good"}, {"value": "poor", "label": "Poor"}],
        },
        {"name": "leaf", "label": "Photo of a leaf", "type": "photo"},
    ],
}
_FILLED = {
    "record": {
        "_id": "form_abc123",
        "auth0Id": "user_123456789",
        "type": "inspection",
        "latitude": 19.4326,
        "longitude": -99.1332,
        "form_id": "form_abc123",
        "form_values": [{"field": "aphids", "value": {"value": 12, "severity": 3}}],
        "inicio": "2025-10-09T10:00:00Z",
        "segundos": 120,
        "clientEventId": "evt_1",
    }
}

OPERATIONS = (
    Operation(
        name="getForms",
        tag=TAG,
        summary="List the forms a user may fill in",
        description=(
            "With the subtype `tasks` every form that the caller has a task of, and what waits of it; otherwise the "
            "monitoring forms that the caller's role may see. Each in its present version."
        ),
        http=Http("GET", PATH + "/getForms", {200: "The forms."}),
        handler=get_forms,
        answer=wire.FormListEnvelope,
        roles=ANYONE,
        repeat=Repeat.reads,
        errors=(),
        parameters=(
            AUTH0_ID_QUERY,
            Parameter("companyId", "query", True, "comp_12345", "It has to be the caller's company."),
            Parameter("type", "query", False, "inspection", "Keep only forms of this type."),
            Parameter("subtype", "query", False, "tasks", "Keep only this subtype; `tasks` switches to task forms."),
        ),
    ),
    Operation(
        name="submitRecord",
        tag=TAG,
        summary="Hand in a filled form",
        description=(
            "Checks every answer against the version that the record names, else the present one; a version that a "
            "phone fetched last week counts. Projects and sectors follow from `projectId` and `sectorId`, else from "
            "GPS: the smallest sector that covers the point. A point outside of all is stored without one. Photos, "
            "audio and signatures are base64 data URLs in the value: pictures of at most 12 MiB (JPEG, PNG, WebP; "
            "encoded anew), signatures of 1 MiB, audio of 16 MiB (kept as it is). With a `clientEventId` it is safe to "
            "repeat, also when the form has a new version or was disabled meanwhile. It ends the task that it names, "
            "else the caller's only one of this form."
        ),
        http=Http("POST", PATH + "/record", {200: "It was stored before.", 201: "Stored."}),
        handler=submit_record,
        request=wire.SubmissionBody(os.urandom),
        answer=wire.FormRecordEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_event,
        errors=(
            Code.form_not_found,
            Code.task_not_found,
            Code.project_not_found,
            Code.sector_not_found,
            Code.clock_ahead,
            Code.idempotency_conflict,
            Code.form_disabled,
        ),
        caller_in="record",
        request_examples={"scouting": _FILLED},
        body_limit="form_body_bytes_max",
    ),
    Operation(
        name="addForm",
        tag=TAG,
        summary="Add a form",
        description=(
            "Adds a form in its first version. Its definition is checked to the last member, and every fault is told "
            "at once."
        ),
        http=Http("POST", ADMIN_PATH, {200: "The same form was there.", 201: "Added."}),
        handler=add_form,
        request=Body(wire.FormInput),
        answer=wire.FormEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.id_taken,),
        request_examples={"scouting": {"definition": _SCOUTING}},
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="changeForm",
        tag=TAG,
        summary="Give a form a new version, or disable it",
        description=(
            "Another definition becomes the form's next version; what was filled in keeps its own. A disabled form is "
            "shown to nobody and takes no records; nothing of it is deleted."
        ),
        http=Http("PATCH", ADMIN_PATH + "/{formId}", {200: "Changed."}),
        handler=change_form,
        request=Body(wire.FormChange),
        answer=wire.FormEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.form_not_found, Code.nothing_to_change),
        parameters=(FORM_ID,),
        request_examples={"disable": {"disabled": True}},
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="listForms",
        tag=TAG,
        summary="List the company's forms",
        description="Every form, disabled ones too, in the order of their ids.",
        http=Http("GET", ADMIN_PATH, {200: "The forms."}),
        handler=list_forms,
        answer=wire.FormSummaryListEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
    ),
    Operation(
        name="readForm",
        tag=TAG,
        summary="Read a form's definition",
        description="The present version, or an earlier one, as it may be changed and sent again.",
        http=Http("GET", ADMIN_PATH + "/{formId}", {200: "The form."}),
        handler=read_form,
        answer=wire.FormEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(Code.form_not_found,),
        parameters=(
            FORM_ID,
            Parameter(
                "version",
                "query",
                False,
                1,
                "The present one when left out.",
                {"type": "integer", "minimum": 1, "maximum": wire.VERSION_MAX},
            ),
        ),
    ),
    Operation(
        name="assignTask",
        tag=TAG,
        summary="Ask a user to fill in a form",
        description=(
            "The form must be of the subtype `tasks`. Without a `taskId`, a task that waits for the same user with the "
            "same title and day is the same."
        ),
        http=Http("POST", ADMIN_PATH + "/{formId}/tasks", {200: "The same task was there.", 201: "Assigned."}),
        handler=assign_task,
        request=Body(wire.TaskInput),
        answer=wire.TaskEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.form_not_found, Code.user_not_found, Code.id_taken, Code.form_disabled),
        parameters=(FORM_ID,),
        request_examples={"task": {"userId": "user_987654321", "title": "Check the traps", "dueDay": "2025-10-19"}},
    ),
    Operation(
        name="listTasks",
        tag=TAG,
        summary="List a form's tasks",
        description="Every task of the form, ended ones too, latest first.",
        http=Http("GET", ADMIN_PATH + "/{formId}/tasks", {200: "One page."}),
        handler=list_tasks,
        answer=wire.TaskPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(Code.form_not_found,),
        parameters=(FORM_ID, *PAGING),
    ),
    Operation(
        name="cancelTask",
        tag=TAG,
        summary="Cancel a task",
        description="It is shown to its user no more. A record that names it all the same is kept.",
        http=Http("POST", ADMIN_PATH + "/{formId}/tasks/{taskId}/cancel", {200: "Cancelled."}, body_required=False),
        handler=cancel_task,
        request=Body(wire.TaskCancellation),
        answer=wire.TaskEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.form_not_found, Code.task_not_found, Code.task_done),
        parameters=(FORM_ID, TASK_ID),
    ),
    Operation(
        name="listFormRecords",
        tag=TAG,
        summary="Read what was handed in",
        description=(
            "The form's records, latest first, with their answers as handed in. Photos, audio and signatures are links "
            "that expire; ask again for new ones."
        ),
        http=Http("GET", ADMIN_PATH + "/{formId}/records", {200: "One page."}),
        handler=list_records,
        answer=wire.FormRecordPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(Code.form_not_found,),
        parameters=(FORM_ID, *PAGING),
    ),
)
