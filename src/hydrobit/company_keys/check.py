"""From a presented company key to its caller, or a refusal.

What is remembered is bounded, and is never the key itself: its salt and digest, by the id of the key. Each use computes
the digest anew. A stranger's ids can neither fill the memory nor crowd the store: they are forgotten, oldest first, and
looked up one at a time.
"""

import asyncio
from typing import TypeVar

from hydrobit.company_keys import secret, store
from hydrobit.company_keys.store import PresentedKey
from hydrobit.errors import Code, Refused, StoreError
from hydrobit.operation import Caller
from hydrobit.storage.engine import Engine

V = TypeVar("V")


class KeyCheck:
    """Checks keys. Facts about a key are remembered for `facts_age_s_max` at most, so a revocation takes no longer."""

    def __init__(self, engine: Engine, *, facts_age_s_max: int, length_max: int) -> None:
        self._engine = engine
        self._facts_age_ms, self._length_max = facts_age_s_max * 1000, length_max
        self._facts: dict[str, tuple[PresentedKey, int]] = {}
        self._unknown: dict[str, int] = {}
        self._strangers = asyncio.Lock()
        self._uses: dict[tuple[int, str], int] = {}

    def known(self, text: str, now: int) -> Caller | None:
        """The caller of a key whose facts are fresh, without a wait; None when they must be looked up.

        Raises Refused as `caller` does.
        """
        found = self._facts.get(text.partition(".")[0])
        return self._admit(found[0], text, now) if found is not None and now < found[1] else None

    async def caller(self, text: str, now: int) -> Caller:
        """Raises Refused: token_invalid, token_expired; no_company when the key's company was disabled.

        A wrong token, a revoked key and one that never was are refused alike.
        """
        key_id = secret.key_id_of(text)
        if key_id is None or now < self._unknown.get(key_id, now):
            raise _not_valid()
        if key_id in self._facts:
            return self._admit(await self._look_up(key_id, now), text, now)
        async with self._strangers:
            fresh = self._facts.get(key_id)  # who waited before us may have asked for the same one
            key = fresh[0] if fresh is not None and now < fresh[1] else await self._look_up(key_id, now)
        return self._admit(key, text, now)

    async def write_uses(self) -> int:
        """Writes when keys were last used, and returns how many were since the last time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return 0
        try:
            await self._engine.write(store.mark_used, uses)
        except StoreError:
            self._uses = uses | self._uses
            raise
        return len(uses)

    async def _look_up(self, key_id: str, now: int) -> PresentedKey:
        key = await self._engine.look_up(store.presented, key_id)
        self._facts.pop(key_id, None)
        until = now + self._facts_age_ms
        if key is None or key.is_revoked:
            _remember(self._unknown, key_id, until, self._length_max)
            raise _not_valid()
        _remember(self._facts, key_id, (key, until), self._length_max)
        return key

    def _admit(self, key: PresentedKey, text: str, now: int) -> Caller:
        if not secret.fits(text, key.salt, key.digest):
            raise _not_valid()
        if key.expires_at is not None and now >= key.expires_at:
            raise Refused(Code.token_expired, "the key's time is over; ask an administrator for another one")
        if key.is_company_disabled:
            raise Refused(Code.no_company, "The key is valid, but its company is not active.")
        self._uses[key.company, key.key_id] = now
        return Caller(f"key:{key.key_id}", key.company, key.company_id, None, key.scopes)


def _remember(kept: dict[str, V], key_id: str, value: V, length_max: int) -> None:
    kept.pop(key_id, None)
    if len(kept) >= length_max:
        del kept[next(iter(kept))]
    kept[key_id] = value


def _not_valid() -> Refused:
    return Refused(Code.token_invalid, "the company key is not one that counts")
