"""Every row of the table: who may call it, and that another company's things answer as things that do not exist.

All of it is made from the table. A new row is covered by itself; one that takes a field or a parameter which is not
told of below makes `test_every_field_of_every_operation_is_told_of_here` fail until it is.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.devices import letters
from hydrobit.identity import store as identity_store
from hydrobit.identity.signing import SigningKey
from hydrobit.kit.clock import SystemClock
from hydrobit.operation import ADMINS, ANYONE, WRITERS, Letter, Operation, Role, Scope
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.workers.template import DEFAULTS, Kind
from tests import engines
from tests.callers import DOCUMENT, NOBODY, VIEWER, Caller, fresh_day, record_id, refusal
from tests.servers import RunningServer

Json = dict[str, Any]
Called = Callable[[str], Caller]

IDS = (
    *("sessionId", "recordId", "projectId", "sectorId", "key", "worker", "companyId", "userId", "keyId"),
    *("formId", "_id", "taskId", "deviceId", "letterId"),
)
"""Fields and parameters that name a stored thing of a company."""

SQUARE = {
    "type": "Polygon",
    "coordinates": [[[-99.133, 19.432], [-99.132, 19.432], [-99.132, 19.433], [-99.133, 19.433], [-99.133, 19.432]]],
}
QUESTION = {"name": "aphids", "label": "Aphids", "type": "pest"}
ASKED = {"name": "Scouting", "type": "inspection", "subtype": "tasks", "fields": [QUESTION]}
VALUES: Json = {
    "worker_name": "John Smith",
    "workerId": "JS0315",
    "sector_name": "Lote A-1",
    "samplingUnit": "box",
    "pricePerUnit": 5.5,
    "bonus": {"type": "flat", "value": 10, "note": "High quality bonus"},
    "maxDurationHours": 20,
    "notes": "Good weather today",
    "harvestUnitId": "harvest_unit_123",
    "harvestLotCode": "HL-20260610-C299128B",
    "license_plate": "ABC-123",
    "driver_name": "Juan Perez",
    "qualityBreakdown": [{"qualityId": "Q1", "qualityName": "Primera", "units": 240, "workerId": "JS0315"}],
    "startTime": "2025-10-01",
    "endTime": "2025-10-31",
    "units": 5,
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "sentAtUtc": "2025-10-19T14:31:00.000Z",
    "evidence": {"gross": 20.5},
    "deviceId": "scanner-1",
    "reason": "Duplicate entry",
    "day": "2025-10-19",
    "status": "open",
    "page": 1,
    "limit": 25,
    "projectName": "Rancho San Pedro",
    "timezone": "America/Mexico_City",
    "crop": "Blueberry",
    "variety": "Biloxi",
    "boundary": SQUARE,
    "disabled": False,
    "geojson": {"type": "Feature", "id": "lot_imported", "properties": {"crop": "Blueberry"}, "geometry": SQUARE},
    "dryRun": False,
    "csv": "first_name,last_name,hire_date,position,employment_type\nRosa,Imported,2025-03-15,packer,seasonal\n",
    "partial": False,
    "skill": [],
    "companyName": "Hydrobit Demo",
    "refusesUnknownWorkers": False,
    "q": "John",
    "first_name": "John",
    "last_name": "Smith",
    "phone": "+1234567890",
    "email": "john.smith@example.com",
    "position": "field_worker",
    "employment_type": "full_time",
    "hire_date": "2025-03-15",
    "termination_date": None,
    "hourly_rate": 18.5,
    "emergency_contact_name": "Jane Smith",
    "emergency_contact_phone": "+1234567891",
    "skills": ["irrigation", "pruning"],
    "photo": None,
    "before": 5,
    "after": "0-0-0",
    "role": "supervisor",
    "lifetimeSeconds": 60,
    "values": {"temperature": 21.5},
    "scopes": ["read:production"],
    "expiresAt": "2100-01-01T00:00:00.000Z",
    "type": "inspection",
    "subtype": "tasks",
    "version": 1,
    "definition": ASKED | {"_id": "form_of_isolation"},
    "title": "Check the traps",
    "dueDay": "2025-10-19",
    "form_id": None,
    "form_values": [{"field": "aphids", "value": 3}],
    "latitude": 19.4326,
    "longitude": -99.1332,
    "inicio": "2025-10-09T10:00:00Z",
    "segundos": 120,
}
"""A good value of every field and parameter that names no stored thing. Fresh ones and lists are made in `_value`."""
READS_OF_DEVICES = ("getWeatherReadings", "getPlantReadings", "getIrrigationReadings")
VALUES_OF: dict[str, Json] = {
    "createWorker": {"status": "active"},
    "changeForm": {"definition": ASKED},
    "changeWorker": {"status": "active", "termination_date": ""},
    "listDeadLetters": {"status": "waiting"},
    **{name: {"after": "2025-10-19T14:30:00.000Z"} for name in READS_OF_DEVICES},
    "setTemplate": {name: list(DEFAULTS[Kind(name)]) for name in ("position", "employment_type", "status", "skill")},
}
"""Values of an operation that uses a name in its own way."""
FRESH = ("localId", "clientEventId", "idempotencyKey", "deviceSeq", "openedAt", "name")
LISTS = ("records", "readings")
PARTS = ("record",)
"""Members that are objects with fields of their own."""
MAKES = {
    "addProject": "projectId",
    "addSector": "sectorId",
    "addUser": "userId",
    "assignTask": "taskId",
    "createDevice": "deviceId",
}
"""Fields that name what the call is to make, not what is there."""
SAYS = (("deviceId", "createProductionRecord"), ("deviceId", "bulkCreateProductionRecords"))
"""Here `deviceId` is what a phone says of itself, and names no device of the register."""
USER = "auth0Id"
USERS, KEYS, FORMS = "/api/control/admin/users", "/api/control/admin/keys", "/api/control/admin/forms"
DEVICES = "/api/control/iot/devices"

ROLES = {Role.admin: demo.ADMIN, Role.supervisor: demo.SUPERVISOR, Role.viewer: VIEWER}


@dataclass(frozen=True)
class Things:
    """Ids of one company by the name of the field that takes them: all that exist, the first fit for a good call."""

    ids: dict[str, list[str]]
    user: str

    def first(self) -> dict[str, str]:
        return {name: found[0] for name, found in self.ids.items()}


UNKNOWN = {
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "recordId": "rec_1234567890abcdef",
    "projectId": "proj_999",
    "sectorId": "sector_999",
    "key": "client:6507f1e3c9d8e2a4b1f9c3d5:JS0315:evt_1",
    "worker": "XX0101",
    "companyId": "comp_999",
    "userId": "user_999",
    "keyId": "key_1f2e3d4c5b6a7980",
    "formId": "form_999",
    "_id": "form_999",
    "taskId": "task_999",
    "deviceId": "device_999",
    "letterId": "letter_999",
}
_numbers = iter(range(1, 1_000_000))


def letter_of(data: Path, caller: Caller) -> str:
    """Keeps a dead letter of the caller, as the road of messages does."""
    with engines.opened(data) as store:
        user = store.read(identity_store.user, caller.user)
        assert user is not None
        assert user.company is not None
        letter = Letter(user.company, caller.user, None, "phone-1", "control/production/records", b"{}")
        for _ in range(user.company):  # so that the latest of each company has an id that the other lacks
            kept = store.write(letters.keep, letter, "missing_field", "sessionId is required.", "r-1", 0, 10)
    return kept


def things_of(data: Path, caller: Caller, project: str, sector: str, hired: str) -> Things:
    """Opens and closes sessions, counts and voids, and returns the ids of all of it."""
    place = {"projectId": project, "sector": sector}
    session_id, closed = caller.opened(**place), caller.opened(**place)
    record = caller.counted(session_id, "evt_1", idempotencyKey=f"own of {caller.user}")
    voided = caller.counted(session_id, "evt_2")
    void = record_id(caller.void(voided))
    in_closed = caller.counted(closed, "evt_1")
    held = refusal_of_late(caller, closed)
    worker = caller.registered(first_name=project, last_name=caller.user, hire_date=hired)
    user = {"userId": f"hired by {caller.user}", "name": "One of the office", "role": "supervisor"}
    key = {"name": "Packing house", "scopes": ["read:production"]}
    form = f"form of {caller.user}"
    caller.post(FORMS, json={"definition": ASKED | {"_id": form}})
    device = {"deviceId": f"scale-{project}", "projectId": project, "name": "Scale"}
    task = caller.post(f"{FORMS}/{form}/tasks", json={"userId": caller.user}).json()["data"]["taskId"]
    ids = {
        "sessionId": [session_id, closed],
        "recordId": [record, voided, void, in_closed, held],
        "projectId": [project],
        "sectorId": [sector],
        "worker": [worker["workerId"], worker["worker_id"]],
        "companyId": [caller.session(session_id)["companyId"]],
        "key": [f"client:{session_id}:JS0315:evt_1", f"own of {caller.user}", f"client:{closed}:JS0315:evt_1"],
        "userId": [caller.post(USERS, json=user).json()["data"]["userId"]],
        "keyId": [caller.post(KEYS, json=key).json()["data"]["keyId"]],
        "formId": [form],
        "_id": [form],
        "taskId": [task],
        "deviceId": [caller.post(DEVICES, json=device).json()["data"]["deviceId"]],
        "letterId": [letter_of(data, caller)],
    }
    return Things(ids, caller.user)


def refusal_of_late(caller: Caller, session_id: str) -> str:
    caller.close_session(session_id)
    held: str = refusal(caller.count(session_id, "evt_late"), 409, "session_closed")["heldId"]
    return held


@pytest.fixture(scope="module")
def ours(server: RunningServer, called: Called) -> Things:
    return things_of(server.data, called(demo.ADMIN), demo.PROJECT, "sector_001", "2001-01-01")


@pytest.fixture(scope="module")
def theirs(server: RunningServer, called: Called) -> Things:
    return things_of(server.data, called(demo.OTHER_USER), demo.OTHER_PROJECT, demo.OTHER_SECTOR, "2002-02-02")


def every(operations: tuple[Operation, ...] = OPERATIONS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation.name)


def names_in_path(operation: Operation) -> list[str]:
    return re.findall(r"{(\w+)}", operation.http.path)


def path_of(operation: Operation, ids: dict[str, str]) -> str:
    return operation.http.path.format_map(VALUES | ids)


def names_in_query(operation: Operation) -> list[str]:
    return [parameter.name for parameter in operation.parameters if parameter.place == "query"]


def names_in_body(operation: Operation) -> list[str]:
    """The fields of the request, of the elements of its lists, and of its parts."""
    names = _fields(operation)
    return [*names, *(inner for name in names if name in LISTS + PARTS for inner in _fields_inside(operation, name))]


def _fields(operation: Operation) -> list[str]:
    return list(operation.request.shape.__struct_fields__) if operation.request is not None else []


def _fields_inside(operation: Operation, name: str) -> list[str]:
    """The fields of a part, or of the elements of a list, as the derived document tells them."""
    assert operation.request is not None
    schemas = DOCUMENT["components"]["schemas"]
    member = schemas[operation.request.shape.__name__]["properties"][name]
    return list(schemas[member.get("items", member)["$ref"].rpartition("/")[2]]["properties"])


def request(operation: Operation, ids: dict[str, str], user: str) -> tuple[str, Json, Json | None]:
    """Path, query and body of a good call of the operation about these things."""
    path = path_of(operation, ids)
    query = {name: _value(name, ids, user, operation) for name in names_in_query(operation)}
    if operation.request is None:
        return path, query, None
    body = {name: _value(name, ids, user, operation) for name in _fields(operation)}
    return path, query, body


def _value(name: str, ids: dict[str, str], user: str, operation: Operation) -> Any:
    number = next(_numbers)
    if MAKES.get(operation.name) == name:
        return f"{name}-{number}"
    fresh = {
        "deviceSeq": number,
        "openedAt": f"{fresh_day()}T14:00:00.000Z",
        **{other: f"{other} {number}" for other in ("localId", "clientEventId", "idempotencyKey", "name")},
    }
    if name in LISTS + PARTS:
        inside = {field: _value(field, ids, user, operation) for field in _fields_inside(operation, name)}
        return [inside] if name in LISTS else inside
    return fresh.get(name) or ({USER: user} | ids | VALUES | VALUES_OF.get(operation.name, {}))[name]


def send(client: httpx.Client, operation: Operation, call: tuple[str, Json, Json | None]) -> httpx.Response:
    path, query, body = call
    return client.request(operation.http.method, path, params=query, json=body)


# The table and this file


@every()
def test_every_field_of_every_operation_is_told_of_here(operation: Operation) -> None:
    told = {*IDS, *VALUES, *FRESH, *LISTS, *PARTS, USER}
    assert {*names_in_path(operation), *names_in_query(operation), *names_in_body(operation)} <= told


@every()
def test_a_good_call_is_no_refusal_of_its_caller(admin: Caller, ours: Things, operation: Operation) -> None:
    answer = send(admin, operation, request(operation, ours.first(), demo.ADMIN))
    assert answer.status_code not in (400, 401, 403, 405, 415), answer.text


# Another company


def _named(operation: Operation) -> Iterator[tuple[str, str]]:
    for name in (*names_in_path(operation), *names_in_query(operation), *names_in_body(operation)):
        if name in IDS and MAKES.get(operation.name) != name and (name, operation.name) not in SAYS:
            yield operation.name, name


NAMED = [pair for operation in OPERATIONS for pair in _named(operation)]
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def test_every_path_with_an_id_is_among_those_tried() -> None:
    with_ids = {operation.name for operation in OPERATIONS if "{" in operation.http.path}
    assert with_ids <= {name for name, _ in NAMED}


@pytest.mark.parametrize(("operation_name", "field"), NAMED)
def test_another_companys_thing_answers_exactly_as_an_unknown_one(
    admin: Caller, neighbour: Caller, ours: Things, theirs: Things, operation_name: str, field: str
) -> None:
    operation = BY_NAME[operation_name]

    def told(thing: str) -> tuple[int, str, list[str]]:
        call = request(operation, ours.first() | {field: thing}, demo.ADMIN)
        answer = send(admin, operation, call)
        headers = sorted(name for name in answer.headers if name != "date")
        return answer.status_code, _without(answer, thing, call[2]), headers

    before = state_of(neighbour, theirs)
    for thing in theirs.ids[field]:
        assert told(thing) == told(UNKNOWN[field])
    assert state_of(neighbour, theirs) == before


def state_of(caller: Caller, things: Things) -> list[Json]:
    """All that the owner sees of its things; what is held stands in its session's count."""
    records = [record for record in things.ids["recordId"] if not record.startswith("held_")]
    return [*map(caller.session, things.ids["sessionId"]), *map(caller.record, records)]


def _without(answer: httpx.Response, thing: str, body: Json | None) -> str:
    """The answer's text without the id that was sent and without what differs from call to call."""
    if not answer.content:
        return ""
    told = answer.json()
    told.pop("requestId", None)
    text = json.dumps(told).replace(thing, "ID")
    return re.sub(r"(localId|clientEventId|idempotencyKey|name) \d+", r"\1 N", text)


@every()
def test_a_call_about_ones_own_things_never_shows_another_companys(
    neighbour: Caller, ours: Things, theirs: Things, operation: Operation
) -> None:
    answer = send(neighbour, operation, request(operation, theirs.first(), demo.OTHER_USER))
    bare = neighbour.request(operation.http.method, path_of(operation, theirs.first()))
    for found in [*ours.ids["sessionId"], *ours.ids["recordId"], demo.COMPANY, demo.ADMIN]:
        assert found not in answer.text + bare.text


# Roles and tokens


@every()
def test_a_viewer_only_reads(operation: Operation) -> None:
    assert operation.roles in (ANYONE, WRITERS, ADMINS)
    assert operation.roles == ADMINS or (Role.viewer in operation.roles) == (operation.http.method in ("GET", "HEAD"))


@every()
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_call_what_the_table_says(called: Called, ours: Things, operation: Operation, role: Role) -> None:
    caller = called(ROLES[role])
    answer = send(caller, operation, request(operation, ours.first(), ROLES[role]))
    if role in operation.roles:
        assert not answer.content or answer.json().get("code") != "role_forbidden"
    else:
        refusal(answer, 403, "role_forbidden")
        empty = caller.request(operation.http.method, path_of(operation, ours.first()))
        refusal(empty, 403, "role_forbidden")


@dataclass(frozen=True)
class Keyed:
    """Who calls with a company key, once in each of the headers that take one."""

    key_id: str
    callers: list[Caller]


@pytest.fixture(scope="module")
def keyed(server: RunningServer, called: Called) -> Iterator[dict[Scope, Keyed]]:
    """A company key of each scope, and of no other."""
    made = {}
    with ExitStack() as held:
        for scope in Scope:
            answer = called(demo.ADMIN).post(KEYS, json={"name": f"only {scope}", "scopes": [scope]})
            key: str = answer.json()["data"]["key"]
            callers = []
            for header, value in (("authorization", f"Bearer {key}"), ("x-api-key", key)):
                callers.append(held.enter_context(Caller(server)))
                del callers[-1].headers["authorization"]
                callers[-1].headers[header] = value
            made[scope] = Keyed(key.partition(".")[0], callers)
        yield made


@every()
@pytest.mark.parametrize("scope", list(Scope))
def test_a_company_key_may_call_what_its_scope_says(
    ours: Things, keyed: dict[Scope, Keyed], operation: Operation, scope: Scope
) -> None:
    call = request(operation, ours.first(), f"key:{keyed[scope].key_id}")
    for caller in keyed[scope].callers:
        answer = send(caller, operation, call)
        if operation.scope is scope:
            assert answer.status_code not in (401, 403), answer.text
        else:
            assert answer.status_code == 403
            assert operation.http.method == "HEAD" or answer.json()["code"] == "role_forbidden"


def strange_tokens(server: RunningServer) -> dict[str, str]:
    """Authorization headers that nobody may get through with."""
    key = SigningKey.load_or_create(server.data / directory.SIGNING_KEY)
    now, settings = SystemClock().now(), Settings()
    hour, good = 3_600_000, server.token()
    head, claims, signature = good.split(".")
    return {
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "garbage": "Bearer garbage",
        "no token": "Bearer",
        "two in one": f"Bearer {good}, Bearer {good}",
        "expired": f"Bearer {key.sign(demo.ADMIN, now - 2 * hour, 3600, settings.issuer, settings.audience)}",
        "not yet valid": f"Bearer {key.sign(demo.ADMIN, now + hour, 3600, settings.issuer, settings.audience)}",
        "another issuer": f"Bearer {key.sign(demo.ADMIN, now, 3600, 'someone', settings.audience)}",
        "another audience": f"Bearer {key.sign(demo.ADMIN, now, 3600, settings.issuer, 'someone')}",
        "cut signature": f"Bearer {head}.{claims}.{signature[:-4]}",
        "no signature": f"Bearer {head}.{claims}.",
        "a key that nobody has": f"Bearer key_{'0' * 16}.{'A' * 43}",
        "almost a key": "Bearer key_1.secret",
    }


@every()
def test_without_a_token_that_counts_nothing_is_answered(
    server: RunningServer, ours: Things, operation: Operation
) -> None:
    call = request(operation, ours.first(), demo.ADMIN)
    with Caller(server) as client:
        good = client.headers.pop("authorization")
        answers = [send(client, operation, call)]
        for header in strange_tokens(server).values():
            client.headers["authorization"] = header
            answers.append(send(client, operation, call))
        client.headers = httpx.Headers([("authorization", good), ("authorization", good)])
        answers.append(send(client, operation, call))
        client.headers = httpx.Headers({"x-api-key": server.token()})  # a user's token is no company key
        answers.append(send(client, operation, call))
        client.headers = httpx.Headers({"authorization": good, "x-api-key": f"key_{'0' * 16}.{'A' * 43}"})
        answers.append(send(client, operation, call))
    for answer in answers:
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")


@every()
def test_a_valid_token_of_a_user_without_a_company_opens_nothing(
    called: Called, ours: Things, operation: Operation
) -> None:
    for user in (NOBODY, "user_of_no_store"):
        answer = send(called(user), operation, request(operation, ours.first(), user))
        assert answer.status_code == 403
        assert operation.http.method == "HEAD" or answer.json()["code"] == "no_company"


@every(tuple(row for row in OPERATIONS if USER in (*names_in_query(row), *names_in_body(row))))
def test_nobody_speaks_for_another_user(admin: Caller, ours: Things, operation: Operation) -> None:
    for other in (demo.SUPERVISOR, demo.OTHER_USER, demo.ADMIN.upper(), f" {demo.ADMIN}", "x"):
        answer = send(admin, operation, request(operation, ours.first(), other))
        refusal(answer, 403, "caller_mismatch")
