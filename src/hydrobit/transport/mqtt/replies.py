"""What a client is told of its message: an answer's content and facts, alike on a connection and through a broker."""

import msgspec

from hydrobit.transport.mqtt.road import Answered
from hydrobit.wire.envelope import encode
from hydrobit.wire.mqtt import Told
from hydrobit.wire.records import EventId

TOPIC_SHOWN_MAX = 100
"""So much of a topic is quoted in a sentence about it."""
_with_event_id = msgspec.json.Decoder(EventId)


def facts_of(answered: Answered, letter: str | None) -> list[tuple[str, str]]:
    """The user properties of an answer of MQTT 5."""
    return [("status", str(answered.status)), *([("dead-letter", letter)] if letter else [])]


def told(answered: Answered, topic: str, payload: bytes, letter: str | None, packet_id: int | None = None) -> bytes:
    """An answer with what stands beside it in MQTT 5: topic and payload are those of the message."""
    return encode(
        Told(
            status=answered.status,
            id=_event_id(payload),
            packetId=packet_id or msgspec.UNSET,
            topic=topic,
            deadLetter=letter or msgspec.UNSET,
            answer=msgspec.Raw(answered.body()),
        )
    )


def not_own(topic: str, own: str) -> str:
    """Why nothing is sent to a response topic that is not the client's."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in topic[:TOPIC_SHOWN_MAX])
    return f"No answer is sent to {shown}: it must stand under {own}."


def _event_id(payload: bytes) -> str | None:
    """The clientEventId of a message, where it has one."""
    try:
        return _with_event_id.decode(payload).clientEventId
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
