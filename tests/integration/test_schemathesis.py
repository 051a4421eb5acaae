"""schemathesis over every operation of the derived document, with a valid token, against the running server.

Real ids are mixed into what it makes up, so that it reaches past "not found". What is switched off:

- `positive_data_acceptance`: the schema tells less than the contract asks for (texts that are not blank and hold no
  control character, years 1970 to 2200, six decimals, a number of a device only beside its name), so a body that fits
  the schema may well be a 400. That good calls are taken is what the other tests are about.
- `ignored_auth`, `missing_required_header`: `test_isolation` tries more headers than these two.
- `unsupported_method`, `allow_header_conformance`: `test_envelope` tries every method of every path.
- `use_after_free`, `ensure_resource_availability`, `object_level_authorization`: they follow links between operations
  and deletions, of which the document has none.
"""

import zlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.operation import Operation
from tests.callers import DOCUMENT, Caller
from tests.servers import RunningServer

EXAMPLES = 15
"""Of each row, on each engine."""


def refuses_what_breaks_the_schema(context: Any, response: Any, case: schemathesis.Case[Any]) -> bool | None:
    """`negative_data_rejection`, but for what the contract takes although the schema does not say so:

    null in an optional field, a blank text there and an empty optional parameter count as left out, and an element
    of a bulk call that is wrong fails alone.
    """
    query = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
    if _has_null(case.body) or _has_blank_day(case.body) or any(value == "" for _, value in query):
        return None
    if response.status_code == 207 and response.json()["summary"]["failed"]:
        return None
    return negative_data_rejection(context, response, case)


def _has_null(body: object) -> bool:
    return isinstance(body, dict) and any(value is None or _has_null(value) for value in body.values())


def _has_blank_day(body: object) -> bool:
    """The one optional text whose schema has a format, so that a blank one breaks it."""
    return isinstance(body, dict) and str(body.get("termination_date", "x")).strip() == ""


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    refuses_what_breaks_the_schema,
]
TASK_FORM = {
    "_id": "form_traps",
    "name": "Check of the traps",
    "type": "inspection",
    "subtype": "tasks",
    "fields": [
        {"name": "aphids", "label": "Aphids", "type": "pest"},
        {"name": "photo", "label": "Photo", "type": "photo"},
    ],
}
REAL: dict[str, list[Any]] = {
    "auth0Id": [demo.ADMIN],
    "projectId": [demo.PROJECT],
    "sectorId": list(demo.SECTORS),
    "type": [TASK_FORM["type"]],
}
"""Values of things that are there, by the field that takes them; sessions and records join when the server runs."""

config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})  # tokens: test_isolation
schema = schemathesis.openapi.from_dict(DOCUMENT, config=config)


@pytest.fixture(scope="module")
def things(server: RunningServer) -> RunningServer:
    with Caller(server) as admin:
        session_id, closed = admin.opened(), admin.opened()
        record = admin.counted(session_id, "evt_1", idempotencyKey="own")
        voided = admin.counted(session_id, "evt_2")
        admin.void(voided)
        admin.close_session(closed)
        key = admin.post("/api/control/admin/keys", json={"name": "Packing house", "scopes": ["read:production"]})
        task = {"userId": demo.ADMIN, "title": "Check the traps"}
        admin.post("/api/control/admin/forms", json={"definition": TASK_FORM})
        device = {"deviceId": "scale-1", "projectId": demo.PROJECT, "name": "Scale"}
        admin.post("/api/control/iot/devices", json=device)
        task_id = admin.post(f"/api/control/admin/forms/{TASK_FORM['_id']}/tasks", json=task).json()["data"]["taskId"]
    REAL["formId"] = REAL["_id"] = REAL["form_id"] = [TASK_FORM["_id"], demo.FORM]
    REAL["taskId"] = [task_id]
    REAL["deviceId"] = ["scale-1"]
    REAL["worker"] = ["JS0315"]
    REAL["companyId"] = [demo.COMPANY]
    REAL["userId"] = [demo.SUPERVISOR]
    REAL["keyId"] = [key.json()["data"]["keyId"]]
    REAL["sessionId"] = [session_id, closed]
    REAL["recordId"] = [record, voided]
    REAL["key"] = ["own", f"client:{session_id}:JS0315:evt_1"]
    return server


def real(name: str, made_up: Any) -> Any:
    """Mostly a real value in the place of a well-formed made-up one; the choice hangs on that one alone."""
    if name in ("records", "readings") and isinstance(made_up, list):
        return [with_real(element) for element in made_up]
    if name == "record":
        return with_real(made_up)
    if name == "disabled" and made_up is True:
        return False  # the other operations need what is there
    chance = zlib.crc32(repr(made_up).encode())
    if not isinstance(made_up, str) or not made_up.strip() or len(made_up) > 200 or chance % 8 == 0:
        return made_up
    choices = REAL.get(name, [made_up])
    return choices[chance // 8 % len(choices)]


def with_real(values: Any) -> Any:
    return {name: real(name, value) for name, value in values.items()} if isinstance(values, dict) else values


@schema.hook
def map_body(_: object, body: Any) -> Any:
    return with_real(body)


@schema.hook
def map_path_parameters(_: object, path_parameters: Any) -> Any:
    return with_real(path_parameters)


@schema.hook
def map_query(_: object, query: Any) -> Any:
    return with_real(query)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_answer_is_described(row: Operation, things: RunningServer) -> None:
    """One test a row, under the row's name: tests that share a name are run once by xdist, however many they are."""
    operation = schema[row.http.path][row.http.method]

    @given(operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def every_answer(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(
            base_url=things.address, headers={"Authorization": f"Bearer {things.token()}"}, checks=CHECKS
        )

    every_answer()
