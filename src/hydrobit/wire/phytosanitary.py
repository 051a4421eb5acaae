"""Shapes of crop health: figures of pests and diseases, and the observations that they come from."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.days import DayRange
from hydrobit.wire.fields import Instant, number, said

Success = Literal["success"]
_INCIDENCE = number("Percentage of the observations in which it was found; two decimals, half up.", example=15.5)
_SEVERITY = number(
    "Mean severity of the observations that have one, as a percentage of their scale's top; two decimals, half up. "
    "Left out where none has one.",
    example=25,
)


class PhytoPest(Struct, kw_only=True):
    """One pest or disease in a sector."""

    pest_disease_name: Annotated[str, said(example="Aphids")]
    incidence: Annotated[Raw, _INCIDENCE]
    severity: Annotated[Raw, _SEVERITY] | UnsetType = UNSET


class PhytoSector(Struct, kw_only=True):
    """A sector in which something was looked for; its own figures are over all observations in it."""

    sectorId: Annotated[str, said(example="sector_001")]
    sector_name: Annotated[str, said(example="Lote A-1")]
    incidence: Annotated[Raw, number(example=12.5)]
    severity: Annotated[Raw, number(example=18.3)] | UnsetType = UNSET
    pests_diseases: list[PhytoPest]


class PhytoProject(Struct, kw_only=True):
    """A project and its sectors in which something was looked for."""

    projectId: Annotated[str, said(example="proj_123")]
    projectName: Annotated[str, said(example="Rancho San Pedro")]
    sectors: list[PhytoSector]


class PhytoFilters(Struct, kw_only=True):
    """The ids that were asked for; null is one that was not."""

    companyId: Annotated[str, said(example="comp_12345")] | None
    projectId: Annotated[str, said(example="proj_123")] | None
    sectorId: Annotated[str, said(example="sector_001")] | None


class PhytoSummary(Struct, kw_only=True):
    """Figures of a company, a project or a sector, by sector and by project."""

    status: Success = "success"
    scope: Literal["company", "project", "sector"]
    range: DayRange
    projectTimezone: Annotated[
        str, said("Of the project; of most projects where none was asked for.", example="America/Mexico_City")
    ]
    filters: PhytoFilters
    totalRecords: Annotated[int, Meta(description="Forms with at least one observation.", examples=[42])]
    totalSectors: Annotated[int, Meta(examples=[3])]
    sectors: list[PhytoSector]
    totalProjects: Annotated[int, Meta(examples=[2])]
    projects: list[PhytoProject]


class PhytoCompanySummary(Struct, kw_only=True):
    """Figures of the caller's company, by project."""

    status: Success = "success"
    scope: Literal["company"] = "company"
    range: DayRange
    companyTimezone: Annotated[str, said("Of most projects.", example="America/Monterrey")]
    companyId: Annotated[str, said(example="comp_12345")]
    totalRecords: Annotated[int, Meta(examples=[150])]
    totalProjects: Annotated[int, Meta(examples=[2])]
    projects: list[PhytoProject]


class PhytoResponse(Struct, kw_only=True):
    """One observation: how many were seen, and how bad it was."""

    response_id: Annotated[str, said(example="resp_001")]
    variable_name: Annotated[str, said("The form's field.", example="aphids")]
    variable_type: Annotated[str, said(example="pest")]
    name: Annotated[str, said("The field's label.", example="Aphids")]
    value_number: Annotated[Raw, number(example=12)]
    severity: Annotated[Raw, number("On the field's own scale.", example=3)] | UnsetType = UNSET


class PhytoRecord(Struct, kw_only=True):
    """A form that was handed in, with its observations."""

    record_id: Annotated[str, said(example="rec_abc123")]
    created_at: Annotated[Instant, said("When it reached the server.", example="2025-10-05T14:30:00.000Z")]
    record_time: Annotated[Instant, said("When it was observed in the field.")] | None
    user_id: Annotated[str, said(example="user_789")]
    user_name: Annotated[str, said(example="Juan Perez")] | UnsetType = UNSET
    projectId: Annotated[str, said(example="proj_123")] | UnsetType = UNSET
    project_name: Annotated[str, said(example="Rancho San Pedro")] | UnsetType = UNSET
    sectorId: Annotated[str, said(example="sector_001")] | UnsetType = UNSET
    sector_name: Annotated[str, said(example="Lote A-1")] | UnsetType = UNSET
    crop: Annotated[str, said(example="Blueberry")] | UnsetType = UNSET
    variety: Annotated[str, said(example="Biloxi")] | UnsetType = UNSET
    latitude: Annotated[float, Meta(examples=[19.4326])] | UnsetType = UNSET
    longitude: Annotated[float, Meta(examples=[-99.1332])] | UnsetType = UNSET
    responses: list[PhytoResponse]


class PhytoCompanyRecords(Struct, kw_only=True):
    """Every observation of the caller's company, by day and in the order in which the forms came."""

    status: Success = "success"
    range: DayRange
    companyTimezone: Annotated[str, said("Of most projects.", example="America/Monterrey")]
    companyId: Annotated[str, said(example="comp_12345")]
    totalRecords: Annotated[int, Meta(examples=[3])]
    records: list[PhytoRecord]
