"""A reader's terminal: one shell that keeps its variables from block to block, and a `hydrobit` that starts at once."""

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests import forks

COMMAND_S_MAX = 60
END = "the block has ended"
ASKING = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect({place!r})
    asking.sendall(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode())
    asking.shutdown(socket.SHUT_WR)
    status, out, err = json.loads(asking.makefile().read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""
"""What a shell calls as `hydrobit`: it asks this process, which has the program forked with its modules in memory."""


@contextmanager
def command(file: Path) -> Iterator[None]:
    """A file that is the command `hydrobit` as long as the block lasts, for commands that come to an end."""
    with tempfile.TemporaryDirectory(prefix="hydrobit-") as folder, socket.socket(socket.AF_UNIX) as listening:
        place = f"{folder}/asked"
        listening.bind(place)
        listening.listen()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ASKING.format(python=sys.executable, place=place))
        file.chmod(0o755)
        answering = threading.Thread(target=_answer, args=(listening,))
        answering.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            answering.join()


def _answer(listening: socket.socket) -> None:
    while True:
        try:
            asking, _ = listening.accept()
        except OSError:
            return
        with asking, asking.makefile("rw") as talk:
            words, environment, folder = json.loads(talk.read())
            done = forks.run("hydrobit", words, environment, COMMAND_S_MAX, folder)
            json.dump([done.returncode, done.stdout, done.stderr], talk)


class Shell:
    """Bash in a folder. A command that fails ends it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the shell
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def run(self, text: str) -> str:
        """What the commands print. Raises AssertionError with their errors where one fails."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {text}\n}} </dev/null\nprintf '\\n{END}\\n'\n")
        self._bash.stdin.flush()
        printed = ""
        for line in self._bash.stdout:
            if line == f"{END}\n":
                return printed[:-1]
            printed += line
        self._errors.seek(0)
        raise AssertionError(f"{text}\n{printed}{self._errors.read()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._bash.stdin, self._bash.stdout, self._errors):
            assert pipe is not None
            pipe.close()
        self._bash.wait(COMMAND_S_MAX)
