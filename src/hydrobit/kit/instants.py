"""Instants and local days: ISO 8601 text on the wire, whole milliseconds since 1970 inside."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EARLIEST = 0
"""1970-01-01T00:00:00.000Z, the first instant that is accepted."""
LATEST = 7_289_654_399_999
"""2200-12-31T23:59:59.999Z, the last instant that is accepted."""
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?[0-5]\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_instant(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 instant with a zone; digits past the millisecond are cut off.

    Raises ValueError with a sentence for the caller.
    """
    if _SHAPE.fullmatch(text) is None:
        raise ValueError("must be an ISO 8601 instant with a zone, such as 2025-10-19T14:30:00.000Z")
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError) as e:
        raise ValueError("is not a day and time of the calendar") from e
    instant = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if not EARLIEST <= instant <= LATEST:
        raise ValueError("must lie between the years 1970 and 2200")
    return instant


def write_instant(instant: int) -> str:
    """The instant as ISO 8601 in UTC with milliseconds and `Z`."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{instant % 1000:03d}Z"


def local_day(instant: int, zone: str) -> date:
    """The calendar day of the instant in an IANA zone."""
    return (_EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone)).date()


def day_begins(day: str, zone: str) -> int:
    """The first instant of a calendar day (`2025-10-19`) in an IANA zone."""
    return int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def write_day(day: str) -> str:
    """A stored day (`2025-10-19`) as the contract writes it, with a zero clock."""
    return f"{day}T00:00:00.000Z"


def read_day(text: str) -> str:
    """A calendar day, `2025-10-19`. Raises ValueError with a sentence for the caller."""
    try:
        if _DAY.fullmatch(text) is not None:
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass  # the calendar has no such day
    raise ValueError("must be a calendar day such as 2025-10-19")
