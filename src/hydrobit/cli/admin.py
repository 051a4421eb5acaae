"""Commands for the people of a company: companies, users, tokens."""

import os
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import Data, checked_id, checked_name, now, opened, seconds, settings
from hydrobit.errors import SettingError, StoreError
from hydrobit.kit import ids

TOKEN_SECONDS_MAX = 365 * 86_400

company = cyclopts.App(name="company", help="Companies.")
user = cyclopts.App(name="user", help="Users and their roles.")
for group in (company, user):
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
    with opened(data) as store:
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

    with opened(data, must_exist=False) as store:
        store.write(service.add_company, checked_id(company_id), checked_name(name), ids.new_prefix(os.urandom), now())
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

    with opened(data) as store:
        store.write(service.add_user, checked_id(user_id), company, checked_name(name), email, Role(role), now())
    print(f"added user {user_id}")
