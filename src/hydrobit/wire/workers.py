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
