"""The codec: a stream of bytes to packets, however it is split, and packets to bytes. No socket, no clock."""

from hydrobit.transport.mqtt.connecting import read_connect, read_level
from hydrobit.transport.mqtt.fields import Malformed as Malformed
from hydrobit.transport.mqtt.fields import Reader, malformed, protocol_error
from hydrobit.transport.mqtt.packets import V3_1_1, V5, Connect, Packet, Sender
from hydrobit.transport.mqtt.properties import Kind
from hydrobit.transport.mqtt.reading import READERS, Read
from hydrobit.transport.mqtt.reasons import Reason
from hydrobit.transport.mqtt.writing import encode as encode

_CONNECT = 0x10
_NOT_WHOLE = (0, 0)
PACKETS_MAX = 1_000_000_000
"""More than any stream holds at once."""


class Decoder:
    """One direction of one connection.

    A client's version is learned from its CONNECT, which has to come first, and once. To read a server, or a client
    whose CONNECT is behind us, say the version. `version` is also what a refusal is written in: it is known from the
    protocol level on, and where that is none of ours it is the nearer one of ours.

    A message that is larger than `packet_bytes_max`, any other packet than `connect_bytes_max`, is refused by its
    header; so no more is held than that and a chunk.
    """

    def __init__(
        self,
        *,
        packet_bytes_max: int,
        version: int | None = None,
        sender: Sender,
        connect_bytes_max: int | None = None,
    ) -> None:
        if sender == "server" and version is None:
            raise ValueError("the version of a server is that of the CONNECT it answers")
        self.version = version
        self._sender = sender
        self._packet_bytes_max = packet_bytes_max
        self._small_bytes_max = min(packet_bytes_max, connect_bytes_max or packet_bytes_max)
        self._readers: dict[int, Read] = {} if version is None else READERS[version, sender]
        self._held = bytearray()
        self._needed = 0
        """How long the packet is whose beginning is held; 0 while that is not known."""
        self.is_behind = False
        self._broken: tuple[Reason, str] | None = None

    def feed(self, data: bytes, most: int = PACKETS_MAX) -> list[Packet]:
        """The packets that are whole with these bytes, in their order, and no more than `most`; `is_behind` says
        whether there may be more in what is held, to be asked for by another call.

        Raises Malformed, which carries those before it. Then the stream is over: every further call raises it again.
        """
        if self._broken is not None:
            raise Malformed(*self._broken)
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            if not most:
                self.is_behind = True
                return []
            data = bytes(self._held)
            self._held.clear()
        packets: list[Packet] = []
        try:
            read_to = self._read(data, packets, most)
        except Malformed as broken:
            self._broken, broken.packets = (broken.reason, broken.sentence), packets
            raise
        self.is_behind = read_to < len(data) and len(packets) == most
        if read_to < len(data):
            self._held += data[read_to:]
        return packets

    def _read(self, data: bytes, packets: list[Packet], most: int) -> int:
        """Reads packet after packet, and returns where the first one begins that is not whole, or one too many."""
        at, size = 0, len(data)
        self._needed = 0
        while at < size and len(packets) < most:
            first = data[at]
            read = self._readers.get(first) or self._first_reader(first)
            if at + 1 < size and data[at + 1] < 0x80:
                begin = at + 2
                end = begin + data[at + 1]
            else:
                begin, end = self._long_bounds(data, at + 1)
                if not begin:
                    break
            if end - at > self._small_bytes_max and end - at > self._bytes_max(first):
                raise Malformed(Reason.packet_too_large, f"This packet has at most {self._bytes_max(first)} bytes.")
            if end > size:
                self._needed = end - at
                break
            packets.append(read(first, data, begin, end))
            at = end
        return at

    def _long_bounds(self, data: bytes, at: int) -> tuple[int, int]:
        """Where a packet's rest begins and ends, from a length of several bytes; zeros while that is not whole."""
        length = shift = 0
        for byte in data[at : at + 4]:
            at += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift and self.version == V5:
                    raise malformed("A length is written in as few bytes as it needs.")
                return at, at + length
            shift += 7
        if shift == 28:
            raise malformed("A length has at most four bytes.")
        return _NOT_WHOLE

    def _bytes_max(self, first: int) -> int:
        """Only a message may be large: of other packets each byte is work, and so it is with those of a stranger."""
        return self._packet_bytes_max if first >> 4 == Kind.publish and self._readers else self._small_bytes_max

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def let_go(self) -> None:
        """Holds nothing more: the stream is over."""
        self._held.clear()
        self.is_behind = False

    def _read_connect(self, _first: int, data: bytes, at: int, end: int) -> Connect:
        reader = Reader(data, at, end)
        level = read_level(reader)
        self.version = version = V3_1_1 if level < V5 else V5
        if level not in (V3_1_1, V5):
            raise Malformed(
                Reason.unsupported_protocol_version, f"The protocol level {level} is not that of 3.1.1 or 5."
            )
        if version == V5 and data[at - 1] == 0 and data[at - 2] >= 0x80:
            raise malformed("A length is written in as few bytes as it needs.")
        packet = read_connect(reader, version)
        self._readers = READERS[version, self._sender]
        return packet

    def _first_reader(self, first: int) -> Read:
        """The reader of a CONNECT, where none came yet; any other first byte that has no reader is wrong."""
        number = first >> 4
        if number == 0 or (number == Kind.auth and self.version == V3_1_1):
            raise malformed(f"There is no packet with the number {number}.")
        if self.version is None and first == _CONNECT:
            return self._read_connect
        if self.version is None and number != Kind.connect:
            raise protocol_error("The first packet is a CONNECT.")
        if self.version is None or any(number == known >> 4 for known in self._readers):
            raise malformed(f"The flags in the first byte of a {Kind(number).name} are not those it has.")
        raise protocol_error(f"A {self._sender} does not send a {Kind(number).name} here.")
