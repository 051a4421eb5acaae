"""`hydrobit device simulate` against real servers: whatever is killed or lost on the way, each box counts once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hydrobit.demo import company as demo
from hydrobit.simulate.buffer import Buffer
from hydrobit.storage.queries import SQLITE
from tests import books
from tests.callers import Caller
from tests.commands import hydrobit, printed
from tests.servers import RunningServer, running
from tests.sockets import free_port
from tests.tools import alone_on
from tests.watching import until

pytestmark = alone_on(SQLITE, "what is told here is the scale's side of the wire; the other side has its own tests")

SCALE_S_MAX = 60
WORKERS = ("--worker", "JS0315:John Smith", "--worker", "AG0110:Ana García")


@pytest.fixture(scope="module")
def mqtt_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate of its own for this machine's loopback."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scale test")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "loopback.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mqtt_port: int, certificate: Path) -> Iterator[RunningServer]:
    environment = {
        "HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{mqtt_port}",
        "HYDROBIT_MQTT_TLS_CERTIFICATE": str(certificate),
    }
    with running(tmp_path_factory.mktemp("server") / "data", environment=environment) as server:
        add_scale(server)
        yield server


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Caller]:
    with Caller(server) as admin:
        yield admin


def add_scale(server: RunningServer) -> None:
    words = ("device", "add", "scale-1", "Scale at the gate", "--project", demo.PROJECT)
    printed(*words, "--company", demo.COMPANY, "--data", server.data)


def token(server: RunningServer) -> str:
    words = ("device", "token", "scale-1", "--company", demo.COMPANY, "--user", demo.ADMIN)
    return printed(*words, "--data", server.data)


def web_socket(server: RunningServer) -> str:
    return f"ws{server.address.removeprefix('http')}/mqtt"


class Simulated:
    """A scale as a process; `said` is what it has printed so far."""

    def __init__(self, url: str, held: str, session_id: str, file: Path, *words: str) -> None:
        command = [sys.executable, "-m", "hydrobit", "device", "simulate", url, "--session", session_id, *WORKERS]
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [*command, "--buffer", str(file), *words],
            env=os.environ | {"DEVICE_TOKEN": held},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, number: int | None = None) -> int:
        """Its exit status, after a signal where one is given."""
        if number is not None:
            self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=SCALE_S_MAX)
        self.said = said.splitlines()
        return self.process.returncode


def kept(file: Path) -> int:
    """How many events wait in the file of a scale that has ended."""
    buffer = Buffer(file)
    waiting = buffer.tally.waiting
    buffer.close()
    return waiting


def counted(server: RunningServer, session_id: str) -> list[str | None]:
    """The event of each record of a session."""
    return [line.client_event_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT]


def until_counted(server: RunningServer, session_id: str, number: int) -> None:
    until(lambda: len(counted(server, session_id)) >= number, f"{number} boxes")


def test_what_was_weighed_offline_is_replayed_in_order(server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    session_id, file = admin.opened(), tmp_path / "scale.db"
    dial = ("--offline-every", "1s", "--offline-for", "1s", "--pace", "40", "--boxes", "60")
    scale = Simulated(web_socket(server), token(server), session_id, file, *dial)
    assert scale.end() == 0, scale.said
    assert "offline: out of range" in scale.said
    assert scale.said[-1] == "weighed 60, acknowledged 60, refused 0, waiting 0"
    numbers = [int((event or "").rpartition("-")[2]) for event in counted(server, session_id)]
    assert numbers == list(range(1, 61))


def test_a_scale_that_is_killed_and_started_again_counts_each_box_once(
    server: RunningServer, admin: Caller, mqtt_port: int, certificate: Path, tmp_path: Path
) -> None:
    session_id, file = admin.opened(), tmp_path / "scale.db"
    url, held = f"mqtts://127.0.0.1:{mqtt_port}", token(server)
    words = ("--pace", "100", "--boxes", "100", "--trust", str(certificate))
    scale = Simulated(url, held, session_id, file, *words)
    until_counted(server, session_id, 10)
    assert scale.end(signal.SIGKILL) == -signal.SIGKILL
    scale = Simulated(url, held, session_id, file, *words)
    assert scale.end() == 0, scale.said
    assert scale.said[-1] == "weighed 100, acknowledged 100, refused 0, waiting 0"
    events = counted(server, session_id)
    assert (len(events), len(set(events))) == (100, 100)
    assert admin.session(session_id)["totalUnits"] == 100


def test_a_server_that_is_killed_and_started_again_has_each_box_once(tmp_path: Path) -> None:
    port, data, file = free_port(), tmp_path / "data", tmp_path / "scale.db"
    with running(data, port=port) as server:
        add_scale(server)
        with Caller(server) as admin:
            session_id = admin.opened()
        scale = Simulated(web_socket(server), token(server), session_id, file, "--pace", "100", "--boxes", "100")
        until_counted(server, session_id, 10)
        server.kill()
    with running(data, port=port) as server:
        assert scale.end() == 0, scale.said
        events = counted(server, session_id)
        assert (len(events), len(set(events))) == (100, 100)


def test_it_ends_gracefully_and_says_what_waits(server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    file = tmp_path / "scale.db"
    nobody = f"mqtt://127.0.0.1:{free_port()}"
    scale = Simulated(nobody, token(server), admin.opened(), file, "--pace", "100")
    assert scale.process.stdout is not None
    assert "no connection" in scale.process.stdout.readline()
    assert scale.end(signal.SIGINT) == 0
    waiting = kept(file)
    assert waiting
    assert scale.said[-2:] == [
        f"weighed {waiting}, acknowledged 0, refused 0, waiting {waiting}",
        f"{waiting} wait in {file}; the next start sends them",
    ]


def test_a_user_may_weigh_by_their_own_token(server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    session_id = admin.opened()
    scale = Simulated(web_socket(server), server.token(), session_id, tmp_path / "scale.db", "--boxes", "1")
    assert scale.end() == 0, scale.said
    assert len(counted(server, session_id)) == 1


def test_what_is_refused_is_put_aside_and_told(server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    scale = Simulated(web_socket(server), token(server), "0" * 24, tmp_path / "scale.db", "--boxes", "2")
    assert scale.end() == 0
    assert "box 1 was refused and is put aside: session_not_found: " in scale.said[0]
    assert scale.said[-1] == "weighed 2, acknowledged 0, refused 2, waiting 0"


def test_a_token_that_counts_no_more_ends_it_and_loses_nothing(server: RunningServer, tmp_path: Path) -> None:
    with running(tmp_path / "other") as other:
        add_scale(other)
        foreign = token(other)
    scale = Simulated(web_socket(server), foreign, "0" * 24, tmp_path / "scale.db", "--pace", "50")
    assert scale.end() == 1
    assert "the server does not let the scale in: token_invalid" in scale.said[-1]
    assert kept(tmp_path / "scale.db")


def test_a_token_that_acts_for_nobody_is_refused_before_anything_is_weighed(
    server: RunningServer, tmp_path: Path
) -> None:
    words = ("device", "token", "scale-1", "--company", demo.COMPANY, "--data", server.data)
    asked = ("device", "simulate", web_socket(server), "--session", "0" * 24, *WORKERS, "--token", printed(*words))
    told = hydrobit(*asked, "--buffer", tmp_path / "scale.db")
    assert (told.returncode, "ask for one with --user" in told.stderr) == (1, True)
    assert not (tmp_path / "scale.db").exists()
