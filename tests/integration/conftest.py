"""One server for the tests of a module that need no server of their own, and who calls it."""

from collections.abc import Iterator

import httpx
import pytest

from hydrobit.demo import company as demo
from tests import embedded
from tests.callers import VIEWER, Caller, add_people
from tests.each_engine import tmp_path_factory as tmp_path_factory
from tests.servers import RunningServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("server") / "data"
    embedded.prepare(data, embedded.MovedClock())  # takes the half of a first start, and is no claim of these tests
    with running(data) as started:
        add_people(started.data)
        yield started


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Caller]:
    """Who opens the sessions of most tests."""
    with Caller(server) as calling:
        yield calling


@pytest.fixture
def supervisor(server: RunningServer) -> Iterator[Caller]:
    """Another writer of the admin's company."""
    with Caller(server, demo.SUPERVISOR) as calling:
        yield calling


@pytest.fixture
def viewer(server: RunningServer) -> Iterator[Caller]:
    """One of the same company who only reads."""
    with Caller(server, VIEWER) as calling:
        yield calling


@pytest.fixture
def neighbour(server: RunningServer) -> Iterator[Caller]:
    """A writer of another company."""
    with Caller(server, demo.OTHER_USER) as calling:
        yield calling
