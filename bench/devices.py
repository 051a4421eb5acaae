"""Devices: acknowledgements over MQTT beside brokers that keep nothing, and what a connection costs that is idle."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import brokers, mqtt, subjects
from bench.measuring import Measuring
from bench.plan import MQTT_CONNECTIONS, MQTT_HTTP_CONNECTIONS, MQTT_IN_FLIGHT
from bench.processes import free_port
from bench.report import Sample
from bench.subjects import Subject

ACK, ONE_A_FRAME, TCP, BESIDE = "mqtt ack", "mqtt one a frame", "mqtt tcp", "mqtt beside http"
IDLE_AT_ONCE = 100
"""So many connect together. The first of them are not counted: what they bring into memory stays."""


@dataclass(slots=True)
class DeviceRounds:
    """Measures MQTT. `idle_kb` is the memory of ours for each connection that is open and silent."""

    at: Measuring
    idle_kb: float | None = None

    def run(self) -> None:
        """Measure what the plan names of MQTT. Raises BenchError at the first figure that would be wrong."""
        if "mqtt_ack" in self.at.plan.parts:
            for number in range(1, self.at.plan.rounds + 1):
                self.at.say(f"MQTT, round {number} of {self.at.plan.rounds}")
                with self.at.folder("mqtt_ack") as folder:
                    self._acknowledgements(folder)
        if "mqtt_idle" in self.at.plan.parts:
            with self.at.folder("mqtt_idle") as folder:
                self.idle_kb = self._idle(folder)
            self.at.say(f"  mqtt idle {self.at.plan.idle_connections:,} connections, {self.idle_kb:.1f} kB each")

    def _acknowledgements(self, folder: Path) -> None:
        plain_port = free_port()
        with (
            brokers.mosquitto(self.at.cores, folder) as (mosquitto, mosquitto_plain_port),
            brokers.amqtt(self.at.cores, folder) as amqtt,
            subjects.hydrobit(
                self.at.cores, folder, settings={"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{plain_port}"}
            ) as ours,
        ):
            for connections in MQTT_CONNECTIONS:
                self._once(ACK, mosquitto, connections)
                self._once(ACK, amqtt, connections, plain_port=amqtt.server.port)
                self._once(ACK, ours, connections)
            self.at.create_once(ours, MQTT_HTTP_CONNECTIONS, kind=BESIDE)
            for subject, port in ((mosquitto, mosquitto_plain_port), (ours, plain_port)):
                self._once(ONE_A_FRAME, subject, connections)
                self._once(TCP, subject, connections, plain_port=port)

    def _once(self, kind: str, subject: Subject, connections: int, *, plain_port: int | None = None) -> None:
        """Over WebSockets, or over TCP at the plain port. The store must hold what was acknowledged, and no more."""
        sessions, acknowledged = subject.open_sessions(), 0
        port = subject.server.port if plain_port is None else plain_port
        target = mqtt.Target(port, sessions, subject.token, in_websocket=plain_port is None)
        for seconds in (self.at.plan.warm_up_seconds, self.at.plan.seconds):
            cpu_before = subject.server.cpu_seconds()
            run = mqtt.publish(
                target,
                connections=connections,
                in_flight=MQTT_IN_FLIGHT,
                seconds=seconds,
                seed=self.at.seed(),
                one_a_frame=kind == ONE_A_FRAME,
            )
            acknowledged += run.acknowledged
        cpu_us = (subject.server.cpu_seconds() - cpu_before) * 1e6 / run.acknowledged
        subject.close_sessions(sessions, acknowledged=acknowledged, in_flight_max=0)
        seen = (run.rate, run.p50_ms, run.p99_ms, run.load_share, cpu_us)
        self.at.keep(Sample(kind, subject.name, connections, *seen))

    def _idle(self, folder: Path) -> float:
        count = self.at.plan.idle_connections
        with _many_files(), subjects.hydrobit(self.at.cores, folder) as ours, ExitStack() as opened:
            target = mqtt.Target(ours.server.port, (), ours.token)
            _hold(opened, target, "first")
            before = ours.server.resident_kb()
            for number in range(count // IDLE_AT_ONCE):
                _hold(opened, target, f"idle-{number}")
            return (ours.server.resident_kb() - before) / count


def _hold(opened: ExitStack, target: mqtt.Target, name: str) -> None:
    """Some more connections, each of which has shown that it is served."""
    fresh = mqtt.connect(opened, target, name, IDLE_AT_ONCE)
    for connection in fresh:
        connection.send_one(mqtt.PING)
    for connection in fresh:
        connection.await_one(mqtt.PINGED)


@contextmanager
def _many_files() -> Iterator[None]:
    """This process and those that it starts may open as many files as the system lets them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
