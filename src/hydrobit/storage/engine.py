"""The port that every storage engine fits.

A transaction is a plain function `unit(tx, ...)`. The engine runs it off the event loop and may run it again after a
conflict, so a unit has no other effects: time, ids and randomness are its arguments.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, TypeVarTuple

from hydrobit.storage.queries import Query

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Row = tuple[Any, ...]


class Transaction(Protocol):
    """What a unit may do. Rows are tuples in the order of the query's columns, the same on every engine."""

    @property
    def engine(self) -> str:
        """The engine's name, as in `-- engine: some_engine`."""
        ...

    def one(self, query: Query, /, **values: object) -> Row | None:
        """The first row, or None."""
        ...

    def all(self, query: Query, /, **values: object) -> list[Row]:
        """Every row, in the query's order."""
        ...

    def run(self, query: Query, /, **values: object) -> int:
        """The number of rows written. Raises Duplicate when a unique constraint refuses."""
        ...

    def run_many(self, query: Query, rows: Iterable[Sequence[object]], /) -> None:
        """Runs the query once per row; values stand in the order in which the text names them. Raises Duplicate."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """What is written inside is undone when the block raises."""
        ...


class Store(Protocol):
    """Synchronous use of a store, as by the command line. Units run as in an `Engine`."""

    def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T: ...

    def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T: ...

    def overwrite_erased(self) -> None:
        """From now on what a write takes away is overwritten, where the store keeps its own file."""
        ...

    def fault(self) -> str | None:
        """What is wrong with the store's own files, as far as the store can say; None when it knows of nothing."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """Runs units with what follows them. `read` sees one consistent state; `write` is durable before it returns."""

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T: ...

    async def look_up(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """A read of few rows that everybody waits for, such as who calls: it never stands behind long reads."""
        ...

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Raises what the unit raises, StoreBusy when another process holds the store too long."""
        ...

    def end_within(self, seconds: float) -> None:
        """From now on nothing waits for others longer than until then, so that a stop has an end."""
        ...

    async def stop(self) -> None:
        """Ends what runs, answers what waits, releases the store."""
        ...
