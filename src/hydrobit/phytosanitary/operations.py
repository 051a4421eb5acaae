"""The rows of crop health."""

from collections.abc import AsyncIterator, Mapping

from msgspec import UNSET, Raw, UnsetType

from hydrobit.errors import Code
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.instants import write_instant
from hydrobit.operation import (
    ANYONE,
    COMPANY_ID_QUERY,
    END_DAY_QUERY,
    START_DAY_QUERY,
    Call,
    Context,
    Http,
    Operation,
    Parameter,
    Repeat,
    Reply,
    Scope,
)
from hydrobit.phytosanitary import reading, service
from hydrobit.phytosanitary.figures import Figures, Place
from hydrobit.phytosanitary.reading import Wish
from hydrobit.phytosanitary.service import Names, Page
from hydrobit.phytosanitary.store import FormRecord, Observation
from hydrobit.wire import days
from hydrobit.wire.days import DayRange
from hydrobit.wire.envelope import encode
from hydrobit.wire.phytosanitary import (
    PhytoCompanyRecords,
    PhytoCompanySummary,
    PhytoFilters,
    PhytoPest,
    PhytoProject,
    PhytoRecord,
    PhytoResponse,
    PhytoSector,
    PhytoSummary,
)


async def get_summary(context: Context, call: Call) -> Reply:
    wish = reading.wish(call.query)
    names = await context.engine.read(service.known_names, call.caller.company, wish)
    figures = await _figures(context, call, wish)
    sectors = [_sector(names, *place) for places in figures.projects.values() for place in sorted(places.items())]
    projects = _projects(names, figures)
    return Reply(
        200,
        PhytoSummary(
            scope="sector" if wish.sector_id else "project" if wish.project_id else "company",
            range=wish.span,
            projectTimezone=_timezone(names, wish),
            filters=PhytoFilters(companyId=wish.company_id, projectId=wish.project_id, sectorId=wish.sector_id),
            totalRecords=figures.records,
            totalSectors=len(sectors),
            sectors=sectors,
            totalProjects=len(projects),
            projects=projects,
        ),
    )


async def get_company_summary(context: Context, call: Call) -> Reply:
    wish = Wish(days.span(call.query))
    names = await context.engine.read(service.names, call.caller.company)
    figures = await _figures(context, call, wish)
    projects = _projects(names, figures)
    return Reply(
        200,
        PhytoCompanySummary(
            range=wish.span,
            companyTimezone=names.timezone,
            companyId=call.caller.company_id,
            totalRecords=figures.records,
            totalProjects=len(projects),
            projects=projects,
        ),
    )


async def get_company_records(context: Context, call: Call) -> Reply:
    span = days.span(call.query)
    names = await context.engine.read(service.names, call.caller.company)
    async with context.long_reads:
        first = await context.engine.read(service.page, call.caller.company, span, service.BEGINNING)
    return Reply(200, None, _record_parts(context, call, span, names, first))


async def _figures(context: Context, call: Call, wish: Wish) -> Figures:
    """The sums of the whole span, a few days a read."""
    figures = Figures()
    for part in days.slices(wish.span, service.SLICE_DAYS):
        async with context.long_reads:
            figures.add(*await context.engine.read(service.sums, call.caller.company, wish, part))
    return figures


async def _record_parts(context: Context, call: Call, span: DayRange, names: Names, page: Page) -> AsyncIterator[bytes]:
    """The answer, a page of records at a time; their number is known, and written, at the end."""
    told = {"range": span, "companyTimezone": names.timezone, "companyId": call.caller.company_id}
    before, count = encode({"status": "success", **told})[:-1] + b',"records":[', 0
    while True:
        written = [encode(_record(names, page.user_names, *found)) for found in page.records]
        if written:
            yield before + b",".join(written)
            before, count = b",", count + len(written)
        if page.next is None:
            break
        async with context.long_reads:
            page = await context.engine.read(service.page, call.caller.company, span, page.next)
    yield (before if not count else b"") + b'],"totalRecords":%d}' % count


def _timezone(names: Names, wish: Wish) -> str:
    """The zone of the project that is asked for, or that the sector belongs to; else that of most."""
    project_id = wish.project_id
    if project_id is None and wish.sector_id is not None:
        project_id = names.sectors[wish.sector_id].project_id
    return names.timezone if project_id is None else names.projects[project_id].timezone


def _projects(names: Names, figures: Figures) -> list[PhytoProject]:
    """In the order of ids, and their sectors too."""
    return [
        PhytoProject(
            projectId=project_id,
            projectName=names.projects[project_id].name if project_id in names.projects else project_id,
            sectors=[_sector(names, *place) for place in sorted(places.items())],
        )
        for project_id, places in sorted(figures.projects.items())
    ]


def _sector(names: Names, sector_id: str, place: Place) -> PhytoSector:
    return PhytoSector(
        sectorId=sector_id,
        sector_name=names.sectors[sector_id].name if sector_id in names.sectors else sector_id,
        incidence=write_amount(place.whole.incidence),
        severity=_amount(place.whole.mean_severity),
        pests_diseases=[
            PhytoPest(
                pest_disease_name=name,
                incidence=write_amount(tally.incidence),
                severity=_amount(tally.mean_severity),
            )
            for name, tally in sorted(place.pests.items())
        ],
    )


def _record(
    names: Names, user_names: Mapping[str, str], record: FormRecord, observations: list[Observation]
) -> PhytoRecord:
    project, sector = names.projects.get(record.project_id or ""), names.sectors.get(record.sector_id or "")
    return PhytoRecord(
        record_id=record.record_id,
        created_at=write_instant(record.received_at),
        record_time=None if record.started_at is None else write_instant(record.started_at),
        user_id=record.user_id,
        user_name=user_names.get(record.user_id, UNSET),
        projectId=record.project_id or UNSET,
        project_name=project.name if project else UNSET,
        sectorId=record.sector_id or UNSET,
        sector_name=sector.name if sector else UNSET,
        crop=(sector and sector.crop) or UNSET,
        variety=(sector and sector.variety) or UNSET,
        latitude=UNSET if record.latitude is None else record.latitude,
        longitude=UNSET if record.longitude is None else record.longitude,
        responses=[_response(record, each) for each in observations],
    )


def _response(record: FormRecord, observation: Observation) -> PhytoResponse:
    return PhytoResponse(
        response_id=f"resp_{record.record_id.removeprefix('form_rec_')}_{observation.answer_no}",
        variable_name=observation.variable,
        variable_type="pest",
        name=observation.name,
        value_number=write_amount(observation.value),
        severity=_amount(observation.severity),
    )


def _amount(millionths: int | None) -> Raw | UnsetType:
    return UNSET if millionths is None else write_amount(millionths)


TAG = "Phytosanitary"
PATH = "/api/control/phytosanitary"

OPERATIONS = (
    Operation(
        name="getPhytosanitarySummary",
        tag=TAG,
        summary="Pest and disease figures per sector",
        description=(
            "Sums up the pest and disease answers of forms over a span of local days, at most 180, for a company, a "
            "project or a sector; at least one of the three ids is needed. The smallest of them is the scope."
        ),
        http=Http("GET", f"{PATH}/summary", {200: "The figures."}),
        handler=get_summary,
        answer=PhytoSummary,
        roles=ANYONE,
        scope=Scope.read_phytosanitary,
        repeat=Repeat.reads,
        errors=(Code.missing_field, Code.project_not_found, Code.sector_not_found),
        parameters=(
            COMPANY_ID_QUERY,
            Parameter("projectId", "query", False, "proj_123", "Has to be one of the company's.", is_in_samples=True),
            Parameter("sectorId", "query", False, "sector_001", "Has to be one of the company's."),
            START_DAY_QUERY,
            END_DAY_QUERY,
        ),
    ),
    Operation(
        name="getPhytosanitaryCompanySummary",
        tag=TAG,
        summary="Pest and disease figures for the caller's company",
        description="The same figures, by project, for the company that the caller belongs to.",
        http=Http("GET", f"{PATH}/company-summary", {200: "The figures."}),
        handler=get_company_summary,
        answer=PhytoCompanySummary,
        roles=ANYONE,
        scope=Scope.read_phytosanitary,
        repeat=Repeat.reads,
        errors=(),
        parameters=(START_DAY_QUERY, END_DAY_QUERY),
    ),
    Operation(
        name="getPhytosanitaryCompanyRecords",
        tag=TAG,
        summary="Every pest and disease observation of the caller's company",
        description=(
            "Single observations rather than sums, by day and in the order in which the forms came, for at most 180 "
            "days. The answer is sent while it is made."
        ),
        http=Http("GET", f"{PATH}/company-records", {200: "The observations."}),
        handler=get_company_records,
        answer=PhytoCompanyRecords,
        roles=ANYONE,
        scope=Scope.read_phytosanitary,
        repeat=Repeat.reads,
        errors=(),
        parameters=(START_DAY_QUERY, END_DAY_QUERY),
    ),
)
