"""The command `hydrobit` as an operator runs it: real processes, beside a running server where that matters."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit import catalog
from hydrobit.cli.common import seconds
from hydrobit.demo import company as demo
from hydrobit.errors import SettingError
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import embedded, engines
from tests.callers import Caller
from tests.commands import hydrobit, printed
from tests.integration.test_photos import data_url, picture
from tests.servers import PRODUCTION, RunningServer, event, open_session, opening, running
from tests.tools import alone_on

SOURCE = Path(catalog.__file__).parent
OURS = "PostgreSQL is kept by its own programs"


def refusal(*words: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """The one sentence of a command that is refused."""
    done = hydrobit(*words, environment=environment)
    assert (done.returncode, done.stdout) == (1, ""), done
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("hydrobit: ")
    return sentence


def with_token(server: RunningServer, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=server.address, headers={"authorization": f"Bearer {token}"}, trust_env=False, verify=False
    )


def record(client: httpx.Client, session_id: str, client_event_id: str) -> str:
    """Counts one box and returns its id."""
    answer = client.post(f"{PRODUCTION}/records", json=event(session_id, client_event_id))
    assert answer.status_code == 201, answer.text
    record_id: str = answer.json()["data"]["payloadPreview"]["recordId"]
    return record_id


# Starting a server


def test_the_demo_company_is_refused_where_others_could_reach_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    sentence = refusal("serve", "--demo", "--host", "0.0.0.0", "--port", "0", "--data", data)
    assert "the demo company is refused on 0.0.0.0" in sentence
    assert not data.exists()


@alone_on(SQLITE, "several servers may share a database, and a directory beside it")
def test_a_second_server_on_the_same_directory_is_refused(server: RunningServer) -> None:
    assert "another server runs on" in refusal("serve", "--port", "0", "--data", server.data)


def test_a_port_that_is_taken_is_said_in_a_sentence(server: RunningServer, tmp_path: Path) -> None:
    port = server.address.rpartition(":")[2]
    assert "cannot be served: Address already in use" in refusal("serve", "--port", port, "--data", tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HYDROBIT_PORT", "eighty", "HYDROBIT_PORT is 'eighty'; it must be a whole number"),
        ("HYDROBIT_PORT", "70000", "the port is 70000; it must lie between 0 and 65535"),
        ("HYDROBIT_PROT", "8080", "HYDROBIT_PROT is not a setting"),
        ("HYDROBIT_HOST", "nowhere.invalid", "the host nowhere.invalid cannot be found"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in refusal("serve", "--data", tmp_path / "data", environment={name: value})
    assert not (tmp_path / "data").exists()


def test_a_flag_is_stronger_than_its_variable(tmp_path: Path) -> None:
    with running(tmp_path / "data", environment={"HYDROBIT_PORT": "70000"}) as started:  # it says --port 0
        assert httpx.get(f"{started.address}/healthz", trust_env=False, verify=False).status_code == 200


# Tokens


def test_token_prints_a_token_alone_that_the_server_believes(server: RunningServer) -> None:
    token = printed("token", demo.ADMIN, "--data", server.data, "--expires", "15m")
    assert len(token.split()) == 1
    with with_token(server, token) as client:
        assert client.get(f"{PRODUCTION}/sessions", params={"auth0Id": demo.ADMIN}).status_code == 200


def test_a_token_runs_out_when_it_was_told_to(server: RunningServer) -> None:
    import jwt

    claims = jwt.decode(
        printed("token", demo.ADMIN, "--data", server.data, "--expires", "7d"), options={"verify_signature": False}
    )
    assert claims["exp"] - claims["iat"] == 7 * 86_400


def test_a_token_for_nobody_is_refused(server: RunningServer) -> None:
    assert "there is no user user_1" in refusal("token", "user_1", "--data", server.data)


def test_a_length_of_time_that_is_none_is_refused(server: RunningServer) -> None:
    assert "--expires is '1w'; write a length such as" in refusal(
        "token", demo.ADMIN, "--data", server.data, "--expires=1w"
    )


@pytest.mark.parametrize("text", ["", "1", "1w", "-1h", "0s", "8d", "9999999h", "\u0661h", " 1h", "1h\n"])
def test_a_length_is_a_number_and_a_unit_within_its_limit(text: str) -> None:
    with pytest.raises(SettingError):
        seconds(text, "--expires", 7 * 86_400)


@pytest.mark.parametrize(("text", "length_s"), [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800)])
def test_a_length_is_read_in_seconds(text: str, length_s: int) -> None:
    assert seconds(text, "--expires", 7 * 86_400) == length_s


@pytest.mark.parametrize("command", ["verify", "token user_1", "backup b"])
def test_a_command_on_a_directory_without_a_store_is_refused_and_makes_none(tmp_path: Path, command: str) -> None:
    assert "there is no store in" in refusal(*command.split(), "--data", tmp_path / "data")
    assert not (tmp_path / "data").exists()


# Looking at a store


def test_operations_names_every_row_with_the_line_of_its_handler() -> None:
    lines = [line.split() for line in printed("operations").splitlines()]
    rows = [(row.name, row.http.method, row.http.path, row.topic or "-") for row in catalog.OPERATIONS]
    assert [tuple(words[:4]) for words in lines] == rows
    for words, operation in zip(lines, catalog.OPERATIONS, strict=True):
        file, _, line = words[4].partition(":")
        assert f"def {operation.handler.__name__}(" in (SOURCE / file).read_text().splitlines()[int(line) - 1]


def test_verify_finds_a_store_sound_while_it_is_written(server: RunningServer, client: httpx.Client) -> None:
    session_id = open_session(client)
    for number in range(10):
        record(client, session_id, f"verified-{number}")
    assert printed("verify", "--data", server.data).endswith("2 ledgers verified")


def test_migrate_makes_a_store_and_may_be_repeated(tmp_path: Path) -> None:
    assert printed("migrate", "--data", tmp_path / "data").startswith("applied: ")
    assert printed("migrate", "--data", tmp_path / "data") == "the store is up to date"


def test_held_list_shows_what_came_after_the_close(server: RunningServer, client: httpx.Client) -> None:
    session_id = open_session(client, day="2025-10-18")
    client.post(f"{PRODUCTION}/sessions/{session_id}/close")
    late = client.post(f"{PRODUCTION}/records", json=event(session_id, "late-1", units=2.5))
    assert late.status_code == 409
    (row,) = [json.loads(line) for line in printed("held", "list", "--json", "--data", server.data).splitlines()]
    assert (row["heldId"], row["sessionId"], row["units"]) == (late.json()["heldId"], session_id, "2.5")
    assert "JS0315" in printed("held", "list", "--data", server.data)
    assert printed("held", "list", "--company", demo.OTHER_COMPANY, "--data", server.data) == "nothing is held"


# Backups


@contextmanager
def restored(backup: Path, data: Path) -> Iterator[RunningServer]:
    """A server on a copy of a backup, as an operator restores one."""
    with running(engines.copy(backup, data)) as started:
        yield started


def test_a_backup_of_a_running_server_holds_what_was_recorded_before_it(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        session_id = open_session(client)
        before = record(client, session_id, "before")
        engines.back_up(server.data, tmp_path / "backup")
        after = record(client, session_id, "after")
    with restored(tmp_path / "backup", tmp_path / "restored") as server, server.client() as client:
        assert client.get(f"{PRODUCTION}/records/{before}").status_code == 200
        assert client.get(f"{PRODUCTION}/records/{after}").status_code == 404
        repeat = client.post(f"{PRODUCTION}/records", json=event(session_id, "before"))
        assert (repeat.status_code, repeat.json()["data"]["payloadPreview"]["recordId"]) == (200, before)
        assert printed("verify", "--data", server.data).endswith("2 ledgers verified")


@alone_on(POSTGRES, "SQLite is kept by the command")
def test_a_backup_of_a_database_is_told_to_be_postgresqls_own(server: RunningServer, tmp_path: Path) -> None:
    assert "keep it with pg_dump" in refusal("backup", tmp_path / "backup", "--data", server.data)
    assert not (tmp_path / "backup").exists()


def test_a_restored_store_never_gives_an_id_again_however_often_it_is_restored(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        session_id = open_session(client)
        engines.back_up(server.data, tmp_path / "backup")
        given = [{record(client, session_id, f"original-{number}") for number in range(5)}]
    for life in range(2):
        # Who looks at a backup before using it must not begin its new life: the next restore would begin the same one.
        assert printed("verify", "--data", tmp_path / "backup").endswith("2 ledgers verified")
        with restored(tmp_path / "backup", tmp_path / f"restored-{life}") as server, server.client() as client:
            given.append({record(client, session_id, f"life-{life}-{number}") for number in range(5)})
            assert printed("verify", "--data", server.data).endswith("2 ledgers verified")
    assert len(set.union(*given)) == sum(map(len, given))


@alone_on(SQLITE, "PostgreSQL is kept by its own programs, and the keys beside it")
def test_only_a_backup_with_keys_believes_the_tokens_of_before(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        token = server.token()
        printed("backup", tmp_path / "without", "--data", server.data)
        printed("backup", tmp_path / "with", "--with-keys", "--data", server.data)
    answers = {}
    for name in ("without", "with"):
        with restored(tmp_path / name, tmp_path / f"restored-{name}") as server, with_token(server, token) as client:
            answers[name] = client.get(f"{PRODUCTION}/sessions").status_code
    assert answers == {"without": 401, "with": 200}
    assert (tmp_path / "with" / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "without" / "keys").exists()


@alone_on(SQLITE, OURS)
def test_a_backup_of_a_running_server_holds_its_photos(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, Caller(server) as admin:
        worker = admin.registered(first_name="Photo", photo=data_url(picture()))
        link, shown = worker["photo_url"], admin.get(worker["photo_url"]).content
        assert printed("backup", tmp_path / "backup", "--with-keys", "--data", server.data) == (
            f"backed up {server.data} to {tmp_path / 'backup'}"
        )
        after = admin.registered(first_name="After", photo=data_url(picture(size=(30, 30))))
    with restored(tmp_path / "backup", tmp_path / "restored") as server, Caller(server) as admin:
        again = admin.worker(worker["worker_id"]).json()["data"]["photo_url"]
        assert admin.get(again).content == shown
        assert admin.get(link).content == shown, "a link that was given out is good in the restored store"
        assert admin.worker(after["worker_id"]).status_code == 404
    assert (tmp_path / "backup" / "keys" / "links.key").stat().st_mode & 0o777 == 0o600
    folders = [path for path in (tmp_path / "backup").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


@alone_on(SQLITE, OURS)
def test_a_backup_says_that_a_bucket_keeps_its_objects(server: RunningServer, tmp_path: Path) -> None:
    bucket = {"HYDROBIT_OBJECTS_URL": "s3://photos"}
    done = hydrobit("backup", tmp_path / "backup", "--data", server.data, environment=bucket)
    assert done.stdout.endswith("they stay in the bucket that HYDROBIT_OBJECTS_URL names\n")
    assert not (tmp_path / "backup" / "objects").exists()


@alone_on(SQLITE, OURS)
def test_a_backup_never_writes_over_another(server: RunningServer, tmp_path: Path) -> None:
    printed("backup", tmp_path / "backup", "--data", server.data)
    assert "is not an empty directory" in refusal("backup", tmp_path / "backup", "--data", server.data)


@alone_on(SQLITE, OURS)
def test_a_backup_with_keys_of_a_store_that_has_none_yet_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    printed("migrate", "--data", tmp_path / "data")
    sentence = refusal("backup", tmp_path / "backup", "--with-keys", "--data", tmp_path / "data")
    assert "there is no signing key" in sentence
    assert not (tmp_path / "backup").exists()


# Companies, users, projects and sectors


def add_a_ranch(data: Path) -> None:
    """What a new operator types before the first session."""
    printed("company", "add", "comp_1", "Huerta Vieja", "--data", data)
    printed("user", "add", "user_1", "First User", "--company", "comp_1", "--data", data)
    zone = ("--timezone", "America/Lima", "--unit", "crate", "--price", "1.25")
    printed("project", "add", "proj_1", "Huerta", "--company", "comp_1", *zone, "--data", data)
    printed("sector", "add", "sector_1", "Norte", "--company", "comp_1", "--project", "proj_1", "--data", data)


def test_a_ranch_that_is_added_beside_a_running_server_opens_its_session(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        add_a_ranch(server.data)
        with with_token(server, printed("token", "user_1", "--data", server.data)) as client:
            body = opening(auth0Id="user_1", projectId="proj_1", sectorId="sector_1", sector_name="Norte")
            answer = client.post(f"{PRODUCTION}/sessions", json=body)
            assert answer.status_code == 201, answer.text
            session = answer.json()["data"]
            assert client.post(
                f"{PRODUCTION}/records", json=event(session["sessionId"], "e", auth0Id="user_1")
            ).is_success
    assert (session["companyId"], session["timezone"]) == ("comp_1", "America/Lima")
    assert (session["samplingUnit"], session["pricePerUnit"]) == ("crate", 1.25)


def test_a_ranch_that_is_added_to_a_new_directory_is_there_when_the_server_starts(tmp_path: Path) -> None:
    add_a_ranch(tmp_path / "data")
    with running(tmp_path / "data") as server, server.client("user_1") as client:
        body = opening(auth0Id="user_1", projectId="proj_1", sectorId="sector_1", sector_name="Norte")
        assert client.post(f"{PRODUCTION}/sessions", json=body).status_code == 201


def test_a_viewer_only_looks(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        flags: tuple[Any, ...] = ("--company", demo.COMPANY, "--role", "viewer", "--data", server.data)
        printed("user", "add", "user_viewer", "Viewer", *flags)
        with server.client("user_viewer") as client:
            assert client.get(f"{PRODUCTION}/sessions").status_code == 200
            assert client.post(f"{PRODUCTION}/sessions", json=opening(auth0Id="user_viewer")).status_code == 403


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("company", "add", demo.COMPANY, "Again"), f"There is a company {demo.COMPANY} already"),
        (("user", "add", demo.ADMIN, "Again", "--company", demo.COMPANY), f"There is a user {demo.ADMIN} already"),
        (("user", "add", "user_2", "Two", "--company", "comp_0"), "there is no company comp_0"),
        (
            ("project", "add", "proj_2", "Two", "--company", demo.COMPANY, "--timezone", "Mars/North"),
            "Mars/North is not an IANA zone",
        ),
        (
            ("project", "add", "proj_2", "Two", "--company", demo.COMPANY, "--timezone", "UTC", "--price", "1.2345678"),
            "--price",
        ),
        (
            ("project", "add", "proj_2", "Two", "--company", demo.COMPANY, "--timezone", "UTC", "--price", "1e30"),
            "pricePerUnit must lie between 0 and 1000000",
        ),
        (
            ("project", "add", "proj_2", "Two", "--company", demo.COMPANY, "--timezone", "UTC", "--hours", "73"),
            "maxDurationHours must lie between 1 and 72",
        ),
        (
            ("project", "add", "proj_2", "Two", "--company", demo.COMPANY, "--timezone", "UTC", "--unit", "x" * 51),
            "samplingUnit must have at most 50 characters",
        ),
        (
            ("sector", "add", "sector_3", "Three", "--company", demo.COMPANY, "--project", demo.OTHER_PROJECT),
            f"There is no project {demo.OTHER_PROJECT}",
        ),
        (("company", "add", " ", "Blank"), "the id"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(server: RunningServer, words: tuple[str, ...], said: str) -> None:
    assert said in refusal(*words, "--data", server.data)


def test_a_word_that_is_no_command_is_refused_without_a_traceback() -> None:
    done = hydrobit("bogus")
    assert done.returncode != 0
    assert "Unknown command" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signing_key_whose_id_begins_with_a_hyphen_can_be_named(tmp_path: Path) -> None:
    embedded.prepare(tmp_path / "data", embedded.MovedClock())
    told = hydrobit("signing-key", "withdraw", "-oGaPbIUe", "--data", tmp_path / "data")
    assert "there is no signing key -oGaPbIUe" in told.stderr
