"""Forms and tasks as an operator sets them up: commands beside a running server, which sees each change at once.

The commands run in this process: `test_command_line` shows that `hydrobit` runs them.
"""

import json
from pathlib import Path

import pytest

from hydrobit import cli
from hydrobit.cli import forms  # noqa: F401 - importing it registers its commands
from hydrobit.demo import company as demo
from hydrobit.errors import HydrobitError
from tests import engines
from tests.callers import FORMS, Caller, Json
from tests.servers import RunningServer

TRAPS = """
_id: form_traps
name: Traps
type: inspection
subtype: tasks
fields:
  - {name: moths, label: Moths, type: pest, maximum: 200}
  - {name: photo, type: photo}
"""


class Commands:
    """Runs commands on the server's store, about its demo company."""

    def __init__(self, server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
        self._data, self._capsys = server.data, capsys

    def printed(self, *words: object) -> str:
        """What a command that succeeds prints."""
        self._run(words)
        return self._capsys.readouterr().out.strip()

    def refusal(self, *words: object) -> str:
        """The one sentence of a command that is refused."""
        with pytest.raises(HydrobitError) as raised:
            self._run(words)
        return str(raised.value)

    def _run(self, words: tuple[object, ...]) -> None:
        about = ("--data", self._data, "--company", demo.COMPANY)
        cli.app([str(word) for word in (*words, *about)], result_action="return_value")


@pytest.fixture
def commands(server: RunningServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in engines.environment(server.data).items():
        monkeypatch.setenv(name, value)
    return Commands(server, capsys)


def fetched(caller: Caller, **query: str) -> dict[str, Json]:
    """What the caller's phone is given, by the forms' ids."""
    answer = caller.get(FORMS, params={"auth0Id": caller.user, "companyId": demo.COMPANY} | query)
    return {form["_id"]: form for form in answer.json()["data"]}


def test_a_form_goes_from_a_file_to_a_phone_and_back(commands: Commands, admin: Caller, tmp_path: Path) -> None:
    printed, refusal, of = commands.printed, commands.refusal, ("--form", "form_traps")
    file = tmp_path / "traps.yaml"
    file.write_text(TRAPS)
    assert printed("form", "add", file) == "added form form_traps"
    assert printed("form", "add", file) == "form form_traps was there already"

    assign = ("task", "assign", demo.ADMIN, *of, "--title", "North side", "--due", "2025-10-19", "--id", "north")
    assert printed(*assign) == "assigned task north"
    assert printed(*assign) == "task north was there already"
    tasks = fetched(admin, subtype="tasks")["form_traps"]["tasks"]
    assert tasks == [{"taskId": "north", "title": "North side", "dueDay": "2025-10-19"}]
    assert admin.submitted("form_traps", {"moths": 7})["task"] == {"taskId": "north", "status": "done"}

    (listed,) = map(json.loads, printed("task", "list", *of, "--json").splitlines())
    assert (listed["taskId"], listed["userId"], listed["status"]) == ("north", demo.ADMIN, "done")
    assert refusal("task", "cancel", "north", *of) == "The task north is done; its record stays."
    assert printed("task", "assign", demo.ADMIN, *of, "--id", "south") == "assigned task south"
    assert printed("task", "cancel", "south", *of) == "cancelled task south"

    changed = tmp_path / "traps.json"
    shown = json.loads(printed("form", "show", "form_traps"))
    changed.write_text(json.dumps(shown | {"name": "Pheromone traps"}))
    assert printed("form", "change", changed) == "form form_traps has the version 2"
    assert printed("form", "change", changed) == "form form_traps is the same as before, version 2"
    assert json.loads(printed("form", "show", "form_traps", "--version", "1")) == shown

    assert printed("form", "disable", "form_traps") == "disabled form form_traps"
    rows = {row["formId"]: row for row in map(json.loads, printed("form", "list", "--json").splitlines())}
    assert rows["form_traps"] | {"createdAt": ""} == {
        "formId": "form_traps",
        "name": "Pheromone traps",
        "type": "inspection",
        "subtype": "tasks",
        "version": 2,
        "fields": 2,
        "createdAt": "",
        "status": "disabled",
    }
    assert printed("form", "enable", "form_traps") == "enabled form form_traps"
    assert "Pheromone traps" in printed("form", "list")


def test_what_cannot_be_taken_is_said_in_a_sentence(commands: Commands, tmp_path: Path) -> None:
    refusal = commands.refusal
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text(TRAPS.replace("type: photo", "type: foto").replace("name: Traps", "name: yes"))
    said = refusal("form", "add", faulty)
    assert str(faulty) in said
    assert "definition.name must be a text" in said
    assert "definition.fields[1].type must be one of" in said
    assert "cannot be read: No such file" in refusal("form", "add", tmp_path / "missing.yaml")
    assert "There is no form form_999" in refusal("form", "disable", "form_999")
    assert "its subtype is not `tasks`" in refusal("task", "assign", demo.ADMIN, "--form", demo.FORM)
