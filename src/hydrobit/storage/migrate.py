"""Numbered migrations, applied in order by one process while others wait; a newer store is refused with a sentence.

One text serves both engines (`translation`). A statement under `-- engine: some_engine` is of that engine alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from hydrobit.errors import StoreTooNew
from hydrobit.storage import translation
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import POSTGRES, SQLITE, Query

COMPATIBILITY = 10
"""From this version on a store says which programs may work on it."""
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")

_ENGINE = re.compile(r"^-- engine: (\w+)$", re.MULTILINE)

_CREATE = """\
create table if not exists migration (
    version integer primary key,
    name text not null,
    applied_at integer not null
)"""
_LOCK = Query("lock_migrations", "update migration set applied_at = applied_at", ())
"""Whoever migrates holds every row; the first of all holds the table, which nobody else sees before its commit."""
_MADE = Query(
    "is_made",
    "select 1 from information_schema.tables where table_schema = current_schema() and table_name = 'migration'",
    (),
)
_VERSION = Query("migration_version", "select coalesce(max(version), 0) from migration", ())
_SCHEMA_MIN = Query("schema_min", "select schema_min from compatibility", ())
_APPLIED = Query(
    "migration_applied", "insert into migration (version, name, applied_at) values (?, ?, ?)", ("v", "n", "a")
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered text."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations(engine: str = SQLITE) -> list[Migration]:
    """All migrations of this release as the engine is given them, in order of version."""
    found = []
    for file in files("hydrobit.storage.migrations").iterdir():
        if match := _FILE.fullmatch(file.name):
            found.append(Migration(int(match[1]), match[2], _statements(file.read_text("utf-8"), engine)))
    return sorted(found, key=lambda migration: migration.version)


def _statements(text: str, engine: str) -> tuple[str, ...]:
    found = []
    for part in text.split(";\n"):
        only = _ENGINE.search(part)
        lines = [line for line in part.splitlines() if not line.lstrip().startswith("--")]
        statement = "\n".join(lines).strip(" ;\n")
        if statement and (only is None or only[1] == engine):
            found.append(_as_read_by(engine, statement))
    return tuple(found)


def _as_read_by(engine: str, statement: str) -> str:
    return translation.schema(statement) if engine == POSTGRES else statement


def is_made(tx: Transaction) -> bool:
    """Whether a database has been migrated at all; asked of PostgreSQL, where a file is no sign of it."""
    return tx.one(_MADE) is not None


def version(tx: Transaction) -> int:
    """The store's version; 0 when it is empty."""
    tx.run(Query("create_migration", _as_read_by(tx.engine, _CREATE), ()))
    row = tx.one(_VERSION)
    assert row is not None
    return int(row[0])


def migrate(tx: Transaction, now: int, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Brings the store to this release's version and returns what was applied; a second run applies nothing.

    `known` are all migrations in order, this release's own when left out. A store with a newer schema is taken as it
    is where that schema only adds to the known one, as while nodes are upgraded one after another. Raises StoreTooNew
    where it does more.
    """
    known = known or migrations(tx.engine)
    present = version(tx)
    if present < known[-1].version:
        tx.run(_LOCK)
        present = version(tx)
    if present > known[-1].version:
        _require_known(tx, present, known[-1].version)
    pending = [migration for migration in known if migration.version > present]
    for migration in pending:
        for number, statement in enumerate(migration.statements):
            tx.run(Query(f"migration_{migration.version}_{number}", statement, ()))
        tx.run(_APPLIED, v=migration.version, n=migration.name, a=now)
    return pending


def _require_known(tx: Transaction, present: int, known: int) -> None:
    row = tx.one(_SCHEMA_MIN) if present >= COMPATIBILITY else None
    needed = row[0] if row is not None else present
    if known < needed:
        raise StoreTooNew(
            f"the store has schema {present}, for programs that know schema {needed}; this release knows schemas up to "
            f"{known}: start the newer release, or restore a backup made with this one"
        )
