"""What a packet answers: the reason codes of MQTT 5, and the return codes of a 3.1.1 CONNACK."""

from enum import IntEnum


class Reason(IntEnum):
    """Section 2.4 of MQTT 5, named as there; from 0x80 on something was refused."""

    success = 0x00
    normal_disconnection = 0x00
    granted_qos_0 = 0x00
    granted_qos_1 = 0x01
    granted_qos_2 = 0x02
    disconnect_with_will_message = 0x04
    no_matching_subscribers = 0x10
    no_subscription_existed = 0x11
    continue_authentication = 0x18
    re_authenticate = 0x19
    unspecified_error = 0x80
    malformed_packet = 0x81
    protocol_error = 0x82
    implementation_specific_error = 0x83
    unsupported_protocol_version = 0x84
    client_identifier_not_valid = 0x85
    bad_user_name_or_password = 0x86
    not_authorized = 0x87
    server_unavailable = 0x88
    server_busy = 0x89
    banned = 0x8A
    server_shutting_down = 0x8B
    bad_authentication_method = 0x8C
    keep_alive_timeout = 0x8D
    session_taken_over = 0x8E
    topic_filter_invalid = 0x8F
    topic_name_invalid = 0x90
    packet_identifier_in_use = 0x91
    packet_identifier_not_found = 0x92
    receive_maximum_exceeded = 0x93
    topic_alias_invalid = 0x94
    packet_too_large = 0x95
    message_rate_too_high = 0x96
    quota_exceeded = 0x97
    administrative_action = 0x98
    payload_format_invalid = 0x99
    retain_not_supported = 0x9A
    qos_not_supported = 0x9B
    use_another_server = 0x9C
    server_moved = 0x9D
    shared_subscriptions_not_supported = 0x9E
    connection_rate_exceeded = 0x9F
    maximum_connect_time = 0xA0
    subscription_identifiers_not_supported = 0xA1
    wildcard_subscriptions_not_supported = 0xA2


class ReturnCode(IntEnum):
    """Section 3.2.2.3 of MQTT 3.1.1: all that its CONNACK can say."""

    accepted = 0
    unacceptable_protocol_version = 1
    identifier_rejected = 2
    server_unavailable = 3
    bad_user_name_or_password = 4
    not_authorized = 5


def _named(*codes: int) -> dict[int, Reason]:
    return {code: Reason(code) for code in codes}


# Which codes a packet may carry, from its section of MQTT 5. Some come from one side alone.

_BOTH_PUBLISHED = _named(0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
OF_PUBACK = {"client": _BOTH_PUBLISHED, "server": _BOTH_PUBLISHED | _named(0x10)}
OF_PUBREL = _named(0x00, 0x92)
OF_CONNACK = _named(0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, *range(0x9A, 0x9E), 0x9F)
OF_SUBACK = _named(0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)
OF_SUBACK_3_1_1 = _named(0x00, 0x01, 0x02, 0x80)
OF_UNSUBACK = _named(0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)
_BOTH_DISCONNECT = _named(*range(0x80, 0x84), 0x90, *range(0x93, 0x9A))
OF_DISCONNECT = {
    "client": _named(0x00, 0x04) | _BOTH_DISCONNECT,
    "server": _BOTH_DISCONNECT | _named(0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, *range(0x9A, 0xA3)),
}
OF_AUTH = {"client": _named(0x18, 0x19), "server": _named(0x00, 0x18)}
