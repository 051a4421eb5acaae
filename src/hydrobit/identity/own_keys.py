"""The keys of the own issuer as all nodes of a store know them: their public halves stand in the store.

A token counts on every node as soon as its key is there, and on none once it is withdrawn. The private half stays in a
file (`signing`), so that a dump of the database signs nothing.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.errors import SettingError
from hydrobit.identity import store
from hydrobit.identity.keys import Trusted, VerifyingKey, read_key_set
from hydrobit.identity.signing import ALGORITHM, SigningKey
from hydrobit.identity.store import PublicKey
from hydrobit.kit.instants import LATEST
from hydrobit.ledger import store as ledger
from hydrobit.storage import files
from hydrobit.storage.engine import Engine, Store, Transaction

NEXT = "signing.next.pem"
"""The file of a key that is about to sign."""


class StoreKeys:
    """Fits `keys.KeySource`. A key never changes under its id, so that it is read once; whether it was withdrawn is
    asked together with the user (`Trusted.kid_in_store`).
    """

    withdrawals = 0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, VerifyingKey] = {}
        self._strangers = asyncio.Lock()

    async def find(self, kid: str, now: int) -> Trusted | None:
        """The key of that id, None when the store has none that counts. Strangers' ids are asked for one at a time."""
        key = self._known.get(kid)
        if key is None:
            async with self._strangers:
                found = self._known.get(kid) or await self._read(kid)
            if found is None:
                return None
            key = found
        return Trusted(key, LATEST, kid)

    async def _read(self, kid: str) -> VerifyingKey | None:
        found = await self._engine.look_up(store.signing_key, kid)
        if found is None or found.withdrawn_at is not None:
            return None
        self._known[kid] = read_key_set(key_set([found]), frozenset({ALGORITHM}))[kid]
        return self._known[kid]


def counts(tx: Transaction, kid: str) -> bool:
    """Whether tokens of this key are believed."""
    known = store.signing_key(tx, kid)
    return known is not None and known.withdrawn_at is None


def key_set(keys: list[PublicKey]) -> bytes:
    """The JSON Web Key Set of the keys that count."""
    return msgspec.json.encode({"keys": [msgspec.Raw(key.public.encode()) for key in keys if key.withdrawn_at is None]})


def settle(opened: Store, path: Path, now: int, *, is_alone: bool) -> SigningKey:
    """The key in the file, which the store knows from now on; the first one of a store is made. May run twice.

    `is_alone`: no other node can have signed tokens, so that another key in the file takes the place of all before it.
    Raises SettingError where it is not the key of the other nodes.
    """
    # The store first: a node that starts at the same moment makes the file, and then tells the store.
    if not is_alone and opened.read(_active) and not path.exists():
        raise SettingError(
            f"there is no signing key at {path}, and this database has one already: copy the folder of the keys from "
            "a node that runs (HYDROBIT_KEYS says where it is), or make a new key for all with `hydrobit signing-key "
            "rotate`"
        )
    key = SigningKey.load_or_create(path)
    opened.write(_settle, key, path, now, is_alone)
    return key


def _settle(tx: Transaction, key: SigningKey, path: Path, now: int, is_alone: bool) -> None:
    store.lock_companies(tx)
    known = store.signing_key(tx, key.kid)
    if known is not None and known.withdrawn_at is not None:
        raise SettingError(
            f"the signing key {path} was withdrawn: copy the present one from another node, or make a new one for all "
            "with `hydrobit signing-key rotate`"
        )
    if known is not None:
        return
    others = _active(tx)
    if others and not is_alone:
        raise SettingError(
            f"the signing key {path} is not one of this database's, so that its tokens would count on no other node: "
            "copy the folder of the keys from a node that runs (HYDROBIT_KEYS says where it is)"
        )
    for other in others:
        store.withdraw_signing_key(tx, other.kid, now)
    _add(tx, key, now)


def rotate(opened: Store, path: Path, now: int, random: Callable[[int], bytes]) -> SigningKey:
    """A new key that signs from now on; those before it count until they are withdrawn. A repeat after a kill goes on
    with the key that it had made: the store knows it before anything is signed with it.
    """
    draft = path.with_name(NEXT)
    key = SigningKey.load_or_create(draft)
    opened.write(_add_and_tell, key, now, random)
    os.replace(draft, path)
    files.sync(path.parent)
    return key


def _add_and_tell(tx: Transaction, key: SigningKey, now: int, random: Callable[[int], bytes]) -> None:
    store.lock_companies(tx)
    if store.signing_key(tx, key.kid) is None:
        _add(tx, key, now)
        _tell(tx, "signing-key.add", key.kid, now, random)


def withdraw(tx: Transaction, kid: str, signs_here: str | None, now: int, random: Callable[[int], bytes]) -> None:
    """From now on no token of this key counts, on any node. A repeat changes nothing. Raises SettingError for the key
    that signs (`signs_here`) and for one that nobody knows.
    """
    store.lock_companies(tx)
    known = store.signing_key(tx, kid)
    if known is None:
        raise SettingError(f"there is no signing key {kid[:100]}; `hydrobit signing-key list` shows those that are")
    if known.withdrawn_at is not None:
        return
    if kid == signs_here:
        raise SettingError(f"{kid} is the key that signs; make another one first with `hydrobit signing-key rotate`")
    store.withdraw_signing_key(tx, kid, now)
    _tell(tx, "signing-key.withdraw", kid, now, random)


def _add(tx: Transaction, key: SigningKey, now: int) -> None:
    store.add_signing_key(tx, key.kid, msgspec.json.encode(key.public_jwk()).decode(), now)


def _tell(tx: Transaction, action: str, kid: str, now: int, random: Callable[[int], bytes]) -> None:
    """It concerns every company: each audit log says so, and counts under way look again who sends them."""
    for company in ledger.companies(tx):
        ledger.lock_head(tx, company)
        ledger.change_access(tx, company)
        audit.record(tx, Author(company, audit.OPERATOR, now, random), action, kid, None, None)


def _active(tx: Transaction) -> list[PublicKey]:
    return [key for key in store.signing_keys(tx) if key.withdrawn_at is None]
