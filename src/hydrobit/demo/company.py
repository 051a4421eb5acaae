"""The demo identities: what tests, documents and the demo name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from hydrobit.audit.service import OPERATOR, Author
from hydrobit.forms import definition
from hydrobit.forms import files as form_files
from hydrobit.forms import service as forms
from hydrobit.identity import service as identity
from hydrobit.identity import store as identity_store
from hydrobit.kit import ids
from hydrobit.operation import Role
from hydrobit.projects import boundaries, importing, reading
from hydrobit.projects import service as projects
from hydrobit.projects.store import Project, Sector
from hydrobit.storage.engine import Transaction
from hydrobit.workers import crew
from hydrobit.workers import service as workers

COMPANY = "comp_12345"
ADMIN = "user_123456789"
SUPERVISOR = "user_987654321"
PROJECT = "proj_123"
SECTORS = {"sector_001": "Lote A-1", "sector_002": "Lote A-2"}
"""The sectors of the ranch that sessions of tests, documents and the demo are opened in. The published example of a
filled form (19.4326, -99.1332) lies in Lote A-1."""

FORM = "form_abc123"
"""The form of the published examples; none of its fields has to be filled in."""
FORMS = ("inspection.yaml", "scouting.yaml", "equipment-check.yaml")

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
"""Who picks in the demo's morning: the first of the ranch's crew."""


def add_demo(tx: Transaction, now: int, random: Callable[[int], bytes]) -> bool:
    """Adds the demo companies to an empty store and says whether it did; a store with companies stays as it is."""
    identity_store.lock_companies(tx)  # of several nodes that start at once, one adds it
    if not identity_store.is_empty(tx):
        return False
    company = identity.add_company(tx, COMPANY, "Rancho San Pedro SA", ids.new_prefix(random), now)
    identity.add_user(tx, ADMIN, company, "Demo Admin", None, Role.admin, now)
    identity.add_user(tx, SUPERVISOR, company, "Demo Supervisor", None, Role.supervisor, now)
    author = Author(company, OPERATOR, now, random)
    boundary = boundaries.read(boundaries.geometry_of(_geojson("ranch.geojson")))
    projects.add_project(tx, author, _project(PROJECT, "Rancho San Pedro", "America/Mexico_City", boundary))
    importing.add_sectors(tx, author, PROJECT, importing.read(_geojson("lots.geojson")), False)
    for name in FORMS:
        forms.add_form(tx, author, definition.read(form_files.read(name, ranch_file("forms", name))[0]))
    for member in crew.read(ranch_file("crew.csv").decode()).members:
        workers.add_worker(tx, author, member.new, None)

    other = identity.add_company(tx, OTHER_COMPANY, "Demo Neighbour", ids.new_prefix(random), now)
    identity.add_user(tx, OTHER_USER, other, "Demo Neighbour", None, Role.admin, now)
    neighbour = Author(other, OPERATOR, now, random)
    projects.add_project(tx, neighbour, _project(OTHER_PROJECT, "Rancho Vecino", "America/Monterrey", None))
    projects.add_sector(tx, neighbour, Sector(OTHER_SECTOR, OTHER_PROJECT, "Lote B-1"))
    return True


def _project(project_id: str, name: str, zone: str, boundary: str | None) -> Project:
    return Project(project_id, name, zone, "box", 5_500_000, None, 12, boundary)


def ranch_file(*path: str) -> bytes:
    """A file of `examples/ranch`, which the package carries too."""
    return files("hydrobit.demo").joinpath("ranch", *path).read_bytes()


def _geojson(name: str) -> dict[str, Any]:
    return reading.file(ranch_file(name))
