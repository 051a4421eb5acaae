"""The unit: systemd reads it, it takes from the server what the server does not need, and nothing that it needs."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydrobit import settings
from hydrobit.settings import PREFIX, Settings
from tests.callers import Caller
from tests.deploy.files import DEPLOY, variables
from tests.integration.test_photos import data_url, picture
from tests.servers import RunningServer, start
from tests.tools import needs
from tests.watching import until

UNIT = DEPLOY / "systemd" / "hydrobit.service"
SAID = re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE)
EXPOSURE_MAX = 2.0
REFUSED_WITHOUT_HARM = {"io_uring_setup", "fchown"}
"""The event loop goes on without the first; the second is SQLite's where root runs it, which the unit does not."""


def said(name: str) -> list[str]:
    return [value for key, value in SAID if key == name]


def unit_here(folder: Path) -> Path:
    """The unit with a program that this machine has in the place of ours."""
    copy = folder / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/hydrobit/bin/hydrobit serve", "/bin/true"))
    return copy


@needs("systemd-analyze")
def test_systemd_finds_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit_here(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs("systemd-analyze")
def test_the_service_is_little_exposed(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}", unit_here(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_server_stops_in_time_and_comes_back_after_a_failure() -> None:
    assert int(said("TimeoutStopSec")[0]) > Settings().stop_s_max
    assert said("KillSignal") == ["SIGTERM"]
    assert said("KillMode") == ["mixed"]
    assert said("Restart") == ["on-failure"]


def test_it_may_hold_as_many_files_as_connections() -> None:
    assert int(said("LimitNOFILE")[0]) > Settings().connections_max


def test_its_settings_serve_and_its_state_is_its_own() -> None:
    told = variables((DEPLOY / "systemd" / "hydrobit.env").read_text()) | dict(
        line.split("=", 1) for line in said("Environment")
    )
    chosen = settings.load({name: text for name, text in told.items() if name.startswith(PREFIX)})
    assert chosen.data == Path("/var/lib") / said("StateDirectory")[0]
    assert chosen.host == "127.0.0.1"
    assert f"u {said('User')[0]} " in (DEPLOY / "systemd" / "hydrobit.sysusers").read_text()


def allowed() -> set[str]:
    """The system calls that the unit's filter lets through."""
    assert said("SystemCallFilter") == ["@system-service", "~@privileged"]
    return expand("@system-service") - expand("@privileged")


def expand(name: str) -> set[str]:
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    calls: set[str] = set()
    for line in shown.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= expand(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


@needs("strace")
@needs("systemd-analyze")
def test_the_server_asks_nothing_that_the_filter_refuses(tmp_path: Path) -> None:
    names = tmp_path / "names"
    # -c: the name of each call once; -D: the process that we end is the server.
    with running_under(
        "strace", "-D", "-f", "-qq", "-c", "-U", "name", "-o", str(names), data=tmp_path / "data"
    ) as server:
        with Caller(server) as caller:
            caller.counted(caller.opened(), "evt-1")
            worker = caller.registered(first_name="In", last_name="Picture", photo=data_url(picture()))
            assert caller.get(worker["photo_url"]).content
        assert server.stop() == 0
        until(lambda: names.exists() and "write" in names.read_text(), "the names that strace wrote down")
    asked = set(re.findall(r"^\w+$", names.read_text(), re.MULTILINE)) - {"syscall", "total"}
    assert asked >= {"openat", "fdatasync", "execve", "accept4"}
    assert asked - allowed() <= REFUSED_WITHOUT_HARM


@contextmanager
def running_under(*prefix: str, data: Path) -> Iterator[RunningServer]:
    """A server that another program starts."""
    server = start(data, prefix=prefix)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        assert server.process.stdout is not None
        server.process.stdout.close()
