"""The embedded engine: what is true of a file alone."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.errors import StoreError
from hydrobit.storage.queries import SQLITE, Query
from hydrobit.storage.sqlite import SqliteEngine, SqliteStore
from tests.unit.storage.notes import ADD, CREATE, add, texts


@pytest.fixture(scope="module")
def store_engine() -> str:
    return SQLITE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with the table of notes."""
    path = tmp_path / "notes.db"
    with closing(SqliteStore(path, busy_ms_max=1_000)) as store:
        store.write(lambda tx: tx.run(CREATE))
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, busy_ms_max=50)) as store:
        yield store


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(path, busy_ms_max=50, reader_connections=2)
    yield engine
    await engine.stop()


def test_a_commit_is_synced_before_it_returns(store: SqliteStore, path: Path) -> None:
    full = 2
    assert store.read(lambda tx: tx.one(Query("synchronous", "pragma synchronous", ()))) == (full,)
    assert store.read(lambda tx: tx.one(Query("journal", "pragma journal_mode", ()))) == ("wal",)


async def test_units_that_write_run_in_the_order_in_which_they_came(engine: SqliteEngine) -> None:
    await asyncio.gather(*(engine.write(add, number, str(number)) for number in range(50)))
    assert await engine.read(texts) == [str(number) for number in range(50)]


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"this is no database, however long it may be" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path, busy_ms_max=50)


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteStore(tmp_path / "missing" / "notes.db", busy_ms_max=50)


def test_a_sound_file_has_no_fault(store: SqliteStore) -> None:
    store.write(add, 1, "first")
    assert store.fault() is None


def test_an_index_that_does_not_fit_its_table_is_a_fault(path: Path) -> None:
    with closing(SqliteStore(path, busy_ms_max=50)) as store:
        store.write(add, 1, "a text that stands in the table and in the index")
    file = bytearray(path.read_bytes())
    first = file.find(b"a text that stands")
    file[first] ^= 1
    path.write_bytes(file)
    with closing(SqliteStore(path, busy_ms_max=50)) as store:
        assert "missing from index" in (store.fault() or "")


def test_texts_that_are_no_utf_8_are_a_failure_of_the_store(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("insert into note (number, text) values (1, cast(x'ff' as text))")
        other.commit()
    with closing(SqliteStore(path, busy_ms_max=50)) as store, pytest.raises(StoreError, match="UTF-8"):
        store.read(texts)


def test_bytes_are_no_text(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.write(add, 1, b"bytes")
    with pytest.raises(sqlite3.IntegrityError):
        store.write(lambda tx: tx.run_many(ADD, [(1, b"bytes")]))
