"""Samples run as they are printed, and the judge of `make samples` finds those that are wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage

from hydrobit.catalog import OPERATIONS
from hydrobit.publish.samples import LANGUAGES, sample
from tests.browser import CHROMIUM, page
from tests.samples import hard, running, stored, table
from tests.tools import needs
from tests.watching import until

ROWS = {row.name: row for row in OPERATIONS}
LANGUAGE = {language.key: language for language in LANGUAGES}
COUNT = ROWS["createProductionRecord"]
CURL, PYTHON = LANGUAGE["curl"], LANGUAGE["python"]
MODULE = "text => import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})))"
KEPT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "samples-run.md"
PROGRAMS = {"curl": "curl", "javascript": "node", "node": "node", "python": "python3", "php": "php", "ruby": "ruby"}
"""Languages whose programs start at once."""


def _runs(process: int) -> bool:
    """Whether it is there, and not only as one that nobody has waited for yet."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[running.Bench]:
    home = tmp_path_factory.mktemp("samples")
    async with running.bench(home, "", "") as found:
        found.live, found.live_token = found.mock.address, "token"  # it speaks no MQTT, and no sample of it is right
        yield found


@pytest.mark.parametrize("name", ["createProductionRecord", "getProductionSession", "checkIdempotencyKey"])
@pytest.mark.parametrize("key", [pytest.param(key, marks=needs(PROGRAMS[key])) for key in ("curl", "node", "python")])
async def test_a_sample_does_what_any_other_client_does(bench: running.Bench, key: str, name: str) -> None:
    assert await bench.fault(ROWS[name], LANGUAGE[key]) == ""


@pytest.mark.parametrize("key", [pytest.param(key, marks=needs(program)) for key, program in PROGRAMS.items()])
async def test_texts_full_of_signs_arrive_as_they_are(tmp_path: Path, key: str) -> None:
    assert await running.hard_fault(LANGUAGE[key], tmp_path) == ""


@needs(CHROMIUM)
async def test_a_page_of_a_browser_runs_samples_in_javascript(bench: running.Bench) -> None:
    language = LANGUAGE["javascript"]
    rows = [ROWS[name] for name in ("createProductionRecord", "updateProductionSession", "checkIdempotencyKey")]
    texts = [sample(row, language, bench.mock.address, f"browser-{row.name}") for row in rows]
    for row, out in zip(rows, await asyncio.to_thread(browsed, texts), strict=True):
        assert await bench.judged(row, language, f"browser-{row.name}", running.Printed(0, out, "")) == ""


def browsed(texts: Sequence[str]) -> list[str]:
    """What modules log in a page, one after another. Whatever one throws is raised."""
    written: list[str] = []

    def write(message: ConsoleMessage) -> None:
        if message.type == "log":  # the browser itself writes errors
            written.append(f"{message.text}\n")

    with page({"/": ""}) as opened:
        opened.on("console", write)
        outs = []
        for text in texts:
            written.clear()
            opened.evaluate(MODULE, text)
            outs.append("".join(written))
    return outs


@needs("curl")
@pytest.mark.parametrize(
    ("changed", "to", "told"),
    [
        ("curl", "echo 'HTTP/1.1 201 Created' #", "the server heard 0 calls"),
        ("JS0315", "JS0316", "the server was told"),
        ("/records", "/records/bulk", "the server was told"),
        (" --include", "", "were to be printed"),
        ("--include", "--include --output /dev/null", "were to be printed"),
        ("curl --include", "echo 'HTTP/1.1 201 Created\n\n{}'; curl --silent --output /dev/null", "were to be printed"),
        ("}'\n", "}'\nexit 3\n", "it ended with 3"),
    ],
)
async def test_a_broken_sample_fails(bench: running.Bench, changed: str, to: str, told: str) -> None:
    text = sample(COUNT, CURL)
    assert changed in text
    fault = await bench.fault(COUNT, CURL, text.replace(changed, to, 1))
    assert told in fault


@needs("curl")
async def test_a_sample_that_does_more_than_its_row_fails(bench: running.Bench) -> None:
    text = sample(COUNT, CURL)
    assert "the server heard 2 calls" in await bench.fault(COUNT, CURL, f"{text}\n{text}")


@pytest.mark.parametrize("name", ["createProductionRecord", "submitRecord", "addSector"])
async def test_who_stores_nothing_is_unlike_who_does(bench: running.Bench, name: str) -> None:
    nothing, something = await bench.twin(ROWS["getProductionSession"]), await bench.twin(ROWS[name])
    assert stored.difference(nothing.store, something.store) != ""
    assert stored.difference(something.store, something.store) == ""


@needs("python3")
async def test_a_websocket_that_was_not_opened_fails(bench: running.Bench) -> None:
    row = ROWS["mqttOverWebSocket"]
    assert "the server was not asked" in await bench.fault(row, PYTHON, "print(101)\nprint('mqtt')\n")
    assert "101 and mqtt were to be printed" in await bench.fault(row, PYTHON)


async def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    command = "sleep 60 & echo $! > started; wait"
    printed = await running.run(command, tmp_path, {"PATH": "/usr/bin:/bin"}, seconds_max=0.5)
    assert printed.exit_status is None
    started = int((tmp_path / "started").read_text())
    until(lambda: not _runs(started), "the end of what it started")


def test_the_kept_page_has_run_every_operation_and_none_failed() -> None:
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    ran = {name for name, *outcomes in told if set(outcomes) == {table.RAN}}
    assert {*ROWS, hard.NAME} <= ran, "run `make samples` where all tools are"


async def test_quotes_that_are_wrong_are_found() -> None:
    wanted = hard.wanted(hard.row())
    texts = [text.replace("$HOME", "/root") for text in wanted.body["texts"]]
    came = replace(wanted, body=wanted.body | {"texts": texts})
    assert hard.difference(came, wanted) == "'/root' came for '$HOME'"
    assert hard.difference(wanted, wanted) == ""
