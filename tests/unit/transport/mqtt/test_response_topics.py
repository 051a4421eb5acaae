"""Where a reply through a broker goes: never where the broker would end the server's connection over it."""

import pytest

from hydrobit.transport.mqtt.broker import _unheard
from hydrobit.transport.mqtt.link import Arrived

OWN = "replies/scale-1"


def unheard(response_topic: str | None) -> str:
    return _unheard(Arrived(1, 1, 1, "t", b"", response_topic=response_topic), OWN)


@pytest.mark.parametrize("topic", [None, OWN, f"{OWN}/counts"])
def test_a_reply_goes_where_its_device_listens(topic: str | None) -> None:
    assert unheard(topic) == ""


@pytest.mark.parametrize("topic", [f"{OWN}/+", f"{OWN}/#", f"{OWN}x", f"{OWN}/\x01", "\x7f", f"{OWN}/\ufeff"])
def test_what_no_broker_takes_as_a_topic_is_neither_published_to_nor_quoted(topic: str) -> None:
    assert unheard(topic).startswith("No answer is sent to ")
    assert unheard(topic).isprintable()
