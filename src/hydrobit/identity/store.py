"""Queries of companies and users in, values out."""

from dataclasses import dataclass

import msgspec

from hydrobit.errors import StoreMoved
from hydrobit.operation import Device, Role
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.identity")


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored. `company` is None for a user who belongs to none, and then `access_no` is."""

    user_id: str
    company: int | None
    company_id: str | None
    role: Role
    disabled: bool
    access_no: int | None


def user(tx: Transaction, user_id: str) -> User | None:
    row = tx.one(sql.user_with_company, user_id=user_id)
    return None if row is None else _user(row)


def _user(row: Row) -> User:
    user_id, company, company_id, role, user_off, company_off, access_no = row
    is_disabled = user_off is not None or company_off is not None
    return User(user_id, company, company_id, Role(role), is_disabled, access_no)


def user_by_key(tx: Transaction, user_id: str, kid: str) -> tuple[User | None, bool]:
    """The user, and whether the key that proved the token still counts."""
    row = tx.one(sql.user_and_key, user_id=user_id, kid=kid)
    if row is None or row[-1] is not None:
        return None, False
    return (None if row[0] is None else _user(row[:-1])), True


class DeviceFacts(msgspec.Struct, frozen=True):
    """What a device's token is judged by. `device` is None for one that is unknown or revoked, `role` where the user
    whom it acts for is no active one of the company, or there is none.
    """

    company: int
    company_id: str
    disabled: bool
    access_no: int
    device: Device | None
    role: Role | None
    key_counts: bool


def device_facts(
    tx: Transaction, company_id: str, device_id: str, user_id: str | None, kid: str | None
) -> DeviceFacts | None:
    """All of them in one question; None for a company that is not there."""
    row = tx.one(sql.device_facts, company_id=company_id, device_id=device_id, user_id=user_id, kid=kid)
    if row is None:
        return None
    company, found_id, company_off, access_no, device, project, role, key = row
    return DeviceFacts(
        company,
        found_id,
        company_off is not None,
        access_no,
        None if device is None else Device(device, project),
        None if role is None else Role(role),
        key is not None,
    )


class PublicKey(msgspec.Struct, frozen=True):
    """The public half of a key that signs own tokens, as a JSON Web Key. Instants are milliseconds."""

    kid: str
    public: str
    added_at: int
    withdrawn_at: int | None


def signing_key(tx: Transaction, kid: str) -> PublicKey | None:
    row = tx.one(sql.signing_key, kid=kid)
    return PublicKey(*row) if row else None


def signing_keys(tx: Transaction) -> list[PublicKey]:
    """Latest first, withdrawn ones too."""
    return [PublicKey(*row) for row in tx.all(sql.signing_keys)]


def add_signing_key(tx: Transaction, kid: str, public: str, now: int) -> None:
    tx.run(sql.add_signing_key, kid=kid, public=public, now=now)


def withdraw_signing_key(tx: Transaction, kid: str, now: int) -> None:
    tx.run(sql.withdraw_signing_key, kid=kid, now=now)


def company_number(tx: Transaction, company_id: str) -> int | None:
    row = tx.one(sql.company_by_id, company_id=company_id)
    return row[0] if row else None


def add_company(tx: Transaction, company: int, company_id: str, name: str, now: int) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_company, company=company, company_id=company_id, name=name, now=now)


def add_user(
    tx: Transaction, user_id: str, company: int | None, name: str, email: str | None, role: Role, now: int
) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(sql.add_user, user_id=user_id, company=company, name=name, email=email, role=role.value, now=now)


def lock_companies(tx: Transaction) -> None:
    """Until the transaction ends nobody else adds a company. Raises StoreMoved where nobody writes any more."""
    row = tx.one(sql.lock_companies)
    if row is not None and row[0] is not None:
        raise StoreMoved


def is_empty(tx: Transaction) -> bool:
    return last_company_number(tx) == 0


def last_company_number(tx: Transaction) -> int:
    """The highest number of a company; 0 while there is none."""
    row = tx.one(sql.last_company_number)
    return row[0] if row else 0


class Profile(msgspec.Struct, frozen=True):
    """A user as its company sees it. Instants are milliseconds."""

    user_id: str
    name: str
    email: str | None
    role: Role
    created_at: int
    disabled_at: int | None


class Company(msgspec.Struct, frozen=True):
    """A company as the operator sees it. `number` is the store's own."""

    number: int
    company_id: str
    name: str
    refuses_unknown_workers: bool
    created_at: int
    disabled_at: int | None


def profile(tx: Transaction, company: int, user_id: str) -> Profile | None:
    row = tx.one(sql.user_of_company, company=company, user_id=user_id)
    return _profile(row) if row else None


def page_of_users(tx: Transaction, company: int, number: int, length: int) -> tuple[int, list[Profile]]:
    """How many users the company has, disabled ones too, and one page of them in the order of their ids."""
    row = tx.one(sql.count_users, company=company)
    assert row is not None
    found = tx.all(sql.page_of_users, company=company, page=length, skipped=(number - 1) * length)
    return row[0], list(map(_profile, found))


def has_other_active_admin(tx: Transaction, company: int, user_id: str) -> bool:
    return tx.one(sql.other_active_admin, company=company, user_id=user_id) is not None


def change_user(tx: Transaction, company: int, wanted: Profile) -> None:
    """Writes name, email and role."""
    tx.run(
        sql.change_user,
        company=company,
        user_id=wanted.user_id,
        name=wanted.name,
        email=wanted.email,
        role=wanted.role.value,
    )


def switch_user(tx: Transaction, company: int, user_id: str, disabled_at: int | None) -> None:
    tx.run(sql.switch_user, company=company, user_id=user_id, disabled_at=disabled_at)


def company(tx: Transaction, number: int) -> Company:
    row = tx.one(sql.company_profile, company=number)
    assert row is not None, "a company's number is given to nobody before the company is there"
    return _company(row)


def page_of_companies(tx: Transaction, after: int, length: int) -> list[Company]:
    """A page of the companies after a number."""
    return list(map(_company, tx.all(sql.page_of_companies, after=after, page=length)))


def change_company(tx: Transaction, wanted: Company) -> None:
    """Writes the name and whether unknown workers are refused."""
    tx.run(sql.change_company, company=wanted.number, name=wanted.name, refuses=int(wanted.refuses_unknown_workers))


def switch_company(tx: Transaction, number: int, disabled_at: int | None) -> None:
    tx.run(sql.switch_company, company=number, disabled_at=disabled_at)


def _profile(row: Row) -> Profile:
    user_id, name, email, role, created_at, disabled_at = row
    return Profile(user_id, name, email, Role(role), created_at, disabled_at)


def _company(row: Row) -> Company:
    number, company_id, name, refuses, created_at, disabled_at = row
    return Company(number, company_id, name, bool(refuses), created_at, disabled_at)
