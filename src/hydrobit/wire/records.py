"""Shapes of the production records."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import (
    KEY,
    NAME,
    NOTE,
    UNPROMISED,
    WORKER_ID_LENGTH_MAX,
    Auth0Id,
    Ignored,
    Instant,
    SessionId,
    Success,
    element,
    nothing,
    number,
    said,
)

UNITS_MAX = 1_000_000

WorkerId = Annotated[
    str,
    said(
        "The worker's business id. Letters count as upper case.",
        example="JS0315",
        minLength=1,
        maxLength=WORKER_ID_LENGTH_MAX,
        pattern="^[^:]*$",
    ),
]
WorkerName = Annotated[
    str, said("Evidence as captured: a repeat may bring another spelling.", example="John Smith", **NAME)
]
Units = number("At most 6 decimals.", example=5, minimum=0, maximum=UNITS_MAX, default=1)
RecordedAt = Annotated[str, said(example="2025-10-19T14:30:00.000Z", format="date-time")]
ClientEventId = Annotated[str, said("The client's id for this event.", example="evt_1234567890abcdef", **KEY)]
OwnKey = Annotated[str, said("The client's own key.", example="mobile-app-key-timestamp-123456", **KEY)]
DeviceId = Annotated[str, said("The device that counted; needed beside `deviceSeq`.", maxLength=NAME["maxLength"])]
SentAt = Annotated[str, said("The device's clock at sending.", format="date-time")]
DeviceSeq = number("The device's own gap-free number of the event.", type="integer", minimum=1)
Evidence = Meta(
    extra_json_schema={
        "type": "object",
        "additionalProperties": True,
        "description": "gross, tare, scaleId, badgeId, latitude, longitude.",
    }
)
RecordId = Annotated[str, said(example="rec_1234567890abcdef")]


class BulkRecordInput(Struct):
    """One count of a list; the user stands once beside the list."""

    sessionId: SessionId
    workerId: WorkerId
    worker_name: WorkerName
    recordedAtUtc: RecordedAt
    clientEventId: ClientEventId
    units: Annotated[Raw, Units] = field(default_factory=nothing)
    idempotencyKey: OwnKey | None = None
    auth0Id: Annotated[str, said("Not needed here; if sent, it has to be the caller.")] | None = None
    deviceId: DeviceId | None = None
    deviceSeq: Annotated[Raw, DeviceSeq] = field(default_factory=nothing)
    sentAtUtc: SentAt | None = None
    evidence: Annotated[Raw, Evidence] = field(default_factory=nothing)


class EventId(Struct):
    """What is read of an element that cannot be read otherwise, so that its failure can name it."""

    clientEventId: ClientEventId


class RecordInput(Struct):
    """One count of units for a worker."""

    sessionId: SessionId
    workerId: WorkerId
    worker_name: WorkerName
    recordedAtUtc: RecordedAt
    clientEventId: ClientEventId
    auth0Id: Auth0Id
    units: Annotated[Raw, Units] = field(default_factory=nothing)
    idempotencyKey: OwnKey | None = None
    deviceId: DeviceId | None = None
    deviceSeq: Annotated[Raw, DeviceSeq] = field(default_factory=nothing)
    sentAtUtc: SentAt | None = None
    evidence: Annotated[Raw, Evidence] = field(default_factory=nothing)


class BulkInput(Struct):
    """Many counts at once. The elements are read one by one, so that a mistyped one fails alone."""

    auth0Id: Auth0Id
    records: Annotated[
        list[Annotated[Raw, element(BulkRecordInput)]],
        Meta(description="The counts, at most 10,000 as the server is shipped."),
    ]


class VoidInput(Struct):
    """Why a count is undone."""

    auth0Id: Auth0Id
    reason: Annotated[str, said("Why the count is undone.", example="Duplicate entry", minLength=1, **NOTE)]


class RecordPreview(Struct, kw_only=True):
    recordId: RecordId
    sessionId: SessionId
    workerId: Annotated[str, said(example="JS0315")]
    units: Annotated[Raw, number(example=5)]


class RecordCreatedData(Struct, kw_only=True):
    payloadPreview: RecordPreview
    idempotent: Annotated[bool, Meta(description="True on 200 (a repeat), false on 201.", examples=[True])]


class RecordCreated(Struct, kw_only=True):
    """The count as it stands in the ledger."""

    status: Success = "success"
    data: RecordCreatedData
    ignored: Ignored | UnsetType = UNSET


class BulkResult(Struct, kw_only=True):
    """The outcome of one element."""

    index: Annotated[int, Meta(ge=0, description="Place in the sent list.")]
    statusCode: Annotated[int, Meta(description="201 counted, 200 repeat, 4xx or 5xx failed.", examples=[201])]
    payloadPreview: RecordPreview | UnsetType = UNSET
    idempotent: Annotated[bool, Meta(description="Only with 200.")] | UnsetType = UNSET
    message: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    error: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    code: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    clientEventId: Annotated[str, said("Echo of the element's event id where it could be read.")] | UnsetType = UNSET
    held: bool | UnsetType = UNSET
    heldId: str | UnsetType = UNSET
    serverTime: Instant | UnsetType = UNSET
    existing: dict[str, Any] | UnsetType = UNSET
    ignored: Ignored | UnsetType = UNSET


class BulkSummary(Struct, kw_only=True):
    """`ok`, `duplicated` and `failed` add up to the number of elements."""

    ok: Annotated[int, Meta(examples=[2])]
    duplicated: Annotated[int, Meta(examples=[0])]
    failed: Annotated[int, Meta(examples=[0])]


class BulkOutcome(Struct, kw_only=True):
    status: Success = "success"
    results: list[BulkResult]
    summary: BulkSummary
    ignored: Ignored | UnsetType = UNSET


class ProductionRecord(Struct, kw_only=True):
    """A movement: a count, or the opposite movement of a void."""

    recordId: RecordId
    sessionId: SessionId
    workerId: Annotated[str, said(example="JS0315")]
    units: Annotated[Raw, number("Below zero for an opposite movement.", example=5)]
    state: Annotated[
        str, said("Whether the write has reached storage; an answer waits for it.", enum=["pending", "inserted"])
    ] = "inserted"
    voidOf: Annotated[str, said("Only on an opposite movement.")] | UnsetType = UNSET
    voidedBy: Annotated[str, said("Only on a record that was undone.")] | UnsetType = UNSET
    worker_name: str | UnsetType = UNSET
    recordedAtUtc: Annotated[Instant, said("As the client sent it, to the millisecond.", **UNPROMISED)]
    receivedAtUtc: Annotated[Instant, said("The server's clock.", **UNPROMISED)]


class ProductionRecordEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: ProductionRecord


class VoidPreview(Struct, kw_only=True):
    recordId: Annotated[str, said("Id of the opposite record.", example="rec_void_9876543210")]
    voidOf: Annotated[str, said("Id of the record that was undone.", example="rec_1234567890abcdef")]
    idempotent: Annotated[bool, Meta(description="Only there, and true, when the call was a repeat.")] | UnsetType = (
        UNSET
    )


class VoidData(Struct, kw_only=True):
    payloadPreview: VoidPreview


class VoidEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: VoidData
    ignored: Ignored | UnsetType = UNSET
