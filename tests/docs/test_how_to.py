"""The how-to that builds the example ranch, run word for word: every `sh` block of the page, in order, in one shell."""

import os
from importlib.resources import files
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.demo.company import CREW, ranch_file
from tests import engines
from tests.callers import Caller, Json, refusal
from tests.docs.reader import Reader
from tests.docs.shell import Shell, command
from tests.servers import running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "example-ranch.md"
OFFICE, FIELD = "user_office", "user_field"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the page's commands were run, and what they printed."""
    folder = tmp_path_factory.mktemp("ranch")
    (folder / "examples").symlink_to(ROOT / "examples")
    found_first = f"{folder}/bin:{os.environ['PATH']}"
    variables = engines.clean_environment(folder / "ranch-data", PATH=found_first, COLUMNS="200")
    with command(folder / "bin" / "hydrobit"), Shell(folder, variables) as shell:
        return folder, Reader(folder, shell, {}).follow(PAGE)


def test_the_page_says_every_file_of_the_ranch(built: tuple[Path, str]) -> None:
    said = PAGE.read_text()
    for file in (ROOT / "examples" / "ranch").rglob("*.*"):
        name = str(file.relative_to(ROOT))
        assert name in said, f"{name} is used by no command of the page"


def test_the_commands_print_what_they_did(built: tuple[Path, str]) -> None:
    _, printed = built
    assert (
        "8 added, 0 changed, 0 unchanged; a dry run, nothing was stored\n8 added, 0 changed, 0 unchanged\n" in printed
    )
    assert printed.count("added form ") == 4
    assert "assigned task " in printed
    assert "worker.add" in printed
    assert "1 ledgers verified" in printed


def test_a_server_on_the_built_store_shows_the_ranch(built: tuple[Path, str]) -> None:
    folder, _ = built
    with running(folder / "ranch-data") as server, Caller(server, OFFICE) as office, Caller(server, FIELD) as field:
        (project,) = office.get("/api/control/projects", params={"auth0Id": OFFICE}).json()["data"]
        assert (project["projectId"], project["pricePerUnit"], project["maxDurationHours"]) == (demo.PROJECT, 5.5, 12)
        assert [sector["sector_name"] for sector in project["sectors"]] == [
            f"Lote {block}-{number}" for block in "AB" for number in range(1, 5)
        ]
        assert office.workers()["total"] == len(ranch_file("crew.csv").splitlines()) - 1
        assert {form["_id"] for form in forms(field)} == {"form_abc123", "crop_scouting", "irrigation_round"}
        (task_form,) = forms(field, subtype="tasks")
        assert [task["title"] for task in task_form["tasks"]] == ["Sprayer 2, before Monday"]
        assert field.counted(field.opened(), "evt_first")
        watered = {"valve": "v1", "minutes": 45, "ec": 1.8, "problems": ["leak"], "notes": "Drips at the gate"}
        assert field.submitted("irrigation_round", watered)["version"] == 1
        refusal(field.submit("irrigation_round", watered | {"minutes": 601}), 400, "invalid_value")


def forms(caller: Caller, **query: str) -> list[Json]:
    answer = caller.get(
        "/api/control/forms/getForms", params={"auth0Id": caller.user, "companyId": "san_pedro"} | query
    )
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


def test_the_package_carries_the_ranch_and_the_demo_picks_with_its_first_people() -> None:
    assert files("hydrobit.demo").joinpath("ranch", "lots.geojson").read_bytes() == ranch_file("lots.geojson")
    first = [line.split(",")[:3] for line in ranch_file("crew.csv").decode().splitlines()[1 : len(CREW) + 1]]
    assert first == [[member.first_name, member.last_name, member.hire_date] for member in CREW]
