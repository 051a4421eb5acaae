"""Packets of MQTT as chance makes them: whatever the specification allows one side to send, in either version."""

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

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
    Sender,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode

Value = TypeVar("Value")
LETTERS = "abcXYZ019 .-_$&é日\ufeff\x7f😀\U0010fffd"
PUBLISHED = (0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
DISCONNECTED = (0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99)
BY_SERVER = (0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2)
CONNACK = (*range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F)
SUBACK = (0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)
UNSUBACK = (0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)


class Maker:
    """Makes the packets of one sender in one version."""

    def __init__(self, random: Random, version: int, sender: Sender) -> None:
        self.random, self.version, self.sender = random, version, sender
        acks = [self._ack(PubAck), self._ack(PubRec), self._ack(PubRel), self._ack(PubComp)]
        made: list[Callable[[], Packet]] = [self.publish, self.publish, *acks]
        if sender == "client":
            made += [self.subscribe, self.unsubscribe, PingReq, self.disconnect]
        else:
            made += [self.connack, self.suback, self.unsuback, PingResp]
        if version == V5:
            made += [self.auth, self.disconnect]
        self._made = made

    def packet(self) -> Packet:
        """Any but a CONNECT, which is made by name: it comes once."""
        return self.random.choice(self._made)()

    def connect(self) -> Connect:
        user_name = self._maybe(self._text)
        password = self._maybe(self._bytes) if self.version == V5 or user_name is not None else None
        will = None
        if self.random.random() < 0.5:
            properties = self._properties(
                payload_format_indicator=self._bit,
                message_expiry_interval=self._four_bytes,
                content_type=self._text,
                response_topic=self._topic,
                correlation_data=self._bytes,
                will_delay_interval=self._four_bytes,
            )
            will = Will(self._topic(), self._bytes(), self._qos(), self._flag(), properties)
        properties = self._properties(
            session_expiry_interval=self._four_bytes,
            receive_maximum=self._two_bytes,
            maximum_packet_size=self._four_bytes,
            topic_alias_maximum=self._two_bytes,
            request_response_information=self._flag,
            request_problem_information=self._flag,
            **self._authentication(),
        )
        clean_start, keep_alive_s = self._flag(), self._two_bytes()
        return Connect(self._text(), self.version, clean_start, keep_alive_s, user_name, password, will, properties)

    def connack(self) -> ConnAck:
        if self.random.random() < 0.5:
            reason: Reason | ReturnCode = Reason.success if self.version == V5 else ReturnCode.accepted
        elif self.version == V5:
            reason = Reason(self.random.choice(CONNACK))
        else:
            reason = self.random.choice(list(ReturnCode))
        properties = self._properties(
            session_expiry_interval=self._four_bytes,
            receive_maximum=self._two_bytes,
            maximum_qos=self._bit,
            retain_available=self._flag,
            maximum_packet_size=self._four_bytes,
            assigned_client_identifier=self._text,
            topic_alias_maximum=self._two_bytes,
            reason_string=self._text,
            wildcard_subscription_available=self._flag,
            subscription_identifiers_available=self._flag,
            shared_subscription_available=self._flag,
            server_keep_alive=self._two_bytes,
            response_information=self._text,
            server_reference=self._text,
            **self._authentication(),
        )
        return ConnAck(not reason and self._flag(), reason, properties)

    def publish(self) -> Publish:
        qos = self._qos()
        of_server = {} if self.sender == "client" else {"subscription_identifiers": self._identifiers}
        properties = self._properties(
            payload_format_indicator=self._bit,
            message_expiry_interval=self._four_bytes,
            topic_alias=self._two_bytes,
            content_type=self._text,
            response_topic=self._topic,
            correlation_data=self._bytes,
            **of_server,
        )
        topic = "" if properties.topic_alias and self._flag() else self._topic()
        packet_id, dup = (self._two_bytes(), self._flag()) if qos else (None, False)
        return Publish(topic, self._bytes(300), qos, packet_id, self._flag(), dup, properties)

    def _ack(self, shape: type[PubAck | PubRec | PubRel | PubComp]) -> Callable[[], Packet]:
        codes: tuple[int, ...] = (0x00, 0x92)
        if shape in (PubAck, PubRec):
            codes = PUBLISHED if self.sender == "client" else (*PUBLISHED, 0x10)

        def make() -> Packet:
            reason = Reason(self.random.choice(codes)) if self.version == V5 and self._flag() else Reason.success
            return shape(self._two_bytes(), reason, self._properties(reason_string=self._text))

        return make

    def subscribe(self) -> Subscribe:
        entries = tuple(self._subscription() for _ in range(self.random.randint(1, 4)))
        return Subscribe(self._two_bytes(), entries, self._properties(subscription_identifiers=self._identifier))

    def _subscription(self) -> Subscription:
        if self.version == V3_1_1:
            return Subscription(self._filter(), self._qos())
        shared = f"$share/{self._word()}/" if self.random.random() < 0.2 else ""
        no_local, retain_handling = self._flag() and not shared, self.random.randint(0, 2)
        return Subscription(shared + self._filter(), self._qos(), no_local, self._flag(), retain_handling)

    def suback(self) -> SubAck:
        codes = SUBACK if self.version == V5 else (0x00, 0x01, 0x02, 0x80)
        return SubAck(self._two_bytes(), self._reasons(codes), self._properties(reason_string=self._text))

    def unsubscribe(self) -> Unsubscribe:
        filters = tuple(self._filter() for _ in range(self.random.randint(1, 4)))
        return Unsubscribe(self._two_bytes(), filters, self._properties())

    def unsuback(self) -> UnsubAck:
        if self.version == V3_1_1:
            return UnsubAck(self._two_bytes())
        return UnsubAck(self._two_bytes(), self._reasons(UNSUBACK), self._properties(reason_string=self._text))

    def disconnect(self) -> Disconnect:
        if self.version == V3_1_1:
            return Disconnect()
        of_side: dict[str, Callable[[], Any]] = {"server_reference": self._text}
        codes: tuple[int, ...] = (*DISCONNECTED, *BY_SERVER)
        if self.sender == "client":
            of_side, codes = {"session_expiry_interval": self._four_bytes}, (0x00, 0x04, *DISCONNECTED)
        reason = Reason(self.random.choice(codes))
        return Disconnect(reason, self._properties(reason_string=self._text, **of_side))

    def auth(self) -> Auth:
        codes = (0x18, 0x19) if self.sender == "client" else (0x00, 0x18)
        reason = Reason(self.random.choice(codes))
        if not reason and self.random.random() < 0.2:
            return Auth()
        named = Properties(
            authentication_method=self._text(),
            authentication_data=self._maybe(self._bytes),
            reason_string=self._maybe(self._text),
            user_properties=self._pairs(),
        )
        return Auth(reason, named)

    # --- fields ---

    def _properties(self, **makers: Callable[[], Any]) -> Properties:
        if self.version == V3_1_1 or self.random.random() < 0.4:
            return NO_PROPERTIES
        chosen = {name: make() for name, make in makers.items() if self.random.random() < 0.3}
        return Properties(user_properties=self._pairs(), **chosen)

    def _authentication(self) -> dict[str, Callable[[], Any]]:
        """Its data comes with its method; that it comes alone is left to the tests of rules."""
        return {"authentication_method": self._text}

    def _maybe(self, make: Callable[[], Value]) -> Value | None:
        return make() if self._flag() else None

    def _flag(self) -> bool:
        return self.random.random() < 0.5

    def _bit(self) -> int:
        return self.random.randint(0, 1)

    def _qos(self) -> int:
        return self.random.randint(0, 2)

    def _two_bytes(self) -> int:
        return self.random.choice((1, 255, 256, 0xFFFF, self.random.randint(1, 0xFFFF)))

    def _four_bytes(self) -> int:
        return self.random.choice((1, 0xFFFF_FFFF, self.random.randint(1, 0xFFFF_FFFF)))

    def _identifier(self) -> tuple[int, ...]:
        return (self.random.choice((1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 0x0FFF_FFFF)),)

    def _identifiers(self) -> tuple[int, ...]:
        return sum((self._identifier() for _ in range(self.random.randint(1, 3))), ())

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((self._text(), self._text()) for _ in range(self.random.choice((0, 0, 1, 2, 3))))

    def _reasons(self, codes: tuple[int, ...]) -> tuple[Reason, ...]:
        return tuple(Reason(self.random.choice(codes)) for _ in range(self.random.randint(1, 4)))

    def _bytes(self, length_max: int = 20) -> bytes:
        return self.random.randbytes(self.random.randint(0, length_max))

    def _text(self) -> str:
        return "".join(self.random.choices(LETTERS, k=self.random.choice((0, 1, 5, 12))))

    def _word(self) -> str:
        return "".join(self.random.choices(LETTERS, k=self.random.randint(1, 8)))

    def _topic(self) -> str:
        levels = [self._word() for _ in range(self.random.randint(1, 4))]
        return self.random.choice(("", "/")) + "/".join(levels)

    def _filter(self) -> str:
        levels = [self.random.choice(("+", self._word())) for _ in range(self.random.randint(1, 4))]
        return "/".join([*levels, "#"] if self.random.random() < 0.3 else levels)
