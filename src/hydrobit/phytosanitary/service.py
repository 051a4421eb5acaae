"""The rules of crop health, as units: what may be asked for, sums of a few days, a page of observations.

Each unit is a short read; a span of days is put together from many of them.
"""

from collections import Counter

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.identity import people
from hydrobit.phytosanitary import store
from hydrobit.phytosanitary.reading import Wish
from hydrobit.phytosanitary.store import FormRecord, Observation, Observed
from hydrobit.projects import service as projects
from hydrobit.projects.store import NamedProject, NamedSector
from hydrobit.storage.engine import Transaction
from hydrobit.wire.days import DayRange

SLICE_DAYS = 7
"""So many days are summed in one read."""
RECORDS_A_PAGE = 100
Place = tuple[str, int]
"""Day and number of the record after which a page begins."""
BEGINNING: Place = ("", 0)
ZONE_OF_NO_PROJECT = "UTC"


class Names(msgspec.Struct, frozen=True):
    """The company's projects and sectors by id, disabled ones too: what was observed there stays told."""

    projects: dict[str, NamedProject]
    sectors: dict[str, NamedSector]

    @property
    def timezone(self) -> str:
        """The zone of most projects in use, of all where none is; of two as frequent, that of the first projectId."""
        in_use = [project for project in self.projects.values() if not project.disabled]
        zones = Counter(project.timezone for project in in_use or self.projects.values())
        return max(zones, key=zones.__getitem__, default=ZONE_OF_NO_PROJECT)


class Page(msgspec.Struct, frozen=True):
    """Records with their observations and the names of who handed them in; where the next page begins, if anywhere."""

    records: list[tuple[FormRecord, list[Observation]]]
    user_names: dict[str, str]
    next: Place | None


def names(tx: Transaction, company: int) -> Names:
    """What the company's projects and sectors are called."""
    return Names(projects.named_projects(tx, company), projects.named_sectors(tx, company))


def known_names(tx: Transaction, company: int, wish: Wish) -> Names:
    """Raises Refused: project_not_found, sector_not_found; also for another company's, and another project's sector."""
    found = names(tx, company)
    if wish.project_id is not None and wish.project_id not in found.projects:
        raise Refused(Code.project_not_found, f"There is no project {wish.project_id}.", field="projectId")
    if wish.sector_id is not None:
        sector = found.sectors.get(wish.sector_id)
        if sector is None or wish.project_id not in (None, sector.project_id):
            sentence = f"The company or the project has no sector {wish.sector_id}."
            raise Refused(Code.sector_not_found, sentence, field="sectorId")
    return found


def sums(tx: Transaction, company: int, wish: Wish, days: DayRange) -> tuple[int, list[Observed]]:
    """How many records some days have, and what was observed in them."""
    chosen = (days, wish.project_id, wish.sector_id)
    return store.count_records(tx, company, *chosen), store.observed(tx, company, *chosen)


def page(tx: Transaction, company: int, days: DayRange, after: Place) -> Page:
    """The next records with all that is shown of them."""
    found = store.records(tx, company, days, after, RECORDS_A_PAGE)
    users = {user: people.find(tx, company, user) for user in {record.user_id for record in found}}
    return Page(
        [(record, store.observations(tx, company, record)) for record in found],
        {user: profile.name for user, profile in users.items() if profile is not None},
        (found[-1].day, found[-1].record_no) if len(found) == RECORDS_A_PAGE else None,
    )
