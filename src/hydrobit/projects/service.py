"""Rules of projects and sectors."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.kit.amounts import MILLION
from hydrobit.projects import store
from hydrobit.projects.store import Project
from hydrobit.storage.engine import Transaction
from hydrobit.wire.sessions import HOURS_MAX, HOURS_MIN, PRICE_MAX, UNIT_LENGTH_MAX


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
    """Raises Refused for an unknown zone, for what no session may have, and for an id that is taken."""
    if not 0 <= project.price <= PRICE_MAX * MILLION:
        raise Refused(Code.invalid_value, f"The price must lie between 0 and {PRICE_MAX}.")
    if not HOURS_MIN <= project.max_duration_hours <= HOURS_MAX:
        raise Refused(Code.invalid_value, f"The hours must lie between {HOURS_MIN} and {HOURS_MAX}.")
    if len(project.sampling_unit) > UNIT_LENGTH_MAX:
        raise Refused(Code.invalid_value, f"The unit must have at most {UNIT_LENGTH_MAX} characters.")
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
