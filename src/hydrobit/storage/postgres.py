"""PostgreSQL as the engine: units on threads, each with a connection of its own, run again when the database says so.

Writes are read committed: a unit locks the head of its company first, so that what it reads after that stands still.
Reads see one state (repeatable read) and cannot write. Durable means that the server answered the commit with fsync and
synchronous_commit on; a server without them is refused.
"""

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

import psycopg
from psycopg import errors, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hydrobit.errors import Duplicate, SettingError, StoreAway, StoreBusy, StoreError
from hydrobit.settings import Settings
from hydrobit.storage import translation
from hydrobit.storage.engine import Row, Transaction
from hydrobit.storage.postgres_values import as_lines, as_row, encoded, finds_nothing, readers_of
from hydrobit.storage.queries import POSTGRES, Query

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

VERSION_MIN = 140_000
"""The first PostgreSQL that tells a standby from a primary as it connects."""
PREPARED_MAX = 1_000
"""Statements that a connection keeps prepared; the house has fewer."""
PAUSE_S, PAUSE_S_MAX = 0.01, 0.5
"""Between two tries of a unit; each pause is twice the one before."""
BREAK_AFTER_S = 1.0
"""A server that says nothing for so long after it should have given up by itself is taken for gone."""
CONNECT_S_MIN = 2
"""The least time that libpq gives a host to answer."""
_WRITE = b"begin isolation level read committed read write"
_READ = b"begin isolation level repeatable read read only"
_SAVEPOINT, _RELEASE = b"savepoint part;", b"release savepoint part;"
_DONE = (
    pq.ExecStatus.COMMAND_OK,
    pq.ExecStatus.TUPLES_OK,
    pq.ExecStatus.COPY_IN,
    pq.ExecStatus.EMPTY_QUERY,
)
_CONFLICT_STATES = ("40001", "40P01", "40003")
_BUSY_STATES = ("55P03", "57014")
_AWAY_STATES = ("53300", "25006")
_AWAY_CLASSES = ("08", "57P")
"""The connection, or the server as a whole: too many, read only now, gone. Another try may find one that takes it."""


class _TryAgain(StoreBusy):
    """Others came in between; the unit is run again."""


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


class _Session:
    """One connection, spoken to in libpq's own words: a statement costs a third of what a cursor takes for it.

    Parameters go without a type, so that the statement alone says what they are, as it does for a null. What needs no
    answer of its own (a savepoint, its release) goes with the next statement that is said.
    """

    __slots__ = ("_later", "_names", "_savepoint_waits", "connection", "wire")

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection, self.wire = connection, connection.pgconn
        self.wire.nonblocking = 0
        self._names: dict[str, bytes] = {}
        self.forget()

    def forget(self) -> None:
        """Nothing is left to say: a transaction begins or was given up."""
        self._later, self._savepoint_waits = b"", False

    def say(self, statement: bytes) -> pq.abc.PGresult:
        """Runs statements without parameters in one turn, after those that waited; the answer is the last one's."""
        statement = self._later + statement
        self.forget()
        return self._checked(self.wire.exec_(statement))

    def ask(self, query: Query, values: Sequence[object]) -> pq.abc.PGresult:
        """Runs a query; values stand in the order of its marks."""
        if self._savepoint_waits:
            self.say(b"")
        own = _own(query)
        words: list[Any] = [encoded(value) for value in values]
        formats = [pq.Format.BINARY if isinstance(value, str | bytes) else pq.Format.TEXT for value in values]
        name = self._names.get(own.text) or self._prepare(own.text)
        if name is None:
            return self._checked(self.wire.exec_params(own.text.encode(), words, None, formats))
        return self._checked(self.wire.exec_prepared(name, words, formats))

    def copy(self, statement: bytes, content: bytes) -> None:
        """Sends rows in the text format of COPY.

        libpq is not let wait in any of it: psycopg keeps the interpreter while it does, so that a server which is
        silent then would stop the whole process, and whoever might break the silence off.
        """
        self.say(statement)
        self.wire.nonblocking = 1
        self.wire.put_copy_data(content)
        self.wire.put_copy_end()
        while self.wire.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self.wire.consume_input()
        result = self._next_result()
        while self._next_result() is not None:
            continue  # the end of the COPY is told once more
        self.wire.nonblocking = 0
        self._checked(result)

    def _next_result(self) -> pq.abc.PGresult | None:
        while self.wire.is_busy():
            self._wait(select.POLLIN)
            self.wire.consume_input()
        return self.wire.get_result()

    def _wait(self, events: int) -> None:
        """Until the connection has something to read, or room to write, or is shut."""
        waiting = select.poll()
        waiting.register(self.wire.socket, events)
        waiting.poll()

    def begin_savepoint(self) -> None:
        if self._savepoint_waits:
            self.say(b"")
        self._later += _SAVEPOINT
        self._savepoint_waits = True

    def end_savepoint(self) -> None:
        if not self._drop_savepoint():
            self._later += _RELEASE

    def undo_savepoint(self) -> None:
        """Also of those inside that were to be released: after an error the server takes nothing but a rollback."""
        if not self._drop_savepoint():
            inside = self._later.count(_RELEASE)
            self.forget()
            self.say((1 + inside) * (b"rollback to savepoint part;" + _RELEASE))

    def _drop_savepoint(self) -> bool:
        """True when nothing was done since the savepoint, so that it need not be made at all."""
        if self._savepoint_waits:
            self._later = self._later.removesuffix(_SAVEPOINT)
            self._savepoint_waits = False
            return True
        return False

    def _prepare(self, text: str) -> bytes | None:
        if len(self._names) >= PREPARED_MAX:
            return None
        name = b"q%d" % len(self._names)
        self._checked(self.wire.prepare(name, text.encode()))
        self._names[text] = name
        return name

    def _checked(self, result: pq.abc.PGresult | None) -> pq.abc.PGresult:
        if result is None or result.status not in _DONE:
            raise _told(self.wire, result)
        return result


class PostgresTransaction:
    """A unit's view of one connection."""

    __slots__ = ("_session",)
    engine = POSTGRES

    def __init__(self, session: _Session) -> None:
        self._session = session

    def one(self, query: Query, /, **values: object) -> Row | None:
        if finds_nothing(values):
            return None
        result = self._ask(query, values)
        return as_row(result, 0, readers_of(result)) if result.ntuples else None

    def all(self, query: Query, /, **values: object) -> list[Row]:
        if finds_nothing(values):
            return []
        result = self._ask(query, values)
        readers = readers_of(result)
        return [as_row(result, number, readers) for number in range(result.ntuples)]

    def run(self, query: Query, /, **values: object) -> int:
        return self._ask(query, values).command_tuples or 0

    def run_many(self, query: Query, rows: Iterable[Sequence[object]], /) -> None:
        rows, own = list(rows), _own(query)
        if len(rows) > 1 and own.copy is not None:
            self._session.copy(own.copy, as_lines(rows))
            return
        for row in rows:
            self._session.ask(query, row)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._session.begin_savepoint()
        try:
            yield
        except BaseException:
            self._session.undo_savepoint()
            raise
        self._session.end_savepoint()

    def _ask(self, query: Query, values: dict[str, object]) -> pq.abc.PGresult:
        return self._session.ask(query, [values[name] for name in _own(query).names])


class PostgresStore:
    """One connection and the tries on it: what the command line uses, and each thread of the engine."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._conninfo, self._limits = _conninfo(url, limits), limits
        self._session: _Session | None = None
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

    def overwrite_erased(self) -> None:
        """The server looks after its own files: what was taken away is in them until it is vacuumed."""

    def fault(self) -> str | None:
        """The server looks after its own files: data checksums, and pg_amcheck for indexes."""
        return None

    def break_off(self) -> None:
        """From another thread: whoever waits for the server finds the connection gone."""
        session = self._session
        if session is not None:
            with suppress(psycopg.Error, OSError):
                _shut(session.wire.socket)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.connection.close()

    def run(self, begin: bytes, unit: Callable[..., T], args: tuple[Any, ...], ends_at: float) -> T:
        """Tries the unit until it is committed, or `ends_at` (monotonic) is over and it failed once more."""
        pause = PAUSE_S
        while True:
            try:
                return self._try(begin, unit, args)
            except (_TryAgain, StoreAway):
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise
                time.sleep(min(pause, left))
                pause = min(2 * pause, PAUSE_S_MAX)

    def _try(self, begin: bytes, unit: Callable[..., T], args: tuple[Any, ...]) -> T:
        session = self._session or self._connect()
        try:
            session.say(begin)
            result = unit(PostgresTransaction(session), *args)
            self._commit(session)
        except BaseException as e:
            self._undo(session, e)
            if isinstance(e, StopIteration):  # no future can carry it: whoever waits would wait for ever
                raise RuntimeError("the unit raised StopIteration") from e
            if isinstance(e, psycopg.OperationalError):
                raise StoreAway(f"the connection to the database was lost: {e}") from e
            raise
        return result

    def _commit(self, session: _Session) -> None:
        """Raises StoreError unless the server says that the commit is where it has to be."""
        self._warnings.clear()
        if session.say(b"commit").command_status != b"COMMIT":
            raise StoreError("the unit went on after a statement of its had failed outside of a savepoint")
        if self._warnings:  # above all: that it stopped waiting for a standby, and the commit is on one machine alone
            raise StoreAway(f"the database committed with a warning: {self._warnings[0]}")

    def _undo(self, session: _Session, error: BaseException) -> None:
        session.forget()
        status = session.wire.transaction_status
        if _is_left(error) or status in (pq.TransactionStatus.UNKNOWN, pq.TransactionStatus.ACTIVE):
            self.close()
        elif status != pq.TransactionStatus.IDLE:
            try:
                session.say(b"rollback")
            except (StoreError, psycopg.Error):
                self.close()

    def _connect(self) -> _Session:
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.Error as e:
            raise StoreAway(f"the database cannot be reached: {e}") from e
        try:
            session = self._session = _Session(connection)
            _refuse_unsafe(connection, self._limits)
        except BaseException as e:
            self.close()
            if isinstance(e, psycopg.OperationalError):
                raise StoreAway(f"the connection to the database was lost: {e}") from e
            raise
        connection.add_notice_handler(self._notice)
        return session

    def _notice(self, notice: "errors.Diagnostic") -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "a warning without a text")


class PostgresEngine:
    """The engine port over one database: units run on threads, each of which keeps a connection of its own."""

    def __init__(self, url: str, limits: Limits, *, writer_connections: int, reader_connections: int) -> None:
        self._limits = limits
        self._writers = _Threads(url, limits, writer_connections, "hydrobit-writer")
        self._readers = _Threads(url, limits, reader_connections, "hydrobit-reader")
        self._looker = _Threads(url, limits, 1, "hydrobit-look-up")
        self._stops_at: float | None = None

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._run(self._writers, _WRITE, unit, args)

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._run(self._readers, _READ, unit, args)

    async def look_up(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._run(self._looker, _READ, unit, args)

    def end_within(self, seconds: float) -> None:
        """Units no longer wait for the database past then, so that a stop has an end; nor for a silent one."""
        self._stops_at = time.monotonic() + seconds
        for threads in (self._writers, self._readers, self._looker):
            asyncio.get_running_loop().call_later(seconds + BREAK_AFTER_S, threads.break_off)

    async def stop(self) -> None:
        """Runs what is queued, then releases the connections."""
        await asyncio.to_thread(self._writers.stop)
        await asyncio.to_thread(self._readers.stop)
        await asyncio.to_thread(self._looker.stop)

    async def _run(
        self, threads: "_Threads", begin: bytes, unit: Callable[[Transaction, *Ts], T], args: tuple[*Ts]
    ) -> T:
        loop, now = asyncio.get_running_loop(), time.monotonic()
        ends_at = now + self._limits.away_s_max
        job = _Job(begin, unit, args, ends_at if self._stops_at is None else min(ends_at, self._stops_at))
        silence = loop.call_later(self._limits.away_s_max + self._limits.unit_s_max + BREAK_AFTER_S, job.break_off)
        try:
            return await loop.run_in_executor(threads.pool, threads.run, job)
        finally:
            if job.store is None:  # else who called was sent away, and the thread still waits for the server
                silence.cancel()


class _Job:
    """One unit on its way through a thread, and the connection it is on."""

    __slots__ = ("args", "begin", "ends_at", "store", "unit")

    def __init__(self, begin: bytes, unit: Callable[..., Any], args: tuple[Any, ...], ends_at: float) -> None:
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

    def break_off(self) -> None:
        for store in self._opened:
            store.break_off()

    def stop(self) -> None:
        self.pool.shutdown()
        for store in self._opened:
            store.close()


class _Own(NamedTuple):
    """A query as it is sent: its text, its parameters in order, and the COPY that takes many rows of it."""

    text: str
    names: tuple[str, ...]
    copy: bytes | None


@lru_cache(maxsize=4_096)
def _own(query: Query) -> _Own:
    own = query.on(POSTGRES)
    copy = translation.as_copy(own.text)
    return _Own(translation.statement(own.text), own.names, None if copy is None else copy.encode())


def _conninfo(url: str, limits: Limits) -> str:
    """The URL with what we ask of every connection. Raises SettingError, which does not tell the URL's password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as e:
        raise SettingError(
            "HYDROBIT_DATABASE_URL cannot be read; write postgresql://user:password@host/database"
        ) from e
    if "@" in str(given.get("host", "")):  # before it stands the end of a password, which errors would tell
        raise SettingError("HYDROBIT_DATABASE_URL has an @ too much: write %40 for one in a user or password")
    ours = {
        "lock_timeout": limits.busy_ms_max,
        "statement_timeout": limits.unit_s_max * 1000,
        "idle_in_transaction_session_timeout": limits.unit_s_max * 1000,
    }
    options = " ".join([str(given.pop("options", "")), *(f"-c {name}={value}" for name, value in ours.items())])
    wanted: dict[str, Any] = {
        "target_session_attrs": "read-write",
        "application_name": "hydrobit",
        "connect_timeout": max(CONNECT_S_MIN, int(limits.away_s_max) // _hosts(given)),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": int(limits.away_s_max * 1000),
    }
    return make_conninfo("", **wanted | given, options=options.strip(), client_encoding="utf8")


def _hosts(given: dict[str, Any]) -> int:
    """How many are named: each is asked in its turn, so that one which says nothing must leave time for the others."""
    return str(given.get("hostaddr") or given.get("host") or "").count(",") + 1


def _refuse_unsafe(connection: "psycopg.Connection[Row]", limits: Limits) -> None:
    """Raises StoreError for a server that is too old, keeps texts otherwise, or may lose what it has acknowledged."""
    if connection.info.server_version < VERSION_MIN:
        raise StoreError(f"PostgreSQL {connection.info.server_version // 10_000} is too old; 14 or newer is needed")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database keeps its texts in {encoding}; make it with `encoding 'UTF8'`")
    question = "select " + ", ".join(f"current_setting('{name}')" for name in _RISKS)
    risks = _risks(*(connection.execute(question).fetchone() or ("", "", "")))
    if risks and not limits.may_lose:
        raise StoreError(
            f"the database runs with {' and '.join(risks)} and may lose what it has acknowledged; turn it on, "
            "or set HYDROBIT_DATABASE_MAY_LOSE where that does not matter"
        )


_RISKS = ("fsync", "synchronous_commit", "synchronous_standby_names")


def _risks(fsync: str, commit: str, standbys: str) -> list[str]:
    """What lets an acknowledged commit be lost; `local` does where standbys are named, and nobody waits for them."""
    found = ["fsync off"] if fsync == "off" else []
    return [*found, f"synchronous_commit {commit}"] if commit == "off" or (commit == "local" and standbys) else found


def _is_left(error: BaseException) -> bool:
    """Whether the next try asks all hosts anew. A lock that is never freed may be held by a commit that waits for a
    standby which has left: then this server leads no more, and does not know it.
    """
    return isinstance(error, StoreAway | StoreBusy) and not isinstance(error, _TryAgain)


def _told(wire: pq.abc.PGconn, result: pq.abc.PGresult | None) -> Exception:
    """What an answer that is no success means here."""
    lost = result is None or wire.status != pq.ConnStatus.OK
    message = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)  # what is said beside it quotes rows, which hold names
    message = message or (wire if result is None else result).get_error_message()
    state = _field(result, pq.DiagnosticField.SQLSTATE)
    if state == "23505":
        if _field(result, pq.DiagnosticField.SCHEMA_NAME) == "pg_catalog":
            return _TryAgain("another process makes the same table")
        return Duplicate(message)
    if state.startswith(("22", "23")):
        return errors.lookup(state)(message)  # a row that is wrong in itself is a fault of ours and stays what it is
    if state in _CONFLICT_STATES:
        return _TryAgain(f"other writers came in between, again and again: {message}")
    if state in _BUSY_STATES:
        return StoreBusy(f"another process holds the store: {message}")
    if lost or state in _AWAY_STATES or state.startswith(_AWAY_CLASSES):
        return StoreAway(f"the database is away: {message}")
    return StoreError(f"the store failed: {message}")


def _field(result: pq.abc.PGresult | None, field: pq.DiagnosticField) -> str:
    return ((result.error_field(field) if result is not None else None) or b"").decode(errors="replace")


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
