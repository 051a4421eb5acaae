"""Brings all that is kept from one folder or bucket into another, at the same places."""

import asyncio
from collections.abc import Callable
from hashlib import sha256

from hydrobit.errors import StoreError
from hydrobit.objects import store
from hydrobit.objects.store import KeptObject
from hydrobit.storage.engine import Store
from hydrobit.storage.objects import Objects

PAGE = 100
AT_ONCE = 4
"""So many objects are in memory at the same time."""

Place = tuple[int, str]


async def carry(
    rows: Store, source: Objects, target: Objects, after: Place, done: Callable[[Place, int], None]
) -> list[str]:
    """Brings over what stands after a place, and returns the places of what rows name and the source lacks.

    `done` is told after each page how far it came, and of how many objects. May run twice: what is there stays. Raises
    StoreError for bytes that are not the ones that were kept.
    """
    missing: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)
    while page := rows.read(store.kept_after, after, PAGE):
        came = await asyncio.gather(*(_carry_one(kept, source, target, turns) for kept in page))
        missing += [kept.place for kept, is_there in zip(page, came, strict=True) if kept.names and not is_there]
        after = (page[-1].company, page[-1].place)
        done(after, len(page))
    return missing


async def _carry_one(kept: KeptObject, source: Objects, target: Objects, turns: asyncio.Semaphore) -> bool:
    async with turns:
        if await target.length(kept.place) == kept.length:
            return True
        content = await source.whole(kept.place)
        if content is None:
            return False
        if sha256(content).hexdigest() != kept.digest:
            raise StoreError(f"the object {kept.place} is damaged: its bytes are not the ones that were kept")
        await target.put(kept.place, content)
        return True
