"""From the shape of a new key to checked values."""

from collections.abc import Iterable

import msgspec

from hydrobit.operation import Scope
from hydrobit.wire import fields
from hydrobit.wire.company_keys import CompanyKeyInput


class Wish(msgspec.Struct, frozen=True):
    """What a new key is to be; without `expires_at` it counts until it is revoked."""

    name: str
    scopes: frozenset[Scope]
    expires_at: int | None


def wish(body: CompanyKeyInput, now: int) -> Wish:
    """Raises Refused naming the field."""
    expires_at = None if body.expiresAt is None else fields.instant(body.expiresAt, "expiresAt")
    return checked(body.name, body.scopes, expires_at, now)


def checked(name: str, scopes: Iterable[str], expires_at: int | None, now: int) -> Wish:
    """The same for the command line. Raises Refused."""
    if expires_at is not None and expires_at <= now:
        raise fields.invalid("expiresAt", "must lie in the future")
    known = frozenset(map(Scope, scopes))
    if not known:
        raise fields.missing("scopes")
    return Wish(fields.text(name, "name"), known, expires_at)
