"""Shapes of the forms, their tasks, and what is handed in."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.errors import Code, Refused
from hydrobit.wire.body import Body
from hydrobit.wire.fields import (
    KEY,
    NAME,
    NAME_LENGTH_MAX,
    UNPROMISED,
    Auth0Id,
    Ignored,
    Instant,
    Success,
    element,
    left_out,
    missing,
    nothing,
    number,
    said,
)
from hydrobit.wire.lifting import Lifted, lift

ANSWERS_LENGTH_MAX = 300
"""As many as a form may have fields."""
SUBMISSION_REST_BYTES_MAX = 1024 * 1024
"""What a filled form may have without its photos and media."""
VERSION_MAX = 999_999_999
USER_ID: dict[str, Any] = {"minLength": 1, "maxLength": 255}

_TEXT: dict[str, Any] = {"maxLength": NAME_LENGTH_MAX}
_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
_LIST: dict[str, Any] = {"type": "array", "items": _OBJECT}
_DEFINITION = Meta(
    extra_json_schema={
        **_OBJECT,
        "description": "`_id`, `name`, `type`, `subtype`, `roles` and `fields`; the server numbers the versions.",
    }
)
_Version = Annotated[int, Meta(description="Versions are numbered 1, 2, 3.", examples=[1])]
_Disabled = Annotated[bool, Meta(description="True: it is handed to nobody. Nothing of it is deleted.")]
_Day = Annotated[str, said("A calendar day.", example="2025-10-19", format="date")]
TaskStatus = Literal["pending", "done", "cancelled"]


class OpenTask(Struct, kw_only=True):
    """A form that the caller is to fill in once."""

    taskId: Annotated[str, said(example="task_1f2e3d4c5b6a7980")]
    title: Annotated[str, said(example="Check the traps")] | UnsetType = UNSET
    dueDay: _Day | UnsetType = UNSET


class Form(Struct, kw_only=True):
    """A form in its present version, as a phone shows it."""

    form: Annotated[str, said(example="form_abc123")] = field(name="_id")
    name: Annotated[str, said(example="Crop scouting")]
    type: Annotated[str, said(example="inspection")]
    subtype: Annotated[str, said(example="tasks")] | UnsetType = UNSET
    version: _Version
    fields: Annotated[Raw, Meta(extra_json_schema=_LIST)]
    tasks: Annotated[list[OpenTask], Meta(description="With `subtype=tasks`: what waits.")] | UnsetType = UNSET


class FormListEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: list[Form]


class FormRecordInput(Struct):
    """A filled form."""

    form: Annotated[str, said("Id of the form, not of the record.", example="form_abc123", **NAME)] = field(name="_id")
    auth0Id: Annotated[str, said("The calling user; it must be the token's own.", example="user_123456789")]
    type: Annotated[str, said("The form's own type.", example="inspection", **NAME)]
    latitude: Annotated[
        Raw,
        number(
            "With longitude, or not at all. 0,0 is what a GPS without a fix says, and counts as left out.",
            example=19.4326,
            minimum=-90,
            maximum=90,
        ),
    ] = field(default_factory=nothing)
    longitude: Annotated[Raw, number("With latitude.", example=-99.1332, minimum=-180, maximum=180)] = field(
        default_factory=nothing
    )
    form_id: Annotated[str, said("If sent, the same as `_id`.", example="form_abc123", **_TEXT)] | None = None
    form_values: Annotated[
        Raw,
        Meta(
            extra_json_schema={
                **_LIST,
                "maxItems": ANSWERS_LENGTH_MAX,
                "description": 'Answers, each `{"field": <name>, "value": <value>}`; a null value counts as left out.',
            }
        ),
    ] = field(default_factory=nothing)
    inicio: Annotated[str, said("When filling in began.", example="2025-10-09T10:00:00Z")] | None = None
    segundos: Annotated[Raw, number("Seconds spent on it.", example=120, minimum=0)] = field(default_factory=nothing)
    version: Annotated[
        Raw,
        number(
            "The form's version that was filled in; its present one when left out.",
            example=1,
            type="integer",
            minimum=1,
        ),
    ] = field(default_factory=nothing)
    projectId: Annotated[str, said("Forces the project.", example="proj_123", **_TEXT)] | None = None
    sectorId: Annotated[str, said("Forces the sector.", example="sector_001", **_TEXT)] | None = None
    taskId: (
        Annotated[str, said("The task it ends; when left out, the caller's only one of this form.", **_TEXT)] | None
    ) = None
    clientEventId: Annotated[str, said("Makes it safe to send again.", example="evt_1", **KEY)] | None = None


class FormSubmission(Struct):
    """A filled form on its way in."""

    record: Annotated[Raw, element(FormRecordInput)]


class Submission(Struct, frozen=True):
    """What `SubmissionBody` reads: the record, and the body's long texts beside it."""

    record: FormRecordInput
    lifted: Lifted


class SubmissionBody:
    """Decodes a filled form of any size in short steps. Errors name the record's fields by their own names."""

    shape = FormSubmission

    def __init__(self) -> None:
        self._outer, self._record = Body(FormSubmission), Body(FormRecordInput)

    def decode(self, body: bytes) -> tuple[Submission, tuple[str, ...]]:
        """Raises Refused."""
        lifted = lift(body, SUBMISSION_REST_BYTES_MAX)
        outer, ignored = self._outer.decode(lifted.rest)
        sent = bytes(outer.record)
        if left_out(outer.record):
            raise missing("record")
        if not sent.startswith(b"{"):
            raise Refused(Code.wrong_type, "record must be an object.", field="record")
        record, ignored_inside = self._record.decode(sent)
        return Submission(record, lifted), (*ignored, *(f"record.{name}" for name in ignored_inside))


class Verification(Struct, kw_only=True):
    """Whether GPS confirms the place, also one that was forced."""

    project: Annotated[
        bool, Meta(description="True when the place was confirmed to lie in a project.", examples=[True])
    ]
    sector: Annotated[bool, Meta(description="True when the place was confirmed to lie in a sector.", examples=[True])]


class TaskState(Struct, kw_only=True):
    """The task that a filled form belongs to."""

    taskId: str
    status: TaskStatus


class FormRecordEnvelope(Struct, kw_only=True):
    """A filled form was stored, now or before."""

    status: Success = "success"
    verification: Verification
    recordId: Annotated[str, said(example="form_rec_1234567890abcdef", **UNPROMISED)]
    version: Annotated[int, Meta(extra_json_schema=UNPROMISED)]
    idempotent: Annotated[bool, Meta(description="True when it was stored before.", extra_json_schema=UNPROMISED)]
    projectId: str | UnsetType = UNSET
    sectorId: str | UnsetType = UNSET
    task: TaskState | UnsetType = UNSET
    ignored: Ignored | UnsetType = UNSET


class FormInput(Struct):
    """A new form."""

    definition: Annotated[Raw, _DEFINITION]
    auth0Id: Auth0Id | None = None


class FormChange(Struct):
    """What is to be changed of a form."""

    definition: Annotated[Raw, _DEFINITION] = field(default_factory=nothing)
    disabled: _Disabled | None = None
    auth0Id: Auth0Id | None = None


class FormSummary(Struct, kw_only=True):
    """A form of the company; a disabled one stays listed, since records name it."""

    formId: Annotated[str, said(example="form_abc123")]
    name: Annotated[str, said(example="Crop scouting")]
    type: Annotated[str, said(example="inspection")]
    subtype: Annotated[str, said(example="monitoring")] | UnsetType = UNSET
    version: _Version
    disabled: _Disabled
    createdAt: Instant


class FormDetails(FormSummary, kw_only=True):
    """A form with the definition of one version, as it may be sent again."""

    definition: Annotated[Raw, _DEFINITION]


class FormEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: FormDetails
    ignored: Ignored | UnsetType = UNSET


class FormSummaryListEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: list[FormSummary]


class TaskInput(Struct):
    """Who is to fill the form in."""

    userId: Annotated[str, said(example="user_987654321", **USER_ID)]
    title: Annotated[str, said(example="Check the traps", **_TEXT)] | None = None
    dueDay: Annotated[str, said("A calendar day.", example="2025-10-19")] | None = None
    taskId: Annotated[str, said("Chosen by the caller; drawn by the server when left out.", **_TEXT)] | None = None
    auth0Id: Auth0Id | None = None


class TaskCancellation(Struct):
    """Nothing has to be said; the whole body may be left out."""

    auth0Id: Auth0Id | None = None


class Task(Struct, kw_only=True):
    """A form that one user is to fill in once."""

    taskId: Annotated[str, said(example="task_1f2e3d4c5b6a7980")]
    formId: Annotated[str, said(example="form_abc123")]
    userId: Annotated[str, said(example="user_987654321")]
    title: Annotated[str, said(example="Check the traps")] | UnsetType = UNSET
    dueDay: _Day | UnsetType = UNSET
    status: TaskStatus
    createdAt: Instant
    endedAt: Instant | UnsetType = UNSET


class TaskEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Task
    ignored: Ignored | UnsetType = UNSET


class TaskPage(Struct, kw_only=True):
    """A page of a form's tasks, latest first."""

    total: int
    page: int
    pageSize: int
    items: list[Task]


class TaskPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: TaskPage


class FormRecord(Struct, kw_only=True):
    """A filled form as stored."""

    recordId: Annotated[str, said(example="form_rec_1234567890abcdef")]
    formId: Annotated[str, said(example="form_abc123")]
    version: _Version
    userId: Annotated[str, said("Who handed it in.", example="user_123456789")]
    day: _Day
    receivedAt: Instant
    inicio: Instant | UnsetType = UNSET
    segundos: Annotated[Raw, number("Seconds spent on it.")] | UnsetType = UNSET
    latitude: float | UnsetType = UNSET
    longitude: float | UnsetType = UNSET
    projectId: str | UnsetType = UNSET
    sectorId: str | UnsetType = UNSET
    verification: Verification
    taskId: str | UnsetType = UNSET
    clientEventId: str | UnsetType = UNSET
    form_values: Annotated[
        Raw,
        Meta(
            extra_json_schema={
                **_LIST,
                "description": "As handed in; media are `{url, contentType}`, and the link expires.",
            }
        ),
    ]


class FormRecordPage(Struct, kw_only=True):
    """A page of what was handed in, latest first."""

    total: int
    page: int
    pageSize: int
    items: list[FormRecord]


class FormRecordPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: FormRecordPage
