"""Runs every sample with the real tools.

By hand: python -m tests.samples --language go --operation addUser

Prints what ran, what failed and what had no tool, and ends with 1 where one failed. What a whole run shows is kept in
docs/reference/samples-run.md.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hydrobit.catalog import OPERATIONS
from hydrobit.operation import Operation
from hydrobit.publish.samples import LANGUAGES, Language
from tests import servers
from tests.samples import hard, running, table, tools

ROWS = (*OPERATIONS, hard.row())
KEPT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "samples-run.md"
SAID_EVERY = 50


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    wanted = _wanted()
    rows = [row for row in ROWS if row.name in (wanted.operation or [row.name])]
    languages = [one for one in LANGUAGES if one.key in (wanted.language or [one.key])]
    with tempfile.TemporaryDirectory(prefix="hydrobit-samples-") as folder:
        home = Path(folder)
        versions = {one.key: tools.version(one.key, home) for one in languages}
        with servers.running(home / "live", "--workers", "1") as server:
            outcomes = asyncio.run(_run(rows, languages, versions, home, server))
    if len(outcomes) == len(ROWS) * len(LANGUAGES):
        KEPT.write_text(table.markdown(rows, outcomes, versions), encoding="utf-8")
    _say(rows, languages, outcomes)
    for key, told in versions.items():
        if told is None:
            print(f"{key}: the tool is missing; its Debian packages: {tools.TOOLS[key].packages}")
    print(table.totals(outcomes))
    return 1 if table.FAILED in outcomes.values() else 0


async def _run(
    rows: Sequence[Operation],
    languages: Sequence[Language],
    versions: dict[str, str | None],
    home: Path,
    server: servers.RunningServer,
) -> dict[tuple[str, str], str]:
    """As many samples at a time as there are processors. What fails is told at once."""
    outcomes = {(row.name, one.key): table.MISSING for row in rows for one in languages}
    work = [(row, one) for one in languages if versions[one.key] for row in rows]
    turns = asyncio.Semaphore(len(os.sched_getaffinity(0)))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("samples", total=len(work))
        async with running.bench(home, server.address, server.token()) as bench:

            async def judge(row: Operation, language: Language) -> None:
                async with turns:
                    is_hard = row.name == hard.NAME
                    fault = await (running.hard_fault(language, home) if is_hard else bench.fault(row, language))
                outcomes[row.name, language.key] = table.FAILED if fault else table.RAN
                progress.update(task, advance=1, description=f"{language.title}: {row.name}")
                if fault:
                    console.print(f"FAILED {row.name} in {language.title}: {fault}", markup=False, soft_wrap=True)
                done = sum(outcome != table.MISSING for outcome in outcomes.values())
                if not console.is_terminal and done % SAID_EVERY == 0:
                    console.print(f"{done} of {len(work)}", markup=False)

            await asyncio.gather(*(judge(row, language) for row, language in work))
    return outcomes


def _say(rows: Sequence[Operation], languages: Sequence[Language], outcomes: table.Outcomes) -> None:
    width = max(len(row.name) for row in rows)
    widths = [max(len(one.title), len(table.MISSING)) for one in languages]
    lines = [("", [one.title for one in languages])]
    lines += [(row.name, [outcomes[row.name, one.key] for one in languages]) for row in rows]
    for name, cells in lines:
        print(name.ljust(width), *(cell.ljust(wide) for cell, wide in zip(cells, widths, strict=True)))


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.samples", description=__doc__)
    parser.add_argument("--operation", action="append", choices=[row.name for row in ROWS], metavar="NAME")
    parser.add_argument("--language", action="append", choices=[one.key for one in LANGUAGES])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
