"""Instants keep milliseconds and always have a zone; days are those of the project's calendar."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.kit.instants import (
    EARLIEST,
    LATEST,
    day_begins,
    local_day,
    read_day,
    read_instant,
    write_day,
    write_instant,
)

INSTANTS = st.integers(EARLIEST, LATEST)
OFFSETS = st.integers(-14 * 60, 14 * 60)


@given(INSTANTS)
def test_an_instant_that_is_written_is_read_back_as_itself(instant: int) -> None:
    assert read_instant(write_instant(instant)) == instant


@given(INSTANTS, OFFSETS, st.booleans())
def test_the_same_instant_in_another_zone_is_the_same_number(instant: int, minutes: int, colon: bool) -> None:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    text = local.isoformat(timespec="milliseconds")
    assert read_instant(text if colon else text[:-3] + text[-2:]) == instant


@given(INSTANTS, st.integers(0, 999_999))
def test_decimals_past_the_millisecond_are_cut_off(instant: int, nanoseconds: int) -> None:
    assert read_instant(f"{write_instant(instant)[:-1]}{nanoseconds:06d}Z") == instant


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-10-19T14:30:00Z", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T14:30:00.5Z", "2025-10-19T14:30:00.500Z"),
        ("2025-10-19T14:30:00.123456789Z", "2025-10-19T14:30:00.123Z"),
        ("2025-10-19T14:30:00+00:00", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T14:30:00+0000", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T08:30:00-0600", "2025-10-19T14:30:00.000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("2200-12-31T23:59:59.999Z", "2200-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(text: str, written: str) -> None:
    assert write_instant(read_instant(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-19T14:30:00",
        "2025-10-19",
        "2025-10-19 14:30:00Z",
        "2025-10-19T14:30Z",
        "2025-10-19T14:30:00.Z",
        "2025-10-19T14:30:00.0123456789Z",
        "2025-10-19T14:30:00,5Z",
        "2025-02-30T00:00:00Z",
        "2025-10-19T24:00:00Z",
        "2025-10-19T23:59:60Z",
        "2025-10-19T14:30:00+24:00",
        "2025-10-19T14:30:00+00:60",
        "2025-W42-7T14:30:00Z",
        "20251019T143000Z",
        "٢٠٢٥-10-19T14:30:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+00:01",
        "2201-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1760884200000",
        "",
        " 2025-10-19T14:30:00Z",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is) "):
        read_instant(text)


@given(st.text(max_size=40))
def test_every_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert EARLIEST <= read_instant(text) <= LATEST


def test_a_late_evening_in_mexico_is_still_that_day() -> None:
    instant = read_instant("2025-10-20T03:00:00Z")
    assert local_day(instant, "America/Mexico_City") == date(2025, 10, 19)
    assert local_day(instant, "UTC") == date(2025, 10, 20)


@given(INSTANTS, st.sampled_from(["America/Mexico_City", "Asia/Kathmandu", "Pacific/Kiritimati", "Europe/Madrid"]))
def test_the_local_day_is_the_one_on_the_wall(instant: int, zone: str) -> None:
    moment = datetime.fromtimestamp(instant // 1000, UTC)
    assert local_day(instant, zone) == moment.astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2025-10-19", "UTC", "2025-10-19T00:00:00Z"),
        ("2025-10-19", "America/Mexico_City", "2025-10-19T06:00:00Z"),
        ("2025-03-30", "Europe/Madrid", "2025-03-29T23:00:00Z"),
        ("2025-03-31", "Europe/Madrid", "2025-03-30T22:00:00Z"),
        ("2024-03-10", "America/Havana", "2024-03-10T05:00:00Z"),  # whose clocks go from 0:00 to 1:00 that night
    ],
)
def test_a_day_begins_with_its_first_instant(day: str, zone: str, begins: str) -> None:
    assert day_begins(day, zone) == read_instant(begins)
    assert local_day(day_begins(day, zone), zone).isoformat() == day
    assert local_day(day_begins(day, zone) - 1, zone).isoformat() < day


@given(st.dates())
def test_a_day_is_written_with_a_zero_clock(day: date) -> None:
    assert read_day(day.isoformat()) == day.isoformat()
    assert write_day(day.isoformat()) == f"{day.isoformat()}T00:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["2025-W01-1", "20251019", "2025-1-1", "2025-13-01", "2025-02-29", "", "2025-10-19T00:00:00Z", "٢٠٢٥-10-19"]
)
def test_what_is_no_calendar_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a calendar day"):
        read_day(text)
