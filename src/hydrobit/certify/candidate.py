"""The client that is graded: somebody else's command as a process group of its own, in a folder of its own."""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hydrobit.errors import SettingError

OUTPUT_BYTES_MAX = 1_000_000
"""So much of what a client prints is kept, of its standard output and of its complaints."""
FAREWELL_S_MAX = 2.0
"""How long to wait for the rest of what an ended client has printed."""
COMPLAINT_LENGTH_MAX = 300


def command(words: Sequence[str], here: Path) -> tuple[str, ...]:
    """The words of a command line: one text is taken apart as a shell would.

    A word that names a file is made absolute, since the client is started elsewhere. Raises SettingError.
    """
    try:
        apart = shlex.split(words[0]) if len(words) == 1 else list(words)
    except ValueError as e:
        raise SettingError(f"the command {words[0]!r} cannot be read: {e}") from e
    if not apart:
        raise SettingError("name the command that is to be graded, such as `hydrobit certify -- python my_client.py`")
    return tuple(str(here / word) if word and (here / word).is_file() else word for word in apart)


class Candidate:
    """A client, started as often as it takes. Whatever it starts ends with it, unless it leaves its process group."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._words, self._folder = words, folder
        self._process: asyncio.subprocess.Process | None = None
        self.output, self.complaints = bytearray(), bytearray()

    async def run(self, variables: Mapping[str, str]) -> int:
        """One start, to its end: the exit status, below zero the signal. Raises OSError where it cannot be started."""
        starting = asyncio.ensure_future(self._begin(variables))
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:  # half started it would leave its own children behind
            self._end_group((await starting).pid)
            raise
        self._process = process
        assert process.stdout is not None, "it is a pipe"
        assert process.stderr is not None, "it is a pipe"
        reading = asyncio.gather(_keep(process.stdout, self.output), _keep(process.stderr, self.complaints))
        try:
            return await process.wait()
        finally:
            self._end_group(process.pid)
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S_MAX):
                    await reading

    async def _begin(self, variables: Mapping[str, str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._words,
            cwd=self._folder,
            env={**os.environ, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    async def kill(self) -> None:
        """kill -9 of the process group, by its id; returns when the process is gone."""
        if self._process is not None and self._process.returncode is None:
            self._end_group(self._process.pid)
            await self._process.wait()

    @property
    def complaint(self) -> str:
        """The last line that it complained with."""
        lines = self.complaints.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last[-COMPLAINT_LENGTH_MAX:]

    def _end_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(number, signal.SIGKILL)


async def _keep(stream: asyncio.StreamReader, kept: bytearray) -> None:
    """Reads to the end, so that nobody has to wait for us, and keeps the last of it."""
    while part := await stream.read(65_536):
        kept += part
        del kept[:-OUTPUT_BYTES_MAX]
