"""A void is a counter-movement; nothing is ever changed or deleted (contract, "Void")."""

import re

import pytest

from hydrobit.demo import company as demo
from tests.callers import RECORDS, Caller, read_store, record_id, refusal
from tests.servers import RunningServer


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def test_a_void_books_the_opposite_movement_beside_the_record(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", units=5)
    answer = admin.void(record)
    void = record_id(answer)
    assert answer.status_code == 200
    assert re.fullmatch(r"rec_void_[0-9a-f]{16}", void)
    assert answer.json()["data"] == {"payloadPreview": {"recordId": void, "voidOf": record}}
    opposite, first = admin.record(void), admin.record(record)
    assert (opposite["units"], opposite["voidOf"], opposite["workerId"]) == (-5, record, "JS0315")
    assert (first["units"], first["voidedBy"]) == (5, void)
    assert "voidOf" not in first
    assert admin.session(session_id)["totalUnits"] == 0


def test_the_voided_entry_stays_as_it_was(server: RunningServer, admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", units=5)
    question = "select * from entry where company = 1 and seq = ?"
    before = read_store(server.data, question, seq=int(record[-8:], 16))
    admin.void(record)
    assert read_store(server.data, question, seq=int(record[-8:], 16)) == before


def test_a_repeat_is_answered_with_the_same_void(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", units=5)
    void = record_id(admin.void(record))
    again = admin.void(record)
    assert again.status_code == 200
    assert again.json()["data"] == {"payloadPreview": {"recordId": void, "voidOf": record, "idempotent": True}}
    assert admin.session(session_id)["totalUnits"] == 0


def test_a_repeat_is_answered_after_the_close_too(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1")
    void = record_id(admin.void(record))
    admin.close_session(session_id)
    again = admin.void(record)
    assert (again.status_code, record_id(again)) == (200, void)


def test_the_first_reason_stands(server: RunningServer, admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1")
    void = record_id(admin.void(record, "Wrong worker"))
    admin.void(record, "Another reason")
    kept = read_store(
        server.data,
        "select p.text from entry as e join personal as p on p.company = e.company and p.digest = e.note_digest"
        " where e.company = 1 and e.seq = ?",
        seq=int(void[-8:], 16),
    )
    assert kept == [("Wrong worker",)]


def test_a_void_is_never_voided(admin: Caller, session_id: str) -> None:
    void = record_id(admin.void(admin.counted(session_id, "evt_1")))
    refusal(admin.void(void), 409, "record_is_void")
    admin.close_session(session_id)
    refusal(admin.void(void), 409, "record_is_void")


def test_a_closed_sessions_records_stand(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", units=5)
    admin.close_session(session_id)
    refusal(admin.void(record), 409, "session_closed")
    assert "voidedBy" not in admin.record(record)


def test_only_the_owner_of_the_session_voids(
    admin: Caller, supervisor: Caller, neighbour: Caller, session_id: str
) -> None:
    record = admin.counted(session_id, "evt_1")
    refusal(supervisor.void(record), 403, "not_owner")
    refusal(neighbour.void(record), 404, "record_not_found")
    assert "voidedBy" not in admin.record(record)


@pytest.mark.parametrize(
    "unknown", ["rec_0000000000000000", "rec_void_0000000000000000", "rec_1", "none", "held_0000000000000001", "%00"]
)
def test_an_unknown_record_is_not_found(admin: Caller, unknown: str) -> None:
    assert refusal(admin.void(unknown), 404, "record_not_found")["field"] == "recordId"


def test_the_entry_of_a_session_is_no_record(admin: Caller, session_id: str) -> None:
    opening = f"rec_{session_id[8:]}"
    refusal(admin.void(opening), 404, "record_not_found")
    refusal(admin.get(f"{RECORDS}/{opening}"), 404, "record_not_found")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, "missing_field"),
        ("", "missing_field"),
        (" ", "missing_field"),
        ("x" * 2_001, "invalid_value"),
        (5, "wrong_type"),
    ],
)
def test_a_void_needs_a_reason(admin: Caller, session_id: str, reason: object, code: str) -> None:
    record = admin.counted(session_id, "evt_1")
    answer = admin.post(f"{RECORDS}/{record}/void", json={"auth0Id": demo.ADMIN, "reason": reason})
    assert refusal(answer, 400, code)["field"] == "reason"
    assert "voidedBy" not in admin.record(record)


def test_the_longest_reason_is_taken(admin: Caller, session_id: str) -> None:
    assert admin.void(admin.counted(session_id, "evt_1"), "x" * 2_000).status_code == 200


def test_records_that_share_everything_but_the_event_are_voided_alone(admin: Caller, session_id: str) -> None:
    records = [admin.counted(session_id, f"evt_{n}", units=2) for n in range(3)]
    admin.void(records[1])
    assert admin.session(session_id)["totalUnits"] == 4
    assert ["voidedBy" in admin.record(record) for record in records] == [False, True, False]
