"""The rules of the export, as units: what may be asked for, and one page of it.

A page is one short read, so that a long export takes no reader away from others. Each session's figures are of one
state; two pages may be of two.
"""

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.harvest.reading import Wish
from hydrobit.identity import people
from hydrobit.identity.store import Profile
from hydrobit.ledger.read import Texts
from hydrobit.projects import service as projects
from hydrobit.projects.store import NamedSector
from hydrobit.sessions import service as sessions
from hydrobit.sessions.service import SessionView
from hydrobit.storage.engine import Transaction

SESSIONS_A_PAGE = 5
WORKERS_A_PAGE = 250
"""A page ends with the session that reaches this number."""
Place = tuple[str, int]
"""Day and number of the session after which a page begins."""
BEGINNING: Place = ("", 0)


class Page(msgspec.Struct, frozen=True):
    """Sessions in the order of their days, the users who opened them, and after which the next page begins, if any."""

    views: list[SessionView]
    people: dict[str, Profile]
    next: Place | None


def known_sectors(tx: Transaction, company: int, wish: Wish) -> dict[str, NamedSector]:
    """The company's sectors, disabled ones too, for what was harvested there.

    Raises Refused, not_of_company, for a project or sector that is not there: also for another company's, and for a
    sector of another project.
    """
    sectors = projects.named_sectors(tx, company)
    if wish.project_id is not None and wish.project_id not in projects.named_projects(tx, company):
        raise _not_of_company("projectId", f"The company has no project {wish.project_id}.")
    if wish.sector_id is not None:
        sector = sectors.get(wish.sector_id)
        if sector is None or wish.project_id not in (None, sector.project_id):
            raise _not_of_company("sectorId", f"The company or the project has no sector {wish.sector_id}.")
    return sectors


def page(tx: Transaction, company: int, wish: Wish, after: Place) -> Page:
    """The next sessions with all that is shown of them."""
    views: list[SessionView] = []
    found = sessions.of_days(
        tx, company, wish.first_day, wish.last_day, wish.project_id, wish.sector_id, after, SESSIONS_A_PAGE
    )
    workers = 0
    names: Texts = {}
    for session in found:
        views.append(sessions.view(tx, session, with_workers=True, names=names))
        workers += len(views[-1].workers or ())
        if workers >= WORKERS_A_PAGE:
            break
    profiles = {user: people.find(tx, company, user) for user in {view.session.opened_by for view in views}}
    is_last = len(views) == len(found) < SESSIONS_A_PAGE
    last = None if is_last else (views[-1].session.day, views[-1].session.session_no)
    return Page(views, {user: profile for user, profile in profiles.items() if profile is not None}, last)


def _not_of_company(field: str, sentence: str) -> Refused:
    return Refused(Code.not_of_company, sentence, field=field)
