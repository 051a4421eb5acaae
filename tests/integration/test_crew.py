"""A crew from a CSV file, over HTTP and by command, and what an admin changes of workers, template and company."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from hydrobit.workers.template import DEFAULTS, Kind
from tests.callers import Caller, add_people, read_store, refusal
from tests.commands import hydrobit, printed
from tests.servers import RunningServer, running

Json = dict[str, Any]

ADMIN_WORKERS, TEMPLATE = "/api/control/admin/workers", "/api/control/admin/template"
COMPANY = "/api/control/admin/company"
HEADER = "first_name,last_name,hire_date,position,employment_type"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of these tests alone: they change the register and the template."""
    with running(tmp_path_factory.mktemp("crew") / "data") as started:
        add_people(started.data)
        yield started


def line(name: str, **changes: str) -> str:
    cells = {"hire_date": "2025-04-01", "position": "harvester", "employment_type": "seasonal"} | changes
    return ",".join([name, "Imported", *cells.values()])


def send(caller: Caller, *lines: str, **changes: Any) -> httpx.Response:
    body = {"auth0Id": caller.user, "csv": "\n".join([HEADER, *lines])} | changes
    return caller.post(f"{ADMIN_WORKERS}/import", json=body)


def sent(caller: Caller, *lines: str, **changes: Any) -> Json:
    answer = send(caller, *lines, **changes)
    assert answer.status_code == 200, answer.text
    data: Json = answer.json()["data"]
    return data


def change(caller: Caller, worker: str, **changes: Any) -> httpx.Response:
    return caller.patch(f"{ADMIN_WORKERS}/{worker}", json={"auth0Id": caller.user} | changes)


def changed(caller: Caller, worker: str, **changes: Any) -> Json:
    answer = change(caller, worker, **changes)
    assert answer.status_code == 200, answer.text
    data: Json = answer.json()["data"]
    return data


def total(caller: Caller, **query: str) -> int:
    count: int = caller.workers(**query)["total"]
    return count


def audited(server: RunningServer, subject: str) -> list[str]:
    """The actions that the audit log tells of a subject, first to last."""
    question = "select action from audit where company = 1 and subject = ? order by audit_no"
    return [action for (action,) in read_store(server.data, question, subject=subject)]


# Importing


def test_a_crew_is_added_and_the_same_file_again_changes_nothing(server: RunningServer, admin: Caller) -> None:
    lines = [line("Xenia"), line("Yolanda"), line("Xenia", hire_date="2025-04-02")]
    first = sent(admin, *lines)
    assert (first["added"], first["unchanged"], first["badLines"]) == (["XI0401", "YI0401", "XI0402"], [], [])
    assert admin.worker("YI0401").json()["data"]["first_name"] == "Yolanda"
    again = sent(admin, *lines)
    assert (again["added"], again["unchanged"]) == ([], first["added"])
    assert audited(server, "XI0401") == ["worker.add"]


def test_people_who_share_an_id_are_numbered_and_a_person_who_stands_twice_is_one(admin: Caller) -> None:
    registered = admin.registered(first_name="Uma", last_name="Imported", hire_date="2025-04-01")
    done = sent(admin, line("Ulla"), line("Uwe"), line("ULLA"), line("Uma"))
    assert registered["worker_id"] == "UI0401"
    assert done["added"] == ["UI0401-2", "UI0401-3"]
    assert done["unchanged"] == ["UI0401-2", "UI0401"]


def test_one_bad_line_holds_all_back_and_every_one_is_named(admin: Caller) -> None:
    before = total(admin)
    answer = send(admin, line("Good"), line("Bad", hire_date="soon"), line("Worse", position="pilot"))
    told = refusal(answer, 400, "invalid_value")
    assert told["field"] == "csv"
    assert "line 3, column hire_date, 'soon'" in told["error"]
    assert "line 4, column position, 'pilot': position must be one of the company's options" in told["error"]
    assert "line 2" not in told["error"]
    assert total(admin) == before


def test_the_good_lines_alone_are_taken_when_that_is_asked_for(admin: Caller) -> None:
    done = sent(admin, line("Partial"), line("Bad", hire_date="soon"), line("Pilot", position="pilot"), partial=True)
    assert done["added"] == ["PI0401"]
    assert [(bad["line"], bad["column"], bad["value"]) for bad in done["badLines"]] == [
        (3, "hire_date", "soon"),
        (4, "position", "pilot"),
    ]
    assert admin.worker("PI0401").status_code == 200


def test_a_dry_run_says_all_of_it_and_stores_nothing(server: RunningServer, admin: Caller) -> None:
    before = total(admin)
    done = sent(admin, line("Dry"), line("Dry"), line("Bad", hire_date="soon"), dryRun=True)
    assert (done["dryRun"], done["added"], done["unchanged"]) == (True, ["DI0401"], ["DI0401"])
    assert [bad["line"] for bad in done["badLines"]] == [4]
    assert total(admin) == before
    assert audited(server, "DI0401") == []


def test_a_file_that_makes_no_sense_is_refused_with_what_is_missing(admin: Caller) -> None:
    answer = admin.post(f"{ADMIN_WORKERS}/import", json={"auth0Id": admin.user, "csv": "a;b\n1;2\n"})
    assert "first_name, last_name" in refusal(answer, 400, "invalid_value")["error"]


def test_two_imports_at_the_same_time_add_everyone_once(server: RunningServer) -> None:
    lines = [line(f"Twin {number}") for number in range(300)]

    def send_all(_: int) -> Json:
        with Caller(server) as caller:
            return sent(caller, *lines)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(send_all, range(4)))
    assert sum(len(one["added"]) for one in done) == 300
    assert {len(one["added"]) + len(one["unchanged"]) for one in done} == {300}
    with Caller(server) as caller:
        assert total(caller, q="twin") == 300


def test_a_supervisor_imports_nobody(supervisor: Caller) -> None:
    refusal(send(supervisor, line("Super")), 403, "role_forbidden")


# Changing


def test_a_worker_who_leaves_keeps_the_history(server: RunningServer, admin: Caller) -> None:
    worker = admin.registered(first_name="Leaving", last_name="Soon", hire_date="2025-05-01", phone="+1", notes="Tall")
    record = admin.counted(admin.opened(), "evt_1", workerId=worker["worker_id"], worker_name="Leaving Soon")
    gone = changed(admin, worker["worker_id"], status="terminated", termination_date="2025-11-30", phone="")
    assert (gone["status"], gone["termination_date"], gone["notes"]) == ("terminated", "2025-11-30", "Tall")
    assert "phone" not in gone
    assert admin.record(record)["workerId"] == worker["worker_id"]
    back = changed(admin, worker["workerId"], status="active", termination_date="")
    assert (back["status"], back["termination_date"]) == ("active", None)
    assert audited(server, worker["worker_id"]) == ["worker.add", "worker.change", "worker.change"]


def test_the_same_change_again_leaves_no_trace(server: RunningServer, admin: Caller) -> None:
    worker = admin.registered(first_name="Same", last_name="Again", hire_date="2025-05-01")["worker_id"]
    changes = {"position": "packer", "hourly_rate": 19.25, "skills": ["pruning", "juggling"], "email": "a@example.com"}
    first = changed(admin, worker, **changes)
    assert (first["position"], first["hourly_rate"], first["skills"]) == ("packer", 19.25, ["pruning"])
    assert changed(admin, worker, **changes) == first
    assert audited(server, worker) == ["worker.add", "worker.change"]


def test_new_names_are_searched_for_and_the_business_id_stays(admin: Caller) -> None:
    worker = admin.registered(first_name="Maiden", last_name="Name", hire_date="2025-05-02")
    renamed = changed(admin, worker["worker_id"], last_name="Núñez")
    assert (renamed["worker_id"], renamed["last_name"]) == (worker["worker_id"], "Núñez")
    assert total(admin, q="maiden nunez mn0502") == 1
    assert total(admin, q="maiden name") == 0
    again = admin.register(first_name="MAIDEN", last_name="NÚÑEZ", hire_date="2025-05-02")
    assert (again.status_code, again.json()["data"]["workerId"]) == (200, worker["workerId"])


def test_a_worker_cannot_become_another_one(admin: Caller) -> None:
    admin.registered(first_name="First", last_name="Twin", hire_date="2025-05-03")
    second = admin.registered(first_name="Second", last_name="Twin", hire_date="2025-05-03")["worker_id"]
    refusal(change(admin, second, first_name="first"), 409, "name_taken")
    assert admin.worker(second).json()["data"]["first_name"] == "Second"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"position": "pilot"}, "invalid_value", "position"),
        ({"status": "retired"}, "invalid_value", "status"),
        ({"termination_date": "2025-01-01"}, "invalid_value", "termination_date"),
        ({"termination_date": "soon"}, "invalid_value", "termination_date"),
        ({"hourly_rate": "18"}, "wrong_type", "hourly_rate"),
        ({"first_name": "x" * 201}, "invalid_value", "first_name"),
        ({"hire_date": "2025-05-05", "phone": "+1"}, "unchangeable_field", "hire_date"),
        ({"worker_id": "AA0101", "phone": "+1"}, "unchangeable_field", "worker_id"),
        ({}, "nothing_to_change", None),
        ({"first_name": " "}, "nothing_to_change", None),
    ],
)
def test_a_change_that_cannot_be_is_refused_whole(admin: Caller, changes: Json, code: str, field: str | None) -> None:
    worker = admin.register(first_name="Steady", last_name="One", hire_date="2025-05-04").json()["data"]
    assert refusal(change(admin, worker["worker_id"], **changes), 400, code).get("field") == field
    assert admin.worker(worker["worker_id"]).json()["data"] == worker


# The template and the company


def options(caller: Caller) -> Json:
    found: Json = caller.get(TEMPLATE).json()["data"]
    return found


def test_a_template_is_changed_kind_by_kind_and_workers_stay(server: RunningServer, admin: Caller) -> None:
    before = options(admin)
    assert before["position"] == list(DEFAULTS[Kind.position])
    worker = admin.registered(first_name="Template", last_name="Kept", hire_date="2025-06-01")
    answer = admin.patch(TEMPLATE, json={"auth0Id": admin.user, "position": ["picker", "harvester", "picker"]})
    assert answer.json()["data"] == before | {"position": ["picker", "harvester"]} == options(admin)
    refusal(admin.register(first_name="Not", last_name="An option", hire_date="2025-06-01"), 400, "invalid_value")
    assert admin.worker(worker["worker_id"]).json()["data"]["position"] == "field_worker"
    assert changed(admin, worker["worker_id"], phone="+2")["position"] == "field_worker"
    admin.patch(TEMPLATE, json={"auth0Id": admin.user, "position": []})
    assert options(admin) == before
    assert audited(server, "position") == ["template.set", "template.set"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "nothing_to_change"),
        ({"status": ["x" * 201]}, "invalid_value"),
        ({"skill": [" "]}, "missing_field"),
        ({"skill": [f"skill {number}" for number in range(201)]}, "invalid_value"),
    ],
)
def test_a_template_that_cannot_be_is_refused(admin: Caller, body: Json, code: str) -> None:
    refusal(admin.patch(TEMPLATE, json={"auth0Id": admin.user} | body), 400, code)


def test_a_company_is_read_and_changed_by_its_admins_alone(
    server: RunningServer, admin: Caller, supervisor: Caller, neighbour: Caller
) -> None:
    before = admin.get(COMPANY).json()["data"]
    assert (before["companyId"], before["refusesUnknownWorkers"]) == (demo.COMPANY, False)
    after = admin.patch(COMPANY, json={"companyName": "Rancho Nuevo", "refusesUnknownWorkers": True}).json()["data"]
    assert after == before | {"companyName": "Rancho Nuevo", "refusesUnknownWorkers": True}
    assert admin.get(COMPANY).json()["data"] == after
    assert neighbour.get(COMPANY).json()["data"]["companyId"] == demo.OTHER_COMPANY
    refusal(admin.count(admin.opened(), "evt_1", workerId="ZZ0101"), 404, "worker_not_found")
    admin.patch(COMPANY, json={"refusesUnknownWorkers": False})
    refusal(admin.patch(COMPANY, json={"companyName": " "}), 400, "nothing_to_change")
    refusal(supervisor.patch(COMPANY, json={"companyName": "Mine"}), 403, "role_forbidden")
    assert audited(server, demo.COMPANY)[-2:] == ["company.change", "company.change"]


# By command


def command(server: RunningServer, *words: str | Path) -> str:
    return printed(*words, "--company", demo.COMPANY, "--data", server.data)


def test_a_spreadsheets_file_is_imported_by_command(server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    file = tmp_path / "cuadrilla.csv"
    text = (
        "Nombre;Apellidos;Fecha de ingreso;Puesto;Tipo de empleo;Tarifa;Zapatos\r\n"
        "Íñigo;Peña;15/03/2024;harvester;seasonal;18,5;42\r\n"
        "José;Peña;01/02/2024;packer;full_time;;\r\n"
    )
    file.write_bytes(text.encode("latin-1"))
    told = command(server, "worker", "import", file, "--dry-run")
    assert "read as Windows-1252, separated by ;\npassed over the columns Zapatos\n" in told
    assert "2 added, 0 unchanged, 0 bad; a dry run, nothing was stored" in told
    assert "2 added, 0 unchanged, 0 bad" in command(server, "worker", "import", file)
    found = admin.worker("IP0315").json()["data"]
    assert (found["first_name"], found["hourly_rate"], found["hire_date"]) == ("Íñigo", 18.5, "2024-03-15")
    assert "0 added, 2 unchanged, 0 bad" in command(server, "worker", "import", file)


def test_bad_lines_are_printed_all_and_nothing_is_stored_unless_it_is_asked_for(
    server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "crew.csv"
    file.write_text("\n".join([HEADER, line("Command"), line("Bad", hire_date="soon"), line("=1+1")]))
    words = ("worker", "import", file, "--company", demo.COMPANY, "--data", server.data)
    done = hydrobit(*words)
    assert done.returncode == 1
    assert "1 added, 0 unchanged, 2 bad; nothing was stored" in done.stdout
    assert "line 3, column hire_date, 'soon'" in done.stderr
    assert "line 4, column first_name, '=1+1': first_name looks like a formula" in done.stderr
    assert hydrobit("worker", "show", "CI0401", "--company", demo.COMPANY, "--data", server.data).returncode == 1
    taken = hydrobit(*words, "--partial")
    assert taken.returncode == 1
    assert taken.stdout.endswith("1 added, 0 unchanged, 2 bad\n")
    assert '"worker_id": "CI0401"' in command(server, "worker", "show", "CI0401")


def test_a_worker_is_added_listed_and_changed_by_command(server: RunningServer, admin: Caller) -> None:
    facts = ("--hired", "2025-07-01", "--position", "packer", "--employment-type", "seasonal", "--rate", "17.25")
    assert command(server, "worker", "add", "Hand", "Made", *facts) == "added worker HM0701"
    assert command(server, "worker", "add", "Hand", "Made", *facts) == "worker HM0701 was there already"
    assert '"hourly_rate": "17.25"' in command(server, "worker", "list", "--search", "hand made", "--json")
    changes = ("--status", "terminated", "--terminated", "2025-11-30", "--skill", "packing", "--phone", "+1")
    assert command(server, "worker", "change", "HM0701", *changes) == "changed worker HM0701"
    assert "terminated" in command(server, "worker", "list", "--search", "hm0701")
    assert admin.worker("HM0701").json()["data"]["skills"] == ["packing"]
    assert audited(server, "HM0701") == ["worker.add", "worker.change"]


def test_a_template_is_shown_and_set_by_command(server: RunningServer, admin: Caller) -> None:
    before = options(admin)
    assert "skill: " in command(server, "template", "show")
    assert command(server, "template", "set", "skill", "tying", "thinning") == "skill: tying, thinning"
    assert options(admin)["skill"] == ["tying", "thinning"]
    assert command(server, "template", "set", "skill").startswith("skill: irrigation")
    assert options(admin) == before
