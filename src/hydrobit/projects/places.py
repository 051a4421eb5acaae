"""Where a point lies: the smallest sector that covers it, else the smallest project. A point on a boundary is inside.

The boundaries of a company are kept in memory, indexed. The stamp that the store draws anew with each change of them
is compared in the caller's own transaction, so that nothing old is ever answered, whichever process made the change.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import msgspec

from hydrobit.projects import boundaries, store
from hydrobit.storage.engine import Transaction

COMPANIES_MAX = 256
CHARACTERS_MAX = 32 * 1024 * 1024
"""What the remembered companies' boundaries may have together, in characters of their texts."""


class Place(msgspec.Struct, frozen=True):
    """A project and a sector of it; both None where no boundary covers the point."""

    project_id: str | None
    sector_id: str | None


NOWHERE = Place(None, None)


class PlaceIndex:
    """The boundaries of one company, as they were when it was made. Any thread may ask."""

    def __init__(self, sectors: Sequence[tuple[str, str, str]], projects: Sequence[tuple[str, str]]) -> None:
        import shapely

        self._point = shapely.Point
        self.characters = sum(len(row[-1]) for row in (*sectors, *projects))
        of_sectors = [(boundaries.shape(text), Place(project, sector)) for sector, project, text in sectors]
        of_projects = [(boundaries.shape(text), Place(project, None)) for project, text in projects]
        by_size: list[tuple[Any, Place]] = [*sorted(of_sectors, key=_size), *sorted(of_projects, key=_size)]
        self._areas = [area for area, _ in by_size]
        self._places = [place for _, place in by_size]
        self._tree = shapely.STRtree(self._areas)
        shapely.prepare(self._areas)
        self._lock = Lock()  # GEOS builds parts of a prepared area when it is first asked

    def place(self, longitude: float, latitude: float) -> Place:
        """The first place that covers the point, in the order sectors, projects, each from small to large."""
        return next(iter(self._covering(longitude, latitude, 1)), NOWHERE)

    def covering(self, longitude: float, latitude: float) -> list[Place]:
        """Every place that covers the point, in the same order."""
        return self._covering(longitude, latitude, len(self._places))

    def _covering(self, longitude: float, latitude: float, most: int) -> list[Place]:
        point = self._point(longitude, latitude)
        covering: list[Place] = []
        with self._lock:
            found: list[int] = self._tree.query(point).tolist()
            for number in sorted(found):
                if self._areas[number].covers(point):
                    covering.append(self._places[number])
                    if len(covering) == most:
                        break
        return covering


class Places:
    """The indexes of the companies that were asked for last."""

    def __init__(self, companies_max: int = COMPANIES_MAX, characters_max: int = CHARACTERS_MAX) -> None:
        self._companies_max, self._characters_max = companies_max, characters_max
        self._indexes: OrderedDict[tuple[int, bytes], PlaceIndex] = OrderedDict()
        self._lock = Lock()

    @property
    def length(self) -> int:
        """How many companies are remembered."""
        return len(self._indexes)

    def locate(self, tx: Transaction, company: int, longitude: float, latitude: float) -> Place:
        """Where a point lies, in degrees WGS 84. It reads only, and may run in any thread and again."""
        index = self._index_of(tx, company)
        return NOWHERE if index is None else index.place(longitude, latitude)

    def covering(self, tx: Transaction, company: int, longitude: float, latitude: float) -> list[Place]:
        """Every place that a point lies in, the first as `locate` tells it."""
        index = self._index_of(tx, company)
        return [] if index is None else index.covering(longitude, latitude)

    def _index_of(self, tx: Transaction, company: int) -> PlaceIndex | None:
        stamp = store.places_stamp(tx, company)
        return None if stamp is None else self._index(tx, company, stamp)

    def _index(self, tx: Transaction, company: int, stamp: bytes) -> PlaceIndex:
        with self._lock:
            index = self._indexes.get((company, stamp))
            if index is not None:
                self._indexes.move_to_end((company, stamp))
                return index
        index = PlaceIndex(store.sector_boundaries(tx, company), store.project_boundaries(tx, company))
        with self._lock:
            self._remember(company, stamp, index)
        return index

    def _remember(self, company: int, stamp: bytes, index: PlaceIndex) -> None:
        for key in [key for key in self._indexes if key[0] == company]:
            del self._indexes[key]
        self._indexes[company, stamp] = index
        while len(self._indexes) > 1 and (
            len(self._indexes) > self._companies_max
            or sum(one.characters for one in self._indexes.values()) > self._characters_max
        ):
            self._indexes.popitem(last=False)


_PLACES = Places()


def locate(tx: Transaction, company: int, longitude: float, latitude: float) -> Place:
    """Where a point lies, in degrees WGS 84, by the boundaries that the transaction sees.

    A point on a boundary is inside; the smallest sector that covers it wins, and where none does the smallest project.
    """
    return _PLACES.locate(tx, company, longitude, latitude)


def covering(tx: Transaction, company: int, longitude: float, latitude: float) -> list[Place]:
    """Every place that a point lies in: sectors, then projects, each from small to large."""
    return _PLACES.covering(tx, company, longitude, latitude)


def _size(area_and_place: tuple[Any, Place]) -> tuple[float, str]:
    area, place = area_and_place
    return area.area, place.sector_id or place.project_id or ""
