"""Whatever is sent: a clear refusal in the envelope, never a fault of the server, and nothing stored.

The calls are made from the table: every operation with a body meets every bad body, and every field of it every bad
value that its type can meet.
"""

import gzip
import json
from typing import Any

import httpx
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.errors import Code
from hydrobit.operation import Operation
from tests.callers import ADMIN_PROJECTS, ADMIN_USERS, BULK, DOCUMENT, Caller, element, fresh_day, read_store
from tests.servers import RunningServer

Json = dict[str, Any]

WRITES = tuple(operation for operation in OPERATIONS if operation.request is not None)
GOOD: Json = {
    "auth0Id": demo.ADMIN,
    "projectId": demo.PROJECT,
    "sectorId": "sector_002",
    "sector_name": "Lote A-2",
    "workerId": "JS0315",
    "worker_name": "John Smith",
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "clientEventId": "evt_bad",
    "reason": "Duplicate entry",
    "maxDurationHours": 72,
    "projectName": "Rancho San Pedro",
    "timezone": "America/Mexico_City",
    "geojson": {"type": "Feature", "id": "lot_bad", "geometry": None, "properties": None},
    "csv": "first_name,last_name,hire_date,position,employment_type\n",
    "first_name": "Wanda",
    "last_name": "Wells",
    "position": "field_worker",
    "employment_type": "full_time",
    "hire_date": "2025-03-15",
    "userId": "user_spare",
    "name": "Spare",
    "role": "viewer",
    "scopes": ["read:production"],
    "definition": {"_id": "form_bad", "name": "Bad", "type": "x", "fields": [{"name": "a", "type": "text"}]},
    "deviceId": "device_spare",
    "readings": [{}],
    "record": {"_id": demo.FORM, "auth0Id": demo.ADMIN, "type": "inspection"},
}
SPARE = {
    "projectId": "proj_spare",
    "sectorId": "sector_spare",
    "userId": "user_spare",
    "keyId": "key_0000000000000000",
    "worker": "SO0101",
    "formId": "form_spare",
    "taskId": "task_spare",
    "deviceId": "device_spare",
    "letterId": "letter_999999999",
}
"""What the calls that change a project, sector, user or worker are about; they may disable it. Nobody has the key."""
BAD_BODIES: dict[str, bytes] = {
    "not json": b"auth0Id=user_123456789",
    "html": b"<html></html>",
    "cut": b'{"auth0Id": "user_1234',
    "two documents": b"{}{}",
    "single quotes": b"{'auth0Id': 1}",
    "comment": b"{/* hello */}",
    "trailing comma": b'{"auth0Id": "user_123456789",}',
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "number": b"5",
    "deep lists": b"[" * 30_000,
    "deep objects": b'{"a":' * 10_000,
    "deep and closed": b'{"auth0Id":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "not utf-8": b'{"auth0Id": "\xff\xfe"}',
    "utf-16": '{"auth0Id": "user_123456789"}'.encode("utf-16"),
    "nul bytes": b"\x00" * 100,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "packed": gzip.compress(b"{}"),
    "a long number": b"9" * 60_000,
    "a long key": b'{"' + b"k" * 60_000 + b'": ',
    "NaN": b'{"auth0Id": NaN}',
}
BAD_VALUES: dict[str, str] = {
    "true": "true",
    "list": "[1]",
    "object": '{"a": 1}',
    "empty": '""',
    "blank": '" \\t "',
    "nul": '"a\\u0000b"',
    "newline": '"a\\nb"',
    "lone surrogate": '"\\ud800"',
    "long": json.dumps("x" * 3_000),
    "very long": json.dumps("x" * 60_000),
    "wide": json.dumps("ß" * 150),
    "minus": "-1",
    "seven decimals": "0.0000001",
    "huge": "1e999999999",
    "beyond floats": "1e400",
    "long number": "9" * 5_000,
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "number as text": '"5"',
    "no zone": '"2025-10-19T14:30:00"',
    "year 9999": '"9999-12-31T23:59:59Z"',
    "date": '"2025-10-19"',
    "deep": "[" * 5_000 + "]" * 5_000,
    "html": '"<script>alert(1)</script>\\u0007"',
    "sql": '"\'; drop table entry; --\\u0000"',
}
SPARES = f"{ADMIN_PROJECTS}/{SPARE['projectId']}"
PLAIN_REFUSALS = {code.value for code in Code} - {"internal", "unavailable", "busy"}


@pytest.fixture(scope="module")
def spares(server: RunningServer) -> None:
    """What the calls are about that change a project, sector, user, worker or form."""
    zone = {"projectName": "Spare", "timezone": "UTC"}
    with Caller(server) as admin:
        user = {"auth0Id": admin.user}
        made = [
            admin.post(ADMIN_PROJECTS, json=user | zone | {"projectId": SPARE["projectId"]}),
            admin.post(f"{SPARES}/sectors", json=user | {"sectorId": SPARE["sectorId"], "sector_name": "Spare"}),
            admin.post(ADMIN_USERS, json={name: GOOD[name] for name in ("userId", "name", "role")}),
            admin.register(first_name="Spare", last_name="One", hire_date="2001-01-01"),
            admin.post("/api/control/admin/forms", json={"definition": GOOD["definition"] | {"_id": SPARE["formId"]}}),
        ]
    assert [answer.status_code for answer in made] == [201] * len(made)


@pytest.fixture
def things(admin: Caller, spares: None) -> dict[str, str]:
    """A session with one record, for the calls to be about."""
    assert admin.patch(SPARES, json={"auth0Id": admin.user, "disabled": False}).status_code == 200
    session_id = admin.opened()
    return {"sessionId": session_id, "recordId": admin.counted(session_id, "evt_0")}


def stored(server: RunningServer) -> list[tuple[Any, ...]]:
    """How much there is of everything that a call could leave behind."""
    tables = (
        "entry",
        "session",
        "session_terms",
        "held",
        "personal",
        "worker",
        "project",
        "sector",
        "audit",
        "user_account",
        "company_key",
        "form",
        "form_version",
        "form_task",
        "form_record",
        "pest_observation",
        "object",
    )
    return read_store(server.data, f"select {', '.join(f'(select count(*) from {table})' for table in tables)}")


def is_refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] in PLAIN_REFUSALS


def url(operation: Operation, things: dict[str, str]) -> str:
    return operation.http.path.format_map(SPARE | things)


@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.name)
def test_a_bad_body_is_refused_and_leaves_nothing(
    server: RunningServer, admin: Caller, things: dict[str, str], operation: Operation
) -> None:
    before = stored(server)
    for body in BAD_BODIES.values():
        is_refused(admin.request(operation.http.method, url(operation, things), content=body))
    assert stored(server) == before


def _good_body(operation: Operation, things: dict[str, str]) -> Json:
    values = GOOD | things | {"openedAt": f"{fresh_day()}T14:00:00Z", "records": [{}]}
    assert operation.request is not None
    schema = DOCUMENT["components"]["schemas"][operation.request.shape.__name__]
    return {name: values[name] for name in schema.get("required", [])}


def _fields_of(operation: Operation) -> list[str]:
    assert operation.request is not None
    return list(DOCUMENT["components"]["schemas"][operation.request.shape.__name__]["properties"])


EACH_FIELD = [(operation, name) for operation in WRITES for name in _fields_of(operation)]


@pytest.mark.parametrize(
    ("operation", "name"), EACH_FIELD, ids=[f"{operation.name}-{name}" for operation, name in EACH_FIELD]
)
def test_a_bad_value_of_any_field_is_a_refusal_or_a_good_answer_and_never_a_fault(
    admin: Caller, things: dict[str, str], operation: Operation, name: str
) -> None:
    good = json.dumps(_good_body(operation, things))
    for text in BAD_VALUES.values():
        separator = ", " if good != "{}" else ""
        body = f'{good[:-1]}{separator}"{name}": {text}}}'.encode()
        answer = admin.request(operation.http.method, url(operation, things), content=body)
        assert answer.status_code < 500, (text[:80], answer.text)


NEVER_GOOD = ("true", "list", "object", "nul", "lone surrogate", "NaN", "Infinity", "deep", "sql", "very long")
REQUIRED_TEXTS = [
    (operation, name)
    for operation, name in EACH_FIELD
    if name in _good_body(operation, {"sessionId": "", "recordId": ""})
    and name not in ("records", "maxDurationHours", "geojson", "definition", "record")
]


@pytest.mark.parametrize(
    ("operation", "name"), REQUIRED_TEXTS, ids=[f"{operation.name}-{name}" for operation, name in REQUIRED_TEXTS]
)
def test_a_required_text_that_is_none_is_refused_and_leaves_nothing(
    server: RunningServer, admin: Caller, things: dict[str, str], operation: Operation, name: str
) -> None:
    good = json.dumps(_good_body(operation, things))
    before = stored(server)
    for kind in (*NEVER_GOOD, "empty", "blank"):
        body = f'{good[:-1]}, "{name}": {BAD_VALUES[kind]}}}'.encode()
        is_refused(admin.request(operation.http.method, url(operation, things), content=body))
    assert stored(server) == before


ELEMENT_FIELDS = list(DOCUMENT["components"]["schemas"]["BulkRecordInput"]["properties"])


@pytest.mark.parametrize("name", ELEMENT_FIELDS)
def test_a_bad_value_in_an_element_fails_alone(admin: Caller, things: dict[str, str], name: str) -> None:
    """Bodies that are no JSON at all are left out here: they are refused as a whole."""
    for number, (kind, text) in enumerate(BAD_VALUES.items()):
        if kind in ("NaN", "Infinity", "deep", "lone surrogate"):
            continue
        good = [element(things["sessionId"], f"good {name} {number} {place}") for place in range(2)]
        bad = json.dumps(element(things["sessionId"], f"bad {name} {number}"))
        records = f'{json.dumps(good[0])}, {bad[:-1]}, "{name}": {text}}}, {json.dumps(good[1])}'
        answer = admin.post(BULK, content=f'{{"auth0Id": "{demo.ADMIN}", "records": [{records}]}}'.encode())
        assert answer.status_code == 207, answer.text
        statuses = [result["statusCode"] for result in answer.json()["results"]]
        assert (statuses[0], statuses[2]) == (201, 201)
        assert statuses[1] < 500, answer.text


@pytest.mark.parametrize("kind", ["NaN", "Infinity", "deep", "lone surrogate"])
def test_an_element_that_is_no_json_is_a_refusal_and_never_a_fault(
    server: RunningServer, admin: Caller, things: dict[str, str], kind: str
) -> None:
    before = stored(server)
    for name in ELEMENT_FIELDS:
        bad = json.dumps(element(things["sessionId"], "evt_none"))
        body = f'{{"auth0Id": "{demo.ADMIN}", "records": [{bad[:-1]}, "{name}": {BAD_VALUES[kind]}}}]}}'
        answer = admin.post(BULK, content=body.encode())
        if answer.status_code == 207:
            assert answer.json()["summary"]["failed"] == 1, answer.text
        else:
            is_refused(answer)
    assert stored(server) == before


def test_after_all_this_the_server_counts_as_before(admin: Caller) -> None:
    session_id = admin.opened()
    admin.counted(session_id, "evt_1", units=5)
    assert admin.close_session(session_id).json()["data"]["totalUnits"] == 5
