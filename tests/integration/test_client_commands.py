"""`hydrobit record`, `sync`, `watch` and `outbox` as somebody types them, against a real server."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hydrobit.client import Outbox, State
from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.callers import Caller, Json
from tests.commands import hydrobit
from tests.servers import RunningServer
from tests.tools import alone_on, needs
from tests.watching import until

pytestmark = alone_on(SQLITE, "commands of the client do not see the server's store")


@dataclass(frozen=True)
class Shell:
    """Somebody's shell, with the variables of the client set."""

    environment: dict[str, str]
    outbox: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return hydrobit(*words, environment=self.environment)

    def printed(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def json(self, *words: str) -> list[Json]:
        return [json.loads(line) for line in self.printed(*words, "--json").splitlines()]

    def refused(self) -> int:
        """How many a sync was refused; its exit status says that there were any."""
        done = self.run("sync", "--json")
        assert done.returncode == 2, done.stderr
        found: int = json.loads(done.stdout)["refused"]
        return found


@pytest.fixture
def shell(server: RunningServer, tmp_path: Path) -> Shell:
    token = tmp_path / "token"
    token.write_text(server.token())
    return Shell(
        {
            "HYDROBIT_CLIENT_URL": server.address,
            "HYDROBIT_CLIENT_TOKEN_FILE": str(token),
            "HYDROBIT_CLIENT_OUTBOX": str(tmp_path / "outbox"),
        },
        tmp_path / "outbox",
    )


def test_what_is_recorded_is_sent_by_a_sync(shell: Shell, admin: Caller) -> None:
    session_id = admin.opened()
    assert shell.printed("record", session_id, "js0315", "John Smith", "--units", "2.5").startswith("kept 1 as evt_")
    (second,) = shell.json("record", session_id, "JS0315", "John Smith", "--event", "evt_own")
    assert (second["number"], second["state"], second["clientEventId"]) == (2, "waiting", "evt_own")
    assert [row["number"] for row in shell.json("outbox", "list", "--state", "waiting")] == [1, 2]
    assert shell.printed("sync") == "2 recorded, 0 repeated, 0 held, 0 refused, 0 waiting"
    assert admin.session(session_id)["totalUnits"] == 3.5
    assert [row["recordId"] is not None for row in shell.json("outbox", "list", "--state", "delivered")] == [True] * 2
    assert shell.json("sync")[0]["recorded"] == 0


def test_a_dead_letter_is_listed_put_right_and_sent(shell: Shell, admin: Caller) -> None:
    session_id = admin.opened()
    for _ in range(2):
        shell.printed("record", "6507f1e3c9d8e2a4b1f9c3d5", "JS0315", "John Smith")
    assert shell.refused() == 2
    assert "│ session_not_found" in shell.printed("outbox", "list")
    assert [row["code"] for row in shell.json("outbox", "list")] == ["session_not_found"] * 2
    assert shell.printed("outbox", "again", "1", "--session", session_id) == "1 waits again"
    assert shell.printed("outbox", "forget", "2") == "forgot 2"
    assert shell.json("sync")[0]["recorded"] == 1
    shell.printed("record", "6507f1e3c9d8e2a4b1f9c3d5", "JS0315", "John Smith")
    assert shell.refused() == 1
    assert shell.printed("outbox", "again", "--all") == "3 waits again"
    assert shell.printed("outbox", "list") == "nothing is refused"
    done = shell.run("outbox", "forget", "2")
    assert (done.returncode, "there is no count 2" in done.stderr) == (1, True)


def test_what_cannot_be_is_told_and_not_kept(shell: Shell) -> None:
    done = shell.run("record", "session", "JS0315", "John Smith", "--units", "many")
    assert (done.returncode, "--units" in done.stderr) == (1, True)
    done = shell.run("record", "session", "JS0315", "John Smith", "--at", "noon")
    assert (done.returncode, "recordedAtUtc" in done.stderr) == (1, True)
    done = shell.run("outbox", "list", "--outbox", str(shell.outbox.with_name("none")))
    assert (done.returncode, "there is no outbox" in done.stderr) == (1, True)
    Path(shell.environment["HYDROBIT_CLIENT_TOKEN_FILE"]).write_text("")
    done = shell.run("sync")
    assert (done.returncode, "there is no token" in done.stderr) == (1, True)


def test_a_sync_that_the_server_lets_not_in_keeps_everything(shell: Shell, server: RunningServer) -> None:
    shell.printed("record", "session", "JS0315", "John Smith")
    Path(shell.environment["HYDROBIT_CLIENT_TOKEN_FILE"]).write_text(server.token(lifetime_s=-600))
    done = shell.run("sync")
    assert done.returncode == 1
    assert done.stdout.strip() == "0 recorded, 0 repeated, 0 held, 0 refused, 1 waiting"
    assert "token" in done.stderr


def test_a_sync_without_a_server_says_that_it_waits(shell: Shell) -> None:
    shell.printed("record", "session", "JS0315", "John Smith")
    command = [sys.executable, "-m", "hydrobit", "sync", "--url", "http://127.0.0.1:9"]
    environment = engines.clean_environment(None, **shell.environment)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert re.fullmatch(
            r"hydrobit: no answer to be used; the next try is in 0\.[2-5] s, 1 wait\n", process.stderr.readline()
        )
        process.kill()


@pytest.fixture
def watching(shell: Shell) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "hydrobit", "watch", "--json"]
    environment = engines.clean_environment(None, **shell.environment)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_watch_sends_what_other_processes_keep(
    shell: Shell, admin: Caller, watching: "subprocess.Popen[str]"
) -> None:
    session_id = admin.opened()
    for number in range(3):
        shell.printed("record", session_id, "JS0315", "John Smith", "--event", f"evt_{number}")
    with Outbox(shell.outbox) as outbox:
        until(lambda: outbox.counts()[State.delivered] == 3, "everything is delivered")
    assert admin.session(session_id)["totalUnits"] == 3
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["waiting"] == 0


@needs("strace")
def test_a_count_is_synced_before_it_is_said_to_be_kept(shell: Shell, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = [sys.executable, "-m", "hydrobit", "record", "session", "JS0315", "John Smith"]
    watched = ["strace", "-y", "-f", "-o", str(trace), "-e", "trace=write,pwrite64,fsync,fdatasync", *program]
    environment = engines.clean_environment(None, **shell.environment)
    subprocess.run(watched, env=environment, check=True, capture_output=True)
    lines = trace.read_text().splitlines()
    told = next(place for place, line in enumerate(lines) if '"kept 1 as' in line)
    written = [place for place, line in enumerate(lines[:told]) if "pwrite64" in line and "outbox-wal" in line]
    synced = [place for place, line in enumerate(lines[:told]) if "sync(" in line and "outbox-wal" in line]
    assert written[-1] < synced[-1]


def test_a_second_sender_is_told_of_the_first(shell: Shell) -> None:
    shell.printed("record", "session", "JS0315", "John Smith")
    with Outbox(shell.outbox) as outbox, outbox.sending():
        done = shell.run("sync")
    assert (done.returncode, "is being sent" in done.stderr) == (1, True)
