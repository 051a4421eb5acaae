"""What devices find under their replies where the wire has no properties: MQTT 3.1.1, and through a broker."""

from typing import Annotated

from msgspec import UNSET, Raw, Struct, UnsetType

from hydrobit.wire.fields import said


class Told(Struct, frozen=True, kw_only=True):
    """The answer to one message."""

    status: Annotated[int, said("The HTTP status.", example=201)]
    id: Annotated[str | None, said("The clientEventId of the message, where it has one.")]
    packetId: Annotated[int, said("The packet id of the message, where it has one.")] | UnsetType = UNSET
    topic: Annotated[str, said("The topic that the message was sent to.", example="control/production/records")]
    deadLetter: Annotated[str, said("The letter under which an operator finds a refused message.")] | UnsetType = UNSET
    answer: Annotated[Raw, said("The JSON of the HTTP answer.")]
