"""What every answer looks like, whatever went wrong (contract, "The envelope")."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation
from tests.callers import BULK, CHECK_KEY, RECORDS, SESSIONS, Caller, element
from tests.servers import RunningServer, running
from tests.sockets import Connection
from tests.tools import needs

PAGES = ("/healthz", "/readyz", "/metrics", "/.well-known/jwks.json", "/openapi.json", "/openapi.yaml")


def is_envelope(answer: httpx.Response, status: int, code: Code) -> None:
    body = answer.json()
    assert answer.status_code == status
    assert (body["status"], body["code"]) == ("error", code.value)
    assert body["message"] == CATALOGUE[code].message
    assert body["error"].endswith(".")
    assert body["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"


# Errors


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/api", "/api/control/production", f"{SESSIONS}/a/b", "/API/control/production/sessions"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_an_unknown_path_answers_in_the_envelope(admin: Caller, method: str, path: str) -> None:
    is_envelope(admin.request(method, path), 404, Code.unknown_path)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(admin: Caller, operation: Operation) -> None:
    path = re.sub(r"{\w+}", "x", operation.http.path)
    taken = {row.http.method for row in OPERATIONS if row.http.path == operation.http.path}
    for method in {"GET", "POST", "PATCH", "PUT", "DELETE"} - taken:
        answer = admin.request(method, path)
        is_envelope(answer, 405, Code.method_not_allowed)
        assert set(answer.headers["allow"].split(", ")) == {*taken, "OPTIONS"}


def test_a_wrong_method_needs_no_token_to_be_told(admin: Caller) -> None:
    del admin.headers["authorization"]
    is_envelope(admin.delete(SESSIONS), 405, Code.method_not_allowed)
    is_envelope(admin.post("/healthz"), 405, Code.method_not_allowed)


def test_a_body_that_is_no_json_answers_in_the_envelope(admin: Caller) -> None:
    is_envelope(admin.post(SESSIONS, content=b"<xml/>"), 400, Code.invalid_json)


def test_every_answer_has_a_request_id_of_its_own(admin: Caller) -> None:
    answers = [admin.get(SESSIONS), admin.get("/nowhere"), admin.get(SESSIONS), admin.head(CHECK_KEY)]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


# Headers


def some_answers(caller: Caller) -> list[httpx.Response]:
    return [
        caller.get(SESSIONS),
        caller.open(),
        caller.open(projectId="none"),
        caller.post(RECORDS, content=b"no json"),
        caller.get("/nowhere"),
        caller.put(SESSIONS),
        caller.head(CHECK_KEY, params={"key": "none"}),
        caller.options(SESSIONS),
        caller.get(SESSIONS, headers={"authorization": "Bearer none"}),
        *(caller.get(page) for page in PAGES),
    ]


def test_no_answer_is_stored_and_every_one_has_a_date(admin: Caller) -> None:
    for answer in some_answers(admin):
        assert answer.headers["cache-control"] == "no-store", answer.request.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.request.url
        assert "date" in answer.headers, answer.request.url
        assert "server" not in answer.headers, "what runs here is nobody's business"


def test_any_origin_may_call_without_credentials(admin: Caller) -> None:
    admin.headers["origin"] = "https://app.example.com"
    for answer in some_answers(admin):
        assert answer.headers["access-control-allow-origin"] == "*", answer.request.url
        assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_needs_no_token(admin: Caller) -> None:
    del admin.headers["authorization"]
    wanted = {"origin": "https://app.example.com", "access-control-request-method": "PATCH"}
    answer = admin.options(f"{SESSIONS}/x", headers=wanted | {"access-control-request-headers": "authorization"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.fixture(scope="module")
def one_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    setting = {"HYDROBIT_CORS_ORIGINS": "https://app.example.com,https://office.example.com"}
    with running(tmp_path_factory.mktemp("origins") / "data", environment=setting) as started:
        yield started


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://office.example.com", "https://office.example.com"),
        ("https://evil.example.com", None),
        ("null", None),
    ],
)
def test_origins_are_a_setting(one_origin: RunningServer, origin: str, allowed: str | None) -> None:
    with Caller(one_origin) as admin:
        admin.headers["origin"] = origin
        for answer in (admin.get(SESSIONS), admin.get("/nowhere"), admin.options(SESSIONS)):
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert answer.headers["vary"] == "origin"


# HEAD


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{CHECK_KEY}?key=none", 404),
        (CHECK_KEY, 400),
        (f"{CHECK_KEY}?key=a&key=b", 400),
        ("/nowhere", 404),
        (SESSIONS, 405),
        (f"{RECORDS}/rec_1", 405),
        *((page, 200) for page in PAGES),
    ],
)
def test_an_answer_to_head_ends_with_its_headers(server: RunningServer, path: str, status: int) -> None:
    with Connection(server.address, server.token()) as connection:
        for _ in range(2):  # a stray byte after the first answer would spoil the second
            answer = connection.call("HEAD", path)
            assert (answer.status, answer.headers["content-length"], answer.body) == (status, "0", b"")
        connection.send_request("HEAD", path, headers={"Connection": "close"})
        assert connection.rest().endswith(b"\r\n\r\n")


def test_head_without_a_token_ends_too(server: RunningServer) -> None:
    with Connection(server.address) as connection:
        answer = connection.call("HEAD", f"{CHECK_KEY}?key=none")
        assert (answer.status, answer.headers["content-length"]) == (401, "0")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@needs("curl")
@pytest.mark.parametrize("key", ["own", "other"])
def test_the_published_curl_line_does_not_hang(server: RunningServer, tmp_path: Path, key: str) -> None:
    with Caller(server) as admin:
        admin.count(admin.opened(), "evt_1", idempotencyKey="own")
    address = f"{server.address}{CHECK_KEY}?key={key}"
    line = ["curl", "-sS", "-i", "-X", "HEAD", address, "-H", f"Authorization: Bearer {server.token()}"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.startswith(f"HTTP/1.1 {200 if key == 'own' else 404} ")


# Sizes


def test_a_long_answer_is_packed_for_who_can_unpack_it(admin: Caller) -> None:
    session_id = admin.opened()
    elements = [element(session_id, f"evt_{n}") for n in range(300)]
    packed = admin.bulk(*elements)
    plain = admin.post(BULK, json={"auth0Id": admin.user, "records": elements}, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["summary"] == {"ok": 300, "duplicated": 0, "failed": 0}
    assert plain.json()["summary"] == {"ok": 0, "duplicated": 300, "failed": 0}


def test_absent_values_are_left_out_and_nullable_ones_are_null(admin: Caller) -> None:
    data = admin.session(admin.opened())
    assert [name for name, value in data.items() if value is None] == ["closedAt"]
