"""Where a point lies: the smallest sector that covers it, edges included, by the boundaries of this moment."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydrobit.audit.service import Author
from hydrobit.demo import company as demo
from hydrobit.projects import boundaries, places, service
from hydrobit.projects.places import NOWHERE, Place, Places
from hydrobit.projects.store import Project, Sector
from hydrobit.storage.engine import Store, Transaction
from tests import embedded, engines
from tests.embedded import ADMIN, DAWN, NEIGHBOUR, MovedClock

AUTHOR = Author(ADMIN.company, ADMIN.user_id, DAWN, os.urandom)
LOT_1, LOT_2 = Place(demo.PROJECT, "sector_001"), Place(demo.PROJECT, "sector_002")
IN_LOT_1, IN_LOT_2, ON_THE_TRACK, IN_TOWN = (
    (-99.1332, 19.4326),
    (-99.13147, 19.4326),
    (-99.132423, 19.4324),
    (-99.2, 19.4),
)
ANYWHERE = (-99.15, 19.42, -99.11, 19.45)


def boundary(edges: tuple[float, float, float, float]) -> str:
    """The boundary of a field that runs along the compass: west, south, east and north edge."""
    west, south, east, north = edges
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return boundaries.read({"type": "Polygon", "coordinates": [corners]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    embedded.prepare(tmp_path, MovedClock())
    with engines.opened(tmp_path) as opened:
        yield opened


def at(store: Store, point: tuple[float, float], company: int = ADMIN.company) -> Place:
    """Where a point belongs: the first place that covers it."""
    return next(iter(store.read(places.covering, company, *point)), NOWHERE)


def disable(store: Store, sector_id: str, disabled: bool = True) -> None:
    store.write(service.change_sector, AUTHOR, demo.PROJECT, sector_id, {"disabled": disabled})


def test_a_point_in_a_sector_is_in_it_and_in_its_project(store: Store) -> None:
    assert (at(store, IN_LOT_1), at(store, IN_LOT_2)) == (LOT_1, LOT_2)


def test_a_point_between_the_sectors_is_in_the_project_alone(store: Store) -> None:
    assert at(store, ON_THE_TRACK) == Place(demo.PROJECT, None)


def test_a_point_outside_of_everything_is_nowhere(store: Store) -> None:
    assert at(store, IN_TOWN) == NOWHERE


def test_a_point_on_a_boundary_is_inside(store: Store) -> None:
    west, south, east, north = -98.0, 19.0, -97.0, 20.0
    field = Sector("field", demo.PROJECT, "Field", boundary=boundary((west, south, east, north)))
    store.write(service.add_sector, AUTHOR, field)
    for point in ((west, south), (east, north), (west, 19.433), (-97.133, north)):
        assert at(store, point).sector_id == "field"


def test_the_smallest_sector_that_covers_a_point_wins(store: Store) -> None:
    large = Sector("sector_large", demo.PROJECT, "All of it", boundary=boundary((-99.14, 19.43, -99.12, 19.44)))
    small = Sector("sector_small", demo.PROJECT, "Seedlings", boundary=boundary((-99.1333, 19.4325, -99.1331, 19.4327)))
    store.write(service.add_sector, AUTHOR, large)
    store.write(service.add_sector, AUTHOR, small)
    assert at(store, IN_LOT_1).sector_id == "sector_small"
    assert at(store, (-99.1334, 19.4332)) == LOT_1
    assert at(store, ON_THE_TRACK).sector_id == "sector_large"


def test_a_hole_is_outside(store: Store) -> None:
    outer = [[-98.0, 19.0], [-97.0, 19.0], [-97.0, 20.0], [-98.0, 20.0], [-98.0, 19.0]]
    hole = [[-97.6, 19.4], [-97.6, 19.6], [-97.4, 19.6], [-97.4, 19.4], [-97.6, 19.4]]
    text = boundaries.read({"type": "Polygon", "coordinates": [outer, hole]})
    store.write(service.add_sector, AUTHOR, Sector("ring", demo.PROJECT, "Ring", boundary=text))
    assert at(store, (-97.9, 19.5)).sector_id == "ring"
    assert at(store, (-97.5, 19.5)) == NOWHERE
    assert at(store, (-97.6, 19.5)).sector_id == "ring"


def test_another_companys_boundaries_say_nothing(store: Store) -> None:
    assert at(store, IN_LOT_1, NEIGHBOUR.company) == NOWHERE


def test_a_change_is_seen_at_once_also_when_another_process_made_it(store: Store, tmp_path: Path) -> None:
    assert at(store, IN_LOT_1) == LOT_1
    with engines.opened(tmp_path) as other:
        other.write(
            service.change_sector, AUTHOR, demo.PROJECT, "sector_001", {"boundary": boundary((10.0, 10.0, 11.0, 11.0))}
        )
    assert at(store, IN_LOT_1) == Place(demo.PROJECT, None)


def test_what_is_disabled_covers_nothing_until_it_is_enabled(store: Store) -> None:
    disable(store, "sector_001")
    assert at(store, IN_LOT_1) == Place(demo.PROJECT, None)
    store.write(service.change_project, AUTHOR, demo.PROJECT, {"disabled": True})
    assert (at(store, IN_LOT_1), at(store, IN_LOT_2)) == (NOWHERE, NOWHERE)
    store.write(service.change_project, AUTHOR, demo.PROJECT, {"disabled": False})
    disable(store, "sector_001", False)
    assert at(store, IN_LOT_1) == LOT_1


def test_a_change_that_is_taken_back_leaves_no_index(store: Store) -> None:
    class TakenBackError(Exception):
        pass

    def change_and_fail(tx: Transaction) -> None:
        service.change_sector(tx, AUTHOR, demo.PROJECT, "sector_001", {"disabled": True})
        assert places.covering(tx, ADMIN.company, *IN_LOT_1) == [Place(demo.PROJECT, None)]
        raise TakenBackError

    with pytest.raises(TakenBackError):
        store.write(change_and_fail)
    assert at(store, IN_LOT_1) == LOT_1


@pytest.mark.parametrize("limits", [{"companies_max": 1}, {"characters_max": 1}])
def test_the_memory_is_bounded_and_the_answers_stay_right(store: Store, limits: dict[str, Any]) -> None:
    neighbours = Author(NEIGHBOUR.company, NEIGHBOUR.user_id, DAWN, os.urandom)
    there = Project("p", "Theirs", "UTC", "box", 0, None, 12, boundary(ANYWHERE))
    store.write(service.add_project, neighbours, there)
    bounded = Places(**limits)
    for _ in range(3):
        assert store.read(bounded.covering, ADMIN.company, *IN_LOT_1) == [LOT_1, Place(demo.PROJECT, None)]
        assert store.read(bounded.covering, NEIGHBOUR.company, *IN_LOT_1) == [Place("p", None)]
        assert bounded.length == 1
