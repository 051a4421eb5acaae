"""Queries of projects and sectors in, values out."""

from typing import Any

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.projects")


class Bonus(msgspec.Struct, frozen=True):
    """Extra pay: a flat sum or a percentage, in millionths."""

    type: str
    value: int
    note: str | None = None


class Project(msgspec.Struct, frozen=True):
    """A project and what its sessions take when they do not say otherwise. `price` is in millionths."""

    project_id: str
    name: str
    timezone: str
    sampling_unit: str
    price: int
    bonus: Bonus | None
    max_duration_hours: int


def bonus_of(*columns: Any) -> Bonus | None:
    """A bonus from its three columns; where all of them are null there is none."""
    return None if columns == (None, None, None) else Bonus(*columns)


def bonus_columns(bonus: Bonus | None) -> dict[str, object]:
    """The three columns of a bonus, by the names of their parameters."""
    type, value, note = (bonus.type, bonus.value, bonus.note) if bonus else (None, None, None)
    return {"bonus_type": type, "bonus_value": value, "bonus_note": note}


def project(tx: Transaction, company: int, project_id: str) -> Project | None:
    row = tx.one(sql.project_by_id, company=company, project_id=project_id)
    if row is None:
        return None
    identity, name, zone, unit, price, *bonus, hours = row
    return Project(identity, name, zone, unit, price, bonus_of(*bonus), hours)


def has_sector(tx: Transaction, company: int, project_id: str, sector_id: str) -> bool:
    return tx.one(sql.sector_by_id, company=company, project_id=project_id, sector_id=sector_id) is not None


def add_project(tx: Transaction, company: int, project: Project, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(
        sql.add_project,
        company=company,
        project_id=project.project_id,
        name=project.name,
        timezone=project.timezone,
        sampling_unit=project.sampling_unit,
        price=project.price,
        max_duration_hours=project.max_duration_hours,
        now=now,
        **bonus_columns(project.bonus),
    )


def add_sector(tx: Transaction, company: int, project_id: str, sector_id: str, name: str, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_sector, company=company, project_id=project_id, sector_id=sector_id, name=name, now=now)
