"""The server's side of one MQTT connection, without a socket, a clock or a wait: bytes in, bytes and messages out.

Whoever carries it feeds `receive`, answers `connect` by `accept` or `refuse`, takes what stands in `inbox` in its
order, answers each by `acknowledge` or `subscribed`, and sends what `outgoing` gives. Sections are
those of MQTT 5 where nothing else is said.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from hydrobit.transport.mqtt.codec import Decoder, Malformed, encode
from hydrobit.transport.mqtt.filters import is_below, matches
from hydrobit.transport.mqtt.packets import (
    V5,
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
    UnsubAck,
    Unsubscribe,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from hydrobit.transport.mqtt.reasons import OF_CONNACK, Reason, ReturnCode

CONNECT_BYTES_MAX = 16_384
"""The greatest CONNECT: its sender is a stranger."""
CLIENT_ID_LENGTH_MAX = 128
FILTER_LENGTH_MAX = 512
REASON_LENGTH_MAX = 1_000
TOPIC_ALIASES_MAX = 16
OBJECT_BYTES = 150
"""About what a user property or a filter holds beside its letters, of which it may have none."""
QOS_0, QOS_1, QOS_2 = 0, 1, 2
_REFUSED_IN_V3 = Reason.unspecified_error
"""The one refusal that a 3.1.1 SUBACK knows."""

_RETURN_CODES = {
    Reason.unsupported_protocol_version: ReturnCode.unacceptable_protocol_version,
    Reason.client_identifier_not_valid: ReturnCode.identifier_rejected,
    Reason.bad_user_name_or_password: ReturnCode.bad_user_name_or_password,
    Reason.not_authorized: ReturnCode.not_authorized,
}
"""What a refused CONNECT is told in 3.1.1 (3.2.2.3 there); whatever else stands in the way may pass."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may ask for."""

    packet_bytes_max: int
    receive_max: int
    """Messages of QoS 1 and 2 that wait for their acknowledgement."""
    subscriptions_max: int
    session_expiry_s_max: int
    keep_alive_s_max: int


class Session:
    """One connection. `connect` waits for an answer until there was one; `is_over` says that nothing more is sent."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._decoder = Decoder(
            packet_bytes_max=limits.packet_bytes_max, connect_bytes_max=CONNECT_BYTES_MAX, sender="client"
        )
        self._sent: list[bytes] = []
        self._aliases: dict[int, str] = {}
        self._held = 0
        self._received: dict[int, bool] = {}
        """Packet ids of QoS 2 from the PUBLISH to the PUBREL (4.3.3): what comes again meanwhile is the same message.
        Whether it was answered by a PUBREC stands beside each."""
        self._problems_wanted = True
        self._bytes_max = 0
        """The greatest packet that the client takes; 0: any."""
        self.connect: Connect | None = None
        self.version = V5
        self.client_id = ""
        self.keep_alive_s = 0
        self.expiry_s = 0
        self.is_accepted = self.is_leaving = self.is_over = False
        self.subscriptions: dict[str, None] = {}
        self.readable: tuple[str, ...] = ()
        """The roots below which the client may subscribe."""
        self.inbox: deque[Publish | Subscribe | Unsubscribe] = deque()
        self._waiting_bytes = 0
        """Of the messages in the inbox."""
        self.packets_received = self.packets_sent = 0
        """Since somebody set them to 0."""

    def receive(self, data: bytes = b"") -> None:
        """Reads what came, as far as there is room in the inbox; answers at once what needs nobody else.

        What is read no further stays as it came: then `is_behind`, and a call without bytes reads on. What comes after
        the end is thrown away.
        """
        if self.is_over or self.is_leaving:
            return
        try:
            self._take_all(self._decoder.feed(data, self._room()))
        except Malformed as broken:
            self._take_all(broken.packets)
            self.version = self._decoder.version or V5
            self.end(broken.reason, broken.sentence)

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits that no more should come."""
        if not self.is_accepted:
            return self.connect is not None
        return self._room() <= 1 or self.is_behind

    @property
    def is_behind(self) -> bool:
        """Whether what came may hold more packets."""
        return self._decoder.is_behind and not self.is_leaving and not self.is_over

    @property
    def held_bytes(self) -> int:
        """What waits, as it came and as messages."""
        return self._decoder.held_bytes + self._waiting_bytes

    def _room(self) -> int:
        """How many packets may be read now: a stranger's CONNECT alone, and one more than the client may send."""
        if not self.is_accepted:
            return int(self.connect is None)
        if self._waiting_bytes >= self._limits.packet_bytes_max:
            return 0
        return max(0, self._limits.receive_max + 1 - len(self.inbox))

    def take_messages(self, most: int) -> list[Publish]:
        """The messages at the front of the inbox, in their order."""
        taken: list[Publish] = []
        inbox = self.inbox
        while inbox and len(taken) < most and isinstance(inbox[0], Publish):
            taken.append(inbox.popleft())  # type: ignore[arg-type]
        self._waiting_bytes -= sum(map(_size, taken))
        return taken

    def take_asked(self) -> Subscribe | Unsubscribe:
        """The change of subscriptions at the front of the inbox."""
        asked = self.inbox.popleft()
        assert isinstance(asked, Subscribe | Unsubscribe), "messages are taken together"
        self._waiting_bytes -= _size(asked)
        return asked

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        if not self._sent:
            return b""
        sent = self._sent[0] if len(self._sent) == 1 else b"".join(self._sent)
        self._sent.clear()
        return sent

    # The answer to CONNECT.

    def accept(self, *, is_present: bool, subscriptions: tuple[str, ...], readable: tuple[str, ...]) -> None:
        """Lets the client in; its earlier subscriptions count as far as it may still read there."""
        assert self.connect is not None, "who has not asked is not let in"
        if self.is_over:
            return
        self.readable, self.is_accepted = readable, True
        self.subscriptions = dict.fromkeys(wanted for wanted in subscriptions if self._may_read(wanted))
        self._send(
            ConnAck(is_present, Reason.success, self._granted(self.connect) if self.version == V5 else NO_PROPERTIES)
        )

    def refuse(self, reason: Reason, sentence: str) -> None:
        """Turns the client away before it was let in."""
        if self.version == V5:
            self._send(ConnAck(False, reason, _words(sentence)))
        else:
            code = _RETURN_CODES.get(reason, ReturnCode.server_unavailable)
            self._send(ConnAck(False, code, NO_PROPERTIES))
        self.is_over = True

    # The answers to what stood in the inbox.

    def acknowledge(self, message: Publish, reason: Reason = Reason.success, sentence: str = "") -> None:
        """Ends the wait of a message's sender. A refusal is final; 3.1.1 knows none (4.4)."""
        if message.qos == QOS_0 or message.packet_id is None or self.is_over:
            return
        if self.version != V5:
            reason = Reason.success
        properties = self._telling(sentence)
        if message.qos == QOS_1:
            self._held -= 1
            self._send(PubAck(message.packet_id, reason, properties))
            return
        self._received[message.packet_id] = True
        if reason >= Reason.unspecified_error:
            self._forget(message.packet_id)  # 4.3.3: then there is no PUBREL
        self._send(PubRec(message.packet_id, reason, properties))

    def subscribed(self, asked: Subscribe | Unsubscribe) -> None:
        """Answers a change of subscriptions that was made by `change`, and is kept where it has to be."""
        if isinstance(asked, Unsubscribe):
            found = tuple(
                Reason.success if wanted in self.subscriptions else Reason.no_subscription_existed
                for wanted in asked.filters
            )
            for wanted in asked.filters:
                self.subscriptions.pop(wanted, None)
            self._send(UnsubAck(asked.packet_id, found if self.version == V5 else (), NO_PROPERTIES))
            return
        reasons = tuple(self._grant(subscription.filter) for subscription in asked.subscriptions)
        self._send(SubAck(asked.packet_id, reasons, NO_PROPERTIES))

    def after(self, asked: Subscribe | Unsubscribe) -> tuple[str, ...]:
        """The subscriptions as they will be once this change is made."""
        if isinstance(asked, Unsubscribe):
            return tuple(wanted for wanted in self.subscriptions if wanted not in asked.filters)
        kept = dict(self.subscriptions)
        for subscription in asked.subscriptions:
            if self._may_read(subscription.filter) and len(kept) < self._limits.subscriptions_max:
                kept[subscription.filter] = None
        return tuple(kept)

    # What is sent by itself.

    def reads(self, topic: str) -> bool:
        """Whether the client has subscribed to what is sent under this topic."""
        return any(matches(wanted, topic) for wanted in self.subscriptions)

    def reply(self, topic: str, payload: bytes, properties: Properties = NO_PROPERTIES) -> bool:
        """Sends an answer under a topic of the client's own, with QoS 0: it goes before the acknowledgement. Returns
        whether the client takes packets of that size.
        """
        return self._send(Publish(topic, payload, properties=properties if self.version == V5 else NO_PROPERTIES))

    def end(self, reason: Reason, sentence: str = "") -> None:
        """Ends the connection from this side; a 3.1.1 client and one that was not let in are told by the end alone."""
        if self.is_over:
            return
        if self.is_accepted and self.version == V5:
            self._send(Disconnect(reason, _words(sentence)))
        elif (self.connect is not None and not self.is_accepted) or (
            self.connect is None and reason == Reason.unsupported_protocol_version
        ):
            self.refuse(reason if reason in OF_CONNACK else Reason.server_unavailable, sentence)
        self.is_over = True

    def let_go(self) -> None:
        """What came and was not answered is needed no more: it comes again."""
        self._decoder.let_go()
        self.inbox.clear()
        self._waiting_bytes = 0

    # What came.

    def _take_all(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            if self.is_over or self.is_leaving:
                return
            self.packets_received += 1
            self._take(packet)

    def _take(self, packet: Packet) -> None:
        if self.connect is None:
            if isinstance(packet, Connect):
                self._begin(packet)
            else:
                self.is_over = True  # 3.1: the first packet is a CONNECT
            return
        match packet:
            case Publish():
                self._publish(packet)
            case PubRel():
                self._release(packet.packet_id)
            case Subscribe() | Unsubscribe():
                self._waiting_bytes += _size(packet)
                self.inbox.append(packet)
            case PingReq():
                self._send(PingResp())
            case Disconnect():
                self._leave(packet)
            case PubAck() | PubRec() | PubComp():
                pass  # nothing is sent that would ask for one; a late one does no harm
            case _:
                self.end(Reason.protocol_error, f"{type(packet).__name__} is not expected here.")

    def _begin(self, connect: Connect) -> None:
        self.connect, self.version, self.client_id = connect, connect.version, connect.client_id
        properties = connect.properties
        self.expiry_s = self._expiry(connect)
        self.keep_alive_s = connect.keep_alive_s
        if self.version == V5:
            self.keep_alive_s = min(
                connect.keep_alive_s or self._limits.keep_alive_s_max, self._limits.keep_alive_s_max
            )
        self._problems_wanted = properties.request_problem_information is not False
        self._bytes_max = properties.maximum_packet_size or 0
        if properties.authentication_method is not None:
            self.refuse(Reason.bad_authentication_method, "Send the token as the password.")
        elif not _is_client_id(self.client_id, may_be_empty=connect.clean_start):
            self.refuse(
                Reason.client_identifier_not_valid,
                f"A client id has 1 to {CLIENT_ID_LENGTH_MAX} visible characters without /, + and #.",
            )

    def _publish(self, message: Publish) -> None:
        if message.properties.topic_alias is not None:
            named = self._by_alias(message, message.properties.topic_alias)
            if named is None:
                return
            message = named
        if message.qos == QOS_2:
            packet_id = message.packet_id or 0
            if packet_id in self._received:
                if self._received[packet_id]:
                    self._send(PubRec(packet_id, Reason.success, NO_PROPERTIES))
                return  # one that still waits is answered in its turn
            self._received[packet_id] = False
        if message.qos:
            self._held += 1
            if self._held > self._limits.receive_max and self.version == V5:
                self.end(Reason.receive_maximum_exceeded, f"At most {self._limits.receive_max} messages may wait.")
                return
        self._waiting_bytes += _size(message)
        self.inbox.append(message)

    def _release(self, packet_id: int) -> None:
        if self._received.get(packet_id) is False:
            self.end(Reason.protocol_error, "A PUBREL answers a PUBREC.")
            return
        is_known = packet_id in self._received
        self._forget(packet_id)
        reason = Reason.success if is_known or self.version != V5 else Reason.packet_identifier_not_found
        self._send(PubComp(packet_id, reason, NO_PROPERTIES))

    def _by_alias(self, message: Publish, alias: int) -> Publish | None:
        """The message with its topic written out (3.3.2.3.4)."""
        if alias > TOPIC_ALIASES_MAX:
            self.end(Reason.topic_alias_invalid, f"A topic alias lies between 1 and {TOPIC_ALIASES_MAX}.")
            return None
        if message.topic:
            self._aliases[alias] = message.topic
            return message
        topic = self._aliases.get(alias)
        if topic is None:
            self.end(Reason.protocol_error, "This topic alias was not given yet.")
            return None
        return Publish(
            topic, message.payload, message.qos, message.packet_id, message.retain, message.dup, message.properties
        )

    def _leave(self, packet: Disconnect) -> None:
        """The client leaves; what it sent before is answered first."""
        wanted = packet.properties.session_expiry_interval
        if wanted is not None:
            if wanted and not self.expiry_s:
                self.end(Reason.protocol_error, "A session without expiry gets none at its end.")
                return
            self.expiry_s = min(wanted, self._limits.session_expiry_s_max)
        self.is_leaving = True

    # The rest.

    def _expiry(self, connect: Connect) -> int:
        """How long the session stays after the connection; 3.1.1 says only whether it does."""
        if connect.version == V5:
            return min(connect.properties.session_expiry_interval or 0, self._limits.session_expiry_s_max)
        return 0 if connect.clean_start else self._limits.session_expiry_s_max

    def _granted(self, connect: Connect) -> Properties:
        """What the server says of itself (3.2.2.3)."""
        limits, asked = self._limits, connect.properties.session_expiry_interval or 0
        return Properties(
            session_expiry_interval=self.expiry_s if asked != self.expiry_s else None,
            receive_maximum=limits.receive_max,
            retain_available=False,
            maximum_packet_size=limits.packet_bytes_max,
            assigned_client_identifier=self.client_id if not connect.client_id else None,
            topic_alias_maximum=TOPIC_ALIASES_MAX,
            subscription_identifiers_available=False,
            shared_subscription_available=False,
            server_keep_alive=self.keep_alive_s if self.keep_alive_s != connect.keep_alive_s else None,
        )

    def _grant(self, wanted: str) -> Reason:
        if not self._may_read(wanted):
            return Reason.not_authorized if self.version == V5 else _REFUSED_IN_V3
        if wanted not in self.subscriptions and len(self.subscriptions) >= self._limits.subscriptions_max:
            return Reason.quota_exceeded if self.version == V5 else _REFUSED_IN_V3
        self.subscriptions[wanted] = None
        return Reason.success  # that is QoS 0, which is granted to all

    def _may_read(self, wanted: str) -> bool:
        return len(wanted) <= FILTER_LENGTH_MAX and any(is_below(wanted, root) for root in self.readable)

    def _telling(self, sentence: str) -> Properties:
        return _words(sentence) if self.version == V5 and self._problems_wanted else NO_PROPERTIES

    def _forget(self, packet_id: int) -> None:
        if self._received.pop(packet_id, None) is not None:
            self._held -= 1

    def _send(self, packet: Packet) -> bool:
        """Returns whether it is sent: the client says how much it takes, and nothing follows the end."""
        if self.is_over:
            return False
        data = encode(packet, self.version)
        if self._bytes_max and len(data) > self._bytes_max:  # 3.1.2.11.4: then without words, or not at all
            if not isinstance(packet, PubAck | PubRec | Disconnect | ConnAck):
                return False
            data = encode(msgspec.structs.replace(packet, properties=NO_PROPERTIES), self.version)
        self.packets_sent += 1
        self._sent.append(data)
        return True


def _size(packet: Publish | Subscribe | Unsubscribe) -> int:
    """About what a packet holds in memory."""
    if isinstance(packet, Subscribe):
        return sum(OBJECT_BYTES + len(subscription.filter) for subscription in packet.subscriptions)
    if isinstance(packet, Unsubscribe):
        return sum(OBJECT_BYTES + len(wanted) for wanted in packet.filters)
    size, said = len(packet.payload) + len(packet.topic), packet.properties
    if said is not NO_PROPERTIES:
        size += sum(OBJECT_BYTES + len(name) + len(value) for name, value in said.user_properties)
        size += len(said.correlation_data or b"") + len(said.response_topic or "")
    return size


def _words(sentence: str) -> Properties:
    """A sentence as a client may be told it: it may quote what was sent, and a text of MQTT has no null character."""
    return Properties(reason_string=sentence[:REASON_LENGTH_MAX].replace("\0", "?")) if sentence else NO_PROPERTIES


def _is_client_id(client_id: str, *, may_be_empty: bool) -> bool:
    """Answers stand under it, so that it must be one level of a topic, and no wildcard."""
    if not client_id:
        return may_be_empty
    return len(client_id) <= CLIENT_ID_LENGTH_MAX and client_id.isprintable() and not set("/+#") & set(client_id)
