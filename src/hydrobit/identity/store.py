"""Queries of companies and users in, values out."""

from dataclasses import dataclass

from hydrobit.operation import Role
from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.identity")


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored. `company` is None for a user who belongs to none."""

    user_id: str
    company: int | None
    company_id: str | None
    role: Role
    disabled: bool


def user(tx: Transaction, user_id: str) -> User | None:
    row = tx.one(sql.user_with_company, user_id=user_id)
    if row is None:
        return None
    user_id, company, company_id, role, user_off, company_off = row
    return User(user_id, company, company_id, Role(role), user_off is not None or company_off is not None)


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


def is_empty(tx: Transaction) -> bool:
    return last_company_number(tx) == 0


def last_company_number(tx: Transaction) -> int:
    """The highest number of a company; 0 while there is none."""
    row = tx.one(sql.last_company_number)
    return row[0] if row else 0
