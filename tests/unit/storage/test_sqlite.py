"""The embedded engine: what a transaction promises, and how each failure of the store reaches its caller."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from hydrobit.errors import Duplicate, StoreBusy, StoreError
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query
from hydrobit.storage.sqlite import SqliteEngine, SqliteStore
from tests.unit.storage.notes import ADD, CREATE, add, texts


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    """The write lock in another connection's hand."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


def test_a_commit_is_synced_before_it_returns(store: SqliteStore, path: Path) -> None:
    full = 2
    assert store.read(lambda tx: tx.one(Query("synchronous", "pragma synchronous", ()))) == (full,)
    assert store.read(lambda tx: tx.one(Query("journal", "pragma journal_mode", ()))) == ("wal",)


def test_a_unit_that_raises_leaves_nothing(store: SqliteStore) -> None:
    def fail(tx: Transaction) -> None:
        add(tx, 1, "first")
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        store.write(fail)
    assert store.read(texts) == []


def test_what_a_savepoint_held_is_undone_and_the_rest_stays(store: SqliteStore) -> None:
    def add_twice(tx: Transaction, number: int) -> None:
        with tx.savepoint():
            add(tx, number, "inside")
            add(tx, number + 1, "inside")

    def unit(tx: Transaction) -> None:
        add(tx, 1, "before")
        with pytest.raises(Duplicate):
            add_twice(tx, 2)
        with tx.savepoint():
            add(tx, 4, "kept")
            with pytest.raises(Duplicate):
                add_twice(tx, 5)
        add(tx, 7, "after")

    store.write(unit)
    assert store.read(texts) == ["before", "kept", "after"]


@pytest.mark.parametrize(("number", "text"), [(1, "another"), (2, "first")], ids=["primary key", "unique"])
def test_a_known_key_is_a_duplicate(store: SqliteStore, number: int, text: str) -> None:
    store.write(add, 1, "first")
    with pytest.raises(Duplicate):
        store.write(add, number, text)
    with pytest.raises(Duplicate):
        store.write(lambda tx: tx.run_many(ADD, [(3, "new"), (number, text)]))
    assert store.read(texts) == ["first"]


@pytest.mark.parametrize("text", [None, "forbidden", b"bytes"], ids=["not null", "check", "type"])
def test_a_row_that_is_wrong_in_itself_is_no_duplicate(store: SqliteStore, text: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.write(add, 1, text)
    with pytest.raises(sqlite3.IntegrityError):
        store.write(lambda tx: tx.run_many(ADD, [(1, text)]))


def test_a_store_that_another_process_holds_too_long_is_busy(store: SqliteStore, path: Path) -> None:
    with held_by_another(path), pytest.raises(StoreBusy, match="another process"):
        store.write(add, 1, "first")
    store.write(add, 1, "first")


async def test_a_busy_store_is_told_to_the_caller_and_serves_the_next_one(engine: SqliteEngine, path: Path) -> None:
    with held_by_another(path):
        with pytest.raises(StoreBusy):
            await engine.write(add, 1, "first")
        assert await engine.read(texts) == []
    await engine.write(add, 1, "first")
    assert await engine.read(texts) == ["first"]


async def test_a_reader_cannot_write(engine: SqliteEngine) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await engine.read(add, 1, "first")
    assert await engine.read(texts) == []


async def test_a_reader_sees_one_state_while_others_write(engine: SqliteEngine) -> None:
    seen_once, written = threading.Event(), threading.Event()

    def read_twice(tx: Transaction) -> tuple[list[str], list[str]]:
        first = texts(tx)
        seen_once.set()
        assert written.wait(10)
        return first, texts(tx)

    reading = asyncio.ensure_future(engine.read(read_twice))
    await asyncio.to_thread(seen_once.wait, 10)
    await engine.write(add, 1, "meanwhile")
    written.set()
    assert await reading == ([], [])
    assert await engine.read(texts) == ["meanwhile"]


async def test_a_look_up_does_not_stand_behind_long_reads(engine: SqliteEngine) -> None:
    ended = threading.Event()

    def read_long(tx: Transaction) -> list[str]:
        assert ended.wait(10)
        return texts(tx)

    long = [asyncio.ensure_future(engine.read(read_long)) for _ in range(10)]
    assert await asyncio.wait_for(engine.look_up(texts), 10) == []
    assert not any(reading.done() for reading in long)
    ended.set()
    assert await asyncio.gather(*long) == [[]] * 10


async def test_units_that_write_run_in_the_order_in_which_they_came(engine: SqliteEngine) -> None:
    await asyncio.gather(*(engine.write(add, number, str(number)) for number in range(50)))
    assert await engine.read(texts) == [str(number) for number in range(50)]


@pytest.mark.parametrize("raised", [ValueError(), StopIteration(), StoreError()], ids=repr)
async def test_whatever_a_unit_raises_its_caller_hears_of_it(engine: SqliteEngine, raised: Exception) -> None:
    def fail(tx: Transaction) -> None:
        raise raised

    for run in (engine.write, engine.read, engine.look_up):
        with pytest.raises((type(raised), RuntimeError)):
            await asyncio.wait_for(run(fail), 10)
    await engine.write(add, 1, "next")


async def test_a_caller_that_leaves_does_not_stop_the_writer(engine: SqliteEngine) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        began.set()
        assert go_on.wait(10)
        add(tx, 1, "slow")

    leaving = asyncio.ensure_future(engine.write(slow))
    await asyncio.to_thread(began.wait, 10)
    leaving.cancel()
    go_on.set()
    await engine.write(add, 2, "next")
    assert await engine.read(texts) == ["slow", "next"]


async def test_stopping_writes_what_is_queued(path: Path) -> None:
    engine = SqliteEngine(path, busy_ms_max=50, reader_connections=1)
    writes = [asyncio.ensure_future(engine.write(add, number, str(number))) for number in range(20)]
    await asyncio.sleep(0)
    await engine.stop()
    await asyncio.gather(*writes)
    with closing(SqliteStore(path, busy_ms_max=50)) as store:
        assert len(store.read(texts)) == 20


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


def test_a_table_that_is_there_already_is_no_duplicate(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="already exists"):
        store.write(lambda tx: tx.run(CREATE))
