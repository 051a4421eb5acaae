"""The rules of running a company: its users and itself, as units. Each change writes its line of the audit log.

`actor` is the user who changes, or the operator at the command line. Whoever is another company's answers as unknown.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from hydrobit.audit import service as audit
from hydrobit.errors import Code, Refused
from hydrobit.identity import service, store
from hydrobit.identity.reading import ProfileChange, UserWish
from hydrobit.identity.store import Company, Profile
from hydrobit.kit.instants import write_instant
from hydrobit.ledger import store as ledger
from hydrobit.operation import Role
from hydrobit.storage.engine import Transaction

AUDITED_AS = "user."
"""How the audit log's actions on a user begin."""
ERASED = "Erased"
Random = Callable[[int], bytes]


def add_user(
    tx: Transaction, company: int, company_id: str, actor: str, wish: UserWish, now: int, random: Random
) -> tuple[Profile, bool]:
    """The user, and whether it is new: the same again is the stored one. Raises Refused, id_taken."""
    ledger.lock_head(tx, company)
    known = store.profile(tx, company, wish.user_id)
    if known is not None and (known.name, known.role, known.email) == (wish.name, wish.role, wish.email):
        return known, False
    service.add_user(tx, wish.user_id, company_id, wish.name, wish.email, wish.role, now)
    added = require(tx, company, wish.user_id)
    audit.record(tx, company, actor, "user.add", wish.user_id, None, _user_told(added), now, random)
    return added, True


def change_user(
    tx: Transaction, company: int, actor: str, user_id: str, change: ProfileChange, now: int, random: Random
) -> Profile:
    """The user as changed; a repeat changes nothing. Raises Refused: user_not_found, own_rights, last_admin."""
    ledger.lock_head(tx, company)
    before = require(tx, company, user_id)
    after = msgspec.structs.replace(
        before,
        name=change.name or before.name,
        role=change.role or before.role,
        email=change.email or before.email,
    )
    if after == before:
        return before
    if before.role is Role.admin and after.role is not Role.admin:
        _keep_an_admin(tx, company, actor, before)
    store.change_user(tx, company, after)
    audit.record(tx, company, actor, "user.change", user_id, _user_told(before), _user_told(after), now, random)
    return after


def switch_user(
    tx: Transaction, company: int, actor: str, user_id: str, active: bool, now: int, random: Random
) -> Profile:
    """The user, enabled or disabled; a repeat changes nothing. Raises Refused as `change_user` does."""
    ledger.lock_head(tx, company)
    before = require(tx, company, user_id)
    if active == (before.disabled_at is None):
        return before
    if before.role is Role.admin and not active:
        _keep_an_admin(tx, company, actor, before)
    store.switch_user(tx, company, user_id, None if active else now)
    after = require(tx, company, user_id)
    action = "user.enable" if active else "user.disable"
    audit.record(tx, company, actor, action, user_id, _user_told(before), _user_told(after), now, random)
    return after


def erase_user(tx: Transaction, company: int, user_id: str, now: int, random: Random) -> int:
    """Takes name and email from a disabled user, here and in the audit log, and returns how many texts were erased.

    The id stays, since records name who made them. May run twice. Raises Refused: user_not_found, invalid_value.
    """
    ledger.lock_head(tx, company)
    before = require(tx, company, user_id)
    if before.disabled_at is None:
        raise Refused(Code.invalid_value, f"{user_id[:100]} may still call; disable the user first.")
    store.change_user(tx, company, msgspec.structs.replace(before, name=ERASED, email=None))
    texts = audit.erase(tx, company, AUDITED_AS, user_id)
    audit.record(tx, company, audit.OPERATOR, "user.erase", user_id, None, None, now, random)
    return texts


def require(tx: Transaction, company: int, user_id: str) -> Profile:
    """Raises Refused, user_not_found."""
    found = store.profile(tx, company, user_id)
    if found is None:
        raise Refused(Code.user_not_found, f"There is no user {user_id[:100]} in the company.")
    return found


def find(tx: Transaction, company: int, user_id: str) -> Profile | None:
    """A user of the company, a disabled one too; None where it has no such user."""
    return store.profile(tx, company, user_id)


def _keep_an_admin(tx: Transaction, company: int, actor: str, leaving: Profile) -> None:
    """The operator may do it all the same: whoever has the machine can add an admin again."""
    if actor == audit.OPERATOR or leaving.disabled_at is not None:
        return
    if actor == leaving.user_id:
        raise Refused(Code.own_rights, "An admin cannot take their own rights; ask another admin.")
    if not store.has_other_active_admin(tx, company, leaving.user_id):
        raise Refused(Code.last_admin, f"{leaving.user_id} is the last active admin; make another one first.")


def add_company(
    tx: Transaction, company_id: str, name: str, refuses_unknown_workers: bool, prefix: int, now: int, random: Random
) -> Company:
    """Adds a company with an empty ledger. Raises Refused, id_taken."""
    service.add_company(tx, company_id, name, prefix, now)
    added = msgspec.structs.replace(require_company(tx, company_id), refuses_unknown_workers=refuses_unknown_workers)
    store.change_company(tx, added)
    audit.record(tx, added.number, audit.OPERATOR, "company.add", company_id, None, _company_told(added), now, random)
    return added


def change_company(
    tx: Transaction,
    company_id: str,
    actor: str,
    name: str | None,
    refuses_unknown_workers: bool | None,
    now: int,
    random: Random,
) -> Company:
    """The company as changed; None stays as it is. Raises Refused, invalid_value for an unknown company."""
    before = _locked_company(tx, company_id)
    after = msgspec.structs.replace(before, name=name or before.name)
    if refuses_unknown_workers is not None:
        after = msgspec.structs.replace(after, refuses_unknown_workers=refuses_unknown_workers)
    if after == before:
        return before
    store.change_company(tx, after)
    told = _company_told(before), _company_told(after)
    audit.record(tx, before.number, actor, "company.change", company_id, *told, now, random)
    return after


def switch_company(tx: Transaction, company_id: str, actor: str, active: bool, now: int, random: Random) -> Company:
    """The company, enabled or disabled with all its users and keys; its history stays. Raises Refused."""
    before = _locked_company(tx, company_id)
    if active == (before.disabled_at is None):
        return before
    store.switch_company(tx, before.number, None if active else now)
    after = require_company(tx, company_id)
    action = "company.enable" if active else "company.disable"
    told = _company_told(before), _company_told(after)
    audit.record(tx, before.number, actor, action, company_id, *told, now, random)
    return after


def require_company(tx: Transaction, company_id: str) -> Company:
    """Raises Refused, invalid_value."""
    found = store.company(tx, company_id)
    if found is None:
        raise Refused(Code.invalid_value, f"There is no company {company_id}.")
    return found


def _locked_company(tx: Transaction, company_id: str) -> Company:
    """The company as nobody else changes it meanwhile. Raises Refused, invalid_value."""
    ledger.lock_head(tx, require_company(tx, company_id).number)
    return require_company(tx, company_id)


def _user_told(user: Profile) -> dict[str, Any]:
    told: dict[str, Any] = {"name": user.name, "role": user.role.value}
    if user.email is not None:
        told["email"] = user.email
    return told | _disabled(user.disabled_at)


def _company_told(company: Company) -> dict[str, Any]:
    told = {"name": company.name, "refusesUnknownWorkers": company.refuses_unknown_workers}
    return told | _disabled(company.disabled_at)


def _disabled(at: int | None) -> dict[str, Any]:
    return {} if at is None else {"disabledAt": write_instant(at)}
