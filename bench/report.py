"""From samples to the figures: medians, ratios, the table and the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.harvest import HarvestRun
from bench.wrk import Run

LOAD_SHARE_MAX = 0.9
"""Above it the load itself was the limit and the figure is too low."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. `size` is the number of connections, or of records a call; the rate is of records/s."""

    kind: str
    subject: str
    size: int
    rate: float
    p50_ms: float | None
    p99_ms: float | None
    load_share: float | None
    cpu_us: float | None
    """What one record cost the server's processor: it hardly moves when others use the machine, as the rate does."""

    @classmethod
    def of_load(cls, kind: str, subject: str, size: int, run: Run, records: int, cpu_seconds: float) -> Sample:
        result = run.result
        rate = records * 1e6 / result.duration_us
        cpu_us = cpu_seconds * 1e6 / records
        return cls(kind, subject, size, rate, result.p50_us / 1000, result.p99_us / 1000, run.load_share, cpu_us)

    @classmethod
    def of_rate(cls, kind: str, subject: str, size: int, rate: float) -> Sample:
        return cls(kind, subject, size, rate, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Row:
    """The median of a subject at one size, and the single rates behind it."""

    kind: str
    subject: str
    size: int
    rate: float
    rates: list[float]
    p50_ms: float | None
    p99_ms: float | None
    load_share: float | None
    cpu_us: float | None


def rows_of(samples: Iterable[Sample]) -> list[Row]:
    """One row for each kind, subject and size, in the order in which they were first measured."""
    groups: dict[tuple[str, str, int], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.kind, sample.subject, sample.size), []).append(sample)
    return [_row(group) for group in groups.values()]


def _row(group: Sequence[Sample]) -> Row:
    first = group[0]
    rates = [sample.rate for sample in group]
    return Row(
        first.kind,
        first.subject,
        first.size,
        round(median(rates), 1),
        [round(rate, 1) for rate in rates],
        _middle(sample.p50_ms for sample in group),
        _middle(sample.p99_ms for sample in group),
        _middle(sample.load_share for sample in group),
        _middle(sample.cpu_us for sample in group),
    )


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None


def figures_of(
    rows: Sequence[Row],
    resident_mb: Sequence[float],
    harvest: HarvestRun | None = None,
    idle_kb: float | None = None,
) -> dict[str, float | None]:
    """The figures by which the project is judged; None where a run did not measure both sides."""

    def best(kind: str, subject: str, size: int) -> Row | None:
        """The typical service is there with several pool sizes: its best one counts."""
        found = [row for row in rows if (row.kind, row.size) == (kind, size) and row.subject.startswith(subject)]
        return max(found, key=lambda row: row.rate, default=None)

    def ratio(kind: str, size: int, subject: str, against: str) -> float | None:
        one, other = best(kind, subject, size), best(kind, against, size)
        return round(one.rate / other.rate, 3) if one and other else None

    def alone(kind: str, subject: str) -> Row | None:
        """The only row of its kind: what was asked of one size."""
        return next((row for row in rows if (row.kind, row.subject) == (kind, subject)), None)

    ours, page, search = best("create", "hydrobit", 64), alone("workers", "page"), alone("workers", "search")
    placed, beside = alone("places", "hydrobit"), alone("mqtt beside http", "hydrobit")
    devices = best("mqtt ack", "hydrobit", 50)
    return {
        "create_vs_echo_c1": ratio("create", 1, "hydrobit", "echo"),
        "create_vs_echo_c16": ratio("create", 16, "hydrobit", "echo"),
        "create_vs_echo_c64": ratio("create", 64, "hydrobit", "echo"),
        "create_vs_echo_c256": ratio("create", 256, "hydrobit", "echo"),
        "create_vs_bare_echo_c64": ratio("create", 64, "hydrobit", "bare echo"),
        "create_vs_bare_echo_c256": ratio("create", 256, "hydrobit", "bare echo"),
        "create_vs_typical_c1": ratio("create", 1, "hydrobit", "typical"),
        "create_vs_typical_c64": ratio("create", 64, "hydrobit", "typical"),
        "bulk_1000_vs_raw": ratio("bulk", 1_000, "hydrobit", "raw"),
        "bulk_5000_vs_raw": ratio("bulk", 5_000, "hydrobit", "raw"),
        "growth_5m_vs_empty": ratio("growth", 64, "grown", "empty"),
        "mqtt_ack_vs_mosquitto_1x20": ratio("mqtt ack", 1, "hydrobit", "mosquitto"),
        "mqtt_ack_vs_mosquitto_50x20": ratio("mqtt ack", 50, "hydrobit", "mosquitto"),
        "mqtt_ack_vs_amqtt_1x20": ratio("mqtt ack", 1, "hydrobit", "amqtt"),
        "mqtt_ack_vs_amqtt_50x20": ratio("mqtt ack", 50, "hydrobit", "amqtt"),
        "mqtt_records_50_vs_http_64": round(devices.rate / beside.rate, 3) if devices and beside else None,
        "mqtt_ack_p99_ms_50x20": devices.p99_ms if devices else None,
        "mqtt_idle_kb": round(idle_kb, 1) if idle_kb is not None else None,
        "pg_create_vs_echo_c1": ratio("pg create", 1, "hydrobit", "echo"),
        "pg_create_vs_echo_c64": ratio("pg create", 64, "hydrobit", "echo"),
        "pg_create_vs_typical_c64": ratio("pg create", 64, "hydrobit", "typical"),
        "pg_bulk_1000_vs_raw": ratio("pg bulk", 1_000, "hydrobit", "raw executemany"),
        "pg_bulk_1000_vs_copy": ratio("pg bulk", 1_000, "hydrobit", "raw copy"),
        "pg_growth_5m_vs_empty": ratio("pg growth", 64, "grown", "empty"),
        "pg_two_processes_vs_one": ratio("pg workers", 64, "processes 2", "processes 1"),
        "pg_two_processes_cpu_vs_one": _cost_ratio(
            alone("pg workers", "processes 2"), alone("pg workers", "processes 1")
        ),
        "p99_ms_c64": ours.p99_ms if ours else None,
        "rss_mb_c256": round(median(resident_mb), 1) if resident_mb else None,
        "workers_page_ms": page.p50_ms if page else None,
        "workers_search_ms": search.p50_ms if search else None,
        "place_point_us": round(1e6 / placed.rate, 2) if placed else None,
        "harvest_rss_mb": harvest.resident_mb if harvest else None,
        "harvest_s": harvest.export_s if harvest else None,
        "harvest_other_p50_ms": harvest.busy_p50_ms if harvest else None,
        "harvest_other_p99_ms": harvest.busy_p99_ms if harvest else None,
        "harvest_quiet_p50_ms": harvest.quiet_p50_ms if harvest else None,
        "harvest_quiet_p99_ms": harvest.quiet_p99_ms if harvest else None,
    }


def _cost_ratio(one: Row | None, other: Row | None) -> float | None:
    """How much of a processor's time a record costs, against another subject."""
    return round(one.cpu_us / other.cpu_us, 3) if one and other and one.cpu_us and other.cpu_us else None


def document(figures: dict[str, float | None], rows: Sequence[Row], **about: Any) -> dict[str, Any]:
    """What is written to the results: the figures first, then what they were made from."""
    return {**figures, **about, "rates": [asdict(row) for row in rows]}


def show(console: Console, figures: dict[str, float | None], rows: Sequence[Row]) -> None:
    """Print the rates and the figures, and say where the load was the limit."""
    table = Table("measured", "size", "subject", "records/s", "spread", "p50 ms", "p99 ms", "cpu us", "load core")
    for place, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "right" if place > 2 else "left"
    for number, row in enumerate(rows):
        table.add_row(
            row.kind,
            f"{row.size:,}",
            row.subject,
            f"{row.rate:,.0f}",
            f"{(max(row.rates) - min(row.rates)) / row.rate:.0%}",
            _cell(row.p50_ms, ",.2f"),
            _cell(row.p99_ms, ",.2f"),
            _cell(row.cpu_us, ",.1f"),
            _cell(row.load_share, ".0%"),
            end_section=number + 1 < len(rows) and rows[number + 1].kind != row.kind,
        )
    console.print(table)
    summary = Table("figure", "value")
    for name, value in figures.items():
        if value is not None:
            summary.add_row(name, f"{value:,.3f}")
    console.print(summary)
    for row in rows:
        if row.load_share is not None and row.load_share > LOAD_SHARE_MAX:
            console.print(f"The load was the limit at {row.kind} {row.size:,} of {row.subject}: its rate is too low.")


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
