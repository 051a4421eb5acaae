"""What a migration may do while nodes of the release before still run: it adds."""

import re

import pytest

from hydrobit.storage.migrate import COMPATIBILITY, Migration, migrations
from hydrobit.storage.queries import POSTGRES, SQLITE

ADDS = (
    re.compile(r"create table \w+ \("),
    re.compile(r"create (unique )?index \w+ on \w+"),
    re.compile(r"alter table \w+ add column \w+ \w+( collate \"C\")?$"),
    re.compile(r"alter table \w+ add column \w+ \w+( collate \"C\")? not null default \S+$"),
    re.compile(r"insert into compatibility "),
)
FURTHER = [
    (engine, migration)
    for engine in (SQLITE, POSTGRES)
    for migration in migrations(engine)
    if migration.version >= COMPATIBILITY
]


def only_adds(migration: Migration) -> bool:
    """Unique indexes only on what the migration itself brings: elsewhere older programs would fall over them."""
    new = {match[1] for text in migration.statements if (match := re.match(r"create table (\w+)", text))}
    unique = {
        match[1] for text in migration.statements if (match := re.match(r"create unique index \w+ on (\w+)", text))
    }
    return unique <= new and all(any(added.match(text) for added in ADDS) for text in migration.statements)


def raises_what_is_needed(migration: Migration) -> bool:
    return f"update compatibility set schema_min = {migration.version}" in migration.statements


@pytest.mark.parametrize(("engine", "migration"), FURTHER, ids=lambda each: getattr(each, "name", each))
def test_a_migration_adds_or_says_that_older_programs_must_not_run(engine: str, migration: Migration) -> None:
    assert only_adds(migration) or raises_what_is_needed(migration)


@pytest.mark.parametrize(
    ("text", "adds"),
    [
        ("create table badge (\n    company integer not null\n) strict", True),
        ("alter table worker add column badge text", True),
        ("alter table worker add column shift integer not null default 0", True),
        ("alter table worker add column shift integer not null", False),
        ("alter table worker add column badge text unique", False),
        ("alter table worker rename column notes to remarks", False),
        ("alter table worker drop column notes", False),
        ("drop table worker", False),
        ("drop index worker_person", False),
        ("create index worker_badge on worker (company, badge)", True),
        ("create unique index worker_badge on worker (company, badge)", False),
        ("update worker set notes = null", False),
    ],
)
def test_what_only_adds(text: str, adds: bool) -> None:
    assert only_adds(Migration(COMPATIBILITY + 1, "next", (text,))) is adds


def test_a_fresh_store_asks_for_what_its_last_breaking_migration_says() -> None:
    for _, migration in FURTHER:
        for text in migration.statements:
            assert "schema_min =" not in text or text.endswith(f"= {migration.version}")
