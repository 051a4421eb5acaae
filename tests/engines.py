"""The engines that tests run on: which one a data directory belongs to, and its store read past our own code.

A test asks for the fixture `store_engine`, or its folder does; from then on a fresh data directory has a store of that
engine: a file in the directory, or a database of its own on the one PostgreSQL of the run.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import pq

from hydrobit.settings import Settings
from hydrobit.storage import agreement, directory, stores, translation
from hydrobit.storage.engine import Store
from hydrobit.storage.queries import POSTGRES, SQLITE, Query
from hydrobit.storage.sqlite import SqliteStore
from tests import postgres

ENGINES = (SQLITE, POSTGRES)
URL = "HYDROBIT_DATABASE_URL"
BUSY_MS_MAX = 5_000


class _Run:
    """What a run of the tests has chosen and started so far."""

    def __init__(self) -> None:
        self.engine = SQLITE
        self.server: postgres.Postgres | None = None
        self.urls: dict[Path, str] = {}
        self.sessions: dict[Path, psycopg.Connection[tuple[Any, ...]]] = {}


_RUN = _Run()


@contextmanager
def chosen(engine: str) -> Iterator[None]:
    """Data directories that are new inside of the block belong to this engine."""
    before, _RUN.engine = _RUN.engine, engine
    try:
        yield
    finally:
        _RUN.engine = before


@contextmanager
def stopped_at_the_end() -> Iterator[None]:
    """The run's PostgreSQL, if one was started, ends with the block."""
    try:
        yield
    finally:
        if _RUN.server is not None:
            _RUN.server.stop()
            _RUN.server = None


def server() -> postgres.Postgres:
    """The run's PostgreSQL, started when it is first asked for."""
    if _RUN.server is None:
        _RUN.server = postgres.start()
    return _RUN.server


def url_of(data: Path) -> str:
    """Where the store of a data directory is; empty for a file in it."""
    if data not in _RUN.urls:
        _RUN.urls[data] = server().add_database() if _RUN.engine == POSTGRES else ""
    return _RUN.urls[data]


def is_new(data: Path) -> bool:
    """Whether a data directory has no store yet, and nobody has asked where it is to be."""
    return data not in _RUN.urls and not (data / directory.DATABASE).exists()


def current() -> str:
    """The engine that new data directories belong to."""
    return _RUN.engine


def settle(data: Path, url: str) -> None:
    """A data directory whose store is in this database, whatever the run has chosen."""
    _RUN.urls[data] = url


def is_sqlite(data: Path) -> bool:
    return url_of(data) == ""


def settings(data: Path, **changes: Any) -> Settings:
    """The settings of a server or command on a data directory."""
    return replace(Settings(data, database_url=url_of(data), store_busy_ms_max=BUSY_MS_MAX), **changes)


def environment(data: Path) -> dict[str, str]:
    """The variables by which another process finds the store of a data directory."""
    return {URL: url} if (url := url_of(data)) else {}


def clean_environment(data: Path | None, **variables: str) -> dict[str, str]:
    """This process's variables without settings of ours, then those of the directory, then the given ones."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HYDROBIT_")}
    return clean | (environment(data) if data else {}) | variables


def environment_of(*words: str | Path) -> dict[str, str]:
    """The variables of a command, by the data directory that it names."""
    places = [Path(value) for word, value in pairwise(words) if word == "--data"]
    return clean_environment(places[0] if places else None)


@contextmanager
def opened(data: Path, **changes: Any) -> Iterator[Store]:
    """The store of a data directory, as a command opens it."""
    with closing(stores.open_store(settings(data, **changes))) as store:
        yield store


def copy(source: Path, target: Path) -> Path:
    """The same store once more, in a new data directory; nobody uses the first one meanwhile."""
    url = url_of(source)
    _RUN.urls[target] = server().add_database(url) if url else ""
    shutil.copytree(source, target, dirs_exist_ok=True)
    return target


def back_up(source: Path, target: Path) -> Path:
    """A backup as an operator makes and restores it, while others write: by our command, or by PostgreSQL's own."""
    if url := url_of(source):
        _RUN.urls[target] = server().restore(server().dump(url))
        directory.prepare(target)
        if (keys := source / directory.SIGNING_KEY.parent).is_dir():
            shutil.copytree(keys, target / keys.name)
        with opened(target) as restored:
            restored.write(directory.mark_backup)
            restored.write(agreement.forget)
    else:
        _RUN.urls[target] = ""
        with opened(source) as store:
            assert isinstance(store, SqliteStore)
            directory.backup(store, source, target)
    return target


def all_of_it(data: Path) -> bytes:
    """Every byte that a store has kept, as far as anyone can ask for it."""
    if url := url_of(data):
        return server().dump(url)
    return b"".join(file.read_bytes() for file in sorted(data.glob(f"{directory.DATABASE}*")))


def forget(*places: Path) -> None:
    """Drops the databases of data directories that are needed no more."""
    for data in places:
        if url := _RUN.urls.pop(data, ""):
            server().drop_database(url)


def rows(data: Path, question: str, *values: object) -> list[tuple[Any, ...]]:
    """What is found past our own code; the question has `?` as marks."""
    if is_sqlite(data):
        address = f"{(data / directory.DATABASE).as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as reader:
            return reader.execute(question, values).fetchall()
    with _session(data) as session:
        return session.execute(translation.statement(question), values).fetchall()


def write(data: Path, *statements: str | tuple[str, Sequence[object]]) -> int:
    """Changes a store past our own code, in one transaction; returns how many rows the last statement changed."""
    changes = [(each, ()) if isinstance(each, str) else each for each in statements]
    if is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE)) as writer, writer:
            return [writer.execute(text, values).rowcount for text, values in changes][-1]
    with connected(data) as connection, connection.transaction():
        return [connection.execute(translation.statement(text), values).rowcount for text, values in changes][-1]


class Hand(Protocol):
    """Somebody's hand in a store, past our own code and past what ties tables to each other."""

    def rows(self, question: str, /, *values: object) -> list[tuple[Any, ...]]: ...

    def dicts(self, question: str, /, *values: object) -> list[dict[str, Any]]: ...

    def write(self, statement: str, /, *values: object) -> int: ...

    def may_be_null(self, table: str, /) -> list[str]: ...


@contextmanager
def busy_hand(data: Path) -> Iterator[None]:
    """Inside of the block one session does all that is done here past our own code; to begin one takes its time."""
    if is_sqlite(data):
        yield
        return
    with connected(data) as session:
        _RUN.sessions[data] = session
        try:
            yield
        finally:
            del _RUN.sessions[data]


@contextmanager
def _session(data: Path) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    if data in _RUN.sessions:
        yield _RUN.sessions[data]
    else:
        with connected(data) as session:
            yield session


@contextmanager
def hand(data: Path) -> Iterator[Hand]:
    """One transaction by hand, committed at the end of the block."""
    if is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE)) as file, file:
            yield _SqliteHand(file)
        return
    with _session(data) as session, session.transaction():
        session.execute("set local session_replication_role = replica")  # no foreign key is looked after
        yield _PostgresHand(session)


class _SqliteHand:
    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def rows(self, question: str, /, *values: object) -> list[tuple[Any, ...]]:
        return self._file.execute(question, values).fetchall()

    def dicts(self, question: str, /, *values: object) -> list[dict[str, Any]]:
        found = self._file.execute(question, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def write(self, statement: str, /, *values: object) -> int:
        return self._file.execute(statement, values).rowcount

    def may_be_null(self, table: str, /) -> list[str]:
        columns = self.rows(f"pragma table_info({table})")
        return [name for _, name, _, not_null, _, is_key in columns if not (not_null or is_key)]


class _PostgresHand:
    def __init__(self, session: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._session = session

    def rows(self, question: str, /, *values: object) -> list[tuple[Any, ...]]:
        return self._session.execute(translation.statement(question), values).fetchall()

    def dicts(self, question: str, /, *values: object) -> list[dict[str, Any]]:
        found = self._session.execute(translation.statement(question), values)
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]

    def write(self, statement: str, /, *values: object) -> int:
        return self._session.execute(translation.statement(statement), values).rowcount

    def may_be_null(self, table: str, /) -> list[str]:
        found = self.rows(
            "select column_name from information_schema.columns"
            " where table_schema = current_schema() and table_name = ? and is_nullable = 'YES'",
            table,
        )
        return [name for (name,) in found]


def kept(data: Path, tables: Sequence[str]) -> Callable[[], None]:
    """Remembers a store that nobody uses; the answer puts these tables back as they were."""
    if is_sqlite(data):
        path = data / directory.DATABASE
        content = path.read_bytes()

        def write_back() -> None:
            for name in ("-wal", "-shm"):
                path.with_name(path.name + name).unlink(missing_ok=True)
            path.write_bytes(content)

        return write_back
    with hand(data) as before:
        before.write("create schema kept")
        for table in tables:
            before.write(f"create table kept.{table} as select * from {table}")

    def put_back() -> None:
        with hand(data) as changing:
            for table in tables:
                changing.write(f"delete from {table}")
                changing.write(f"insert into {table} select * from kept.{table}")

    return put_back


def pack(data: Path) -> None:
    """Frees what was deleted, so that its bytes are gone."""
    if is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE)) as writer:
            writer.execute("vacuum")
        return
    with connected(data) as connection:
        connection.execute("vacuum full")
        connection.execute("checkpoint")


def file_of(data: Path, table: str) -> Path:
    """The file that a table's rows stand in."""
    if is_sqlite(data):
        return data / directory.DATABASE
    ((place,),) = rows(data, "select pg_relation_filepath(cast(? as text))", table)
    return server().folder / "data" / str(place)


@contextmanager
def connected(data: Path) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A plain connection to a database, each statement committed by itself."""
    with psycopg.connect(url_of(data), autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        yield connection


def compiles(data: Path, query: Query) -> None:
    """Fails where the engine cannot read a query, or cannot tell the types of its parameters."""
    if is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE)) as reader:
            reader.execute(f"explain {query.text}", [None] * len(query.names))
        return
    with connected(data) as connection:
        done = connection.pgconn.prepare(b"", translation.statement(query.on(POSTGRES).text).encode())
    assert done.status == pq.ExecStatus.COMMAND_OK, f"{query.name}: {done.error_message.decode()}"


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Another process's hold of what every writer needs, as a backup tool or a curious operator would take it."""
    if is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE, isolation_level=None, timeout=10)) as other:
            other.execute("begin immediate")
            yield
            other.execute("rollback")
        return
    with connected(data) as other:
        other.execute("begin")
        other.execute("lock table head in exclusive mode")
        yield
        other.execute("rollback")
