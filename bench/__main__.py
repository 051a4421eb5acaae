"""`python -m bench`: measure, print a table, write bench/results/latest.json."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

from bench import cost, machine, report
from bench.devices import DeviceRounds
from bench.errors import BenchError
from bench.measuring import Measuring
from bench.plan import PARTS, Part, Plan
from bench.postgres import PgRounds
from bench.processes import Cores
from bench.rounds import Rounds

RESULTS = Path(__file__).parent / "results"
app = App(name="bench", help="Measure Hydrobit beside an echo, the typical service and the bare store.")
WIDTH_MIN = 100
console = Console(highlight=False)
if not console.is_terminal:
    console.width = max(console.width, WIDTH_MIN)


@app.default
def bench(
    *,
    quick: bool = False,
    only: Annotated[tuple[Part, ...], Parameter(negative=())] = PARTS,
    rounds: int | None = None,
    seconds: int | None = None,
) -> None:
    """Run the benchmark.

    Args:
        quick: one short round, to see that everything works.
        only: measure only these parts; may be given several times.
        rounds: measure so often, for a machine whose speed changes from minute to minute.
        seconds: put the load on so long each time.
    """
    parts = frozenset(only)
    plan = Plan.quick(parts) if quick else Plan(parts)
    plan = replace(plan, rounds=rounds or plan.rounds, seconds=seconds or plan.seconds)
    _end_in_order()
    _give_up_after(plan.seconds_max())
    console.print(f"About {plan.seconds_expected() / 60:.0f} min, at most {plan.seconds_max() / 60:.0f} min.")
    begun = time.monotonic()
    cores = Cores.of_this_machine()
    with machine.scratch_directory() as scratch:
        facts = machine.facts(scratch)
        os.sched_setaffinity(0, {cores.load})
        measuring = Measuring(plan, cores, scratch, console.print)
        embedded = Rounds(measuring)
        embedded.run()
        devices = DeviceRounds(measuring)
        devices.run()
        PgRounds(measuring).run()
        costs = cost.measure(measuring) if "cost" in parts else {}
    rows = report.rows_of(measuring.samples)
    figures = report.figures_of(rows, measuring.resident_mb, embedded.harvest, devices.idle_kb)
    report.show(console, figures, rows)
    about = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_s": round(time.monotonic() - begun),
        "plan": {
            "rounds": plan.rounds,
            "seconds": plan.seconds,
            "growth_records": plan.growth_records,
            "harvest_records": plan.harvest_records,
        },
        "machine": facts,
        "cost_of_a_record": costs,
        "versions": machine.versions(),
    }
    file = _write(report.document(figures, rows, **about), whole=plan.whole)
    console.print(f"Took {about['took_s']} s. Written to {file.parent.name}/{file.name}.")


def _write(document: dict[str, object], *, whole: bool) -> Path:
    """Only a whole run is the latest result; a part of one, or a quick one, is kept beside it and not committed."""
    file = RESULTS / ("latest.json" if whole else "partial.json.tmp")
    file.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return file


def _end_in_order() -> None:
    """A request to end unwinds like an error does, so that every process is ended and every folder removed."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)


def _give_up_after(seconds: int) -> None:
    def give_up(_number: int, _frame: FrameType | None) -> NoReturn:
        raise BenchError(f"The run took longer than {seconds} s and was given up.")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)


if __name__ == "__main__":
    try:
        app()
    except BenchError as error:
        console.print(f"bench: {error}", style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
