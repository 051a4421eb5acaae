"""The fifteen packets, their fields named as the specification names them. What 3.1.1 does not know has a default."""

from typing import Literal

import msgspec

from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode

V3_1_1 = 4
V5 = 5
"""The protocol levels: what CONNECT carries as its version."""

Sender = Literal["client", "server"]


class Will(msgspec.Struct, frozen=True, gc=False):
    """A message that the server publishes when its client is lost."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES


class Connect(msgspec.Struct, frozen=True, gc=False):
    """The first packet of a client. An empty `client_id` asks for one; whether it may is for the session to say."""

    client_id: str
    version: int = V5
    clean_start: bool = True
    keep_alive_s: int = 0
    user_name: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = NO_PROPERTIES


class ConnAck(msgspec.Struct, frozen=True, gc=False):
    """The answer to CONNECT, with a code of the version that it is written in."""

    session_present: bool
    reason: Reason | ReturnCode
    properties: Properties = NO_PROPERTIES


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A message. An empty topic is said by the topic alias; only QoS 1 and 2 have a `packet_id`."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int | None = None
    retain: bool = False
    dup: bool = False
    properties: Properties = NO_PROPERTIES


class PubAck(msgspec.Struct, frozen=True, gc=False):
    """Answers a PUBLISH of QoS 1."""

    packet_id: int
    reason: Reason = Reason.success
    properties: Properties = NO_PROPERTIES


class PubRec(msgspec.Struct, frozen=True, gc=False):
    """Answers a PUBLISH of QoS 2."""

    packet_id: int
    reason: Reason = Reason.success
    properties: Properties = NO_PROPERTIES


class PubRel(msgspec.Struct, frozen=True, gc=False):
    """Answers a PUBREC."""

    packet_id: int
    reason: Reason = Reason.success
    properties: Properties = NO_PROPERTIES


class PubComp(msgspec.Struct, frozen=True, gc=False):
    """Answers a PUBREL."""

    packet_id: int
    reason: Reason = Reason.success
    properties: Properties = NO_PROPERTIES


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """One entry of a SUBSCRIBE; `qos` is the highest that the client takes."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """Asks for the messages of topics."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = NO_PROPERTIES


class SubAck(msgspec.Struct, frozen=True, gc=False):
    """Answers a SUBSCRIBE: a reason for each entry, in its order."""

    packet_id: int
    reasons: tuple[Reason, ...]
    properties: Properties = NO_PROPERTIES


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    """Ends subscriptions."""

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties = NO_PROPERTIES


class UnsubAck(msgspec.Struct, frozen=True, gc=False):
    """Answers an UNSUBSCRIBE: a reason for each filter, in its order; none in 3.1.1."""

    packet_id: int
    reasons: tuple[Reason, ...] = ()
    properties: Properties = NO_PROPERTIES


class PingReq(msgspec.Struct, frozen=True, gc=False):
    """Says that the client is there."""


class PingResp(msgspec.Struct, frozen=True, gc=False):
    """Says that the server is there."""


class Disconnect(msgspec.Struct, frozen=True, gc=False):
    """The last packet. In 3.1.1 only the client sends it, and it says nothing more."""

    reason: Reason = Reason.normal_disconnection
    properties: Properties = NO_PROPERTIES


class Auth(msgspec.Struct, frozen=True, gc=False):
    """A step of an enhanced authentication; 3.1.1 does not have it."""

    reason: Reason = Reason.success
    properties: Properties = NO_PROPERTIES


Ack = PubAck | PubRec | PubRel | PubComp
Packet = (
    Connect
    | ConnAck
    | Publish
    | Ack
    | Subscribe
    | SubAck
    | Unsubscribe
    | UnsubAck
    | PingReq
    | PingResp
    | Disconnect
    | Auth
)
