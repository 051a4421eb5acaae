"""A span of local days, as the reads for outside systems take it."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from msgspec import Struct

from hydrobit.kit import instants
from hydrobit.wire import fields
from hydrobit.wire.fields import said

SPAN_DAYS_MAX = 180
DAY_SCHEMA: dict[str, object] = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}


class DayRange(Struct, kw_only=True):
    """The days that were asked for, both included."""

    startTime: Annotated[str, said(example="2025-10-01")]
    endTime: Annotated[str, said(example="2025-10-09")]


def span(query: Mapping[str, Any]) -> DayRange:
    """The days of `startTime` and `endTime`, which the row requires. Raises Refused naming the parameter."""
    first, last = _day(query, "startTime"), _day(query, "endTime")
    if last < first:
        raise fields.invalid("endTime", f"{last} lies before startTime {first}")
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    if days > SPAN_DAYS_MAX:
        raise fields.invalid("endTime", f"{last} makes {days} days; at most {SPAN_DAYS_MAX} may be asked for at once")
    return DayRange(startTime=first, endTime=last)


def slices(span: DayRange, length: int) -> Iterator[DayRange]:
    """The span in parts of so many days, the last one shorter, so that each can be a short read of its own."""
    first, last = date.fromisoformat(span.startTime), date.fromisoformat(span.endTime)
    while first <= last:
        end = min(first + timedelta(days=length - 1), last)
        yield DayRange(startTime=first.isoformat(), endTime=end.isoformat())
        first = end + timedelta(days=1)


def _day(query: Mapping[str, Any], name: str) -> str:
    try:
        return instants.read_day(query[name])
    except ValueError as e:
        raise fields.invalid(name, e) from e
