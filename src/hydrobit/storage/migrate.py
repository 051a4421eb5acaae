"""Numbered migrations, applied in order under the store's write lock; a newer store is refused with a sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from hydrobit.errors import StoreTooNew
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")

_CREATE = Query(
    "create_migration",
    "create table if not exists migration "
    "(version integer primary key, name text not null, applied_at integer not null)",
    (),
)
_VERSION = Query("migration_version", "select coalesce(max(version), 0) from migration", ())
_APPLIED = Query(
    "migration_applied", "insert into migration (version, name, applied_at) values (?, ?, ?)", ("v", "n", "a")
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered text."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """All migrations of this release, in order of version."""
    found = []
    for file in files("hydrobit.storage.migrations").iterdir():
        if match := _FILE.fullmatch(file.name):
            found.append(Migration(int(match[1]), match[2], _statements(file.read_text("utf-8"))))
    return sorted(found, key=lambda migration: migration.version)


def _statements(text: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return tuple(statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip(" ;\n"))


def version(tx: Transaction) -> int:
    """The store's version; 0 when it is empty."""
    tx.run(_CREATE)
    row = tx.one(_VERSION)
    assert row is not None
    return int(row[0])


def migrate(tx: Transaction, now: int, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Brings the store to this release's version and returns what was applied; a second run applies nothing.

    `known` are all migrations in order, this release's own when left out. Raises StoreTooNew when the store knows a
    version that they do not.
    """
    known = known or migrations()
    present = version(tx)
    if present > known[-1].version:
        raise StoreTooNew(
            f"the store has schema {present}, this release knows schemas up to {known[-1].version}: "
            "start the newer release, or restore a backup made with this one"
        )
    pending = [migration for migration in known if migration.version > present]
    for migration in pending:
        for number, statement in enumerate(migration.statements):
            tx.run(Query(f"migration_{migration.version}_{number}", statement, ()))
        tx.run(_APPLIED, v=migration.version, n=migration.name, a=now)
    return pending
