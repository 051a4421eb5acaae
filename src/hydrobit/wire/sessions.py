"""Shapes of the production sessions."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import Auth0Id, Ignored, Instant, SessionId, Success, nothing, number, said


class BonusInput(Struct):
    """Extra pay, a sum or a share. A share runs from 0 to 100, a sum is above zero."""

    type: Literal["flat", "percent"]
    value: Annotated[Raw, number(example=10, minimum=0)]
    note: Annotated[str, said(example="High quality bonus")] | None = None


class SessionInput(Struct):
    """What opens a session; what is left out is taken from the project."""

    auth0Id: Auth0Id
    projectId: Annotated[str, said(example="proj_123")]
    openedAt: Annotated[
        str, said("Opening instant; it decides the day.", example="2025-10-19T08:00:00.000Z", format="date-time")
    ]
    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    samplingUnit: Annotated[str, said("What is counted; the project's unit when left out.", example="box")] | None = (
        None
    )
    pricePerUnit: Annotated[Raw, number("Pay per unit; the project's price when left out.", example=5.5, minimum=0)] = (
        field(default_factory=nothing)
    )
    bonus: BonusInput | None = None
    maxDurationHours: Annotated[
        Raw,
        number(
            "Greatest length in hours; the project's value when left out, else 12.",
            example=12,
            type="integer",
            minimum=1,
            maximum=72,
            default=12,
        ),
    ] = field(default_factory=nothing)
    notes: Annotated[str, said(example="Good weather today")] | None = None
    localId: Annotated[str, said("Made on the client (UUID); makes opening safe to repeat.")] | None = None


class SessionChange(Struct):
    """What may be changed while the session is open."""

    auth0Id: Auth0Id
    samplingUnit: Annotated[str, said(example="kg")] | None = None
    pricePerUnit: Annotated[Raw, number(example=6, minimum=0)] = field(default_factory=nothing)
    bonus: BonusInput | None = None
    notes: Annotated[str, said(example="Updated notes")] | None = None


class SessionClose(Struct):
    """A closing remark; the whole body may be left out."""

    auth0Id: Auth0Id | None = None
    notes: Annotated[str, said("Closing remark.")] | None = None


class SessionExtension(Struct):
    """The new whole length."""

    auth0Id: Auth0Id
    maxDurationHours: Annotated[
        Raw, number("New greatest length in hours.", example=18, type="integer", minimum=1, maximum=72)
    ]


class Bonus(Struct, kw_only=True):
    """Extra pay, a sum or a share. A share runs from 0 to 100, a sum is above zero."""

    type: Literal["flat", "percent"]
    value: Annotated[Raw, number(example=10, minimum=0)]
    note: Annotated[str, said(example="High quality bonus")] | UnsetType = UNSET


class WorkerUnits(Struct, kw_only=True):
    """What one worker has in a session: net units, and how many records and voids they come from."""

    workerId: Annotated[str, said(example="JS0315")]
    names: list[str]
    units: Annotated[Raw, number()]
    recordCount: int
    voidedCount: int


class Session(Struct, kw_only=True):
    """A session as its owner sees it."""

    sessionId: SessionId
    companyId: Annotated[str, said(example="comp_12345")]
    projectId: Annotated[str, said(example="proj_123")]
    auth0Id: Annotated[str, said("Who opened it.", example="user_123456789")]
    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    timezone: Annotated[str, said("The project's IANA zone.", example="America/Mexico_City")]
    day: Annotated[
        str,
        said(
            "The local calendar day of the opening, with a zero clock.",
            example="2025-10-19T00:00:00.000Z",
            format="date-time",
        ),
    ]
    status: Literal["open", "closed"]
    openedAt: Annotated[str, said(example="2025-10-19T08:00:00.000Z", format="date-time")]
    closedAt: Annotated[str, said("Null while open.", format="date-time")] | None
    maxDurationHours: Annotated[int, Meta(examples=[12])]
    samplingUnit: Annotated[str, said("For example box, kg or ton.", example="box")]
    pricePerUnit: Annotated[Raw, number(example=5.5)]
    bonus: Bonus | UnsetType = UNSET
    totalUnits: Annotated[Raw, number("Sum of the units of all movements, voids included.")] | UnsetType = UNSET
    notes: Annotated[str, said(example="Good weather today")] | UnsetType = UNSET
    finalNotes: str | UnsetType = UNSET
    localId: str | UnsetType = UNSET
    expiresAt: Instant
    closedBy: str | UnsetType = UNSET
    closedReason: Literal["manual", "expired", "admin"] | UnsetType = UNSET
    heldCount: int | UnsetType = UNSET
    workers: list[WorkerUnits] | UnsetType = UNSET


class SessionEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Session
    ignored: Ignored | UnsetType = UNSET


class SessionUpdated(Struct, kw_only=True):
    updated: Annotated[bool, Meta(examples=[True])]


class SessionUpdatedEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: SessionUpdated
    ignored: Ignored | UnsetType = UNSET


class SessionExtended(Struct, kw_only=True):
    maxDurationHours: Annotated[int, Meta(examples=[18])]


class SessionExtendedEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: SessionExtended
    ignored: Ignored | UnsetType = UNSET


class SessionClosed(Struct, kw_only=True):
    """The close's totals: net units, and beside them what arrived late and is held."""

    sessionId: SessionId
    status: Literal["closed"]
    closedAt: Instant
    totalUnits: Annotated[Raw, number()]
    heldCount: int
    workers: list[WorkerUnits]


class SessionClosedEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: SessionClosed
    ignored: Ignored | UnsetType = UNSET


class SessionPage(Struct, kw_only=True):
    """A page of the caller's own sessions, latest day first."""

    total: int
    page: int
    pageSize: int
    items: list[Session]


class SessionPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: SessionPage
