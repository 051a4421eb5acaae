"""What holds of every query of the house: whose rows it touches, how many, and by which index."""

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import hydrobit
from hydrobit.storage import queries
from hydrobit.storage.migrate import migrate
from hydrobit.storage.queries import Query
from hydrobit.storage.sqlite import SqliteStore

HOUSE = Path(hydrobit.__path__[0])
FILES = sorted(HOUSE.glob("*/queries.sql"))
QUERIES = [(file.parent.name, query) for file in FILES for query in queries.load(f"hydrobit.{file.parent.name}")]

VERIFY = "verify looks at the whole table, so that nothing hides outside of a company"
BEYOND_ONE_COMPANY = {
    **dict.fromkeys(("user_with_company", "user_and_key"), "asks for the company of a token's user"),
    "device_facts": "the company follows from the token of the device",
    **dict.fromkeys(("lost_mqtt_sessions", "mark_seen"), "a node asks about all that it holds, by their whole keys"),
    "mqtt_sessions_over": "the job looks for work in all companies",
    "access_numbers": "a node asks about the companies whose devices it holds",
    "last_company_number": "finds the next company's number",
    "company_by_id": "turns the public id of a company into its number",
    "page_of_companies": "the operator's list of all companies",
    "presented": "the company follows from the key that was presented",
    "companies_with_head": "for the command line and the start",
    "company_with_expired": "the job looks for work in all companies",
    "held_after": "the operator's list, over all companies or one",
    "named_objects": "a backup is of all companies",
    "kept_objects": "a copy is of all companies",
    **dict.fromkeys(("unfound_by_event", "unfound_by_key", "unfound_by_device", "unfound_by_void"), VERIFY),
}
"""Queries that name no company in their condition, each with its reason."""

OF_NO_COMPANY = {
    ("company", "company_id"): "the public id is what names a company",
    ("user_account", "user_id"): "a token names its user alone",
    ("company_key", "key_id"): "a call by key names the key alone",
}
"""Unique columns of small tables that are looked up before the company is known, each with its reason."""

GROWING = (
    "entry",
    "held",
    "personal",
    "session",
    "session_terms",
    "session_writer",
    "session_description",
    "form_task",
    "form_record",
    "pest_observation",
    "reading",
    "mqtt_session",
)
"""Tables that are never gone through while records are taken, neither from end to end nor all that a company has."""
GONE_THROUGH = re.compile(r"(?:SCAN (\w+)|SEARCH (\w+) .*\(company=\?\))")
GOES_THROUGH = {
    "held_after": "the operator's list of all that is held",
    "company_with_expired": "the index of open sessions alone",
    **dict.fromkeys(("last_task_number", "last_record_number"), "the last row alone"),
    **dict.fromkeys(("notes_of_worker", "erase_held"), "the operator's command that forgets a person, seldom"),
    **dict.fromkeys(("unfound_by_event", "unfound_by_key", "unfound_by_device", "unfound_by_void"), VERIFY),
    **dict.fromkeys(("repeated_event", "repeated_device_seq", "held_numbers", "session_numbers"), VERIFY),
    "without_session": VERIFY,
}

ids = [f"{room}.{query.name}" for room, query in QUERIES]
every_query = pytest.mark.parametrize(("room", "query"), QUERIES, ids=ids)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("house") / "store.db"
    with closing(SqliteStore(path, busy_ms_max=50)) as migrated:
        migrated.write(migrate, 0)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


@pytest.fixture(scope="module")
def tenant_tables(store: sqlite3.Connection) -> set[str]:
    """The tables whose rows belong to a company."""
    tables = [name for (name,) in store.execute("select name from sqlite_schema where type = 'table'")]
    return {
        table for table in tables if any(row[1] == "company" for row in store.execute(f"pragma table_info({table})"))
    }


def tables_of(query: Query) -> set[str]:
    return set(re.findall(r"\b(?:from|join|into|update)\s+(\w+)", query.text))


@every_query
def test_a_query_touches_the_rows_of_one_company(tenant_tables: set[str], room: str, query: Query) -> None:
    if not tables_of(query) & tenant_tables or query.name in BEYOND_ONE_COMPANY:
        return
    is_insert = query.text.startswith("insert")
    named = r"\(\s*(\w+, )*company\b" if is_insert else r"\bwhere\b[^;]*\b(company =|entry_id (=|>|>=)) \?"
    assert re.search(named, query.text), f"{query.name} names no company; an entry_id begins with one"


def test_the_exceptions_are_still_there() -> None:
    names = {query.name for _, query in QUERIES}
    assert set(BEYOND_ONE_COMPANY) | set(GOES_THROUGH) <= names


def test_every_key_of_a_tenants_table_begins_with_its_company(
    store: sqlite3.Connection, tenant_tables: set[str]
) -> None:
    """Or with an entry_id, which begins with it: so a database may be cut between any two companies."""
    first = {
        (table, column)
        for table in tenant_tables
        for (name,) in store.execute("select name from pragma_index_list(?) where [unique]", (table,))
        for (column,) in store.execute("select name from pragma_index_info(?) where seqno = 0", (name,))
    }
    for table in tenant_tables:
        found = store.execute("select name from pragma_table_info(?) where pk = 1", (table,))
        first |= {(table, column) for (column,) in found}
    assert {key for key in first if key[1] not in ("company", "entry_id")} == OF_NO_COMPANY.keys()


@every_query
def test_no_table_that_grows_is_gone_through(store: sqlite3.Connection, room: str, query: Query) -> None:
    plan = store.execute(f"explain query plan {query.text}", [None] * len(query.names)).fetchall()
    aliases = {alias: table for table, alias in re.findall(r"\b(?:from|join)\s+(\w+) as (\w+)", query.text)}
    scanned = {match[1] or match[2] for row in plan if (match := GONE_THROUGH.match(row[3]))}
    tables = {aliases.get(name, name) for name in scanned}
    assert not tables & set(GROWING) or query.name in GOES_THROUGH, plan


@every_query
def test_a_query_is_lower_case_and_names_its_columns(room: str, query: Query) -> None:
    outside_texts = re.sub(r"'[^']*'", "", query.text)
    assert outside_texts == outside_texts.lower()
    assert "select *" not in query.text
    assert not query.text.startswith("insert") or re.match(r"insert into \w+\s*\(", query.text), "columns are named"


def lists() -> set[tuple[str, str]]:
    """Room and name of every query whose rows are all fetched, as the code says."""
    found = set()
    for file in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "all"
                and node.args
                and isinstance(query := node.args[0], ast.Attribute)
            ):
                found.add((file.parent.name, query.attr))
    return found


def test_every_list_has_a_limit_and_an_order() -> None:
    """One test for all: which they are is read out of the code, and each process of a run collects its tests."""
    found = lists()
    assert found
    for room, name in sorted(found):
        query = next(query for _, query in QUERIES if query.name == name)
        assert re.search(r"\blimit (\?|\d+)", query.text), f"{name} of {room} may return any number of rows"
        assert "order by" in query.text, f"{name} of {room} returns its rows in no order"


def test_every_query_is_used() -> None:
    code = "\n".join(file.read_text("utf-8") for file in HOUSE.rglob("*.py"))
    used = set(re.findall(r"\bsql\.(\w+)", code))
    unused = [query.name for _, query in QUERIES if query.name not in used]
    assert not unused
