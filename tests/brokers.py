"""A Mosquitto for the tests: Debian's own, on free loopback ports, its files in the test's folder, ended by its id."""

import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.dying import end_with_parent
from tests.sockets import free_port
from tests.tools import program

MOSQUITTO = "mosquitto"
"""Who starts one is marked `@needs(MOSQUITTO)`."""
START_S_MAX = 20
STOP_S_MAX = 20
ASK_AGAIN_S = 0.5


def configuration(
    folder: Path,
    port: int,
    *,
    websocket_port: int | None = None,
    keeps: bool = False,
    more: Sequence[str] = (),
    own: Sequence[str] = (),
) -> Path:
    """The file of a broker that lets anyone in. With `keeps`, what it holds for clients outlives it, in the folder.
    `more` are further lines; `own` say instead who is let in and what is held.
    """
    held = [f"persistence {'true' if keeps else 'false'}", f"persistence_location {folder}/"]
    lines = [
        f"user {pwd.getpwuid(os.geteuid()).pw_name}",
        "log_dest stderr",
        "connection_messages false",
        *(own or ["allow_anonymous true", *held]),
        *more,
        f"listener {port} 127.0.0.1",
    ]
    if websocket_port is not None:
        lines += [f"listener {websocket_port} 127.0.0.1", "protocol websockets"]
    file = folder / "mosquitto.conf"
    file.write_text("\n".join([*lines, ""]))
    return file


class Mosquitto:
    """One broker, MQTT 3.1.1 and 5. `said` holds the lines of its log."""

    def __init__(
        self,
        folder: Path,
        *,
        websockets: bool = False,
        keeps: bool = False,
        more: Sequence[str] = (),
        own: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.websocket_port = free_port() if websockets else None
        self.said: list[str] = []
        self._file = configuration(
            folder, self.port, websocket_port=self.websocket_port, keeps=keeps, more=more, own=own
        )
        self.go_on()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def go_on(self) -> None:
        """Starts it, also again at the same ports; returns once it listens. Raises AssertionError where it cannot."""
        command = program(MOSQUITTO)
        assert command is not None
        self._process = subprocess.Popen(
            [command, "-c", str(self._file)],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,
        )
        spoken = threading.Event()
        self._listening = threading.Thread(target=self._listen, args=(len(self.said), spoken), daemon=True)
        self._listening.start()
        assert spoken.wait(START_S_MAX), self.said
        assert self._process.poll() is None, self.said

    def _listen(self, begun: int, spoken: threading.Event) -> None:
        """Until its last word. It says that it runs when its ports are open; where it ends before, that is told too."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.said.append(line.rstrip())
                if line.endswith(" running\n"):
                    spoken.set()
        self._process.wait()
        spoken.set()

    def kill(self) -> None:
        """kill -9: what it has not written is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator asks for it: what it keeps is written."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        deadline = time.monotonic() + STOP_S_MAX
        while self._listening.is_alive():
            assert time.monotonic() < deadline, "the broker did not end"
            self._process.send_signal(
                number
            )  # again, because it forgets one that comes just after it said that it runs
            self._listening.join(ASK_AGAIN_S)


@contextmanager
def mosquitto(
    folder: Path,
    *,
    websockets: bool = False,
    keeps: bool = False,
    more: Sequence[str] = (),
    own: Sequence[str] = (),
) -> Iterator[Mosquitto]:
    """A broker that is gone at the end of the block."""
    broker = Mosquitto(folder, websockets=websockets, keeps=keeps, more=more, own=own)
    try:
        yield broker
    finally:
        broker.kill()
