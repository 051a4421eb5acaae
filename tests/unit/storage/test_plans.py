"""What PostgreSQL does for the statements of every batch, in a store that has grown: it keeps to the indexes."""

from collections.abc import Iterator
from contextlib import closing

import msgspec
import psycopg
import pytest

from hydrobit.storage import directory, stores
from hydrobit.storage.postgres import PostgresStore
from hydrobit.storage.queries import POSTGRES, load
from hydrobit.storage.translation import statement
from tests import engines

SESSIONS = 5_000
NAMED = [[f"{number:024x}", "user_1"] for number in range(SESSIONS - 16, SESSIONS)]


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    with engines.chosen(POSTGRES):
        yield POSTGRES


@pytest.fixture(scope="module")
def grown(store_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """A store with the sessions of several years, and what PostgreSQL has learned of them."""
    settings = engines.settings(tmp_path_factory.mktemp("grown"))
    with closing(stores.open_store(settings)) as store:
        assert isinstance(store, PostgresStore)
        store.write(directory.bring_up, 0)
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(
            "insert into session (company, session_no, session_id, project_id, sector_id, sector_name, timezone, day,"
            " opened_at, opened_received_at, opened_by, max_duration_hours, expires_at, closed_at)"
            " select 1, n, lpad(to_hex(n), 24, '0'), 'p', 's', 's', 'UTC', '2026-01-01', n, n, 'user_1', 8, n, n"
            " from generate_series(0, %s) as n",
            (SESSIONS,),
        )
        connection.execute(
            "insert into session_writer (company, session_no, user_id, from_at)"
            " select 1, n, 'user_1', 0 from generate_series(0, %s) as n",
            (SESSIONS,),
        )
        connection.execute("analyze")
        yield connection


def test_a_batch_finds_its_sessions_by_the_index_however_many_there_are(grown: psycopg.Connection) -> None:
    query = load("hydrobit.sessions").standings.on(POSTGRES)
    given = {"company": 1, "now": 1, "named": msgspec.json.encode(NAMED).decode()}
    cursor = psycopg.RawCursor(grown)  # whose marks are $1, $2, as the engine's
    plan = cursor.execute(f"explain (analyze, costs off) {statement(query.text)}", query.values(given)).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Seq Scan on session" not in text, text
    assert "rows=16.00" in text.splitlines()[0], text
