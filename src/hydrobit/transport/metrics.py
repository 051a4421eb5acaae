"""What an operator watches: requests by operation and status, commits by size and time, the queue, the process.

The hot path only counts in a row of numbers; the Prometheus text is made when somebody asks for it. The processes of
one server keep their rows in files that all of them read, so that each tells the sums of all, and none is lost with a
process that is killed.
"""

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)

_QUEUE, _CONNECTIONS, _MQTT_CONNECTIONS, _BROKER, _MQTT_AT = 0, 1, 2, 3, 4


class Mqtt(IntEnum):
    """What is counted of MQTT: packets, what became of messages, dead letters, and what came by nobody's token."""

    received = 0
    sent = 1
    done = 2
    refused = 3
    failed = 4
    passing = 5
    stranger = 6
    dead_letters = 7
    dropped = 8


_ROWS_AT = _MQTT_AT + len(Mqtt)
_SECONDS_AT = _ROWS_AT + len(_ROWS) + 2
_REQUESTS_AT = _SECONDS_AT + len(_SECONDS) + 2
_LENGTH = 4_096
"""Numbers of a process: the gauges, the counts of MQTT, two histograms (a count for each bucket, one for what is
greater, and the sum), then requests, each kind in the order in which it first came."""
_BYTES = 8


class Metrics:
    """Counts of one process, or of all that share a folder; `place` is this one's."""

    def __init__(self, folder: Path | None = None, place: int = 0) -> None:
        self._folder, self._place = folder, place
        self._kinds: dict[tuple[str, int], int] = {}
        self._numbers = memoryview(bytearray(_LENGTH * _BYTES)).cast("d")
        if folder is not None:
            self._take_over(folder)
        self.queue_length: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        self.mqtt_connections: Callable[[], int] = lambda: 0
        self.broker_connections: Callable[[], int] = lambda: 0
        self._registry = CollectorRegistry()
        self._registry.register(_Counts(self))
        ProcessCollector(registry=self._registry)  # processor time, memory, open files, the time of the start

    def count(self, operation: str, status: int) -> None:
        kind = self._kinds.get((operation, status))
        self._numbers[self._new_kind(operation, status) if kind is None else kind] += 1

    def mqtt(self, counted: Mqtt, count: int = 1) -> None:
        self._numbers[_MQTT_AT + counted] += count

    def commit(self, rows: int, seconds: float) -> None:
        self._observe(_ROWS_AT, _ROWS, rows)
        self._observe(_SECONDS_AT, _SECONDS, seconds)

    def show_gauges(self) -> None:
        """Writes down what stands only in this process, for the others to read; from time to time."""
        self._numbers[_QUEUE] = self.queue_length()
        self._numbers[_CONNECTIONS] = self.connections()
        self._numbers[_MQTT_CONNECTIONS] = self.mqtt_connections()
        self._numbers[_BROKER] = self.broker_connections()

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        self.show_gauges()
        return generate_latest(self._registry)

    def all_rows(self) -> Iterator[tuple[dict[tuple[str, int], int], Sequence[float]]]:
        """The kinds of requests with their places, and the numbers, of each process."""
        yield self._kinds, self._numbers
        if self._folder is None:
            return
        for names in sorted(self._folder.glob("*.names")):
            if int(names.stem) != self._place:
                yield _kinds_in(names), _numbers_in(names.with_suffix(".numbers"))

    def _observe(self, at: int, bounds: Sequence[float], value: float) -> None:
        self._numbers[at + bisect_left(bounds, value)] += 1
        self._numbers[at + len(bounds) + 1] += value

    def _new_kind(self, operation: str, status: int) -> int:
        kind = _REQUESTS_AT + len(self._kinds)
        if self._folder is not None:
            with open(self._folder / f"{self._place}.names", "a") as names:
                names.write(f"{operation} {status}\n")
        self._kinds[operation, status] = kind
        return kind

    def _take_over(self, folder: Path) -> None:
        """Goes on with the counts of the process that had this place before."""
        with open(os.open(folder / f"{self._place}.numbers", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.truncate(_LENGTH * _BYTES)
            self._numbers = memoryview(mmap.mmap(file.fileno(), _LENGTH * _BYTES)).cast("d")
        names = folder / f"{self._place}.names"
        names.touch(0o600)
        self._kinds = _kinds_in(names)


def _kinds_in(names: Path) -> dict[tuple[str, int], int]:
    words = [line.split() for line in names.read_text().splitlines()]
    return {(operation, int(status)): _REQUESTS_AT + place for place, (operation, status) in enumerate(words)}


def _numbers_in(file: Path) -> Sequence[float]:
    return memoryview(file.read_bytes()).cast("d")


class _Counts(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        rows = list(self._metrics.all_rows())
        sums = [sum(numbers[place] for _, numbers in rows) for place in range(_REQUESTS_AT)]
        requests = CounterMetricFamily(
            "hydrobit_requests", "Requests by operation and status.", labels=("operation", "status")
        )
        for (operation, status), count in sorted(_requests(rows).items()):
            requests.add_metric((operation, str(status)), count)
        yield requests
        yield _histogram("hydrobit_commit_rows", "Rows that shared a commit.", _ROWS, sums[_ROWS_AT:])
        yield _histogram(
            "hydrobit_commit_seconds",
            "Time of a commit, from the hand-over to the answer.",
            _SECONDS,
            sums[_SECONDS_AT:],
        )
        yield GaugeMetricFamily("hydrobit_queue_rows", "Rows that wait for a commit.", value=sums[_QUEUE])
        yield GaugeMetricFamily("hydrobit_connections", "Open connections.", value=sums[_CONNECTIONS])
        yield from _of_mqtt(sums[_MQTT_CONNECTIONS], sums[_MQTT_AT:])
        yield from _of_broker(sums[_BROKER], sums[_MQTT_AT + Mqtt.dropped])


def _of_mqtt(connections: float, sums: Sequence[float]) -> Iterator[Metric]:
    yield GaugeMetricFamily("hydrobit_mqtt_connections", "Devices that are connected.", value=connections)
    packets = CounterMetricFamily("hydrobit_mqtt_packets", "Packets by direction.", labels=("direction",))
    messages = CounterMetricFamily("hydrobit_mqtt_messages", "Messages by what became of them.", labels=("fate",))
    for counted in Mqtt:
        if counted <= Mqtt.sent:
            packets.add_metric((counted.name,), sums[counted])
        elif counted < Mqtt.dead_letters:
            messages.add_metric((counted.name,), sums[counted])
    yield packets
    yield messages
    letters = "Messages that were acknowledged, refused and kept for the operator."
    yield CounterMetricFamily("hydrobit_mqtt_dead_letters", letters, value=sums[Mqtt.dead_letters])


def _of_broker(attached: float, dropped: float) -> Iterator[Metric]:
    yield GaugeMetricFamily("hydrobit_broker_connected", "Processes that take messages from a broker.", value=attached)
    told = "Messages from a broker without a token of a device, which belong to nobody."
    yield CounterMetricFamily("hydrobit_broker_dropped", told, value=dropped)


def _requests(rows: Sequence[tuple[dict[tuple[str, int], int], Sequence[float]]]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], float] = {}
    for kinds, numbers in rows:
        for kind, place in kinds.items():
            found[kind] = found.get(kind, 0) + numbers[place]
    return found


def _histogram(name: str, told: str, bounds: Sequence[float], sums: Sequence[float]) -> Metric:
    names = [*(repr(float(bound)) for bound in bounds), "+Inf"]
    family = HistogramMetricFamily(name, told)
    buckets = list(zip(names, accumulate(sums[: len(names)]), strict=True))
    family.add_metric((), buckets, sum_value=sums[len(names)])
    return family
