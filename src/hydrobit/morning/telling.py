"""How the demo is told: with a moving bar on a terminal, in plain lines otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

LINES = 4
"""How many lines tell of the progress where there is no bar."""


class Teller:
    """Writes to standard output, and at once, so that whoever reads along through a pipe is not left waiting."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def say(self, text: str = "") -> None:
        """One line as it is: never broken, so that it can be pasted, and without marks."""
        print(text, flush=True)

    def show(self, table: Table) -> None:
        self._console.print(table)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Gives a function that is called once for each one done."""
        if self._console.is_terminal:
            columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, console=self._console) as progress:
                task = progress.add_task(what, total=total)
                yield lambda: progress.advance(task)
        else:
            yield self._line_now_and_then(what, total)

    def _line_now_and_then(self, what: str, total: int) -> Callable[[], None]:
        done = 0

        def count_one() -> None:
            nonlocal done
            done += 1
            if done * LINES % total < LINES:
                self.say(f"  {what}: {done} of {total}")

        return count_one
