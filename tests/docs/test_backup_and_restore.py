"""What docs/how-to/backup-and-restore.md says, done: each section's commands, in their order, on a real store."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import engines, postgres
from tests.callers import Caller
from tests.docs.pages import blocks
from tests.servers import RunningServer, running
from tests.tools import alone_on

PAGE = "backup-and-restore.md"
BLOCKS = blocks(PAGE)
DUMP, RESTORE_DUMP = "PostgreSQL: a dump", "Restore a dump"
EVERY_MOMENT, RESTORE_MOMENT = "PostgreSQL: every moment", "Restore a moment"
SHELL_S_MAX = 120
EACH = 3
SOUND = "2 ledgers verified\n"


def test_every_command_of_the_page_stands_in_a_section_that_is_done_here() -> None:
    done = {"The embedded store", "Restore the embedded store", DUMP, RESTORE_DUMP, EVERY_MOMENT, RESTORE_MOMENT}
    assert {block.heading for block in BLOCKS} == done
    assert {block.kind for block in BLOCKS} == {"sh", "sh user=postgres", "conf"}


def do(heading: str, environment: dict[str, str], owner: dict[str, int] | None = None) -> str:
    """Runs what a section says, each block in a shell of its user; returns what they printed."""
    printed = ""
    for block in BLOCKS:
        if block.heading == heading and block.kind.startswith("sh"):
            shell = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                env=environment,
                capture_output=True,
                text=True,
                timeout=SHELL_S_MAX,
                check=False,
                cwd="/",
                **(owner or {} if block.kind == "sh user=postgres" else {}),  # type: ignore[call-overload]
            )
            assert shell.returncode == 0, shell.stderr + shell.stdout
            printed += shell.stdout
    return printed


class Sent:
    """What phones have sent to a server, in order of time, and the ids they were told."""

    def __init__(self, server: RunningServer) -> None:
        with Caller(server) as caller:
            self.session = caller.opened()
        self.ids: dict[str, set[str]] = {}
        self.token = server.token()

    def more(self, server: RunningServer, name: str) -> None:
        with Caller(server) as caller:
            self.ids[name] = {caller.counted(self.session, f"{name}-{number}") for number in range(EACH)}

    def known(self, server: RunningServer) -> list[str]:
        """Which of it the server knows; it knows all of a name or none."""
        found = []
        with Caller(server) as caller:
            for name, ids in self.ids.items():
                statuses = {caller.get(f"/api/control/production/records/{record}").status_code for record in ids}
                assert len(statuses) == 1
                found += [name] if statuses == {200} else []
        return found


def check_life_goes_on(data: Path, sent: Sent, kept: list[str]) -> None:
    """On the restored store a server knows what was kept, and gives no id that phones may have heard before."""
    with running(data) as server:
        with Caller(server, token=sent.token) as caller:
            assert caller.get("/api/control/production/sessions").status_code == 200
        assert sent.known(server) == kept
        given = set.union(*sent.ids.values())
        for name in set(sent.ids) - set(kept):
            with Caller(server) as caller:
                again = {caller.counted(sent.session, f"{name}-{number}") for number in range(EACH)}
            assert not again & given
            given |= again
        with Caller(server) as caller:
            assert caller.counted(sent.session, "after the restore") not in given


# The embedded store


@alone_on(SQLITE, "PostgreSQL is kept by its own programs")
def test_the_embedded_store_comes_back_with_its_keys(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    environment = engines.clean_environment(
        tmp_path / "data",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        BACKUPS=str(tmp_path / "backups"),
        HYDROBIT_DATA=str(tmp_path / "data"),
        RESTORED=str(tmp_path / "restored"),
    )
    with running(tmp_path / "data") as server:
        sent = Sent(server)
        sent.more(server, "before")
        do("The embedded store", environment)
        sent.more(server, "after")
    assert SOUND in do("Restore the embedded store", environment)
    check_life_goes_on(tmp_path / "restored", sent, ["before"])


# PostgreSQL


class Kept:
    """A PostgreSQL that is kept as the page says, and what phones sent to a server over it meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.data, self.server = folder / "data", postgres.start()
        places = {name: self.server.folder / name.lower() for name in ("ARCHIVE", "BACKUPS", "RESTORED")}
        self.restored = places["RESTORED"]
        self.environment = engines.clean_environment(
            Path(),
            **{name: str(place) for name, place in places.items()},
            PATH=f"{Path(sys.executable).parent}:{self.server.binaries}:{os.environ['PATH']}",
            HOME=str(self.server.folder),
            PGHOST=str(self.server.folder),
            PGUSER="hydrobit",
            PGDATABASE="postgres",
            HYDROBIT_DATA=str(self.data),
            HYDROBIT_KEYS=str(self.data / "keys"),
        )
        for name in ("ARCHIVE", "BACKUPS"):
            self.run("mkdir", str(places[name]))
        self._be_kept(places["ARCHIVE"])
        url = self.server.add_database()
        self.environment |= {engines.URL: url}
        engines.settle(self.data, url)

    def _be_kept(self, archive: Path) -> None:
        """What the page says for postgresql.conf, and then a restart. A copy of the files brings its settings along."""
        (said,) = (block.text for block in BLOCKS if block.kind == "conf")
        ours = f"listen_addresses = ''\nunix_socket_directories = '{self.server.folder}'\nmax_connections = 200\n"
        with open(self.server.folder / "data" / "postgresql.conf", "a") as file:
            file.write(ours + said.replace("/srv/archive", str(archive)))
        self.server.end()
        self.server.go_on()

    def run(self, *words: str) -> str:
        """A command of the user who runs PostgreSQL; returns what it printed."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=True, cwd="/", **self.server.owner
        )
        return done.stdout.strip()

    def do(self, heading: str, **environment: str) -> str:
        return do(heading, self.environment | environment, self.server.owner)

    def url_of_restored(self) -> str:
        return f"{self.environment[engines.URL]}&port=5433"

    def stop(self) -> None:
        """Ends both servers, the restored one by the id in its folder."""
        pid = self.restored / "postmaster.pid"
        if pid.exists():
            self.run("pg_ctl", f"--pgdata={self.restored}", "--mode=immediate", "stop")
        self.server.stop()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    story = Kept(tmp_path_factory.mktemp("kept"))
    try:
        yield story
    finally:
        story.stop()


@pytest.fixture(scope="module")
def sent(kept: Kept) -> Sent:
    """Records of three times: before the copies were made, before the moment to come back to, and after it."""
    with running(kept.data) as server:
        sent = Sent(server)
        sent.more(server, "before the copy")
        kept.do(DUMP)
        kept.do(EVERY_MOMENT)
        sent.more(server, "before the moment")
        kept.environment["MOMENT"] = kept.run("psql", "--no-align", "--tuples-only", "--command=select now()")
        sent.more(server, "after the moment")
    return sent


@alone_on(POSTGRES, "the embedded store is kept by our own command")
def test_a_database_comes_back_from_a_dump(kept: Kept, sent: Sent, tmp_path: Path) -> None:
    url = kept.server.add_database()
    assert SOUND in kept.do(RESTORE_DUMP, RESTORED_URL=url)
    check_life_goes_on(node(kept, url, tmp_path), sent, ["before the copy"])


@alone_on(POSTGRES, "the embedded store is kept by our own command")
def test_a_database_comes_back_to_a_moment(kept: Kept, sent: Sent, tmp_path: Path) -> None:
    url = kept.url_of_restored()
    assert SOUND in kept.do(RESTORE_MOMENT, RESTORED_URL=url)
    check_life_goes_on(node(kept, url, tmp_path), sent, ["before the copy", "before the moment"])


def node(kept: Kept, url: str, folder: Path) -> Path:
    """The data directory of a server on a restored database, with the keys that were kept."""
    data = folder / "node"
    shutil.copytree(Path(kept.environment["BACKUPS"]) / "keys", data / "keys")
    engines.settle(data, url)
    return data
