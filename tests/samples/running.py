"""Runs samples as they are printed, each in a space of its own; judges what they print, and what the server stores."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hydrobit.mock.faults import Heard
from hydrobit.mock.spaces import by_token
from hydrobit.operation import Operation
from hydrobit.publish import samples
from hydrobit.publish.samples import Language
from tests import mocks
from tests.proxies import LosingProxy
from tests.samples import hard, stored, tools
from tests.samples.stored import Store

SAMPLE_S_MAX = 120
"""A compiler on a busy machine takes its time."""
TOLD_LENGTH_MAX = 600


@dataclass(frozen=True, slots=True)
class Printed:
    """What a sample wrote, and its exit status; None: it was ended for taking too long."""

    exit_status: int | None
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Twin:
    """The same call by another client in another space: its answer, and what stood there afterwards."""

    status: int
    body: str
    store: Store


@dataclass
class Bench:
    """Where samples run: the mock, a live server for WebSockets, and a folder of their own."""

    mock: mocks.RunningMock
    live: str
    """The address of a server that speaks MQTT, and a token that it takes."""
    live_token: str
    home: Path
    _twins: dict[str, Twin] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fault(self, row: Operation, language: Language, text: str | None = None) -> str:
        """What is wrong with a sample, in a sentence; empty where nothing is. `text` stands in its place."""
        program = samples.sample(row, language) if text is None else text
        if 101 in row.http.statuses:
            return await self._handshake(row, language, program)
        token = f"{row.name}-{language.key}-{os.urandom(4).hex()}"
        return await self.judged(
            row, language, token, await self._run(row, language, program, self.mock.address, token)
        )

    async def judged(self, row: Operation, language: Language, token: str, printed: Printed) -> str:
        """The same of a sample that was run with this token at the mock, and printed this."""
        space, twin = await self.mock.spaces.space(by_token(token)), await self.twin(row)
        return (
            _said_otherwise(row, list(space.log))
            or _printed_otherwise(language, printed, twin)
            or stored.difference(await space.read(stored.store), twin.store)
        )

    async def twin(self, row: Operation) -> Twin:
        """What any other client is answered and makes the server store; found once for all languages."""
        async with self._turn:
            if row.name not in self._twins:
                token = f"twin-of-{row.name}"
                answer = await self.mock.client.request(
                    row.http.method,
                    samples.url_of(row, self.mock.address),
                    headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
                    content=samples.payload(row),
                )
                space = await self.mock.spaces.space(by_token(token))
                self._twins[row.name] = Twin(answer.status_code, answer.text, await space.read(stored.store))
            return self._twins[row.name]

    async def _handshake(self, row: Operation, language: Language, program: str) -> str:
        """The mock speaks no MQTT: a live server is asked, through a proxy that counts what it answered."""
        proxy = LosingProxy(self.live, 0.0, 0)
        try:
            printed = await self._run(row, language, program, proxy.address, self.live_token)
        finally:
            await asyncio.to_thread(proxy.end)
        if not proxy.passed:
            return f"the server was not asked; {_told(printed)}"
        words = printed.out.lower().split()
        if printed.exit_status != 0 or "101" not in words or "mqtt" not in words:
            return f"101 and mqtt were to be printed; {_told(printed)}"
        return ""

    async def _run(self, row: Operation, language: Language, program: str, base: str, token: str) -> Printed:
        """Puts the address and the token into the text, as a reader would, and runs it."""
        folder = self.home / "samples" / f"{row.name}-{language.key}"
        folder.mkdir(parents=True, exist_ok=True)
        text = program.replace(samples.BASE, base).replace(samples.TOKEN, token)
        (folder / language.file_name).write_text(text, encoding="utf-8", newline="\n")
        return await run(language.run, folder, tools.environment(self.home, language.key))


async def hard_fault(language: Language, home: Path) -> str:
    """What is wrong with how a language quotes texts, in a sentence; empty where nothing is."""
    row = hard.row()
    folder = home / "samples" / f"hard-{language.key}"
    folder.mkdir(parents=True)
    with hard.listening() as (address, heard):
        (folder / language.file_name).write_text(samples.sample(row, language, address), encoding="utf-8", newline="\n")
        printed = await run(language.run, folder, tools.environment(home, language.key))
    if len(heard) != 1 or printed.exit_status != 0:
        return f"{len(heard)} calls were heard, not one; {_told(printed)}"
    return hard.difference(heard[0], hard.wanted(row))


async def run(command: str, folder: Path, environment: dict[str, str], seconds_max: float = SAMPLE_S_MAX) -> Printed:
    """Runs a command of a shell as a group of processes, which is ended as one, by its id."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds_max)
    except TimeoutError:
        return Printed(None, "", f"it was ended after {seconds_max:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):  # also what it left behind
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Printed(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


@asynccontextmanager
async def bench(home: Path, live: str, live_token: str) -> AsyncIterator[Bench]:
    """A mock on this event loop, beside a live server."""
    async with mocks.running() as mock:
        yield Bench(mock, live, live_token, home)


def _said_otherwise(row: Operation, heard: list[Heard]) -> str:
    """How what the server was told differs from the row and its example."""
    if len(heard) != 1:
        return f"the server heard {len(heard)} calls, not one"
    (call,) = heard
    place = urlsplit(samples.url_of(row))
    said = (call.method, call.path, sorted(parse_qsl(call.query)), _json(call.body))
    wanted = (row.http.method, place.path, sorted(parse_qsl(place.query)), _json((samples.payload(row) or "").encode()))
    return "" if said == wanted else f"the server was told {said} and not {wanted}"


def _printed_otherwise(language: Language, printed: Printed, twin: Twin) -> str:
    """How what was printed differs from what another client was answered."""
    status, body = _answer(language, printed.out)
    is_same = stored.masked(_ordered(body)) == stored.masked(_ordered(twin.body))
    if printed.exit_status == 0 and status == str(twin.status) and is_same:
        return ""
    return f"{twin.status} and {twin.body[:TOLD_LENGTH_MAX]!r} were to be printed; {_told(printed)}"


def _answer(language: Language, out: str) -> tuple[str, str]:
    """Status and body: two lines, or the whole answer as curl shows it."""
    if language.key == "curl":
        head, _, body = out.replace("\r\n", "\n").partition("\n\n")
        return head.split(" ", 2)[1] if " " in head else "", body
    status, _, body = out.partition("\n")
    return status, body


def _ordered(body: str) -> str:
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return body.strip()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


def _told(printed: Printed) -> str:
    shown = f"{printed.out[-TOLD_LENGTH_MAX:]!r}, {printed.err[-TOLD_LENGTH_MAX:]!r}"
    return f"it ended with {printed.exit_status} and {shown}"
