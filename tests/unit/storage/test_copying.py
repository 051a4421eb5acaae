"""What a copy takes: every table of the schema, in bounded pages, from the mark that says how far it has come."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hydrobit.errors import StoreError
from hydrobit.storage import copying, directory
from hydrobit.storage.copying import PAGE_CHARACTERS, PAGE_ROWS, STAY, STAYING_COLUMNS, Copying, Until, tables
from hydrobit.storage.engine import Store
from hydrobit.storage.migrate import migrate
from hydrobit.storage.queries import Query
from tests import engines

ADD_TEXT = Query(
    "add_text", "insert into personal (company, digest, text) values (1, ?, ?)", ("digest", "text")
)  # no other table is asked for the company of a text
COLUMNS = (
    "select t.name, c.name from sqlite_schema as t join pragma_table_info(t.name) as c where t.type = 'table'"
    " and t.name not like 'sqlite_%' order by t.name, c.cid"
)
POSTGRES_COLUMNS = (
    "select table_name, column_name from information_schema.columns where table_schema = current_schema()"
    " order by table_name, ordinal_position"
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    with engines.opened(directory.prepare(tmp_path / "made")) as store:
        store.write(migrate, 0)
    return tmp_path / "made"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two stores with the schema; the first one has texts."""
    with ExitStack() as stack:
        both = [stack.enter_context(engines.opened(directory.prepare(tmp_path / name))) for name in ("a", "b")]
        for store in both:
            store.write(directory.bring_up, 0)
        yield both[0], both[1]


def add_texts(store: Store, *lengths: int) -> None:
    rows = [(number.to_bytes(4), "x" * length) for number, length in enumerate(lengths)]
    store.write(lambda tx: tx.run_many(ADD_TEXT, rows))


def test_every_table_and_column_of_the_schema_is_copied_or_said_to_stay(made: Path) -> None:
    there: dict[str, list[str]] = {}
    for table, column in engines.rows(made, COLUMNS if engines.is_sqlite(made) else POSTGRES_COLUMNS):
        there.setdefault(table, []).append(column)
    copied = {table.name: [*table.columns] for table in tables()}
    for name, columns in STAYING_COLUMNS.items():
        copied[name] += columns
    assert {name: set(columns) for name, columns in there.items() if name not in STAY} == {
        name: set(columns) for name, columns in copied.items()
    }
    assert there.keys() - copied.keys() == set(STAY)


def test_what_others_refer_to_comes_first() -> None:
    names = [table.name for table in tables()]
    for first, then in (("company", "head"), ("company", "project"), ("project", "sector"), ("form", "form_version")):
        assert names.index(first) < names.index(then)


def test_every_table_has_a_key_to_go_on_from() -> None:
    assert all(table.key for table in tables())


@pytest.mark.parametrize("after", [None, (1, "a text", b"\x00\xff"), (2**53 + 1,)])
def test_a_mark_is_read_as_it_was_written(after: tuple[object, ...] | None) -> None:
    assert Until.read(Until("entry", after).text()) == Until("entry", after)


def test_a_page_is_bounded_by_rows_and_by_length(pair: tuple[Store, Store]) -> None:
    source, target = pair
    half = PAGE_CHARACTERS // 2
    add_texts(source, half, half + 1, 2 * PAGE_CHARACTERS, *([1] * (PAGE_ROWS + 1)))
    pages: list[int] = []
    moving = Copying(source, target, ("a", "b"))
    moving.begin(0, "first")
    moving.copy(pages.append)
    assert pages[:3] == [1, 1, 1]
    assert max(pages) == PAGE_ROWS
    assert sum(pages) == PAGE_ROWS + 4
    moving.compare(lambda rows: None)


def test_two_copies_into_one_target_do_not_mix(pair: tuple[Store, Store]) -> None:
    source, target = pair
    add_texts(source, PAGE_CHARACTERS, PAGE_CHARACTERS)
    first, second = (Copying(source, target, ("a", "b")) for _ in range(2))
    assert (first.begin(0, "first"), second.begin(0, "second")) == (False, True)
    first.copy(lambda rows: None)
    with pytest.raises(StoreError, match="another copy into the same target is under way"):
        second.copy(lambda rows: None)


def test_a_page_whose_commit_was_lost_on_the_way_is_not_written_twice(pair: tuple[Store, Store]) -> None:
    """The engine runs the unit once more; it finds its own work."""
    source, target = pair
    add_texts(source, 1)
    moving = Copying(source, target, ("a", "b"))
    moving.begin(0, "first")
    table = next(table for table in tables() if table.name == "personal")
    before, after = Until(tables()[0].name, None).text(), Until("personal", (1, bytes(4))).text()
    rows = source.read(
        lambda tx: tx.all(Query("rows", "select company, digest, subject, salt, text from personal", ()))
    )
    for _ in range(2):
        target.write(copying._advance, "first", before, after, table, rows)
    assert moving.counts() == {**dict.fromkeys((each.name for each in tables()), 0), "personal": 1}
    assert moving.skipped() == 1
