"""Rules of projects and sectors: who finds what, and every change with its line in the audit log.

What is disabled is found no more, and nothing of it is deleted: its sessions and records stay as they are.
"""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.errors import Code, Refused
from hydrobit.ledger import store as ledger
from hydrobit.projects import store
from hydrobit.projects.store import PROJECTS_MAX, SECTORS_MAX, NamedProject, NamedSector, Project, Sector
from hydrobit.storage.engine import Transaction

STAMP_BYTES = 16
BOUNDARY_CHARACTERS_MAX = 16 * 1024 * 1024
"""What the boundaries of one company may have together, so that its list is an answer and its index fits the memory."""


def require(tx: Transaction, company: int, project_id: str) -> Project:
    """The project. Raises Refused, project_not_found, also for another company's."""
    found = store.project(tx, company, project_id)
    if found is None:
        raise _no_project(project_id)
    return found


def require_sector(tx: Transaction, company: int, project_id: str, sector_id: str) -> Sector:
    """The sector. Raises Refused, sector_not_found, also for another project's."""
    found = store.sector(tx, company, project_id, sector_id)
    if found is None:
        raise _no_sector(project_id, sector_id)
    return found


def find_sector(tx: Transaction, company: int, sector_id: str) -> Sector:
    """The sector in use, of whichever project in use. Raises Refused, sector_not_found."""
    found = store.sector_even_if_disabled(tx, company, sector_id)
    if found is None or found.disabled or store.project(tx, company, found.project_id) is None:
        raise Refused(Code.sector_not_found, f"There is no sector {sector_id}.", field="sectorId")
    return found


def zone_of(tx: Transaction, company: int, project_id: str) -> str:
    """The zone of a project that is there, disabled or not."""
    found = store.project_even_if_disabled(tx, company, project_id)
    assert found is not None, "a project is never deleted"
    return found.timezone


def first_zone(tx: Transaction, company: int) -> str | None:
    """The zone of the company's first project by id; None where it has none in use."""
    return store.first_zone(tx, company)


def list_projects(tx: Transaction, company: int) -> list[tuple[Project, list[Sector]]]:
    """Every project in use with its sectors, by id."""
    return [(project, store.sectors(tx, company, project.project_id)) for project in store.projects(tx, company)]


def list_sectors(tx: Transaction, company: int, project_id: str) -> list[Sector]:
    """The sectors in use of a project, by id. Raises Refused, project_not_found."""
    require(tx, company, project_id)
    return store.sectors(tx, company, project_id)


def named_projects(tx: Transaction, company: int) -> dict[str, NamedProject]:
    """Every project by id, in the order of ids; disabled ones too, for what happened there."""
    return {project.project_id: project for project in store.named_projects(tx, company)}


def named_sectors(tx: Transaction, company: int) -> dict[str, NamedSector]:
    """Every sector by id, in the order of ids; disabled ones too, for what happened there."""
    return {sector.sector_id: sector for sector in store.named_sectors(tx, company)}


def every_project(tx: Transaction, company: int) -> list[Project]:
    """The projects of a company by id, disabled ones too; for the operator."""
    return store.projects_even_if_disabled(tx, company)


def every_sector(tx: Transaction, company: int, project_id: str) -> list[Sector]:
    """The sectors of a project by id, disabled ones and those of a disabled project too; for the operator.

    Raises Refused, project_not_found.
    """
    if store.project_even_if_disabled(tx, company, project_id) is None:
        raise _no_project(project_id)
    return store.sectors_even_if_disabled(tx, company, project_id)


def add_project(tx: Transaction, author: Author, project: Project) -> tuple[Project, bool]:
    """The project, and whether it is new: the same again is the stored one.

    Raises Refused: invalid_value for an unknown zone or too many projects, id_taken.
    """
    _known_zone(project.timezone)
    ledger.lock_head(tx, author.company)  # one order for all changes of a company
    stored = store.project_even_if_disabled(tx, author.company, project.project_id)
    if stored is not None:
        if stored != project:
            raise _taken("project", project.project_id, stored.disabled)
        return stored, False
    store.add_project(tx, author.company, project, author.now)
    _written(tx, author, "project", None, project)
    require_room(tx, author.company)
    return project, True


def change_project(tx: Transaction, author: Author, project_id: str, changes: dict[str, Any]) -> Project:
    """The project with some of its fields changed; a change to what is there already leaves no trace.

    Raises Refused: project_not_found, invalid_value.
    """
    ledger.lock_head(tx, author.company)
    stored = store.project_even_if_disabled(tx, author.company, project_id)
    if stored is None:
        raise _no_project(project_id)
    wanted = msgspec.structs.replace(stored, **changes)
    _known_zone(wanted.timezone)
    if wanted != stored:
        store.change_project(tx, author.company, wanted, author.now)
        _written(tx, author, "project", stored, wanted)
        require_room(tx, author.company)
    return wanted


def add_sector(tx: Transaction, author: Author, sector: Sector) -> tuple[Sector, bool]:
    """The sector, and whether it is new: the same again is the stored one.

    Raises Refused: project_not_found, id_taken, invalid_value for too many sectors.
    """
    ledger.lock_head(tx, author.company)
    require(tx, author.company, sector.project_id)
    stored = store.sector_even_if_disabled(tx, author.company, sector.sector_id)
    if stored is not None:
        if stored != sector:
            raise _taken("sector", sector.sector_id, stored.disabled)
        return stored, False
    insert_sector(tx, author, sector)
    require_room(tx, author.company)
    return sector, True


def change_sector(tx: Transaction, author: Author, project_id: str, sector_id: str, changes: dict[str, Any]) -> Sector:
    """The sector with some of its fields changed; a change to what is there already leaves no trace.

    Raises Refused: project_not_found, sector_not_found, invalid_value.
    """
    ledger.lock_head(tx, author.company)
    require(tx, author.company, project_id)
    stored = store.sector_even_if_disabled(tx, author.company, sector_id)
    if stored is None or stored.project_id != project_id:
        raise _no_sector(project_id, sector_id)
    wanted = msgspec.structs.replace(stored, **changes)
    if wanted != stored:
        update_sector(tx, author, stored, wanted)
        require_room(tx, author.company)
    return wanted


def insert_sector(tx: Transaction, author: Author, sector: Sector) -> None:
    """Adds a sector whose id is free to a project that is there."""
    store.add_sector(tx, author.company, sector, author.now)
    _written(tx, author, "sector", None, sector)


def update_sector(tx: Transaction, author: Author, stored: Sector, wanted: Sector) -> None:
    """Writes a sector's new values."""
    store.change_sector(tx, author.company, wanted, author.now)
    _written(tx, author, "sector", stored, wanted)


def require_room(tx: Transaction, company: int) -> None:
    """Raises Refused when the company has more now than it may; what this transaction wrote is undone then."""
    projects, sectors, characters = store.size(tx, company)
    if projects > PROJECTS_MAX:
        raise Refused(Code.invalid_value, f"A company may have at most {PROJECTS_MAX} projects.")
    if sectors > SECTORS_MAX:
        raise Refused(Code.invalid_value, f"A company may have at most {SECTORS_MAX} sectors.")
    if characters > BOUNDARY_CHARACTERS_MAX:
        raise Refused(
            Code.invalid_value,
            f"A company's boundaries may have at most {BOUNDARY_CHARACTERS_MAX} characters together; simplify them.",
        )


def _written(
    tx: Transaction, author: Author, kind: str, before: Project | Sector | None, after: Project | Sector
) -> None:
    """The change's line in the audit log; and a new stamp, where what a point lies in may have changed."""
    if before is None:
        action = "add"
    elif before.disabled != after.disabled:
        action = "disable" if after.disabled else "enable"
    else:
        action = "change"
    subject = after.sector_id if isinstance(after, Sector) else after.project_id
    told = None if before is None else msgspec.to_builtins(before)
    audit.record(tx, author, f"{kind}.{action}", subject, told, msgspec.to_builtins(after))
    if action != "change" or before is None or before.boundary != after.boundary:
        store.set_places_stamp(tx, author.company, author.random(STAMP_BYTES))


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        sentence = f"{name} is not an IANA zone such as America/Mexico_City."
        raise Refused(Code.invalid_value, sentence, field="timezone") from e


def _taken(kind: str, identity: str, disabled: bool) -> Refused:
    state = "is disabled" if disabled else "has other values"
    return Refused(Code.id_taken, f"There is a {kind} {identity} already, and it {state}; change that one instead.")


def _no_project(project_id: str) -> Refused:
    return Refused(Code.project_not_found, f"There is no project {project_id}.", field="projectId")


def _no_sector(project_id: str, sector_id: str) -> Refused:
    return Refused(Code.sector_not_found, f"Project {project_id} has no sector {sector_id}.", field="sectorId")
