"""Migrations: applied once, in order, all of them or none."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hydrobit.errors import StoreError, StoreTooNew
from hydrobit.storage import directory, translation
from hydrobit.storage.engine import Store, Transaction
from hydrobit.storage.migrate import Migration, migrate, migrations, version
from hydrobit.storage.queries import Query
from tests import engines

TABLES = Query(
    "tables",
    "select name from sqlite_master where type = 'table' order by name",
    (),
    postgres=Query(
        "tables",
        "select table_name from information_schema.tables where table_schema = current_schema() order by table_name",
        (),
    ),
)
FIRST = Migration(1, "first", ("create table a (x integer)", "insert into a values (1)"))
SECOND = Migration(2, "second", ("create table b (x integer)", "insert into b select x + 1 from a"))
BAD = Migration(2, "bad", ("create table b (x integer)", "insert into a values (7)", "insert into c values (1)"))
NO_TABLE = r'no such table: c|relation "c" does not exist'
AT_ONCE = 4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    engines.url_of(tmp_path)  # one store for all who ask at once
    return directory.prepare(tmp_path)


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    with engines.opened(data) as store:
        yield store


def tables(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.all(TABLES)]


def numbers(tx: Transaction, table: str) -> list[int]:
    return [row[0] for row in tx.all(Query("numbers", f"select x from {table} order by x", ()))]


def test_a_fresh_store_gets_every_migration_in_order(store: Store) -> None:
    applied = store.write(migrate, 0)
    versions = [migration.version for migration in applied]
    assert (versions, len(set(versions))) == (sorted(versions), len(migrations()))
    assert store.write(version) == migrations()[-1].version
    assert {"entry", "head", "session", "held"} <= set(store.read(tables))


def test_a_second_run_applies_nothing(store: Store) -> None:
    store.write(migrate, 0)
    assert store.write(migrate, 0) == []


def test_a_later_migration_finds_what_an_earlier_one_left(store: Store) -> None:
    store.write(migrate, 0, [FIRST])
    assert store.write(migrate, 0, [FIRST, SECOND]) == [SECOND]
    assert store.read(numbers, "b") == [2]


def test_a_newer_store_is_refused_with_a_sentence(store: Store) -> None:
    store.write(migrate, 0, [FIRST, SECOND])
    with pytest.raises(StoreTooNew, match=r"schema 2.*up to 1.*start the newer release"):
        store.write(migrate, 0, [FIRST])
    assert store.write(version) == 2


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: Store) -> None:
    store.write(migrate, 0, [FIRST])
    with pytest.raises(StoreError, match=NO_TABLE):
        store.write(migrate, 0, [FIRST, BAD])
    assert store.write(version) == 1
    assert (store.read(numbers, "a"), "b" in store.read(tables)) == ([1], False)
    assert store.write(migrate, 0, [FIRST, SECOND]) == [SECOND]


def test_all_pending_migrations_stand_or_fall_together(store: Store) -> None:
    with pytest.raises(StoreError, match=NO_TABLE):
        store.write(migrate, 0, [FIRST, BAD])
    assert store.read(tables) == []


def test_of_several_that_start_at_once_one_migrates_and_the_others_wait(data: Path) -> None:
    def bring_up(_: int) -> int:
        with engines.opened(data) as store:
            return len(store.write(migrate, 0))

    with ThreadPoolExecutor(AT_ONCE) as nodes:
        applied = sorted(nodes.map(bring_up, range(AT_ONCE)))
    assert applied == [0] * (AT_ONCE - 1) + [len(migrations())]


def test_of_several_that_find_an_older_schema_one_migrates(data: Path) -> None:
    with engines.opened(data) as store:
        store.write(migrate, 0, migrations(store.read(lambda tx: tx.engine))[:1])

    def bring_up(_: int) -> int:
        with engines.opened(data) as store:
            return len(store.write(migrate, 0))

    with ThreadPoolExecutor(AT_ONCE) as nodes:
        applied = sorted(nodes.map(bring_up, range(AT_ONCE)))
    assert applied == [0] * (AT_ONCE - 1) + [len(migrations()) - 1]


def test_a_shared_text_is_put_into_postgresqls_words() -> None:
    shared = """create table note (
    company integer not null references company (company),
    text text,
    digest blob not null default x,
    latitude real,
    names integer not null default 0,
    primary key (company, text)
) strict, without rowid"""
    assert (
        translation.schema(shared)
        == """create table note (
    company bigint not null references company (company),
    text text collate "C",
    digest bytea not null default x,
    latitude double precision,
    names bigint not null default 0,
    primary key (company, text)
)"""
    )
    assert translation.schema("alter table a add column b blob") == "alter table a add column b bytea"
    index = "create index personal_name on personal (company, subject, text) where subject is not null"
    assert translation.schema(index) == index
