"""How a request is read, as it reaches the ledger (contract, "Reading a request")."""

import gzip
import json
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from tests import engines
from tests.callers import BULK, CHECK_KEY, RECORDS, SESSIONS, Caller, element, refusal
from tests.servers import RunningServer, event
from tests.sockets import Connection

BODY_BYTES_MAX = 65_536
BULK_BYTES_MAX = 8 * 1024 * 1024


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def sent_as(caller: Caller, session_id: str, **members: str) -> httpx.Response:
    """A count whose members are raw JSON, written after the good ones."""
    good = json.dumps(event(session_id, "evt_1"))
    raw = "".join(f', "{name}": {text}' for name, text in members.items())
    return caller.post(RECORDS, content=f"{good[:-1]}{raw}}}".encode())


# JSON


def test_of_duplicate_keys_the_last_one_wins(admin: Caller, session_id: str) -> None:
    answer = sent_as(admin, session_id, units="1", workerId='"AG0110"', worker_name='"Ana"')
    assert answer.json()["data"]["payloadPreview"]["workerId"] == "AG0110"


def test_a_byte_order_mark_is_accepted(admin: Caller, session_id: str) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(event(session_id, "evt_1")).encode()
    assert admin.post(RECORDS, content=body).status_code == 201


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_other_encodings_are_refused(admin: Caller, session_id: str, encoding: str) -> None:
    body = json.dumps(event(session_id, "evt_1", worker_name="José"), ensure_ascii=False).encode(encoding)
    refusal(admin.post(RECORDS, content=body), 400, "invalid_json")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "nan", "1.", ".5", "+1", "007", "0x10", "1e"])
def test_what_is_no_json_number_is_refused(admin: Caller, session_id: str, text: str) -> None:
    refusal(sent_as(admin, session_id, units=text), 400, "invalid_json")


@pytest.mark.parametrize("depth", [200, 990, 5_000, 10_000])
@pytest.mark.parametrize("name", ["units", "evidence", "colour", "sentAtUtc"])
def test_a_deep_body_is_read_or_refused_and_never_a_fault(
    admin: Caller, session_id: str, name: str, depth: int
) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        answer = sent_as(admin, session_id, **{name: opened * depth + "1" + closed * depth})
        assert answer.status_code in ((200, 201, 400) if name == "colour" else (400,)), answer.text


def test_unknown_fields_are_named_and_forgotten(server: RunningServer, admin: Caller, session_id: str) -> None:
    answer = sent_as(admin, session_id, colour='"7d0f3c blue"', weather='{"rain": 1e999}')
    assert (answer.status_code, answer.json()["ignored"]) == (201, ["colour", "weather"])
    stored = engines.all_of_it(server.data)
    assert b"7d0f3c blue" not in stored


def test_unknown_fields_of_every_write_are_named(admin: Caller, session_id: str) -> None:
    body: dict[str, Any] = {"auth0Id": demo.ADMIN, "colour": "red"}
    record = admin.counted(session_id, "evt_0")
    answers = [
        admin.open(colour="red", bonus={"type": "flat", "value": 1, "colour": "red"}),
        admin.change(session_id, notes="new", colour="red"),
        admin.post(f"{SESSIONS}/{session_id}/extend", json=body | {"maxDurationHours": 18}),
        admin.count(session_id, "evt_1", colour="red"),
        admin.bulk(colour="red"),
        admin.post(f"{RECORDS}/{record}/void", json=body | {"reason": "Duplicate entry"}),
        admin.close_session(session_id, colour="red"),
    ]
    assert [answer.json()["ignored"] for answer in answers] == [["colour", "bonus.colour"], *[["colour"]] * 6]


# Numbers


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("18.950000000000003", 18.95),
        ("0.30000000000000004", 0.3),
        ("1.0000000001", 1),
        ("12.0", 12),
        ("1e3", 1000),
        ("25E-1", 2.5),
        ("-0", 0),
        ("1e-400", 0),
        ("1000000.0", 1_000_000),
    ],
)
def test_a_number_is_kept_exactly_and_written_in_its_shortest_form(
    admin: Caller, session_id: str, text: str, kept: float
) -> None:
    answer = sent_as(admin, session_id, units=text)
    assert answer.status_code == 201, answer.text
    shortest = f'"units":{int(kept) if kept == int(kept) else kept}}}'
    assert shortest in answer.text


@pytest.mark.parametrize(
    "text", ["0.0000001", "18.9500001", "1.000000001", "1e999999999", "-1e999999999", "1e400", "9" * 300, "-1", "-1e-9"]
)
def test_a_number_that_cannot_be_kept_is_refused_by_name(admin: Caller, session_id: str, text: str) -> None:
    assert refusal(sent_as(admin, session_id, units=text), 400, "invalid_value")["field"] == "units"


@pytest.mark.parametrize("text", ['"5"', "true", "[5]", "{}", '""'])
def test_a_number_in_another_type_is_refused(admin: Caller, session_id: str, text: str) -> None:
    assert refusal(sent_as(admin, session_id, units=text), 400, "wrong_type")["field"] == "units"


# Times


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2025-10-19T14:30:00Z", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T14:30:00+00:00", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T14:30:00+0000", "2025-10-19T14:30:00.000Z"),
        ("2025-10-19T08:30:00.5-06:00", "2025-10-19T14:30:00.500Z"),
        ("2025-10-19T14:30:00.123456789Z", "2025-10-19T14:30:00.123Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_with_a_zone_is_kept_to_the_millisecond(admin: Caller, session_id: str, sent: str, written: str) -> None:
    assert admin.record(admin.counted(session_id, "evt_1", recordedAtUtc=sent))["recordedAtUtc"] == written


@pytest.mark.parametrize(
    "sent",
    [
        "2025-10-19T14:30:00",
        "2025-10-19",
        "19.10.2025 14:30",
        "9999-12-31T23:59:59Z",
        "1969-12-31T23:59:59Z",
        "2025-02-30T00:00:00Z",
        "2025-10-19T25:00:00Z",
        "2025-10-19T14:30:00+25:00",
        "2025-10-19T14:30:00.1234567890Z",
        "now",
        "1760884200",
    ],
)
@pytest.mark.parametrize("name", ["recordedAtUtc", "sentAtUtc"])
def test_any_other_time_is_refused(admin: Caller, session_id: str, name: str, sent: str) -> None:
    assert refusal(admin.count(session_id, "evt_1", **{name: sent}), 400, "invalid_value")["field"] == name


# Texts


def test_a_text_is_stripped_and_composed(admin: Caller, session_id: str) -> None:
    record = admin.counted(session_id, "evt_1", worker_name="  Jose\N{COMBINING ACUTE ACCENT} Nu\u006e\u0303ez \n")
    assert admin.record(record)["worker_name"] == "José Nuñez"


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\nb", "a\\u007fb", "a\\u0085b", "\\u0000", "a\\u001b[31mb"])
def test_a_text_with_a_control_character_is_refused(admin: Caller, session_id: str, text: str) -> None:
    for name in ("worker_name", "workerId", "clientEventId", "idempotencyKey", "deviceId", "sessionId"):
        answer = sent_as(admin, session_id, **{name: f'"{text}"'})
        assert refusal(answer, 400, "invalid_value")["field"] == name


@pytest.mark.parametrize("text", ["\\ud800", "a\\udfffb", "\\ud83d x", "\\udc00\\ud800"])
def test_a_lone_surrogate_is_refused(admin: Caller, session_id: str, text: str) -> None:
    for name in ("worker_name", "clientEventId", "evidence", "colour"):
        value = f'{{"a": "{text}"}}' if name == "evidence" else f'"{text}"'
        answer = sent_as(admin, session_id, **{name: value})
        assert answer.status_code in ((200, 201, 400) if name == "colour" else (400,)), answer.text


def test_any_other_letter_is_kept(admin: Caller, session_id: str) -> None:
    name = "O'Brien 李小龙 \N{GRINNING FACE} \N{RIGHT-TO-LEFT MARK}محمد"
    assert admin.record(admin.counted(session_id, "evt_\N{GRINNING FACE}", worker_name=name))["worker_name"] == name


@pytest.mark.parametrize(("name", "most"), [("worker_name", 200), ("deviceId", 200), ("clientEventId", 200)])
def test_the_longest_text_is_taken_and_no_longer_one(admin: Caller, session_id: str, name: str, most: int) -> None:
    assert admin.count(session_id, "evt_1", **{name: "é" * most}).status_code == 201
    assert refusal(admin.count(session_id, "evt_2", **{name: "é" * (most + 1)}), 400, "invalid_value")["field"] == name


# Bodies


def test_a_missing_content_type_is_accepted(admin: Caller, session_id: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    assert "content-type" not in admin.build_request("POST", RECORDS, content=body).headers
    assert admin.post(RECORDS, content=body).status_code == 201


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.farm+json", ""],
)
def test_a_json_content_type_is_accepted(admin: Caller, session_id: str, kind: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    assert admin.post(RECORDS, content=body, headers={"content-type": kind}).status_code == 201


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "json"]
)
def test_another_content_type_is_refused(admin: Caller, session_id: str, kind: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    refusal(admin.post(RECORDS, content=body, headers={"content-type": kind}), 415, "unsupported_content_type")


def test_a_body_up_to_the_limit_is_read(admin: Caller, session_id: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    assert admin.post(RECORDS, content=body.ljust(BODY_BYTES_MAX)).status_code == 201
    refusal(admin.post(RECORDS, content=body.ljust(BODY_BYTES_MAX + 1)), 413, "body_too_large")


def test_a_body_of_unknown_length_has_the_same_limit(admin: Caller, session_id: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    assert admin.post(RECORDS, content=iter([body[:50], body[50:]])).status_code == 201
    too_much = iter([body, *[b" " * 10_000] * 7])
    refusal(admin.post(RECORDS, content=too_much), 413, "body_too_large")


def test_a_bulk_body_may_be_larger_and_has_its_own_limit(admin: Caller, session_id: str) -> None:
    body = json.dumps({"auth0Id": demo.ADMIN, "records": [element(session_id, "evt_1")]}).encode()
    assert admin.post(BULK, content=body.ljust(BULK_BYTES_MAX)).status_code == 207
    refusal(admin.post(BULK, content=body.ljust(BULK_BYTES_MAX + 1)), 413, "body_too_large")


def packed(caller: Caller, path: str, body: bytes) -> httpx.Response:
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    return caller.post(path, content=body, headers=headers)


def test_a_packed_body_is_read(admin: Caller, session_id: str) -> None:
    body = gzip.compress(json.dumps(event(session_id, "evt_1")).encode())
    assert packed(admin, RECORDS, body).status_code == 201


def test_the_limit_counts_after_unpacking(admin: Caller, session_id: str) -> None:
    body = json.dumps(event(session_id, "evt_1")).encode()
    assert packed(admin, RECORDS, gzip.compress(body.ljust(BODY_BYTES_MAX))).status_code == 201
    refusal(packed(admin, RECORDS, gzip.compress(body.ljust(BODY_BYTES_MAX + 1))), 413, "body_too_large")


def test_a_bomb_is_refused_before_it_goes_off(admin: Caller) -> None:
    bomb = gzip.compress(b" " * 60_000_000)
    assert len(bomb) < BODY_BYTES_MAX
    refusal(packed(admin, RECORDS, bomb), 413, "body_too_large")
    refusal(packed(admin, BULK, bomb), 413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [b"{}", b"\x1f\x8b", gzip.compress(b"{}", mtime=0)[:-5], gzip.compress(b"{}", mtime=0) + b"x"],
)
def test_what_is_not_one_whole_gzip_is_refused(admin: Caller, body: bytes) -> None:
    refusal(packed(admin, RECORDS, body), 400, "invalid_json")


def test_a_body_that_nobody_asked_for_is_held_to_the_same_limits(admin: Caller) -> None:
    assert admin.request("GET", SESSIONS, content=b"no json").status_code == 200
    refusal(admin.request("GET", SESSIONS, content=b"x" * (BODY_BYTES_MAX + 1)), 413, "body_too_large")
    refusal(admin.request("GET", SESSIONS, content=b"x", headers={"content-encoding": "gzip"}), 400, "invalid_json")


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "x"])
def test_another_coding_is_refused(admin: Caller, coding: str) -> None:
    answer = admin.post(RECORDS, content=b"{}", headers={"content-encoding": coding})
    refusal(answer, 415, "unsupported_content_type")


def test_an_empty_body_is_refused_where_one_is_needed(admin: Caller) -> None:
    refusal(admin.post(RECORDS), 400, "invalid_json")
    refusal(admin.post(RECORDS, headers={"content-type": "application/json"}), 400, "invalid_json")


# Paths and queries


def test_one_trailing_slash_is_ignored_and_never_redirected(admin: Caller) -> None:
    session_id = admin.opened()
    assert admin.get(f"{SESSIONS}/").status_code == 200
    assert admin.get(f"{SESSIONS}/{session_id}/").status_code == 200
    assert admin.post(f"{SESSIONS}/{session_id}/close/", json={}).status_code == 200
    refusal(admin.get(f"{SESSIONS}//"), 404, "unknown_path")


def test_paths_and_ids_are_case_sensitive(admin: Caller) -> None:
    session_id = admin.opened()
    refusal(admin.get(f"/api/control/production/Sessions/{session_id}"), 404, "unknown_path")
    upper = session_id.upper()
    if upper != session_id:
        refusal(admin.get(f"{SESSIONS}/{upper}"), 404, "session_not_found")


@pytest.mark.parametrize("malformed", ["x", "-1", "None", "%F0%9F%98%80", "%FF%FE", "%00", "%0A", "..%5C", "'--"])
def test_a_malformed_id_is_unknown(server: RunningServer, malformed: str) -> None:
    with Connection(server.address, server.token()) as connection:
        session = connection.call("GET", f"{SESSIONS}/{malformed}")
        record = connection.call("GET", f"{RECORDS}/{malformed}")
    assert (session.status, session.code) == (404, "session_not_found")
    assert (record.status, record.code) == (404, "record_not_found")


def test_a_repeated_parameter_is_refused_by_name(admin: Caller) -> None:
    for query in ("page=1&page=1", "page=1&limit=2&page=", "x=1&x=2"):
        refused = refusal(admin.get(f"{SESSIONS}?{query}"), 400, "invalid_value")
        assert refused["field"] == query[: query.index("=")]


def test_an_unknown_parameter_is_passed_over(admin: Caller) -> None:
    assert admin.get(SESSIONS, params={"colour": "red"}).status_code == 200


@pytest.mark.parametrize(
    "query", ["day=%FF", "day=%00", "status=%0Aopen", "day=" + "x" * 20_000, "&".join("abcdefgh" * 20)]
)
def test_a_query_that_cannot_be_read_is_refused(admin: Caller, query: str) -> None:
    refusal(admin.get(f"{SESSIONS}?{query}"), 400, "invalid_value")


def test_plus_and_percent_mean_the_same_space(admin: Caller, session_id: str) -> None:
    admin.counted(session_id, "evt_1", idempotencyKey="a b&c=d+é")
    for query in ("key=a%20b%26c%3Dd%2B%C3%A9", "key=a+b%26c%3Dd%2b%c3%a9"):
        assert admin.head(f"{CHECK_KEY}?{query}").status_code == 200
