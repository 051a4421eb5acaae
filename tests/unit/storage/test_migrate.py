"""Migrations: applied once, in order, all of them or none."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.errors import StoreError, StoreTooNew
from hydrobit.storage.engine import Transaction
from hydrobit.storage.migrate import Migration, migrate, migrations, version
from hydrobit.storage.queries import Query
from hydrobit.storage.sqlite import SqliteStore

TABLES = Query("tables", "select name from sqlite_master where type = 'table' order by name", ())
FIRST = Migration(1, "first", ("create table a (x integer) strict", "insert into a values (1)"))
SECOND = Migration(2, "second", ("create table b (x integer) strict", "insert into b select x + 1 from a"))
BAD = Migration(2, "bad", ("create table b (x integer) strict", "insert into a values (7)", "insert into c values (1)"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "store.db", busy_ms_max=50)) as store:
        yield store


def tables(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.all(TABLES)]


def numbers(tx: Transaction, table: str) -> list[int]:
    return [row[0] for row in tx.all(Query("numbers", f"select x from {table} order by x", ()))]


def test_a_fresh_store_gets_every_migration_in_order(store: SqliteStore) -> None:
    applied = store.write(migrate, 0)
    versions = [migration.version for migration in applied]
    assert (versions, len(set(versions))) == (sorted(versions), len(migrations()))
    assert store.write(version) == migrations()[-1].version
    assert {"entry", "head", "session", "held"} <= set(store.read(tables))


def test_a_second_run_applies_nothing(store: SqliteStore) -> None:
    store.write(migrate, 0)
    assert store.write(migrate, 0) == []


def test_a_later_migration_finds_what_an_earlier_one_left(store: SqliteStore) -> None:
    store.write(migrate, 0, [FIRST])
    assert store.write(migrate, 0, [FIRST, SECOND]) == [SECOND]
    assert store.read(numbers, "b") == [2]


def test_a_newer_store_is_refused_with_a_sentence(store: SqliteStore) -> None:
    store.write(migrate, 0, [FIRST, SECOND])
    with pytest.raises(StoreTooNew, match=r"schema 2.*up to 1.*start the newer release"):
        store.write(migrate, 0, [FIRST])
    assert store.write(version) == 2


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: SqliteStore) -> None:
    store.write(migrate, 0, [FIRST])
    with pytest.raises(StoreError, match="no such table: c"):
        store.write(migrate, 0, [FIRST, BAD])
    assert store.write(version) == 1
    assert (store.read(numbers, "a"), "b" in store.read(tables)) == ([1], False)
    assert store.write(migrate, 0, [FIRST, SECOND]) == [SECOND]


def test_all_pending_migrations_stand_or_fall_together(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="no such table: c"):
        store.write(migrate, 0, [FIRST, BAD])
    assert store.read(tables) == []
