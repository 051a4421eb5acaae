"""PostgreSQL as the engine: units on threads, each with a connection of its own, run again when the database says so.

Writes are read committed: a unit locks the head of its company first, so that what it reads after that stands still.
Reads see one state (repeatable read) and cannot write. Durable means that the server answered the commit with fsync and
synchronous_commit on; a server without them is refused.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, TypeVarTuple

import psycopg
from psycopg import RawCursor, errors, pq
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import BytesBinaryDumper

from hydrobit.errors import Duplicate, SettingError, StoreBusy, StoreError
from hydrobit.settings import Settings
from hydrobit.storage import translation
from hydrobit.storage.engine import Row, Transaction
from hydrobit.storage.queries import POSTGRES, Query

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

VERSION_MIN = 140_000
"""The first PostgreSQL that tells a standby from a primary as it connects."""
PREPARED_MAX = 1_000
"""Statements that a connection keeps prepared; the house has fewer, with and without nulls."""
PAUSE_S, PAUSE_S_MAX = 0.01, 0.5
"""Between two tries of a unit; each pause is twice the one before."""
BREAK_AFTER_S = 1.0
"""A server that says nothing for so long after it should have given up by itself is taken for gone."""
_WRITE = "begin isolation level read committed read write"
_READ = "begin isolation level repeatable read read only"
_CONFLICT_STATES = ("40001", "40P01", "40003")
_BUSY_STATES = ("55P03", "57014")
_AWAY_STATES = ("53300",)
_AWAY_CLASSES = ("08", "57P")
"""The connection, or the server as a whole: another try may find one that takes it."""


class _TryAgain(StoreBusy):
    """Others came in between; the unit is run again."""


class _Away(StoreError):
    """The database cannot be reached, or was lost on the way; the unit is run again on a new connection."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take. `unit_s_max` is 0 where nobody else waits for the end."""

    away_s_max: float
    """A unit is tried again for so long."""
    busy_ms_max: int
    """The longest wait for another transaction's lock."""
    unit_s_max: int
    """The longest that one statement, or a silence inside of a transaction, may last."""
    may_lose: bool
    """Whether a server is used that may lose what it has acknowledged."""


def limits(settings: Settings, *, unit_s_max: int) -> Limits:
    """What the settings allow."""
    return Limits(settings.database_away_s_max, settings.store_busy_ms_max, unit_s_max, settings.database_may_lose)


class _WholeNumber(Dumper):
    """Numbers and truths go without a type, so that the statement alone says what they are, as it does for a null."""

    def dump(self, obj: Any) -> Buffer:
        return b"%d" % obj


class _Sum(Loader):
    """A sum of whole numbers is one; an average is not."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or b"N" in text else int(text)


class _Truth(Loader):
    """1 or 0, as SQLite has it."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class PostgresTransaction:
    """A unit's view of one connection."""

    __slots__ = ("_connection", "_cursor")
    engine = POSTGRES

    def __init__(self, connection: "psycopg.Connection[Row]", cursor: "RawCursor[Row]") -> None:
        self._connection, self._cursor = connection, cursor

    def one(self, query: Query, /, **values: object) -> Row | None:
        try:
            return self._execute(query, values).fetchone()
        except psycopg.Error as e:
            raise _told(e) from e

    def all(self, query: Query, /, **values: object) -> list[Row]:
        try:
            return self._execute(query, values).fetchall()
        except psycopg.Error as e:
            raise _told(e) from e

    def run(self, query: Query, /, **values: object) -> int:
        try:
            return self._execute(query, values).rowcount
        except psycopg.Error as e:
            raise _told(e) from e

    def run_many(self, query: Query, rows: Iterable[Sequence[object]], /) -> None:
        rows = list(rows)
        text, copy, _ = _prepared(query)
        try:
            if copy is None or len(rows) == 1:
                self._cursor.executemany(text, rows)
                return
            with self._connection.cursor().copy(copy) as target:
                for row in rows:
                    target.write_row(row)
        except psycopg.Error as e:
            raise _told(e) from e

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._say("savepoint part")
        try:
            yield
        except BaseException:
            self._say("rollback to savepoint part")
            self._say("release savepoint part")
            raise
        self._say("release savepoint part")

    def _execute(self, query: Query, values: dict[str, object]) -> "RawCursor[Row]":
        text, _, names = _prepared(query)
        return self._cursor.execute(text, [values[name] for name in names])

    def _say(self, statement: str) -> None:
        try:
            self._cursor.execute(statement)
        except psycopg.Error as e:
            raise _told(e) from e


class PostgresStore:
    """One connection and the tries on it: what the command line uses, and each thread of the engine."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._conninfo, self._limits = _conninfo(url, limits), limits
        self._connection: psycopg.Connection[Row] | None = None
        self._cursor: RawCursor[Row] | None = None
        self._warnings: list[str] = []

    def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Runs the unit until it is committed. Durable when it returns.

        After a connection that was lost during a commit the unit finds its own work done; it has to take that for a
        repeat, as every unit does.
        """
        return self.run(_WRITE, unit, args, time.monotonic() + self._limits.away_s_max)

    def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Runs the unit on one consistent state."""
        return self.run(_READ, unit, args, time.monotonic() + self._limits.away_s_max)

    def fault(self) -> str | None:
        """The server looks after its own files: data checksums, and pg_amcheck for indexes."""
        return None

    def break_off(self) -> None:
        """From another thread: whoever waits for the server finds the connection gone."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                _shut(connection.fileno())

    def close(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def run(self, begin: str, unit: Callable[..., T], args: tuple[Any, ...], ends_at: float) -> T:
        """Tries the unit until it is committed, or `ends_at` (monotonic) is over and it failed once more."""
        pause = PAUSE_S
        while True:
            try:
                return self._try(begin, unit, args)
            except (_TryAgain, _Away):
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise
                time.sleep(min(pause, left))
                pause = min(2 * pause, PAUSE_S_MAX)

    def _try(self, begin: str, unit: Callable[..., T], args: tuple[Any, ...]) -> T:
        connection, cursor = self._connected()
        try:
            cursor.execute(begin)
            result = unit(PostgresTransaction(connection, cursor), *args)
            self._commit(connection, cursor)
        except BaseException as e:
            self._undo(connection, e)
            if isinstance(e, StopIteration):  # no future can carry it: whoever waits would wait for ever
                raise RuntimeError("the unit raised StopIteration") from e
            if isinstance(e, psycopg.Error):
                raise _told(e) from e
            raise
        return result

    def _commit(self, connection: "psycopg.Connection[Row]", cursor: "RawCursor[Row]") -> None:
        """Raises StoreError unless the server says that the commit is where it has to be."""
        if connection.info.transaction_status is pq.TransactionStatus.INERROR:
            raise StoreError("the unit went on after a statement of its had failed outside of a savepoint")
        self._warnings.clear()
        cursor.execute("commit")
        if self._warnings:  # above all: that it stopped waiting for a standby, and the commit is on one machine alone
            raise _Away(f"the database committed with a warning: {self._warnings[0]}")

    def _undo(self, connection: "psycopg.Connection[Row]", error: BaseException) -> None:
        if isinstance(error, _Away) or connection.broken or connection.closed:
            self.close()
            return
        try:
            if connection.info.transaction_status is not pq.TransactionStatus.IDLE:
                connection.execute("rollback")
        except psycopg.Error:
            self.close()

    def _connected(self) -> "tuple[psycopg.Connection[Row], RawCursor[Row]]":
        if self._connection is not None and self._cursor is not None:
            return self._connection, self._cursor
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=0)
        except psycopg.Error as e:
            raise _Away(f"the database cannot be reached: {e}") from e
        try:
            _refuse_unsafe(connection, self._limits)
        except BaseException as e:
            connection.close()
            if isinstance(e, psycopg.Error):
                raise _told(e) from e
            raise
        connection.prepared_max = PREPARED_MAX
        connection.add_notice_handler(self._notice)
        self._connection, self._cursor = connection, _cursor(connection)
        return self._connection, self._cursor

    def _notice(self, notice: "errors.Diagnostic") -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "a warning without a text")


class PostgresEngine:
    """The engine port over one database: units run on threads, each of which keeps a connection of its own."""

    def __init__(self, url: str, limits: Limits, *, writer_connections: int, reader_connections: int) -> None:
        self._limits = limits
        self._writers = _Threads(url, limits, writer_connections, "hydrobit-writer")
        self._readers = _Threads(url, limits, reader_connections, "hydrobit-reader")
        self._stops_at: float | None = None

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._run(self._writers, _WRITE, unit, args)

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._run(self._readers, _READ, unit, args)

    def end_within(self, seconds: float) -> None:
        """Units no longer wait for the database past then, so that a stop has an end."""
        self._stops_at = time.monotonic() + seconds

    async def stop(self) -> None:
        """Runs what is queued, then releases the connections."""
        await asyncio.to_thread(self._writers.stop)
        await asyncio.to_thread(self._readers.stop)

    async def _run(self, threads: "_Threads", begin: str, unit: Callable[[Transaction, *Ts], T], args: tuple[*Ts]) -> T:
        loop, now = asyncio.get_running_loop(), time.monotonic()
        ends_at = now + self._limits.away_s_max
        job = _Job(begin, unit, args, ends_at if self._stops_at is None else min(ends_at, self._stops_at))
        silence = loop.call_later(self._limits.away_s_max + self._limits.unit_s_max + BREAK_AFTER_S, job.break_off)
        try:
            return await loop.run_in_executor(threads.pool, threads.run, job)
        finally:
            silence.cancel()


class _Job:
    """One unit on its way through a thread, and the connection it is on."""

    __slots__ = ("args", "begin", "ends_at", "store", "unit")

    def __init__(self, begin: str, unit: Callable[..., Any], args: tuple[Any, ...], ends_at: float) -> None:
        self.begin, self.unit, self.args, self.ends_at = begin, unit, args, ends_at
        self.store: PostgresStore | None = None

    def break_off(self) -> None:
        if self.store is not None:
            self.store.break_off()


class _Threads:
    """So many threads, each with a store of its own, opened when it is first needed."""

    def __init__(self, url: str, limits: Limits, count: int, name: str) -> None:
        self._url, self._limits = url, limits
        self.pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._local = threading.local()
        self._opened: list[PostgresStore] = []

    def run(self, job: _Job) -> Any:
        store: PostgresStore | None = getattr(self._local, "store", None)
        if store is None:
            store = self._local.store = PostgresStore(self._url, self._limits)
            self._opened.append(store)
        if time.monotonic() >= job.ends_at:
            raise StoreBusy("the units before this one took the database's time")
        job.store = store
        try:
            return store.run(job.begin, job.unit, job.args, job.ends_at)
        finally:
            job.store = None

    def stop(self) -> None:
        self.pool.shutdown()
        for store in self._opened:
            store.close()


@lru_cache(maxsize=4_096)
def _prepared(query: Query) -> tuple[str, str | None, tuple[str, ...]]:
    """The statement as it is sent, the COPY that takes many rows of it, and its parameters in order."""
    own = query.on(POSTGRES)
    return translation.statement(own.text), translation.as_copy(own.text), own.names


def _cursor(connection: "psycopg.Connection[Row]") -> "RawCursor[Row]":
    """What statements run on, one after another; rows that are copied in go by a cursor of their own."""
    cursor = RawCursor(connection)
    cursor.adapters.register_dumper(int, _WholeNumber)
    cursor.adapters.register_dumper(bool, _WholeNumber)
    cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
    cursor.adapters.register_loader("numeric", _Sum)
    cursor.adapters.register_loader("bool", _Truth)
    return cursor


def _conninfo(url: str, limits: Limits) -> str:
    """The URL with what we ask of every connection. Raises SettingError, which does not tell the URL's password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as e:
        raise SettingError(
            "HYDROBIT_DATABASE_URL cannot be read; write postgresql://user:password@host/database"
        ) from e
    ours = {
        "lock_timeout": limits.busy_ms_max,
        "statement_timeout": limits.unit_s_max * 1000,
        "idle_in_transaction_session_timeout": limits.unit_s_max * 1000,
    }
    options = " ".join([str(given.pop("options", "")), *(f"-c {name}={value}" for name, value in ours.items())])
    wanted: dict[str, Any] = {
        "target_session_attrs": "read-write",
        "application_name": "hydrobit",
        "connect_timeout": max(2, int(limits.away_s_max)),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": int(limits.away_s_max * 1000),
    }
    return make_conninfo("", **wanted | given, options=options.strip(), client_encoding="utf8")


def _refuse_unsafe(connection: "psycopg.Connection[Row]", limits: Limits) -> None:
    """Raises StoreError for a server that is too old, keeps texts otherwise, or may lose what it has acknowledged."""
    if connection.info.server_version < VERSION_MIN:
        raise StoreError(f"PostgreSQL {connection.info.server_version // 10_000} is too old; 14 or newer is needed")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database keeps its texts in {encoding}; make it with `encoding 'UTF8'`")
    row = connection.execute("select current_setting('fsync'), current_setting('synchronous_commit')").fetchone()
    off = [name for name, value in zip(("fsync", "synchronous_commit"), row or (), strict=False) if value == "off"]
    if off and not limits.may_lose:
        raise StoreError(
            f"the database runs with {' and '.join(off)} off and may lose what it has acknowledged; turn it on, "
            "or set HYDROBIT_DATABASE_MAY_LOSE where that does not matter"
        )


def _told(e: psycopg.Error) -> Exception:
    """What an error of the driver means here."""
    state = e.sqlstate or ""
    if isinstance(e, errors.UniqueViolation):
        if e.diag.schema_name == "pg_catalog":
            return _TryAgain("another process makes the same table")
        return Duplicate(f"{e.diag.constraint_name}: {e.diag.message_detail}")
    if isinstance(e, psycopg.IntegrityError | psycopg.DataError):
        return e  # a row that is wrong in itself is a fault of ours and stays what it is
    if state in _CONFLICT_STATES:
        return _TryAgain("other writers came in between, again and again")
    if state in _BUSY_STATES:
        return StoreBusy("another process holds the store")
    if state in _AWAY_STATES or state.startswith(_AWAY_CLASSES):
        return _Away(f"the database cannot be used now: {e}")
    if not state and isinstance(e, psycopg.OperationalError | psycopg.InterfaceError):
        return _Away(f"the connection to the database was lost: {e}")
    return StoreError(f"the store failed: {e}")


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
