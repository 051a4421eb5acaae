"""Queries of objects in, values out."""

import msgspec

from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.objects")


class StoredObject(msgspec.Struct, frozen=True):
    """Where an object lies, what it is, and how many bytes it has."""

    place: str
    content_type: str
    length: int


def by_digest(tx: Transaction, company: int, digest: str) -> StoredObject | None:
    row = tx.one(sql.object_by_digest, company=company, digest=digest)
    return StoredObject(*row) if row else None


def add(tx: Transaction, company: int, digest: str, stored: StoredObject, now: int) -> None:
    tx.run(
        sql.add_object,
        company=company,
        place=stored.place,
        digest=digest,
        content_type=stored.content_type,
        length=stored.length,
        now=now,
    )


def touch(tx: Transaction, company: int, digest: str, now: int) -> None:
    tx.run(sql.touch_object, company=company, digest=digest, now=now)


def name(tx: Transaction, company: int, digest: str) -> bool:
    """Whether the object was there to be named."""
    return tx.run(sql.name_object, company=company, digest=digest) == 1


def unname(tx: Transaction, company: int, digest: str, now: int) -> None:
    tx.run(sql.unname_object, company=company, digest=digest, now=now)


def drop_unnamed(tx: Transaction, company: int, before: int, now: int) -> int:
    return tx.run(sql.drop_unnamed, company=company, before=before, now=now)


def dropped(tx: Transaction, company: int) -> list[str]:
    """Up to 1,000 places whose bytes are to be deleted."""
    return [row[0] for row in tx.all(sql.dropped_objects, company=company)]


def forget(tx: Transaction, company: int, place: str) -> None:
    tx.run(sql.forget_object, company=company, place=place)


def named_after(tx: Transaction, after: tuple[int, str], page: int) -> list[tuple[int, str]]:
    """A page of what rows name in all companies, after one of them, as (company, place)."""
    company, place = after
    return [(row[0], row[1]) for row in tx.all(sql.named_objects, company=company, place=place, page=page)]


class KeptObject(msgspec.Struct, frozen=True):
    """An object that is to be there; `names` is how many rows name it so far."""

    company: int
    place: str
    digest: str
    length: int
    names: int


def kept_after(tx: Transaction, after: tuple[int, str], page: int) -> list[KeptObject]:
    """A page of what is kept in all companies, after one of them."""
    company, place = after
    return [KeptObject(*row) for row in tx.all(sql.kept_objects, company=company, place=place, page=page)]
