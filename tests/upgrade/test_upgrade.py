"""Every earlier schema, with what was in it: brought up by a server's start, read as before, written on, and sound."""

from pathlib import Path
from typing import Any

import pytest

from hydrobit.storage.migrate import migrate, migrations
from tests import embedded, engines
from tests.callers import Caller, record_id
from tests.servers import running
from tests.upgrade import day
from tests.upgrade.stores import KEPT, made_again, schema_of, version

LATEST = migrations()[-1].version
every_schema = pytest.mark.parametrize("schema", KEPT)


def test_there_is_a_dump_of_every_earlier_schema() -> None:
    wanted = [migration.version for migration in migrations()][:-1]
    assert KEPT[: len(wanted)] == wanted, "scripts/dump_schema.py makes the one that is missing, before the migration"


@every_schema
def test_a_server_goes_on_with_a_store_of_an_earlier_schema(tmp_path: Path, schema: int) -> None:
    data = tmp_path / "data"
    was = made_again(data, schema)
    assert version(data) == schema
    entries = engines.rows(data, "select seq, units, hash from entry where company = 1 order by seq")
    with running(data) as server, Caller(server) as caller:
        for path, answer in was["answers"].items():
            assert day.still_says(answer, day.read(caller, path)), path
        known = was["known"]
        again = caller.post(f"{day.PRODUCTION}/records", json=day.record(known["session"], day.EVENT))
        assert (again.status_code, record_id(again)) == (200, known["record"])
        caller.counted(caller.opened(sectorId="sector_001", sector_name="Lote A-1"), "evt_after")
        assert caller.register(first_name="Newly", last_name="Come", hire_date="2025-10-20").status_code == 201
    assert version(data) == LATEST
    assert [line.company for line in embedded.verify(data)] == [1, 2]
    now = engines.rows(data, "select seq, units, hash from entry where company = 1 order by seq")
    assert now[: len(entries)] == entries
    assert len(now) > len(entries) > 5


@pytest.fixture(scope="module")
def fresh_schema(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    data = tmp_path_factory.mktemp("new")
    with engines.opened(data) as store:
        store.write(migrate, 0)
    return schema_of(data)


@every_schema
def test_an_earlier_schema_becomes_the_one_that_a_fresh_store_has(
    tmp_path: Path, fresh_schema: list[tuple[Any, ...]], schema: int
) -> None:
    """So nobody has edited a migration that stores were made with."""
    made_again(tmp_path / "old", schema)
    with engines.opened(tmp_path / "old") as store:
        store.write(migrate, 0)
    assert schema_of(tmp_path / "old") == fresh_schema
