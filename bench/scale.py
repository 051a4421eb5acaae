"""`python -m bench.scale`: what so many ranches need, from the measured cost of one record.

It reads what `make bench` (or `make bench ARGS="--only cost"`) has written. What is assumed of a ranch are its options.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

from bench.cost import Cost

RESULTS = Path(__file__).parent / "results"
RANCHES = (10, 1_000, 100_000)
HOUR_S, DAYS_OF_WORK = 3_600, 250
BUSY_MAX = 0.5
"""No processor is planned to be busier than this in the busiest hour."""
app = App(name="scale", help="What so many ranches need, from the measured cost of one record.")


@dataclass(frozen=True, slots=True)
class Ranch:
    """A day of work at one of them."""

    pickers: int
    records: int
    """Of one picker."""
    busiest_hour: float
    """Its share of the day's records."""

    @property
    def records_a_day(self) -> int:
        return self.pickers * self.records

    @property
    def records_a_second(self) -> float:
        """In the busiest hour."""
        return self.records_a_day * self.busiest_hour / HOUR_S


@app.default
def scale(
    *,
    pickers: int = 100,
    records: int = 240,
    busiest_hour: float = 0.2,
    results: Path | None = None,
) -> None:
    """Print what 10, 1,000 and 100,000 ranches need.

    Args:
        pickers: of one ranch.
        records: of one picker in a day.
        busiest_hour: the share of a day's records that its busiest hour holds.
        results: what the benchmark wrote; by default the first of latest.json and postgres.json that holds costs.
    """
    costs = _costs([results] if results else [RESULTS / "latest.json", RESULTS / "postgres.json"])
    ranch = Ranch(pickers, records, busiest_hour)
    table = Table(
        "ranches", "records a day", "records/s", "engine, way", "our cores", "its cores", "syncs/s", "TB a year"
    )
    for column in table.columns:
        column.no_wrap = True
        column.justify = "right"
    for row in _rows(ranch, costs):
        table.add_row(*row)
    console = Console()
    console.width = max(console.width, 110)
    console.print(table)


def _rows(ranch: Ranch, costs: dict[str, Cost]) -> Iterator[tuple[str, ...]]:
    for ranches in RANCHES:
        a_day, a_second = ranches * ranch.records_a_day, ranches * ranch.records_a_second
        for name, cost in costs.items():
            yield (
                f"{ranches:,}",
                f"{a_day:,}",
                f"{a_second:,.0f}",
                name.replace("_", ", "),
                f"{a_second * cost.server_us / 1e6 / BUSY_MAX:,.2f}",
                f"{a_second * cost.database_us / 1e6 / BUSY_MAX:,.2f}",
                f"{a_second * cost.syncs:,.0f}",
                f"{a_day * DAYS_OF_WORK * cost.disk_bytes / 1e12:,.3f}",
            )


def _costs(files: list[Path]) -> dict[str, Cost]:
    for file in files:
        if found := msgspec.json.decode(file.read_bytes()).get("cost_of_a_record"):
            return msgspec.convert(found, dict[str, Cost])
    sys.exit('there is no cost of a record in the results: run make bench ARGS="--only cost"')


if __name__ == "__main__":
    app()
