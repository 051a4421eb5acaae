"""The how-to for devices, run word for word against a server: its commands in one shell, its programs by their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import SQLITE
from tests import books, engines, node
from tests.callers import Caller
from tests.docs.pages import blocks
from tests.docs.shell import command
from tests.servers import RunningServer, running
from tests.sockets import free_port
from tests.tools import alone_on, needs

pytestmark = [
    needs("curl"),
    needs("mosquitto_rr"),
    alone_on(SQLITE, "a page names no engine, and each of its calls has tests on both"),
]

PAGE = "devices.md"
PROGRAM_S_MAX = 120
KEYS = "/api/control/admin/keys"


@dataclass(frozen=True)
class Place:
    """A server, and what the page takes for granted: a session, a key of the company, an admin's token."""

    server: RunningServer
    mqtt_port: int
    session_id: str
    folder: Path
    key: str

    def here(self, text: str) -> str:
        """What a block says, with the places of this machine."""
        said = text.replace("hydrobit.example -p 1883", f"127.0.0.1 -p {self.mqtt_port}")
        said = said.replace("https://hydrobit.example", self.server.address).replace("letter_17", "letter_1")
        said = said.replace("wss://hydrobit.example", f"ws{self.server.address.removeprefix('http')}")
        host, port = self.server.address.removeprefix("http://").split(":")
        return said.replace('"hydrobit.example", 443', f'"{host}", {port}').replace("client.tls_set()\n", "")

    def run(self, words: list[str | Path], **more: str) -> str:
        """What a command of the page prints. It succeeds."""
        found_first = f"{self.folder}/bin:{os.environ['PATH']}"
        known = {"SESSION": self.session_id, "KEY": self.key, "ADMIN_TOKEN": self.server.token()}
        environment = engines.clean_environment(self.server.data, PATH=found_first, COLUMNS="200", **known, **more)
        done = subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PROGRAM_S_MAX
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, mqtt_port = tmp_path_factory.mktemp("devices"), free_port()
    environment = {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{mqtt_port}"}
    with (
        command(folder / "bin" / "hydrobit"),
        running(folder / "data", environment=environment) as server,
        Caller(server) as admin,
    ):
        scopes = ["write:iot", "read:iot"]
        key = admin.post(KEYS, json={"auth0Id": demo.ADMIN, "name": "Gateway", "scopes": scopes})
        assert key.status_code == 201, key.text
        yield Place(server, mqtt_port, admin.opened(), folder, key.json()["data"]["key"])


@pytest.fixture(scope="module")
def printed(place: Place) -> str:
    """What the commands of the page print up to the revocation, in one shell."""
    commands = [block.text for block in blocks(PAGE) if block.kind == "sh" and block.heading != "Revoke a device"]
    return place.run(["bash", "-euo", "pipefail", "-c", place.here("".join(commands))])


def program(kind: str) -> str:
    (block,) = (block for block in blocks(PAGE) if block.kind == kind)
    return block.text


def counted(place: Place) -> list[str | None]:
    lines = books.lines(place.server.data, place.session_id)
    return [line.client_event_id for line in lines if line.kind == books.COUNT]


def test_every_block_of_the_page_is_run_here() -> None:
    assert {block.kind for block in blocks(PAGE)} == {"sh", "python", "js"}


def test_the_commands_count_send_readings_and_see_to_a_letter(place: Place, printed: str) -> None:
    assert "added device bitRTU-01" in printed
    assert '"idempotent":true' in printed, "the reply of the second sending"
    assert '"temperature":21.5' in printed
    assert "weighed 30, acknowledged 30, refused 0, waiting 0" in printed
    assert '{"sessionId": "none of ours"}' in printed
    assert '"settled":true' in printed, "the letter that was handed in anew"
    events = counted(place)
    assert events.count("scale-1-box-1") == 1
    assert sum((event or "").startswith("box-") for event in events) == 30


def test_the_programs_count_once_and_say_so(place: Place, printed: str) -> None:
    token = place.run(
        ["hydrobit", "device", "token", "bitRTU-01", "--company", demo.COMPANY, "--user", demo.ADMIN]
    ).strip()
    paho = place.run([sys.executable, "-W", "error", "-c", place.here(program("python"))], TOKEN=token)
    assert paho.startswith("Success")
    packages = str(node.packages())
    said = place.run([node.EXECUTABLE, "-e", place.here(program("js"))], TOKEN=token, NODE_PATH=packages)
    assert said.startswith('201 box-1 {"status":"success"')
    events = counted(place)
    assert events.count("scale-1-box-2") == events.count("gateway-1-box-1") == 1


def test_the_last_command_revokes_the_device(place: Place, printed: str) -> None:
    (last,) = (block.text for block in blocks(PAGE) if block.heading == "Revoke a device")
    assert place.run(["bash", "-euc", place.here(last)]) == "revoked device bitRTU-01\n"
