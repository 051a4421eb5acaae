"""`hydrobit certify` with real processes: what it tells a naive client, and what it leaves behind."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.commands import hydrobit
from tests.forks import Forked
from tests.naive_client import Sin
from tests.tools import alone_on

NAIVE = Path(__file__).parents[1] / "naive_client.py"
FOUND = {
    "portal": "never reached the server, and it was not sent again",
    "order": "evt_field_001 of the same worker",
    "refusals": "evt_field_001 was refused with 409 idempotency_conflict",
    "retry-after": "Send nothing to this server until so many seconds have passed.",
    "killed": "evt_field_009 is lost",
}
SINS = (Sin.believes_any_200, Sin.sends_in_parallel, Sin.repeats_refused, Sin.marks_before_sending)
IMPATIENT = (Sin.ignores_retry_after, *SINS)
HANGS = "exec 3>{alive}; echo started >&3; sleep 600 & sleep 600"
END_S_MAX = 30

pytestmark = alone_on(SQLITE, "a client is graded beside the mock, which keeps nothing")


def test_a_naive_client_is_told_all_that_it_does_wrong() -> None:
    only = [word for name in ("delivers", *FOUND) for word in ("--only", name)]
    done = hydrobit("certify", "--json", *only, "--", sys.executable, NAIVE, *(sin.value for sin in IMPATIENT))
    grades = {grade["check"]: grade for grade in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert [*grades] == ["delivers", *FOUND]
    assert done.stderr.splitlines() == [f"{name} ..." for name in grades]
    assert {name: grade["result"] for name, grade in grades.items()} == {"delivers": "passed"} | dict.fromkeys(
        FOUND, "failed"
    )
    for name, words in FOUND.items():
        assert any(words in finding["sentence"] for finding in grades[name]["findings"]), grades[name]


def test_a_command_that_does_not_exist_is_told_and_nothing_else_is_judged() -> None:
    done = hydrobit("certify", "no-such-client")
    assert done.returncode == 1
    assert "The command cannot be started: no-such-client" in done.stdout
    assert "0 of 12 checks passed" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--only", "everything", "true"), "there is no check 'everything'; there are delivers, lost-answers"),
        ((), "name the command that is to be graded"),
        (("--time", "0s", "true"), "--time is '0s'"),
        (("--keep", "/proc/none", "true"), "name a new folder"),
    ],
)
def test_a_mistyped_call_says_what_would_do(words: tuple[str, ...], sentence: str) -> None:
    done = hydrobit("certify", *words)
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe by its path, and the end to read from: it ends when nobody is left who holds the other one."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    try:
        yield path, reading
    finally:
        os.close(reading)


def test_a_client_that_hangs_is_stopped_with_all_that_it_started(alive: tuple[Path, int], tmp_path: Path) -> None:
    path, reading = alive
    kept = tmp_path / "kept"
    words = ("--only", "delivers", "--time", "2s", "--keep", kept, "--", "sh", "-c", HANGS.format(alive=path))
    done = hydrobit("certify", *words)
    assert done.returncode == 1
    assert "It was stopped after 2 s, with 0 of 12 counts stored." in done.stdout
    assert os.read(reading, 100) == b"started\n"
    assert os.read(reading, 100) == b""
    assert {file.name for file in (kept / "delivers").iterdir()} == {
        "client",
        "complaints.txt",
        "counts.jsonl",
        "output.txt",
        "requests.jsonl",
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_it_ends_the_client_too(alive: tuple[Path, int], number: signal.Signals) -> None:
    path, reading = alive
    words = ["certify", "--only", "delivers", "--", "sh", "-c", HANGS.format(alive=path)]
    with Forked("hydrobit", words, engines.clean_environment(None)) as process:
        writing = os.open(path, os.O_WRONLY)  # so that reading waits for whoever comes
        assert os.read(reading, 100) == b"started\n"
        os.close(writing)
        process.send_signal(number)
        assert process.wait(END_S_MAX) == 130
        assert process.stdout.read() == ""
    assert os.read(reading, 100) == b""
