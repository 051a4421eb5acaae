"""The derived document keeps what is published: paths, parameters, fields, types, flags, statuses, examples."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from hydrobit.catalog import OPERATIONS
from hydrobit.wire.body import Body
from hydrobit.wire.records import BulkRecordInput
from tests.answers import described
from tests.contract.comparison import Comparison, Json, operations, resolve

NOT_BUILT_YET: frozenset[str] = frozenset()
"""Published operations that no row fulfils yet. A row that does takes its name from here."""

OWN_TAGS = {"Administration"}
"""Tags that are not published: their operations are all ours."""

_NAME = {"minLength": 1, "maxLength": 200}
_KEY = {"minLength": 1, "maxLength": 200}
_NOTE = {"maxLength": 2_000}
DECIDED_LIMITS: dict[str, Json] = {
    # contract, "Reading a request": names, notes, keys, worker ids; a blank text counts as missing
    "projectId": _NAME,
    "sectorId": _NAME,
    "sector_name": _NAME,
    "sessionId": _NAME,
    "worker_name": _NAME,
    "deviceId": {"maxLength": 200},
    "notes": _NOTE,
    "note": _NOTE,
    "reason": {"minLength": 1, **_NOTE},
    "clientEventId": _KEY,
    "idempotencyKey": _KEY,
    "localId": _KEY,
    "workerId": {"minLength": 1, "maxLength": 64, "pattern": "^[^:]*$"},
    # contract, "Workers": names and texts; ours: a rate is an amount, and a list has an end
    **dict.fromkeys(("first_name", "last_name", "position", "employment_type"), _NAME),
    **{name: {"maxLength": 200} for name in ("phone", "email", "emergency_contact_name", "emergency_contact_phone")},
    "hourly_rate": {"maximum": 1_000_000},
    "skills": {"maxItems": 100},
    # contract, "Forms", and its names; ours: degrees lie where degrees can, and a form has an end
    "_id": _NAME,
    "type": _NAME,
    "form_id": {"maxLength": 200},
    "latitude": {"minimum": -90, "maximum": 90},
    "longitude": {"minimum": -180, "maximum": 180},
    "segundos": {"minimum": 0},
    "form_values": {"maxItems": 300},
    # contract, "Sessions"
    "maxDurationHours": {"maximum": 72},
    # ours: amounts are summed in 64 bits, and a unit is a word
    "pricePerUnit": {"maximum": 1_000_000},
    "value": {"maximum": 1_000_000},
    "samplingUnit": {"maxLength": 50},
}
"""By what a request field is narrower than the published one."""

ROWS = {row.name: row for row in OPERATIONS}


def test_the_derived_document_keeps_all_that_is_published(published: Json, derived: Json) -> None:
    assert Comparison(published, derived, DECIDED_LIMITS).differences(NOT_BUILT_YET) == []


def test_every_decided_limit_is_one_that_the_document_tells(published: Json, derived: Json) -> None:
    comparison = Comparison(published, derived, DECIDED_LIMITS)
    comparison.differences(NOT_BUILT_YET)
    decided = {(field, member) for field, limits in DECIDED_LIMITS.items() for member in limits}
    assert comparison.limits_met == decided


def test_title_version_and_tags_are_the_published_ones(published: Json, derived: Json) -> None:
    assert derived["openapi"] == published["openapi"]
    assert [derived["info"][name] for name in ("title", "version")] == ["Hydrobit API", "2.0.0"]
    assert {tag["name"] for tag in derived["tags"]} <= {*(tag["name"] for tag in published["tags"]), *OWN_TAGS}


@pytest.mark.parametrize("component", ["parameters", "responses", "schemas", "securitySchemes"])
def test_what_the_built_operations_refer_to_keeps_its_published_name(
    published: Json, derived: Json, component: str
) -> None:
    used = _references(published, [published["paths"][path][method] for method, path in _built(published).values()])
    wanted = {name.rpartition("/")[2] for name in used if name.startswith(f"#/components/{component}/")}
    assert wanted <= derived["components"][component].keys()


def test_the_document_is_open_api_with_sound_schemas(derived: Json) -> None:
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(derived)] == []
    for reference in _references(derived, [derived["paths"], derived["components"]]):
        assert resolve(derived, {"$ref": reference})
    for schema in derived["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path, item in derived["paths"].items():
        for operation in item.values():
            parameters = [resolve(derived, one) for one in operation.get("parameters", ())]
            in_path = {one["name"] for one in parameters if one["in"] == "path"}
            assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_every_component_schema_is_used(derived: Json) -> None:
    used = _references(derived, [derived["paths"], derived["components"]["responses"]])
    assert {name.rpartition("/")[2] for name in used if "/schemas/" in name} == derived["components"]["schemas"].keys()


def test_published_examples_fit_the_derived_schemas(published: Json, derived: Json) -> None:
    document = described(derived)
    faults = []
    for name, (method, path) in _built(published).items():
        theirs, ours = published["paths"][path][method], derived["paths"][path][method]
        bodies = [("request", theirs.get("requestBody", {}), ours.get("requestBody", {}))]
        for status, answer in theirs["responses"].items():
            bodies.append((status, resolve(published, answer), resolve(derived, ours["responses"][status])))
        for place, their_body, our_body in bodies:
            for kind, media in their_body.get("content", {}).items():
                for example in _examples(media):
                    found = document.faults(our_body["content"][kind]["schema"], example)
                    faults += [f"{name} {place}: {fault}" for fault in found]
    assert faults == []


def test_own_examples_fit_the_derived_schemas(derived: Json) -> None:
    document = described(derived)
    faults = []
    for name, schema in derived["components"]["schemas"].items():
        for example in ([schema["example"]] if "example" in schema else []) + schema.get("examples", []):
            faults += [f"{name}: {fault}" for fault in document.faults(schema, example)]
        for field, inner in schema.get("properties", {}).items():
            for example in inner.get("examples", ()):
                faults += [f"{name}.{field}: {fault}" for fault in document.faults(inner, example)]
    for parameter in derived["components"]["parameters"].values():
        faults += document.faults(parameter["schema"], parameter["example"])
    assert faults == []


def test_published_request_examples_are_read_by_the_rows(published: Json) -> None:
    for name, (method, path) in _built(published).items():
        content = published["paths"][path][method].get("requestBody", {}).get("content", {})
        for media in content.values():
            for example in _examples(media):
                _assert_read(name, example)


def test_a_request_of_all_published_fields_is_read_by_the_row(published: Json) -> None:
    for name, (method, path) in _built(published).items():
        content = published["paths"][path][method].get("requestBody", {}).get("content", {})
        for media in content.values():
            _assert_read(name, _sample(published, media["schema"]))


SPOILT: dict[str, tuple[Callable[[Json], Any], str]] = {
    "a path": (
        lambda d: d["paths"].pop("/api/control/production/records/bulk"),
        "bulkCreateProductionRecords: post /api/control/production/records/bulk is missing",
    ),
    "a method": (
        lambda d: d["paths"]["/api/control/production/sessions"].update(put=_post(d, "sessions")),
        "createProductionSession: post /api/control/production/sessions is missing",
    ),
    "a parameter": (
        lambda d: _key_check(d)["parameters"].clear(),
        "checkIdempotencyKey: parameter key in query is missing",
    ),
    "a parameter's place": (
        lambda d: d["components"]["parameters"]["SessionId"].update({"in": "query"}),
        "getProductionSession: parameter sessionId in path is missing",
    ),
    "a parameter's required flag": (
        lambda d: _key_check(d)["parameters"][0].update(required=False),
        "parameter key in query: required True became False",
    ),
    "a parameter's example": (
        lambda d: d["components"]["parameters"]["RecordId"].update(example="rec_1"),
        "parameter recordId in path: example 'rec_1234567890abcdef' became 'rec_1'",
    ),
    "a parameter's type": (
        lambda d: d["components"]["parameters"]["RecordId"]["schema"].update(type="integer"),
        "parameter recordId in path: type 'string' became 'integer'",
    ),
    "a request field": (
        lambda d: _fields(d, "RecordInput").pop("worker_name"),
        "createProductionRecord: request body.worker_name is missing",
    ),
    "a field of a bulk element": (
        lambda d: _fields(d, "BulkRecordInput").pop("units"),
        "bulkCreateProductionRecords: request body.records[].units is missing",
    ),
    "an inferred field": (
        lambda d: _fields(d, "RecordInput").pop("evidence"),
        "createProductionRecord: request body.evidence is missing",
    ),
    "a field's type": (
        lambda d: _fields(d, "RecordInput")["units"].update(type="string"),
        "request body.units: type 'number' became 'string'",
    ),
    "a field's null": (
        lambda d: _fields(d, "Session")["closedAt"].update(type="string"),
        "status 201.data.closedAt: type ['string', 'null'] became 'string'",
    ),
    "a field's format": (
        lambda d: _fields(d, "SessionInput")["openedAt"].pop("format"),
        "request body.openedAt: format 'date-time' became None",
    ),
    "a field's bound": (
        lambda d: _fields(d, "SessionExtension")["maxDurationHours"].update(minimum=2),
        "extendProductionSession: request body.maxDurationHours: minimum 1 became 2",
    ),
    "an inferred bound": (
        lambda d: _fields(d, "RecordInput")["units"].pop("maximum"),
        "createProductionRecord: request body.units: maximum 1000000 became None",
    ),
    "a field's default": (
        lambda d: _fields(d, "RecordInput")["units"].pop("default"),
        "createProductionRecord: request body.units: default 1 became None",
    ),
    "a field's example": (
        lambda d: _fields(d, "VoidPreview")["recordId"].update(examples=["x"]),
        "status 200.data.payloadPreview.recordId: examples ['rec_void_9876543210'] became ['x']",
    ),
    "a choice": (
        lambda d: _fields(d, "Session")["status"]["enum"].remove("closed"),
        "status 201.data.status: enum ['open', 'closed'] became ['open']",
    ),
    "a condition": (
        lambda d: d["components"]["schemas"]["Bonus"].pop("then"),
        "request body.bonus: then {'properties': {'value': {'maximum': 100}}} became None",
    ),
    "a limit of our own": (
        lambda d: _fields(d, "RecordInput")["deviceId"].update(maxLength=10),
        "createProductionRecord: request body.deviceId: maxLength 10 is not published",
    ),
    "unknown fields refused": (
        lambda d: d["components"]["schemas"]["RecordInput"].update(additionalProperties=False),
        "createProductionRecord: request body: unknown members would be refused",
    ),
    "a field no longer required": (
        lambda d: d["components"]["schemas"]["RecordInput"]["required"].remove("auth0Id"),
        "createProductionRecord: request body.auth0Id: no longer required",
    ),
    "a field newly required": (
        lambda d: d["components"]["schemas"]["RecordInput"]["required"].append("units"),
        "createProductionRecord: request body.units: required, and not so published",
    ),
    "a body no longer optional": (
        lambda d: _post(d, "sessions/{sessionId}/close")["requestBody"].update(required=True),
        "closeProductionSession: request body: required False became True",
    ),
    "a field of an answer": (
        lambda d: _fields(d, "RecordCreatedData").pop("idempotent"),
        "createProductionRecord: status 201.data.idempotent is missing",
    ),
    "a field of an error": (
        lambda d: _fields(d, "Error").pop("error"),
        "createProductionRecord: status 409.error is missing",
    ),
    "a status": (
        lambda d: _post(d, "records")["responses"].pop("200"),
        "createProductionRecord: status 200 is missing",
    ),
    "an inferred status": (
        lambda d: _key_check(d)["responses"].pop("403"),
        "checkIdempotencyKey: status 403 is missing",
    ),
    "a shared answer": (
        lambda d: _post(d, "records")["responses"].update({"404": {"$ref": "#/components/responses/Conflict"}}),
        "status 404: #/components/responses/NotFound became #/components/responses/Conflict",
    ),
    "a content type": (
        lambda d: _post(d, "records")["responses"]["201"].pop("content"),
        "createProductionRecord: status 201: content types ['application/json'] became []",
    ),
    "the example of a request": (
        lambda d: _json(_post(d, "records")["requestBody"])["example"].update(workerId="XX0101"),
        "createProductionRecord: request body: the example became",
    ),
    "a named example": (
        lambda d: _json(_post(d, "sessions")["requestBody"])["examples"].pop("fullSession"),
        "createProductionSession: request body: the example fullSession became None",
    ),
    "the example of an answer": (
        lambda d: _json(_post(d, "records")["responses"]["201"])["example"]["data"].update(idempotent=0),
        "createProductionRecord: status 201: the example became",
    ),
    "the example of a schema": (
        lambda d: d["components"]["schemas"]["Error"].pop("example"),
        "createProductionRecord: status 400: example",
    ),
    "a tag": (
        lambda d: _post(d, "records").update(tags=["Records"]),
        "createProductionRecord: tags: ['Production Records'] became ['Records']",
    ),
    "the way to authenticate": (
        lambda d: _post(d, "records").update(security=[]),
        "createProductionRecord: security: bearerAuth is missing",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_document_is_told_by_name(published: Json, derived: Json, what: str) -> None:
    spoil, sentence = SPOILT[what]
    spoil(derived)
    found = Comparison(published, derived, DECIDED_LIMITS).differences(NOT_BUILT_YET)
    assert any(sentence in difference for difference in found), found


def test_a_built_operation_may_not_be_listed_as_missing(published: Json, derived: Json) -> None:
    found = Comparison(published, derived, DECIDED_LIMITS).differences(NOT_BUILT_YET | {"getProductionRecord"})
    assert found == ["getProductionRecord: listed as not built, and yet it is there"]


def test_a_missing_operation_has_to_be_listed(published: Json, derived: Json) -> None:
    del derived["paths"]["/mqtt"]
    found = Comparison(published, derived, DECIDED_LIMITS).differences(NOT_BUILT_YET)
    assert found == ["mqttOverWebSocket: get /mqtt is missing"]


def _built(published: Json) -> dict[str, tuple[str, str]]:
    return {name: place for name, place in operations(published).items() if name not in NOT_BUILT_YET}


def _references(document: Json, roots: Any) -> set[str]:
    """Every reference below, followed."""
    found: set[str] = set()
    waiting = [roots]
    while waiting:
        match waiting.pop():
            case dict() as node:
                reference = node.get("$ref")
                if isinstance(reference, str) and reference not in found:
                    found.add(reference)
                    waiting.append(resolve(document, {"$ref": reference}))
                waiting += node.values()
            case list() as nodes:
                waiting += nodes
    return found


def _examples(media: Json) -> list[Any]:
    named = [example["value"] for example in media.get("examples", {}).values()]
    return [*named, *([media["example"]] if "example" in media else [])]


def _sample(document: Json, schema: Json) -> Any:
    """A value made of the examples of a schema's fields."""
    schema = resolve(document, schema)
    if "properties" in schema:
        return {name: _sample(document, inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        return [_sample(document, schema["items"])]
    if "enum" in schema or "examples" in schema:
        return (schema.get("enum") or schema["examples"])[0]
    if schema.get("format") == "date-time":
        return "2025-10-19T14:30:00.000Z"
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    return {"string": "text", "integer": 1, "number": 1.5, "object": {}}[kind]


def _assert_read(name: str, body: Any) -> None:
    request = ROWS[name].request
    assert request is not None
    _, ignored = request.decode(json.dumps(body).encode())
    assert ignored == (), name
    for element in body.get("records", ()):
        assert Body(BulkRecordInput).decode(json.dumps(element).encode())[1] == ()


def _post(document: Json, path: str) -> Any:
    item = document["paths"][f"/api/control/production/{path}"]
    return item["post"]


def _key_check(document: Json) -> Any:
    return document["paths"]["/api/control/production/records/check-idempotency"]["head"]


def _fields(document: Json, schema: str) -> Any:
    return document["components"]["schemas"][schema]["properties"]


def _json(body: Json) -> Any:
    return body["content"]["application/json"]
