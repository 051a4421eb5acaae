"""From the parameters of an export to checked values."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hydrobit.wire import days


class Wish(msgspec.Struct, frozen=True):
    """Which sessions are wanted: local days, both included, and a project or sector that narrows them."""

    first_day: str
    last_day: str
    project_id: str | None
    sector_id: str | None


def wish(query: Mapping[str, Any]) -> Wish:
    """Raises Refused naming the parameter."""
    span = days.span(query)
    return Wish(span.startTime, span.endTime, query.get("projectId"), query.get("sectorId"))
