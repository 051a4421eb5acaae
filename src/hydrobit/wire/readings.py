"""Shapes of what devices read."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.days import DayRange
from hydrobit.wire.fields import NAME, Auth0Id, Ignored, Instant, Success, element, said
from hydrobit.wire.records import BulkSummary

NAMES_MAX = 64
NUMBER_LENGTH_MAX = 64
VALUE_NAME_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"

RecordedAt = Annotated[str, said("The device's clock.", example="2025-10-19T14:30:00.000Z", format="date-time")]
_EXAMPLE: dict[str, Any] = {"temperature": 21.5, "humidity": 64}
_VALUES: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "number"}}


class ReadingInput(Struct):
    """What was read at one instant."""

    recordedAtUtc: RecordedAt
    values: Annotated[
        Raw,
        Meta(
            examples=[_EXAMPLE],
            extra_json_schema={
                **_VALUES,
                "description": "A number under each name (A-Z a-z 0-9 _ . -), kept with all of its decimals.",
                "minProperties": 1,
                "maxProperties": NAMES_MAX,
            },
        ),
    ]


class ReadingInstant(Struct):
    """What is read of an element that cannot be read otherwise, so that its failure can name it."""

    recordedAtUtc: str


class ReadingsInput(Struct):
    """Readings of one kind of one device, read one by one, so that a wrong one fails alone."""

    readings: Annotated[
        list[Annotated[Raw, element(ReadingInput)]],
        Meta(description="At most 1,000 as the server is shipped."),
    ]
    deviceId: Annotated[str, said("Not needed with a device's own token.", example="bitRTU-01", **NAME)] | None = None
    auth0Id: Auth0Id | None = None


class ReadingResult(Struct, kw_only=True):
    """The outcome of one element."""

    index: Annotated[int, Meta(ge=0, description="Place in the sent list.")]
    statusCode: Annotated[int, Meta(description="201 kept, 200 kept before, 4xx refused.", examples=[201])]
    recordedAtUtc: Annotated[str, said("As it was sent, where it could be read.")] | UnsetType = UNSET
    message: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    error: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    code: Annotated[str, said("Only on failure.")] | UnsetType = UNSET
    field: Annotated[str, said("The field that is wrong.")] | UnsetType = UNSET
    serverTime: Instant | UnsetType = UNSET
    existing: Annotated[dict[str, Any], Meta(description="With 409: the reading that is kept.")] | UnsetType = UNSET
    ignored: Ignored | UnsetType = UNSET


class ReadingsOutcome(Struct, kw_only=True):
    status: Success = "success"
    results: list[ReadingResult]
    summary: BulkSummary
    ignored: Ignored | UnsetType = UNSET


class Reading(Struct, kw_only=True):
    """What a device read at an instant."""

    recordedAtUtc: Instant
    receivedAtUtc: Annotated[Instant, said("The server's clock.")]
    values: Annotated[Raw, Meta(examples=[_EXAMPLE], extra_json_schema=_VALUES)]


class ReadingPage(Struct, kw_only=True):
    """A page of a device's readings of one kind, in the order of their instants."""

    deviceId: Annotated[str, said(example="bitRTU-01")]
    kind: Literal["weather", "plant", "irrigation"]
    range: DayRange
    items: list[Reading]
    next: Annotated[Instant, said("Send it as `after` for the next page; not on the last one.")] | UnsetType = UNSET


class ReadingPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: ReadingPage
