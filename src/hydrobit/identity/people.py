"""The rules of running a company: its users and itself, as units. Each change writes its line of the audit log.

The author is the user who changes, or the operator at the command line. Whoever is another company's answers as
unknown.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
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


def add_user(tx: Transaction, author: Author, wish: UserWish) -> tuple[Profile, bool]:
    """The user, and whether it is new: the same again is the stored one. Raises Refused, id_taken."""
    ledger.lock_head(tx, author.company)
    known = store.profile(tx, author.company, wish.user_id)
    if known is not None and (known.name, known.role, known.email) == (wish.name, wish.role, wish.email):
        return known, False
    service.add_user(tx, wish.user_id, author.company, wish.name, wish.email, wish.role, author.now)
    added = require(tx, author.company, wish.user_id)
    audit.record(tx, author, "user.add", wish.user_id, None, _user_told(added))
    return added, True


def change_user(tx: Transaction, author: Author, user_id: str, change: ProfileChange) -> Profile:
    """The user as changed; a repeat changes nothing. Raises Refused: user_not_found, own_rights, last_admin."""
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, user_id)
    after = msgspec.structs.replace(
        before,
        name=change.name or before.name,
        role=change.role or before.role,
        email=change.email or before.email,
    )
    if after == before:
        return before
    if before.role is Role.admin and after.role is not Role.admin:
        _keep_an_admin(tx, author, before)
    store.change_user(tx, author.company, after)
    ledger.change_access(tx, author.company)
    audit.record(tx, author, "user.change", user_id, _user_told(before), _user_told(after))
    return after


def switch_user(tx: Transaction, author: Author, user_id: str, active: bool) -> Profile:
    """The user, enabled or disabled; a repeat changes nothing. Raises Refused as `change_user` does."""
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, user_id)
    if active == (before.disabled_at is None):
        return before
    if before.role is Role.admin and not active:
        _keep_an_admin(tx, author, before)
    store.switch_user(tx, author.company, user_id, None if active else author.now)
    ledger.change_access(tx, author.company)
    after = require(tx, author.company, user_id)
    action = "user.enable" if active else "user.disable"
    audit.record(tx, author, action, user_id, _user_told(before), _user_told(after))
    return after


def erase_user(tx: Transaction, author: Author, user_id: str) -> int:
    """Takes name and email from a disabled user, here and in the audit log, and returns how many texts were erased.

    The id stays, since records name who made them. May run twice. Raises Refused: user_not_found, invalid_value.
    """
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, user_id)
    if before.disabled_at is None:
        raise Refused(Code.invalid_value, f"{user_id[:100]} may still call; disable the user first.")
    store.change_user(tx, author.company, msgspec.structs.replace(before, name=ERASED, email=None))
    texts = audit.erase(tx, author.company, AUDITED_AS, user_id)
    audit.record(tx, author, "user.erase", user_id, None, None)
    return texts


def require(tx: Transaction, company: int, user_id: str) -> Profile:
    """Raises Refused, user_not_found."""
    found = store.profile(tx, company, user_id)
    if found is None:
        raise not_found(user_id)
    return found


def not_found(user_id: str) -> Refused:
    """The refusal of a user who is unknown or another company's."""
    return Refused(Code.user_not_found, f"There is no user {user_id[:100]} in the company.")


def find(tx: Transaction, company: int, user_id: str) -> Profile | None:
    """A user of the company, a disabled one too; None where it has no such user."""
    return store.profile(tx, company, user_id)


def _keep_an_admin(tx: Transaction, author: Author, leaving: Profile) -> None:
    """The operator may do it all the same: whoever has the machine can add an admin again."""
    if author.user_id == audit.OPERATOR or leaving.disabled_at is not None:
        return
    if author.user_id == leaving.user_id:
        raise Refused(Code.own_rights, "An admin cannot take their own rights; ask another admin.")
    if not store.has_other_active_admin(tx, author.company, leaving.user_id):
        raise Refused(Code.last_admin, f"{leaving.user_id} is the last active admin; make another one first.")


def add_company(
    tx: Transaction,
    company_id: str,
    name: str,
    refuses_unknown_workers: bool,
    prefix: int,
    now: int,
    random: Callable[[int], bytes],
) -> Company:
    """Adds a company with an empty ledger; the operator's to do. Raises Refused, id_taken."""
    number = service.add_company(tx, company_id, name, prefix, now)
    added = msgspec.structs.replace(store.company(tx, number), refuses_unknown_workers=refuses_unknown_workers)
    store.change_company(tx, added)
    author = Author(number, audit.OPERATOR, now, random)
    audit.record(tx, author, "company.add", company_id, None, _company_told(added))
    return added


def change_company(tx: Transaction, author: Author, name: str | None, refuses_unknown_workers: bool | None) -> Company:
    """The author's company as changed; None stays as it is."""
    ledger.lock_head(tx, author.company)
    before = store.company(tx, author.company)
    after = msgspec.structs.replace(before, name=name or before.name)
    if refuses_unknown_workers is not None:
        after = msgspec.structs.replace(after, refuses_unknown_workers=refuses_unknown_workers)
    if after == before:
        return before
    store.change_company(tx, after)
    audit.record(tx, author, "company.change", after.company_id, _company_told(before), _company_told(after))
    return after


def switch_company(tx: Transaction, author: Author, active: bool) -> Company:
    """The author's company, enabled or disabled with all its users and keys; its history stays."""
    ledger.lock_head(tx, author.company)
    before = store.company(tx, author.company)
    if active == (before.disabled_at is None):
        return before
    store.switch_company(tx, author.company, None if active else author.now)
    ledger.change_access(tx, author.company)
    after = store.company(tx, author.company)
    action = "company.enable" if active else "company.disable"
    audit.record(tx, author, action, after.company_id, _company_told(before), _company_told(after))
    return after


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
