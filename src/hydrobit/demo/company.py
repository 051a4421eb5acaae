"""The demo identities: what tests, documents and the demo name."""

from collections.abc import Callable
from dataclasses import dataclass

from hydrobit.audit.service import OPERATOR
from hydrobit.identity import service as identity
from hydrobit.identity import store as identity_store
from hydrobit.kit import ids
from hydrobit.ledger.entry import SYSTEM
from hydrobit.operation import Role
from hydrobit.projects import boundaries
from hydrobit.projects import service as projects
from hydrobit.projects.service import Author
from hydrobit.projects.store import Project, Sector
from hydrobit.storage.engine import Transaction
from hydrobit.workers import service as workers
from hydrobit.workers.reading import NewWorker

COMPANY = "comp_12345"
ADMIN = "user_123456789"
SUPERVISOR = "user_987654321"
PROJECT = "proj_123"
SECTORS = {"sector_001": "Lote A-1", "sector_002": "Lote A-2"}
RANCH = (-99.1352, 19.4312, -99.1272, 19.4352)
LOTS = {"sector_001": (-99.1350, 19.4314, -99.1314, 19.4350), "sector_002": (-99.1310, 19.4314, -99.1274, 19.4350)}
"""Where the ranch and its lots lie: west, south, east and north edge in degrees. The published example of a filled form
(19.4326, -99.1332) lies in Lote A-1."""

OTHER_COMPANY = "comp_67890"
OTHER_USER = "user_555000111"
OTHER_PROJECT = "proj_678"
OTHER_SECTOR = "sector_901"


@dataclass(frozen=True, slots=True)
class CrewMember:
    """A picker of the demo crew."""

    worker_id: str
    first_name: str
    last_name: str
    hire_date: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


CREW = (
    CrewMember("JS0315", "John", "Smith", "2025-03-15"),
    CrewMember("AG0110", "Ana", "García", "2024-01-10"),
    CrewMember("LM0622", "Luis", "Martínez", "2023-06-22"),
    CrewMember("RP0405", "Rosa", "Pérez", "2025-04-05"),
    CrewMember("CH0918", "Carlos", "Hernández", "2022-09-18"),
    CrewMember("MT0227", "María", "Torres", "2024-02-27"),
    CrewMember("PR0711", "Pedro", "Ramírez", "2025-07-11"),
    CrewMember("SL1103", "Sofía", "López", "2023-11-03"),
    CrewMember("JN0816", "José", "Núñez", "2024-08-16"),
    CrewMember("EV0530", "Elena", "Vázquez", "2022-05-30"),
    CrewMember("DO1224", "Diego", "Ortiz", "2024-12-24"),
    CrewMember("IC0303", "Inés", "Cruz", "2025-03-03"),
)


def add_demo(tx: Transaction, now: int, random: Callable[[int], bytes]) -> bool:
    """Adds the demo companies to an empty store and says whether it did; a store with companies stays as it is."""
    identity_store.lock_companies(tx)  # of several nodes that start at once, one adds it
    if not identity_store.is_empty(tx):
        return False
    company = identity.add_company(tx, COMPANY, "Rancho San Pedro SA", ids.new_prefix(random), now)
    identity.add_user(tx, ADMIN, COMPANY, "Demo Admin", None, Role.admin, now)
    identity.add_user(tx, SUPERVISOR, COMPANY, "Demo Supervisor", None, Role.supervisor, now)
    author = Author(company, OPERATOR, now, random)
    projects.add_project(tx, author, _project(PROJECT, "Rancho San Pedro", "America/Mexico_City", boundary(RANCH)))
    for sector_id, name in SECTORS.items():
        lot = Sector(sector_id, PROJECT, name, "Blueberry", "Biloxi", boundary(LOTS[sector_id]))
        projects.add_sector(tx, author, lot)
    for member in CREW:
        new = NewWorker(member.first_name, member.last_name, "field_worker", "full_time", member.hire_date)
        workers.add_worker(tx, company, SYSTEM, new, None, now, random)

    other = identity.add_company(tx, OTHER_COMPANY, "Demo Neighbour", ids.new_prefix(random), now)
    identity.add_user(tx, OTHER_USER, OTHER_COMPANY, "Demo Neighbour", None, Role.admin, now)
    neighbour = Author(other, OPERATOR, now, random)
    projects.add_project(tx, neighbour, _project(OTHER_PROJECT, "Rancho Vecino", "America/Monterrey", None))
    projects.add_sector(tx, neighbour, Sector(OTHER_SECTOR, OTHER_PROJECT, "Lote B-1"))
    return True


def _project(project_id: str, name: str, zone: str, boundary: str | None) -> Project:
    return Project(project_id, name, zone, "box", 5_500_000, None, 12, boundary)


def boundary(edges: tuple[float, float, float, float]) -> str:
    """The boundary of a field that runs along the compass: west, south, east and north edge."""
    west, south, east, north = edges
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return boundaries.read({"type": "Polygon", "coordinates": [corners]})
