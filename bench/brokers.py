"""The peers of our MQTT: brokers that pass messages on and keep none, so what they acknowledge is in memory alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.processes import Cores, free_port, serving
from bench.subjects import Subject
from tests import brokers
from tests.tools import program

AMQTT = Path(sys.executable).with_name("amqtt")
AMQTT_SETTINGS = """
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


@contextmanager
def mosquitto(cores: Cores, scratch: Path) -> Iterator[tuple[Subject, int]]:
    """Mosquitto with a WebSocket listener; also the port of its plain one."""
    command = program(brokers.MOSQUITTO)
    if command is None:
        raise BenchError("The broker Mosquitto is missing. Install it: apt-get install mosquitto")
    port, plain_port = free_port(), free_port()
    settings = brokers.configuration(scratch, plain_port, websocket_port=port)
    log = scratch / f"mosquitto-{port}.log"
    with serving([command, "-c", str(settings)], port=port, core=cores.server, log=log) as server:
        yield Subject("mosquitto", server, "", None), plain_port


@contextmanager
def amqtt(cores: Cores, scratch: Path) -> Iterator[Subject]:
    """The broker in Python, on plain TCP, without the plugins that write a line for each packet."""
    port = free_port()
    settings = scratch / f"amqtt-{port}.yaml"
    settings.write_text(AMQTT_SETTINGS.format(port=port))
    log = scratch / f"amqtt-{port}.log"
    with serving([str(AMQTT), "-c", str(settings)], port=port, core=cores.server, log=log) as server:
        yield Subject("amqtt", server, "", None)
