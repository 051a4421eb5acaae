"""Queries of projects and sectors in, values out."""

from typing import Any

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.projects")

PROJECTS_MAX = 1_000
SECTORS_MAX = 5_000
"""How many projects, and sectors in all of them, a company may have; the rules hold to it, and so does every list."""


class Bonus(msgspec.Struct, frozen=True):
    """Extra pay: a flat sum or a percentage, in millionths."""

    type: str
    value: int
    note: str | None = None


class Project(msgspec.Struct, frozen=True):
    """A project and what its sessions take when they do not say otherwise.

    `price` is in millionths, `boundary` canonical GeoJSON.
    """

    project_id: str
    name: str
    timezone: str
    sampling_unit: str
    price: int
    bonus: Bonus | None
    max_duration_hours: int
    boundary: str | None = None
    disabled: bool = False


class Sector(msgspec.Struct, frozen=True):
    """A sector of a project; `boundary` is canonical GeoJSON."""

    sector_id: str
    project_id: str
    name: str
    crop: str | None = None
    variety: str | None = None
    boundary: str | None = None
    disabled: bool = False


class NamedProject(msgspec.Struct, frozen=True):
    """A project as what happened there names it."""

    project_id: str
    name: str
    timezone: str
    disabled: bool


class NamedSector(msgspec.Struct, frozen=True):
    """A sector as what happened there names it."""

    sector_id: str
    project_id: str
    name: str
    crop: str | None
    variety: str | None


def bonus_of(*columns: Any) -> Bonus | None:
    """A bonus from its three columns; where all of them are null there is none."""
    return None if columns == (None, None, None) else Bonus(*columns)


def bonus_columns(bonus: Bonus | None) -> dict[str, object]:
    """The three columns of a bonus, by the names of their parameters."""
    type, value, note = (bonus.type, bonus.value, bonus.note) if bonus else (None, None, None)
    return {"bonus_type": type, "bonus_value": value, "bonus_note": note}


def project(tx: Transaction, company: int, project_id: str) -> Project | None:
    row = tx.one(sql.project_by_id, company=company, project_id=project_id)
    return None if row is None else _project(row)


def project_even_if_disabled(tx: Transaction, company: int, project_id: str) -> Project | None:
    row = tx.one(sql.project_even_if_disabled, company=company, project_id=project_id)
    return None if row is None else _project(row)


def projects(tx: Transaction, company: int) -> list[Project]:
    """Those in use, by id."""
    return [_project(row) for row in tx.all(sql.projects, company=company, most=PROJECTS_MAX)]


def projects_even_if_disabled(tx: Transaction, company: int) -> list[Project]:
    return [_project(row) for row in tx.all(sql.projects_even_if_disabled, company=company, most=PROJECTS_MAX)]


def first_zone(tx: Transaction, company: int) -> str | None:
    row = tx.one(sql.first_zone, company=company)
    return None if row is None else row[0]


def add_project(tx: Transaction, company: int, project: Project, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_project, company=company, now=now, **_columns_of_project(project))


def change_project(tx: Transaction, company: int, project: Project, now: int) -> None:
    tx.run(sql.change_project, company=company, now=now, **_columns_of_project(project))


def sector(tx: Transaction, company: int, project_id: str, sector_id: str) -> Sector | None:
    row = tx.one(sql.sector_by_id, company=company, project_id=project_id, sector_id=sector_id)
    return None if row is None else _sector(row)


def sector_even_if_disabled(tx: Transaction, company: int, sector_id: str) -> Sector | None:
    row = tx.one(sql.sector_even_if_disabled, company=company, sector_id=sector_id)
    return None if row is None else _sector(row)


def sectors(tx: Transaction, company: int, project_id: str) -> list[Sector]:
    """Those in use of a project, by id."""
    found = tx.all(sql.sectors_of_project, company=company, project_id=project_id, most=SECTORS_MAX)
    return [_sector(row) for row in found]


def named_sectors(tx: Transaction, company: int) -> list[NamedSector]:
    """Disabled ones too, by id."""
    return [NamedSector(*row) for row in tx.all(sql.named_sectors, company=company, most=SECTORS_MAX)]


def named_projects(tx: Transaction, company: int) -> list[NamedProject]:
    """Disabled ones too, by id."""
    found = tx.all(sql.named_projects, company=company, most=PROJECTS_MAX)
    return [NamedProject(identity, name, zone, bool(disabled)) for identity, name, zone, disabled in found]


def sectors_even_if_disabled(tx: Transaction, company: int, project_id: str) -> list[Sector]:
    found = tx.all(sql.sectors_even_if_disabled, company=company, project_id=project_id, most=SECTORS_MAX)
    return [_sector(row) for row in found]


def add_sector(tx: Transaction, company: int, sector: Sector, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_sector, company=company, now=now, **msgspec.structs.asdict(sector))


def change_sector(tx: Transaction, company: int, sector: Sector, now: int) -> None:
    tx.run(sql.change_sector, company=company, now=now, **msgspec.structs.asdict(sector))


def size(tx: Transaction, company: int) -> tuple[int, int, int]:
    """How many projects, how many sectors, and how many characters their boundaries have together."""
    of_projects, of_sectors = (
        tx.one(sql.size_of_projects, company=company),
        tx.one(sql.size_of_sectors, company=company),
    )
    assert of_projects is not None
    assert of_sectors is not None
    return of_projects[0], of_sectors[0], of_projects[1] + of_sectors[1]


def places_stamp(tx: Transaction, company: int) -> bytes | None:
    """Random bytes that are others after each change of where something lies; None before the first boundary."""
    row = tx.one(sql.places_stamp, company=company)
    stamp: bytes | None = None if row is None else row[0]
    return stamp


def set_places_stamp(tx: Transaction, company: int, stamp: bytes) -> None:
    tx.run(sql.set_places_stamp, company=company, stamp=stamp)


def sector_boundaries(tx: Transaction, company: int) -> list[tuple[str, str, str]]:
    """sectorId, projectId and boundary of every sector that a point may lie in."""
    found = tx.all(sql.sector_boundaries, company=company, most=SECTORS_MAX)
    return [(sector_id, project_id, boundary) for sector_id, project_id, boundary in found]


def project_boundaries(tx: Transaction, company: int) -> list[tuple[str, str]]:
    """projectId and boundary of every project that a point may lie in."""
    found = tx.all(sql.project_boundaries, company=company, most=PROJECTS_MAX)
    return [(project_id, boundary) for project_id, boundary in found]


def _project(row: Row) -> Project:
    identity, name, zone, unit, price, *bonus, hours, boundary, disabled = row
    return Project(identity, name, zone, unit, price, bonus_of(*bonus), hours, boundary, bool(disabled))


def _columns_of_project(project: Project) -> dict[str, object]:
    columns: dict[str, object] = msgspec.structs.asdict(project)
    del columns["bonus"]
    return columns | bonus_columns(project.bonus)


def _sector(row: Row) -> Sector:
    identity, project_id, name, crop, variety, boundary, disabled = row
    return Sector(identity, project_id, name, crop, variety, boundary, bool(disabled))
