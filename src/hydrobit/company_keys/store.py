"""Queries of company keys in, values out."""

from collections.abc import Mapping

import msgspec

from hydrobit.company_keys.secret import NewKey
from hydrobit.operation import Scope
from hydrobit.storage import queries
from hydrobit.storage.engine import Row, Transaction

sql = queries.load("hydrobit.company_keys")


class CompanyKey(msgspec.Struct, frozen=True):
    """A key as its company sees it. Instants are milliseconds; None is never."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    created_by: str
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None

    def status(self, now: int) -> str:
        """One word: active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


class PresentedKey(msgspec.Struct, frozen=True):
    """What a presented key is checked with."""

    company: int
    company_id: str
    key_id: str
    scopes: frozenset[Scope]
    salt: bytes
    digest: bytes
    expires_at: int | None
    is_revoked: bool
    is_company_disabled: bool


def add(
    tx: Transaction,
    company: int,
    key: NewKey,
    name: str,
    scopes: frozenset[Scope],
    expires_at: int | None,
    created_by: str,
    now: int,
) -> None:
    """Raises Duplicate when an active key has the name."""
    tx.run(
        sql.add,
        company=company,
        key_id=key.key_id,
        name=name,
        scopes=" ".join(sorted(scopes)),
        salt=key.salt,
        digest=key.digest,
        now=now,
        created_by=created_by,
        expires_at=expires_at,
    )


def presented(tx: Transaction, key_id: str) -> PresentedKey | None:
    row = tx.one(sql.presented, key_id=key_id)
    if row is None:
        return None
    company, company_id, found, scopes, salt, digest, expires_at, revoked_at, disabled_at = row
    return PresentedKey(
        company,
        company_id,
        found,
        _scopes(scopes),
        salt,
        digest,
        expires_at,
        revoked_at is not None,
        disabled_at is not None,
    )


def by_id(tx: Transaction, company: int, key_id: str) -> CompanyKey | None:
    row = tx.one(sql.by_id, company=company, key_id=key_id)
    return _key(row) if row else None


def page(tx: Transaction, company: int, number: int, length: int) -> tuple[int, list[CompanyKey]]:
    """How many keys the company has, revoked ones too, and one page of them, latest first."""
    row = tx.one(sql.count_of_company, company=company)
    assert row is not None
    found = tx.all(sql.page_of_company, company=company, page=length, skipped=(number - 1) * length)
    return row[0], [_key(one) for one in found]


def revoke(tx: Transaction, company: int, key_id: str, now: int) -> None:
    tx.run(sql.revoke, company=company, key_id=key_id, now=now)


def mark_used(tx: Transaction, uses: Mapping[tuple[int, str], int]) -> None:
    """Writes when keys, named by company and id, were last used."""
    for (company, key_id), at in sorted(uses.items()):
        tx.run(sql.mark_used, company=company, key_id=key_id, at=at)


def _key(row: Row) -> CompanyKey:
    key_id, name, scopes, *rest = row
    return CompanyKey(key_id, name, _scopes(scopes), *rest)


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))
