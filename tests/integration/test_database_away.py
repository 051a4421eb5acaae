"""The database is away under load and comes back: callers are told to come again, nothing is lost, and nobody helps."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import POSTGRES
from tests import books, engines, postgres
from tests.absence import count_through
from tests.callers import fresh_day
from tests.commands import hydrobit
from tests.phones import RECORDS, Load, losses
from tests.servers import PRODUCTION, RunningServer, event, opening, running
from tests.sockets import Answer, Connection
from tests.tools import Measured
from tests.watching import metrics, until

PHONES = 8
LIMITS = {"HYDROBIT_DATABASE_AWAY_S_MAX": "1", "HYDROBIT_DATABASE_UNIT_S_MAX": "1"}
ENDINGS = 20


class House(NamedTuple):
    """A PostgreSQL of its own, and the node on it."""

    database: postgres.Postgres
    node: RunningServer


@pytest.fixture(scope="module")
def store_engine() -> str:
    """A file does not go away."""
    return POSTGRES


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("away") / "data"
    with postgres.running() as database:
        engines.settle(data, database.add_database())
        with running(data, environment=LIMITS) as node:
            yield House(database, node)


@pytest.fixture
def session_id(house: House) -> str:
    """Opened as a phone would do it: by these limits a machine that does much else may have to be asked again."""
    day = fresh_day()
    answers: list[httpx.Response] = []

    def is_open() -> bool:
        answers.append(client.post(f"{PRODUCTION}/sessions", json=opening(day=day, localId=day)))
        return answers[-1].status_code in (200, 201)

    with house.node.client() as client:
        until(is_open, "an open session")
    session_id: str = answers[-1].json()["data"]["sessionId"]
    return session_id


@pytest.mark.parametrize("how", ["ended", "frozen"])
def test_callers_are_told_while_it_is_away_and_all_is_well_by_itself_when_it_is_back(
    house: House, session_id: str, how: str, measured: Measured
) -> None:
    """Every phone is refused before the database comes back, and then counts again, or this waits in vain.

    Within how many seconds, on a machine that does nothing else, says tests/ha.
    """
    away = house.database.ended() if how == "ended" else house.database.frozen()
    seen = count_through(house.node, away, session_id, phones=PHONES, name=how, away_s=0)
    measured(f"{how}: {seen}")
    assert seen.losses == (0, 0)


def test_while_it_is_away_everyone_is_answered_and_the_node_says_how_it_is(house: House, session_id: str) -> None:
    address = house.node.address
    with ExitStack() as held:
        phone = held.enter_context(Connection(address, house.node.token()))
        # whom the node has not met yet, so that it has to ask the database
        stranger = held.enter_context(Connection(address, house.node.token(demo.SUPERVISOR)))
        with house.database.ended():
            assert_come_again(phone.call("POST", RECORDS, event(session_id, "evt_1")))
            bulk = {"auth0Id": demo.ADMIN, "records": [event(session_id, "evt_2")]}
            assert_come_again(phone.call("POST", f"{RECORDS}/bulk", bulk))
            assert_come_again(phone.call("GET", f"{PRODUCTION}/sessions/{session_id}"))
            assert_come_again(stranger.call("GET", f"{PRODUCTION}/sessions"))
            assert_come_again(phone.call("GET", "/readyz"))
            assert phone.call("GET", "/healthz").status == 200, "the process is well; ending it would help nobody"
            assert metrics(phone)['hydrobit_requests_total{operation="createProductionRecord",status="503"}'] >= 1
        assert phone.call("GET", "/readyz").status == 200
        assert phone.call("POST", RECORDS, event(session_id, "evt_1")).status == 201
        assert stranger.call("GET", f"{PRODUCTION}/sessions").status == 200


def assert_come_again(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_record_whose_connection_is_cut_again_and_again_is_there_once(house: House, session_id: str) -> None:
    """Before, in and after its commit, as it happens."""
    with Load([house.node], session_id, PHONES, "cut") as load:
        for number in range(ENDINGS):
            load.until_more_are_told(PHONES)
            if number % 7 == 6:
                house.database.kill_session()
            else:
                house.database.end_sessions()
        load.until_more_are_told(PHONES)
    assert losses(house.node.data, session_id, load.told) == (0, 0)


def test_the_ledger_is_sound_after_all_of_it(house: House) -> None:
    books.verify(house.node.data)


def test_a_server_does_not_start_on_a_database_that_may_lose_what_it_acknowledged(tmp_path: Path) -> None:
    with postgres.running("fsync=off", "synchronous_commit=off") as unsafe:
        engines.settle(tmp_path / "data", unsafe.url())
        done = hydrobit("serve", "--port", "0", "--data", tmp_path / "data")
    assert done.returncode == 1
    assert (
        "with fsync off and synchronous_commit off and may lose what it has acknowledged; turn it on, or" in done.stderr
    )
    assert "Traceback" not in done.stderr
