"""PostgreSQL as the engine: what it is refused for, what is tried again, and how long anything waits for it."""

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from hydrobit.errors import Duplicate, SettingError, StoreBusy, StoreError
from hydrobit.settings import Settings
from hydrobit.storage import stores
from hydrobit.storage.engine import Engine, Transaction
from hydrobit.storage.postgres import PostgresStore
from hydrobit.storage.queries import POSTGRES, Query
from tests import engines, postgres
from tests.unit.storage.notes import ADD, CREATE, add, texts
from tests.watching import until

WAIT_S_MAX = 20
PID = Query("pid", "select pg_backend_pid()", ())
SET = Query("set", "update note set text = ? where number = ?", ("text", "number"))
WAITS = Query("waits", "select pid from pg_locks where not granted limit 1", ())
LOCK = Query("lock", "select text from note where number = ? for update", ("number",))


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    with engines.chosen(POSTGRES):
        yield POSTGRES


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A database with the table of notes, and little patience."""
    chosen = engines.settings(tmp_path, database_away_s_max=2, store_busy_ms_max=300, reader_connections=1)
    with closing(stores.open_store(chosen)) as store:
        store.write(lambda tx: tx.run(CREATE))
    return chosen


@pytest.fixture
def store(settings: Settings) -> Iterator[PostgresStore]:
    with closing(stores.open_store(settings)) as store:
        assert isinstance(store, PostgresStore)
        yield store


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[Engine]:
    engine = stores.open_engine(settings)
    yield engine
    await engine.stop()


def say(settings: Settings, statement: str, *values: object) -> None:
    with engines.connected(settings.data) as session:
        session.execute(statement, values)


def pid_of(tx: Transaction) -> int:
    row = tx.one(PID)
    assert row is not None
    return int(row[0])


def test_commits_are_asked_to_be_on_the_disk(store: PostgresStore) -> None:
    question = Query("durable", "select current_setting('fsync'), current_setting('synchronous_commit')", ())
    assert store.read(lambda tx: tx.one(question)) == ("on", "on")


@pytest.mark.parametrize(
    ("risk", "beside"),
    [
        ("fsync=off", ()),
        ("synchronous_commit=off", ()),
        ("synchronous_commit=local", ("synchronous_standby_names=one",)),
    ],
)
def test_a_server_that_may_lose_what_it_acknowledged_is_refused(risk: str, beside: tuple[str, ...]) -> None:
    with postgres.running(risk, *beside) as server:
        chosen = Settings(database_url=server.url())
        told = f"{risk.replace('=', ' ')}.*MAY_LOSE"
        with closing(stores.open_store(chosen)) as store, pytest.raises(StoreError, match=told):
            store.read(pid_of)
        with closing(stores.open_store(replace(chosen, database_may_lose=True))) as store:
            assert store.read(pid_of)


def test_a_database_of_another_encoding_is_refused(settings: Settings) -> None:
    say(settings, "create database latin encoding 'SQL_ASCII' locale 'C' template template0")
    latin = Settings(database_url=engines.server().url("latin"))
    with closing(stores.open_store(latin)) as store, pytest.raises(StoreError, match="SQL_ASCII; make it with"):
        store.read(pid_of)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@[h/x",
        "postgresql://user:secret@h/x?no=1",
        "postgresql://user:p@secret@h/x",
        "postgresql://user:p@secret@h,other/x",
    ],
)
def test_a_url_that_cannot_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        stores.open_store(Settings(database_url=url))
    assert "secret" not in str(refused.value)


def test_a_database_that_is_not_there_is_told_after_a_while_without_its_password() -> None:
    chosen = Settings(database_url="postgresql://user:secret@127.0.0.1:9/store", database_away_s_max=1)
    begun = time.monotonic()
    with closing(stores.open_store(chosen)) as store, pytest.raises(StoreError, match="cannot be reached") as refused:
        store.read(pid_of)
    assert "secret" not in str(refused.value)
    assert 1 <= time.monotonic() - begun < WAIT_S_MAX


def test_of_several_hosts_the_one_that_answers_is_taken(settings: Settings) -> None:
    folder = engines.server().folder
    several = settings.database_url.replace(f"host={folder}", f"host=/nowhere,{folder}")
    with closing(stores.open_store(replace(settings, database_url=several))) as store:
        assert store.read(texts) == []


def test_a_host_that_says_nothing_leaves_time_for_the_others(settings: Settings, tmp_path: Path) -> None:
    """Its socket is open, as that of a machine that hangs, and nothing comes out of it."""
    folder = engines.server().folder
    both = settings.database_url.replace(f"host={folder}", f"host={tmp_path},{folder}")
    chosen = replace(settings, database_url=both, database_away_s_max=5)
    with socket.socket(socket.AF_UNIX) as silent, closing(stores.open_store(chosen)) as store:
        silent.bind(str(tmp_path / ".s.PGSQL.5432"))
        silent.listen()
        begun = time.monotonic()
        assert store.read(texts) == []
        assert time.monotonic() - begun < chosen.database_away_s_max


def test_a_server_that_only_reads_from_now_on_is_left_for_another(store: PostgresStore) -> None:
    """As a managed primary that became a replica and kept its connections."""
    read_only = Query("read_only", "set transaction read only", ())
    seen: list[int] = []

    def unit(tx: Transaction) -> None:
        seen.append(pid_of(tx))
        if len(seen) == 1:
            tx.run(read_only)
        add(tx, 1, "written")

    store.write(unit)
    assert store.read(texts) == ["written"]
    assert len(set(seen)) == 2


@pytest.mark.parametrize("when", ["before its first word", "in the middle"])
def test_a_unit_whose_connection_is_lost_runs_again_on_another(
    store: PostgresStore, settings: Settings, when: str
) -> None:
    seen: list[int] = [store.read(pid_of)]
    if when == "before its first word":
        say(settings, "select pg_terminate_backend($1)", seen[0])

    def unit(tx: Transaction, number: int) -> int:
        add(tx, number, f"try {number}")
        seen.append(pid_of(tx))
        if when == "in the middle" and len(seen) == 2:
            say(settings, "select pg_terminate_backend($1)", seen[1])
        return tx.run(SET, text="done", number=number)

    assert store.write(unit, 7) == 1
    assert store.read(texts) == ["done"]
    assert len(set(seen)) == 2


def test_a_commit_whose_answer_is_lost_runs_again_and_finds_its_work(store: PostgresStore, settings: Settings) -> None:
    """The server commits, and the connection breaks before it can say so."""
    tries = 0

    def unit(tx: Transaction) -> str:
        nonlocal tries
        tries += 1
        try:
            with tx.savepoint():
                add(tx, 1, "once")
        except Duplicate:
            return "it was there"
        session = store._session
        assert session is not None
        say_commit = session.wire.exec_

        def commit_and_break(statement: bytes) -> object:
            assert say_commit(statement).command_status == b"COMMIT"
            store.break_off()
            return say_commit(b"select 1")

        session.wire = _Wire(session.wire, commit_and_break)  # type: ignore[assignment]
        return "new"

    assert store.write(unit) == "it was there"
    assert (tries, store.read(texts)) == (2, ["once"])


class _Wire:
    """A connection that breaks between the server's commit and its answer."""

    def __init__(self, wire: object, exec_: object) -> None:
        self._wire, self.exec_ = wire, exec_

    def __getattr__(self, name: str) -> object:
        return getattr(self._wire, name)


def test_of_two_units_in_each_others_way_one_runs_again(settings: Settings) -> None:
    meeting = threading.Barrier(2)
    tries: list[int] = []

    def unit(tx: Transaction, first: int, second: int) -> None:
        tries.append(first)
        tx.one(LOCK, number=first)
        if tries.count(first) == 1:
            meeting.wait(WAIT_S_MAX)
        tx.one(LOCK, number=second)
        tx.run(SET, text=f"by {first}", number=second)

    patient = replace(settings, store_busy_ms_max=WAIT_S_MAX * 1000)
    with closing(stores.open_store(patient)) as one, closing(stores.open_store(patient)) as other:
        one.write(lambda tx: tx.run_many(ADD, [(1, "a"), (2, "b")]))
        writing = threading.Thread(target=other.write, args=(unit, 2, 1))
        writing.start()
        one.write(unit, 1, 2)
        writing.join(WAIT_S_MAX)
        assert one.read(texts) == ["by 2", "by 1"]
    assert sorted(tries) in ([1, 1, 2], [1, 2, 2])


def test_while_a_copy_waits_for_the_server_all_others_go_on(settings: Settings) -> None:
    """It waits for the other's key; were the interpreter kept meanwhile, the other could not commit."""
    patient = replace(settings, store_busy_ms_max=5_000)
    with closing(stores.open_store(patient)) as one, closing(stores.open_store(patient)) as other:
        with ThreadPoolExecutor(1) as beside:

            def unit(tx: Transaction) -> "Future[None]":
                add(tx, 1, "first")
                copying = beside.submit(other.write, lambda tx: tx.run_many(ADD, [(2, "b"), (1, "a")]))
                until(lambda: tx.one(WAITS) is not None, "the copy waits")
                return copying

            copying = one.write(unit)
            with pytest.raises(Duplicate):
                copying.result(WAIT_S_MAX)
        assert one.read(texts) == ["first"]
        other.write(lambda tx: tx.run_many(ADD, [(2, "b"), (3, "c")]))
        assert one.read(texts) == ["first", "b", "c"]


def test_a_copy_larger_than_what_the_socket_takes_is_written_whole(store: PostgresStore) -> None:
    store.write(lambda tx: tx.run_many(ADD, [(number, f"{number} " * 2_000) for number in range(1, 1_001)]))
    assert len(store.read(texts)) == 1_000


def test_a_unit_that_goes_on_after_an_error_is_not_taken_for_written(store: PostgresStore) -> None:
    """On SQLite it would be; whoever forgets the savepoint must hear of it, and not find the rows gone."""

    def unit(tx: Transaction) -> None:
        add(tx, 1, "first")
        with pytest.raises(Duplicate):
            add(tx, 1, "again")

    with pytest.raises(StoreError, match="outside of a savepoint"):
        store.write(unit)
    assert store.read(texts) == []


def test_a_text_with_a_zero_byte_is_refused_and_never_cut_short(store: PostgresStore) -> None:
    with pytest.raises(Exception, match="0x00"):
        store.write(add, 1, "before\x00after")
    assert store.read(texts) == []


async def test_a_server_that_falls_silent_is_given_up_and_found_again(settings: Settings) -> None:
    """Stopped and not ended: its sockets stay open and nothing comes out of them."""
    engine = stores.open_engine(replace(settings, database_away_s_max=1, database_unit_s_max=1))
    await engine.write(add, 1, "before")
    (pid,) = {await engine.write(pid_of) for _ in range(3)}
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"away|lost"):
            await engine.write(add, 2, "silence")
        assert time.monotonic() - begun < WAIT_S_MAX
        await engine.write(add, 3, "after")
    finally:
        os.kill(pid, signal.SIGCONT)
    found = await engine.read(texts)
    assert set(found) - {"silence"} == {"before", "after"}
    await engine.stop()


@pytest.mark.parametrize("who", ["a caller who left", "a stop"])
async def test_nothing_waits_for_ever_for_a_silent_server(settings: Settings, who: str) -> None:
    patience = 1 if who == "a caller who left" else 600
    engine = stores.open_engine(replace(settings, database_away_s_max=1, database_unit_s_max=patience))
    pid = await engine.read(pid_of)
    os.kill(pid, signal.SIGSTOP)
    try:
        reading = asyncio.ensure_future(engine.read(texts))
        await asyncio.sleep(0.1)  # until it waits for the answer that never comes
        if who == "a stop":
            engine.end_within(1)
        else:
            reading.cancel()
        begun = time.monotonic()
        await engine.stop()
        assert time.monotonic() - begun < WAIT_S_MAX
        with pytest.raises((StoreError, asyncio.CancelledError)):
            await reading
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_unit_that_waited_too_long_for_its_turn_is_busy(settings: Settings) -> None:
    engine = stores.open_engine(replace(settings, database_away_s_max=1, writer_connections=1))
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        began.set()
        assert go_on.wait(WAIT_S_MAX)

    first = asyncio.ensure_future(engine.write(slow))
    await asyncio.to_thread(began.wait, WAIT_S_MAX)
    second = asyncio.ensure_future(engine.write(add, 1, "late"))
    await asyncio.sleep(1.2)  # the limit is a time
    go_on.set()
    with pytest.raises(StoreBusy, match="units before this one"):
        await second
    await first
    assert await engine.read(texts) == []
    await engine.stop()


async def test_a_wait_for_a_lock_ends_with_busy_and_no_try(engine: Engine, settings: Settings) -> None:
    with engines.connected(settings.data) as session, session.transaction():
        session.execute("lock table note in exclusive mode")
        with pytest.raises(StoreBusy, match="another process"):
            await engine.write(add, 1, "first")
    await engine.write(add, 1, "first")


@pytest.mark.parametrize("failing", ["a wait in vain", "a row that is there", "a row that is wrong"])
def test_an_error_quotes_nothing_of_the_rows(store: PostgresStore, settings: Settings, failing: str) -> None:
    """It ends in a log, and rows hold names; PostgreSQL adds them to what it says."""
    rows = [(1, "forbidden" if failing == "a row that is wrong" else "John Smith"), (2, "Ana Lopez")]
    with engines.connected(settings.data) as other, other.transaction(force_rollback=True):
        if failing == "a wait in vain":
            other.execute("insert into note (number, text) values (9, 'John Smith')")
        if failing == "a row that is there":
            store.write(add, 1, "John Smith")
        with pytest.raises(Exception) as told:  # noqa: PT011 - of whatever kind
            store.write(lambda tx: tx.run_many(ADD, rows))
    assert str(told.value)
    assert not {"John", "Ana", "forbidden"} & set(re.findall(r"\w+", str(told.value)))


def test_who_waited_for_a_lock_in_vain_asks_all_hosts_anew(store: PostgresStore, settings: Settings) -> None:
    """The lock may be held by a commit that waits for ever, on a server that leads no more."""
    before = store.read(pid_of)
    with engines.connected(settings.data) as session, session.transaction():
        session.execute("lock table note in exclusive mode")
        with pytest.raises(StoreBusy):
            store.write(add, 1, "first")
    assert store.read(pid_of) != before


def test_a_commit_that_no_standby_confirmed_is_not_taken_for_written() -> None:
    """A server that is told to wait no more for its standby commits alone and only warns: the unit runs again."""
    cancel = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
    with postgres.running("synchronous_standby_names=absent") as server, ExitStack() as held:
        not_waiting = f"{server.url()}&options=-c%20synchronous_commit%3Dlocal"
        alone = Settings(database_url=not_waiting, database_may_lose=True)
        by_itself = held.enter_context(closing(stores.open_store(alone)))
        by_itself.write(lambda tx: tx.run(CREATE))
        store = held.enter_context(closing(stores.open_store(Settings(database_url=server.url()))))
        writing = held.enter_context(ThreadPoolExecutor(1)).submit(store.write, add, 1, "alone")
        operator = held.enter_context(closing(psycopg.connect(server.url(), autocommit=True)))
        while operator.execute(cancel).fetchone() is None:
            assert not writing.done()
        with pytest.raises(Duplicate):
            writing.result(WAIT_S_MAX)
        assert by_itself.read(texts) == ["alone"]
