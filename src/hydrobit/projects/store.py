"""Queries of projects and sectors in, values out."""

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


def project(tx: Transaction, company: int, project_id: str) -> Project | None:
    row = tx.one(sql.project_by_id, company=company, project_id=project_id)
    if row is None:
        return None
    identity, name, zone, unit, price, bonus_type, bonus_value, bonus_note, hours = row
    bonus = Bonus(bonus_type, bonus_value, bonus_note) if bonus_type else None
    return Project(identity, name, zone, unit, price, bonus, hours)


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
        bonus_type=project.bonus.type if project.bonus else None,
        bonus_value=project.bonus.value if project.bonus else None,
        bonus_note=project.bonus.note if project.bonus else None,
        max_duration_hours=project.max_duration_hours,
        now=now,
    )


def add_sector(tx: Transaction, company: int, project_id: str, sector_id: str, name: str, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_sector, company=company, project_id=project_id, sector_id=sector_id, name=name, now=now)
