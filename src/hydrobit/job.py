"""The type of the background rows: a `Job` is done again and again, on whichever node comes first."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hydrobit.operation import Context


@dataclass(frozen=True, slots=True)
class Job:
    """`run` does what is due and returns how many things it did; it may run twice at once without harm.

    `interval` names the setting that holds the seconds between two runs.
    """

    name: str
    summary: str
    interval: str
    run: Callable[[Context], Awaitable[int]]
