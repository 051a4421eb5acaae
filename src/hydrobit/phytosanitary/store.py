"""Queries of observations in, values out. They read what forms have written, and write nothing."""

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction
from hydrobit.wire.days import DayRange

sql = queries.load("hydrobit.phytosanitary")


class Observed(msgspec.Struct, frozen=True):
    """How often a pest was looked for at a place, found and rated; `severity` is a sum, like `scale` in millionths."""

    project_id: str | None
    sector_id: str | None
    name: str
    scale: int
    observations: int
    found: int
    rated: int
    severity: int


class FormRecord(msgspec.Struct, frozen=True):
    """A form that was handed in and has observations."""

    day: str
    record_no: int
    record_id: str
    received_at: int
    started_at: int | None
    user_id: str
    project_id: str | None
    sector_id: str | None
    latitude: float | None
    longitude: float | None


class Observation(msgspec.Struct, frozen=True):
    """One answer of such a form; amounts in millionths."""

    answer_no: int
    variable: str
    name: str
    value: int
    severity: int | None


def observed(
    tx: Transaction, company: int, days: DayRange, project_id: str | None, sector_id: str | None
) -> list[Observed]:
    rows = tx.all(
        sql.observed,
        company=company,
        first_day=days.startTime,
        last_day=days.endTime,
        project_id=project_id,
        sector_id=sector_id,
    )
    return [Observed(*row) for row in rows]


def count_records(tx: Transaction, company: int, days: DayRange, project_id: str | None, sector_id: str | None) -> int:
    row = tx.one(
        sql.count_observed_records,
        company=company,
        first_day=days.startTime,
        last_day=days.endTime,
        project_id=project_id,
        sector_id=sector_id,
    )
    return row[0] if row else 0


def records(tx: Transaction, company: int, days: DayRange, after: tuple[str, int], most: int) -> list[FormRecord]:
    """Those of a span of days, by day and number, after the given day and number."""
    rows = tx.all(
        sql.observed_records,
        company=company,
        first_day=max(days.startTime, after[0]),
        last_day=days.endTime,
        after_day=after[0],
        after_no=after[1],
        most=most,
    )
    return [FormRecord(*row) for row in rows]


def observations(tx: Transaction, company: int, record: FormRecord) -> list[Observation]:
    rows = tx.all(sql.observations, company=company, day=record.day, record_no=record.record_no)
    return [Observation(*row) for row in rows]
