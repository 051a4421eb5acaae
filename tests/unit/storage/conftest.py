"""A store with one table, as small as the claims about storage allow, on each engine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hydrobit.storage import directory, stores
from hydrobit.storage.engine import Engine, Store
from tests import engines
from tests.each_engine import tmp_path_factory as tmp_path_factory
from tests.unit.storage.notes import CREATE

BUSY_MS_MAX = 50


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory whose store has the table of notes."""
    with engines.opened(directory.prepare(tmp_path)) as store:
        store.write(lambda tx: tx.run(CREATE))
    return tmp_path


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    with engines.opened(data, store_busy_ms_max=BUSY_MS_MAX) as store:
        yield store


@pytest.fixture
async def engine(data: Path) -> AsyncIterator[Engine]:
    engine = stores.open_engine(engines.settings(data, store_busy_ms_max=BUSY_MS_MAX))
    yield engine
    await engine.stop()
