"""What an operator watches: requests by operation and status, commits by size and time, the queue, the process.

The hot path only counts in a dictionary; the Prometheus text is made when somebody asks for it.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """Counts of one process."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.queue_length: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        self._registry = CollectorRegistry()
        self._batch_rows = Histogram(
            "hydrobit_commit_rows", "Rows that shared a commit.", registry=self._registry, buckets=_ROWS
        )
        self._commit_seconds = Histogram(
            "hydrobit_commit_seconds",
            "Time of a commit, from the hand-over to the answer.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._registry.register(_Counts(self))
        ProcessCollector(registry=self._registry)  # processor time, memory, open files, the time of the start

    def count(self, operation: str, status: int) -> None:
        self.requests[operation, status] += 1

    def commit(self, rows: int, seconds: float) -> None:
        self._batch_rows.observe(rows)
        self._commit_seconds.observe(seconds)

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self._registry)


class _Counts(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "hydrobit_requests", "Requests by operation and status.", labels=("operation", "status")
        )
        for (operation, status), count in sorted(self._metrics.requests.items()):
            requests.add_metric((operation, str(status)), count)
        yield requests
        queue = GaugeMetricFamily("hydrobit_queue_rows", "Rows that wait for a commit.")
        queue.add_metric((), self._metrics.queue_length())
        yield queue
        connections = GaugeMetricFamily("hydrobit_connections", "Open connections.")
        connections.add_metric((), self._metrics.connections())
        yield connections
