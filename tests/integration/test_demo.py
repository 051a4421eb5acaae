"""`hydrobit demo` as `make run` starts it: real processes, read through a pipe or a terminal.

The one at the terminal starts the interpreter too; the others are forked (`tests.forks`).
"""

import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.demo import company
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import read_instant, write_instant
from hydrobit.morning.api import record_body
from hydrobit.morning.plan import dawn, plan
from tests import engines, forks
from tests.commands import printed
from tests.forks import Forked
from tests.servers import PRODUCTION, STOP_S_MAX, opening, running
from tests.tools import needs

INTERRUPTED_AFTER = 60


class Demo:
    """A demo process, and what it wrote up to its last hint."""

    def __init__(self, process: Forked, errors: Path) -> None:
        self.process, self._errors, self.lines = process, errors, list[str]()

    def read_until(self, words: str) -> str:
        """The first line that holds the words."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if words in line:
                return self.lines[-1]
        raise AssertionError(f"no line with {words!r}: {self.lines} {self._errors.read_text()}")

    def read_all(self) -> "Demo":
        self.read_until("prints a token for the supervisor")
        return self

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def curl(self) -> list[str]:
        """The words of the call that is to be pasted."""
        (line,) = [line for line in self.lines if line.startswith("curl ")]
        return shlex.split(line)

    @property
    def token(self) -> str:
        (line,) = [line for line in self.lines if line.startswith("eyJ")]
        return line

    def paste(self) -> httpx.Response:
        """Sends what curl would send."""
        _, url, _, authorization, _, content_type, _, body = self.curl
        headers = dict(header.split(": ", 1) for header in (authorization, content_type))
        return httpx.post(url, headers=headers, content=body, trust_env=False, verify=False)

    def client(self) -> httpx.Client:
        address = self.curl[1].removesuffix(f"{PRODUCTION}/records")
        return httpx.Client(
            base_url=address, headers={"authorization": f"Bearer {self.token}"}, trust_env=False, verify=False
        )

    def sessions(self, **query: Any) -> list[dict[str, Any]]:
        with self.client() as client:
            items: list[dict[str, Any]] = client.get(f"{PRODUCTION}/sessions", params=query).json()["data"]["items"]
            return items

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """The exit status, and what was written to standard error."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S_MAX), self._errors.read_text()


@contextmanager
def demo(data: Path, **environment: str) -> Iterator[Demo]:
    errors = data.with_name(f"{data.name}.errors")
    with open(errors, "w") as told:
        process = Forked("hydrobit", _words(data), _environment(data) | environment, told.fileno())
    with process:
        try:
            yield Demo(process, errors)
        finally:
            process.kill()


def failing(data: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    """A demo that ends by itself."""
    return forks.run("hydrobit", _words(data, *flags), _environment(data), 60)


def _words(data: Path, *flags: str) -> list[str]:
    return ["demo", "--data", str(data), *(flags or ("--port", "0"))]


def _environment(data: Path) -> dict[str, str]:
    return engines.clean_environment(data)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that played its morning on an empty store, and serves."""
    with demo(tmp_path_factory.mktemp("played") / "data") as started:
        yield started.read_all()


def sums(session: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {
        worker["workerId"]: (worker["units"], worker["recordCount"], worker["voidedCount"])
        for worker in session["workers"]
    }


def planned(session: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    expected = plan(read_instant(session["openedAt"])).sums()
    return {worker: (found.units, found.counts, found.voids) for worker, found in expected.items()}


def whole_session(running_demo: Demo) -> dict[str, Any]:
    """The only session that there is, with its sums."""
    (session,) = running_demo.sessions()
    with running_demo.client() as client:
        found: dict[str, Any] = client.get(f"{PRODUCTION}/sessions/{session['sessionId']}").json()["data"]
        return found


def test_the_curl_line_counts_one_box_and_sent_twice_still_one(played: Demo) -> None:
    first, second = played.paste(), played.paste()
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["data"]["payloadPreview"] == second.json()["data"]["payloadPreview"]


@needs("curl")
def test_the_curl_line_works_as_a_shell_reads_it(played: Demo) -> None:
    (line,) = [line for line in played.lines if line.startswith("curl ")]
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert '"status":"success"' in done.stdout


def test_the_second_sector_stays_free(played: Demo) -> None:
    assert {session["sectorId"] for session in played.sessions()} == {"sector_001"}
    with played.client() as client:
        answer = client.post(f"{PRODUCTION}/sessions", json=opening(sector="sector_002"))
        assert answer.status_code == 201
        client.post(f"{PRODUCTION}/sessions/{answer.json()['data']['sessionId']}/close")


def test_no_count_of_the_morning_lies_in_the_future(played: Demo) -> None:
    session = next(session for session in played.sessions() if session["sectorId"] == "sector_001")
    now = SystemClock().now()
    morning = plan(read_instant(session["openedAt"]))
    assert max(count.recorded_at for count in (*morning.counts, *morning.offline)) <= now


def test_an_empty_store_gets_the_planned_morning_and_a_second_start_plays_nothing(tmp_path: Path) -> None:
    keys = {"HYDROBIT_KEYS": str(tmp_path / "keys")}
    with demo(tmp_path / "data", **keys) as first:
        before = whole_session(first.read_all())
        assert sums(before) == planned(before)
        assert len(before["workers"]) == len(company.CREW)
        assert (before["sectorId"], before["status"]) == ("sector_001", "open")
        assert "records: 200 of 200" in first.text
        for member in company.CREW:
            assert member.name in first.text
        status, errors = first.stop()
        assert status == 0
        assert "Traceback" not in errors
    with demo(tmp_path / "data", **keys) as second:
        after = whole_session(second.read_all())
        assert second.paste().status_code == 201
    assert "records" not in second.text.replace("/records", "")
    assert after == before
    assert second.token != first.token
    assert not (tmp_path / "data" / "keys").exists(), "keys are where a setting says, and nowhere else"


def test_a_start_after_the_session_was_closed_opens_another_and_plays_nothing(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as first:
        closed = whole_session(first.read_all())
        with first.client() as client:
            assert client.post(f"{PRODUCTION}/sessions/{closed['sessionId']}/close").status_code == 200
        assert first.stop(signal.SIGTERM)[0] == 0
    with demo(tmp_path / "data") as second:
        second.read_all()
        (fresh,) = second.sessions(status="open")
        assert (fresh["sectorId"], fresh["totalUnits"]) == ("sector_001", 0)
        assert second.paste().status_code == 201
        assert len(second.sessions()) == 2


def begin_a_morning(data: Path, *, units_more: int = 0) -> None:
    """What a start leaves behind that was interrupted; with `units_more`, somebody recorded these beside it."""
    with running(data) as server, server.client() as client:
        opened_at = dawn(SystemClock().now())
        body = opening(openedAt=write_instant(opened_at), localId="demo-morning-2025-10-19")
        session_id = client.post(f"{PRODUCTION}/sessions", json=body).json()["data"]["sessionId"]
        counts = plan(opened_at).counts[:INTERRUPTED_AFTER]
        bodies = [record_body(session_id, count) for count in counts]
        if units_more:
            bodies.append(bodies[0] | {"clientEventId": "somebody-else", "units": units_more})
        for record in bodies:
            assert client.post(f"{PRODUCTION}/records", json=record).status_code == 201
        assert server.stop() == 0


def test_a_morning_that_was_interrupted_goes_on_and_doubles_nothing(tmp_path: Path) -> None:
    begin_a_morning(tmp_path / "data")
    with demo(tmp_path / "data") as started:
        session = whole_session(started.read_all())
        assert f"{INTERRUPTED_AFTER} of them stood there already" in started.text
        assert sums(session) == planned(session)


def test_a_morning_whose_sums_differ_ends_the_server_with_a_sentence(tmp_path: Path) -> None:
    begin_a_morning(tmp_path / "data", units_more=7)
    ended = failing(tmp_path / "data")
    assert ended.returncode == 1
    assert "the morning counted" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "curl" not in ended.stdout


def test_a_demo_that_is_killed_while_it_plays_may_be_started_again(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as first:
        first.read_until("records: 50 of 200")
        status, _ = first.stop(signal.SIGKILL)
        assert status == -signal.SIGKILL
    with demo(tmp_path / "data") as second:
        session = whole_session(second.read_all())
        assert sums(session) == planned(session)


def test_a_port_that_is_taken_is_said_in_a_sentence_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = failing(tmp_path / "data", "--port", str(port))
    assert ended.returncode == 1
    assert f"http://127.0.0.1:{port} cannot be served: Address already in use" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_store_without_the_demo_company_is_left_alone(tmp_path: Path) -> None:
    printed("company", "add", "comp_1", "One", "--data", tmp_path / "data")
    ended = failing(tmp_path / "data")
    assert ended.returncode == 1
    assert "holds other companies, not the demo's" in ended.stderr


def test_a_terminal_sees_a_bar_and_a_call_that_is_not_broken_into_lines(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hydrobit", *_words(tmp_path / "data")],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=_environment(tmp_path / "data") | {"TERM": "xterm"},
    )
    os.close(theirs)
    try:
        seen = b""
        while b"prints a token" not in seen:
            seen += os.read(ours, 65_536)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_S_MAX) == 0
        os.close(ours)
    assert b"200/200" in seen
    assert b"records: 50 of 200" not in seen
    assert any(line.startswith(b"curl ") and line.endswith(b"}'") for line in seen.splitlines())
