"""Counting units and reading them back (contract, "Records")."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, write_instant
from tests.callers import RECORDS, Caller, bulk_codes, change_store, element, read_store, record_id, refusal
from tests.servers import RunningServer


def from_now(hours: float) -> str:
    return write_instant(SystemClock().now() + int(hours * HOUR_MS))


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def test_a_count_is_answered_with_its_id_and_what_was_counted(admin: Caller, session_id: str) -> None:
    answer = admin.count(session_id, "evt_1", units=5)
    data = answer.json()["data"]
    record = data["payloadPreview"].pop("recordId")
    assert answer.status_code == 201
    assert re.fullmatch(r"rec_[0-9a-f]{16}", record)
    assert data == {
        "payloadPreview": {"sessionId": session_id, "workerId": "JS0315", "units": 5},
        "idempotent": False,
    }


def test_a_count_is_read_back_as_it_was_captured(admin: Caller, session_id: str) -> None:
    answer = admin.count(session_id, "evt_1", units=2.5, recordedAtUtc="2025-10-19T08:30:00.250-06:00")
    data = admin.record(record_id(answer))
    received_at = data.pop("receivedAtUtc")
    assert from_now(-0.1) < received_at < from_now(0.1)
    assert data == {
        "recordId": record_id(answer),
        "sessionId": session_id,
        "workerId": "JS0315",
        "worker_name": "John Smith",
        "units": 2.5,
        "state": "inserted",
        "recordedAtUtc": "2025-10-19T14:30:00.250Z",
    }


def test_without_units_one_unit_is_counted(admin: Caller, session_id: str) -> None:
    body = element(session_id, "evt_1", auth0Id=demo.ADMIN)
    del body["units"]
    for changes in ({}, {"clientEventId": "evt_2", "units": None}):
        assert admin.post(RECORDS, json=body | changes).json()["data"]["payloadPreview"]["units"] == 1


@pytest.mark.parametrize("units", [0, 0.000001, 2.5, 18.95, 999_999.999999, 1_000_000])
def test_units_are_kept_exactly(admin: Caller, session_id: str, units: float) -> None:
    assert admin.record(admin.counted(session_id, "evt_1", units=units))["units"] == units


def test_the_sum_is_exact_where_floats_are_not(admin: Caller, session_id: str) -> None:
    for number in range(10):
        admin.counted(session_id, f"evt_{number}", units=0.1)
    assert admin.session(session_id)["totalUnits"] == 1


@pytest.mark.parametrize("units", [-0.000001, -1, 1_000_000.000001, 1e7, 0.0000001])
def test_units_out_of_bounds_are_refused(admin: Caller, session_id: str, units: float) -> None:
    assert refusal(admin.count(session_id, "evt_1", units=units), 400, "invalid_value")["field"] == "units"
    assert admin.session(session_id)["workers"] == []


def test_any_user_of_the_company_reads_a_record_and_nobody_else(
    admin: Caller, supervisor: Caller, viewer: Caller, neighbour: Caller, session_id: str
) -> None:
    record = admin.counted(session_id, "evt_1")
    void = record_id(admin.void(record))
    for reader in (admin, supervisor, viewer):
        assert reader.record(record)["recordId"] == record
        assert reader.record(void)["recordId"] == void
    for answer in (neighbour.get(f"{RECORDS}/{record}"), neighbour.get(f"{RECORDS}/{void}")):
        refusal(answer, 404, "record_not_found")


def test_an_id_has_one_spelling(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1")
    digits = record.removeprefix("rec_")
    others = {f"rec_{digits.upper()}", f"REC_{digits}", digits, f"rec_0{digits}", f"rec_void_{digits}", "rec_"}
    for other in others - {record}:
        refusal(admin.get(f"{RECORDS}/{other}"), 404, "record_not_found")


def test_only_the_owner_of_a_session_counts_in_it(
    admin: Caller, supervisor: Caller, neighbour: Caller, session_id: str
) -> None:
    refusal(supervisor.count(session_id, "evt_1"), 403, "not_owner")
    refusal(neighbour.count(session_id, "evt_1"), 404, "session_not_found")
    assert admin.session(session_id)["workers"] == []


@pytest.mark.parametrize("unknown", ["6507f1e3c9d8e2a4b1f9c3d5", "none", "rec_1234567890abcdef", "x" * 200])
def test_an_unknown_session_is_not_found(admin: Caller, unknown: str) -> None:
    assert refusal(admin.count(unknown, "evt_1"), 404, "session_not_found")["field"] == "sessionId"


@pytest.mark.parametrize("recorded_at", ["1970-01-01T00:00:00Z", "2000-01-01T00:00:00+14:00", "2025-10-19T00:00:00Z"])
def test_a_count_recorded_outside_the_sessions_span_is_accepted(
    admin: Caller, session_id: str, recorded_at: str
) -> None:
    admin.counted(session_id, "evt_1", recordedAtUtc=recorded_at)


def test_a_clock_up_to_a_day_ahead_is_accepted_and_no_further(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", recordedAtUtc=from_now(23.9))
    refused = refusal(admin.count(session_id, "evt_2", recordedAtUtc=from_now(24.1)), 400, "clock_ahead")
    assert refused["field"] == "recordedAtUtc"
    assert from_now(-0.1) < refused["serverTime"] < from_now(0.1)


# Workers


def test_a_worker_who_is_not_in_the_register_is_accepted(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", workerId="ZZ9999", worker_name="New at Dawn")


def test_a_worker_id_is_kept_in_upper_case(admin: Caller, session_id: str) -> None:
    answer = admin.count(session_id, "evt_1", workerId=" js0315 ")
    assert answer.json()["data"]["payloadPreview"]["workerId"] == "JS0315"
    assert admin.session(session_id)["workers"][0]["workerId"] == "JS0315"


@pytest.mark.parametrize("worker", ["JS:0315", "", " ", "x" * 65, "ß" * 40, "JS\x000315"])
def test_a_worker_id_that_cannot_be_used_is_refused(admin: Caller, session_id: str, worker: str) -> None:
    answer = admin.count(session_id, "evt_1", workerId=worker)
    code = "invalid_value" if worker.strip() else "missing_field"
    assert refusal(answer, 400, code)["field"] == "workerId"


@pytest.fixture
def register_only(server: RunningServer) -> Iterator[None]:
    """While it lasts, the demo company refuses workers who are not in its register."""
    switch = "update company set refuses_unknown_workers = ? where company_id = ?"
    change_store(server.data, switch, on=1, company_id=demo.COMPANY)
    yield
    change_store(server.data, switch, on=0, company_id=demo.COMPANY)


@pytest.mark.usefixtures("register_only")
def test_a_company_may_refuse_unknown_workers(admin: Caller, neighbour: Caller, session_id: str) -> None:
    refused = refusal(admin.count(session_id, "evt_1", workerId="ZZ9999"), 404, "worker_not_found")
    assert refused["field"] == "workerId"
    admin.counted(session_id, "evt_1", workerId="js0315")
    elements = [element(session_id, "evt_2", workerId="ZZ9999"), element(session_id, "evt_3", workerId="AG0110")]
    assert bulk_codes(admin.bulk(*elements)) == [(404, "worker_not_found"), (201, None)]
    theirs = neighbour.opened(projectId=demo.OTHER_PROJECT, sector=demo.OTHER_SECTOR)
    neighbour.counted(theirs, "evt_1", workerId="ZZ9999")


def test_a_refused_worker_is_still_a_replay_when_it_was_counted_before(
    server: RunningServer, admin: Caller, session_id: str
) -> None:
    first = admin.counted(session_id, "evt_1", workerId="ZZ9999")
    switch = "update company set refuses_unknown_workers = ? where company_id = ?"
    change_store(server.data, switch, on=1, company_id=demo.COMPANY)
    again = admin.count(session_id, "evt_1", workerId="ZZ9999")
    change_store(server.data, switch, on=0, company_id=demo.COMPANY)
    assert (again.status_code, record_id(again)) == (200, first)


# Devices and evidence


def test_a_device_numbers_its_counts_once_each(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", deviceId="scanner-1", deviceSeq=1)
    admin.counted(session_id, "evt_2", deviceId="scanner-1", deviceSeq=2.0)
    admin.counted(session_id, "evt_3", deviceId="scanner-2", deviceSeq=1)
    refused = refusal(admin.count(session_id, "evt_4", deviceId="scanner-1", deviceSeq=1), 409, "device_seq_used")
    assert refused["field"] == "deviceSeq"
    assert refused["existing"]["recordId"] == first


def test_a_device_number_belongs_to_its_company(admin: Caller, neighbour: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", deviceId="scanner-3", deviceSeq=1)
    theirs = neighbour.opened(projectId=demo.OTHER_PROJECT, sector=demo.OTHER_SECTOR)
    neighbour.counted(theirs, "evt_1", deviceId="scanner-3", deviceSeq=1)


def test_a_device_number_is_never_compared_for_a_replay(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", deviceId="scanner-4", deviceSeq=1)
    for changes in ({}, {"deviceId": "scanner-4", "deviceSeq": 2}, {"deviceId": "scanner-5"}):
        again = admin.count(session_id, "evt_1", **changes)
        assert (again.status_code, record_id(again)) == (200, first)


def test_two_elements_with_one_device_number_are_one_count_and_one_refusal(admin: Caller, session_id: str) -> None:
    elements = [element(session_id, f"evt_{n}", deviceId="scanner-6", deviceSeq=1) for n in range(2)]
    assert bulk_codes(admin.bulk(*elements)) == [(201, None), (409, "device_seq_used")]


@pytest.mark.parametrize(
    "changes",
    [
        {"deviceSeq": 1},
        {"deviceSeq": 1, "deviceId": " "},
        {"deviceSeq": 0, "deviceId": "scanner"},
        {"deviceSeq": 1.5, "deviceId": "scanner"},
        {"deviceSeq": 2**53, "deviceId": "scanner"},
    ],
)
def test_a_device_number_that_is_none_is_refused(admin: Caller, session_id: str, changes: dict[str, Any]) -> None:
    assert refusal(admin.count(session_id, "evt_1", **changes), 400, "invalid_value")["field"] == "deviceSeq"


def test_evidence_is_kept_beside_the_record(server: RunningServer, admin: Caller, session_id: str) -> None:
    evidence = {"gross": 20.45, "tare": 1.5, "scaleId": "B-7", "latitude": 19.4326, "longitude": -99.1332}
    record = admin.counted(session_id, "evt_1", evidence=evidence, sentAtUtc="2025-10-19T14:31:00Z", deviceId="d-1")
    kept = read_store(
        server.data,
        "select p.text, p.salt is not null, e.sent_at, e.device_id from entry as e"
        " join personal as p on p.company = e.company and p.digest = e.note_digest"
        " where e.company = 1 and e.seq = ?",
        seq=int(record[-8:], 16),
    )
    assert [(json.loads(text), *rest) for text, *rest in kept] == [(evidence, 1, 1_760_884_260_000, "d-1")]


def test_other_evidence_under_a_known_key_is_still_a_replay(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", evidence={"gross": 20})
    again = admin.count(session_id, "evt_1", evidence={"gross": 21})
    assert (again.status_code, record_id(again)) == (200, first)


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ("a text", "wrong_type"),
        ([1], "wrong_type"),
        ({"note": "x" * 5_000}, "invalid_value"),
        ({"gross": {"a": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}}, "invalid_value"),
    ],
)
def test_evidence_that_cannot_be_kept_is_refused(admin: Caller, session_id: str, evidence: object, code: str) -> None:
    assert refusal(admin.count(session_id, "evt_1", evidence=evidence), 400, code)["field"] == "evidence"


# What the caller sends beside


def test_unknown_fields_are_named_in_the_answer_and_not_stored(admin: Caller, session_id: str) -> None:
    answer = admin.count(session_id, "evt_1", colour="red", gps={"lat": 1})
    assert (answer.status_code, answer.json()["ignored"]) == (201, ["colour", "gps"])
    assert "colour" not in admin.record(record_id(answer))


def test_what_a_count_leaves_out_is_null_or_missing_alike(admin: Caller, session_id: str) -> None:
    optional = ("idempotencyKey", "deviceId", "deviceSeq", "sentAtUtc", "evidence")
    answer = admin.count(session_id, "evt_1", **dict.fromkeys(optional))
    assert (answer.status_code, "ignored" in answer.json()) == (201, False)
