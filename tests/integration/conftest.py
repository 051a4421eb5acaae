"""One server for the tests of a module that need no server of their own, and who calls it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

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


@pytest.fixture(scope="module")
def called(server: RunningServer) -> Iterator[Callable[[str], Caller]]:
    """Callers by their user, each with one connection for the whole module: to open it takes longer than a call."""
    kept: dict[str, Caller] = {}
    with ExitStack() as held:

        def of(user: str) -> Caller:
            if user not in kept:
                kept[user] = held.enter_context(Caller(server, user))
            return kept[user]

        yield of


@contextmanager
def lent(caller: Caller) -> Iterator[Caller]:
    """For one test, which may change its headers."""
    headers = caller.headers.copy()
    yield caller
    caller.headers = headers


@pytest.fixture
def admin(called: Callable[[str], Caller]) -> Iterator[Caller]:
    """Who opens the sessions of most tests."""
    with lent(called(demo.ADMIN)) as caller:
        yield caller


@pytest.fixture
def supervisor(called: Callable[[str], Caller]) -> Iterator[Caller]:
    """Another writer of the admin's company."""
    with lent(called(demo.SUPERVISOR)) as caller:
        yield caller


@pytest.fixture
def viewer(called: Callable[[str], Caller]) -> Iterator[Caller]:
    """One of the same company who only reads."""
    with lent(called(VIEWER)) as caller:
        yield caller


@pytest.fixture
def neighbour(called: Callable[[str], Caller]) -> Iterator[Caller]:
    """A writer of another company."""
    with lent(called(demo.OTHER_USER)) as caller:
        yield caller
