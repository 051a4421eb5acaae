"""The database is away for 20 s under load, ended or silent: nobody waits for long, and all is well within 2 s."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.settings import Settings
from tests import books, engines, postgres
from tests.absence import count_through
from tests.callers import fresh_day
from tests.servers import open_session, running
from tests.tools import Measured

PHONES = 64
AWAY_S = 20
BACK_S_MAX = 2
MEMORY_MIB_MAX = 16
"""What a node may hold more than before; the phones have one call each under way."""
SLACK_S = 1
"""For the phones' own turns on a machine that does everything at once."""
LIMIT_S = Settings().database_away_s_max
"""Of a database that refuses: how long a call waits for one that is away."""
SILENT = {"HYDROBIT_DATABASE_AWAY_S_MAX": "2", "HYDROBIT_DATABASE_UNIT_S_MAX": "4"}
SILENT_LIMIT_S = 2 + 4 + 1
"""Of one that says nothing: the longest statement beside it, and a second until the connection is broken off."""


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Postgres]:
    with postgres.running() as database:
        yield database


@pytest.fixture
def data(database: postgres.Postgres, tmp_path: Path) -> Path:
    engines.settle(tmp_path / "data", database.add_database())
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("how", "environment", "limit_s"),
    [
        ("ended", {}, LIMIT_S),
        ("silent", SILENT, SILENT_LIMIT_S),
    ],
    ids=["ended", "silent"],
)
def test_nobody_waits_past_the_limit_and_all_is_well_by_itself(
    database: postgres.Postgres, data: Path, measured: Measured, how: str, environment: dict[str, str], limit_s: float
) -> None:
    with running(data, environment=environment) as node:
        with node.client() as client:
            session_id = open_session(client, day=fresh_day())
        away = database.ended() if how == "ended" else database.frozen()
        seen = count_through(node, away, session_id, phones=PHONES, name=how, away_s=AWAY_S)
        measured(f"{how} for {AWAY_S} s, {PHONES} phones, limit {limit_s} s: {seen}")
        assert seen.losses == (0, 0)
        assert seen.slowest_s < limit_s + SLACK_S
        assert seen.all_s < BACK_S_MAX
        assert max(seen.memory_meanwhile, seen.memory_after) - seen.memory_before < MEMORY_MIB_MAX
        books.verify(data)
