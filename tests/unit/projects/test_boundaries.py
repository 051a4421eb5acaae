"""What counts as a boundary, and that the same area is always the same text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.projects import boundaries

Ring = list[list[float]]
SQUARE: Ring = [[-99.134, 19.432], [-99.132, 19.432], [-99.132, 19.434], [-99.134, 19.434], [-99.134, 19.432]]
HOLE: Ring = [[-99.1335, 19.4325], [-99.1335, 19.4335], [-99.1325, 19.4335], [-99.1325, 19.4325], [-99.1335, 19.4325]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def moved(ring: Ring, east: float, north: float = 0.0) -> Ring:
    return [[longitude + east, latitude + north] for longitude, latitude in ring]


def test_a_square_is_kept_as_it_is_said() -> None:
    text = boundaries.read(polygon(SQUARE))
    assert text.startswith('{"coordinates":[[[-99.134,19.432],[-99.132,19.432],')
    assert text.endswith('"type":"Polygon"}')
    assert boundaries.shape(text).equals(boundaries.shape(boundaries.read(polygon(SQUARE))))


def test_a_hole_and_several_parts_are_kept() -> None:
    assert len(boundaries.shape(boundaries.read(polygon(SQUARE, HOLE))).interiors) == 1
    parts = {"type": "MultiPolygon", "coordinates": [[SQUARE], [moved(SQUARE, 0.01)]]}
    assert len(boundaries.shape(boundaries.read(parts)).geoms) == 2


@given(st.integers(0, 3), st.booleans())
def test_the_same_area_is_the_same_text_wherever_it_begins_and_however_it_turns(start: int, turned: bool) -> None:
    corners = SQUARE[:-1][start:] + SQUARE[:-1][:start]
    ring = [*corners, corners[0]]
    assert boundaries.read(polygon(ring[::-1] if turned else ring)) == boundaries.read(polygon(SQUARE))


@given(st.floats(-97.0, -80.0), st.floats(-50.0, 50.0))
def test_reading_what_was_kept_changes_nothing(east: float, north: float) -> None:
    import json

    text = boundaries.read(polygon(moved(SQUARE, east + 80.0, north / 10)))
    assert boundaries.read(json.loads(text)) == text


def test_heights_are_left_out_and_seven_decimals_kept() -> None:
    high = [[longitude + 1e-9, latitude, 2240.5] for longitude, latitude in SQUARE]
    assert boundaries.read(polygon(high)) == boundaries.read(polygon(SQUARE))


BOWTIE = [[-99.134, 19.432], [-99.132, 19.434], [-99.132, 19.432], [-99.134, 19.434], [-99.134, 19.432]]
FLAT = [[-99.134, 19.432], [-99.133, 19.432], [-99.132, 19.432], [-99.134, 19.432]]


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        (None, "must be a GeoJSON Polygon"),
        ([], "must be a GeoJSON Polygon"),
        ({}, "not something without a type"),
        ({"type": "Point", "coordinates": [-99.1, 19.4]}, "not Point"),
        ({"type": "Polygon"}, "a list of rings"),
        ({"type": "Polygon", "coordinates": []}, "a list of rings"),
        ({"type": "Polygon", "coordinates": {}}, "a list of rings"),
        ({"type": "MultiPolygon", "coordinates": []}, "a list of polygons"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE]}, "a position that is not [longitude, latitude]"),
        (polygon([]), "a list of positions"),
        (polygon("text"), "a list of positions"),
        (polygon(SQUARE[:-1]), "is not closed"),
        (polygon(SQUARE[:2] + SQUARE[:1]), "a ring of 3 points"),
        (polygon(BOWTIE), "crosses or overlaps itself near -99.133 19.433"),
        (polygon(FLAT), "crosses or overlaps itself"),
        (polygon([SQUARE[0]] * 5), "not a sound area"),
        (polygon(SQUARE, moved(HOLE, 1.0)), "hole lies outside"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}, "overlaps"),
        (polygon([[latitude, longitude] for longitude, latitude in SQUARE]), "longitude comes first"),
        (polygon([[650_000.0, 2_150_000.0], [650_100.0, 2_150_000.0], [650_100.0, 2_150_100.0]]), "WGS 84"),
        (polygon(moved(SQUARE, -100.0)), "WGS 84"),
        (polygon([[float("nan"), 1.0]] * 4), "WGS 84"),
        (polygon([[10**400, 1]] * 4), "WGS 84"),
        (polygon(moved(SQUARE, 99.1, -19.4)), "the sea at 0,0"),
        (polygon([[-99.134, 19.432], [-99.132, 19.434], [0, 0], [-99.134, 19.432]]), "the sea at 0,0"),
        (polygon([["-99.134", "19.432"]] * 5), "a position that is not"),
        (polygon([[True, False]] * 5), "a position that is not"),
        (polygon([[-99.134]] * 5), "a position that is not"),
        (polygon([[-99.134, 19.432, 0, 0]] * 5), "a position that is not"),
        (polygon([SQUARE[0]] * 10_001), "at most 10000 points"),
        (polygon(*[SQUARE] * 2_001), "at most 10000 points"),
        (polygon(SQUARE) | {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32614"}}}, "WGS 84"),
        (polygon(SQUARE) | {"crs": {"name": "EPSG:32614 4326"}}, "WGS 84"),
        (polygon([[179, 10], [-179, 10], [-179, 11], [179, 11], [179, 10]]), "crosses the 180th meridian"),
    ],
)
def test_what_is_no_boundary_is_refused_with_a_sentence(geometry: object, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is looked at below
        boundaries.read(geometry)
    assert said in str(refused.value)


def test_an_area_on_both_sides_of_the_180th_meridian_is_taken_in_two_parts() -> None:
    parts = [[[[west, 10], [west + 1, 10], [west + 1, 11], [west, 11], [west, 10]]] for west in (179, -180)]
    assert boundaries.read({"type": "MultiPolygon", "coordinates": parts})


def test_the_usual_name_of_wgs84_is_taken() -> None:
    named = polygon(SQUARE) | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}
    assert boundaries.read(named) == boundaries.read(polygon(SQUARE))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "coordinates"]), inner),
        max_leaves=20,
    ),
    st.sampled_from(["Polygon", "MultiPolygon"]),
)
def test_nothing_else_than_a_refusal_comes_of_nonsense(coordinates: object, kind: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any sentence will do
        boundaries.read({"type": kind, "coordinates": coordinates})
