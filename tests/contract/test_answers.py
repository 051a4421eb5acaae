"""The check of answers tells what does not fit, so that the integration tests can rely on it."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.answers import check_answer, checking

Json = dict[str, Any]

RECORDS = "/api/control/production/records"
RECORD = f"{RECORDS}/rec_1234567890abcdef"
JSON = {"Content-Type": "application/json; charset=utf-8"}
CREATED = {
    "status": "success",
    "data": {
        "payloadPreview": {"recordId": "rec_1", "sessionId": "s", "workerId": "JS0315", "units": 2.5},
        "idempotent": False,
    },
}
NOT_FOUND = {"status": "error", "message": "m", "error": "e", "code": "record_not_found", "requestId": "1"}


def test_described_answers_pass(derived: Json) -> None:
    _check(derived, "POST", RECORDS, 201, CREATED)
    _check(derived, "GET", RECORD, 404, NOT_FOUND)
    _check(derived, "GET", f"{RECORDS}/{{recordId}}", 404, NOT_FOUND)
    _check(derived, "GET", "/nowhere", 404, NOT_FOUND | {"code": "unknown_path"})
    _check(derived, "PUT", RECORDS, 405, NOT_FOUND | {"code": "method_not_allowed"}, {"allow": "POST"})
    check_answer(derived, "HEAD", f"{RECORDS}/check-idempotency", 404, {"content-length": "0"}, b"")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": 202}, "answered 202, which the document does not know"),
        ({"body": CREATED | {"data": {"idempotent": True}}}, '"payloadPreview" is a required property'),
        ({"body": CREATED | {"ignored": "x"}}, '"x" is not of type "array"'),
        ({"headers": {"content-type": "text/html"}}, "the content type is 'text/html'"),
        ({"method": "GET", "path": RECORD, "status": 404, "body": NOT_FOUND | {"code": "busy"}}, "the code 'busy'"),
        ({"method": "GET", "path": RECORD, "status": 401, "body": NOT_FOUND}, "WWW-Authenticate is missing"),
        ({"status": 503, "body": NOT_FOUND}, "Retry-After is missing"),
        ({"path": "/nowhere"}, "the answer must be 404, not 201"),
        ({"method": "PUT"}, "the answer must be 405, not 201"),
        ({"method": "HEAD", "path": f"{RECORDS}/check-idempotency", "status": 200}, "an answer to HEAD has no body"),
    ],
)
def test_an_answer_that_is_not_described_is_refused(derived: Json, change: Json, sentence: str) -> None:
    call: Json = {"method": "POST", "path": RECORDS, "status": 201, "body": CREATED} | change
    with pytest.raises(AssertionError, match=sentence):
        _check(derived, **call)


def test_an_instant_without_milliseconds_is_refused(derived: Json) -> None:
    record = CREATED["data"]["payloadPreview"] | {"state": "inserted"}  # type: ignore[index]
    answer = {"status": "success", "data": record | {"recordedAtUtc": "2025-10-19T14:30:00Z"}}
    with pytest.raises(AssertionError, match='is not a "date-time"'):
        _check(derived, "GET", RECORD, 200, answer)


def test_a_client_can_hold_every_answer_against_the_document(derived: Json) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json={"status": "success"}))
    with httpx.Client(base_url="http://127.0.0.1", transport=answers) as client:
        client.event_hooks = {"response": [checking(derived)]}
        assert client.get("/healthz").status_code == 200
        with pytest.raises(AssertionError, match='"data" is a required property'):
            client.get(RECORD)


def _check(
    document: Json, method: str, path: str, status: int, body: object, headers: Mapping[str, str] | None = None
) -> None:
    check_answer(document, method, path, status, JSON | dict(headers or {}), json.dumps(body).encode())
