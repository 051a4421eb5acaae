"""MQTT sessions that are kept: one owner at a time, found again as they were left, and ended in their time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.devices.keeping import SEEN_MISSED_MAX, Keeping, Opened
from hydrobit.errors import Code, Refused
from hydrobit.operation import Device
from hydrobit.settings import Settings
from tests import embedded, engines
from tests.embedded import House, MovedClock
from tests.gate import Gate

SECOND = 1_000
GRACE_MS = SEEN_MISSED_MAX * Settings().mqtt_seen_interval_s * SECOND
HOUR_S = 3_600
KEY = (1, demo.ADMIN, "phone-1")
FILTERS = ("replies/phone-1", "replies/+/a")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        yield house


@asynccontextmanager
async def kept(
    house: House, observe: Callable[[int, float], None] = lambda rows, seconds: None
) -> AsyncIterator[Keeping]:
    keeping = Keeping(house.engine, house.clock, house.context.settings, observe)
    keeping.start()
    yield keeping
    await keeping.stop()


@pytest.fixture
async def keeping(house: House) -> AsyncIterator[Keeping]:
    async with kept(house) as keeping:
        yield keeping


async def left(keeping: Keeping, owner: str = "a", expiry_s: int = HOUR_S) -> None:
    """A session with subscriptions whose connection is gone."""
    await keeping.open_session(*KEY, owner, False, expiry_s)
    assert await keeping.set_subscriptions(*KEY, owner, FILTERS)
    await keeping.close_session(*KEY, owner, expiry_s)


def count(house: House) -> int:
    ((found,),) = engines.rows(house.data, "select count(*) from mqtt_session")
    return int(found)


async def test_a_session_is_found_as_it_was_left(keeping: Keeping) -> None:
    assert await keeping.open_session(*KEY, "a", False, HOUR_S) == Opened(False, ())
    await left(keeping)
    assert await keeping.open_session(*KEY, "b", False, HOUR_S) == Opened(True, FILTERS)


async def test_it_is_found_after_a_restart_too(tmp_path: Path) -> None:
    for expected in (Opened(False, ()), Opened(True, FILTERS)):
        async with embedded.running(tmp_path / "data", MovedClock()) as house, kept(house) as keeping:
            assert await keeping.open_session(*KEY, "a", False, HOUR_S) == expected
            await left(keeping)


async def test_a_clean_one_begins_anew(keeping: Keeping) -> None:
    await left(keeping)
    assert await keeping.open_session(*KEY, "b", True, HOUR_S) == Opened(False, ())
    assert await keeping.open_session(*KEY, "c", False, HOUR_S) == Opened(True, ())


async def test_nobody_finds_the_session_of_another(keeping: Keeping) -> None:
    await left(keeping)
    for other in ((1, demo.SUPERVISOR, "phone-1"), (1, demo.ADMIN, "phone-2"), (2, demo.ADMIN, "phone-1")):
        assert await keeping.open_session(*other, "b", False, HOUR_S) == Opened(False, ())
    assert await keeping.open_session(*KEY, "c", False, HOUR_S) == Opened(True, FILTERS)


async def test_one_that_ends_with_its_connection_is_not_found_again(house: House, keeping: Keeping) -> None:
    await left(keeping, expiry_s=0)
    assert count(house) == 0
    await keeping.open_session(*KEY, "a", False, 0)  # and its node is killed
    assert await keeping.open_session(*KEY, "b", False, HOUR_S) == Opened(False, ())


async def test_it_is_over_to_the_millisecond(house: House, keeping: Keeping) -> None:
    await left(keeping)
    house.clock.forward(HOUR_S * SECOND - 1)
    assert (await keeping.open_session(*KEY, "b", False, HOUR_S)).is_present
    await keeping.close_session(*KEY, "b", HOUR_S)
    house.clock.forward(HOUR_S * SECOND)
    assert not (await keeping.open_session(*KEY, "c", False, HOUR_S)).is_present


async def test_who_was_taken_over_changes_nothing_and_can_ask(house: House, keeping: Keeping) -> None:
    await keeping.open_session(*KEY, "a", False, HOUR_S)
    other = (1, demo.SUPERVISOR, "phone-1")
    await keeping.open_session(*other, "a2", False, HOUR_S)
    held = [(*KEY, "a"), (*other, "a2")]
    assert await keeping.lost(held) == []
    await keeping.open_session(*KEY, "b", False, HOUR_S)
    assert await keeping.lost(held) == [(*KEY, "a")]
    assert not await keeping.set_subscriptions(*KEY, "a", FILTERS)
    await keeping.close_session(*KEY, "a", 0)
    assert await keeping.lost([(*KEY, "b"), (*KEY, "a"), (2, "x", "y", "z")]) == [(*KEY, "a"), (2, "x", "y", "z")]
    assert await keeping.lost([]) == []
    assert await keeping.open_session(*KEY, "c", False, HOUR_S) == Opened(True, ())


async def test_of_many_that_come_at_once_one_is_the_owner(keeping: Keeping) -> None:
    owners = [f"owner {number}" for number in range(8)]
    opened = await asyncio.gather(*(keeping.open_session(*KEY, owner, False, HOUR_S) for owner in owners))
    assert sorted(each.is_present for each in opened) == [False] + [True] * 7
    assert len(await keeping.lost([(*KEY, owner) for owner in owners])) == 7


async def test_sessions_of_a_node_that_was_killed_end_in_their_time(house: House, keeping: Keeping) -> None:
    await keeping.open_session(*KEY, "killed", False, 60)
    other = (1, demo.SUPERVISOR, "phone-1")
    await keeping.open_session(*other, "alive", False, 60)
    house.clock.forward(GRACE_MS + 59 * SECOND)
    await keeping.seen([(*other, "alive"), (*KEY, "somebody else")])
    await house.run_jobs()
    assert count(house) == 2
    house.clock.forward(1 * SECOND)
    await house.run_jobs()
    assert engines.rows(house.data, "select owner from mqtt_session") == [("alive",)]
    assert not (await keeping.open_session(*KEY, "b", False, 60)).is_present
    assert (await keeping.open_session(*other, "c", False, 60)).is_present


async def test_many_sessions_are_asked_about_and_seen_in_parts(house: House, keeping: Keeping) -> None:
    await keeping.open_session(*KEY, "a", False, HOUR_S)
    held = [(1, "nobody", str(number), "a") for number in range(2_500)]
    held.insert(1_700, (*KEY, "a"))
    assert set(held) - set(await keeping.lost(held)) == {(*KEY, "a")}
    house.clock.forward(5_000)
    await keeping.seen(held)
    until = house.clock.now() + HOUR_S * SECOND + GRACE_MS
    assert engines.rows(house.data, "select expires_at from mqtt_session") == [(until,)]


async def test_a_filter_may_hold_any_text(keeping: Keeping) -> None:
    await keeping.open_session(1, 'us"er', "cli\\ent, {}", "own'er", False, HOUR_S)
    filters = ('a"b', "ü/#", "'; drop")
    assert await keeping.set_subscriptions(1, 'us"er', "cli\\ent, {}", "own'er", filters)
    assert await keeping.lost([(1, 'us"er', "cli\\ent, {}", "own'er")]) == []
    assert (await keeping.open_session(1, 'us"er', "cli\\ent, {}", "b", False, HOUR_S)).subscriptions == filters


async def test_rights_that_change_are_told_by_the_companys_number(gate: Gate) -> None:
    keeping = Keeping(gate.house.engine, gate.house.clock, gate.house.context.settings)
    await gate.add_device("scale-1")
    before = await keeping.access_numbers([1, 2, 3])
    assert before.keys() == {1, 2}
    assert await keeping.device(1, "scale-1") == Device("scale-1", demo.PROJECT)
    assert await keeping.device(2, "scale-1") is None
    await gate.post("/api/control/iot/devices/scale-1/revoke")
    assert await keeping.access_numbers([2, 1]) == before | {1: before[1] + 1}
    assert await keeping.device(1, "scale-1") is None


async def test_sessions_that_open_at_once_share_transactions(house: House) -> None:
    committed: list[int] = []
    keys = [(1, "device:scale-1", f"client-{number}") for number in range(100)]
    async with kept(house, lambda rows, _seconds: committed.append(rows)) as keeping:
        opened = await asyncio.gather(*(keeping.open_session(*key, "a", False, HOUR_S) for key in keys))
        assert opened == [Opened(False, ())] * 100
        assert sum(committed) == 100
        assert len(committed) < 10
        await asyncio.gather(*(keeping.close_session(*key, "a", 0) for key in keys))
        assert count(house) == 0


async def test_a_subject_keeps_so_many_sessions_and_no_more(tmp_path: Path) -> None:
    async with (
        embedded.running(tmp_path / "data", MovedClock(), mqtt_kept_sessions_max=2) as house,
        kept(house) as keeping,
    ):
        for number in range(2):
            await keeping.open_session(1, "device:scale-1", f"client-{number}", "a", False, HOUR_S)
        with pytest.raises(Refused) as refused:
            await keeping.open_session(1, "device:scale-1", "client-2", "a", False, HOUR_S)
        assert refused.value.code == Code.too_many_connections
        assert await keeping.open_session(1, "device:scale-1", "client-2", "a", True, 0) == Opened(False, ())
        assert await keeping.open_session(1, "device:scale-2", "client-2", "a", False, HOUR_S) == Opened(False, ())
        await keeping.close_session(1, "device:scale-1", "client-1", "a", HOUR_S)
        assert await keeping.open_session(1, "device:scale-1", "client-1", "b", False, HOUR_S) == Opened(True, ())
