"""The rows of the workers."""

import asyncio

from msgspec import UNSET

from hydrobit.errors import Code
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.folding import fold
from hydrobit.kit.instants import write_instant
from hydrobit.objects import pictures
from hydrobit.objects import service as objects
from hydrobit.operation import (
    ADMINS,
    ANYONE,
    AUTH0_ID_QUERY,
    COMPANY_ID_QUERY,
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
from hydrobit.wire import workers as wire
from hydrobit.wire.body import Body
from hydrobit.wire.workers import Worker, WorkerEnvelope, WorkerInput, WorkerPage, WorkerPageEnvelope
from hydrobit.workers import crew, importing, reading, service, template
from hydrobit.workers.crew import Crew
from hydrobit.workers.importing import Imported
from hydrobit.workers.store import Wanted
from hydrobit.workers.store import Worker as StoredWorker


async def create_worker(context: Context, call: Call) -> Reply:
    new = reading.new_worker(call.body)
    photo = await _photo(context, call)
    caller = call.caller
    worker, is_new = await context.engine.write(
        service.add_worker, caller.company, caller.user_id, new, photo, call.now, context.random
    )
    return Reply(
        201 if is_new else 200, WorkerEnvelope(data=_worker(context, call, worker), ignored=list(call.ignored) or UNSET)
    )


async def _photo(context: Context, call: Call) -> str | None:
    """The digest of the photo that was sent, once it is kept; a row has to name it then. Raises Refused."""
    sent = call.body.photo
    if len(memoryview(sent)) < PHOTO_BYTES_MIN and bytes(sent) in (b"", b"null", b'""'):
        return None
    content = await pictures.picture(context.objects, memoryview(sent), "photo")
    return await objects.keep(context, call.caller.company, content, pictures.CONTENT_TYPE, call.now)


async def list_workers(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    total, found = await context.engine.read(service.list_workers, call.caller.company, _wanted(call), page, page_size)
    items = [_worker(context, call, worker) for worker in found]
    return Reply(200, WorkerPageEnvelope(data=WorkerPage(total=total, page=page, pageSize=page_size, items=items)))


async def read_worker(context: Context, call: Call) -> Reply:
    worker = await context.engine.read(service.read_worker, call.caller.company, call.path["worker"])
    return Reply(200, WorkerEnvelope(data=_worker(context, call, worker)))


async def change_worker(context: Context, call: Call) -> Reply:
    changes, caller = reading.changes(call.body, call.ignored), call.caller
    worker = await context.engine.write(
        service.change_worker,
        caller.company,
        caller.user_id,
        call.path["worker"],
        changes,
        call.now,
        context.random,
    )
    return Reply(200, WorkerEnvelope(data=_worker(context, call, worker), ignored=list(call.ignored) or UNSET))


async def import_workers(context: Context, call: Call) -> Reply:
    company, actor, partial = call.caller.company, call.caller.user_id, call.body.partial is True
    when = (partial, call.now, context.random)
    wanted = await asyncio.to_thread(crew.read, call.body.csv)
    plan = await context.engine.read(importing.plan, company, wanted)
    if call.body.dryRun:
        return _imported(call, wanted, plan.outcome)
    entries = await asyncio.to_thread(importing.prepare, company, actor, plan, *when)
    done = await context.engine.write(importing.add_crew, company, actor, wanted, plan, entries, *when)
    return _imported(call, wanted, done)


async def get_template(context: Context, call: Call) -> Reply:
    return _template(call, await context.engine.read(template.of_company, call.caller.company))


async def set_template(context: Context, call: Call) -> Reply:
    options, caller = reading.template_options(call.body), call.caller
    changed = await context.engine.write(
        template.change, caller.company, caller.user_id, options, call.now, context.random
    )
    return _template(call, changed)


def _imported(call: Call, wanted: Crew, done: Imported) -> Reply:
    data = wire.CrewImported(
        dryRun=call.body.dryRun is True,
        added=done.added,
        unchanged=done.unchanged,
        badLines=[
            wire.BadLine(line=bad.line, column=bad.column or UNSET, value=bad.value or UNSET, detail=bad.detail)
            for bad in done.bad_lines
        ],
        columnsPassedOver=wanted.passed_over,
    )
    return Reply(200, wire.CrewImportedEnvelope(data=data, ignored=list(call.ignored) or UNSET))


def _template(call: Call, found: template.Template) -> Reply:
    data = wire.Template(**{kind.value: list(names) for kind, names in found.options.items()})
    return Reply(200, wire.TemplateEnvelope(data=data, ignored=list(call.ignored) or UNSET))


def _wanted(call: Call) -> Wanted:
    query = call.query
    text = fold(query.get("q", ""))
    return Wanted(text or None, query.get("status"), query.get("position"), query.get("employment_type"))


def _worker(context: Context, call: Call, worker: StoredWorker) -> Worker:
    return Worker(
        workerId=worker.stored_id,
        worker_id=worker.worker_id,
        first_name=worker.first_name,
        last_name=worker.last_name,
        phone=worker.phone or UNSET,
        email=worker.email or UNSET,
        position=worker.position,
        employment_type=worker.employment_type,
        hire_date=worker.hire_date,
        termination_date=worker.termination_date,
        status=worker.status,
        hourly_rate=UNSET if worker.hourly_rate is None else write_amount(worker.hourly_rate),
        emergency_contact_name=worker.emergency_contact_name or UNSET,
        emergency_contact_phone=worker.emergency_contact_phone or UNSET,
        skills=list(worker.skills),
        notes=worker.notes or UNSET,
        photo_url=context.objects.link(call.caller.company, worker.photo, call.now) if worker.photo else None,
        created_at=write_instant(worker.created_at),
    )


TAG = "Workers"
ADMIN_TAG = "Administration"
ADMIN_PATH = "/api/control/admin/workers"
TEMPLATE_PATH = "/api/control/admin/template"
PATH = "/api/control/workers"
PHOTO_BYTES_MIN = 8
"""What is shorter may only be a photo that was left out."""
_FIELD_WORKER = {
    "auth0Id": "user_123456789",
    "first_name": "John",
    "last_name": "Smith",
    "phone": "+1234567890",
    "email": "john.smith@example.com",
    "position": "field_worker",
    "employment_type": "full_time",
    "hire_date": "2025-03-15",
    "termination_date": None,
    "status": "active",
    "hourly_rate": 18.5,
    "emergency_contact_name": "Jane Smith",
    "emergency_contact_phone": "+1234567891",
    "skills": ["irrigation", "pruning"],
}
_LEAST_WORKER = {
    name: _FIELD_WORKER[name]
    for name in ("auth0Id", "first_name", "last_name", "position", "employment_type", "hire_date")
}

OPERATIONS = (
    Operation(
        name="createWorker",
        tag=TAG,
        summary="Add a worker",
        description=(
            "Registers a worker in the caller's company. The business id is the initials followed by month and day of "
            "the hire date (John Smith, hired 2025-03-15, becomes `JS0315`); another person who would get the same one "
            "gets `JS0315-2`. The same person again, by names and hire date, is answered with the stored worker. "
            "Position, employment type and status have to be options of the company's template; skills outside of it "
            "are dropped. A photo may travel along as a base64 data URL (JPEG, PNG or WebP, at most 12 MiB); it is "
            "encoded anew, and a link to it comes back."
        ),
        http=Http("POST", PATH, {200: "The worker was there already.", 201: "Registered."}),
        handler=create_worker,
        request=Body(WorkerInput),
        answer=WorkerEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_person,
        errors=(),
        body_limit="worker_body_bytes_max",
        request_examples={"fieldWorker": _FIELD_WORKER, "leastWorker": _LEAST_WORKER},
    ),
    Operation(
        name="listWorkers",
        tag=TAG,
        summary="List workers",
        description=(
            "A page of the company's workers, latest created first. A search looks anywhere in the names and the "
            "business id, blind to accents and upper case. Beyond the last page the list is empty."
        ),
        http=Http("GET", PATH, {200: "One page."}),
        handler=list_workers,
        answer=WorkerPageEnvelope,
        roles=ANYONE,
        repeat=Repeat.reads,
        errors=(),
        parameters=(
            AUTH0_ID_QUERY,
            COMPANY_ID_QUERY,
            Parameter("q", "query", False, "John", "Text looked for in first name, last name and business id."),
            Parameter("status", "query", False, "active", "Keep only this status."),
            Parameter("position", "query", False, "field_worker", "Keep only this position."),
            Parameter("employment_type", "query", False, "full_time", "Keep only this kind of employment."),
            *PAGING,
        ),
    ),
    Operation(
        name="getWorker",
        tag=TAG,
        summary="Read one worker",
        description="Finds a worker of the caller's company by stored id or by business id.",
        http=Http("GET", PATH + "/{worker}", {200: "The worker."}),
        handler=read_worker,
        answer=WorkerEnvelope,
        roles=ANYONE,
        repeat=Repeat.reads,
        errors=(Code.worker_not_found,),
        parameters=(
            Parameter("worker", "path", True, "JS0315", "Stored id, or business id such as `JS0315`."),
            AUTH0_ID_QUERY,
        ),
    ),
    Operation(
        name="changeWorker",
        tag=ADMIN_TAG,
        summary="Change a worker",
        description=(
            "Changes what is sent; an empty text takes away what may be missing. The business id stays, whatever the "
            "names become, and records keep the names they were made with. Who leaves gets a status and a "
            "termination_date; nothing is deleted, and late counts are still taken."
        ),
        http=Http("PATCH", ADMIN_PATH + "/{worker}", {200: "Changed."}),
        handler=change_worker,
        request=Body(wire.WorkerChange),
        answer=WorkerEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.worker_not_found, Code.nothing_to_change, Code.unchangeable_field, Code.name_taken),
        parameters=(Parameter("worker", "path", True, "JS0315", "Stored id, or business id such as `JS0315`."),),
        request_examples={
            "leaving": {"auth0Id": "user_123456789", "status": "terminated", "termination_date": "2025-11-30"}
        },
    ),
    Operation(
        name="importWorkers",
        tag=ADMIN_TAG,
        summary="Add workers from a CSV file",
        description=(
            "Takes every line of a CSV file (at most 20,000, with comma, semicolon or tab), or none: a refusal names "
            "the bad ones. With `partial` the good lines are taken. A dry run says all that would be done. Who is in "
            "the register, by names and hire date, is unchanged, and so is who stands in the file twice."
        ),
        http=Http("POST", ADMIN_PATH + "/import", {200: "What was done, or would be."}),
        handler=import_workers,
        request=Body(wire.CrewInput),
        answer=wire.CrewImportedEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(),
        request_examples={
            "crew": {
                "auth0Id": "user_123456789",
                "csv": "first_name,last_name,hire_date,position,employment_type\n"
                "John,Smith,2025-03-15,field_worker,full_time\n",
                "dryRun": True,
            }
        },
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="getTemplate",
        tag=ADMIN_TAG,
        summary="Read what workers may be",
        description="The options of positions, employment types, statuses and skills.",
        http=Http("GET", TEMPLATE_PATH, {200: "The options."}),
        handler=get_template,
        answer=wire.TemplateEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
    ),
    Operation(
        name="setTemplate",
        tag=ADMIN_TAG,
        summary="Set what workers may be",
        description=(
            "Puts the options that are sent in the place of those before, kind by kind; an empty list brings back "
            "those of the release. Workers keep what they have."
        ),
        http=Http("PATCH", TEMPLATE_PATH, {200: "The options now."}),
        handler=set_template,
        request=Body(wire.TemplateChange),
        answer=wire.TemplateEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.nothing_to_change,),
        request_examples={
            "positions": {"auth0Id": "user_123456789", "position": ["field_worker", "crew_leader", "packer"]}
        },
    ),
)
