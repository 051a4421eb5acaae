"""Commands for the people of a company: companies, users, projects, sectors, tokens."""

import os
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import Data, now, opened, seconds, settings
from hydrobit.errors import SettingError, StoreError
from hydrobit.kit import ids
from hydrobit.kit.amounts import read_amount
from hydrobit.storage.sqlite import SqliteStore

TOKEN_SECONDS_MAX = 365 * 86_400

company = cyclopts.App(name="company", help="Companies.")
user = cyclopts.App(name="user", help="Users and their roles.")
project = cyclopts.App(name="project", help="Projects (ranches).")
sector = cyclopts.App(name="sector", help="Sectors (lots) of a project.")
for group in (company, user, project, sector):
    app.command(group)


@app.command
def token(
    user_id: Annotated[str, Parameter(name="USER")],
    *,
    data: Data = None,
    expires: Annotated[str, Parameter(help="How long it is valid: 15m, 1h, 7d.")] = "1h",
) -> None:
    """Print a token for a user, signed by the store's own key."""
    from hydrobit.identity import store as identity
    from hydrobit.identity.signing import SigningKey
    from hydrobit.storage import directory

    chosen = settings(data=data)
    lifetime_s = seconds(expires, "--expires", TOKEN_SECONDS_MAX)
    user_id = _id(user_id)
    with opened(chosen) as store:
        if store.read(identity.user, user_id) is None:
            raise StoreError(f"there is no user {user_id}; `hydrobit user add` makes one")
    if not chosen.local_tokens:
        raise SettingError("own tokens are switched off (HYDROBIT_LOCAL_TOKENS); take one from your OIDC issuer")
    key = SigningKey.load_or_create(chosen.data / directory.SIGNING_KEY)
    print(key.sign(user_id, now(), lifetime_s, chosen.issuer, chosen.audience))


@company.command(name="add")
def add_company(company_id: str, name: str, *, data: Data = None) -> None:
    """Add a company with an empty ledger."""
    from hydrobit.identity import service

    with opened(settings(data=data), must_exist=False) as store:
        store.write(service.add_company, _id(company_id), _name(name), ids.new_prefix(os.urandom), now())
    print(f"added company {company_id}")


@user.command(name="add")
def add_user(
    user_id: str,
    name: str,
    *,
    company: Annotated[str, Parameter(help="The company's id.")],
    role: Literal["admin", "supervisor", "viewer"] = "supervisor",
    email: str | None = None,
    data: Data = None,
) -> None:
    """Add a user; the id is the `sub` of the user's tokens."""
    from hydrobit.identity import service
    from hydrobit.operation import Role

    with opened(settings(data=data)) as store:
        address = None if email is None else _name(email)
        store.write(service.add_user, _id(user_id), _id(company), _name(name), address, Role(role), now())
    print(f"added user {user_id}")


@project.command(name="add")
def add_project(
    project_id: str,
    name: str,
    *,
    company: Annotated[str, Parameter(help="The company's id.")],
    timezone: Annotated[str, Parameter(help="IANA zone, such as America/Mexico_City.")],
    unit: Annotated[str, Parameter(help="What is counted.")] = "box",
    price: Annotated[str, Parameter(help="Pay per unit.")] = "0",
    hours: Annotated[int, Parameter(help="Greatest length of a session, 1 to 72.")] = 12,
    data: Data = None,
) -> None:
    """Add a project with what its sessions take by default."""
    from hydrobit.projects import service
    from hydrobit.projects.store import Project

    try:
        millionths = read_amount(price.encode())
    except ValueError as e:
        raise SettingError(f"--price {e}") from e
    wanted = Project(_id(project_id), _name(name), timezone, _name(unit), millionths, None, hours)
    with opened(settings(data=data)) as store:
        store.write(service.add_project, _company(store, company), wanted, now())
    print(f"added project {project_id}")


@sector.command(name="add")
def add_sector(
    sector_id: str,
    name: str,
    *,
    company: Annotated[str, Parameter(help="The company's id.")],
    project: Annotated[str, Parameter(help="The project's id.")],
    data: Data = None,
) -> None:
    """Add a sector to a project."""
    from hydrobit.projects import service

    with opened(settings(data=data)) as store:
        store.write(service.add_sector, _company(store, company), project, _id(sector_id), _name(name), now())
    print(f"added sector {sector_id}")


def _company(store: SqliteStore, company_id: str) -> int:
    from hydrobit.identity import store as identity

    number = store.read(identity.company_number, _id(company_id))
    if number is None:
        raise StoreError(f"there is no company {company_id}; `hydrobit company add` makes one")
    return number


def _id(text: str) -> str:
    from hydrobit.wire import fields

    return fields.text(text, "the id")


def _name(text: str) -> str:
    from hydrobit.wire import fields

    return fields.text(text, "the name")
