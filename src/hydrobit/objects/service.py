"""Keeping, naming, finding and sweeping objects."""

from hashlib import sha256

from hydrobit.errors import StoreError
from hydrobit.ledger import store as ledger
from hydrobit.objects import store
from hydrobit.objects.store import StoredObject
from hydrobit.operation import Context
from hydrobit.storage.engine import Transaction

NONCE_BYTES = 8


async def keep(context: Context, company: int, content: bytes, content_type: str, now: int) -> str:
    """Keeps the bytes and returns the digest by which a row may name them. May run twice. Raises StoreError.

    The row about the object is written first, so that bytes which nobody comes to name are found again by the sweep;
    whoever names the object (`name`, in the transaction of the row that does) comes after it is durable.
    """
    digest = await context.objects.on_thread(lambda: sha256(content).hexdigest())
    nonce = context.random(NONCE_BYTES).hex()
    place = await context.engine.write(_announce, company, digest, content_type, len(content), nonce, now)
    await context.objects.put(place, content)
    return digest


def name(tx: Transaction, company: int, digest: str) -> None:
    """Counts one more row that names the object. Raises StoreError when it was swept in between."""
    if not store.name(tx, company, digest):
        raise StoreError(f"the object {digest} was swept before it was named")


def unname(tx: Transaction, company: int, digest: str, now: int) -> None:
    """Counts one row less that names the object; what nobody names is swept after a while."""
    store.unname(tx, company, digest, now)


def find(tx: Transaction, company: int, digest: str) -> StoredObject | None:
    """The object, unless it was dropped."""
    return store.by_digest(tx, company, digest)


def named_after(tx: Transaction, after: tuple[int, str], page: int) -> list[tuple[int, str]]:
    """A page of the objects that rows name, in all companies, for a backup."""
    return store.named_after(tx, after, page)


async def sweep(context: Context) -> int:
    """Deletes what nobody has named for `object_grace_s`, and returns how many objects; may run twice at once.

    What cannot be deleted is told to the log and tried again the next time; the others do not wait for it.
    """
    import structlog  # commands that sweep nothing start without it

    now, swept = context.clock.now(), 0
    before = now - context.settings.object_grace_s * 1000
    for company in await context.engine.read(ledger.companies):
        for place in await context.engine.write(_drop, company, before, now):
            try:
                await context.objects.delete(place)
            except StoreError as e:
                structlog.get_logger("hydrobit").error("object not deleted", place=place, error=str(e))
                continue
            await context.engine.write(store.forget, company, place)
            swept += 1
    return swept


def _announce(tx: Transaction, company: int, digest: str, content_type: str, length: int, nonce: str, now: int) -> str:
    """Where the bytes are to lie; the same bytes as before have their place already."""
    ledger.lock_head(tx, company)  # of two that keep the same bytes at once, the second finds the first
    known = store.by_digest(tx, company, digest)
    if known is not None:
        store.touch(tx, company, digest, now)
        return known.place
    place = f"{company}/{digest[:2]}/{digest}-{nonce}"
    store.add(tx, company, digest, StoredObject(place, content_type, length), now)
    return place


def _drop(tx: Transaction, company: int, before: int, now: int) -> list[str]:
    """Drops what is due, and returns all that was dropped and whose bytes are not deleted yet."""
    store.drop_unnamed(tx, company, before, now)
    return store.dropped(tx, company)
