"""Stores of earlier schemas, made again from the dumps that were kept of them."""

import gzip
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from hydrobit.storage import directory
from tests import engines

DUMPS = Path(__file__).parent / "dumps"
NAMES_ITS_FILES = 11
"""Since this schema a store says which keys and which place of photos are its own."""
KEPT = sorted(int(file.name.split(".")[0]) for file in DUMPS.glob("*.json.gz"))


def text(name: str) -> str:
    return gzip.decompress((DUMPS / f"{name}.gz").read_bytes()).decode()


def made_again(data: Path, schema: int) -> dict[str, Any]:
    """Fills a new data directory with the dump; returns what was known and answered when it was made."""
    directory.prepare(data)
    if engines.is_sqlite(data):
        with closing(sqlite3.connect(data / directory.DATABASE)) as store:
            store.executescript(text(f"{schema}.sqlite.sql"))
    else:
        engines.settle(data, engines.server().restore(text(f"{schema}.postgres.sql").encode()))
    if schema >= NAMES_ITS_FILES:  # which are kept in no dump
        engines.write(data, "delete from signing_key", "update store set links_key = null, objects_at = null")
    found: dict[str, Any] = json.loads(text(f"{schema}.json"))
    return found


def version(data: Path) -> int:
    ((found,),) = engines.rows(data, "select max(version) from migration")
    return int(found)


def schema_of(data: Path) -> list[tuple[Any, ...]]:
    """Every column and every index, as the store's own catalogue tells them."""
    if engines.is_sqlite(data):
        columns = engines.rows(
            data,
            'select t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk from sqlite_schema as t'
            " join pragma_table_info(t.name) as c where t.type = 'table' and t.name not like 'sqlite_%'",
        )
        indexes = engines.rows(data, "select name, sql from sqlite_schema where type = 'index' and sql is not null")
    else:
        columns = engines.rows(
            data,
            "select table_name, column_name, data_type, collation_name, is_nullable, column_default"
            " from information_schema.columns where table_schema = current_schema()",
        )
        indexes = engines.rows(data, "select indexname, indexdef from pg_indexes where schemaname = current_schema()")
    return sorted([*columns, *((name, re.sub(r"\s+", " ", said)) for name, said in indexes)], key=repr)
