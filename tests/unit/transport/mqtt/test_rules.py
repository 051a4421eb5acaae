"""What the specification forbids within one packet is refused, with the reason that it names.

Bytes are written as the specification draws them: a packet's first byte, then what follows its length.
"""

import pytest

from hydrobit.transport.mqtt.codec import Decoder, Malformed, encode
from hydrobit.transport.mqtt.fields import variable
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PubAck,
    Publish,
    Sender,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode

MALFORMED, PROTOCOL = Reason.malformed_packet, Reason.protocol_error


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(first: int, *parts: bytes) -> bytes:
    rest = b"".join(parts)
    return bytes((first,)) + variable(len(rest)) + rest


def connect(flags: int, *parts: bytes, version: int = V5, properties: bytes = b"") -> bytes:
    block = variable(len(properties)) + properties if version == V5 else b""
    return packet(0x10, text("MQTT"), bytes((version, flags)), b"\x00\x3c", block, *parts)


def read(raw: bytes, version: int | None = V5, sender: Sender = "client") -> list[Packet]:
    return Decoder(packet_bytes_max=1_000, version=version, sender=sender).feed(raw)


def refusal(raw: bytes, version: int | None = V5, sender: Sender = "client") -> Malformed:
    with pytest.raises(Malformed) as refused:
        read(raw, version, sender)
    assert str(refused.value) == refused.value.sentence
    assert refused.value.sentence.endswith(".")
    return refused.value


# --- the fixed header ---


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize(
    "first", [0x41, 0x5F, 0x60, 0x63, 0x72, 0x80, 0x83, 0xA0, 0xC1, 0xE1, 0x36, 0x37, 0x3E, 0x38, 0x39, 0x00, 0x0F]
)
def test_flags_and_numbers_that_are_reserved_are_malformed(first: int, version: int) -> None:
    assert refusal(bytes((first,)), version).reason is MALFORMED


def test_auth_is_no_packet_of_3_1_1() -> None:
    assert refusal(b"\xf0\x00", V3_1_1).reason is MALFORMED


@pytest.mark.parametrize("first", [0x20, 0x90, 0xB0, 0xD0])
def test_what_only_a_server_sends_is_refused_from_a_client(first: int) -> None:
    assert refusal(bytes((first, 0))).reason is PROTOCOL


@pytest.mark.parametrize("first", [0x10, 0x82, 0xA2, 0xC0])
def test_what_only_a_client_sends_is_refused_from_a_server(first: int) -> None:
    assert refusal(bytes((first, 0)), V5, "server").reason is PROTOCOL


def test_a_server_of_3_1_1_sends_no_disconnect() -> None:
    assert refusal(b"\xe0\x00", V3_1_1, "server").reason is PROTOCOL


def test_a_length_has_at_most_four_bytes() -> None:
    assert refusal(b"\x30\xff\xff\xff\xff").reason is MALFORMED
    assert refusal(b"\x30\x80\x80\x80\x80\x01", V3_1_1).reason is MALFORMED


def test_a_length_is_as_short_as_can_be_in_5_and_may_be_longer_in_3_1_1() -> None:
    assert refusal(b"\xc0\x80\x00").reason is MALFORMED
    assert len(read(b"\xc0\x80\x00", V3_1_1)) == 1
    padded = b"\x10\x8d\x00\x00\x04MQTT"
    assert refusal(padded + b"\x05\x02\x00\x00\x00\x00\x00", None).reason is MALFORMED
    assert len(read(b"\x10\x8c\x00\x00\x04MQTT" + b"\x04\x02\x00\x00\x00\x00", None)) == 1


def test_a_packet_that_is_too_large_is_refused_by_its_header() -> None:
    reader = Decoder(packet_bytes_max=1_000, version=V5, sender="client")
    assert reader.feed(b"\x30\xe5\x07") == []  # 997 and three bytes of header
    for header in (b"\x30\xe6\x07", b"\x30\xff\xff\xff\x7f"):
        assert refusal(header).reason is Reason.packet_too_large
    assert refusal(b"\x10\xff\xff\x03", None).reason is Reason.packet_too_large


# --- texts ---


@pytest.mark.parametrize(
    "raw",
    [b"\x00", b"a\x00b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xe2\x82"],
)
def test_a_text_is_well_formed_and_without_null(raw: bytes) -> None:
    assert refusal(packet(0x30, text(raw), b"\x00")).reason is MALFORMED
    assert refusal(packet(0x82, b"\x00\x01\x00", text(raw), b"\x00")).reason is MALFORMED
    assert refusal(connect(0x02, text(raw)), None).reason is MALFORMED
    pair = b"\x26" + text(raw) + text("")
    assert refusal(packet(0x30, text("t"), variable(len(pair)), pair)).reason is MALFORMED


def test_a_byte_order_mark_is_part_of_a_text() -> None:
    (message,) = read(packet(0x30, text("\ufefft"), b"\x00"))
    assert isinstance(message, Publish)
    assert message.topic == "\ufefft"


# --- CONNECT ---


def test_a_connect_says_all_that_a_client_is() -> None:
    raw = connect(0xCE, text("scale-1"), b"\x00", text("w"), text(b"\x01"), text("ana"), text(b"\xff"))
    will = Will("w", b"\x01", 1)
    assert read(raw, None) == [Connect("scale-1", V5, True, 60, "ana", b"\xff", will, NO_PROPERTIES)]


@pytest.mark.parametrize(("level", "nearest"), [(3, V3_1_1), (0, V3_1_1), (6, V5), (132, V5)])
def test_another_protocol_level_has_a_reason_of_its_own(level: int, nearest: int) -> None:
    reader = Decoder(packet_bytes_max=100, sender="client")
    with pytest.raises(Malformed) as refused:
        reader.feed(packet(0x10, text("MQTT"), bytes((level, 0x02)), b"\x00\x00", text("")))
    assert refused.value.reason is Reason.unsupported_protocol_version
    assert reader.version == nearest, "the version that the refusal is written in"


def test_3_1_is_known_by_its_name_and_refused_by_its_level() -> None:
    for level in (b"\x03", b"\x05"):
        refused = refusal(packet(0x10, text("MQIsdp"), level, b"\x02\x00\x00", text("a")), None)
        assert refused.reason is Reason.unsupported_protocol_version
        assert "level 3" in refused.sentence


@pytest.mark.parametrize("name", ["mqtt", "HTTP", ""])
def test_another_protocol_is_none_that_we_speak(name: str) -> None:
    reader = Decoder(packet_bytes_max=100, sender="client")
    with pytest.raises(Malformed) as refused:
        reader.feed(packet(0x10, text(name), b"\x05\x02\x00\x00\x00", text("")))
    assert refused.value.reason is Reason.unsupported_protocol_version
    assert reader.version is None, "so nothing can be said"


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("flags", [0x03, 0x22, 0x0A, 0x12, 0x1E])
def test_connect_flags_that_contradict_each_other_are_malformed(flags: int, version: int) -> None:
    properties = b"\x00" if version == V5 else b""
    raw = connect(flags, text("a"), properties, text("w"), text(""), version=version)
    assert refusal(raw, None).reason is MALFORMED


def test_only_5_takes_a_password_without_a_user_name() -> None:
    (packet_read,) = read(connect(0x42, text("a"), text("secret")), None)
    assert isinstance(packet_read, Connect)
    assert (packet_read.user_name, packet_read.password) == (None, b"secret")
    assert refusal(connect(0x42, text("a"), text("secret"), version=V3_1_1), None).reason is MALFORMED


@pytest.mark.parametrize(("topic", "reason"), [("", PROTOCOL), ("a/+", MALFORMED), ("#", MALFORMED)])
def test_the_topic_of_a_will_is_one_topic(topic: str, reason: Reason) -> None:
    assert refusal(connect(0x06, text("a"), b"\x00", text(topic), text("")), None).reason is reason


def test_the_first_packet_is_a_connect_and_no_other_is() -> None:
    assert refusal(b"\xc0\x00", None).reason is PROTOCOL
    hello = connect(0x02, text("a"))
    refused = refusal(hello + hello, None)
    assert refused.reason is PROTOCOL
    assert len(refused.packets) == 1


def test_the_version_is_known_from_the_level_on_even_where_the_rest_is_malformed() -> None:
    for version in (V3_1_1, V5):
        reader = Decoder(packet_bytes_max=100, sender="client")
        with pytest.raises(Malformed):
            reader.feed(connect(0x03, text("a"), version=version))
        assert reader.version == version


@pytest.mark.parametrize("version", [V3_1_1, V5])
def test_bytes_that_follow_the_last_field_are_malformed(version: int) -> None:
    assert refusal(connect(0x02, text("a"), b"\x00", version=version), None).reason is MALFORMED
    assert refusal(b"\xc0\x01\x00", version).reason is MALFORMED
    properties = b"\x00\x00" if version == V5 else b""
    assert refusal(packet(0x40, b"\x00\x01", properties, b"\x00"), version).reason is MALFORMED
    assert refusal(packet(0xE0, properties, b"\x00"), version).reason is MALFORMED


# --- PUBLISH ---


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("topic", ["+", "a/#", "a+b", "#"])
def test_a_topic_name_holds_no_wildcards(topic: str, version: int) -> None:
    assert refusal(packet(0x30, text(topic), b"\x00"), version).reason is MALFORMED


def test_an_empty_topic_is_said_by_an_alias() -> None:
    assert refusal(packet(0x30, text(""), b"\x00")).reason is PROTOCOL
    assert refusal(packet(0x30, text("")), V3_1_1).reason is PROTOCOL
    assert read(packet(0x30, text(""), b"\x03\x23\x00\x07", b"x")) == [
        Publish("", b"x", properties=Properties(topic_alias=7))
    ]


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("first", [0x32, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2])
def test_a_packet_identifier_is_never_0(first: int, version: int) -> None:
    topic = text("t") if first == 0x32 else b""
    rest = (b"\x00" if version == V5 else b"") + text("t") + b"\x00" if first in (0x32, 0x82) else b""
    assert refusal(packet(first, topic, b"\x00\x00", rest), version).reason is PROTOCOL


def test_a_client_sends_no_subscription_identifier_and_a_server_may_send_several() -> None:
    raw = packet(0x30, text("t"), b"\x05\x0b\x07\x0b\x80\x01")
    assert refusal(raw).reason is PROTOCOL
    assert read(raw, V5, "server") == [Publish("t", b"", properties=Properties(subscription_identifiers=(7, 128)))]


# --- properties ---


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x01\x00\x01\x00", PROTOCOL),  # twice
        (b"\x03" + text("a") + b"\x03" + text("a"), PROTOCOL),
        (b"\x01\x02", PROTOCOL),  # neither 0 nor 1
        (b"\x23\x00\x00", Reason.topic_alias_invalid),
        (b"\x0b\x00", PROTOCOL),
        (b"\x08" + text(""), PROTOCOL),
        (b"\x08" + text("a/+"), MALFORMED),
        (b"\x11\x00\x00\x00\x01", MALFORMED),  # of another packet
        (b"\x1f" + text("why"), MALFORMED),
        (b"\x00", MALFORMED),  # of none
        (b"\x7f\x00", MALFORMED),
        (b"\x81\x00\x00", MALFORMED),
        (b"\x02\x00\x00", MALFORMED),  # shorter than its type
        (b"\x0b\x80\x80\x80\x80\x01", MALFORMED),
        (b"\x0b\x81\x00", MALFORMED),
    ],
)
def test_the_properties_of_a_message_are_its_own_and_stand_there_once(block: bytes, reason: Reason) -> None:
    assert refusal(packet(0x30, text("t"), variable(len(block)), block, b"x")).reason is reason


@pytest.mark.parametrize("length", [b"\x01", b"\x80\x00", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x01", b"\x80", b""])
def test_the_properties_end_within_their_packet(length: bytes) -> None:
    assert refusal(packet(0x30, text("t"), length)).reason is MALFORMED


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x21\x00\x00", PROTOCOL),
        (b"\x27\x00\x00\x00\x00", PROTOCOL),
        (b"\x17\x02", PROTOCOL),
        (b"\x19\xff", PROTOCOL),
        (b"\x16" + text("data"), PROTOCOL),  # without its method
        (b"\x18\x00\x00\x00\x01", MALFORMED),  # of a will
    ],
)
def test_the_properties_of_a_connect_keep_their_rules(block: bytes, reason: Reason) -> None:
    assert refusal(connect(0x02, text("a"), properties=block), None).reason is reason


def test_user_properties_keep_their_order_and_repeat() -> None:
    pairs = (("b", "1"), ("a", ""), ("b", "2"))
    block = b"".join(b"\x26" + text(name) + text(value) for name, value in pairs)
    (message,) = read(packet(0x30, text("t"), variable(len(block)), block))
    assert isinstance(message, Publish)
    assert message.properties.user_properties == pairs


# --- subscriptions ---


def subscribe(topic_filter: str, options: int, version: int = V5) -> bytes:
    return packet(0x82, b"\x00\x01", b"\x00" if version == V5 else b"", text(topic_filter), bytes((options,)))


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("topic_filter", ["", "a/#/b", "a#", "#/", "##", "a+", "+a/b", "a/b+/c", "a/++"])
def test_wildcards_stand_where_they_may(topic_filter: str, version: int) -> None:
    assert refusal(subscribe(topic_filter, 0, version), version).reason is MALFORMED
    properties = b"\x00" if version == V5 else b""
    assert refusal(packet(0xA2, b"\x00\x01", properties, text(topic_filter)), version).reason is MALFORMED


@pytest.mark.parametrize("version", [V3_1_1, V5])
@pytest.mark.parametrize("topic_filter", ["#", "+", "/", "//", "a/+/b/#", "+/+", "/#", "$SYS/#", "$share", " "])
def test_a_filter_may_be_any_of_these(topic_filter: str, version: int) -> None:
    assert read(subscribe(topic_filter, 1, version), version) == [Subscribe(1, (Subscription(topic_filter, 1),))]


@pytest.mark.parametrize("topic_filter", ["$share/", "$share/a", "$share//a", "$share/a/", "$share/+/a", "$share/a#/b"])
def test_a_shared_subscription_has_a_name_and_a_filter_in_5(topic_filter: str) -> None:
    assert refusal(subscribe(topic_filter, 0)).reason is MALFORMED
    assert read(subscribe("$share/a//", 0)) == [Subscribe(1, (Subscription("$share/a//"),))]
    assert read(subscribe("$share/a", 0, V3_1_1), V3_1_1) == [Subscribe(1, (Subscription("$share/a"),))]


@pytest.mark.parametrize(
    ("options", "reason"), [(0x40, MALFORMED), (0x80, MALFORMED), (0x03, PROTOCOL), (0x30, PROTOCOL)]
)
def test_subscription_options_of_5_are_within_their_ranges(options: int, reason: Reason) -> None:
    assert refusal(subscribe("a", options)).reason is reason


@pytest.mark.parametrize("options", [0x03, 0x04, 0x08, 0x10, 0x80])
def test_a_subscription_of_3_1_1_carries_a_qos_alone(options: int) -> None:
    assert refusal(subscribe("a", options, V3_1_1), V3_1_1).reason is MALFORMED


def test_a_shared_subscription_is_never_without_local_messages() -> None:
    assert refusal(subscribe("$share/a/b", 0x04)).reason is PROTOCOL
    assert read(subscribe("a", 0x2D)) == [Subscribe(1, (Subscription("a", 1, True, True, 2),))]


@pytest.mark.parametrize(("version", "rest"), [(V3_1_1, b""), (V5, b"\x00")])
def test_who_subscribes_or_unsubscribes_says_from_what(version: int, rest: bytes) -> None:
    assert refusal(packet(0x82, b"\x00\x01", rest), version).reason is PROTOCOL
    assert refusal(packet(0xA2, b"\x00\x01", rest), version).reason is PROTOCOL
    assert refusal(packet(0x90, b"\x00\x01", rest), version, "server").reason is PROTOCOL
    assert read(packet(0xA2, b"\x00\x01", rest, text("a")), version) == [Unsubscribe(1, ("a",))]


def test_a_subscribe_has_one_subscription_identifier() -> None:
    assert refusal(packet(0x82, b"\x00\x01", b"\x04\x0b\x01\x0b\x02", text("a"), b"\x00")).reason is PROTOCOL


# --- answers and ends ---


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (b"\x40\x03\x00\x01\x92", "client"),  # of a PUBREL
        (b"\x40\x03\x00\x01\x10", "client"),  # a server's
        (b"\x62\x03\x00\x01\x80", "client"),
        (b"\xe0\x01\x8d", "client"),  # a server's
        (b"\xe0\x01\x04", "server"),  # a client's
        (b"\xe0\x00", "server"),  # a client's, said by nothing
        (b"\xe0\x01\x05", "client"),
        (b"\xf0\x00", "client"),  # a server's, said by nothing
        (b"\xf0\x06\x00\x04\x15\x00\x01a", "client"),
        (b"\xf0\x06\x19\x04\x15\x00\x01a", "server"),
        (b"\x20\x03\x00\x01\x00", "server"),
        (b"\x20\x03\x01\x80\x00", "server"),  # refuses, and has a session
        (b"\x90\x04\x00\x01\x00\x03", "server"),
        (b"\xb0\x04\x00\x01\x00\x01", "server"),
        (b"\xe0\x07\x80\x05\x11\x00\x00\x00\x01", "server"),
    ],
)
def test_a_reason_is_one_of_its_packet_and_its_sender(raw: bytes, sender: Sender) -> None:
    assert refusal(raw, V5, sender).reason is PROTOCOL


@pytest.mark.parametrize("raw", [b"\x20\x02\x00\x06", b"\x20\x02\x01\x05", b"\x90\x03\x00\x01\x03"])
def test_the_codes_of_3_1_1_are_its_own(raw: bytes) -> None:
    assert refusal(raw, V3_1_1, "server").reason is PROTOCOL


def test_the_return_codes_of_3_1_1_have_names_of_their_own() -> None:
    (answer,) = read(b"\x20\x02\x00\x05", V3_1_1, "server")
    assert isinstance(answer, ConnAck)
    assert answer.reason is ReturnCode.not_authorized


def test_what_is_not_said_of_an_end_or_an_answer_means_success() -> None:
    assert read(b"\xe0\x00\x40\x02\x00\x01\x40\x03\x00\x01\x00\x40\x04\x00\x01\x00\x00") == [
        Disconnect(Reason.normal_disconnection),
        *[PubAck(1, Reason.success, NO_PROPERTIES)] * 3,
    ]
    assert read(b"\xe0\x01\x04") == [Disconnect(Reason.disconnect_with_will_message)]
    assert read(b"\xf0\x00\xf0\x02\x00\x00", V5, "server") == [Auth(), Auth()]


def test_an_auth_names_its_method() -> None:
    assert refusal(b"\xf0\x02\x18\x00").reason is PROTOCOL
    assert refusal(b"\xf0\x01\x18").reason is MALFORMED


def test_reserved_flags_of_a_connack_are_malformed() -> None:
    assert refusal(b"\x20\x02\x02\x00", V3_1_1, "server").reason is MALFORMED


@pytest.mark.parametrize("raw", [b"\xb0\x03\x00\x01\x00", b"\x40\x03\x00\x01\x00", b"\xe0\x01\x00"])
def test_answers_and_ends_of_3_1_1_say_nothing_more(raw: bytes) -> None:
    assert refusal(raw, V3_1_1, "server" if raw[0] == 0xB0 else "client").reason is MALFORMED


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        *[(bytes((first, 0)), "client") for first in (0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2)],
        *[(bytes((first, 0)), "server") for first in (0x20, 0x90, 0xB0)],
        (b"\x30\x01\x00", "client"),
        (b"\x30\x03\x00\x02a", "client"),
        (b"\x32\x03\x00\x01a", "client"),
        (b"\x40\x01\x00", "client"),
    ],
)
def test_a_packet_that_ends_within_a_field_is_malformed(raw: bytes, sender: Sender) -> None:
    """The next packet's bytes are never taken for its own."""
    assert refusal(raw, V5, sender).reason is MALFORMED
    assert refusal(raw + b"\x30\x30\x30\x30\x30\x30", V5, sender).reason is MALFORMED


# --- what is written ---


@pytest.mark.parametrize(
    "unfit",
    [
        PubAck(1, Reason.quota_exceeded),
        PubAck(1, properties=Properties(reason_string="why")),
        Publish("t", b"", properties=Properties(content_type="text/plain")),
        Subscribe(1, (Subscription("a", no_local=True),)),
        Disconnect(Reason.server_busy),
        UnsubAck(1, (Reason.success,)),
        Auth(),
    ],
)
def test_nothing_is_left_out_that_3_1_1_cannot_say(unfit: Packet) -> None:
    with pytest.raises(ValueError, match=r"3\.1\.1|UNSUBACK"):
        encode(unfit, V3_1_1)


@pytest.mark.parametrize(
    "unfit",
    [
        Publish("t" * 65_536, b""),
        Publish("t", b"", 1),
        Publish("t", b"", 1, 65_536),
        Publish("\ud800", b""),
        PubAck(65_536),
        PubAck(1, properties=Properties(topic_alias=1)),
        Publish("t", b"", properties=Properties(message_expiry_interval=1 << 32)),
        Publish("t", b"", properties=Properties(subscription_identifiers=(1 << 28,))),
        Connect("a", V3_1_1),
        Connect("a", V5, keep_alive_s=65_536),
    ],
)
def test_what_does_not_fit_is_not_written(unfit: Packet) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(unfit, V5)


def test_the_most_frequent_answer_takes_four_bytes() -> None:
    assert encode(PubAck(258), V5) == encode(PubAck(258, properties=Properties()), V5) == b"\x40\x02\x01\x02"
    assert encode(PubAck(258, Reason.quota_exceeded), V5) == b"\x40\x03\x01\x02\x97"
    assert encode(Disconnect(), V5) == encode(Disconnect(), V3_1_1) == b"\xe0\x00"
