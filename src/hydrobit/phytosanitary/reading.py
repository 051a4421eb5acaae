"""From the parameters of a read to checked values."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.wire import days
from hydrobit.wire.days import DayRange


class Wish(msgspec.Struct, frozen=True):
    """Which observations are wanted; ids that are None were not asked for."""

    span: DayRange
    company_id: str | None = None
    project_id: str | None = None
    sector_id: str | None = None


def wish(query: Mapping[str, Any]) -> Wish:
    """Raises Refused naming the parameter; also where none of the three ids is there."""
    wanted = Wish(days.span(query), query.get("companyId"), query.get("projectId"), query.get("sectorId"))
    if wanted.company_id is None and wanted.project_id is None and wanted.sector_id is None:
        raise Refused(Code.missing_field, "Send companyId, projectId or sectorId.", field="companyId")
    return wanted
