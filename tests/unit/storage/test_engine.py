"""What a transaction promises on each engine, and how each failure of the store reaches its caller."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from hydrobit.errors import Duplicate, StoreBusy, StoreError
from hydrobit.storage import directory, stores
from hydrobit.storage.engine import Engine, Store, Transaction
from hydrobit.storage.queries import Query
from tests import engines
from tests.unit.storage.notes import ADD, CREATE, add, texts

WRONG = (sqlite3.IntegrityError, psycopg.IntegrityError)


@contextmanager
def held_by_another(data: Path) -> Iterator[None]:
    """What a writer needs, in another connection's hand."""
    if engines.is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
            other.execute("rollback")
        return
    with engines.connected(data) as session, session.transaction():
        session.execute("lock table note in exclusive mode")
        yield


def test_a_unit_that_raises_leaves_nothing(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        add(tx, 1, "first")
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        store.write(fail)
    assert store.read(texts) == []


def test_what_a_savepoint_held_is_undone_and_the_rest_stays(store: Store) -> None:
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


def test_a_savepoint_that_was_kept_goes_with_the_one_around_it(store: Store) -> None:
    def part(tx: Transaction) -> None:
        with tx.savepoint():
            add(tx, 1, "outer")
            with tx.savepoint():
                add(tx, 2, "inner")
            add(tx, 2, "again")

    def unit(tx: Transaction) -> None:
        with pytest.raises(Duplicate):
            part(tx)
        with tx.savepoint():
            pass
        add(tx, 3, "after")

    store.write(unit)
    assert store.read(texts) == ["after"]


@pytest.mark.parametrize(("number", "text"), [(1, "another"), (2, "first")], ids=["primary key", "unique"])
def test_a_known_key_is_a_duplicate(store: Store, number: int, text: str) -> None:
    store.write(add, 1, "first")
    with pytest.raises(Duplicate):
        store.write(add, number, text)
    with pytest.raises(Duplicate):
        store.write(lambda tx: tx.run_many(ADD, [(3, "new"), (number, text)]))
    assert store.read(texts) == ["first"]


@pytest.mark.parametrize("text", [None, "forbidden"], ids=["not null", "check"])
def test_a_row_that_is_wrong_in_itself_is_no_duplicate(store: Store, text: object) -> None:
    with pytest.raises(WRONG):
        store.write(add, 1, text)
    with pytest.raises(WRONG):
        store.write(lambda tx: tx.run_many(ADD, [(1, text)]))


def test_a_store_that_another_process_holds_too_long_is_busy(store: Store, data: Path) -> None:
    with held_by_another(data), pytest.raises(StoreBusy, match="another process"):
        store.write(add, 1, "first")
    store.write(add, 1, "first")


async def test_a_busy_store_is_told_to_the_caller_and_serves_the_next_one(engine: Engine, data: Path) -> None:
    with held_by_another(data):
        with pytest.raises(StoreBusy):
            await engine.write(add, 1, "first")
        assert await engine.read(texts) == []
    await engine.write(add, 1, "first")
    assert await engine.read(texts) == ["first"]


async def test_a_reader_cannot_write(engine: Engine) -> None:
    with pytest.raises(StoreError, match=r"read-?only"):
        await engine.read(add, 1, "first")
    assert await engine.read(texts) == []


async def test_a_reader_sees_one_state_while_others_write(engine: Engine) -> None:
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


async def test_a_look_up_does_not_stand_behind_long_reads(engine: Engine) -> None:
    ended = threading.Event()

    def read_long(tx: Transaction) -> list[str]:
        assert ended.wait(10)
        return texts(tx)

    long = [asyncio.ensure_future(engine.read(read_long)) for _ in range(10)]
    assert await asyncio.wait_for(engine.look_up(texts), 10) == []
    assert not any(reading.done() for reading in long)
    ended.set()
    assert await asyncio.gather(*long) == [[]] * 10


@pytest.mark.parametrize("raised", [ValueError(), StopIteration(), StoreError()], ids=repr)
async def test_whatever_a_unit_raises_its_caller_hears_of_it(engine: Engine, raised: Exception) -> None:
    def fail(tx: Transaction) -> None:
        raise raised

    for run in (engine.write, engine.read, engine.look_up):
        with pytest.raises((type(raised), RuntimeError)):
            await asyncio.wait_for(run(fail), 10)
    await engine.write(add, 1, "next")


async def test_a_caller_that_leaves_does_not_stop_the_writer(engine: Engine) -> None:
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


async def test_stopping_writes_what_is_queued(data: Path) -> None:
    engine = stores.open_engine(engines.settings(data))
    writes = [asyncio.ensure_future(engine.write(add, number, str(number))) for number in range(20)]
    await asyncio.sleep(0)
    await engine.stop()
    await asyncio.gather(*writes)
    with engines.opened(data) as store:
        assert len(store.read(texts)) == 20


def test_a_table_that_is_there_already_is_no_duplicate(store: Store) -> None:
    with pytest.raises(StoreError, match="already exists"):
        store.write(lambda tx: tx.run(CREATE))


def test_what_goes_in_comes_out_the_same_on_each_engine(store: Store) -> None:
    """Numbers, truths, sums and nulls: a capability never asks which engine it is on."""
    question = Query(
        "values",
        "select cast(:a as bigint), cast(:b as bigint), 1 = 1, count(*), sum(number), max(text), min(number) from note",
        ("a", "b"),
    )
    text = question.text.replace(":a", "?").replace(":b", "?")
    question = Query("values", text, question.names)
    store.write(add, 2**40, "ñ")
    store.write(add, 2**62, "\U0001f33e")
    (row,) = store.read(lambda tx: tx.all(question, a=True, b=None))
    assert row == (1, None, 1, 2, 2**40 + 2**62, "\U0001f33e", 2**40)
    assert [type(value) for value in row] == [int, type(None), int, int, int, str, int]


def test_texts_stand_in_the_order_of_their_bytes(store: Store) -> None:
    words = ["b", "B", "a", "_", "é", "z", "Z", "ñ"]
    for number, word in enumerate(words):
        store.write(add, number, word)
    in_order = Query("in_order", "select text from note order by text", ())
    found = [row[0] for row in store.read(lambda tx: tx.all(in_order))]
    assert found == sorted(words, key=str.encode)


def test_a_text_with_a_zero_byte_is_not_found(store: Store) -> None:
    by_text = Query("by_text", "select number from note where text = ?", ("text",))
    store.write(add, 1, "before")
    assert store.read(lambda tx: tx.one(by_text, text="before\x00after")) is None
    assert store.read(lambda tx: tx.all(by_text, text="before\x00after")) == []


def test_many_rows_go_in_as_they_are(store: Store) -> None:
    words = ["tab\there", "line\nend", "back\\slash", "\\N", "", "'quoted'", '"']
    store.write(lambda tx: tx.run_many(ADD, list(enumerate(words))))
    assert store.read(texts) == words
