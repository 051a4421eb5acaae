"""Caddy itself with the file of deploy/compose, before two servers over one database: what phones see through it."""

import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection
from typing import Any

import httpx
import pytest

from hydrobit.settings import Settings
from hydrobit.storage.queries import POSTGRES
from tests import engines
from tests.callers import FORM_RECORD, RECORDS
from tests.deploy.files import DEPLOY
from tests.servers import RunningServer, event, open_session, running
from tests.sockets import Connection, free_port
from tests.watching import requests, until

CADDYFILE = DEPLOY / "compose" / "Caddyfile"
CADDY = Path(sys.executable).with_name("caddyserver")
STOP_S_MAX = 20
LEAST = 20
"""So many records are sent to a node before it is stopped, and after."""


class Proxy:
    """One Caddy on a free port of this machine, with a certificate of its own."""

    def __init__(self, folder: Path, *nodes: str) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"https://localhost:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "SITE": self.address,
            "NODES": " ".join(node.removeprefix("http://") for node in nodes),
        }
        said = folder / "caddy.json"
        said.write_text(json.dumps(self._adapted()))
        with open(folder / "caddy.log", "w") as log:
            self.process = subprocess.Popen([CADDY, "run", "--config", said], env=self.environment, stderr=log)
        self.root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def _adapted(self) -> dict[str, Any]:
        """What Caddy makes of the file, on ports that nobody else has."""
        words = ("adapt", "--config", CADDYFILE, "--adapter", "caddyfile")
        done = subprocess.run([CADDY, *words], env=self.environment, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        found["apps"]["http"] |= {"http_port": free_port(), "https_port": self.port}
        return found

    def is_up(self) -> bool:
        assert self.process.poll() is None, (self.folder / "caddy.log").read_text()
        if not self.root.exists():
            return False
        try:
            with self.client() as client:
                return client.get("/metrics").status_code == 404
        except httpx.TransportError:
            return False

    def client(self, token: str = "") -> httpx.Client:
        """A phone that trusts the proxy's own authority."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        trusted = ssl.create_default_context(cafile=self.root)
        return httpx.Client(base_url=self.address, headers=headers, verify=trusted, timeout=30, trust_env=False)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_S_MAX)


@contextmanager
def proxy_before(folder: Path, *nodes: str) -> Iterator[Proxy]:
    folder.mkdir()
    proxy = Proxy(folder, *nodes)
    try:
        until(proxy.is_up, "the proxy")
        yield proxy
    finally:
        proxy.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with engines.chosen(POSTGRES):
        folder = tmp_path_factory.mktemp("nodes") / "data"
        engines.url_of(folder)
        yield folder


PORTS = (free_port(), free_port())


def node(data: Path, number: int) -> Any:
    """A server whose metrics everyone may ask, as the compose file has it."""
    return running(data, port=PORTS[number], environment={"HYDROBIT_METRICS_PUBLIC": "true"})


@pytest.fixture(scope="module")
def first(data: Path) -> Iterator[RunningServer]:
    with node(data, 0) as started:
        yield started


@pytest.fixture(scope="module")
def proxy(first: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """It stands before two nodes, of which one is not there yet."""
    nodes = (f"127.0.0.1:{port}" for port in PORTS)
    with proxy_before(tmp_path_factory.mktemp("proxy") / "caddy", *nodes) as started:
        yield started


def test_the_file_is_valid_and_formatted_as_caddy_formats_it(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SITE": "localhost", "HOME": str(tmp_path)}
    for words in (("validate", "--adapter", "caddyfile", "--config"), ("fmt", "--diff")):
        done = subprocess.run([CADDY, *words, CADDYFILE], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout


def test_connections_to_nodes_are_given_up_before_the_nodes_do() -> None:
    (kept_s,) = re.findall(r"keepalive (\d+)s", CADDYFILE.read_text())
    assert int(kept_s) < Settings().keep_alive_s
    (most,) = re.findall(r"max_size (\d+)MiB", CADDYFILE.read_text())
    assert int(most) * 1024 * 1024 > Settings().form_body_bytes_max


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/%6Detrics", "/METRICS"])
def test_nobody_outside_sees_the_metrics(first: RunningServer, proxy: Proxy, path: str) -> None:
    with first.client() as near, proxy.client() as outside:
        assert near.get("/metrics").status_code == 200
        answer = outside.get(path)
        assert answer.status_code == 404
        assert "hydrobit_" not in answer.text


def test_the_node_itself_says_what_is_too_large(first: RunningServer, proxy: Proxy) -> None:
    with proxy.client(first.token()) as phone:
        answer = phone.post(FORM_RECORD, content=bytes(Settings().form_body_bytes_max + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_phones_count_on_while_a_node_is_replaced(data: Path, first: RunningServer, proxy: Proxy) -> None:
    told: list[int] = []
    ended = threading.Event()

    def count(phone: httpx.Client, session_id: str) -> None:
        """As a phone does: each event again until it is known."""
        number = 0
        while not ended.is_set():
            told.append(phone.post(RECORDS, json=event(session_id, f"evt-{number}")).status_code)
            number += told[-1] in (200, 201)

    with proxy.client(first.token()) as phone:
        counting = threading.Thread(target=count, args=(phone, open_session(phone, day="2025-03-01")))
        counting.start()
        try:
            with node(data, 1) as second:
                with closing(Connection(second.address)) as watcher:
                    until(lambda: requests(watcher, "createProductionRecord", 201) >= LEAST, "calls at the second node")
                assert second.stop() == 0
            seen = len(told)
            until(lambda: len(told) >= seen + LEAST, "calls after the stop")
        finally:
            ended.set()
            counting.join()
    # The one call that a stop can meet on its way is told to be sent again.
    assert set(told) <= {200, 201, 503}
    assert told.count(503) <= 1


def test_websockets_pass(tmp_path: Path) -> None:
    ask = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    ask += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with echo() as address, proxy_before(tmp_path / "caddy", address) as proxy:
        trusted = ssl.create_default_context(cafile=proxy.root)
        with trusted.wrap_socket(create_connection(("localhost", proxy.port)), server_hostname="localhost") as phone:
            phone.settimeout(30)
            phone.sendall(ask.encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += phone.recv(1)
            assert head.startswith(b"HTTP/1.1 101 ")
            for message in (b"\x82\x02\xc0\x00", b"\x82\x02\xd0\x00"):
                phone.sendall(message)
                heard = b""
                while len(heard) < len(message):
                    heard += phone.recv(len(message) - len(heard))
                assert heard == message


class _Echo(BaseHTTPRequestHandler):
    """A node that is ready, and says on a WebSocket what it heard there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") != "websocket":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(101)
        for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket")):
            self.send_header(name, value)
        self.end_headers()
        while heard := self.connection.recv(1024):
            self.connection.sendall(heard)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_where_no_node_answers_phones_are_told_to_send_again(tmp_path: Path) -> None:
    with proxy_before(tmp_path / "caddy", f"127.0.0.1:{free_port()}") as proxy, proxy.client() as phone:
        answer = phone.post(RECORDS, json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert (told["status"], told["code"]) == ("error", "unavailable")
    assert re.fullmatch(r"[0-9a-f-]{36}", told["requestId"])
