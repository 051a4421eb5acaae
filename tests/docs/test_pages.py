"""Pages of the main job, followed word for word by readers at one server; what they show is what is printed."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from hydrobit.demo.company import ranch_file
from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.callers import PROJECTS, Caller
from tests.docs.pages import DOCS, HOW_TO, ROOT, blocks
from tests.docs.reader import Reader
from tests.docs.shell import Shell, command
from tests.servers import RunningServer, running, start
from tests.tools import alone_on, needs
from tests.watching import until

pytestmark = [needs("curl"), alone_on(SQLITE, "a page names no engine, and each of its calls has tests on both")]

SERVED, NAMED = "http://127.0.0.1:8080", "https://hydrobit.example"
KEY = "key_1f2e3d4c5b6a7980"


class Place:
    """The folder of a clone whose `make run` serves, and the terminals in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.server = folder, self._serve(folder / "data")
        self._terminals = ExitStack()

    def reader(self, **places: str) -> Reader:
        """Somebody at a terminal of their own."""
        variables = {
            "PATH": f"{self.folder}/.venv/bin:{os.environ['PATH']}",
            "COLUMNS": "200",
            "TOKEN": self.server.token(),
            "ADMIN_TOKEN": self.server.token(),
        }
        shell = Shell(self.folder, engines.clean_environment(self.server.data, **variables))
        self._terminals.enter_context(shell)
        return Reader(self.folder, shell, {SERVED: self.server.address, NAMED: self.server.address} | places)

    def file(self, name: str, text: str) -> None:
        """A file beside the reader."""
        (self.folder / name).write_text(text)

    def lose_the_server(self) -> None:
        assert self.server.stop() == 0
        self._closed()

    def have_it_again(self) -> None:
        """At the same address."""
        self.server = self._serve(self.server.data, int(self.server.address.rpartition(":")[2]))

    def _serve(self, data: Path, port: int = 0) -> RunningServer:
        return start(data, port=port, environment={"HYDROBIT_FACTS_AGE_S_MAX": "1"})

    def _closed(self) -> None:
        assert self.server.process.stdout is not None
        self.server.process.stdout.close()

    def end(self) -> None:
        self._terminals.close()
        self.server.stop()
        self._closed()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clone")
    with command(folder / ".venv" / "bin" / "hydrobit"):
        place = Place(folder)
        try:
            yield place
        finally:
            place.end()


def test_the_readme_counts_a_first_record(place: Place) -> None:
    reader, (opening, count) = place.reader(), blocks(ROOT / "README.md")
    opened = reader.type(opening.text)
    assert opened.startswith("HTTP/1.1 201 ")
    session_id = json.loads(opened.splitlines()[-1])["data"]["sessionId"]
    assert f'"existing":{{"sessionId":"{session_id}"' in reader.type(opening.text)
    here = count.text.replace("SESSION=...", f"SESSION={session_id}")
    assert '"idempotent":false' in reader.type(here)
    assert '"idempotent":true' in reader.type(here)
    assert "units: stored 5, sent 6." in reader.type(here.replace('"units": 5', '"units": 6'))


def test_the_tutorial_goes_through_a_day(place: Place) -> None:
    page, reader = DOCS / "tutorial" / "first-harvest.md", place.reader()
    reader.follow(page, "Start a server", "Open a session", "Count", "Send it again")
    place.lose_the_server()
    reader.follow(page, "Lose the signal")
    place.have_it_again()
    reader.follow(page, "Find it again", "Put a mistake right", "Close the day", "Read the sums, and prove them")
    assert reader.left(page) == []


def test_a_client_by_the_rules_delivers_and_hands_in_a_day(place: Place) -> None:
    printed = place.reader().follow(HOW_TO / "write-a-client.md")
    session_id = json.loads(printed[: printed.index("\n201\n")])["data"]["sessionId"]
    with Caller(place.server) as admin:
        assert admin.session(session_id)["totalUnits"] == 9.5


def test_a_server_of_your_own_counts(place: Place) -> None:
    page, own = HOW_TO / "own-server.md", place.folder / "own"
    reader = place.reader(**{"/srv/hydrobit": str(own), "/srv/backup-monday": f"{own}-monday"})
    token = reader.follow(page, "Set it up").split()[-1]
    with running(own) as server, Caller(server, "my_user", token=token) as me:
        counted = me.opened(projectId="my_ranch", sectorId="lot_1", sector_name="Lot 1")
        assert me.counted(counted, "my-first-event")
        reader.follow(page, "Keep it")
    assert reader.left(page) == []
    with running(place.folder / "own-monday") as restored, Caller(restored, "my_user") as me:
        assert me.session(counted)["totalUnits"] == 1


def test_a_total_is_explained_as_the_page_shows_it(place: Place) -> None:
    with Caller(place.server) as admin:
        session_id = admin.opened(day="2025-10-20")
        admin.counted(session_id, "ticket-1", units=5, recordedAtUtc="2025-10-20T14:30:00Z")
        wrong = admin.counted(session_id, "ticket-2", units=3, recordedAtUtc="2025-10-20T14:40:00Z")
        assert admin.void(wrong).status_code == 200
        assert admin.close_session(session_id).status_code == 200
        late = admin.count(session_id, "ticket-3", units=3, recordedAtUtc="2025-10-20T15:00:00Z")
        assert late.json()["held"]
    reader = place.reader(**{"/srv/hydrobit": str(place.server.data)})
    printed = reader.follow(HOW_TO / "explain-a-total.md")
    assert [line["state"] for line in json.loads(printed.splitlines()[-1])["data"]["items"]] == [
        "counted",
        "voided",
        "held",
        "void",
    ]


def test_a_machine_has_its_key_as_long_as_it_is_not_revoked(place: Place) -> None:
    page, reader = HOW_TO / "keys.md", place.reader()
    key, by_admin = reader.follow(page, "Add it").splitlines()[-2:]
    assert json.loads(by_admin)["data"]["key"].startswith("key_")
    headers = next(block.text for block in reader.left(page))
    assert headers.count(f"{KEY}.<token>") == 2

    def answers() -> set[int]:
        said = [line.replace(f"{KEY}.<token>", key).partition(": ")[::2] for line in headers.splitlines()]
        ask = {"auth0Id": f"key:{key.partition('.')[0]}"}
        return {httpx.get(place.server.address + PROJECTS, headers=[header], params=ask).status_code for header in said}

    assert answers() == {200}
    reader.give(KEY, key.partition(".")[0])
    reader.follow(page, "Replace it")
    assert [block.text for block in reader.left(page)] == [headers]
    until(lambda: answers() == {401}, "the end of the key")


def test_a_sample_runs_at_the_mock_and_at_a_server(place: Place) -> None:
    printed = place.reader().follow(HOW_TO / "samples.md")
    assert printed.startswith("HTTP/1.1 201 ")
    assert json.loads(printed.rpartition("200\n")[2])["data"][0]["projectId"] == "proj_123"


def test_boundaries_come_from_the_file_of_the_page(place: Place) -> None:
    place.file("ranch.geojson", ranch_file("ranch.geojson").decode())
    place.file("lot9.geojson", ranch_file("ranch.geojson").decode())
    printed = place.reader().follow(HOW_TO / "boundaries.md")
    assert "1 added, 0 changed, 0 unchanged; a dry run, nothing was stored\n1 added, 0 changed" in printed
    assert printed.endswith("disabled sector lot_9\n")


def test_the_crew_comes_from_a_file_and_one_by_one(place: Place) -> None:
    place.file("crew.csv", ranch_file("crew.csv").decode())
    printed = place.reader().follow(HOW_TO / "crew.md")
    assert printed.count("0 added, 30 unchanged, 0 bad") == 3
    assert json.loads(printed[printed.rindex("\n{") :])["status"] == "terminated"


def test_the_form_of_the_page_is_taken_and_a_task_is_given(place: Place) -> None:
    printed = place.reader().follow(HOW_TO / "forms.md")
    assert "form form_scouting is the same as before, version 1" in printed
    assert "\ncancelled task task_" in printed


def test_a_person_is_forgotten_and_the_ledger_stays_sound(place: Place) -> None:
    with Caller(place.server) as admin:
        session_id = admin.opened()
        record = admin.counted(session_id, "evt_of_someone")
        printed = place.reader(**{"6507f1e3c9d8e2a4b1f9c3d5": session_id}).follow(HOW_TO / "erase-a-person.md")
        assert printed.endswith("2 ledgers verified\n")
        assert "worker_name" not in admin.record(record)
