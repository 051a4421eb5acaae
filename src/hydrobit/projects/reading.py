"""From the shapes of requests to projects and sectors: exact numbers, cleaned texts, checked boundaries."""

from typing import Any

import msgspec
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.projects import boundaries, importing
from hydrobit.projects.importing import Feature
from hydrobit.projects.store import Bonus, Project, Sector
from hydrobit.wire import fields
from hydrobit.wire.projects import ProjectChange, ProjectInput, SectorChange, SectorInput, SectorsInput
from hydrobit.wire.sessions import HOURS_MAX, HOURS_MIN, PRICE_MAX, UNIT_LENGTH_MAX, BonusInput

HOURS_USUAL = 12
UNIT_USUAL = "box"
BOUNDARY_BYTES_MAX = 1024 * 1024
FILE_BYTES_MAX = 8 * 1024 * 1024


def project(body: ProjectInput) -> Project:
    """A new project; what was left out gets the usual value. Raises Refused naming the field."""
    return Project(
        project_id=fields.text(body.projectId, "projectId"),
        name=fields.text(body.projectName, "projectName"),
        timezone=fields.text(body.timezone, "timezone"),
        sampling_unit=fields.optional_text(body.samplingUnit, "samplingUnit", UNIT_LENGTH_MAX) or UNIT_USUAL,
        price=price(body.pricePerUnit) or 0,
        bonus=bonus(body.bonus),
        max_duration_hours=HOURS_USUAL if fields.left_out(body.maxDurationHours) else hours(body.maxDurationHours),
        boundary=boundary(body.boundary),
    )


def project_change(body: ProjectChange) -> dict[str, Any]:
    """The fields of a `Project` that are to be changed. Raises Refused, nothing_to_change when there is none."""
    left_out = fields.left_out(body.maxDurationHours)
    return _given(
        name=fields.optional_text(body.projectName, "projectName"),
        timezone=fields.optional_text(body.timezone, "timezone"),
        sampling_unit=fields.optional_text(body.samplingUnit, "samplingUnit", UNIT_LENGTH_MAX),
        price=price(body.pricePerUnit),
        bonus=bonus(body.bonus),
        max_duration_hours=None if left_out else hours(body.maxDurationHours),
        boundary=boundary(body.boundary),
        disabled=body.disabled,
    )


def sector(project_id: str, body: SectorInput) -> Sector:
    """A new sector. Raises Refused naming the field."""
    return Sector(
        sector_id=fields.text(body.sectorId, "sectorId"),
        project_id=project_id,
        name=fields.text(body.sector_name, "sector_name"),
        crop=fields.optional_text(body.crop, "crop"),
        variety=fields.optional_text(body.variety, "variety"),
        boundary=boundary(body.boundary),
    )


def sector_change(body: SectorChange) -> dict[str, Any]:
    """The fields of a `Sector` that are to be changed. Raises Refused, nothing_to_change when there is none."""
    return _given(
        name=fields.optional_text(body.sector_name, "sector_name"),
        crop=fields.optional_text(body.crop, "crop"),
        variety=fields.optional_text(body.variety, "variety"),
        boundary=boundary(body.boundary),
        disabled=body.disabled,
    )


def features(body: SectorsInput) -> list[Feature]:
    """The features of an import. Raises Refused naming every bad one. Takes a while for a large file."""
    return importing.read(fields.open_object(body.geojson, "geojson", FILE_BYTES_MAX))


def file(content: bytes) -> dict[str, Any]:
    """A GeoJSON file as an object. Raises Refused."""
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        raw = msgspec.json.decode(content, type=Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Refused(Code.invalid_json, "The file is not GeoJSON in UTF-8.") from e
    return fields.open_object(raw, "the file", FILE_BYTES_MAX)


def boundary(raw: Raw) -> str | None:
    """The canonical text of a boundary that may be left out. Raises Refused."""
    if fields.left_out(raw):
        return None
    geometry = fields.open_object(raw, "boundary", BOUNDARY_BYTES_MAX)
    try:
        return boundaries.read(geometry)
    except ValueError as e:
        raise fields.invalid("boundary", e) from e


def hours(raw: Raw) -> int:
    """A session's greatest length, 1 to 72 hours."""
    if fields.left_out(raw):
        raise fields.missing("maxDurationHours")
    return fields.whole(raw, "maxDurationHours", HOURS_MIN, HOURS_MAX)


def price(raw: Raw) -> int | None:
    """A price in millionths, if one was sent."""
    return None if fields.left_out(raw) else fields.amount(raw, "pricePerUnit", 0, PRICE_MAX)


def bonus(body: BonusInput | None) -> Bonus | None:
    """A bonus, if one was sent: a percentage up to 100, or a sum above 0."""
    if body is None:
        return None
    if fields.left_out(body.value):
        raise fields.missing("bonus.value")
    most = 100 if body.type == "percent" else PRICE_MAX
    value = fields.amount(body.value, "bonus.value", 0, most)
    if body.type == "flat" and value == 0:
        raise fields.invalid("bonus.value", "must be above 0 for a flat bonus")
    return Bonus(body.type, value, fields.optional_text(body.note, "bonus.note", fields.NOTE_LENGTH_MAX))


def _given(**values: Any) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value is not None}
    if not given:
        raise Refused(Code.nothing_to_change, "Send at least one field that can be changed.")
    return given
