"""A primary and its synchronous standby: when it falls silent, when it takes over, and when both believe to lead."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from hydrobit.storage.queries import POSTGRES
from tests import books, engines, postgres
from tests.phones import RECORDS, Load, losses
from tests.servers import RunningServer, event, open_session, running
from tests.sockets import Connection
from tests.tools import Measured
from tests.watching import until

NODES, PHONES_OF_A_NODE = 2, 4
TOLD_MIN = 200
PATIENCE = {"HYDROBIT_DATABASE_AWAY_S_MAX": "1", "HYDROBIT_DATABASE_UNIT_S_MAX": "1"}


class House(NamedTuple):
    """Two machines with PostgreSQL, and the nodes that are told of both in one URL."""

    primary: postgres.Postgres
    standby: postgres.Postgres
    data: Path
    nodes: list[RunningServer]


@pytest.fixture(scope="module")
def store_engine() -> str:
    """A file fails with its machine."""
    return POSTGRES


@contextmanager
def standing(data: Path) -> Iterator[House]:
    with postgres.running() as primary, primary.standby() as standby, ExitStack() as held:
        database, hosts = urlsplit(primary.add_database()).path, f"{primary.folder},{standby.folder}"
        engines.settle(data, f"postgresql://hydrobit@{database}?host={hosts}&target_session_attrs=read-write")
        with ThreadPoolExecutor(NODES) as starting:
            begun = [starting.submit(held.enter_context, running(data, environment=PATIENCE)) for _ in range(NODES)]
        yield House(primary, standby, data, [node.result() for node in begun])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Its primary is gone after the test in which it loses power, the last that uses it."""
    with standing(tmp_path_factory.mktemp("fail-over") / "data") as house:
        yield house


def test_a_commit_that_is_on_one_machine_alone_is_not_acknowledged(house: House) -> None:
    """A PostgreSQL that is told to wait no more for its standby commits and only warns; a repeat has to wait too."""
    node = house.nodes[0]
    with node.client() as client:
        session_id = open_session(client, day="2025-04-01")
    body = event(session_id, "alone")
    with closing(Connection(node.address, node.token())) as phone:
        with house.standby.frozen():
            phone.send_request("POST", RECORDS, body)
            until_one_is_told_to_wait_no_more(house.data)
            assert phone.answer().status == 503
            assert events(house.data, session_id) == ["alone"]
            assert phone.call("POST", RECORDS, body).status == 503
        answer = phone.call("POST", RECORDS, body)
    assert (answer.status, answer.json()["data"]["idempotent"]) == (200, True)
    assert events(house.data, session_id) == ["alone"]


def test_what_was_acknowledged_is_there_once_after_the_primary_lost_power(house: House, measured: Measured) -> None:
    with house.nodes[0].client() as client:
        session_id = open_session(client, day="2025-04-02")
    with Load(house.nodes, session_id, PHONES_OF_A_NODE, "fail-over") as load:
        load.until_more_are_told(TOLD_MIN)
        lost_at = time.monotonic()
        house.primary.lose_power()
        house.standby.promote()
        load.until_all_are_told(lost_at)
    lost, doubled = losses(house.data, session_id, load.told)
    measured(f"write gap {load.gap_s(lost_at):.2f} s, {len(load.told)} acknowledged, {lost} lost, {doubled} doubled")
    assert (lost, doubled) == (0, 0)
    books.verify(house.data)


def test_an_old_primary_that_nobody_fenced_acknowledges_nothing(tmp_path: Path) -> None:
    """Both take writes, and the nodes stay where they are: but whom the old one waits for is gone."""
    with standing(tmp_path / "data") as house:
        with house.nodes[0].client() as client:
            session_id = open_session(client)
        with Load(house.nodes, session_id, PHONES_OF_A_NODE, "split") as load:
            load.until_more_are_told(TOLD_MIN)
            house.standby.promote()
            load.until_all_are_refused(time.monotonic())
            house.primary.lose_power()
            load.until_all_are_told(time.monotonic())
        assert losses(house.data, session_id, load.told) == (0, 0)
        books.verify(house.data)


def until_one_is_told_to_wait_no_more(data: Path) -> None:
    """As by an operator who grows impatient."""
    question = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
    until(lambda: engines.rows(data, question) == [(True,)], "a commit that waits for the standby")


def events(data: Path, session_id: str) -> list[str | None]:
    return [line.client_event_id for line in books.lines(data, session_id) if line.kind == books.COUNT]
