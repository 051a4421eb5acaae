"""Sectors from a GeoJSON file: each feature is a sector; all of them are taken, or none.

A feature names its sector by the property `sectorId` (else by its own `id`), and may bring `sector_name`, `name`,
`crop` and `variety`. A sector that is there gets what the file says of it, so that a corrected file is simply
imported again; what the file is silent on stays.
"""

from collections import Counter
from typing import Any

import msgspec

from hydrobit.audit.service import Author
from hydrobit.errors import Code, Refused
from hydrobit.ledger import store as ledger
from hydrobit.projects import boundaries, service, store
from hydrobit.projects.store import Sector
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields

FIELD = "geojson"
FEATURES_MAX = 1_000
"""A longer file would hold the one writer for too long; counts wait behind it."""


class Feature(msgspec.Struct, frozen=True):
    """What a feature says of a sector; None where it is silent."""

    sector_id: str
    name: str | None
    crop: str | None
    variety: str | None
    boundary: str | None


class Imported(msgspec.Struct, frozen=True):
    """The sectorIds of an import, in the order of the file."""

    added: list[str]
    changed: list[str]
    unchanged: list[str]


def read(document: dict[str, Any]) -> list[Feature]:
    """The features of a FeatureCollection or of a single Feature. Raises Refused that names every bad one."""
    try:
        boundaries.require_wgs84(document)
    except ValueError as e:
        raise fields.invalid(FIELD, e) from e
    given = [document] if document.get("type") == "Feature" else document.get("features")
    if not isinstance(given, list) or not given:
        raise fields.invalid(FIELD, "must be a FeatureCollection with at least one feature")
    if len(given) > FEATURES_MAX:
        raise fields.invalid(FIELD, f"must have at most {FEATURES_MAX} features; send them in several files")
    found: list[Feature] = []
    faults: list[str] = []
    for number, one in enumerate(given, start=1):
        try:
            found.append(_feature(one))
        except (ValueError, Refused) as e:
            faults.append(f"feature {number}{_called(one)}: {e}".rstrip("."))
    times = Counter(feature.sector_id for feature in found)
    faults += [f"the sectorId {one} stands {count} times" for one, count in times.items() if count > 1]
    _refuse(faults, len(given))
    return found


def add_sectors(tx: Transaction, author: Author, project_id: str, features: list[Feature], dry_run: bool) -> Imported:
    """Adds and changes sectors of a project; a dry run only says what would be done.

    Raises Refused: project_not_found; id_taken naming every sector of another project and every disabled one;
    invalid_value for too many sectors.
    """
    ledger.lock_head(tx, author.company)
    service.require(tx, author.company, project_id)
    stored = {one.sector_id: store.sector_even_if_disabled(tx, author.company, one.sector_id) for one in features}
    _refuse_taken(project_id, [sector for sector in stored.values() if sector is not None])
    done = Imported([], [], [])
    for feature in features:
        before = stored[feature.sector_id]
        wanted = _sector(project_id, feature, before)
        list_of_ids = done.added if before is None else done.unchanged if wanted == before else done.changed
        list_of_ids.append(wanted.sector_id)
        if dry_run or wanted == before:
            continue
        if before is None:
            service.insert_sector(tx, author, wanted)
        else:
            service.update_sector(tx, author, before, wanted)
    service.require_room(tx, author.company)
    return done


def _feature(one: object) -> Feature:
    if not isinstance(one, dict) or one.get("type") != "Feature":
        raise ValueError("is not a GeoJSON Feature")
    properties = one.get("properties") or {}
    if not isinstance(properties, dict):
        raise ValueError("has properties that are no object")
    identity = _text(properties, "sectorId") or _text(one, "id")
    if identity is None:
        raise ValueError("has neither the property sectorId nor an id")
    geometry = one.get("geometry")
    return Feature(
        sector_id=identity,
        name=_text(properties, "sector_name") or _text(properties, "name"),
        crop=_text(properties, "crop"),
        variety=_text(properties, "variety"),
        boundary=None if geometry is None else boundaries.read(geometry),
    )


def _text(members: dict[str, Any], name: str) -> str | None:
    """A text; a number counts as one, because files often number their lots."""
    value = members.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"has a {name} that is no text")
    return fields.optional_text(value, name)


def _sector(project_id: str, feature: Feature, before: Sector | None) -> Sector:
    if before is None:
        before = Sector(feature.sector_id, project_id, feature.sector_id)
    return msgspec.structs.replace(
        before,
        name=feature.name or before.name,
        crop=feature.crop or before.crop,
        variety=feature.variety or before.variety,
        boundary=feature.boundary or before.boundary,
    )


def _refuse_taken(project_id: str, stored: list[Sector]) -> None:
    elsewhere = [f"{one.sector_id} (of {one.project_id})" for one in stored if one.project_id != project_id]
    disabled = [f"{one.sector_id} (disabled)" for one in stored if one.project_id == project_id and one.disabled]
    if elsewhere or disabled:
        named = fields.faults([*elsewhere, *disabled])
        sentence = "Give the features of these sectors other ids, or enable those that are disabled"
        raise Refused(Code.id_taken, f"{sentence}: {named}.")


def _refuse(faults: list[str], count: int) -> None:
    if not faults:
        return
    named = fields.faults(faults)
    raise Refused(Code.invalid_value, f"Nothing of the {count} features was stored. {named}.", field=FIELD)


def _called(one: object) -> str:
    """The id of a feature as far as it can be told."""
    if not isinstance(one, dict):
        return ""
    properties = one.get("properties")
    name = (properties.get("sectorId") if isinstance(properties, dict) else None) or one.get("id")
    return f" ({name[:50]})" if isinstance(name, str) else ""
