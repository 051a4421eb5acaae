"""Commands for running companies: companies, their users, their keys, and the audit log of all changes."""

import json
import os
import sys
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from hydrobit.audit import store as audit_store
from hydrobit.cli import app
from hydrobit.cli.common import (
    PAGE,
    AsJson,
    Company,
    Data,
    all_rows,
    authored,
    checked_id,
    checked_name,
    checked_user,
    company_number,
    now,
    opened,
    operator,
    print_rows,
    seconds,
    settings,
)
from hydrobit.company_keys import reading as key_reading
from hydrobit.company_keys import secret
from hydrobit.company_keys import service as keys
from hydrobit.company_keys import store as key_store
from hydrobit.errors import StoreError
from hydrobit.identity import people, reading
from hydrobit.identity import store as identity
from hydrobit.kit import ids
from hydrobit.kit.instants import write_instant
from hydrobit.storage.engine import Store

KEY_SECONDS_MAX = 10 * 365 * 86_400

RoleName = Literal["admin", "supervisor", "viewer"]
ScopeName = Literal["read:production", "read:phytosanitary", "read:iot", "write:iot"]
Refuses = Annotated[
    bool | None,
    Parameter(
        name="--refuses-unknown-workers",
        negative="--accepts-unknown-workers",
        help="Whether counts of workers who are not in the register are refused.",
    ),
]

company = cyclopts.App(name="company", help="Companies.")
user = cyclopts.App(name="user", help="Users and their roles.")
key = cyclopts.App(name="key", help="Keys of machines.")
audit = cyclopts.App(name="audit", help="Who changed what.")
for group in (company, user, key, audit):
    app.command(group)


@company.command(name="add")
def add_company(company_id: str, name: str, *, refuses: Refuses = None, data: Data = None) -> None:
    """Add a company with an empty ledger."""
    chosen, named = checked_id(company_id), checked_name(name)
    with opened(settings(data=data), must_exist=False) as store:
        store.write(people.add_company, chosen, named, bool(refuses), ids.new_prefix(os.urandom), now(), os.urandom)
    print(f"added company {chosen}")


@company.command(name="change")
def change_company(company_id: str, *, name: str | None = None, refuses: Refuses = None, data: Data = None) -> None:
    """Change a company's name, or whether it refuses unknown workers."""
    named = None if name is None else checked_name(name)
    if named is None and refuses is None:
        raise StoreError("nothing to change; say --name, --refuses-unknown-workers or --accepts-unknown-workers")
    with authored(data, company_id) as (store, author):
        store.write(people.change_company, author, named, refuses)
    print(f"changed company {company_id}")


@company.command(name="disable")
def disable_company(company_id: str, *, data: Data = None) -> None:
    """Refuse all of a company's users and keys within seconds; nothing of it is deleted."""
    with authored(data, company_id) as (store, author):
        store.write(people.switch_company, author, False)
    print(f"disabled company {company_id}")


@company.command(name="enable")
def enable_company(company_id: str, *, data: Data = None) -> None:
    """Let a company's users and keys in again."""
    with authored(data, company_id) as (store, author):
        store.write(people.switch_company, author, True)
    print(f"enabled company {company_id}")


@company.command(name="list")
def list_companies(*, data: Data = None, as_json: AsJson = False) -> None:
    """List all companies, disabled ones too."""
    found: list[identity.Company] = []
    with opened(settings(data=data)) as store:
        while page := store.read(identity.page_of_companies, found[-1].number if found else 0, PAGE):
            found += page
    print_rows(map(_company_row, found), as_json, "there is no company")


@user.command(name="add")
def add_user(
    user_id: str,
    name: str,
    *,
    company: Company,
    role: RoleName = "supervisor",
    email: str | None = None,
    data: Data = None,
) -> None:
    """Add a user; the id is the `sub` of the user's tokens."""
    wish = reading.user_wish(user_id, name, role, email)
    with authored(data, company) as (store, author):
        _, is_new = store.write(people.add_user, author, wish)
    print(f"added user {user_id}" if is_new else f"user {user_id} was there already")


@user.command(name="change")
def change_user(
    user_id: str,
    *,
    name: str | None = None,
    role: RoleName | None = None,
    email: str | None = None,
    data: Data = None,
) -> None:
    """Change a user's name, role or email."""
    change = reading.profile_change(name, role, email)
    with opened(settings(data=data)) as store:
        store.write(people.change_user, operator(_company_of(store, user_id)), user_id, change)
    print(f"changed user {user_id}")


@user.command(name="disable")
def disable_user(user_id: str, *, data: Data = None) -> None:
    """Refuse a user's tokens within seconds; what the user did stays."""
    with opened(settings(data=data)) as store:
        store.write(people.switch_user, operator(_company_of(store, user_id)), user_id, False)
    print(f"disabled user {user_id}")


@user.command(name="enable")
def enable_user(user_id: str, *, data: Data = None) -> None:
    """Let a user in again, in the role of before."""
    with opened(settings(data=data)) as store:
        store.write(people.switch_user, operator(_company_of(store, user_id)), user_id, True)
    print(f"enabled user {user_id}")


@user.command(name="erase")
def erase_user(user_id: str, *, data: Data = None) -> None:
    """Forget the name and email of a disabled user, here and in the audit log; the id and the work stay."""
    with opened(settings(data=data)) as store:
        store.overwrite_erased()
        texts = store.write(people.erase_user, operator(_company_of(store, user_id)), user_id)
    print(f"erased user {user_id}: {texts} texts of the audit log")


@user.command(name="list")
def list_users(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List a company's users, disabled ones too."""
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        found = all_rows(lambda page: store.read(identity.page_of_users, number, page, PAGE))
    print_rows(map(_user_row, found), as_json, "there is no user")


@key.command(name="add")
def add_key(
    name: str,
    *,
    company: Company,
    scope: Annotated[list[ScopeName], Parameter(help="What the key may do; may be said several times.")],
    expires: Annotated[str | None, Parameter(help="How long it counts: 90d, 365d; without it, until revoked.")] = None,
    data: Data = None,
) -> None:
    """Add a key and print it. It is shown this once: nobody can show it again."""
    present = now()
    until = None if expires is None else present + 1000 * seconds(expires, "--expires", KEY_SECONDS_MAX)
    wish, made = key_reading.checked(name, scope, until, present), secret.make(os.urandom)
    with authored(data, company) as (store, author):
        store.write(keys.add_key, author, made, wish)
    print(made.text)
    print(f"added key {made.key_id}; keep what stands above, it is not shown again", file=sys.stderr)


@key.command(name="list")
def list_keys(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List a company's keys, revoked ones too, without their tokens."""
    with opened(settings(data=data)) as store:
        number = company_number(store, company)
        found = all_rows(lambda page: store.read(key_store.page, number, page, PAGE))
    print_rows((_key_row(one, now()) for one in found), as_json, "there is no key")


@key.command(name="revoke")
def revoke_key(key_id: str, *, company: Company, data: Data = None) -> None:
    """Refuse a key for ever, within seconds."""
    with authored(data, company) as (store, author):
        store.write(keys.revoke_key, author, checked_id(key_id))
    print(f"revoked key {key_id}")


@audit.command(name="list")
def list_audit(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List who changed what in a company, latest first."""
    found: list[audit_store.Change] = []
    with opened(settings(data=data)) as store:
        number, before = company_number(store, company), sys.maxsize
        while page := store.read(audit_store.page, number, before, PAGE):
            found += page
            before = page[-1].audit_no
    print_rows(map(_audit_row, found), as_json, "nothing was changed")


def _company_of(store: Store, user_id: str) -> int:
    found = store.read(identity.user, checked_user(user_id))
    if found is None or found.company is None:
        raise StoreError(f"there is no user {user_id}; `hydrobit user add` makes one")
    return found.company


def _company_row(one: identity.Company) -> dict[str, Any]:
    return {
        "companyId": one.company_id,
        "name": one.name,
        "refusesUnknownWorkers": one.refuses_unknown_workers,
        "createdAt": write_instant(one.created_at),
        "disabledAt": _instant(one.disabled_at),
    }


def _user_row(one: identity.Profile) -> dict[str, Any]:
    return {
        "userId": one.user_id,
        "name": one.name,
        "email": one.email,
        "role": one.role.value,
        "createdAt": write_instant(one.created_at),
        "disabledAt": _instant(one.disabled_at),
    }


def _key_row(one: key_store.CompanyKey, present: int) -> dict[str, Any]:
    return {
        "keyId": one.key_id,
        "name": one.name,
        "scopes": " ".join(sorted(one.scopes)),
        "status": one.status(present),
        "createdBy": one.created_by,
        "expiresAt": _instant(one.expires_at),
        "lastUsedAt": _instant(one.last_used_at),
    }


def _audit_row(one: audit_store.Change) -> dict[str, Any]:
    return {
        "auditNo": one.audit_no,
        "at": write_instant(one.at),
        "actor": one.actor,
        "action": one.action,
        "subject": one.subject,
        "before": None if one.before is None else json.loads(one.before),
        "after": None if one.after is None else json.loads(one.after),
    }


def _instant(at: int | None) -> str | None:
    return None if at is None else write_instant(at)
