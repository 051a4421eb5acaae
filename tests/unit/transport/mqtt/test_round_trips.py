"""What one side writes, the other reads: every packet, in both versions, however the stream is split."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydrobit.transport.mqtt.codec import Decoder, Malformed, encode
from hydrobit.transport.mqtt.packets import V3_1_1, V5, Packet, Publish, Sender
from hydrobit.transport.mqtt.properties import NO_PROPERTIES
from hydrobit.transport.mqtt.reasons import Reason
from tests.mqtt_packets import Maker

VERSIONS, SENDERS = st.sampled_from((V3_1_1, V5)), st.sampled_from(("client", "server"))


def stream_of(random: Random, version: int, sender: Sender) -> list[Packet]:
    maker = Maker(random, version, sender)
    packets = [maker.packet() for _ in range(random.randint(0, 6))]
    return [maker.connect(), *packets] if sender == "client" else packets


def reader_of(version: int, sender: Sender, packet_bytes_max: int = 65_536) -> Decoder:
    """A server is told a client's version by its CONNECT; a client knows it."""
    known = version if sender == "server" else None
    return Decoder(packet_bytes_max=packet_bytes_max, version=known, sender=sender)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), VERSIONS, SENDERS, st.data())
def test_a_stream_is_read_as_it_was_written_however_it_is_split(
    random: Random, version: int, sender: Sender, data: st.DataObject
) -> None:
    packets = stream_of(random, version, sender)
    stream = b"".join(encode(packet, version) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = reader_of(version, sender)
    read = [
        packet
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for packet in reader.feed(stream[begin:end])
    ]
    assert read == packets
    assert reader.version == version


@settings(deadline=None)
@given(st.randoms(use_true_random=False), VERSIONS, SENDERS)
def test_a_packet_is_there_with_its_last_byte_and_not_before(random: Random, version: int, sender: Sender) -> None:
    packets = stream_of(random, version, sender)
    reader = reader_of(version, sender)
    for packet in packets:
        written = encode(packet, version)
        assert [one for byte in written[:-1] for one in reader.feed(bytes((byte,)))] == []
        assert reader.feed(written[-1:]) == [packet]


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("length", [100, 127, 128, 16_383, 16_384, 60_000, 2_097_151, 2_097_152])
def test_a_length_of_any_size_is_written_and_read(version: int, length: int) -> None:
    head = encode(Publish("t", b"", 0), version)
    packet = Publish("t", bytes(length - len(head) + 2), 0)
    written = encode(packet, version)
    assert Decoder(packet_bytes_max=length + 5, version=version, sender="client").feed(written) == [packet]


def test_who_sets_no_property_gets_the_one_that_says_so() -> None:
    written = encode(Publish("t", b"", 0), V5)
    (read,) = Decoder(packet_bytes_max=100, version=V5, sender="client").feed(written)
    assert isinstance(read, Publish)
    assert read.properties is NO_PROPERTIES


def test_packets_before_a_broken_one_are_delivered_with_the_refusal() -> None:
    good = [Publish("a", b"1", 1, 1), Publish("b", b"2", 1, 2)]
    reader = Decoder(packet_bytes_max=100, version=V5, sender="client")
    with pytest.raises(Malformed) as refused:
        reader.feed(b"".join(encode(packet, V5) for packet in good) + b"\x00\x00" + encode(good[0], V5))
    assert refused.value.packets == good
    assert refused.value.reason is Reason.malformed_packet
    with pytest.raises(Malformed, match=refused.value.sentence) as again:
        reader.feed(encode(good[0], V5))
    assert again.value.packets == ()
