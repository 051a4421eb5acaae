"""Real servers for tests: started as a process on a free loopback port, spoken to over HTTP, ended by their id."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

import httpx

from hydrobit.demo import company as demo
from hydrobit.identity.signing import SigningKey
from hydrobit.kit.clock import SystemClock
from hydrobit.settings import Settings
from hydrobit.storage import directory
from tests import buckets, engines
from tests.forks import Forked

STOP_S_MAX = 20
PRODUCTION = "/api/control/production"
Process = Union["subprocess.Popen[str]", Forked]


class RunningServer:
    """One server process on one data directory. `headers` is what its callers send besides."""

    def __init__(self, data: Path, process: Process, address: str, headers: Mapping[str, str] | None = None) -> None:
        self.data, self.process, self.address, self.headers = data, process, address, headers or {}
        self._key = SigningKey.load_or_create(data / directory.SIGNING_KEY)

    def token(self, user: str = demo.ADMIN, lifetime_s: int = 3600) -> str:
        """A token for a user, signed by the server's own key."""
        settings = Settings()
        return self._key.sign(user, SystemClock().now(), lifetime_s, settings.issuer, settings.audience)

    def client(self, user: str = demo.ADMIN, **options: Any) -> httpx.Client:
        """A client that calls as the user."""
        headers = {"authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(
            base_url=self.address, headers=headers, timeout=30, trust_env=False, verify=False, **options
        )

    def kill(self) -> None:
        """kill -9, and wait until the process is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_S_MAX)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S_MAX)


def start(
    data: Path,
    *flags: str,
    environment: Mapping[str, str] | None = None,
    prefix: tuple[str, ...] = (),
    port: int = 0,
    module: str = "hydrobit",
) -> RunningServer:
    """Starts a server with the demo company and waits for the address it prints. `prefix` may be `strace ...`, `module`
    one that runs the program with a fault of its own.
    """
    words = ("serve", "--demo", "--port", str(port), "--data", str(data), *flags)
    variables = engines.clean_environment(data, **(buckets.environment(data) | dict(environment or {})))
    with open(data.parent / f"{data.name}.log", "a") as log:
        process: Process
        if prefix:
            command = [*prefix, sys.executable, "-m", "hydrobit", *words]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
        else:
            process = Forked(module, words, variables, log.fileno())
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        process.wait(STOP_S_MAX)
        process.stdout.close()
        raise AssertionError(f"the server did not start: {(data.parent / f'{data.name}.log').read_text()}")
    return RunningServer(data, process, address)


@contextmanager
def running(
    data: Path,
    *flags: str,
    environment: Mapping[str, str] | None = None,
    port: int = 0,
    module: str = "hydrobit",
) -> Iterator[RunningServer]:
    """A server that is ended at the end of the block."""
    server = start(data, *flags, environment=environment, port=port, module=module)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        if server.process.stdout is not None:
            server.process.stdout.close()


def opening(day: str = "2025-10-19", sector: str = "sector_001", **changes: Any) -> dict[str, Any]:
    """The body that opens a session at the demo company."""
    return {
        "auth0Id": demo.ADMIN,
        "projectId": demo.PROJECT,
        "openedAt": f"{day}T14:00:00.000Z",
        "sectorId": sector,
        "sector_name": demo.SECTORS.get(sector, sector),
    } | changes


def event(session_id: str, client_event_id: str, **changes: Any) -> dict[str, Any]:
    """The body of one count."""
    return {
        "auth0Id": demo.ADMIN,
        "sessionId": session_id,
        "workerId": "JS0315",
        "worker_name": "John Smith",
        "units": 1,
        "recordedAtUtc": "2025-10-19T14:30:00.000Z",
        "clientEventId": client_event_id,
    } | changes


def open_session(client: httpx.Client, **changes: Any) -> str:
    """Opens a session and returns its id."""
    answer = client.post(f"{PRODUCTION}/sessions", json=opening(**changes))
    assert answer.status_code == 201, answer.text
    session_id: str = answer.json()["data"]["sessionId"]
    return session_id
