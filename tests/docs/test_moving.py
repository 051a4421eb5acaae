"""The how-to that moves a store to PostgreSQL, run word for word on a store with a day in it, and back again."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.storage.queries import SQLITE
from tests import books, engines
from tests.callers import Caller
from tests.docs.reader import Reader
from tests.docs.shell import Shell, command
from tests.servers import running

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "move-to-postgresql.md"


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """The page itself says where a store is."""
    with engines.chosen(SQLITE):
        yield SQLITE


def test_the_page_moves_a_store_and_brings_it_back(tmp_path: Path) -> None:
    data, url = tmp_path / "farm-data", engines.server().add_database()
    with running(data) as server, Caller(server) as admin:
        admin.counted(admin.opened(), "evt_1", units=2.5)
    found_first = f"{tmp_path}/bin:{os.environ['PATH']}"
    variables = engines.clean_environment(data, PATH=found_first, HYDROBIT_DATABASE_URL=url)
    with command(tmp_path / "bin" / "hydrobit"), Shell(tmp_path, variables) as shell:
        printed = Reader(tmp_path, shell, {}).follow(PAGE)
    assert printed.count("2.5 units: sound") == 5
    assert len(set(re.findall(r"head (\w+)", printed))) == 2, "each company's head is the same everywhere"
    assert printed.endswith("is open again\n")

    with running(tmp_path / "farm-again") as server, Caller(server) as admin:
        admin.counted(admin.opened(), "evt_2")
    for place in ("farm-again", "rehearsal"):
        books.verify(tmp_path / place)
