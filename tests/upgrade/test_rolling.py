"""Nodes of two releases over one store: while they are upgraded one after another, the older ones go on."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hydrobit.errors import StoreTooNew
from hydrobit.storage import translation
from hydrobit.storage.engine import Transaction
from hydrobit.storage.migrate import Migration, migrate, migrations
from hydrobit.storage.queries import POSTGRES
from tests import books, engines
from tests.callers import Caller
from tests.commands import hydrobit, printed
from tests.servers import running
from tests.tools import alone_on
from tests.upgrade.stores import KEPT, made_again, version

NODES = 3
LATEST = migrations()[-1].version
ADDS = Migration(
    LATEST + 1,
    "adds",
    (
        "alter table worker add column badge text",
        "alter table session add column shift integer not null default 0",
        "create table badge (\n    company integer not null,\n    badge text,\n    primary key (company)\n) strict",
        "create index worker_badge on worker (company, badge)",
    ),
)
"""What the next release may add while this one still runs."""
BREAKS = Migration(LATEST + 2, "breaks", (f"update compatibility set schema_min = {LATEST + 2}",))


def upgrade(data: Path, *further: Migration) -> list[int]:
    """What the next release's first node does at its start; returns the versions that it applied."""

    def unit(tx: Transaction) -> list[Migration]:
        in_words = translation.schema if tx.engine == POSTGRES else str
        added = [replace(each, statements=tuple(map(in_words, each.statements))) for each in further]
        return migrate(tx, 0, [*migrations(tx.engine), *added])

    with engines.opened(data) as store:
        return [migration.version for migration in store.write(unit)]


def test_this_release_goes_on_while_the_next_one_adds_to_the_schema(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as server, Caller(server) as caller:
        session_id = caller.opened()
        before = caller.counted(session_id, "evt_before")
        assert upgrade(data, ADDS) == [ADDS.version]
        caller.counted(session_id, "evt_after")
        assert caller.count(session_id, "evt_before").json()["data"]["payloadPreview"]["recordId"] == before
        caller.registered(first_name="While", last_name="Upgrading")
        assert caller.close_session(session_id).status_code == 200
    with running(data) as server, Caller(server) as caller:
        caller.counted(caller.opened(), "evt_restarted")
    books.verify(data)
    assert version(data) == ADDS.version
    assert f"this release copies schema {LATEST}" in hydrobit("copy", *from_(data), "--to", "sqlite:///tmp/none").stderr


def from_(data: Path) -> list[str]:
    return ["--from", engines.url_of(data) or f"sqlite://{data}", "--from-data", str(data)]


def test_a_schema_that_this_release_cannot_work_with_is_refused_by_server_and_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        pass
    upgrade(data, ADDS, BREAKS)
    sentence = f"has schema {LATEST + 2}, for programs that know schema {LATEST + 2}; this release knows schemas up to"
    for command in (["serve", "--port", "0"], ["verify"], ["migrate"]):
        assert sentence in hydrobit(*command, "--data", data).stderr
    with engines.opened(data) as store, pytest.raises(StoreTooNew):
        store.write(migrate, 0)


@alone_on(POSTGRES, "a file has one server")
def test_of_nodes_that_start_at_once_on_an_earlier_schema_one_upgrades_and_none_fails(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made_again(data, KEPT[0])
    with ExitStack() as stack, ThreadPoolExecutor(NODES) as starting:
        begun = [starting.submit(stack.enter_context, running(data)) for _ in range(NODES)]
        for node in begun:
            with Caller(node.result()) as caller:
                assert caller.workers()["total"] == 0
    applied = engines.rows(data, "select version from migration order by version")
    assert applied == [(migration.version,) for migration in migrations()]


def test_commands_that_meet_an_earlier_schema_upgrade_it_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made_again(data, KEPT[0])
    with ThreadPoolExecutor(NODES) as starting:
        told = sorted(starting.map(lambda _: printed("migrate", "--data", data), range(NODES)))
    names = ", ".join(migration.name for migration in migrations()[1:])
    assert told == [f"applied: {names}"] + ["the store is up to date"] * (NODES - 1)
