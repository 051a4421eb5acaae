"""What a hostile caller tried once: each of these took the server away from everyone, or gave away what is private."""

import gzip
import json
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hydrobit.storage import directory
from hydrobit.storage.queries import SQLITE
from tests.callers import BULK, RECORDS, Caller
from tests.commands import hydrobit
from tests.servers import RunningServer, event, running
from tests.sockets import Broken, Connection, request
from tests.tools import alone_on
from tests.watching import memory_peak_kib

MARKS = 400_000
"""Putting so many combining marks in order took minutes, and everyone waited."""
NOBODY_WAITS_S_MAX = 10
KIB_PER_MIB = 1_024
OWNER_ALONE = 0o600


@pytest.fixture
def phone(server: RunningServer) -> Iterator[Connection]:
    with Connection(server.address, server.token()) as connection:
        yield connection


def command(server: RunningServer, *words: str) -> "subprocess.CompletedProcess[str]":
    return hydrobit(*words, "--data", server.data)


# Texts.


def test_a_text_of_heaped_marks_is_refused_at_once(admin: Caller) -> None:
    heap = "a" + "\u0301" * (MARKS // 2) + "\u0323" * (MARKS // 2)
    begun = time.monotonic()
    few = admin.count("none", "e1", worker_name=heap[:100])
    body = json.dumps({"auth0Id": admin.user, "records": [event("none", "e1", worker_name=heap)]})
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    many = admin.post(BULK, content=gzip.compress(body.encode()), headers=headers)
    assert (few.status_code, few.json()["code"]) == (400, "invalid_value")
    assert [result["code"] for result in many.json()["results"]] == ["invalid_value"]
    assert time.monotonic() - begun < NOBODY_WAITS_S_MAX


# Bytes.


def test_a_request_for_a_tunnel_is_answered_and_ended(phone: Connection) -> None:
    phone.send(request("GET", "/healthz") + request("CONNECT", "/healthz"))
    assert phone.answer().status == 200
    answer = phone.answer()
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert phone.rest() == b""


@pytest.mark.parametrize("endless", [b"x-trailer: yes\r\n", b"x", b""], ids=["trailers", "one trailer", "extension"])
def test_what_stands_beside_a_body_is_bounded(server: RunningServer, phone: Connection, endless: bytes) -> None:
    before = memory_peak_kib(server)
    phone.send(request("POST", RECORDS, phone.token, headers={"Transfer-Encoding": "chunked"}))
    phone.send(b"2\r\n{}\r\n0\r\n" + endless if endless else b"2;")
    with suppress(Broken):  # the server may be gone before it was told everything
        phone.send((endless or b"x") * (KIB_PER_MIB**2 // len(endless or b"x")))
    answer = phone.answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert memory_peak_kib(server) - before < 8 * KIB_PER_MIB


def test_a_trailer_is_no_header(server: RunningServer, phone: Connection) -> None:
    late = f"Authorization: Bearer {server.token()}\r\n\r\n".encode()
    phone.send(request("POST", RECORDS, headers={"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n0\r\n" + late)
    assert (answer := phone.answer()).code == "token_missing", answer


def test_a_length_beyond_every_number_is_refused_at_once(phone: Connection) -> None:
    phone.send(request("POST", RECORDS, headers={"Content-Length": str(2**64 - 1)}))
    assert phone.answer().code == "body_too_large"


# What an operator sees and keeps.


def test_a_name_in_the_words_of_a_terminal_is_listed_as_it_is(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    admin.close_session(session_id)
    held = admin.count(session_id, "e1", worker_name="[/red]")
    assert held.json()["held"] is True
    listed = command(server, "held", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "[/red]" in listed.stdout


@alone_on(SQLITE, "a database has no files of ours but the keys")
def test_what_a_command_makes_is_its_owners_alone(tmp_path: Path) -> None:
    open_to_all = tmp_path / "data"
    open_to_all.mkdir(mode=0o755)
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o755)
    with running(open_to_all) as server:
        assert command(server, "backup", str(copy), "--with-keys").returncode == 0
        made = [path for folder in (open_to_all, copy) for path in folder.rglob("*") if path.is_file()]
        assert {open_to_all / directory.DATABASE, copy / directory.DATABASE} <= set(made)
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in made} == {
            path.name: OWNER_ALONE for path in made
        }


def test_a_log_at_its_most_talkative_quotes_nobody(tmp_path: Path) -> None:
    environment = {"HYDROBIT_LOG_LEVEL": "debug", "HYDROBIT_LOG_REQUESTS": "true"}
    with running(tmp_path / "data", environment=environment) as server, Caller(server) as admin:
        session_id = admin.opened()
        sent = {"worker_name": "PRIVATE", "workerId": "PRIVATE", "idempotencyKey": "PRIVATE", "deviceId": "PRIVATE"}
        admin.count(session_id, "PRIVATE1", deviceSeq=1, **sent)
        refused = [
            admin.count(session_id, "PRIVATE1", units=2, **sent),
            admin.count(session_id, "PRIVATE2", deviceSeq=1, **sent | {"idempotencyKey": "PRIVATE2"}),
            admin.count("PRIVATE", "PRIVATE3"),
        ]
    assert [answer.status_code for answer in refused] == [409, 409, 404]
    log = (tmp_path / "data.log").read_text()
    assert '"refused"' in log
    assert "PRIVATE" not in log


def test_words_that_are_no_text_are_refused_with_a_sentence(server: RunningServer) -> None:
    broken = os.fsdecode(b"e\xff")
    for words in (
        ("user", "add", "u1", "N", "--company", broken),
        ("user", "add", "u1", "N", "--company", "comp_12345", "--email", broken),
        ("sector", "add", "s1", "N", "--project", "proj_123", "--company", broken),
        ("token", broken),
    ):
        refused = command(server, *words)
        assert refused.returncode == 1
        assert refused.stderr.startswith("hydrobit: ")
        assert "Traceback" not in refused.stderr
