"""Boundaries: a GeoJSON Polygon or MultiPolygon in WGS 84, checked, and written as one canonical text.

The same area gives the same text, wherever its rings begin and whichever way they turn: coordinates have 7 decimals
(about a centimetre), heights are left out, outer rings turn counter-clockwise (RFC 7946).

shapely is imported where it is needed: a start without it is a quarter of a second shorter and 27 MB smaller.
"""

import re
from typing import Any

from hydrobit.kit import canonical

POINTS_MAX = 10_000
DECIMALS = 7
HALF_THE_GLOBE = 180
"""Degrees; what is wider runs the short way, over the 180th meridian, and would be taken for the long one."""
_NULL_ISLAND = (-1, -1, 1, 1)
"""Open sea around 0, 0, where coordinates end up that were never measured."""
_WORLD_84 = ("CRS84", "4326")


def read(geometry: object) -> str:
    """The canonical text of a geometry. Raises ValueError with a sentence that goes on after the field's name."""
    import shapely

    if not isinstance(geometry, dict):
        raise ValueError("must be a GeoJSON Polygon or MultiPolygon")
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"must be a GeoJSON Polygon or MultiPolygon, not {_shown(kind)}")
    require_wgs84(geometry)
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else _list(coordinates, "a list of polygons")
    left = POINTS_MAX
    polygons = []
    for part in parts:
        rings = []
        for ring in _list(part, "a list of rings"):
            rings.append(_ring(ring, left))
            left -= len(rings[-1])
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
    if any(polygon.bounds[2] - polygon.bounds[0] > HALF_THE_GLOBE for polygon in polygons):
        raise ValueError("crosses the 180th meridian; cut it there into the parts of a MultiPolygon")
    area = polygons[0] if kind == "Polygon" else shapely.MultiPolygon(polygons)
    _require_sound(area)
    return _text(area)


def geometry_of(document: dict[str, Any]) -> object:
    """The one geometry of a document: the document itself, or that of its only feature. Refused later if it is none."""
    features = document.get("features")
    if document.get("type") == "FeatureCollection" and isinstance(features, list) and len(features) == 1:
        document = features[0] if isinstance(features[0], dict) else {}
    return document.get("geometry") if document.get("type") == "Feature" else document


def require_wgs84(document: dict[str, Any]) -> None:
    """Refuses another reference system where a document names one. Raises ValueError."""
    system = document.get("crs")
    properties = system.get("properties") if isinstance(system, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else system
    if name is not None and re.split("[:/]", str(name))[-1] not in _WORLD_84:
        raise ValueError("must be in WGS 84, longitude and latitude in degrees; export it as EPSG:4326")


def shape(text: str) -> Any:
    """The shapely geometry of a canonical text."""
    import shapely

    return shapely.from_geojson(text)


def _ring(ring: object, points_max: int) -> list[tuple[float, float]]:
    positions = _list(ring, "a list of positions")
    if len(positions) > points_max:
        raise ValueError(f"must have at most {POINTS_MAX} points; simplify it")
    points = [_position(position) for position in positions]
    if len(points) < 4:
        raise ValueError(f"has a ring of {len(points)} points; a closed ring has at least 4")
    if points[0] != points[-1]:
        raise ValueError("has a ring that is not closed; its last point must be its first")
    return points


def _position(position: object) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) not in (2, 3) or not all(map(_is_number, position)):
        raise ValueError("has a position that is not [longitude, latitude]")
    longitude, latitude = position[:2]
    if abs(longitude) <= 90 < abs(latitude) <= 180:
        raise ValueError(f"has the latitude {latitude}; its coordinates are swapped, longitude comes first")
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        raise ValueError("must be in WGS 84, longitude and latitude in degrees; export it as EPSG:4326")
    return round(float(longitude), DECIMALS) + 0.0, round(float(latitude), DECIMALS) + 0.0


def _require_sound(area: Any) -> None:
    import shapely

    if not area.is_valid:
        reason, _, place = shapely.is_valid_reason(area).partition("[")
        near = f" near {place.rstrip(']')}" if place else ""
        if "elf-intersection" in reason:
            raise ValueError(f"crosses or overlaps itself{near}")
        raise ValueError(f"is not a sound area: {reason.lower()}{near}")
    if not area.area > 0:
        raise ValueError("must have an area above zero")
    if area.intersects(shapely.box(*_NULL_ISLAND)):
        raise ValueError("lies in the sea at 0,0; its coordinates were not measured")


def _text(area: Any) -> str:
    import shapely
    from shapely.geometry import mapping

    turned = shapely.orient_polygons(shapely.normalize(area), exterior_cw=False)
    return canonical.json_text(mapping(turned))


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must have {what} in its coordinates")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(kind: object) -> str:
    return kind[:30] if isinstance(kind, str) else "something without a type"
