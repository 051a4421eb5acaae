"""The leader of three Patroni nodes loses power again and again under load; what was acknowledged is always there."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import books, engines
from tests.ha import cluster
from tests.phones import Load, losses
from tests.servers import RunningServer, open_session, running
from tests.tools import Measured

RUNS = int(os.environ.get("RUNS", "10"))
NODES, PHONES_OF_A_NODE = 3, 3
PHONE_PAUSE_S = 0.05
TOLD_MIN = 100


class House(NamedTuple):
    """The cluster, and the nodes that write into it."""

    cluster: cluster.Cluster
    data: Path
    nodes: list[RunningServer]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("ha") / "data"
    with cluster.running() as machines, ExitStack() as held, ThreadPoolExecutor(NODES) as starting:
        engines.settle(data, machines.url)
        begun = [starting.submit(held.enter_context, running(data)) for _ in range(NODES)]
        yield House(machines, data, [node.result() for node in begun])


@pytest.mark.parametrize("run", range(1, RUNS + 1))
def test_nothing_acknowledged_is_lost_or_doubled_when_the_leader_loses_power(
    house: House, run: int, measured: Measured
) -> None:
    leader = house.cluster.leader()
    with house.nodes[0].client() as client:
        session_id = open_session(client, day=f"2025-04-{run % 28 + 1:02}", sector=f"sector_{run // 28 + 1:03}")
    with Load(house.nodes, session_id, PHONES_OF_A_NODE, f"run-{run}", PHONE_PAUSE_S) as load:
        load.until_more_are_told(TOLD_MIN)
        lost_at = time.monotonic()
        leader.lose_power()
        load.until_all_are_told(lost_at)
        leader.start()
        follower = house.cluster.leader()
        load.until_more_are_told(TOLD_MIN)
    lost, doubled = losses(house.data, session_id, load.told)
    measured(
        f"run {run:2}: {leader.name} lost power, {follower.name} leads; write gap {load.gap_s(lost_at):.1f} s,"
        f" {len(load.told)} acknowledged, {lost} lost, {doubled} doubled"
    )
    assert (lost, doubled) == (0, 0)


def test_a_leader_without_its_patroni_acknowledges_nothing_that_the_next_one_lacks(
    house: House, measured: Measured
) -> None:
    """No watchdog resets the machine here: PostgreSQL goes on as a primary, and another machine leads."""
    leader = house.cluster.leader()
    with house.nodes[0].client() as client:
        session_id = open_session(client, day="2025-05-01")
    with Load(house.nodes, session_id, PHONES_OF_A_NODE, "without-patroni", PHONE_PAUSE_S) as load:
        load.until_more_are_told(TOLD_MIN)
        left_at = time.monotonic()
        leader.lose_patroni()
        load.until_one_is_refused(left_at)  # another leads, and takes the standby that confirmed
        leader.lose_power()
        load.until_all_are_told(time.monotonic())
        leader.start()
        house.cluster.leader()
    lost, doubled = losses(house.data, session_id, load.told)
    measured(
        f"{leader.name} lost its Patroni, then its power; write gap {load.gap_s(left_at):.1f} s,"
        f" slowest answer {load.slowest_s:.1f} s, {len(load.told)} acknowledged, {lost} lost, {doubled} doubled"
    )
    assert (lost, doubled) == (0, 0)


def test_the_ledger_is_sound_after_all_of_it(house: House) -> None:
    books.verify(house.data)
