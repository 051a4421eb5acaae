"""Every record claims its keys for ever; a repeat is answered with the first id (contract, "Idempotency")."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hydrobit.demo import company as demo
from tests.callers import CHECK_KEY, RECORDS, Caller, bulk_codes, element, record_id, refusal
from tests.servers import RunningServer

KEYS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(str.strip)


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def derived_key(session_id: str, worker_id: str, client_event_id: str) -> str:
    return f"client:{session_id}:{worker_id}:{client_event_id}"


# Replays


def test_repeating_a_record_returns_the_first_id(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", units=5)
    again = admin.count(session_id, "evt_1", units=5)
    assert again.status_code == 200
    assert again.json()["data"] == {
        "payloadPreview": {"recordId": first, "sessionId": session_id, "workerId": "JS0315", "units": 5},
        "idempotent": True,
    }
    assert admin.session(session_id)["totalUnits"] == 5


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"units": 1}, {"units": None}),
        ({"units": None}, {"units": 1.0}),
        ({"units": 18.95}, {"units": 18.950000000000003}),
        ({"recordedAtUtc": "2025-10-19T14:30:00Z"}, {"recordedAtUtc": "2025-10-19T08:30:00.000-0600"}),
        ({"recordedAtUtc": "2025-10-19T14:30:00.1239Z"}, {"recordedAtUtc": "2025-10-19T14:30:00.123Z"}),
        ({"workerId": "JS0315"}, {"workerId": " js0315"}),
        ({"worker_name": "John Smith"}, {"worker_name": "Johnny"}),
        ({}, {"deviceId": "d", "deviceSeq": 77, "sentAtUtc": "2025-10-19T15:00:00Z", "evidence": {"gross": 1}}),
        ({}, {"colour": "red"}),
    ],
)
def test_the_same_content_in_other_words_is_a_replay(
    admin: Caller, session_id: str, first: dict[str, Any], again: dict[str, Any]
) -> None:
    known = admin.counted(session_id, "evt_1", **first)
    repeat = admin.count(session_id, "evt_1", **again)
    assert (repeat.status_code, record_id(repeat)) == (200, known)


def test_the_name_of_the_first_capture_stands(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", worker_name="John Smith")
    admin.count(session_id, "evt_1", worker_name="Johnny")
    assert admin.record(record)["worker_name"] == "John Smith"


def test_a_replay_is_answered_after_the_close(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1")
    admin.close_session(session_id)
    again = admin.count(session_id, "evt_1")
    assert (again.status_code, record_id(again)) == (200, first)


def test_a_replay_of_a_voided_record_stays_voided(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", units=5)
    void = record_id(admin.void(first))
    again = admin.count(session_id, "evt_1", units=5)
    assert (again.status_code, record_id(again)) == (200, first)
    assert admin.record(first)["voidedBy"] == void
    assert admin.session(session_id)["totalUnits"] == 0


def test_the_same_event_for_another_worker_is_another_record(admin: Caller, session_id: str) -> None:
    shares = {admin.counted(session_id, "evt_1", units=0.5, workerId=worker) for worker in ("JS0315", "AG0110")}
    assert len(shares) == 2


def test_the_same_event_in_another_session_is_another_record(admin: Caller, session_id: str) -> None:
    assert admin.counted(session_id, "evt_1") != admin.counted(admin.opened(), "evt_1")


def test_event_ids_are_compared_to_the_letter(admin: Caller, session_id: str) -> None:
    events = ["evt", "EVT", " evt", "evt ", "e\N{COMBINING ACUTE ACCENT}vt", "\N{LATIN SMALL LETTER E WITH ACUTE}vt"]
    assert len({admin.counted(session_id, event) for event in events}) == len(events)


def test_of_parallel_calls_with_one_event_exactly_one_is_new(server: RunningServer, session_id: str) -> None:
    def count_once(_: int) -> tuple[int, str]:
        with Caller(server) as calling:
            answer = calling.count(session_id, "evt_1")
            return answer.status_code, record_id(answer)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(count_once, range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [201]
    assert len({record for _, record in answers}) == 1


# Conflicts


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"units": 6}, "units: stored 5, sent 6"),
        ({"units": None}, "units: stored 5, sent 1"),
        (
            {"recordedAtUtc": "2025-10-19T14:30:00.001Z"},
            "recordedAtUtc: stored 2025-10-19T14:30:00.000Z, sent 2025-10-19T14:30:00.001Z",
        ),
    ],
)
def test_other_content_under_a_known_event_is_a_conflict_that_names_the_difference(
    admin: Caller, session_id: str, changes: dict[str, Any], told: str
) -> None:
    first = admin.counted(session_id, "evt_1", units=5)
    refused = refusal(admin.count(session_id, "evt_1", **{"units": 5} | changes), 409, "idempotency_conflict")
    assert refused["error"] == f"{told}."
    assert refused["existing"] == {
        "recordId": first,
        "sessionId": session_id,
        "workerId": "JS0315",
        "units": 5,
        "recordedAtUtc": "2025-10-19T14:30:00.000Z",
        "clientEventId": "evt_1",
    }


def test_every_field_that_differs_is_named(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", idempotencyKey="own-all", units=5)
    other = admin.opened()
    answer = admin.count(
        other,
        "evt_2",
        idempotencyKey="own-all",
        units=6,
        workerId="AG0110",
        recordedAtUtc="2025-10-19T15:00:00Z",
    )
    error = refusal(answer, 409, "idempotency_conflict")["error"]
    for field in ("sessionId", "workerId", "clientEventId", "units", "recordedAtUtc"):
        assert f"{field}: stored " in error


def test_a_conflict_comes_before_the_sessions_state(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", units=5)
    admin.close_session(session_id)
    refusal(admin.count(session_id, "evt_1", units=6), 409, "idempotency_conflict")


# Own keys


def test_an_own_key_finds_the_record_again(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", idempotencyKey="own-1")
    again = admin.count(session_id, "evt_1", idempotencyKey="own-1")
    assert (again.status_code, record_id(again)) == (200, first)


def test_an_own_key_with_another_event_is_a_conflict(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", idempotencyKey="own-2")
    refused = refusal(admin.count(session_id, "evt_2", idempotencyKey="own-2"), 409, "idempotency_conflict")
    assert "clientEventId: stored evt_1, sent evt_2" in refused["error"]


def test_a_replay_claims_the_own_key_that_it_brings(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1")
    assert not admin.knows("own-3")
    again = admin.count(session_id, "evt_1", idempotencyKey="own-3")
    assert (again.status_code, record_id(again)) == (200, first)
    assert admin.knows("own-3")
    refusal(admin.count(session_id, "evt_2", idempotencyKey="own-3"), 409, "idempotency_conflict")


def test_a_record_may_come_to_hold_several_own_keys(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", idempotencyKey="own-4a")
    for key in ("own-4b", "own-4c", "own-4a", "own-4b"):
        again = admin.count(session_id, "evt_1", idempotencyKey=key)
        assert (again.status_code, record_id(again)) == (200, first)


def test_two_keys_of_two_records_are_a_conflict(admin: Caller, session_id: str) -> None:
    one = admin.counted(session_id, "evt_1", idempotencyKey="own-5")
    two = admin.counted(session_id, "evt_2")
    refused = refusal(admin.count(session_id, "evt_2", idempotencyKey="own-5"), 409, "idempotency_conflict")
    assert one in refused["error"]
    assert two in refused["error"]


def test_an_own_key_is_exact_text(admin: Caller, session_id: str) -> None:
    keys = ["own-6", "OWN-6", " own-6", "own-6 "]
    assert len({admin.counted(session_id, f"evt_{key}", idempotencyKey=key) for key in keys}) == len(keys)


def test_the_derived_key_may_be_sent_as_the_own_key(admin: Caller, session_id: str) -> None:
    key = derived_key(session_id, "JS0315", "evt:with:colons")
    first = admin.counted(session_id, "evt:with:colons", idempotencyKey=key)
    assert record_id(admin.count(session_id, "evt:with:colons")) == first
    assert record_id(admin.count(session_id, "evt:with:colons", idempotencyKey=key)) == first
    assert admin.knows(key)


def test_a_derived_key_may_carry_the_worker_as_typed_and_be_longer_than_an_own_one(
    admin: Caller, session_id: str
) -> None:
    event = "e" * 200
    admin.counted(session_id, event, workerId="js0315", idempotencyKey=derived_key(session_id, "js0315", event))
    assert admin.knows(derived_key(session_id, "JS0315", event))
    assert admin.knows(derived_key(session_id, "js0315", event))


@pytest.mark.parametrize("key", ["client:", "client:x", "client:6507f1e3c9d8e2a4b1f9c3d5:JS0315:evt_1", "client:::"])
def test_a_key_that_only_looks_derived_is_refused(admin: Caller, session_id: str, key: str) -> None:
    answer = admin.count(session_id, "evt_1", idempotencyKey=key)
    assert refusal(answer, 400, "invalid_value")["field"] == "idempotencyKey"
    assert not admin.knows(derived_key(session_id, "JS0315", "evt_1"))


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\x00b", "a\nb"])
def test_an_own_key_that_cannot_be_used_is_refused(admin: Caller, session_id: str, key: str) -> None:
    answer = admin.count(session_id, "evt_1", idempotencyKey=key)
    assert refusal(answer, 400, "invalid_value")["field"] == "idempotencyKey"


def test_a_rejected_call_claims_no_key(admin: Caller, supervisor: Caller, session_id: str) -> None:
    refusal(supervisor.count(session_id, "evt_1", idempotencyKey="own-7"), 403, "not_owner")
    refusal(admin.count("none", "evt_1", idempotencyKey="own-7"), 404, "session_not_found")
    refusal(admin.count(session_id, "evt_1", idempotencyKey="own-7", units=-1), 400, "invalid_value")
    assert not admin.knows("own-7")
    assert not admin.knows(derived_key(session_id, "JS0315", "evt_1"))
    admin.counted(session_id, "evt_2", idempotencyKey="own-7")


def test_a_count_refused_by_a_closed_session_claims_no_key(admin: Caller, session_id: str) -> None:
    admin.close_session(session_id)
    refusal(admin.count(session_id, "evt_1", idempotencyKey="own-8"), 409, "session_closed")
    assert not admin.knows("own-8")
    admin.counted(admin.opened(), "evt_1", idempotencyKey="own-8")


def test_keys_belong_to_the_company(admin: Caller, neighbour: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", idempotencyKey="own-9")
    assert not neighbour.knows("own-9")
    assert not neighbour.knows(derived_key(session_id, "JS0315", "evt_1"))
    theirs = neighbour.opened(projectId=demo.OTHER_PROJECT, sector=demo.OTHER_SECTOR)
    neighbour.counted(theirs, "evt_1", idempotencyKey="own-9")


def test_a_colleagues_repeat_is_answered_too(admin: Caller, supervisor: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1")
    again = supervisor.count(session_id, "evt_1")
    assert (again.status_code, record_id(again)) == (200, first)


# The check of a key


def test_either_kind_of_key_may_be_asked_for(admin: Caller, viewer: Caller, session_id: str) -> None:
    keys = (derived_key(session_id, "JS0315", "evt_1"), "own-10")
    assert [admin.knows(key) for key in keys] == [False, False]
    admin.counted(session_id, "evt_1", idempotencyKey="own-10")
    assert [asking.knows(key) for asking in (admin, viewer) for key in keys] == [True] * 4


def test_a_key_is_known_also_after_the_void_and_the_close(admin: Caller, session_id: str) -> None:
    admin.void(admin.counted(session_id, "evt_1"))
    admin.close_session(session_id)
    assert admin.knows(derived_key(session_id, "JS0315", "evt_1"))


@pytest.mark.parametrize("params", [{}, {"key": ""}])
def test_the_check_needs_a_key(admin: Caller, params: dict[str, str]) -> None:
    assert admin.head(CHECK_KEY, params=params).status_code == 400


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=KEYS, own=KEYS)
def test_every_key_that_a_record_claims_is_known_afterwards(
    admin: Caller, session_id: str, event: str, own: str
) -> None:
    own = f"own {own}"
    answer = admin.count(session_id, event, idempotencyKey=own)
    if answer.is_success:
        assert admin.knows(own)
        assert admin.knows(derived_key(session_id, "JS0315", event))
    else:
        refusal(answer, 409, "idempotency_conflict")


# In bulk


def test_a_bulk_repeat_of_single_counts_is_idempotent(admin: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1", units=5)
    answer = admin.bulk(element(session_id, "evt_1", units=5), element(session_id, "evt_1", units=6))
    assert bulk_codes(answer) == [(200, None), (409, "idempotency_conflict")]
    same, other = answer.json()["results"]
    assert (same["payloadPreview"]["recordId"], same["idempotent"]) == (first, True)
    assert other["existing"]["recordId"] == first
    assert other["clientEventId"] == "evt_1"


def test_a_single_repeat_of_a_bulk_count_is_idempotent(admin: Caller, session_id: str) -> None:
    first = admin.bulk(element(session_id, "evt_1")).json()["results"][0]["payloadPreview"]["recordId"]
    again = admin.post(RECORDS, json=element(session_id, "evt_1", auth0Id=demo.ADMIN))
    assert (again.status_code, record_id(again)) == (200, first)
