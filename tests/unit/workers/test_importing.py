"""An import whose register or template has changed since it was judged: nothing is doubled, nothing half done."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.audit.service import Author
from hydrobit.errors import Refused
from hydrobit.identity import people
from hydrobit.kit import ids
from hydrobit.storage import directory
from hydrobit.storage.engine import Store, Transaction
from hydrobit.storage.queries import Query
from hydrobit.workers import crew, importing, service, template
from hydrobit.workers.store import Wanted
from hydrobit.workers.template import Kind
from tests import engines

HEADER = "first_name,last_name,hire_date,position,employment_type"
CREW = crew.read(f"{HEADER}\nAna,López,2025-03-15,harvester,seasonal\nAldo,Luna,2025-03-15,packer,seasonal\n")
NOW = 1_760_000_000_000
AUTHOR, OTHER = (Author(1, user, NOW, os.urandom) for user in ("user_1", "user_2"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with one company, whose number is 1."""
    with engines.opened(tmp_path / "data") as store:
        store.write(directory.bring_up, NOW)
        store.write(people.add_company, "comp_1", "One", False, ids.new_prefix(os.urandom), NOW, os.urandom)
        yield store


def import_planned(store: Store, made: importing.Plan, partial: bool = False) -> importing.Imported:
    entries = importing.prepare(AUTHOR, made, partial)
    return store.write(importing.add_crew, AUTHOR, CREW, made, entries, partial)


def register(store: Store) -> list[tuple[str, str]]:
    return [
        (worker.worker_id, worker.first_name)
        for worker in reversed(store.read(service.list_workers, 1, Wanted(), 1, 100)[1])
    ]


def count(tx: Transaction, table: str) -> int:
    row = tx.one(Query("by_hand", f"select count(*) from {table} where company = 1", ()))
    assert row is not None
    return int(row[0])


def test_what_was_planned_is_done(store: Store) -> None:
    made = store.read(importing.plan, 1, CREW)
    assert import_planned(store, made) == made.outcome
    assert register(store) == [("AL0315", "Ana"), ("AL0315-2", "Aldo")]


def test_who_joined_since_the_plan_was_made_is_unchanged_and_no_id_is_given_twice(store: Store) -> None:
    made = store.read(importing.plan, 1, CREW)
    aldo = CREW.members[1].new
    store.write(service.add_worker, OTHER, aldo, None)
    done = import_planned(store, made)
    assert (done.added, done.unchanged) == (["AL0315-2"], ["AL0315"])
    assert register(store) == [("AL0315", "Aldo"), ("AL0315-2", "Ana")]
    assert store.read(count, "audit") == 3  # the company's own line, and one for each worker


def test_an_option_that_is_gone_since_refuses_the_whole_file(store: Store) -> None:
    made = store.read(importing.plan, 1, CREW)
    store.write(template.set_options, OTHER, Kind.position, ["packer"])
    with pytest.raises(Refused, match="line 2, column position, 'harvester'"):
        import_planned(store, made)
    assert register(store) == []
    assert import_planned(store, made, partial=True).added == ["AL0315"]


def test_every_word_for_a_column_is_in_the_how_to() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "crew.md").read_text("utf-8")
    cells = {word for row in re.findall(r"^\| .*$", page, re.MULTILINE) for word in re.split(r"[|,(]", row)}
    told = {word.strip().strip("`").replace("-", " ") for word in cells}
    assert {word for name, words in crew.COLUMNS.items() for word in (name, *words)} <= told
