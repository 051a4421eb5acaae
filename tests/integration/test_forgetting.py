"""Forgetting a person: nothing that is shown or stored tells the name any more, and every ledger is still sound."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydrobit.demo import company as demo
from tests import embedded, engines
from tests.callers import ADMIN_USERS, Caller, add_people, read_store, refusal
from tests.commands import hydrobit, printed
from tests.integration.test_photos import data_url, picture
from tests.servers import RunningServer, running

Json = dict[str, Any]

AUDIT = "/api/control/admin/audit"
SECRETS = ("Xochitl", "Nezahualcoyotl", "+52 55 7777", "xochitl@example.com", "Tezozomoc", "badge of xo", "she slipped")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of these tests alone: they look into its files."""
    with running(tmp_path_factory.mktemp("forgetting") / "data") as started:
        add_people(started.data)
        yield started


def erase(server: RunningServer, worker: str) -> str:
    return printed("worker", "erase", worker, "--company", demo.COMPANY, "--data", server.data)


def write_about_her(caller: Caller, hired: str) -> tuple[Json, str, str]:
    """A worker with all that a store may hold of one: the worker, a record, and its session."""
    worker = caller.registered(
        first_name="Xochitl",
        last_name="Nezahualcoyotl",
        hire_date=hired,
        phone="+52 55 7777",
        email="xochitl@example.com",
        emergency_contact_name="Tezozomoc",
        hourly_rate=20,
        notes="she slipped in May",
    )
    caller.patch(
        f"/api/control/admin/workers/{worker['worker_id']}", json={"auth0Id": caller.user, "position": "packer"}
    )
    session_id = caller.opened()
    hers = {"workerId": worker["worker_id"], "worker_name": "Xochitl Nezahualcoyotl"}
    record = caller.counted(session_id, "evt_1", units=5, evidence={"badge": "badge of xo"}, **hers)
    wrong = caller.counted(session_id, "evt_2", units=50, **hers)
    caller.void(wrong, "Xochitl was not there")
    caller.counted(session_id, "evt_3", units=7)
    caller.close_session(session_id)
    refusal(caller.count(session_id, "evt_late", evidence={"badge": "badge of xo"}, **hers), 409, "session_closed")
    return worker, record, session_id


def test_a_session_forgets_its_driver_plate_and_notes_and_keeps_its_units(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened(notes="Tezozomoc drives")
    admin.counted(session_id, "evt_1", units=5)
    for driver in ("Nezahualcoyotl", "Tezozomoc"):
        admin.change(session_id, driver_name=driver, license_plate=f"{driver}-1", harvestLotCode="HL-1")
    admin.close_session(session_id, notes="Xochitl closed it")
    said = printed("session", "erase", session_id, "--company", demo.COMPANY, "--data", server.data)
    assert said.strip() == f"erased 6 texts of session {session_id}"
    found = admin.session(session_id)
    assert not {"driver_name", "license_plate", "notes", "finalNotes"} & set(found)
    assert (found["harvestLotCode"], found["totalUnits"]) == ("HL-1", 5)
    again = printed("session", "erase", session_id, "--company", demo.COMPANY, "--data", server.data)
    assert again.startswith("erased 0 texts")
    unknown = hydrobit("session", "erase", session_id, "--company", demo.OTHER_COMPANY, "--data", server.data)
    assert (unknown.returncode, "no session" in unknown.stderr) == (1, True)
    assert "sound" in printed("verify", "--data", server.data)


def test_a_worker_is_forgotten_everywhere_and_no_unit_is_lost(server: RunningServer, admin: Caller) -> None:
    worker, record, session_id = write_about_her(admin, "2025-03-15")
    before = admin.session(session_id)
    assert erase(server, worker["worker_id"]).startswith("erased worker XN0315: 6 texts, 1 held counts")

    found = admin.worker("XN0315").json()["data"]
    assert (found["first_name"], found["last_name"], found["position"]) == ("Erased", "XN0315", "packer")
    assert (found["workerId"], found["hire_date"]) == (worker["workerId"], "2025-03-15")
    assert admin.record(record)["units"] == 5
    after = admin.session(session_id)
    assert [(one["workerId"], one["units"]) for one in after["workers"]] == [
        (one["workerId"], one["units"]) for one in before["workers"]
    ]
    pages = [json.dumps(admin.get(AUDIT, params={"limit": 100}).json()), json.dumps(after), json.dumps(found)]
    pages.append(json.dumps(admin.workers(q="xochitl")))
    assert not [secret for secret in SECRETS for page in pages if secret in page]
    lines = admin.get(AUDIT, params={"limit": 3}).json()["data"]["items"]
    assert [line["action"] for line in lines] == ["worker.erase", "worker.change", "worker.add"]
    assert [set(line) & {"before", "after"} for line in lines] == [set(), set(), set()]
    assert printed("verify", "--data", server.data).endswith("2 ledgers verified")


def test_a_photo_goes_to_those_that_nobody_names(server: RunningServer, admin: Caller) -> None:
    worker = admin.registered(first_name="Pictured", last_name="One", photo=data_url(picture()))
    erase(server, worker["worker_id"])
    assert admin.worker(worker["worker_id"]).json()["data"]["photo_url"] is None
    assert read_store(server.data, "select names from object where company = 1") == [(0,)]


def test_another_worker_of_the_same_name_keeps_it(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    for worker in ("TW0101", "TW0102"):
        admin.counted(session_id, f"evt of {worker}", workerId=worker, worker_name="Twin")
    erase(server, "tw0101")
    names = {one["workerId"]: one["names"] for one in admin.session(session_id)["workers"]}
    assert names == {"TW0101": [], "TW0102": ["Twin"]}


def test_erasing_twice_finds_nothing_more_and_nobody_is_said_so(server: RunningServer, admin: Caller) -> None:
    worker = admin.registered(first_name="Twice", last_name="Gone", hire_date="2025-01-09")["worker_id"]
    assert erase(server, worker) == f"erased worker {worker}: 1 texts, 0 held counts"
    assert erase(server, worker) == f"erased worker {worker}: 0 texts, 0 held counts"
    done = hydrobit("worker", "erase", "ZZ9999", "--company", demo.COMPANY, "--data", server.data)
    assert (done.returncode, done.stderr) == (
        1,
        "hydrobit: There is no worker ZZ9999, and nothing was recorded for one.\n",
    )


def test_the_person_may_be_hired_again_and_is_then_somebody_new(server: RunningServer, admin: Caller) -> None:
    worker = admin.registered(first_name="Come", last_name="Back", hire_date="2025-01-10")
    erase(server, worker["worker_id"])
    again = admin.registered(first_name="Come", last_name="Back", hire_date="2025-01-10")
    assert again["worker_id"] == f"{worker['worker_id']}-2"


def test_a_users_name_is_forgotten_once_the_user_is_disabled(server: RunningServer, admin: Caller) -> None:
    body = {"userId": "user_leaving", "name": "Cuauhtemoc", "email": "cuau@example.com", "role": "supervisor"}
    admin.post(ADMIN_USERS, json=body)
    words = ("user", "erase", "user_leaving", "--data", server.data)
    refused = hydrobit(*words)
    assert (refused.returncode, "disable the user first" in refused.stderr) == (1, True)
    admin.post(f"{ADMIN_USERS}/user_leaving/disable")
    assert printed(*words) == "erased user user_leaving: 3 texts of the audit log"
    shown = json.dumps([admin.get(path, params={"limit": 100}).json() for path in (ADMIN_USERS, AUDIT)])
    assert "user_leaving" in shown
    assert not [secret for secret in ("Cuauhtemoc", "cuau@example.com") if secret in shown]
    embedded.verify(server.data)


def test_nothing_of_a_person_is_left_in_the_store(tmp_path: Path) -> None:
    """Once the server has stopped and its log of writes is folded in."""
    with running(tmp_path / "data") as server, Caller(server) as admin:
        worker, _, _ = write_about_her(admin, "2025-03-16")
        erase(server, worker["worker_id"])
        server.stop()
    content = engines.all_of_it(tmp_path / "data")
    assert worker["worker_id"].encode() in content
    assert not [secret for secret in SECRETS if secret.encode() in content]
    embedded.verify(tmp_path / "data")


def test_a_repeat_of_an_erased_record_is_still_known(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    hers = {"workerId": "RP0101", "worker_name": "Repeated One"}
    admin.counted(session_id, "evt_1", **hers)
    erase(server, "RP0101")
    assert admin.count(session_id, "evt_1", **hers).status_code == 200
    question = "select count(*) from personal where subject = ? and text is not null"
    assert read_store(server.data, question, subject="RP0101") == [(0,)]
