"""Shapes of the harvest export."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.fields import Instant, Success, number, said


class QualityShare(Struct, kw_only=True):
    """How much was graded as one quality, and its share of all that was graded."""

    qualityId: Annotated[str, said(example="Q1")]
    qualityName: Annotated[str, said(example="Primera")]
    units: Annotated[Raw, number(example=240)]
    percent: Annotated[Raw, number("Of the sum of the qualities; two decimals, half up.", example=75)]


class HarvestWorker(Struct, kw_only=True):
    """What one worker has in a session."""

    workerId: Annotated[str, said(example="W1")]
    worker_name: Annotated[str, said("As it was captured last.", example="Juan Perez")] | UnsetType = UNSET
    validUnits: Annotated[Raw, number("Of records that are not voided.", example=120)]
    netUnits: Annotated[Raw, number("Of all movements.", example=110)]
    recordCount: Annotated[int, Meta(description="Voided ones too.", examples=[42])]
    voidedCount: Annotated[int, Meta(examples=[3])]
    qualityBreakdown: list[QualityShare]


class Responsible(Struct, kw_only=True):
    """The user who opened the session."""

    auth0Id: Annotated[str, said(example="auth0|697797d7095fa22599ac90bb")]
    name: Annotated[str, said(example="Maria Lopez")] | UnsetType = UNSET
    email: Annotated[str, said(example="maria@example.com")] | UnsetType = UNSET
    role: Annotated[str, said(example="supervisor")] | UnsetType = UNSET
    picture: Annotated[str, said("Not kept here.", example="https://example.com/avatar.jpg")] | UnsetType = UNSET


class HarvestSession(Struct, kw_only=True):
    """A session with each worker's share."""

    sessionId: Annotated[str, said(example="665f1a2b3c4d5e6f7a8b9c0d")]
    localId: (
        Annotated[str, said("UUID made on the client.", example="62159da9-9a81-4085-bcd1-fff452689abf")] | UnsetType
    ) = UNSET
    projectId: Annotated[str, said(example="proj_123")]
    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    crop: Annotated[str, said(example="Blueberry")] | UnsetType = UNSET
    variety: Annotated[str, said(example="Biloxi")] | UnsetType = UNSET
    day: Annotated[str, said(example="2026-06-10T00:00:00.000Z", format="date-time")]
    openedAt: Annotated[str, said(example="2026-06-10T14:29:48.675Z", format="date-time")]
    closedAt: Annotated[str, said("Null while open.", example="2026-06-10T21:31:40.718Z", format="date-time")] | None
    createdAt: Annotated[
        str, said("When the opening reached the server.", example="2026-06-10T14:29:52.134Z", format="date-time")
    ]
    status: Annotated[Literal["open", "closed"], Meta(examples=["closed"])]
    closedBy: Annotated[str, said("Null while open.", example="user")] | None
    closedReason: Annotated[str, said("Null while open.", example="manual")] | None
    timezone: Annotated[str, said(example="America/Mexico_City")]
    unit: Annotated[str, said(example="box")]
    maxDurationHours: Annotated[int, Meta(examples=[16])]
    harvestUnitId: Annotated[str, said(example="harvest_unit_123")] | UnsetType = UNSET
    harvestLotCode: Annotated[str, said(example="HL-20260610-C299128B")] | UnsetType = UNSET
    workerCount: Annotated[int, Meta(examples=[12])]
    notes: Annotated[str, said(example="Initial harvest notes")] | UnsetType = UNSET
    finalNotes: Annotated[str, said(example="Closed manually after final count")] | UnsetType = UNSET
    license_plate: Annotated[str, said(example="ABC-123")] | UnsetType = UNSET
    driver_name: Annotated[str, said(example="Juan Perez")] | UnsetType = UNSET
    totalUnits: Annotated[Raw, number(example=320)]
    needsRecalc: Annotated[bool, Meta(description="Always false: sums are made from the movements.", examples=[False])]
    qualityBreakdownAt: (
        Annotated[Instant, said("When it was last changed.", example="2026-06-10T21:33:10.284Z")] | UnsetType
    ) = UNSET
    responsible: Responsible
    qualityBreakdown: list[QualityShare]
    workers: list[HarvestWorker]


class HarvestEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: list[HarvestSession]
