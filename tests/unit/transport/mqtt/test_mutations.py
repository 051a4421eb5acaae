"""Broken streams do no harm: nothing but Malformed is raised, and no memory is kept.

`MUTATED_STREAMS=2000000 make test ARGS=tests/unit/transport/mqtt/test_mutations.py` reads ten times as many.
"""

import gc
import os
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from hydrobit.transport.mqtt.codec import Decoder, Malformed, encode
from hydrobit.transport.mqtt.packets import V3_1_1, V5, Connect, Packet, Publish, Sender, Subscribe, Subscription
from hydrobit.transport.mqtt.properties import Properties
from tests.mqtt_packets import Maker
from tests.tools import Measured

SEED = 3_115
STREAMS = int(os.environ.get("MUTATED_STREAMS", "200000"))
PACKET_BYTES_MAX = 2_000
GROWTH_BYTES_MAX = 4_000_000
"""What the interpreter may take for itself; one stream kept of each ten would be more."""
SIDES: tuple[tuple[int, Sender], ...] = ((V3_1_1, "client"), (V3_1_1, "server"), (V5, "client"), (V5, "server"))
Mutated = tuple[int, Sender, bytes]


def good_streams(random: Random) -> list[Mutated]:
    streams = []
    for version, sender in SIDES:
        maker = Maker(random, version, sender)
        for _ in range(100):
            packets = [maker.packet() for _ in range(random.randint(1, 3))]
            if sender == "client":
                packets.insert(0, maker.connect())
            streams.append((version, sender, b"".join(encode(packet, version) for packet in packets)))
    return streams


def mutated(random: Random, count: int) -> Iterator[Mutated]:
    """Good streams with a few bytes changed, lost, doubled or taken from another stream."""
    streams = good_streams(random)
    for _ in range(count):
        version, sender, good = random.choice(streams)
        stream = bytearray(good)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            begin = random.randrange(len(stream) + 1)
            end = min(len(stream), begin + random.choice((0, 1, 1, 2, 8)))
            match random.randrange(6):
                case 0:
                    stream[begin:end] = random.randbytes(end - begin)
                case 1:
                    stream[begin:end] = b""
                case 2:
                    stream[begin:begin] = stream[begin:end]
                case 3:
                    other = random.choice(streams)[2]
                    taken = random.randrange(len(other))
                    stream[begin:end] = other[taken : taken + 8]
                case 4:
                    stream[begin:end] = random.choice((b"\0", b"\xff", b"\x80", b"\x7f", b"\0\0", b"\xff\xff\xff\x7f"))
                case 5 if begin < len(stream):
                    stream[begin] ^= 1 << random.randrange(8)
        yield version, sender, bytes(stream)


def read(stream: Mutated, random: Random) -> tuple[list[Packet], Malformed | None]:
    version, sender, data = stream
    reader = Decoder(packet_bytes_max=PACKET_BYTES_MAX, version=version if sender == "server" else None, sender=sender)
    cut = random.randrange(len(data) + 1)
    packets: list[Packet] = []
    try:
        packets += reader.feed(data[:cut])
        packets += reader.feed(data[cut:])
    except Malformed as refused:
        return [*packets, *refused.packets], refused
    return packets, None


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_mutated_stream_is_read_or_refused_and_what_is_read_is_sound(measured: Measured) -> None:
    """Whatever is read can be written, and is the same when it is read again."""
    random = Random(SEED)
    outcomes: Counter[str] = Counter()
    started, before = time.process_time(), 0
    for number, stream in enumerate(mutated(random, STREAMS)):
        packets, refused = read(stream, random)
        outcomes[refused.reason.name if refused else "read"] += 1
        version, sender, _ = stream
        for packet in packets:
            if isinstance(packet, Connect):
                version = packet.version
                known = None
            else:
                known = version
            again = Decoder(packet_bytes_max=2 * PACKET_BYTES_MAX, version=known, sender=sender)
            assert again.feed(encode(packet, version)) == [packet]
        if number == STREAMS // 10:
            before = resident_bytes()
    grown = resident_bytes() - before
    assert {"read", "malformed_packet", "protocol_error", "packet_too_large", "unsupported_protocol_version"} <= {
        *outcomes
    }
    assert outcomes["read"] < STREAMS / 2
    assert grown < GROWTH_BYTES_MAX
    told = ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
    measured(f"{STREAMS} streams in {time.process_time() - started:.1f} s, {grown // 1024} KiB more: {told}")


def test_nothing_of_a_stream_is_kept_once_it_is_over() -> None:
    """Not even until a garbage collection: nothing here refers to itself."""
    random = Random(SEED)
    streams = [*mutated(random, 2_000)]
    for stream in streams:
        read(stream, random)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for stream in streams:
            read(stream, random)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert kept < 20_000


@pytest.mark.parametrize("chunk_bytes", [1, 1_400, 65_536])
def test_no_more_is_held_than_one_packet_and_one_chunk_and_the_work_is_linear(chunk_bytes: int) -> None:
    """Joining what came with every byte would take minutes here."""
    written = encode(Publish("t", bytes(200_000)), V5)
    chunks = [written[at : at + chunk_bytes] for at in range(0, len(written) - chunk_bytes, chunk_bytes)]
    reader = Decoder(packet_bytes_max=200_100, version=V5, sender="client")
    started = time.process_time()
    for chunk in chunks:
        reader.feed(chunk)
    assert time.process_time() - started < 5
    reader = Decoder(packet_bytes_max=200_100, version=V5, sender="client")
    tracemalloc.start()
    try:
        for chunk in chunks:
            assert reader.feed(chunk) == []
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.2 * len(written) + chunk_bytes, "a growing buffer has some room"
    assert peak < 2.4 * len(written) + chunk_bytes, "and is copied when it grows"


@pytest.mark.parametrize(
    "many",
    [
        Publish("t", b"", properties=Properties(user_properties=(("", ""),) * 40_000)),
        Publish("t", b"", properties=Properties(subscription_identifiers=(1,) * 100_000)),
        Subscribe(1, (Subscription("a"),) * 50_000),
        Subscribe(1, (Subscription("+/" * 30_000 + "#"),) * 3),
    ],
    ids=["user properties", "subscription identifiers", "subscriptions", "levels"],
)
def test_a_packet_of_many_parts_takes_time_in_proportion(many: Packet) -> None:
    written = encode(many, V5)
    started = time.process_time()
    sender: Sender = "server" if isinstance(many, Publish) else "client"
    assert Decoder(packet_bytes_max=len(written), version=V5, sender=sender).feed(written) == [many]
    assert time.process_time() - started < 2, "each part beside all before it would take far longer"


def test_a_flood_of_empty_chunks_and_a_length_that_never_ends_hold_nothing() -> None:
    reader = Decoder(packet_bytes_max=100, version=V5, sender="client")
    for _ in range(1_000):
        assert reader.feed(b"") == []
    assert reader.feed(b"\x30\x80") == reader.feed(b"\x80") == reader.feed(b"\x80") == []
    with pytest.raises(Malformed, match="four bytes"):
        reader.feed(b"\x80")
