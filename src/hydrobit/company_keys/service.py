"""The rules of company keys, as units: add, revoke. Each change writes its line of the audit log."""

from typing import Any

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.company_keys import store
from hydrobit.company_keys.reading import Wish
from hydrobit.company_keys.secret import NewKey
from hydrobit.company_keys.store import CompanyKey
from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.kit.instants import write_instant
from hydrobit.ledger import store as ledger
from hydrobit.storage.engine import Transaction


def add_key(tx: Transaction, author: Author, key: NewKey, wish: Wish) -> CompanyKey:
    """Stores what a key is checked with; may run twice.

    Raises Refused, name_taken: no second key can pass for an active one.
    """
    ledger.lock_head(tx, author.company)
    known = store.by_id(tx, author.company, key.key_id)
    if known is not None:  # nobody else draws this id: the commit that was not heard of took place
        return known
    try:
        store.add(tx, author.company, key, wish.name, wish.scopes, wish.expires_at, author.user_id, author.now)
    except Duplicate as e:
        raise Refused(
            Code.name_taken,
            f"There is a key named {wish.name} that is not revoked; its token cannot be shown again, so revoke it "
            "or choose another name.",
            field="name",
        ) from e
    added = require(tx, author.company, key.key_id)
    audit.record(tx, author, "key.add", key.key_id, None, _told(added))
    return added


def revoke_key(tx: Transaction, author: Author, key_id: str) -> CompanyKey:
    """The key, revoked for ever; a repeat changes nothing. Raises Refused, company_key_not_found."""
    ledger.lock_head(tx, author.company)
    before = require(tx, author.company, key_id)
    if before.revoked_at is not None:
        return before
    store.revoke(tx, author.company, key_id, author.now)
    ledger.change_access(tx, author.company)
    after = require(tx, author.company, key_id)
    audit.record(tx, author, "key.revoke", key_id, _told(before), _told(after))
    return after


def require(tx: Transaction, company: int, key_id: str) -> CompanyKey:
    """Raises Refused, company_key_not_found."""
    found = store.by_id(tx, company, key_id)
    if found is None:
        raise Refused(Code.company_key_not_found, f"There is no key {key_id[:100]}.")
    return found


def _told(key: CompanyKey) -> dict[str, Any]:
    """What the audit log says of a key. Its use is no change, and of its token nothing is known."""
    told: dict[str, Any] = {"name": key.name, "scopes": sorted(key.scopes)}
    if key.expires_at is not None:
        told["expiresAt"] = write_instant(key.expires_at)
    if key.revoked_at is not None:
        told["revokedAt"] = write_instant(key.revoked_at)
    return told
