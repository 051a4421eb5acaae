"""Shapes of the production sessions."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import (
    KEY,
    NAME,
    NOTE,
    UNPROMISED,
    Auth0Id,
    Ignored,
    Instant,
    SessionId,
    Success,
    nothing,
    number,
    said,
)

PRICE_MAX = 1_000_000
HOURS_MIN, HOURS_MAX = 1, 72
UNIT_LENGTH_MAX = 50
UNIT: dict[str, Any] = {"maxLength": UNIT_LENGTH_MAX}
QUALITIES_MAX = 200
QUALITY_UNITS_MAX = 1_000_000_000

_BONUS: dict[str, Any] = {
    "title": "Bonus",
    "if": {"properties": {"type": {"const": "percent"}}},
    "then": {"properties": {"value": {"maximum": 100}}},
    "else": {"properties": {"value": {"exclusiveMinimum": 0}}},
}
"""Requests and answers show a bonus in one way, under one name."""


class BonusInput(Struct):
    """Extra pay, a sum or a share. A share runs from 0 to 100, a sum is above zero."""

    schema: ClassVar[dict[str, Any]] = _BONUS

    type: Literal["flat", "percent"]
    value: Annotated[Raw, number("At most 6 decimals.", example=10, minimum=0, maximum=PRICE_MAX)]
    note: Annotated[str, said(example="High quality bonus", **NOTE)] | None = None


class SessionInput(Struct):
    """What opens a session; what is left out is taken from the project."""

    auth0Id: Auth0Id
    projectId: Annotated[str, said(example="proj_123", **NAME)]
    openedAt: Annotated[
        str, said("Opening instant; it decides the day.", example="2025-10-19T08:00:00.000Z", format="date-time")
    ]
    sectorId: Annotated[str, said(example="sector_001", **NAME)]
    sector_name: Annotated[str, said(example="Lote A-1", **NAME)]
    samplingUnit: (
        Annotated[str, said("What is counted; the project's unit when left out.", example="box", **UNIT)] | None
    ) = None
    pricePerUnit: Annotated[
        Raw,
        number(
            "Pay per unit, at most 6 decimals; the project's price when left out.",
            example=5.5,
            minimum=0,
            maximum=PRICE_MAX,
        ),
    ] = field(default_factory=nothing)
    bonus: BonusInput | None = None
    maxDurationHours: Annotated[
        Raw,
        number(
            "Greatest length in hours; the project's value when left out, else 12.",
            example=12,
            type="integer",
            minimum=HOURS_MIN,
            maximum=HOURS_MAX,
            default=12,
        ),
    ] = field(default_factory=nothing)
    notes: Annotated[str, said(example="Good weather today", **NOTE)] | None = None
    localId: Annotated[str, said("Made on the client (UUID); makes opening safe to repeat.", **KEY)] | None = None


class QualityInput(Struct):
    """How much was graded as one quality: in the session, or of one worker."""

    qualityId: Annotated[str, said(example="Q1", **NAME)]
    qualityName: Annotated[str, said(example="Primera", **NAME)]
    units: Annotated[Raw, number("At most 6 decimals.", example=240, minimum=0, maximum=QUALITY_UNITS_MAX)]
    workerId: Annotated[str, said("Whose units they are; left out for those of the session.", **NAME)] | None = None


_HarvestUnitId = Annotated[str, said("Where it was weighed or packed.", example="harvest_unit_123", **NAME)]
_HarvestLotCode = Annotated[str, said(example="HL-20260610-C299128B", **NAME)]
_LicensePlate = Annotated[str, said("Of the truck that took the harvest away.", example="ABC-123", **NAME)]
_DriverName = Annotated[str, said(example="Juan Perez", **NAME)]
_Qualities = Annotated[
    list[QualityInput],
    Meta(max_length=QUALITIES_MAX, description="All of it; it takes the place of what was sent before."),
]


class SessionChange(Struct):
    """Terms and notes, while the session is open; what describes its harvest, also after its close."""

    auth0Id: Auth0Id
    samplingUnit: Annotated[str, said(example="kg", **UNIT)] | None = None
    pricePerUnit: Annotated[Raw, number("At most 6 decimals.", example=6, minimum=0, maximum=PRICE_MAX)] = field(
        default_factory=nothing
    )
    bonus: BonusInput | None = None
    notes: Annotated[str, said(example="Updated notes", **NOTE)] | None = None
    harvestUnitId: _HarvestUnitId | None = None
    harvestLotCode: _HarvestLotCode | None = None
    license_plate: _LicensePlate | None = None
    driver_name: _DriverName | None = None
    qualityBreakdown: _Qualities | None = None


class SessionClose(Struct):
    """A closing remark, and what describes the harvest; the whole body may be left out."""

    auth0Id: Auth0Id | None = None
    notes: Annotated[str, said("Closing remark.", **NOTE)] | None = None
    harvestUnitId: _HarvestUnitId | None = None
    harvestLotCode: _HarvestLotCode | None = None
    license_plate: _LicensePlate | None = None
    driver_name: _DriverName | None = None
    qualityBreakdown: _Qualities | None = None


class SessionExtension(Struct):
    """The new whole length."""

    auth0Id: Auth0Id
    maxDurationHours: Annotated[
        Raw, number("New greatest length in hours.", example=18, type="integer", minimum=HOURS_MIN, maximum=HOURS_MAX)
    ]


class Bonus(Struct, kw_only=True):
    """Extra pay, a sum or a share. A share runs from 0 to 100, a sum is above zero."""

    schema: ClassVar[dict[str, Any]] = _BONUS

    type: Literal["flat", "percent"]
    value: Annotated[Raw, number("At most 6 decimals.", example=10, minimum=0, maximum=PRICE_MAX)]
    note: Annotated[str, said(example="High quality bonus", **NOTE)] | UnsetType = UNSET


class WorkerUnits(Struct, kw_only=True):
    """What one worker has in a session: net units, and how many records and voids they come from."""

    workerId: Annotated[str, said(example="JS0315")]
    names: Annotated[list[str], Meta(description="As they were captured.")]
    units: Annotated[Raw, number("Net: what was voided is taken off.")]
    recordCount: int
    voidedCount: int


class QualityUnits(Struct, kw_only=True):
    """How much was graded as one quality, as it was sent."""

    qualityId: Annotated[str, said(example="Q1")]
    qualityName: Annotated[str, said(example="Primera")]
    units: Annotated[Raw, number(example=240)]
    workerId: Annotated[str, said(example="JS0315")] | UnsetType = UNSET


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
    samplingUnit: Annotated[str, said("For example box, kg or ton.", example="box", **UNPROMISED)]
    pricePerUnit: Annotated[Raw, number(example=5.5, **UNPROMISED)]
    bonus: Bonus | UnsetType = UNSET
    totalUnits: Annotated[Raw, number("Sum of the units of all movements, voids included.")] | UnsetType = UNSET
    notes: Annotated[str, said(example="Good weather today")] | UnsetType = UNSET
    finalNotes: Annotated[str, said("The remark of the close.")] | UnsetType = UNSET
    localId: Annotated[str, said("As it was sent with the opening.")] | UnsetType = UNSET
    expiresAt: Annotated[Instant, said("From then on the session counts as closed.", **UNPROMISED)]
    closedBy: Annotated[str, said("Who closed it; `system` when its time ran out.")] | UnsetType = UNSET
    closedReason: Literal["manual", "expired", "admin"] | UnsetType = UNSET
    heldCount: (
        Annotated[int, Meta(description="Records that arrived after the close and wait for review.")] | UnsetType
    ) = UNSET
    workers: Annotated[list[WorkerUnits], Meta(description="Not in lists.")] | UnsetType = UNSET
    harvestUnitId: Annotated[str, said(example="harvest_unit_123")] | UnsetType = UNSET
    harvestLotCode: Annotated[str, said(example="HL-20260610-C299128B")] | UnsetType = UNSET
    license_plate: Annotated[str, said(example="ABC-123")] | UnsetType = UNSET
    driver_name: Annotated[str, said(example="Juan Perez")] | UnsetType = UNSET
    qualityBreakdown: Annotated[list[QualityUnits], Meta(description="As it was sent last.")] | UnsetType = UNSET
    qualityBreakdownAt: Annotated[Instant, said("When it was last changed.")] | UnsetType = UNSET


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
