"""Many counts in one call, each judged by itself (contract, "Bulk")."""

from typing import Any

import pytest

from hydrobit.demo import company as demo
from tests.callers import BULK, Caller, bulk_codes, element, refusal


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def test_new_counts_are_answered_one_by_one_in_the_order_of_the_request(admin: Caller, session_id: str) -> None:
    answer = admin.bulk(*(element(session_id, f"evt_{n}", units=n) for n in range(5)))
    body = answer.json()
    assert answer.status_code == 207
    assert body["summary"] == {"ok": 5, "duplicated": 0, "failed": 0}
    assert [result["index"] for result in body["results"]] == list(range(5))
    assert [result["payloadPreview"]["units"] for result in body["results"]] == list(range(5))
    assert all("idempotent" not in result for result in body["results"]), "only a repeat carries it"
    assert admin.session(session_id)["totalUnits"] == 10


def test_an_empty_list_is_answered_with_zeros(admin: Caller) -> None:
    answer = admin.bulk()
    assert answer.status_code == 207
    assert answer.json() == {
        "status": "success",
        "results": [],
        "summary": {"ok": 0, "duplicated": 0, "failed": 0},
    }


def test_the_second_of_two_equal_elements_is_a_repeat(admin: Caller, session_id: str) -> None:
    answer = admin.bulk(*[element(session_id, "evt_1", units=5)] * 3)
    first, *repeats = answer.json()["results"]
    assert [result["statusCode"] for result in (first, *repeats)] == [201, 200, 200]
    assert all(repeat["payloadPreview"] == first["payloadPreview"] for repeat in repeats)
    assert all(repeat["idempotent"] for repeat in repeats)
    assert answer.json()["summary"] == {"ok": 1, "duplicated": 2, "failed": 0}
    assert admin.session(session_id)["totalUnits"] == 5


def test_two_elements_of_one_event_that_differ_are_a_count_and_a_conflict(admin: Caller, session_id: str) -> None:
    answer = admin.bulk(element(session_id, "evt_1", units=5), element(session_id, "evt_1", units=6))
    assert bulk_codes(answer) == [(201, None), (409, "idempotency_conflict")]
    assert admin.session(session_id)["totalUnits"] == 5


@pytest.mark.parametrize(
    ("wrong", "status", "code", "echoed"),
    [
        (5, 400, "wrong_type", False),
        (None, 400, "missing_field", False),
        ("text", 400, "wrong_type", False),
        ([], 400, "wrong_type", False),
        ({}, 400, "missing_field", False),
        ({"clientEventId": 5}, 400, "wrong_type", False),
        ({"units": "5"}, 400, "wrong_type", True),
        ({"units": -1}, 400, "invalid_value", True),
        ({"units": 0.0000001}, 400, "invalid_value", True),
        ({"workerId": None}, 400, "missing_field", True),
        ({"workerId": "ß" * 40}, 400, "invalid_value", True),
        ({"worker_name": 7}, 400, "wrong_type", True),
        ({"recordedAtUtc": "2025-10-19"}, 400, "invalid_value", True),
        ({"recordedAtUtc": "2199-01-01T00:00:00Z"}, 400, "clock_ahead", True),
        ({"evidence": 5}, 400, "wrong_type", True),
        ({"idempotencyKey": "client:x"}, 400, "invalid_value", True),
        ({"deviceSeq": 5}, 400, "invalid_value", True),
        ({"sessionId": "none"}, 404, "session_not_found", True),
        ({"auth0Id": demo.SUPERVISOR}, 403, "caller_mismatch", True),
    ],
)
def test_a_failed_element_tells_why_and_never_stops_the_others(
    admin: Caller, session_id: str, wrong: Any, status: int, code: str, echoed: bool
) -> None:
    element_sent = element(session_id, "evt_wrong") | wrong if isinstance(wrong, dict) and wrong else wrong
    answer = admin.bulk(element(session_id, "evt_1"), element_sent, element(session_id, "evt_2"))
    assert bulk_codes(answer) == [(201, None), (status, code), (201, None)]
    failed = answer.json()["results"][1]
    assert failed["message"]
    assert failed["error"]
    assert failed.get("clientEventId") == ("evt_wrong" if echoed else None)
    assert "payloadPreview" not in failed
    assert answer.json()["summary"] == {"ok": 2, "duplicated": 0, "failed": 1}
    assert admin.session(session_id)["totalUnits"] == 2


@pytest.mark.parametrize("tail", ['"evidence": {"a": 1e999}', '"units": 1e999', '"units": NaN'])
def test_a_number_beyond_all_bounds_never_stops_the_others(admin: Caller, session_id: str, tail: str) -> None:
    good = '{"sessionId": "%s", "workerId": "JS0315", "worker_name": "J", "clientEventId": "%s", '
    good += '"recordedAtUtc": "2025-10-19T14:30:00Z"%s}'
    elements = [good % (session_id, "evt_1", ""), good % (session_id, "evt_2", f", {tail}")]
    body = f'{{"auth0Id": "{demo.ADMIN}", "records": [{", ".join(elements)}]}}'
    answer = admin.post(BULK, content=body.encode())
    if "NaN" in tail:
        refusal(answer, 400, "invalid_json")
    else:
        assert [status for status, _ in bulk_codes(answer)] == [201, 400]


def test_elements_of_several_sessions_are_judged_by_their_own(admin: Caller, supervisor: Caller) -> None:
    mine, closed, theirs = admin.opened(), admin.opened(), supervisor.opened()
    admin.close_session(closed)
    answer = admin.bulk(element(mine, "evt_1"), element(closed, "evt_1"), element(theirs, "evt_1"))
    assert bulk_codes(answer) == [(201, None), (409, "session_closed"), (403, "not_owner")]


def test_an_elements_own_user_is_checked_if_it_is_sent(admin: Caller, session_id: str) -> None:
    users = [demo.ADMIN, demo.SUPERVISOR, None, ""]
    answer = admin.bulk(*(element(session_id, f"evt_{n}", auth0Id=user) for n, user in enumerate(users)))
    assert bulk_codes(answer) == [(201, None), (403, "caller_mismatch"), (201, None), (201, None)]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"auth0Id": demo.SUPERVISOR}, 403, "caller_mismatch"),
        ({"auth0Id": None}, 400, "missing_field"),
        ({"records": None}, 400, "missing_field"),
        ({"records": {}}, 400, "wrong_type"),
        ({"records": "[]"}, 400, "wrong_type"),
    ],
)
def test_a_call_that_is_wrong_as_a_whole_counts_nothing(
    admin: Caller, session_id: str, changes: dict[str, Any], status: int, code: str
) -> None:
    refusal(admin.bulk(element(session_id, "evt_1"), **changes), status, code)
    assert admin.session(session_id)["workers"] == []


def test_ten_thousand_counts_are_taken_and_one_more_is_refused(admin: Caller, session_id: str) -> None:
    elements = [element(session_id, f"evt_{n}", workerId=f"W{n % 40}", worker_name="W") for n in range(10_001)]
    refusal(admin.bulk(*elements), 400, "too_many_records")
    assert admin.session(session_id)["workers"] == []
    body = admin.bulk(*elements[:-1]).json()
    assert body["summary"] == {"ok": 10_000, "duplicated": 0, "failed": 0}
    assert [result["index"] for result in body["results"]] == list(range(10_000))
    assert admin.session(session_id)["totalUnits"] == 10_000


def test_the_second_sending_of_a_long_list_adds_nothing(admin: Caller, session_id: str) -> None:
    elements = [element(session_id, f"evt_{n}", units=0.1) for n in range(2_500)]
    first = admin.bulk(*elements).json()
    again = admin.bulk(*elements, element(session_id, "evt_new", units=0.1)).json()
    assert again["summary"] == {"ok": 1, "duplicated": 2_500, "failed": 0}
    ids = [[result["payloadPreview"]["recordId"] for result in body["results"][:2_500]] for body in (first, again)]
    assert ids[0] == ids[1]
    assert admin.session(session_id)["totalUnits"] == 250.1


def test_unknown_fields_are_named_where_they_stand(admin: Caller, session_id: str) -> None:
    body = admin.bulk(element(session_id, "evt_1", colour="red"), element(session_id, "evt_2"), batch=7).json()
    assert body["ignored"] == ["batch"]
    assert [result.get("ignored") for result in body["results"]] == [["colour"], None]
