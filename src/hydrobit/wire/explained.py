"""Shapes of a worker's day, explained movement by movement."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.fields import Instant, Success, number, said


class ClaimedKey(Struct, kw_only=True):
    """An own key that a repeat of the record brought along."""

    idempotencyKey: str
    receivedAtUtc: Instant
    auth0Id: str


class ExplainedLine(Struct, kw_only=True):
    """One movement, or a count that is held. `units` of a void are below zero; what is held moves nothing."""

    state: Annotated[
        Literal["counted", "voided", "void", "held"],
        said("`voided` is undone by a `void`, a line of its own; `held` came after the close and counts nowhere."),
    ]
    recordId: Annotated[str, said("Not of what is held.", example="rec_1234567890abcdef")] | UnsetType = UNSET
    heldId: Annotated[str, said("Only of what is held.")] | UnsetType = UNSET
    units: Annotated[Raw, number("Below zero for a void.", example=5)]
    runningUnits: Annotated[Raw, number("The worker's sum of the day up to and with this line.", example=12)]
    sessionId: Annotated[str, said(example="6507f1e3c9d8e2a4b1f9c3d5")]
    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    worker_name: Annotated[str, said("As captured; not once it was erased.", example="John Smith")] | UnsetType = UNSET
    recordedAtUtc: Annotated[Instant, said("When the work was counted, by the client's clock.")]
    receivedAtUtc: Annotated[Instant, said("When the server got it.")]
    sentAtUtc: Annotated[Instant, said("When the device sent it, by its clock.")] | UnsetType = UNSET
    source: Annotated[Literal["http", "bulk", "mqtt", "file", "system"], said("The road by which it came.")]
    auth0Id: Annotated[str, said("Who sent it, or who voided.", example="user_123456789")]
    deviceId: str | UnsetType = UNSET
    deviceSeq: int | UnsetType = UNSET
    clientEventId: Annotated[str, said("Not of a void.", example="evt_1234567890abcdef")] | UnsetType = UNSET
    idempotencyKey: Annotated[str, said("The own key that it came with.")] | UnsetType = UNSET
    claimedKeys: (
        Annotated[list[ClaimedKey], Meta(description="Own keys that later repeats of it brought.")] | UnsetType
    ) = UNSET
    evidence: Annotated[Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": True})] | UnsetType = (
        UNSET
    )
    voidOf: Annotated[str, said("The record that a void undoes.")] | UnsetType = UNSET
    voidedBy: Annotated[str, said("The void that undoes a record.")] | UnsetType = UNSET
    reason: Annotated[str, said("Why it was voided; not once it was erased.")] | UnsetType = UNSET


class ExplainedTotals(Struct, kw_only=True):
    """What the lines come to."""

    netUnits: Annotated[Raw, number("Sum of all movements: the worker's total.", example=34)]
    validUnits: Annotated[Raw, number("Units of the records that are not voided.", example=34)]
    recordCount: Annotated[int, Meta(description="Records, voided ones too.", examples=[37])]
    voidedCount: Annotated[int, Meta(examples=[3])]
    voidedUnits: Annotated[Raw, number("Units of the voided records.", example=6)]
    heldCount: Annotated[int, Meta(description="Counts that came after the close and wait for review.", examples=[2])]
    heldUnits: Annotated[Raw, number("Their units; in no other sum.", example=2)]


class ExplainedSession(ExplainedTotals, kw_only=True):
    """The worker's share of one session of the day."""

    sessionId: Annotated[str, said(example="6507f1e3c9d8e2a4b1f9c3d5")]
    projectId: Annotated[str, said(example="proj_123")]
    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    timezone: Annotated[str, said(example="America/Mexico_City")]
    openedBy: Annotated[str, said("The user who opened it.", example="user_123456789")]
    closedAt: Annotated[Instant, said("Not while it is open.")] | UnsetType = UNSET
    closedReason: Literal["manual", "expired", "admin"] | UnsetType = UNSET


class ExplainedDay(Struct, kw_only=True):
    """A worker's day: a sentence, the sums, the sessions, and a page of all that stands behind them."""

    workerId: Annotated[str, said(example="JS0315")]
    names: Annotated[list[str], Meta(description="Names under which the worker was ever counted.")]
    day: Annotated[
        str, said("The local day, with a zero clock.", example="2025-10-19T00:00:00.000Z", format="date-time")
    ]
    summary: Annotated[str, said("The day in a few sentences, for a person.")]
    totals: ExplainedTotals
    sessions: list[ExplainedSession]
    items: Annotated[list[ExplainedLine], Meta(description="In the order in which the work was recorded.")]
    next: Annotated[str, said("Send it as `after` for the next page; not on the last one.")] | UnsetType = UNSET


class ExplainedDayEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: ExplainedDay
