"""A store with one table, as small as the claims about storage allow."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.storage.sqlite import SqliteEngine, SqliteStore
from tests.unit.storage.notes import CREATE


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
