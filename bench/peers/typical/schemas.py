"""Requests and answers. Their names are those of the published API."""
# ruff: noqa: N815

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


def _utc_milliseconds(value: datetime) -> datetime:
    value = value.astimezone(UTC).replace(tzinfo=None)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


Instant = Annotated[AwareDatetime, AfterValidator(_utc_milliseconds)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
WorkerId = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=64, pattern="^[^:]*$")
]
Units = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)]


class SessionInput(BaseModel):
    auth0Id: str
    projectId: str
    openedAt: Instant
    sectorId: str
    sector_name: Name
    maxDurationHours: Annotated[int, Field(ge=1, le=72)] = 12


class SessionData(BaseModel):
    sessionId: str
    status: Literal["open", "closed"]
    totalUnits: float = 0


class SessionAnswer(BaseModel):
    status: Literal["success"] = "success"
    data: SessionData


class RecordInput(BaseModel):
    model_config = ConfigDict(frozen=True)

    auth0Id: str
    sessionId: str
    workerId: WorkerId
    worker_name: Name
    units: Units = Decimal(1)
    recordedAtUtc: Instant
    idempotencyKey: Key | None = None
    clientEventId: Key

    @property
    def derived_key(self) -> str:
        return f"client:{self.sessionId}:{self.workerId}:{self.clientEventId}"

    @property
    def millionths(self) -> int:
        return int(self.units * 1_000_000)


class RecordPreview(BaseModel):
    recordId: str
    sessionId: str
    workerId: str
    units: float


class RecordData(BaseModel):
    payloadPreview: RecordPreview
    idempotent: bool


class RecordAnswer(BaseModel):
    status: Literal["success"] = "success"
    data: RecordData
