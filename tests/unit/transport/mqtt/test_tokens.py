"""The token of a message through a broker: found where it may stand, and never left in what is kept."""

import json

import pytest

from hydrobit.transport.mqtt.link import Arrived
from hydrobit.transport.mqtt.tokens import sender_said, take_token

SIGNED = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"


def message(payload: bytes, *facts: tuple[str, str]) -> Arrived:
    return Arrived(1, 1, 1, "control/production/records", payload, facts)


def test_a_user_property_is_the_token_and_the_payload_stays_as_it_came() -> None:
    payload = b'{ "units": 1.10, "note": "x" }'
    assert take_token(message(payload, ("method", "POST"), ("x-iot-token", SIGNED))) == (SIGNED, payload)


@pytest.mark.parametrize("name", ["x-iot-token", "\\u0078-iot-token", "x\\u002diot-token"])
def test_a_member_of_the_payload_is_the_token_and_is_taken_out(name: str) -> None:
    token, payload = take_token(message(b'{"units": 1.10, "%s": "%s"}' % (name.encode(), SIGNED.encode())))
    assert (token, payload) == (SIGNED, b'{"units":1.10}')


def test_the_property_wins_and_the_member_is_taken_out_all_the_same() -> None:
    payload = json.dumps({"x-iot-token": SIGNED, "units": 1}).encode()
    assert take_token(message(payload, ("x-iot-token", "other"))) == ("other", b'{"units":1}')


@pytest.mark.parametrize(
    "payload",
    [
        b'{"x-iot-token": "%s", broken',
        b'["x-iot-token", "%s"]',
        b'{"x-iot-token": "%s", "units": 1} and more',
        b'\xff{"x-iot-token": "%s"}',
    ],
)
def test_of_what_cannot_be_read_nothing_is_left_that_looks_like_a_token(payload: bytes) -> None:
    token, left = take_token(message(payload % SIGNED.encode()))
    assert token == ""
    for part in SIGNED.split("."):
        assert part.encode() not in left


@pytest.mark.parametrize("payload", [b"", b"null", b'"x-iot-token"', b'{"x-iot-token": 1}', b'{"units": 1}'])
def test_without_a_token_there_is_none(payload: bytes) -> None:
    assert take_token(message(payload))[0] == ""


@pytest.mark.parametrize("token", ["", "no token", SIGNED, "hbk_1_secret"])
def test_what_is_no_token_of_a_device_names_no_sender(token: str) -> None:
    assert sender_said(token) is None
