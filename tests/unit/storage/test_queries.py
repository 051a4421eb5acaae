"""Named SQL: what a file may hold, and that every query of the house can be run."""

from pathlib import Path

import pytest

import hydrobit
from hydrobit.storage import directory, queries, translation
from hydrobit.storage.migrate import migrate
from hydrobit.storage.queries import POSTGRES, SQLITE, Queries, Query
from tests import engines

PACKAGES = sorted(f"hydrobit.{file.parent.name}" for file in Path(hydrobit.__path__[0]).glob("*/queries.sql"))


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Queries:
    package = tmp_path / f"package_{tmp_path.name}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "queries.sql").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return queries.load(package.name)


def test_a_block_is_a_query_with_its_parameters_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = load(
        tmp_path,
        monkeypatch,
        "-- name: one\n-- Says what it is for.\nselect a from b where c = :c and d = :d\n    and e = :c;\n\n"
        "-- name: two\nselect cast(a as text)::text from b\n",
    )
    assert sql.one.text == "select a from b where c = ? and d = ?\n    and e = ?"
    assert sql.one.names == ("c", "d", "c")
    assert sql.one.values({"d": 2, "c": 1}) == [1, 2, 1]
    assert (sql.two.names, sql.two.text) == ((), "select cast(a as text)::text from b")


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="b"):
        Query("q", "select ?", ("a", "b")).values({"a": 1})


def test_a_name_stands_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="names one twice"):
        load(tmp_path, monkeypatch, "-- name: one\nselect 1\n-- name: one\nselect 2\n")


def test_an_unknown_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AttributeError, match="no query named two"):
        _ = load(tmp_path, monkeypatch, "-- name: one\nselect 1\n").two


def test_a_block_may_hold_a_text_of_postgresqls_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = load(tmp_path, monkeypatch, "-- name: one\nselect 1 where :a\n-- engine: postgres\n-- Why.\nselect :b, :a\n")
    assert sql.one.on(SQLITE) is sql.one
    assert (sql.one.text, sql.one.names) == ("select 1 where ?", ("a",))
    own = sql.one.on(POSTGRES)
    assert (own.name, own.text, own.names) == ("one", "select ?, ?", ("b", "a"))


@pytest.mark.parametrize(
    ("shared", "own"),
    [
        ("select a from b where c = ? and d = ?", "select a from b where c = $1 and d = $2"),
        ("select '?' || ?", "select '?' || $1"),
        ("select a from b as c not indexed where d = ?", "select a from b as c where d = $1"),
        ("select a\nfrom b indexed by c\nwhere d = ?", "select a\nfrom b\nwhere d = $1"),
        ("select a from b where c = ? and instr(d, ?) > 0", "select a from b where c = $1 and strpos(d, $2) > 0"),
    ],
)
def test_a_shared_query_is_put_into_postgresqls_words(shared: str, own: str) -> None:
    assert translation.statement(shared) == own


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = directory.prepare(tmp_path_factory.mktemp("queries"))
    with engines.opened(data) as store:
        store.write(migrate, 0)
    return data


@pytest.mark.parametrize("package", PACKAGES)
def test_every_query_compiles(migrated: Path, package: str) -> None:
    found = list(queries.load(package))
    assert found
    for query in found:
        engines.compiles(migrated, query)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_list_has_a_limit_and_an_order(package: str) -> None:
    for query in queries.load(package):
        if " limit " in f" {query.text.replace(chr(10), ' ')} ":
            assert "order by" in query.text or "limit 1" in query.text, query.name
