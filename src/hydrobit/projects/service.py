"""Rules of projects and sectors."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.projects import store
from hydrobit.projects.store import Project
from hydrobit.storage.engine import Transaction


def require(tx: Transaction, company: int, project_id: str) -> Project:
    """The project. Raises Refused, project_not_found, also for another company's."""
    found = store.project(tx, company, project_id)
    if found is None:
        raise Refused(Code.project_not_found, f"There is no project {project_id}.", field="projectId")
    return found


def require_sector(tx: Transaction, company: int, project_id: str, sector_id: str) -> None:
    """Raises Refused, sector_not_found, also for another project's."""
    if not store.has_sector(tx, company, project_id, sector_id):
        raise Refused(Code.sector_not_found, f"Project {project_id} has no sector {sector_id}.", field="sectorId")


def add_project(tx: Transaction, company: int, project: Project, now: int) -> None:
    """Raises Refused for an unknown zone or an id that is taken."""
    try:
        ZoneInfo(project.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise Refused(Code.invalid_value, f"{project.timezone} is not an IANA zone such as America/Mexico_City.") from e
    try:
        store.add_project(tx, company, project, now)
    except Duplicate as e:
        raise Refused(Code.invalid_value, f"There is a project {project.project_id} already.") from e


def add_sector(tx: Transaction, company: int, project_id: str, sector_id: str, name: str, now: int) -> None:
    """Raises Refused for an unknown project or an id that is taken."""
    require(tx, company, project_id)
    try:
        store.add_sector(tx, company, project_id, sector_id, name, now)
    except Duplicate as e:
        raise Refused(Code.invalid_value, f"There is a sector {sector_id} already.") from e
