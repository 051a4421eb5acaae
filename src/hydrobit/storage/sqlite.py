"""The embedded engine: SQLite in WAL mode, one writer thread, a few read-only connections.

Durable means synchronous=full: the WAL is synced to the disk before a commit returns. Only the writer checkpoints.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar, TypeVarTuple

from hydrobit.errors import Duplicate, StoreBusy, StoreError
from hydrobit.storage.engine import Row, Transaction
from hydrobit.storage.queries import SQLITE, Query

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHECKPOINT_PAGES = 16_000
"""A larger WAL between checkpoints gives bulk writes a fifth more; 16,000 pages are 64 MB."""
WRITER_CACHE_KIB = 262_144
READER_CACHE_KIB = 16_384
VERSION_MIN = (3, 37, 0)
"""The first SQLite with STRICT tables."""
_PRIMARY_CODE = 0xFF
"""SQLite's codes carry their family in the last byte."""
_UNIQUE_CODES = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
)


class SqliteTransaction:
    """A unit's view of one connection."""

    __slots__ = ("_connection",)
    engine = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def one(self, query: Query, /, **values: object) -> Row | None:
        try:
            row: Row | None = self._connection.execute(query.text, query.values(values)).fetchone()
        except sqlite3.DatabaseError as e:
            raise _store_error(e) from e
        return row

    def all(self, query: Query, /, **values: object) -> list[Row]:
        try:
            return self._connection.execute(query.text, query.values(values)).fetchall()
        except sqlite3.DatabaseError as e:
            raise _store_error(e) from e

    def run(self, query: Query, /, **values: object) -> int:
        try:
            return self._connection.execute(query.text, query.values(values)).rowcount
        except sqlite3.IntegrityError as e:
            _raise_if_known(e)
            raise

    def run_many(self, query: Query, rows: Iterable[Sequence[object]], /) -> None:
        try:
            self._connection.executemany(query.text, rows)
        except sqlite3.IntegrityError as e:
            _raise_if_known(e)
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("savepoint part")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback to part")
            self._connection.execute("release part")
            raise
        self._connection.execute("release part")


class SqliteStore:
    """Synchronous use of one database file: what the command line and the writer thread share.

    `checkpoints` is for the one server of a directory; everyone else leaves the WAL alone.
    """

    def __init__(self, path: Path | str, *, busy_ms_max: int, checkpoints: bool = False) -> None:
        if sqlite3.sqlite_version_info < VERSION_MIN:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
        self._connection = connect(path, busy_ms_max)
        configure_writer(self._connection, checkpoints)

    def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Runs the unit in a transaction that holds the write lock from its beginning. Durable when it returns."""
        return run_write(self._connection, unit, *args)

    def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Runs the unit on one consistent state."""
        return run_read(self._connection, unit, *args)

    def fault(self) -> str | None:
        """What is wrong with the file itself: pages, types, or an index that does not fit its table; None when sound.

        Reads everything; about a second for a million entries.
        """
        try:
            (sentence,) = self._connection.execute("pragma integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as e:
            return str(e)
        return None if sentence == "ok" else sentence

    def wait_at_most(self, busy_ms: int) -> None:
        """From now on a transaction waits so long for another process's lock."""
        self._connection.execute(f"pragma busy_timeout = {busy_ms}")

    def overwrite_erased(self) -> None:
        """From now on what a write takes away is overwritten in the file, and not only given free."""
        self._connection.execute("pragma secure_delete = on")

    def copy_to(self, path: Path) -> None:
        """An online copy of the whole database, consistent while others write."""
        target = sqlite3.connect(path)
        try:
            self._connection.backup(target)
        finally:
            target.close()

    def close(self) -> None:
        self._connection.close()


def connect(path: Path | str, busy_ms_max: int, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions; any thread may use it, one at a time."""
    address = f"{Path(path).absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        return sqlite3.connect(
            address,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_ms_max / 1000,
            cached_statements=512,
        )
    except sqlite3.OperationalError as e:
        raise StoreError(f"the store {path} cannot be opened: {e}") from e


def configure_writer(connection: sqlite3.Connection, checkpoints: bool) -> None:
    """Makes a connection the writer's: what it commits is durable. Raises StoreError for a file that is no store."""
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma temp_store = memory")  # what a savepoint may undo is kept in memory, not in a file
        connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES if checkpoints else 0}")
        connection.execute(f"pragma cache_size = -{WRITER_CACHE_KIB}")
    except sqlite3.DatabaseError as e:
        raise _store_error(e) from e


def run_write(connection: sqlite3.Connection, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
    """Runs the unit in a transaction that holds the write lock from its beginning."""
    try:
        connection.execute("begin immediate")
    except sqlite3.OperationalError as e:
        raise _store_error(e) from e
    try:
        result = _run(connection, unit, *args)
        connection.execute("commit")
    except BaseException as e:
        if connection.in_transaction:
            connection.execute("rollback")
        if isinstance(e, sqlite3.OperationalError):
            raise _store_error(e) from e
        raise
    return result


def run_read(connection: sqlite3.Connection, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
    """Runs the unit on one consistent state."""
    try:
        connection.execute("begin")
        try:
            return _run(connection, unit, *args)
        finally:
            connection.execute("commit")
    except sqlite3.DatabaseError as e:
        raise _store_error(e) from e


def _run(connection: sqlite3.Connection, unit: Callable[[Transaction, *Ts], T], *args: *Ts) -> T:
    try:
        return unit(SqliteTransaction(connection), *args)
    except StopIteration as e:  # no future can carry it: whoever waits would wait for ever
        raise RuntimeError("the unit raised StopIteration") from e


def _store_error(e: sqlite3.Error) -> StoreError:
    code = getattr(e, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy("another process holds the store")
    return StoreError(f"the store failed: {e}")


def _raise_if_known(e: sqlite3.IntegrityError) -> None:
    """Only a known key is a Duplicate; a row that is wrong in itself is a fault of ours and stays what it is."""
    if e.sqlite_errorcode in _UNIQUE_CODES:
        raise Duplicate(str(e)) from e


class SqliteEngine:
    """The engine port over one file: units that write run one after another on the writer thread."""

    def __init__(self, path: Path, *, busy_ms_max: int, reader_connections: int) -> None:
        self._path, self._busy_ms_max = path, busy_ms_max
        self._store = SqliteStore(path, busy_ms_max=busy_ms_max, checkpoints=True)
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._ends_at: float | None = None
        self._writer = threading.Thread(target=self._write_until_stopped, name="hydrobit-writer", daemon=True)
        self._writer.start()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(reader_connections, thread_name_prefix="hydrobit-reader")
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="hydrobit-look-up")

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writes.put(_Write(unit, args, loop, future))
        return await future

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_on_thread, unit, args)

    async def look_up(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._looker, self._read_on_thread, unit, args)

    def end_within(self, seconds: float) -> None:
        """Units that have not begun by then no longer wait for another process's lock, so that a stop has an end."""
        self._ends_at = time.monotonic() + seconds

    async def stop(self) -> None:
        """Runs what is queued, then releases the store."""
        self._writes.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._looker.shutdown)
        for connection in self._opened:
            connection.close()
        self._store.close()

    def _write_until_stopped(self) -> None:
        while (write := self._writes.get()) is not None:
            if self._ends_at is not None:
                left_ms = int((self._ends_at - time.monotonic()) * 1000)
                self._store.wait_at_most(max(0, min(left_ms, self._busy_ms_max)))
            write.run(self._store)

    def _read_on_thread(self, unit: Callable[[Transaction, *Ts], T], args: tuple[*Ts]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, self._busy_ms_max, read_only=True)
            connection.execute(f"pragma cache_size = -{READER_CACHE_KIB}")
            self._local.connection = connection
            self._opened.append(connection)
        return run_read(connection, unit, *args)


class _Write:
    """One unit on its way through the writer thread, and where its outcome goes."""

    __slots__ = ("_args", "_future", "_loop", "_unit")

    def __init__(
        self,
        unit: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        future: "asyncio.Future[T]",
    ) -> None:
        self._unit, self._args, self._loop, self._future = unit, args, loop, future

    def run(self, store: SqliteStore) -> None:
        try:
            result = store.write(self._unit, *self._args)
        except BaseException as e:  # the caller waits: whatever happened is its answer
            self._loop.call_soon_threadsafe(self._fail, e)
        else:
            self._loop.call_soon_threadsafe(self._succeed, result)

    def _succeed(self, result: object) -> None:
        if not self._future.done():
            self._future.set_result(result)  # type: ignore[arg-type]

    def _fail(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)
