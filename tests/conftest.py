"""What every test shares."""

from collections.abc import Iterator

import pytest

from tests import engines, forks
from tests.tools import measured as measured
from tests.tools import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.tools import pytest_terminal_summary as pytest_terminal_summary
from tests.tools import pytest_xdist_auto_num_workers as pytest_xdist_auto_num_workers


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Async tests run on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", autouse=True)
def postgres_ends_with_the_run() -> Iterator[None]:
    """The PostgreSQL of the run is started by the first test that needs it, and ended here whatever happens."""
    with engines.stopped_at_the_end():
        yield
    forks.end_source()


@pytest.fixture(scope="module", params=engines.ENGINES)
def store_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test on each engine: stores that it makes belong to this one."""
    with engines.chosen(request.param):
        yield request.param
