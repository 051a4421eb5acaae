"""The rows of the production records."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw

from hydrobit.errors import CATALOGUE, CallerChanged, Code, Refused
from hydrobit.kit import canonical
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.ids import STORED_WORKER_ID_LENGTH
from hydrobit.kit.instants import write_instant
from hydrobit.operation import ANYONE, WRITERS, Call, Context, Http, Operation, Parameter, Repeat, Reply, Scope, Source
from hydrobit.records import explain, reading, service, showing
from hydrobit.records.batch import Outcome, Recorded
from hydrobit.records.reading import RecordDraft, VoidDraft
from hydrobit.wire import fields
from hydrobit.wire.body import Body
from hydrobit.wire.explained import ExplainedDayEnvelope
from hydrobit.wire.records import (
    BulkInput,
    BulkOutcome,
    BulkRecordInput,
    BulkResult,
    BulkSummary,
    EventId,
    ProductionRecord,
    ProductionRecordEnvelope,
    RecordCreated,
    RecordCreatedData,
    RecordInput,
    RecordPreview,
    VoidData,
    VoidEnvelope,
    VoidInput,
    VoidPreview,
)
from hydrobit.workers.service import is_stored_id, to_business_ids

CHUNKS_IN_FLIGHT_MAX = 2
"""While one chunk of a bulk call commits, the next one is read; more would let one phone crowd out the others."""

_NOT_WRITTEN = Refused(Code.internal, "The count was not written.")
_element = Body(BulkRecordInput)
_event_id = msgspec.json.Decoder(EventId)


async def create(context: Context, call: Call) -> Reply:
    draft = _draft(context, call, call.body, call.source, call.caller.access_no)
    if len(draft.worker_id) == STORED_WORKER_ID_LENGTH:
        (draft,) = await _with_business_ids(context, [draft])
    return _created(call, draft, _recorded(*await context.appender.append((draft,))))


async def create_together(context: Context, calls: Sequence[Call]) -> list[Reply | Exception]:
    """As `create`, for calls of one caller that came together; an outcome each, in order."""
    outcomes: list[Reply | Exception] = []
    drafts: dict[int, RecordDraft] = {}
    for place, call in enumerate(calls):
        try:
            drafts[place] = _draft(context, call, call.body, call.source, call.caller.access_no)
        except Refused as refused:
            outcomes.append(refused)
        else:
            outcomes.append(_NOT_WRITTEN)
    ready = await _with_business_ids(context, [*drafts.values()])
    for place, draft, outcome in zip(drafts, ready, await context.appender.append(ready) if ready else (), strict=True):
        outcomes[place] = outcome if isinstance(outcome, Exception) else _created(calls[place], draft, outcome)
    return outcomes


async def create_many(context: Context, call: Call) -> Reply:
    elements: list[Raw] = call.body.records
    most, size = context.settings.bulk_length_max, context.settings.bulk_chunk_rows
    if len(elements) > most:
        raise Refused(Code.too_many_records, f"records has {len(elements)} elements, at most {most} are taken.")
    results: list[BulkResult] = []
    in_flight: deque[asyncio.Task[list[BulkResult]]] = deque()
    try:
        for first in range(0, len(elements), size):
            read = [_read_element(context, call, element) for element in elements[first : first + size]]
            in_flight.append(asyncio.create_task(_append_chunk(context, first, read)))
            if len(in_flight) == CHUNKS_IN_FLIGHT_MAX:
                results += await in_flight.popleft()
        while in_flight:
            results += await in_flight.popleft()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
    return Reply(207, BulkOutcome(results=results, summary=_summary(results), ignored=call.ignored_or_unset))


async def void(context: Context, call: Call) -> Reply:
    draft = VoidDraft(
        call.caller.company,
        call.caller.user_id,
        call.source,
        call.path["recordId"],
        fields.text(call.body.reason, "reason", fields.NOTE_LENGTH_MAX),
        context.random(canonical.SALT_BYTES),
    )
    outcome = _recorded(*await context.appender.append((draft,)))
    preview = VoidPreview(
        recordId=outcome.record_id, voidOf=draft.record_id, idempotent=True if outcome.replay else UNSET
    )
    return Reply(200, VoidEnvelope(data=VoidData(payloadPreview=preview), ignored=call.ignored_or_unset))


async def read(context: Context, call: Call) -> Reply:
    view = await context.engine.read(service.read_record, call.caller.company, call.path["recordId"])
    record = ProductionRecord(
        recordId=view.entry.public_id,
        sessionId=view.session_id,
        workerId=view.entry.worker_id or "",
        units=write_amount(view.entry.units),
        voidOf=view.void_of or UNSET,
        voidedBy=view.voided_by or UNSET,
        worker_name=view.worker_name or UNSET,
        recordedAtUtc=write_instant(view.entry.recorded_at),
        receivedAtUtc=write_instant(view.entry.received_at),
    )
    return Reply(200, ProductionRecordEnvelope(data=record))


async def check_key(context: Context, call: Call) -> Reply:
    used = await context.engine.read(service.is_key_used, call.caller.company, call.query["key"])
    return Reply(200 if used else 404, None)


async def explain_worker_day(context: Context, call: Call) -> Reply:
    after, length = call.query.get("after"), call.query.get("limit", 100)
    place = explain.START if after is None else explain.read_place(after)
    worker, day = call.path["worker"], fields.day(call.path["day"], "day")
    found = await context.engine.read(explain.explain_day, call.caller.company, worker, day, place, length)
    return Reply(200, ExplainedDayEnvelope(data=showing.explained(found, call.now)))


async def _with_business_ids(context: Context, drafts: list[RecordDraft]) -> list[RecordDraft]:
    """The drafts with the business id wherever a worker's stored id was sent (contract, "Reading a request")."""
    stored_ids = frozenset(draft.worker_id for draft in drafts if is_stored_id(draft.worker_id))
    if not stored_ids:
        return drafts
    found = await context.engine.look_up(to_business_ids, drafts[0].company, stored_ids)
    return [
        msgspec.structs.replace(draft, worker_id=found[draft.worker_id]) if draft.worker_id in found else draft
        for draft in drafts
    ]


def _created(call: Call, draft: RecordDraft, outcome: Recorded) -> Reply:
    data = RecordCreatedData(payloadPreview=_preview(draft, outcome), idempotent=outcome.replay)
    return Reply(200 if outcome.replay else 201, RecordCreated(data=data, ignored=call.ignored_or_unset))


def _recorded(outcome: Outcome) -> Recorded:
    """What became of a single draft. Raises Refused, CallerChanged."""
    if isinstance(outcome, Refused | CallerChanged):
        raise outcome
    return outcome


def _draft(
    context: Context, call: Call, body: RecordInput | BulkRecordInput, source: Source, access_no: int | None = None
) -> RecordDraft:
    return reading.record(
        body,
        call.caller.company,
        call.caller.user_id,
        source,
        call.now,
        context.settings.clock_ahead_hours_max,
        context.random,
        access_no,
    )


class _Element(msgspec.Struct, frozen=True):
    """One element of a bulk call: a draft, or why it is none."""

    draft: RecordDraft | None
    refused: Refused | None
    client_event_id: str | None
    ignored: tuple[str, ...] = ()

    def of(self, draft: RecordDraft) -> "_Element":
        """The same element with another draft."""
        return _Element(draft, None, self.client_event_id, self.ignored)


def _read_element(context: Context, call: Call, element: Raw) -> _Element:
    client_event_id = None
    try:
        body, ignored = _element.decode(bytes(element))
        client_event_id = body.clientEventId
        if body.auth0Id and body.auth0Id != call.caller.user_id:
            raise Refused(Code.caller_mismatch, "auth0Id is not the token's user.", field="auth0Id")
        return _Element(_draft(context, call, body, Source.bulk), None, client_event_id, ignored)
    except Refused as refused:
        return _Element(None, refused, client_event_id or _event_id_of(element))


def _event_id_of(element: Raw) -> str | None:
    """The event id of an element that could not be read otherwise."""
    try:
        return _event_id.decode(element).clientEventId
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def _append_chunk(context: Context, first: int, elements: Sequence[_Element]) -> list[BulkResult]:
    drafts = [element.draft for element in elements if element.draft is not None]
    if any(len(draft.worker_id) == STORED_WORKER_ID_LENGTH for draft in drafts):
        resolved = iter(await _with_business_ids(context, drafts))
        elements = [element.of(next(resolved)) if element.draft is not None else element for element in elements]
        drafts = [element.draft for element in elements if element.draft is not None]
    outcomes = iter(await context.appender.append(drafts) if drafts else ())
    return [
        _result(index, element, next(outcomes) if element.draft is not None else element.refused)
        for index, element in enumerate(elements, first)
    ]


def _result(index: int, element: _Element, outcome: Outcome | None) -> BulkResult:
    ignored = list(element.ignored) or UNSET
    if isinstance(outcome, Recorded):
        assert element.draft is not None
        preview = _preview(element.draft, outcome)
        if not outcome.replay:
            return BulkResult(index=index, statusCode=201, payloadPreview=preview, ignored=ignored)
        return BulkResult(index=index, statusCode=200, payloadPreview=preview, idempotent=True, ignored=ignored)
    assert isinstance(outcome, Refused), "who hands in many was looked up for this call"
    extra = {name: value for name, value in outcome.extra.items() if name in BulkResult.__struct_fields__}
    return BulkResult(
        index=index,
        statusCode=outcome.status,
        message=CATALOGUE[outcome.code].message,
        error=outcome.detail,
        code=outcome.code.value,
        clientEventId=element.client_event_id if element.client_event_id is not None else UNSET,
        **extra,  # type: ignore[arg-type]
    )


def _summary(results: Sequence[BulkResult]) -> BulkSummary:
    ok = sum(result.statusCode == 201 for result in results)
    duplicated = sum(result.statusCode == 200 for result in results)
    return BulkSummary(ok=ok, duplicated=duplicated, failed=len(results) - ok - duplicated)


def _preview(draft: RecordDraft, outcome: Recorded) -> RecordPreview:
    return RecordPreview(
        recordId=outcome.record_id,
        sessionId=draft.session_id,
        workerId=draft.worker_id,
        units=write_amount(draft.units),
    )


TAG = "Production Records"
RECORD_ID = Parameter("recordId", "path", True, "rec_1234567890abcdef")
_EVENT = {
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "workerId": "JS0315",
    "worker_name": "John Smith",
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "clientEventId": "evt_1234567890abcdef",
}
_PREVIEW = {
    "recordId": "rec_1234567890abcdef",
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "workerId": "JS0315",
    "units": 5,
}

OPERATIONS = (
    Operation(
        name="createProductionRecord",
        tag=TAG,
        summary="Count units for a worker",
        description=(
            "Adds units to an open session; only its owner may. A repeat is recognised by the client's event id, or by "
            "an own key when one is sent, and is answered with 200 and the first record's id. A count that was made "
            "before the session's close and arrives after it is held for review: 409 with `held: true`."
        ),
        http=Http(
            "POST",
            "/api/control/production/records",
            {200: "This event was counted before; nothing was added.", 201: "Counted, and durable."},
        ),
        handler=create,
        together=create_together,
        request=Body(RecordInput),
        answer=RecordCreated,
        roles=WRITERS,
        for_devices=True,
        repeat=Repeat.by_key,
        judges_caller=True,
        errors=(
            Code.session_not_found,
            Code.not_owner,
            Code.session_closed,
            Code.idempotency_conflict,
            Code.clock_ahead,
            Code.device_seq_used,
            Code.worker_not_found,
        ),
        request_examples={"event": {"auth0Id": "user_123456789", **_EVENT}},
        answer_examples={
            200: {"status": "success", "data": {"payloadPreview": _PREVIEW, "idempotent": True}},
            201: {"status": "success", "data": {"payloadPreview": _PREVIEW, "idempotent": False}},
        },
    ),
    Operation(
        name="bulkCreateProductionRecords",
        tag=TAG,
        summary="Hand in many counts at once",
        description=(
            "For clients that worked offline. Every element is checked and de-duplicated by itself; one that fails "
            "does not stop the others. The answer is 207 with one result per element, in the order of the request."
        ),
        http=Http("POST", "/api/control/production/records/bulk", {207: "One outcome per element, and a tally."}),
        handler=create_many,
        request=Body(BulkInput),
        answer=BulkOutcome,
        roles=WRITERS,
        for_devices=True,
        repeat=Repeat.by_key,
        errors=(Code.too_many_records,),
        body_limit="bulk_body_bytes_max",
        request_examples={
            "twoEvents": {
                "auth0Id": "user_123456789",
                "records": [
                    {**_EVENT, "units": 5},
                    {
                        **_EVENT,
                        "units": 3,
                        "recordedAtUtc": "2025-10-19T15:00:00.000Z",
                        "clientEventId": "evt_9876543210fedcba",
                    },
                ],
            }
        },
        answer_examples={
            207: {
                "status": "success",
                "results": [
                    {"index": 0, "statusCode": 201, "payloadPreview": _PREVIEW},
                    {
                        "index": 1,
                        "statusCode": 201,
                        "payloadPreview": {**_PREVIEW, "recordId": "rec_9876543210fedcba", "units": 3},
                    },
                ],
                "summary": {"ok": 2, "duplicated": 0, "failed": 0},
            }
        },
    ),
    Operation(
        name="checkIdempotencyKey",
        tag=TAG,
        summary="Ask whether a key was used",
        description="No body either way; the status code is the answer. Either kind of key may be asked for.",
        http=Http("HEAD", "/api/control/production/records/check-idempotency", {200: "Used before.", 404: "Not used."}),
        handler=check_key,
        answer=None,
        roles=ANYONE,
        for_devices=True,
        repeat=Repeat.reads,
        errors=(Code.key_not_used,),
        parameters=(
            Parameter(
                "key",
                "query",
                True,
                "client:6507f1e3c9d8e2a4b1f9c3d5:JS0315:evt_1234567890abcdef",
                "The key in question, of the shape `client:{sessionId}:{workerId}:{clientEventId}` or an own one.",
                {"type": "string", "minLength": 1},
            ),
        ),
    ),
    Operation(
        name="getProductionRecord",
        tag=TAG,
        summary="Read one count",
        description="Any user of the company may read it.",
        http=Http("GET", "/api/control/production/records/{recordId}", {200: "The count."}),
        handler=read,
        answer=ProductionRecordEnvelope,
        roles=ANYONE,
        for_devices=True,
        repeat=Repeat.reads,
        errors=(Code.record_not_found,),
        parameters=(RECORD_ID,),
        answer_examples={200: {"status": "success", "data": {**_PREVIEW, "state": "inserted"}}},
    ),
    Operation(
        name="voidProductionRecord",
        tag=TAG,
        summary="Undo a count",
        description=(
            "Books an opposite movement: a new record with the same units and a minus sign. The first record stays. "
            "Owner only, session open. A repeat changes nothing and says so inside payloadPreview."
        ),
        http=Http("POST", "/api/control/production/records/{recordId}/void", {200: "Undone, or undone before."}),
        handler=void,
        request=Body(VoidInput),
        answer=VoidEnvelope,
        roles=WRITERS,
        for_devices=True,
        repeat=Repeat.by_state,
        errors=(Code.record_not_found, Code.not_owner, Code.session_closed, Code.record_is_void),
        parameters=(RECORD_ID,),
        request_examples={"duplicate": {"auth0Id": "user_123456789", "reason": "Duplicate entry"}},
        answer_examples={
            200: {
                "status": "success",
                "data": {"payloadPreview": {"recordId": "rec_void_9876543210", "voidOf": "rec_1234567890abcdef"}},
            }
        },
    ),
    Operation(
        name="explainWorkerDay",
        tag=TAG,
        summary="Explain a worker's total of a day",
        description=(
            "Every record, void and held count behind a worker's sum of a local day, in the order in which the work "
            "was recorded, with time, road, device and sender, and the sum up to each line. The worker need not be "
            "registered. The sums are those of the whole day, whatever the page."
        ),
        http=Http("GET", "/api/control/production/workers/{worker}/days/{day}", {200: "Sums, and one page of lines."}),
        handler=explain_worker_day,
        answer=ExplainedDayEnvelope,
        roles=ANYONE,
        scope=Scope.read_production,
        repeat=Repeat.reads,
        errors=(Code.worker_not_found,),
        parameters=(
            Parameter("worker", "path", True, "JS0315", "Business id such as `JS0315`, or stored id."),
            Parameter(
                "day",
                "path",
                True,
                "2025-10-19",
                "The local day of the sessions.",
                {"type": "string", "format": "date"},
            ),
            Parameter(
                "after",
                "query",
                False,
                "1760884200000-0-17",
                "`next` of the page before.",
                {"type": "string", "pattern": explain.PLACE_PATTERN},
            ),
            Parameter(
                "limit",
                "query",
                False,
                100,
                "Page size.",
                {"type": "integer", "minimum": 1, "maximum": explain.PAGE_MAX, "default": 100},
            ),
        ),
    ),
)
