"""What is measured: how each service is started on an empty store, and whom the load calls there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bench.api import SESSIONS_OPEN, Api
from bench.errors import BenchError
from bench.processes import Cores, ServerProcess, free_port, plain_environment, serving
from bench.wrk import USER

HYDROBIT = Path(sys.executable).with_name("hydrobit")
QUEUE_SECONDS_MAX, QUEUE_POLL_SECONDS = 30, 0.05


@dataclass(frozen=True, slots=True)
class Subject:
    """A running service under measurement. `api` is None for the echo, which keeps nothing."""

    name: str
    server: ServerProcess
    token: str
    api: Api | None

    def open_sessions(self) -> tuple[str, ...]:
        if self.api is None:
            return tuple(f"6507f1e3c9d8e2a4b1f9c{number:03x}" for number in range(SESSIONS_OPEN))
        return self.api.open_sessions()

    def await_empty_queue(self) -> None:
        """Return once no record waits to be written."""
        deadline = time.monotonic() + QUEUE_SECONDS_MAX
        while "\nhydrobit_queue_rows 0.0\n" not in httpx.get(f"{self.server.url}/metrics").raise_for_status().text:
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} still writes after {QUEUE_SECONDS_MAX} s without load.")
            time.sleep(QUEUE_POLL_SECONDS)

    def close_sessions(self, sessions: tuple[str, ...], *, acknowledged: int, in_flight_max: int) -> None:
        """Close and count: every acknowledged record is stored once, and beside them only what was in flight.

        wrk drops its connections when its time is over, so up to one call a connection is stored and not counted.
        """
        if self.api is None:
            return
        stored = self.api.close_sessions(sessions)
        if not acknowledged <= stored <= acknowledged + in_flight_max:
            raise BenchError(f"{self.name} acknowledged {acknowledged} records and stored {stored}.")


@contextmanager
def echo(cores: Cores, scratch: Path, *, bare: bool = False) -> Iterator[Subject]:
    """The echo in our shell, or bare: as a raw ASGI application."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.echo", str(port), *(["--bare"] if bare else [])]
    with serving(command, port=port, core=cores.server, log=scratch / f"echo-{port}.log") as server:
        # The token is as long as a real one: its bytes are read by the parser, and not looked at.
        yield Subject("bare echo" if bare else "echo", server, "x" * 300, None)


@contextmanager
def typical(cores: Cores, scratch: Path, *, pool_size: int, database: str = "") -> Iterator[Subject]:
    """The typical service with so many connections in its pool, on SQLite or this database; proved to answer right."""
    port = free_port()
    token, public_key = _issue_typical_token()
    key_file = scratch / f"typical-{port}.pem"
    key_file.write_bytes(public_key)
    environment = {
        "TYPICAL_DATABASE": database or f"sqlite:///{scratch / f'typical-{port}.sqlite'}",
        "TYPICAL_PUBLIC_KEY": str(key_file),
        "TYPICAL_POOL_SIZE": str(pool_size),
    }
    command = [sys.executable, "-m", "bench.peers.typical", str(port)]
    log = scratch / f"typical-{port}.log"
    with serving(command, port=port, core=cores.server, log=log, environment=environment) as server:
        yield from _proved(f"typical, pool {pool_size}", server, token)


@contextmanager
def hydrobit(
    cores: Cores,
    scratch: Path,
    *,
    data: Path | None = None,
    database: str = "",
    name: str = "hydrobit",
    workers: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Subject]:
    """Ours as shipped, on the store in `data`, or on an empty one, or on this PostgreSQL database.

    With `workers` it runs in so many processes, on any core. Further settings are given as variables.
    """
    port = free_port()
    data = data or scratch / f"hydrobit-{port}"
    command = [str(HYDROBIT), "serve", "--data", str(data), "--demo", "--port", str(port)]
    environment = ({"HYDROBIT_DATABASE_URL": database} if database else {}) | dict(settings or {})
    core = cores.server if workers is None else None
    if workers is not None:
        command += ["--workers", str(workers)]
    log = scratch / f"hydrobit-{port}.log"
    with serving(command, port=port, core=core, log=log, environment=environment) as server:
        httpx.get(f"{server.url}/readyz").raise_for_status()
        command = [str(HYDROBIT), "token", USER, "--data", str(data)]
        environment = plain_environment() | environment
        issued = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        yield from _proved(name, server, issued.stdout.strip())


def _proved(name: str, server: ServerProcess, token: str) -> Iterator[Subject]:
    with Api.at(server.url, token) as api:
        api.prove_it_answers_rightly()
        yield Subject(name, server, token, api)


def _issue_typical_token() -> tuple[str, bytes]:
    """A token as a hosted identity service issues it (RS256), and the public key to verify it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"sub": USER, "iss": "typical", "aud": "typical", "exp": datetime.now(UTC) + timedelta(hours=6)}
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return jwt.encode(claims, private, algorithm="RS256"), public
