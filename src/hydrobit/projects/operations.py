"""The rows of projects and sectors: reading them, and setting them up."""

import asyncio

from msgspec import UNSET, Raw, UnsetType

from hydrobit.audit.service import author_of
from hydrobit.errors import Code
from hydrobit.kit.amounts import write_amount
from hydrobit.operation import (
    ADMINS,
    ANYONE,
    AUTH0_ID_QUERY,
    COMPANY_ID_QUERY,
    Call,
    Context,
    Http,
    Operation,
    Parameter,
    Repeat,
    Reply,
    Scope,
)
from hydrobit.projects import importing, reading, service, store
from hydrobit.wire import projects as wire
from hydrobit.wire.body import Body
from hydrobit.wire.sessions import Bonus


async def list_projects(context: Context, call: Call) -> Reply:
    found = await context.engine.read(service.list_projects, call.caller.company)
    return Reply(200, wire.ProjectListEnvelope(data=[_project(call, project, own) for project, own in found]))


async def list_sectors(context: Context, call: Call) -> Reply:
    found = await context.engine.read(service.list_sectors, call.caller.company, call.path["projectId"])
    return Reply(200, wire.SectorListEnvelope(data=[_sector(sector) for sector in found]))


async def add_project(context: Context, call: Call) -> Reply:
    wanted = await asyncio.to_thread(reading.project, call.body)
    project, is_new = await context.engine.write(service.add_project, author_of(context, call), wanted)
    return _answer_project(call, project, is_new)


async def change_project(context: Context, call: Call) -> Reply:
    changes = await asyncio.to_thread(reading.project_change, call.body)
    author = author_of(context, call)
    project = await context.engine.write(service.change_project, author, call.path["projectId"], changes)
    return _answer_project(call, project)


async def add_sector(context: Context, call: Call) -> Reply:
    wanted = await asyncio.to_thread(reading.sector, call.path["projectId"], call.body)
    sector, is_new = await context.engine.write(service.add_sector, author_of(context, call), wanted)
    return _answer_sector(call, sector, is_new)


async def change_sector(context: Context, call: Call) -> Reply:
    changes = await asyncio.to_thread(reading.sector_change, call.body)
    author, path = author_of(context, call), call.path
    sector = await context.engine.write(service.change_sector, author, path["projectId"], path["sectorId"], changes)
    return _answer_sector(call, sector)


async def import_sectors(context: Context, call: Call) -> Reply:
    features = await asyncio.to_thread(reading.features, call.body)
    author, dry_run = author_of(context, call), call.body.dryRun is True
    done = await context.engine.write(importing.add_sectors, author, call.path["projectId"], features, dry_run)
    data = wire.SectorsImported(dryRun=dry_run, added=done.added, changed=done.changed, unchanged=done.unchanged)
    return Reply(200, wire.SectorsImportedEnvelope(data=data, ignored=call.ignored_or_unset))


def _answer_project(call: Call, project: store.Project, is_new: bool = False) -> Reply:
    data = _project(call, project, None)
    return Reply(201 if is_new else 200, wire.ProjectEnvelope(data=data, ignored=call.ignored_or_unset))


def _answer_sector(call: Call, sector: store.Sector, is_new: bool = False) -> Reply:
    data = _sector(sector)
    return Reply(201 if is_new else 200, wire.SectorEnvelope(data=data, ignored=call.ignored_or_unset))


def _project(call: Call, project: store.Project, sectors: list[store.Sector] | None) -> wire.Project:
    return wire.Project(
        projectId=project.project_id,
        companyId=call.caller.company_id,
        projectName=project.name,
        timezone=project.timezone,
        samplingUnit=project.sampling_unit,
        pricePerUnit=write_amount(project.price),
        bonus=_bonus(project.bonus) if project.bonus else UNSET,
        maxDurationHours=project.max_duration_hours,
        boundary=_boundary(project.boundary),
        sectors=UNSET if sectors is None else [_sector(sector) for sector in sectors],
        disabled=project.disabled or UNSET,
    )


def _sector(sector: store.Sector) -> wire.Sector:
    return wire.Sector(
        sectorId=sector.sector_id,
        sector_name=sector.name,
        crop=sector.crop or UNSET,
        variety=sector.variety or UNSET,
        boundary=_boundary(sector.boundary),
        disabled=sector.disabled or UNSET,
    )


def _boundary(text: str | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text.encode())


def _bonus(bonus: store.Bonus) -> Bonus:
    return Bonus(type=bonus.type, value=write_amount(bonus.value), note=bonus.note or UNSET)  # type: ignore[arg-type]


TAG = "Projects"
PATH = "/api/control/projects"
ADMIN_PATH = "/api/control/admin/projects"
PROJECT_ID = Parameter("projectId", "path", True, "proj_123")
SECTOR_ID = Parameter("sectorId", "path", True, "sector_001")
_SQUARE = {
    "type": "Polygon",
    "coordinates": [
        [[-99.134, 19.432], [-99.132, 19.432], [-99.132, 19.434], [-99.134, 19.434], [-99.134, 19.432]],
    ],
}
_FEATURE = {
    "type": "Feature",
    "properties": {"sectorId": "sector_003", "sector_name": "Lote A-3", "crop": "Blueberry", "variety": "Biloxi"},
    "geometry": _SQUARE,
}
_BOUNDARY_SAID = "A boundary is closed, does not cross itself, has an area, and names longitude before latitude."

OPERATIONS = (
    Operation(
        name="listProjects",
        tag=TAG,
        summary="List the company's projects with their sectors",
        description="Every project in use, with what its sessions take by default, its sectors and their boundaries.",
        http=Http("GET", PATH, {200: "The projects."}),
        handler=list_projects,
        answer=wire.ProjectListEnvelope,
        roles=ANYONE,
        scope=Scope.read_production,
        repeat=Repeat.reads,
        errors=(),
        parameters=(AUTH0_ID_QUERY, COMPANY_ID_QUERY),
    ),
    Operation(
        name="listProjectSectors",
        tag=TAG,
        summary="List one project's sectors",
        description="Every sector in use of a project in use.",
        http=Http("GET", PATH + "/{projectId}/sectors", {200: "The sectors."}),
        handler=list_sectors,
        answer=wire.SectorListEnvelope,
        roles=ANYONE,
        scope=Scope.read_production,
        repeat=Repeat.reads,
        errors=(Code.project_not_found,),
        parameters=(PROJECT_ID, AUTH0_ID_QUERY),
    ),
    Operation(
        name="addProject",
        tag=TAG,
        summary="Add a project",
        description=f"Adds a project with what its sessions take by default. {_BOUNDARY_SAID}",
        http=Http("POST", ADMIN_PATH, {200: "The same project was there.", 201: "Added."}),
        handler=add_project,
        request=Body(wire.ProjectInput),
        answer=wire.ProjectEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.id_taken,),
        request_examples={
            "project": {
                "auth0Id": "user_123456789",
                "projectId": "proj_124",
                "projectName": "Rancho Nuevo",
                "timezone": "America/Mexico_City",
                "samplingUnit": "box",
                "pricePerUnit": 5.5,
                "boundary": _SQUARE,
            }
        },
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="changeProject",
        tag=TAG,
        summary="Change or disable a project",
        description=(
            "Changes what is sent. Sessions that were opened keep what they were opened with; a disabled project is "
            f"found no more, opens no sessions, and loses nothing. {_BOUNDARY_SAID}"
        ),
        http=Http("PATCH", ADMIN_PATH + "/{projectId}", {200: "Changed."}),
        handler=change_project,
        request=Body(wire.ProjectChange),
        request_examples={"price": {"auth0Id": "user_123456789", "pricePerUnit": 6}},
        answer=wire.ProjectEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.project_not_found, Code.nothing_to_change),
        parameters=(PROJECT_ID,),
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="addSector",
        tag=TAG,
        summary="Add a sector to a project",
        description=f"Adds a sector; its id is unique within the company. {_BOUNDARY_SAID}",
        http=Http("POST", ADMIN_PATH + "/{projectId}/sectors", {200: "The same sector was there.", 201: "Added."}),
        handler=add_sector,
        request=Body(wire.SectorInput),
        request_examples={
            "sector": {
                "auth0Id": "user_123456789",
                "sectorId": "sector_009",
                "sector_name": "Lote B-1",
                "crop": "Blueberry",
                "variety": "Biloxi",
            }
        },
        answer=wire.SectorEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.project_not_found, Code.id_taken),
        parameters=(PROJECT_ID,),
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="changeSector",
        tag=TAG,
        summary="Change or disable a sector",
        description=f"Changes what is sent; a disabled sector is found no more, and loses nothing. {_BOUNDARY_SAID}",
        http=Http("PATCH", ADMIN_PATH + "/{projectId}/sectors/{sectorId}", {200: "Changed."}),
        handler=change_sector,
        request=Body(wire.SectorChange),
        request_examples={"variety": {"auth0Id": "user_123456789", "crop": "Blueberry", "variety": "Atlas"}},
        answer=wire.SectorEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.project_not_found, Code.sector_not_found, Code.nothing_to_change),
        parameters=(PROJECT_ID, SECTOR_ID),
        body_limit="bulk_body_bytes_max",
    ),
    Operation(
        name="importSectors",
        tag=TAG,
        summary="Add and change sectors from a GeoJSON file",
        description=(
            "Takes every feature of a FeatureCollection (at most 1,000), or none: a refusal names every bad one. A "
            "sector that is there already gets what the file says of it; what the file is silent on stays."
        ),
        http=Http("POST", ADMIN_PATH + "/{projectId}/import", {200: "What was done, or would be."}),
        handler=import_sectors,
        request=Body(wire.SectorsInput),
        answer=wire.SectorsImportedEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.project_not_found, Code.id_taken),
        parameters=(PROJECT_ID,),
        request_examples={
            "file": {
                "auth0Id": "user_123456789",
                "geojson": {"type": "FeatureCollection", "features": [_FEATURE]},
                "dryRun": True,
            }
        },
        body_limit="bulk_body_bytes_max",
    ),
)
