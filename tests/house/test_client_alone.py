"""The client and its commands without what a server needs, as `pip install hydrobit` brings them."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {left_out!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
{program}
"""
MODULES = {
    "paho-mqtt": "paho",
    "pyjwt": "jwt",
    "prometheus-client": "prometheus_client",
    "pyyaml": "yaml",
    "pillow": "PIL",
}
"""Packages whose modules are named otherwise."""
BROUGHT = {"pygments"}
"""Packages of extras that every installation has: rich needs them."""
SERVER_ONLY = ("hydrobit.app", "hydrobit.catalog", "hydrobit.identity", "hydrobit.ledger", "hydrobit.records")


def left_out() -> set[str]:
    """The modules of all extras."""
    found = set()
    for requirement in requires("hydrobit") or []:
        if "extra ==" in requirement:
            name = requirement.split(";")[0].split("[")[0].split(">")[0].strip().lower()
            found.add(MODULES.get(name, name))
    return found - BROUGHT


def run(program: str) -> "subprocess.CompletedProcess[str]":
    text = PROGRAM.format(left_out=left_out(), program=program)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


def hydrobit(*words: str) -> "subprocess.CompletedProcess[str]":
    return run(f"sys.argv = {['hydrobit', *words]!r}\nfrom hydrobit.cli import main\nmain()")


def test_the_extras_are_all_that_is_left_out() -> None:
    assert {"uvicorn", "starlette", "jwt", "psycopg", "paho", "yaml", "PIL"} <= left_out()
    assert not {"msgspec", "httpx", "rich", "cyclopts"} & left_out()


def test_both_clients_and_the_outbox_need_nothing_of_the_server() -> None:
    done = run(
        "from hydrobit.client import AsyncClient, Client\n"
        "Client('https://farm.example', 'token', user='user_1').close()\n"
        "AsyncClient('http://farm.example', 'token', user='user_1')\n"
        f"print([name for name in {SERVER_ONLY!r} if name in sys.modules])"
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_the_commands_need_nothing_of_the_server(tmp_path: Path) -> None:
    done = hydrobit("record", "session", "JS0315", "John Smith", "--outbox", str(tmp_path / "outbox"))
    assert done.stdout.startswith("kept 1 as evt_"), done.stderr
    assert "Usage: hydrobit sync" in hydrobit("sync", "--help").stdout


def test_mqtt_says_what_to_install() -> None:
    done = run("from hydrobit.client import Client\nClient('mqtt://127.0.0.1', 'token', user='user_1')")
    assert "install hydrobit[mqtt]" in done.stderr
