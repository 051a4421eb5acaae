"""The server's side of one connection: what it says to what a client says, in both versions."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from hydrobit.transport.mqtt.codec import Decoder, encode
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode
from hydrobit.transport.mqtt.session import FILTER_LENGTH_MAX, TOPIC_ALIASES_MAX, Limits, Session

LIMITS = Limits(
    packet_bytes_max=2_000, receive_max=3, subscriptions_max=2, session_expiry_s_max=100, keep_alive_s_max=60
)
OWN, BRANCH = "replies/c", "connect/comp/proj/dev"
VERSIONS = pytest.mark.parametrize("version", [V3_1_1, V5])


class Line:
    """A session, and its client's codec."""

    def __init__(self, version: int = V5, limits: Limits = LIMITS) -> None:
        self.version, self.session = version, Session(limits)
        self._decoder = Decoder(packet_bytes_max=100_000, version=version, sender="server")

    def send(self, *packets: Packet) -> list[Packet]:
        """What is answered at once."""
        return self.send_bytes(b"".join(encode(packet, self.version) for packet in packets))

    def send_bytes(self, data: bytes) -> list[Packet]:
        self.session.receive(data)
        return self.told()

    def told(self) -> list[Packet]:
        return self._decoder.feed(self.session.outgoing())

    def ask(self, client_id: str = "c", **changes: Any) -> list[Packet]:
        return self.send(Connect(client_id, **{"version": self.version} | changes))

    def accept(self, *, is_present: bool = False, subscriptions: tuple[str, ...] = ()) -> ConnAck:
        self.session.accept(is_present=is_present, subscriptions=subscriptions, readable=(OWN, BRANCH))
        (answer,) = self.told()
        assert isinstance(answer, ConnAck)
        return answer

    def take(self) -> list[Publish]:
        """The messages that are handed over, the session reading on where it had no room."""
        taken = self.session.take_messages(100)
        self.session.receive()
        return taken


def connected(version: int = V5, limits: Limits = LIMITS, **changes: Any) -> Line:
    line = Line(version, limits)
    assert line.ask(**changes) == []
    line.accept()
    return line


def publish(packet_id: int | None = 1, qos: int = 1, **changes: Any) -> Publish:
    said: dict[str, Any] = {"topic": "t", "payload": b"{}", "qos": qos, "packet_id": packet_id}
    return Publish(**said | changes)


def properties(**members: Any) -> Properties:
    return Properties(**members)


def ended(line: Line, packets: list[Packet], reason: Reason) -> None:
    """Fails unless the connection was ended with this reason, and says nothing from then on."""
    assert line.session.is_over
    if line.version == V5:
        assert isinstance(packets[-1], Disconnect)
        assert packets[-1].reason is reason
    assert line.send(PingReq()) == []


# --- the beginning ---


@VERSIONS
def test_who_does_not_begin_with_connect_is_told_nothing(version: int) -> None:
    line = Line(version)
    assert line.send(PingReq()) == []
    assert line.session.is_over
    assert line.session.connect is None


@VERSIONS
def test_a_second_connect_ends_the_connection(version: int) -> None:
    line = connected(version)
    ended(line, line.ask(), Reason.protocol_error)


@VERSIONS
def test_what_follows_connect_waits_for_its_answer_and_is_not_read(version: int) -> None:
    line = Line(version)
    assert line.send(Connect("c", version), PingReq(), publish(1), publish(2)) == []
    assert (len(line.session.inbox), line.session.is_crowded) == (0, True)
    line.accept()
    line.session.receive()
    assert line.told() == [PingResp()]
    assert [message.packet_id for message in line.take()] == [1, 2]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.bad_user_name_or_password, ReturnCode.bad_user_name_or_password),
        (Reason.not_authorized, ReturnCode.not_authorized),
        (Reason.client_identifier_not_valid, ReturnCode.identifier_rejected),
        (Reason.server_busy, ReturnCode.server_unavailable),
        (Reason.quota_exceeded, ReturnCode.server_unavailable),
    ],
)
def test_a_client_that_is_turned_away_is_told_why(reason: Reason, code: ReturnCode) -> None:
    for version, told in ((V5, reason), (V3_1_1, code)):
        line = Line(version)
        line.ask()
        line.session.refuse(reason, "Why.")
        (answer,) = line.told()
        assert answer == ConnAck(False, told, properties(reason_string="Why.") if version == V5 else NO_PROPERTIES)
        assert line.session.is_over


@pytest.mark.parametrize("reason", [Reason.session_taken_over, Reason.server_shutting_down, Reason.keep_alive_timeout])
def test_who_is_ended_before_the_answer_to_connect_gets_one_answer_alone(reason: Reason) -> None:
    line = Line()
    line.ask()
    line.session.end(reason)
    line.session.accept(is_present=False, subscriptions=(), readable=(OWN,))
    assert line.told() == [ConnAck(False, Reason.server_unavailable)]


@pytest.mark.parametrize("level", [3, 6])
def test_another_version_is_told_so(level: int) -> None:
    raw = bytearray(encode(Connect("c", V5 if level > V5 else V3_1_1), V5 if level > V5 else V3_1_1))
    raw[8] = level
    line = Line(V5 if level > V5 else V3_1_1)
    (answer,) = line.send_bytes(bytes(raw))
    assert isinstance(answer, ConnAck)
    assert answer.reason == (
        Reason.unsupported_protocol_version if level > V5 else ReturnCode.unacceptable_protocol_version
    )


@pytest.mark.parametrize("client_id", ["a/b", "+", "a#", "a\tb", "a\x7fb", "a\u202eb", "a" * 129])
@VERSIONS
def test_a_client_id_that_is_no_level_of_a_topic_is_refused(client_id: str, version: int) -> None:
    line = Line(version)
    (answer,) = line.ask(client_id)
    assert isinstance(answer, ConnAck)
    expected = Reason.client_identifier_not_valid if version == V5 else ReturnCode.identifier_rejected
    assert answer.reason == expected


@VERSIONS
def test_a_client_without_an_id_is_let_in_with_a_clean_start_alone(version: int) -> None:
    line = Line(version)
    assert line.ask("", clean_start=True) == []
    line.session.client_id = "auto-1"
    assert line.accept().properties.assigned_client_identifier == ("auto-1" if version == V5 else None)
    (answer,) = Line(version).ask("", clean_start=False)
    assert isinstance(answer, ConnAck)
    assert answer.reason


def test_the_keep_alive_of_mqtt_5_is_shortened_and_said() -> None:
    for asked, granted, said in ((0, 60, 60), (61, 60, 60), (60, 60, None), (5, 5, None)):
        line = Line()
        line.ask(keep_alive_s=asked)
        assert line.accept().properties.server_keep_alive == said
        assert line.session.keep_alive_s == granted
    assert connected(V3_1_1, keep_alive_s=1_000).session.keep_alive_s == 1_000
    assert connected(V3_1_1, keep_alive_s=0).session.keep_alive_s == 0


def test_a_session_stays_as_long_as_is_asked_for_and_allowed() -> None:
    for asked, granted, said in ((None, 0, None), (0, 0, None), (50, 50, None), (2**32 - 1, 100, 100)):
        line = Line()
        line.ask(properties=properties(session_expiry_interval=asked))
        assert line.accept().properties.session_expiry_interval == said
        assert line.session.expiry_s == granted
    assert connected(V3_1_1, clean_start=True).session.expiry_s == 0
    assert connected(V3_1_1, clean_start=False).session.expiry_s == 100


def test_connack_says_what_the_server_takes() -> None:
    line = Line()
    line.ask()
    told = line.accept(is_present=True)
    assert told.session_present
    assert (told.properties.receive_maximum, told.properties.maximum_packet_size) == (3, 2_000)
    assert told.properties.topic_alias_maximum == TOPIC_ALIASES_MAX
    assert told.properties.retain_available is False
    assert told.properties.shared_subscription_available is False


def test_an_authentication_method_and_auth_are_refused() -> None:
    (answer,) = Line().ask(properties=properties(authentication_method="SCRAM"))
    assert isinstance(answer, ConnAck)
    assert answer.reason is Reason.bad_authentication_method
    line = connected()
    told = line.send(Auth(Reason.re_authenticate, properties(authentication_method="SCRAM")))
    ended(line, told, Reason.protocol_error)


@VERSIONS
def test_a_will_never_becomes_a_message(version: int) -> None:
    line = connected(version, will=Will("control/production/records", b"{}", 1, True))
    line.session.end(Reason.keep_alive_timeout)
    assert not line.session.inbox


# --- messages ---


@VERSIONS
def test_qos_0_is_never_acknowledged(version: int) -> None:
    line = connected(version)
    line.send(publish(None, 0))
    (message,) = line.take()
    line.session.acknowledge(message, Reason.payload_format_invalid, "No.")
    assert line.told() == []


@VERSIONS
def test_acknowledgements_are_sent_as_they_are_given_and_a_refusal_in_5_alone(version: int) -> None:
    line = connected(version)
    line.send(publish(7), publish(8, retain=True, dup=True))
    for message in line.take():
        line.session.acknowledge(message, Reason.payload_format_invalid, "No.")
    told = PubAck(7, Reason.payload_format_invalid, properties(reason_string="No.")) if version == V5 else PubAck(7)
    assert line.told() == [told, type(told)(8, told.reason, told.properties)]


@VERSIONS
def test_qos_2_is_answered_once_and_held_until_it_is_released(version: int) -> None:
    line = connected(version)
    line.send(publish(1, 2))
    assert line.send(publish(1, 2, dup=True)) == [], "the first one is answered in its turn"
    (message,) = line.take()
    line.session.acknowledge(message)
    assert line.told() == [PubRec(1)]
    assert line.send(publish(1, 2, dup=True)) == [PubRec(1)], "the answer was lost"
    assert line.take() == []
    assert line.send(PubRel(1)) == [PubComp(1)]
    line.send(publish(1, 2))
    assert len(line.take()) == 1, "the id is free again"


def test_a_refused_message_of_qos_2_is_released_by_its_pubrec() -> None:
    line = connected()
    for _ in range(5):
        line.send(publish(1, 2))
        (message,) = line.take()
        line.session.acknowledge(message, Reason.not_authorized)
        assert line.told() == [PubRec(1, Reason.not_authorized)]


def test_a_release_of_an_unknown_message_is_told_in_5() -> None:
    assert connected().send(PubRel(9)) == [PubComp(9, Reason.packet_identifier_not_found)]
    assert connected(V3_1_1).send(PubRel(9)) == [PubComp(9)]


@VERSIONS
def test_a_release_before_its_pubrec_ends_the_connection(version: int) -> None:
    line = connected(version)
    ended(line, line.send(publish(1, 2), PubRel(1)), Reason.protocol_error)


@pytest.mark.parametrize("qos", [1, 2])
def test_more_than_the_receive_maximum_ends_the_connection_in_5(qos: int) -> None:
    line = connected()
    ended(line, line.send(*(publish(number, qos) for number in range(1, 6))), Reason.receive_maximum_exceeded)


def test_a_client_of_3_1_1_waits_where_it_sends_more_and_nothing_is_lost() -> None:
    line = connected(V3_1_1)
    line.send(*(publish(number) for number in range(1, 21)))
    assert (len(line.session.inbox), line.session.is_crowded) == (4, True)
    seen: list[int | None] = []
    while messages := line.take():
        seen += [message.packet_id for message in messages]
    assert seen == list(range(1, 21))
    assert (line.session.is_crowded, line.session.held_bytes) == (False, 0)


def test_large_messages_make_the_client_wait_before_there_are_many() -> None:
    line = connected(V3_1_1, replace(LIMITS, receive_max=100))
    for number in range(1, 21):
        line.send(publish(number, payload=bytes(900)))
    assert len(line.session.inbox) == 3
    assert line.session.is_crowded


def test_what_stands_beside_a_payload_counts_as_held_too() -> None:
    line = connected(limits=replace(LIMITS, receive_max=100))
    said = properties(user_properties=(("n" * 400, "v" * 400),), correlation_data=bytes(100), response_topic=OWN)
    for number in range(1, 10):
        line.send(publish(number, topic="t" * 100, payload=b"", properties=said))
    assert len(line.session.inbox) == 2


@pytest.mark.parametrize(
    "hollow",
    [
        publish(1, payload=b"", properties=Properties(user_properties=(("", ""),) * 300)),
        Subscribe(1, tuple(Subscription("a") for _ in range(300))),
        Unsubscribe(1, ("a",) * 300),
    ],
    ids=["properties", "subscriptions", "ends of them"],
)
def test_what_has_few_letters_and_many_parts_counts_by_its_parts(hollow: Packet) -> None:
    line = connected(limits=replace(LIMITS, receive_max=100))
    for _ in range(9):
        line.send(hollow)
    assert (len(line.session.inbox), line.session.is_crowded) == (1, True)
    while line.session.inbox or line.session.is_behind:
        if not line.take():
            line.session.take_asked()
    assert (line.session.is_crowded, line.session.held_bytes) == (False, 0)


def test_topic_aliases_are_learned_and_used() -> None:
    line = connected()
    line.send(
        publish(1, topic="a", properties=properties(topic_alias=1)),
        publish(2, topic="", properties=properties(topic_alias=1)),
        publish(3, topic="b", properties=properties(topic_alias=1)),
    )
    (*first, third) = line.take()
    assert [message.topic for message in first] == ["a", "a"]
    assert third.topic == "b"


@pytest.mark.parametrize(
    ("topic", "alias", "reason"),
    [("", 2, Reason.protocol_error), ("a", TOPIC_ALIASES_MAX + 1, Reason.topic_alias_invalid)],
)
def test_an_alias_that_is_unknown_or_too_high_ends_the_connection(topic: str, alias: int, reason: Reason) -> None:
    line = connected()
    ended(line, line.send(publish(topic=topic, properties=properties(topic_alias=alias))), reason)


@VERSIONS
def test_what_was_sent_in_good_order_before_a_broken_packet_is_handed_over(version: int) -> None:
    line = connected(version)
    told = line.send_bytes(encode(publish(1), version) + b"\xff\xff\xff\xff\xff")
    assert [message.packet_id for message in line.session.inbox if isinstance(message, Publish)] == [1]
    ended(line, told, Reason.malformed_packet)


def test_a_large_packet_is_a_message_and_nothing_else() -> None:
    limits = replace(LIMITS, packet_bytes_max=100_000)
    line = connected(limits=limits)
    line.send(publish(payload=bytes(90_000)))
    assert len(line.take()) == 1
    filters = tuple(Subscription(f"{OWN}/{number}") for number in range(2_000))
    ended(line, line.send(Subscribe(1, filters)), Reason.packet_too_large)
    line = connected(limits=limits)
    said = properties(user_properties=(("", ""),) * 15_000)
    ended(line, line.send(publish(properties=said)), Reason.packet_too_large)


def test_a_chunk_of_very_many_packets_is_read_in_turns() -> None:
    line = connected(limits=replace(LIMITS, receive_max=256))
    turns = [len(line.send_bytes(encode(PingReq(), V5) * 100_000))]
    while line.session.is_behind:
        turns.append(len(line.send_bytes(b"")))
    assert sum(turns) == 100_000
    assert max(turns) <= 257


@VERSIONS
def test_bytes_that_come_one_by_one_are_read_as_those_that_come_together(version: int) -> None:
    line = Line(version)
    for byte in encode(Connect("c", version), version):
        line.send_bytes(bytes([byte]))
    line.accept()
    for byte in encode(publish(5), version) + encode(PingReq(), version):
        told = line.send_bytes(bytes([byte]))
    assert told == [PingResp()]
    assert [message.packet_id for message in line.take()] == [5]


# --- subscriptions ---


def change(line: Line, asked: Subscribe | Unsubscribe) -> Packet:
    """What is answered; and what would be kept is what is there then."""
    line.send(asked)
    waiting = line.session.take_asked()
    kept = line.session.after(waiting)
    line.session.subscribed(waiting)
    assert tuple(line.session.subscriptions) == kept
    (answer,) = line.told()
    return answer


@pytest.mark.parametrize(
    "wanted", ["#", "+/c", "replies/+", "replies/#", "replies/d", "replies/cd", "$SYS/#", BRANCH[:-1]]
)
@VERSIONS
def test_a_client_subscribes_to_nothing_of_others(wanted: str, version: int) -> None:
    line = connected(version)
    reason = Reason.not_authorized if version == V5 else Reason.unspecified_error
    assert change(line, Subscribe(1, (Subscription(wanted, 1),))) == SubAck(1, (reason,))
    assert not line.session.subscriptions


@VERSIONS
def test_a_client_subscribes_to_its_replies_and_its_branch_up_to_the_limit(version: int) -> None:
    line = connected(version)
    asked = Subscribe(
        3, (Subscription(OWN, 2), Subscription(f"{BRANCH}/#"), Subscription(f"{OWN}/x"), Subscription(OWN))
    )
    over = Reason.quota_exceeded if version == V5 else Reason.unspecified_error
    assert change(line, asked) == SubAck(3, (Reason.success, Reason.success, over, Reason.success))
    assert line.session.reads(OWN)
    assert not line.session.reads(f"{OWN}/x")
    gone = change(line, Unsubscribe(4, (OWN, "other")))
    reasons = (Reason.success, Reason.no_subscription_existed) if version == V5 else ()
    assert gone == UnsubAck(4, reasons)
    assert not line.session.reads(OWN)


def test_a_filter_that_is_very_long_is_not_kept() -> None:
    answer = change(connected(), Subscribe(1, (Subscription(f"{OWN}/{'x' * FILTER_LENGTH_MAX}"),)))
    assert answer == SubAck(1, (Reason.not_authorized,))


def test_earlier_subscriptions_count_as_far_as_the_client_may_still_read_there() -> None:
    line = Line()
    line.ask()
    line.accept(is_present=True, subscriptions=(f"{OWN}/#", "replies/other"))
    assert tuple(line.session.subscriptions) == (f"{OWN}/#",)


# --- what the client says of itself ---


def test_no_packet_is_larger_than_the_client_takes() -> None:
    line = connected(properties=properties(maximum_packet_size=50))
    line.send(publish(1))
    (message,) = line.take()
    assert line.session.reply(OWN, bytes(10))
    assert not line.session.reply(OWN, bytes(60))
    line.session.acknowledge(message, Reason.not_authorized, "W" * 60)
    assert line.told() == [Publish(OWN, bytes(10)), PubAck(1, Reason.not_authorized)]
    line.session.end(Reason.not_authorized, "W" * 60)
    assert line.told() == [Disconnect(Reason.not_authorized)]


def test_a_client_that_wants_no_words_gets_none_with_an_acknowledgement() -> None:
    line = connected(properties=properties(request_problem_information=False))
    line.send(publish(1))
    (message,) = line.take()
    line.session.acknowledge(message, Reason.not_authorized, "No.")
    assert line.told() == [PubAck(1, Reason.not_authorized)]


def test_words_that_quote_what_was_sent_are_still_a_text_of_mqtt() -> None:
    line = connected(limits=replace(LIMITS, receive_max=10))
    line.send(publish(1))
    (message,) = line.take()
    line.session.acknowledge(message, Reason.payload_format_invalid, "\0" + "é" * 100_000)
    (answer,) = line.told()
    assert isinstance(answer, PubAck)
    assert answer.properties.reason_string == "?" + "é" * 999


# --- the end ---


@VERSIONS
def test_who_leaves_is_answered_first_and_what_follows_is_not_read(version: int) -> None:
    line = connected(version)
    line.send(publish(1), Disconnect(), publish(2))
    assert line.session.is_leaving
    (message,) = line.take()
    line.session.acknowledge(message)
    assert line.told() == [PubAck(1)]
    assert line.take() == []


def test_who_leaves_may_change_how_long_the_session_stays() -> None:
    for at_first, wanted, left in ((50, 7, 7), (50, 0, 0), (50, 1_000, 100), (50, None, 50), (0, 0, 0)):
        line = connected(properties=properties(session_expiry_interval=at_first))
        line.send(Disconnect(properties=properties(session_expiry_interval=wanted)))
        assert (line.session.expiry_s, line.session.is_leaving) == (left, True)
    line = connected()
    ended(line, line.send(Disconnect(properties=properties(session_expiry_interval=5))), Reason.protocol_error)


@VERSIONS
def test_nothing_is_sent_after_the_end(version: int) -> None:
    line = connected(version)
    line.send(publish(1), publish(2, 2))
    messages = line.take()
    line.session.end(Reason.server_busy, "Later.")
    expected = [Disconnect(Reason.server_busy, properties(reason_string="Later."))] if version == V5 else []
    assert line.told() == expected
    for message in messages:
        line.session.acknowledge(message)
    line.session.end(Reason.not_authorized)
    line.session.reply(OWN, b"")
    assert line.told() == []


# --- whatever a client does ---


@pytest.mark.parametrize("seed", range(40))
@VERSIONS
def test_each_sending_is_acknowledged_once_at_most_and_in_order(version: int, seed: int) -> None:
    random = Random(f"{version}-{seed}")
    line = connected(version)
    sent: list[int] = []
    """Ids of QoS 1 and 2 in the order in which they were handed over and not answered yet."""
    open_ids, received = set[int](), set[int]()
    for packets in steps(random, open_ids, received):
        told = line.send(*packets)
        if random.random() < 0.7:
            messages = line.session.take_messages(random.randint(1, 3))
            sent += [message.packet_id for message in messages if message.packet_id is not None and message.qos]
            for message in messages:
                line.session.acknowledge(message, random.choice([Reason.success, Reason.not_authorized]))
            told += line.told()
            line.session.receive()
            told += line.told()
        for packet in told:
            if isinstance(packet, PubAck) or (isinstance(packet, PubRec) and packet.packet_id not in received):
                assert packet.packet_id == sent.pop(0)
                if isinstance(packet, PubAck) or packet.reason:
                    open_ids.discard(packet.packet_id)
                else:
                    received.add(packet.packet_id)
            elif isinstance(packet, PubComp):
                open_ids.discard(packet.packet_id)
        assert line.session._held >= 0
        while line.session.inbox and not isinstance(line.session.inbox[0], Publish):
            line.session.subscribed(line.session.take_asked())
            line.told()
        if line.session.is_over:
            assert line.send(PingReq()) == []
            return


def steps(random: Random, open_ids: set[int], received: set[int]) -> Iterator[list[Packet]]:
    """What a client sends that keeps to the rules about ids, and to nothing else."""
    for _ in range(150):
        packets: list[Packet] = []
        for _ in range(random.randint(1, 3)):
            kind = random.randrange(8)
            if kind < 4:
                packet_id, qos = random.randint(1, 6), random.randint(0, 2)
                if qos and packet_id in open_ids:
                    continue
                if qos:
                    open_ids.add(packet_id)
                packets.append(publish(packet_id if qos else None, qos))
            elif kind == 4 and received:
                packet_id = received.pop()
                packets.append(PubRel(packet_id))
            elif kind == 5:
                packets.append(Subscribe(9, (Subscription(random.choice([OWN, "other", BRANCH])),)))
            elif kind == 6:
                packets.append(Unsubscribe(9, (OWN,)))
            else:
                packets.append(PingReq() if random.random() < 0.5 else PubAck(3))
        yield packets
