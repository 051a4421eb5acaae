"""Shapes of the workers."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import (
    NAME,
    NAME_LENGTH_MAX,
    NOTE,
    NULLABLE,
    Auth0Id,
    Ignored,
    Instant,
    Success,
    nothing,
    number,
    said,
)

RATE_MAX = 1_000_000
SKILLS_LENGTH_MAX = 100
OPTIONS_MAX = 200
_TEXT: dict[str, Any] = {"maxLength": NAME_LENGTH_MAX}


class WorkerInput(Struct):
    """A person of the crew. Position, employment type and status are options of the company's template."""

    auth0Id: Auth0Id
    first_name: Annotated[str, said(example="John", **NAME)]
    last_name: Annotated[str, said(example="Smith", **NAME)]
    position: Annotated[str, said("One of the template's options.", example="field_worker", **NAME)]
    employment_type: Annotated[str, said("One of the template's options.", example="full_time", **NAME)]
    hire_date: Annotated[str, said(example="2025-03-15", format="date")]
    phone: Annotated[str, said(example="+1234567890", **_TEXT)] | None = None
    email: Annotated[str, said(example="john.smith@example.com", **_TEXT)] | None = None
    termination_date: Annotated[str, said(format="date", **{NULLABLE: True})] | None = None
    status: Annotated[str, said("One of the template's options.", example="active", default="active")] | None = None
    hourly_rate: Annotated[Raw, number("At most 6 decimals.", example=18.5, minimum=0, maximum=RATE_MAX)] = field(
        default_factory=nothing
    )
    emergency_contact_name: Annotated[str, said(example="Jane Smith", **_TEXT)] | None = None
    emergency_contact_phone: Annotated[str, said(example="+1234567891", **_TEXT)] | None = None
    skills: (
        Annotated[
            list[str],
            Meta(
                description="Those that the template does not know are left out.",
                examples=[["irrigation", "pruning"]],
                extra_json_schema={"maxItems": SKILLS_LENGTH_MAX},
            ),
        ]
        | None
    ) = None
    notes: Annotated[str, said(**NOTE)] | None = None
    photo: Annotated[
        Raw,
        Meta(
            description="base64 data URL of a JPEG, PNG or WebP picture, 12 MiB at most; it is encoded anew.",
            extra_json_schema={"type": "string"},
        ),
    ] = field(default_factory=nothing)


_CLEARABLE = "An empty text takes it away."


class WorkerChange(Struct):
    """What is to be changed of a worker; the business id stays, whatever the names are."""

    auth0Id: Auth0Id
    first_name: Annotated[str, said(example="John", **_TEXT)] | None = None
    last_name: Annotated[str, said(example="Smith", **_TEXT)] | None = None
    phone: Annotated[str, said(_CLEARABLE, example="+1234567890", **_TEXT)] | None = None
    email: Annotated[str, said(_CLEARABLE, example="john.smith@example.com", **_TEXT)] | None = None
    position: Annotated[str, said("One of the template's options.", example="crew_leader", **_TEXT)] | None = None
    employment_type: Annotated[str, said("One of the template's options.", example="seasonal", **_TEXT)] | None = None
    termination_date: Annotated[str, said(_CLEARABLE, example="2025-11-30")] | None = None
    status: Annotated[str, said("One of the template's options.", example="terminated", **_TEXT)] | None = None
    hourly_rate: Annotated[Raw, number("At most 6 decimals.", example=19.25, minimum=0, maximum=RATE_MAX)] = field(
        default_factory=nothing
    )
    emergency_contact_name: Annotated[str, said(_CLEARABLE, example="Jane Smith", **_TEXT)] | None = None
    emergency_contact_phone: Annotated[str, said(_CLEARABLE, example="+1234567891", **_TEXT)] | None = None
    skills: (
        Annotated[
            list[str],
            Meta(
                description="In the place of those before; those that the template does not know are left out.",
                extra_json_schema={"maxItems": SKILLS_LENGTH_MAX},
            ),
        ]
        | None
    ) = None
    notes: Annotated[str, said(_CLEARABLE, **NOTE)] | None = None


class CrewInput(Struct):
    """Workers from a CSV file."""

    auth0Id: Auth0Id
    csv: Annotated[
        str,
        said(
            "The file's text. Its first line names the columns: first_name, last_name, hire_date, position and "
            "employment_type, and what else is known of a worker.",
            example="first_name,last_name,hire_date,position,employment_type\n"
            "John,Smith,2025-03-15,field_worker,full_time\n",
        ),
    ]
    dryRun: Annotated[bool, Meta(description="True: only say what would be done.")] | None = None
    partial: Annotated[bool, Meta(description="True: take the good lines, and leave the bad ones out.")] | None = None


class BadLine(Struct, kw_only=True):
    """A line of the file that cannot be taken."""

    line: Annotated[int, Meta(description="Its number in the file; the first line is 1.", examples=[3])]
    column: Annotated[str, said("As the file names it.", example="hire_date")] | UnsetType = UNSET
    value: Annotated[str, said("What stands there, its beginning.", example="31/02/2025")] | UnsetType = UNSET
    detail: Annotated[str, said("What to do.", example="hire_date must be a calendar day such as 2025-10-19.")]


class CrewImported(Struct, kw_only=True):
    """Business ids in the order of the file, and the lines that were not taken."""

    dryRun: bool
    added: Annotated[list[str], Meta(examples=[["JS0315"]])]
    unchanged: Annotated[list[str], Meta(description="Those who were in the register, or in the file before.")]
    badLines: list[BadLine]
    columnsPassedOver: Annotated[list[str], Meta(description="Columns of the file that are not known.")]


class CrewImportedEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: CrewImported
    ignored: Ignored | UnsetType = UNSET


_OPTIONS = Meta(description="In the order in which they are shown.")


class Template(Struct, kw_only=True):
    """What a worker of the company may be: its own options, or those of the release while it has none of a kind."""

    position: Annotated[list[str], _OPTIONS]
    employment_type: Annotated[list[str], _OPTIONS]
    status: Annotated[list[str], _OPTIONS]
    skill: Annotated[list[str], _OPTIONS]


class TemplateEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Template
    ignored: Ignored | UnsetType = UNSET


_NEW_OPTIONS = Meta(
    description="In the place of those before; an empty list brings the release's options back.",
    extra_json_schema={"maxItems": OPTIONS_MAX},
)


class TemplateChange(Struct):
    """The options of one kind or several; what workers have already stays."""

    auth0Id: Auth0Id
    position: Annotated[list[str], _NEW_OPTIONS] | None = None
    employment_type: Annotated[list[str], _NEW_OPTIONS] | None = None
    status: Annotated[list[str], _NEW_OPTIONS] | None = None
    skill: Annotated[list[str], _NEW_OPTIONS] | None = None


class Worker(Struct, kw_only=True):
    """A person of the crew as stored."""

    workerId: Annotated[str, said("Stored id.", example="6507f1e3c9d8e2a4b1f9c3d5")]
    worker_id: Annotated[str, said("Business id.", example="JS0315")]
    first_name: Annotated[str, said(example="John")]
    last_name: Annotated[str, said(example="Smith")]
    phone: Annotated[str, said(example="+1234567890")] | UnsetType = UNSET
    email: Annotated[str, said(example="john.smith@example.com")] | UnsetType = UNSET
    position: Annotated[str, said(example="field_worker")]
    employment_type: Annotated[str, said(example="full_time")]
    hire_date: Annotated[str, said(example="2025-03-15", format="date")]
    termination_date: Annotated[str, said("Null while employed.", format="date")] | None
    status: Annotated[str, said(example="active")]
    hourly_rate: Annotated[Raw, number(example=18.5)] | UnsetType = UNSET
    emergency_contact_name: Annotated[str, said(example="Jane Smith")] | UnsetType = UNSET
    emergency_contact_phone: Annotated[str, said(example="+1234567891")] | UnsetType = UNSET
    skills: Annotated[list[str], Meta(examples=[["irrigation", "pruning"]])]
    notes: str | UnsetType = UNSET
    photo_url: Annotated[str, said("Address of the stored picture.")] | None
    created_at: Instant


class WorkerEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Worker
    ignored: Ignored | UnsetType = UNSET


class WorkerPage(Struct, kw_only=True):
    """A page of the company's workers, latest created first."""

    total: Annotated[int, Meta(description="How many workers fit the filters.", examples=[42])]
    page: Annotated[int, Meta(examples=[1])]
    pageSize: Annotated[int, Meta(examples=[25])]
    items: list[Worker]


class WorkerPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: WorkerPage
