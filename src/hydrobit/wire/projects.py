"""Shapes of projects and sectors."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import NAME, Auth0Id, Ignored, Success, nothing, number, said
from hydrobit.wire.sessions import PRICE_MAX, UNIT, Bonus, BonusInput

_TEXT: dict[str, Any] = {"maxLength": NAME["maxLength"]}
"""A text that may be left out, and is when it is blank."""
_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
_BOUNDARY = Meta(extra_json_schema={**_OBJECT, "description": "GeoJSON Polygon or MultiPolygon, WGS 84."})
_FILE = Meta(
    extra_json_schema={
        **_OBJECT,
        "description": "FeatureCollection; each feature has the property `sectorId` (or an `id`), and may have "
        "`sector_name`, `crop` and `variety`. A geometry is a Polygon, a MultiPolygon or null.",
    }
)
_PRICE = number("At most 6 decimals.", example=5.5, minimum=0, maximum=PRICE_MAX)
_HOURS = number(example=12, type="integer", minimum=1, maximum=72)
_Disabled = Annotated[bool, Meta(description="True: it is found no more. Nothing of it is deleted.")]


class Sector(Struct, kw_only=True):
    """A sector (lot) of a project."""

    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    crop: Annotated[str, said(example="Blueberry")] | UnsetType = UNSET
    variety: Annotated[str, said(example="Biloxi")] | UnsetType = UNSET
    boundary: Annotated[Raw, _BOUNDARY] | UnsetType = UNSET
    disabled: _Disabled | UnsetType = UNSET


class Project(Struct, kw_only=True):
    """A project (ranch), and what its sessions take when they do not say otherwise."""

    projectId: Annotated[str, said(example="proj_123")]
    companyId: Annotated[str, said(example="comp_12345")]
    projectName: Annotated[str, said(example="Rancho San Pedro")]
    timezone: Annotated[str, said(example="America/Mexico_City")]
    samplingUnit: Annotated[str, said(example="box")]
    pricePerUnit: Annotated[Raw, number(example=5.5)]
    bonus: Bonus | UnsetType = UNSET
    maxDurationHours: Annotated[int, Meta(ge=1, le=72, examples=[12])]
    boundary: Annotated[Raw, _BOUNDARY] | UnsetType = UNSET
    sectors: Annotated[list[Sector], Meta(description="Those in use; in the list of projects.")] | UnsetType = UNSET
    disabled: _Disabled | UnsetType = UNSET


class ProjectListEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: list[Project]


class SectorListEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: list[Sector]


class ProjectInput(Struct):
    """A new project; what is left out gets the usual value."""

    auth0Id: Auth0Id
    projectId: Annotated[str, said("Chosen by the company.", example="proj_123", **NAME)]
    projectName: Annotated[str, said(example="Rancho San Pedro", **NAME)]
    timezone: Annotated[str, said("IANA zone; it decides a session's day.", example="America/Mexico_City", **NAME)]
    samplingUnit: Annotated[str, said("What is counted; `box` when left out.", example="box", **UNIT)] | None = None
    pricePerUnit: Annotated[Raw, _PRICE] = field(default_factory=nothing)
    bonus: BonusInput | None = None
    maxDurationHours: Annotated[Raw, _HOURS] = field(default_factory=nothing)
    boundary: Annotated[Raw, _BOUNDARY] = field(default_factory=nothing)


class ProjectChange(Struct):
    """What is to be changed of a project; sessions that are open keep what they were opened with."""

    auth0Id: Auth0Id
    projectName: Annotated[str, said(example="Rancho San Pedro", **_TEXT)] | None = None
    timezone: Annotated[str, said(example="America/Mexico_City", **_TEXT)] | None = None
    samplingUnit: Annotated[str, said(example="box", **UNIT)] | None = None
    pricePerUnit: Annotated[Raw, _PRICE] = field(default_factory=nothing)
    bonus: BonusInput | None = None
    maxDurationHours: Annotated[Raw, _HOURS] = field(default_factory=nothing)
    boundary: Annotated[Raw, _BOUNDARY] = field(default_factory=nothing)
    disabled: _Disabled | None = None


class SectorInput(Struct):
    """A new sector."""

    auth0Id: Auth0Id
    sectorId: Annotated[str, said("Chosen by the company, unique within it.", example="sector_001", **NAME)]
    sector_name: Annotated[str, said(example="Lote A-1", **NAME)]
    crop: Annotated[str, said(example="Blueberry", **_TEXT)] | None = None
    variety: Annotated[str, said(example="Biloxi", **_TEXT)] | None = None
    boundary: Annotated[Raw, _BOUNDARY] = field(default_factory=nothing)


class SectorChange(Struct):
    """What is to be changed of a sector."""

    auth0Id: Auth0Id
    sector_name: Annotated[str, said(example="Lote A-1", **_TEXT)] | None = None
    crop: Annotated[str, said(example="Blueberry", **_TEXT)] | None = None
    variety: Annotated[str, said(example="Biloxi", **_TEXT)] | None = None
    boundary: Annotated[Raw, _BOUNDARY] = field(default_factory=nothing)
    disabled: _Disabled | None = None


class SectorsInput(Struct):
    """Sectors from a GeoJSON file."""

    auth0Id: Auth0Id
    geojson: Annotated[Raw, _FILE]
    dryRun: Annotated[bool, Meta(description="True: only say what would be done.")] | None = None


class ProjectEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Project
    ignored: Ignored | UnsetType = UNSET


class SectorEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Sector
    ignored: Ignored | UnsetType = UNSET


class SectorsImported(Struct, kw_only=True):
    """The sectorIds of an import, in the order of the file."""

    dryRun: bool
    added: list[str]
    changed: list[str]
    unchanged: list[str]


class SectorsImportedEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: SectorsImported
    ignored: Ignored | UnsetType = UNSET
