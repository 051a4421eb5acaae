"""The fields that packets are made of (sections 1.5 and 4.7 of MQTT 5), read within bounds and written."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydrobit.errors import HydrobitError
from hydrobit.transport.mqtt.reasons import Reason

if TYPE_CHECKING:
    from hydrobit.transport.mqtt.packets import Packet

VARIABLE_MAX = 0x0FFF_FFFF
"""The most that a variable byte integer holds, in four bytes."""
SHARED = "$share/"


class Malformed(HydrobitError):
    """The bytes break the protocol: `reason` for the peer's DISCONNECT or CONNACK, a sentence that says what is wrong.

    `packets` holds what came whole before it in the same bytes: it was sent in good order, and is served first.
    """

    packets: "Sequence[Packet]" = ()

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


def malformed(sentence: str) -> Malformed:
    """Bytes that cannot be read by the specification."""
    return Malformed(Reason.malformed_packet, sentence)


def protocol_error(sentence: str) -> Malformed:
    """Bytes that can be read, and say what the specification forbids."""
    return Malformed(Reason.protocol_error, sentence)


class Reader:
    """Reads one field after another of a packet, and never beyond its end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, length: int) -> bytes:
        at = self.at
        self.at = end = at + length
        if end > self.end:
            raise malformed("The packet ends within a field.")
        return self.data[at:end]

    def byte(self) -> int:
        at = self.at
        if at >= self.end:
            raise malformed("The packet ends within a field.")
        self.at = at + 1
        return self.data[at]

    def two_bytes(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def four_bytes(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def variable(self) -> int:
        """A variable byte integer, in as few bytes as it needs."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift == 28:
                raise malformed("A variable byte integer has at most four bytes.")
        if byte == 0 and shift:
            raise malformed("A variable byte integer is written in as few bytes as it needs.")
        return value

    def binary(self) -> bytes:
        """Bytes after their length."""
        at, data = self.at, self.data
        begin = at + 2
        if begin <= self.end:
            self.at = end = begin + (data[at] << 8 | data[at + 1])
            if end <= self.end:
                return data[begin:end]
        raise malformed("The packet ends within a field.")

    def text(self) -> str:
        return text_of(self.binary())

    def packet_id(self) -> int:
        value = self.two_bytes()
        if value == 0:
            raise protocol_error("A packet identifier is never 0.")
        return value

    def finish(self) -> None:
        """Nothing may follow the last field."""
        if self.at != self.end:
            raise malformed("Bytes follow the last field of the packet.")


def text_of(raw: bytes) -> str:
    """The text of a UTF-8 string."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise malformed("A text is not well-formed UTF-8.") from None
    if "\0" in text:
        raise malformed("A text holds the null character.")
    return text


def check_topic(topic: str) -> None:
    """A topic name that is not empty: no wildcards."""
    if "+" in topic or "#" in topic:
        raise malformed("A topic name holds no wildcards.")


def check_filter(topic_filter: str, *, may_share: bool) -> None:
    """Where wildcards may stand, and the form of a shared subscription, which 3.1.1 does not know."""
    if may_share and topic_filter.startswith(SHARED):
        name, slash, topic_filter = topic_filter[len(SHARED) :].partition("/")
        if not name or not slash or "+" in name or "#" in name:
            raise malformed("A shared subscription is $share/NAME/FILTER, and its name holds no wildcards.")
    if not topic_filter:
        raise malformed("A topic filter has at least one character.")
    if "#" in topic_filter and (
        topic_filter.index("#") != len(topic_filter) - 1 or topic_filter[-2:-1] not in ("", "/")
    ):
        raise malformed("# stands alone in the last level of a topic filter.")
    if "+" in topic_filter and any("+" in level and level != "+" for level in topic_filter.split("/")):
        raise malformed("+ stands alone in a level of a topic filter.")


def two_bytes(value: int) -> bytes:
    """Raises OverflowError where it does not fit."""
    return value.to_bytes(2, "big")


def variable(value: int) -> bytes:
    """A variable byte integer; raises OverflowError where it does not fit."""
    if not 0 <= value <= VARIABLE_MAX:
        raise OverflowError(f"{value} does not fit a variable byte integer")
    if value < 0x80:
        return bytes((value,))
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def binary(value: bytes) -> bytes:
    """Bytes after their length."""
    return len(value).to_bytes(2, "big") + value


def text(value: str) -> bytes:
    """A UTF-8 string after its length."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw
