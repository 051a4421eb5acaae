"""Shapes of messages that were acknowledged although they were refused."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.fields import Auth0Id, Ignored, Instant, Success, said

LetterId = Annotated[str, said(example="letter_17")]


class DeadLetter(Struct, kw_only=True):
    """A message of a client that could not be told of its refusal otherwise, without what stands in it."""

    letterId: LetterId
    status: Annotated[Literal["waiting", "replayed"], said("`replayed`: somebody saw to it.")]
    receivedAtUtc: Instant
    auth0Id: Annotated[str, said("Who sent it; `device:...` for a device that acts for nobody.")]
    deviceId: Annotated[str, said(example="bitRTU-01")] | UnsetType = UNSET
    clientId: Annotated[str, said("Of its MQTT session.")]
    topic: Annotated[str, said(example="control/production/records")]
    payloadBytes: Annotated[int, Meta(examples=[312])]
    code: Annotated[str, said("Why it was refused.", example="session_not_found")]
    error: Annotated[str, said("The same in a sentence.")]
    requestId: Annotated[str, said("Of the message, as its reply named it.")]
    replayedAtUtc: Instant | UnsetType = UNSET
    replayStatus: Annotated[int, Meta(description="What it was answered then.", examples=[201])] | UnsetType = UNSET


class WholeDeadLetter(DeadLetter, kw_only=True):
    """The same with what stands in it."""

    payload: Annotated[str, said("As text, or base64 where it is none.")]
    payloadEncoding: Literal["utf-8", "base64"]


class DeadLetterPage(Struct, kw_only=True):
    """A page of the company's dead letters, latest first."""

    total: int
    page: int
    pageSize: int
    items: list[DeadLetter]


class DeadLetterPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: DeadLetterPage


class DeadLetterEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: WholeDeadLetter


class DeadLetterReplay(Struct):
    """Nothing has to be said; the whole body may be left out."""

    auth0Id: Auth0Id | None = None


class ReplayedDeadLetter(Struct, kw_only=True):
    """What became of a letter that was handed in anew."""

    letterId: LetterId
    statusCode: Annotated[int, Meta(description="The status of the answer to it.", examples=[201])]
    settled: Annotated[
        bool, Meta(description="False: the same may go otherwise later, so that the letter still waits.")
    ]
    answer: (
        Annotated[Raw, Meta(extra_json_schema={"type": "object", "description": "The answer, as HTTP has it."})]
        | UnsetType
    ) = UNSET


class ReplayedDeadLetterEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: ReplayedDeadLetter
    ignored: Ignored | UnsetType = UNSET
