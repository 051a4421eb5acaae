"""The command that grades a client."""

import asyncio
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import AsJson, seconds
from hydrobit.errors import SettingError

if TYPE_CHECKING:
    from hydrobit.certify.checks import Check
    from hydrobit.certify.grading import Grade

CHECK_S_MAX = 3_600
FINDINGS_MAX = 6
"""So many findings of a check are shown; the others are counted."""
FAILED, INTERRUPTED = 1, 130


@app.command
def certify(
    *command: Annotated[
        str, Parameter(help="The client and its arguments, behind `--` where they have hyphens; or all in one text.")
    ],
    only: Annotated[
        list[str], Parameter(help="Run this check alone; repeatable.", negative=(), consume_multiple=False)
    ] = [],  # noqa: B006 - cyclopts reads it, and nobody changes it
    limit: Annotated[str, Parameter(name="--time", help="How long each check may take: 30s, 5m.")] = "3m",
    keep: Annotated[
        Path | None, Parameter(help="A new folder for what was sent and printed in each check; it is kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade a client: what it does when answers are lost, servers fail and processes die.

    The client is started in a folder of its own with CERTIFY_URL, CERTIFY_TOKEN, CERTIFY_USER, CERTIFY_SESSION and
    CERTIFY_COUNTS in its environment. Exit status 0 when it passes every check.
    """
    from hydrobit.certify.candidate import command as read_command

    words = read_command(command, Path.cwd())
    checks = _chosen(only)
    limit_s = seconds(limit, "--time", CHECK_S_MAX)
    with _folder(keep) as folder:
        grades = _graded(words, checks, limit_s, folder)
    if as_json:
        for grade in grades:
            print(json.dumps(_row(grade), ensure_ascii=False))
    else:
        _show(grades)
    sys.exit(0 if all(grade.result.value == "passed" for grade in grades) else FAILED)


def _chosen(only: Sequence[str]) -> "tuple[Check, ...]":
    """Raises SettingError for a name that no check has."""
    from hydrobit.certify.checks import CHECKS

    names = [check.name for check in CHECKS]
    for name in only:
        if name not in names:
            raise SettingError(f"there is no check {name!r}; there are {', '.join(names)}")
    return tuple(check for check in CHECKS if not only or check.name in only)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Raises SettingError where the folder is there already."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="hydrobit-certify-", ignore_cleanup_errors=True) as made:
            yield Path(made)
        return
    try:
        keep.mkdir(parents=True)
    except OSError as e:
        raise SettingError(f"--keep {keep} cannot be made: {e.strerror}; name a new folder") from e
    yield keep.absolute()


def _graded(words: Sequence[str], checks: "Sequence[Check]", limit_s: float, folder: Path) -> "list[Grade]":
    """Ends with status 130 when it is interrupted; whatever was started is ended before."""
    try:
        return asyncio.run(_grade(words, checks, limit_s, folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("hydrobit: interrupted; nothing was judged", file=sys.stderr)
        sys.exit(INTERRUPTED)


async def _grade(words: Sequence[str], checks: "Sequence[Check]", limit_s: float, folder: Path) -> "list[Grade]":
    import structlog

    from hydrobit.certify import spaces
    from hydrobit.certify.grading import Grading
    from hydrobit.kit.clock import SystemClock
    from hydrobit.settings import Settings

    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)  # what the mock refuses is what is looked for
    structlog.configure(wrapper_class=quiet)
    task = asyncio.current_task()
    assert task is not None, "a coroutine of asyncio.run is a task"
    for number in (signal.SIGTERM, signal.SIGHUP):  # the terminal may be closed; the client must not stay
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with spaces.running(Settings()) as running:
        grading = Grading(words, folder, running, SystemClock(), limit_s)
        return await grading.grade(checks, lambda check: print(f"{check.name} ...", file=sys.stderr, flush=True))


def _row(grade: "Grade") -> dict[str, object]:
    seen = grade.seen
    return {
        "check": grade.check.name,
        "result": grade.result.value,
        "asks": grade.check.asks,
        "findings": [{"sentence": one.sentence, "requests": list(one.requests)} for one in grade.findings],
        "seconds": None if seen is None else round(seen.seconds, 1),
        "starts": None if seen is None else len(seen.statuses),
        "requests": None if seen is None else len(seen.requests),
    }


def _show(grades: "Sequence[Grade]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "result", "what", show_lines=True)
    styles = {"passed": "green", "failed": "red", "not judged": "yellow"}
    for grade in grades:
        told = [finding.sentence for finding in grade.findings[:FINDINGS_MAX]]
        if more := grade.findings[FINDINGS_MAX:]:
            told.append(f"And {len(more)} more; --json tells them all.")
        result = Text(grade.result.value, styles[grade.result.value])
        table.add_row(grade.check.name, result, Text("\n".join(told) or grade.check.asks))
    Console().print(table)
    passed = sum(grade.result.value == "passed" for grade in grades)
    print(f"{passed} of {len(grades)} checks passed")
