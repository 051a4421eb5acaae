"""Commands for projects (ranches) and their sectors (lots)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
import msgspec
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import AsJson, Data, authored, checked_id, company_number, opened, print_rows, settings
from hydrobit.errors import Refused, SettingError
from hydrobit.kit.amounts import amount_text

if TYPE_CHECKING:
    from hydrobit.projects.store import Project, Sector

project = cyclopts.App(name="project", help="Projects (ranches).")
sector = cyclopts.App(name="sector", help="Sectors (lots) of a project.")
app.command(project)
app.command(sector)

Company = Annotated[str, Parameter(help="The company's id.")]
OfProject = Annotated[str, Parameter(name="--project", help="The project's id.")]
Boundary = Annotated[Path | None, Parameter(help="A GeoJSON file with one Polygon or MultiPolygon, WGS 84.")]
Unit = Annotated[str | None, Parameter(help="What is counted; box when left out of a new project.")]
Price = Annotated[str | None, Parameter(help="Pay per unit.")]
Bonus = Annotated[str | None, Parameter(help="Extra pay: a share such as 10%, or a sum such as 2.5.")]
Hours = Annotated[int | None, Parameter(help="Greatest length of a session, 1 to 72.")]


@project.command(name="add")
def add_project(
    project_id: str,
    name: str,
    *,
    company: Company,
    timezone: Annotated[str, Parameter(help="IANA zone, such as America/Mexico_City.")],
    unit: Unit = None,
    price: Price = None,
    bonus: Bonus = None,
    hours: Hours = None,
    boundary: Boundary = None,
    data: Data = None,
) -> None:
    """Add a project with what its sessions take by default."""
    from hydrobit.projects import reading, service
    from hydrobit.wire.projects import ProjectInput

    wanted = reading.project(
        _shape(
            ProjectInput,
            projectId=project_id,
            projectName=name,
            timezone=timezone,
            **_defaults(unit, price, bonus, hours, boundary),
        )
    )
    with authored(data, company) as (store, author):
        _, is_new = store.write(service.add_project, author, wanted)
    print(f"added project {project_id}" if is_new else f"project {project_id} was there already")


@project.command(name="change")
def change_project(
    project_id: str,
    *,
    company: Company,
    name: str | None = None,
    timezone: Annotated[str | None, Parameter(help="IANA zone, such as America/Mexico_City.")] = None,
    unit: Unit = None,
    price: Price = None,
    bonus: Bonus = None,
    hours: Hours = None,
    boundary: Boundary = None,
    data: Data = None,
) -> None:
    """Change what is given of a project; sessions that are open keep what they were opened with."""
    from hydrobit.projects import reading
    from hydrobit.wire.projects import ProjectChange

    given = _defaults(unit, price, bonus, hours, boundary)
    changes = reading.project_change(_shape(ProjectChange, projectName=name, timezone=timezone, **given))
    _change_project(project_id, company, changes, data)
    print(f"changed project {project_id}")


@project.command(name="list")
def list_projects(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List a company's projects, disabled ones too."""
    from hydrobit.projects import service

    with opened(settings(data=data)) as store:
        found = store.read(service.every_project, company_number(store, company))
    print_rows(map(_project_row, found), as_json, "there is no project")


@project.command(name="disable")
def disable_project(project_id: str, *, company: Company, data: Data = None) -> None:
    """Let a project be found no more; its sessions and records stay."""
    _change_project(project_id, company, {"disabled": True}, data)
    print(f"disabled project {project_id}")


@project.command(name="enable")
def enable_project(project_id: str, *, company: Company, data: Data = None) -> None:
    """Bring a disabled project back."""
    _change_project(project_id, company, {"disabled": False}, data)
    print(f"enabled project {project_id}")


@sector.command(name="add")
def add_sector(
    sector_id: str,
    name: str,
    *,
    company: Company,
    project_id: OfProject,
    crop: str | None = None,
    variety: str | None = None,
    boundary: Boundary = None,
    data: Data = None,
) -> None:
    """Add a sector to a project."""
    from hydrobit.projects import reading, service
    from hydrobit.wire.projects import SectorInput

    given = {"sectorId": sector_id, "sector_name": name, "crop": crop, "variety": variety}
    wanted = reading.sector(checked_id(project_id), _shape(SectorInput, **given, boundary=_boundary(boundary)))
    with authored(data, company) as (store, author):
        _, is_new = store.write(service.add_sector, author, wanted)
    print(f"added sector {sector_id}" if is_new else f"sector {sector_id} was there already")


@sector.command(name="import")
def import_sectors(
    file: Path,
    *,
    company: Company,
    project_id: OfProject,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be done.")] = False,
    data: Data = None,
) -> None:
    """Add and change the sectors of a project from a GeoJSON file; every feature is taken, or none."""
    from hydrobit.projects import importing

    features = importing.read(_geojson(file))
    with authored(data, company) as (store, author):
        done = store.write(importing.add_sectors, author, checked_id(project_id), features, dry_run)
    counts = f"{len(done.added)} added, {len(done.changed)} changed, {len(done.unchanged)} unchanged"
    print(f"{counts}; a dry run, nothing was stored" if dry_run else counts)


@sector.command(name="change")
def change_sector(
    sector_id: str,
    *,
    company: Company,
    project_id: OfProject,
    name: str | None = None,
    crop: str | None = None,
    variety: str | None = None,
    boundary: Boundary = None,
    data: Data = None,
) -> None:
    """Change what is given of a sector."""
    from hydrobit.projects import reading
    from hydrobit.wire.projects import SectorChange

    given = {"sector_name": name, "crop": crop, "variety": variety, "boundary": _boundary(boundary)}
    _change_sector(sector_id, company, project_id, reading.sector_change(_shape(SectorChange, **given)), data)
    print(f"changed sector {sector_id}")


@sector.command(name="list")
def list_sectors(*, company: Company, project_id: OfProject, data: Data = None, as_json: AsJson = False) -> None:
    """List a project's sectors, disabled ones too."""
    from hydrobit.projects import service

    with opened(settings(data=data)) as store:
        found = store.read(service.every_sector, company_number(store, company), checked_id(project_id))
    print_rows(map(_sector_row, found), as_json, "there is no sector")


@sector.command(name="disable")
def disable_sector(sector_id: str, *, company: Company, project_id: OfProject, data: Data = None) -> None:
    """Let a sector be found no more; its sessions and records stay."""
    _change_sector(sector_id, company, project_id, {"disabled": True}, data)
    print(f"disabled sector {sector_id}")


@sector.command(name="enable")
def enable_sector(sector_id: str, *, company: Company, project_id: OfProject, data: Data = None) -> None:
    """Bring a disabled sector back."""
    _change_sector(sector_id, company, project_id, {"disabled": False}, data)
    print(f"enabled sector {sector_id}")


def _change_project(project_id: str, company: str, changes: dict[str, Any], data: Path | None) -> None:
    from hydrobit.projects import service

    with authored(data, company) as (store, author):
        store.write(service.change_project, author, checked_id(project_id), changes)


def _change_sector(sector_id: str, company: str, project_id: str, changes: dict[str, Any], data: Path | None) -> None:
    from hydrobit.projects import service

    with authored(data, company) as (store, author):
        store.write(service.change_sector, author, checked_id(project_id), checked_id(sector_id), changes)


def _project_row(one: "Project") -> dict[str, Any]:
    return {
        "projectId": one.project_id,
        "projectName": one.name,
        "timezone": one.timezone,
        "samplingUnit": one.sampling_unit,
        "pricePerUnit": amount_text(one.price),
        "maxDurationHours": one.max_duration_hours,
        "boundary": one.boundary is not None,
        "disabled": one.disabled,
    }


def _sector_row(one: "Sector") -> dict[str, Any]:
    return {
        "sectorId": one.sector_id,
        "sector_name": one.name,
        "crop": one.crop,
        "variety": one.variety,
        "boundary": one.boundary is not None,
        "disabled": one.disabled,
    }


def _shape(shape: type[msgspec.Struct], **given: Any) -> Any:
    """The request that says the same, so that flags are held to the rules of the API."""
    return shape(auth0Id="", **{name: value for name, value in given.items() if value is not None})


def _defaults(
    unit: str | None, price: str | None, bonus: str | None, hours: int | None, boundary: Path | None
) -> dict[str, Any]:
    return {
        "samplingUnit": unit,
        "pricePerUnit": None if price is None else _number(price, "--price"),
        "bonus": None if bonus is None else _bonus(bonus),
        "maxDurationHours": None if hours is None else _number(str(hours), "--hours"),
        "boundary": _boundary(boundary),
    }


def _bonus(text: str) -> Any:
    from hydrobit.wire.sessions import BonusInput

    kind = "percent" if text.endswith("%") else "flat"
    return BonusInput(kind, _number(text.removesuffix("%"), "--bonus"))  # type: ignore[arg-type]


def _number(text: str, flag: str) -> msgspec.Raw:
    from hydrobit.kit.amounts import read_amount

    try:
        read_amount(text.encode())
    except ValueError as e:
        raise SettingError(f"{flag} {e}") from e
    return msgspec.Raw(text.encode())


def _boundary(file: Path | None) -> msgspec.Raw | None:
    """The geometry of a file with one area, whether it stands alone or in a feature."""
    from hydrobit.projects.boundaries import geometry_of

    return None if file is None else msgspec.Raw(msgspec.json.encode(geometry_of(_geojson(file))))


def _geojson(file: Path) -> dict[str, Any]:
    from hydrobit.projects import reading

    try:
        return reading.file(file.read_bytes())
    except OSError as e:
        raise SettingError(f"{file} cannot be read: {e.strerror}") from e
    except Refused as e:
        raise SettingError(f"{file}: {e}") from e
