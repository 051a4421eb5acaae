"""The how-to of the Python client, done word for word: its Python as one program, then its commands in a shell."""

import os
import subprocess
import sys
from pathlib import Path

from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.callers import Caller
from tests.docs.pages import blocks
from tests.docs.shell import Shell, command
from tests.servers import running
from tests.tools import alone_on

PAGE = "python-client.md"
RUN_S_MAX = 60


@alone_on(SQLITE, "a client does not see the server's store")
def test_the_page_counts_from_python_and_from_a_shell(tmp_path: Path) -> None:
    said = blocks(PAGE)
    assert {block.kind for block in said} == {"python", "sh"}
    with running(tmp_path / "data") as server, Caller(server) as admin:
        environment = engines.clean_environment(
            None,
            HYDROBIT_CLIENT_URL=server.address,
            HYDROBIT_CLIENT_TOKEN=server.token(),
            SESSION=admin.opened(),
            PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
        )
        program = "".join(block.text for block in said if block.kind == "python")
        counted = run([sys.executable, "-c", program], environment, tmp_path)
        assert "session_not_found" in counted
        assert counted.endswith("7.5 units\n")
        commands = "".join(block.text for block in said if block.kind == "sh")
        with command(tmp_path / "bin" / "hydrobit"), Shell(tmp_path, environment) as shell:
            typed = shell.run(commands)
        assert "2 recorded, 0 repeated, 0 held, 0 refused, 0 waiting" in typed
        assert "scale-8-000001" in typed
        assert typed.endswith("nothing is refused\n")
        assert admin.session(environment["SESSION"])["totalUnits"] == 3.5


def run(words: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        words, env=environment, cwd=folder, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
