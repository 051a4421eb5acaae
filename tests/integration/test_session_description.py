"""What describes a session's harvest: lot, truck and qualities, told at the close or after it."""

from typing import Any

import pytest

from tests.books import verify
from tests.callers import Caller, change_store, read_store, refusal
from tests.servers import RunningServer

TOLD: dict[str, Any] = {
    "harvestUnitId": "harvest_unit_123",
    "harvestLotCode": "HL-20260610-C299128B",
    "license_plate": "ABC-123",
    "driver_name": "Juan Perez",
    "qualityBreakdown": [
        {"qualityId": "Q1", "qualityName": "Primera", "units": 240.000001},
        {"qualityId": "Q1", "qualityName": "Primera", "units": 12, "workerId": "JS0315"},
    ],
}


def shown(caller: Caller, session_id: str) -> dict[str, Any]:
    session = caller.session(session_id)
    return {name: session[name] for name in TOLD if name in session}


def entries(server: RunningServer, session_id: str) -> list[Any]:
    question = (
        "select e.facts from entry as e join session as s using (company, session_no)"
        " where s.session_id = ? and e.kind = 10 order by e.seq"
    )
    return read_store(server.data, question, session_id=session_id)


def test_an_update_describes_the_harvest_and_its_owner_reads_it(admin: Caller) -> None:
    session_id = admin.opened()
    assert shown(admin, session_id) == {}
    assert admin.change(session_id, **TOLD).json()["data"] == {"updated": True}
    assert shown(admin, session_id) == TOLD
    assert "qualityBreakdownAt" in admin.session(session_id)


def test_grading_comes_after_the_close_but_terms_do_not(admin: Caller) -> None:
    session_id = admin.opened()
    admin.close_session(session_id)
    assert admin.change(session_id, **TOLD).status_code == 200
    refusal(admin.change(session_id, harvestLotCode="other", pricePerUnit=7), 409, "session_closed")
    refusal(admin.change(session_id, harvestLotCode="other", notes="late"), 409, "session_closed")
    assert shown(admin, session_id) == TOLD


def test_a_close_takes_it_along_but_a_second_close_does_not(admin: Caller) -> None:
    session_id = admin.opened()
    assert admin.close_session(session_id, notes="Done", **TOLD).status_code == 200
    refusal(admin.close_session(session_id, harvestLotCode="other"), 409, "session_closed")
    assert shown(admin, session_id) == TOLD
    assert admin.session(session_id)["finalNotes"] == "Done"


def test_each_field_keeps_what_was_told_last(admin: Caller) -> None:
    session_id = admin.opened()
    admin.change(session_id, **TOLD)
    admin.change(session_id, driver_name="Pedro Ruiz", license_plate=None, harvestLotCode=" ")
    admin.change(session_id, qualityBreakdown=[])
    assert shown(admin, session_id) == TOLD | {"driver_name": "Pedro Ruiz", "qualityBreakdown": []}


def test_the_same_again_writes_nothing(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    for _ in range(2):
        assert admin.change(session_id, **TOLD).status_code == 200
    first = admin.session(session_id)["qualityBreakdownAt"]
    assert len(entries(server, session_id)) == 1
    admin.change(session_id, license_plate="XYZ-9", qualityBreakdown=TOLD["qualityBreakdown"])
    assert len(entries(server, session_id)) == 2
    assert admin.session(session_id)["qualityBreakdownAt"] == first


def test_plate_and_driver_enter_the_chain_as_digests_alone(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    admin.change(session_id, license_plate="QQQ-777", driver_name="QQQ-777")
    ((facts,),) = entries(server, session_id)
    assert "QQQ" not in facts
    texts = read_store(server.data, "select subject from personal where text = ?", text="QQQ-777")
    assert texts == [(None,), (None,)]
    assert "verified" in verify(server.data)


def test_an_erased_driver_is_shown_no_more_and_may_be_told_anew(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    admin.change(session_id, driver_name="Someone Erased")
    change_store(server.data, "update personal set salt = null, text = null where text = ?", text="Someone Erased")
    assert shown(admin, session_id) == {}
    admin.change(session_id, driver_name="Someone Erased")
    assert shown(admin, session_id) == {"driver_name": "Someone Erased"}
    assert "verified" in verify(server.data)


def test_only_the_owner_describes_a_session(admin: Caller, supervisor: Caller) -> None:
    session_id = admin.opened()
    refusal(supervisor.change(session_id, **TOLD), 403, "not_owner")
    admin.close_session(session_id)
    refusal(supervisor.change(session_id, **TOLD), 403, "not_owner")
    assert shown(admin, session_id) == {}


ONE = TOLD["qualityBreakdown"][0]


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        ({"harvestLotCode": 5}, "wrong_type", "harvestLotCode"),
        ({"driver_name": "x" * 201}, "invalid_value", "driver_name"),
        ({"license_plate": "A\u0000"}, "invalid_value", "license_plate"),
        ({"qualityBreakdown": ONE}, "wrong_type", "qualityBreakdown"),
        ({"qualityBreakdown": [5]}, "wrong_type", "qualityBreakdown[0]"),
        ({"qualityBreakdown": [ONE | {"units": "5"}]}, "wrong_type", "qualityBreakdown[0].units"),
        ({"qualityBreakdown": [ONE, ONE | {"units": -1}]}, "invalid_value", "qualityBreakdown[1].units"),
        ({"qualityBreakdown": [ONE | {"units": 1.0000001}]}, "invalid_value", "qualityBreakdown[0].units"),
        ({"qualityBreakdown": [ONE | {"qualityName": " "}]}, "missing_field", "qualityBreakdown[0].qualityName"),
        ({"qualityBreakdown": [ONE | {"workerId": "A:B"}]}, "invalid_value", "workerId"),
        ({"qualityBreakdown": [ONE, ONE]}, "invalid_value", "qualityBreakdown[1].qualityId"),
        ({"qualityBreakdown": [ONE | {"qualityId": f"Q{n}"} for n in range(201)]}, "invalid_value", "qualityBreakdown"),
    ],
)
def test_what_cannot_be_used_is_refused_whole(admin: Caller, told: dict[str, Any], code: str, field: str) -> None:
    session_id = admin.opened()
    refused = refusal(admin.change(session_id, **{"harvestUnitId": "unit_1"} | told), 400, code)
    assert refused["field"] == field
    assert refusal(admin.close_session(session_id, **told), 400, code)["field"] == field
    assert admin.session(session_id)["status"] == "open"
    assert shown(admin, session_id) == {}


def test_unknown_members_of_an_element_are_named(admin: Caller) -> None:
    answer = admin.change(admin.opened(), qualityBreakdown=[ONE, ONE | {"qualityId": "Q2", "colour": "red"}])
    assert answer.json()["ignored"] == ["qualityBreakdown[1].colour"]
