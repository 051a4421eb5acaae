"""The demo's morning, at any hour at which somebody may start it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hydrobit.demo.company import CREW
from hydrobit.morning.plan import LENGTH_MS, OFFLINE_COUNTS, ZONE, dawn, plan


def local(text: str) -> int:
    """Milliseconds since 1970 of a time on the ranch's clock."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000


@pytest.mark.parametrize("now", ["10:00", "12:34", "18:00", "23:59"])
def test_a_day_that_is_old_enough_opens_at_dawn(now: str) -> None:
    assert dawn(local(f"2026-03-02T{now}")) == local("2026-03-02T06:00")


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("2026-03-02T09:59", "2026-03-02T05:59"),
        ("2026-03-02T06:00", "2026-03-02T02:00"),
        ("2026-03-02T04:00", "2026-03-02T00:00"),
        ("2026-03-02T00:05", "2026-03-01T20:05"),
    ],
)
def test_a_young_day_opens_as_long_ago_as_a_morning_takes(now: str, opened: str) -> None:
    assert dawn(local(now)) == local(opened)


@pytest.mark.parametrize("hour", range(24))
def test_every_count_lies_between_the_opening_and_now(hour: int) -> None:
    now = local(f"2026-03-02T{hour:02d}:59") + 59_999
    opened_at = dawn(now)
    morning = plan(opened_at)
    for count in (*morning.counts, *morning.offline):
        assert opened_at <= count.recorded_at <= opened_at + LENGTH_MS <= now


def test_the_same_opening_gives_the_same_morning() -> None:
    assert plan(1_760_875_200_000) == plan(1_760_875_200_000)


def test_everybody_of_the_crew_counts_and_the_sums_hold_each_event_once() -> None:
    morning = plan(0)
    sums = morning.sums()
    assert sums.keys() == {member.worker_id for member in CREW}
    assert sum(found.counts for found in sums.values()) == len(morning.counts) + OFFLINE_COUNTS
    assert sum(found.voids for found in sums.values()) == len(morning.voids)
    once = {count.client_event_id: count.units for count in (*morning.counts, *morning.offline)}
    voided = sum(count.units for count, _ in morning.voids)
    assert sum(found.units for found in sums.values()) == sum(once.values()) - voided


def test_the_offline_phone_repeats_itself_and_what_it_had_sent_before() -> None:
    morning = plan(0)
    assert morning.offline_new == OFFLINE_COUNTS < len(set(morning.offline)) < len(morning.offline)
