"""Reading a body: what is wrong is named, what is unknown is told, and nothing else gets out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.errors import Code, Refused
from hydrobit.wire.body import Body
from hydrobit.wire.records import BulkInput, RecordInput
from hydrobit.wire.sessions import SessionInput

RECORD: dict[str, Any] = {
    "auth0Id": "user_123456789",
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "workerId": "JS0315",
    "worker_name": "John Smith",
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "clientEventId": "evt_1",
}
SESSION: dict[str, Any] = {
    "auth0Id": "user_123456789",
    "projectId": "proj_123",
    "openedAt": "2025-10-19T08:00:00.000Z",
    "sectorId": "sector_001",
    "sector_name": "Lote A-1",
}
record, session, bulk = Body(RecordInput), Body(SessionInput), Body(BulkInput)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def sent(body: object) -> bytes:
    return json.dumps(body).encode()


def refusal(reader: Body[Any], body: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        reader.decode(body)
    return refused.value


def is_read_or_refused(reader: Body[Any], body: bytes) -> bool:
    try:
        reader.decode(body)
    except Refused as refused:
        return refused.status == 400
    return True


def test_unknown_fields_are_accepted_and_named() -> None:
    found, ignored = record.decode(sent(RECORD | {"colour": "red", "weather": {"rain": True}}))
    assert found.workerId == "JS0315"
    assert ignored == ("colour", "weather")


def test_unknown_fields_of_a_nested_object_are_named_with_their_path() -> None:
    bonus = {"type": "flat", "value": 10, "currency": "MXN"}
    _, ignored = session.decode(sent(SESSION | {"bonus": bonus, "harvest": 1}))
    assert ignored == ("harvest", "bonus.currency")


@pytest.mark.parametrize("value", ["1e999", "9" * 5_000, '"\\u0000"', "[" * 200 + "]" * 200])
def test_what_stands_in_an_unknown_field_is_never_a_reason_to_refuse(value: str) -> None:
    body = sent(RECORD)[:-1] + f', "colour": {value}}}'.encode()
    assert record.decode(body)[1] == ("colour",)


def test_of_duplicate_keys_the_last_one_wins() -> None:
    assert record.decode(b'{"workerId": "A", ' + sent(RECORD)[1:])[0].workerId == "JS0315"


def test_a_byte_order_mark_is_accepted() -> None:
    assert record.decode(b"\xef\xbb\xbf" + sent(RECORD))[0].workerId == "JS0315"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        sent(RECORD) + b"{}",
        b"{'a': 1}",
        sent(RECORD).decode().encode("utf-16"),
        sent(RECORD).decode().encode("utf-32"),
        sent(RECORD)[:-1] + b', "worker_name": "Jos\xe9"}',
        sent(RECORD)[:-1] + b', "colour": "Jos\xe9"}',
        sent(RECORD)[:-1] + b', "units": NaN}',
        sent(RECORD)[:-1] + b', "units": Infinity}',
        sent(RECORD)[:-1] + b', "units": -Infinity}',
        sent(RECORD)[:-1] + b', "units": 007}',
        sent(RECORD)[:-1] + b', "colour": NaN}',
        sent(RECORD)[:-1] + b', "worker_name": "\\ud800"}',
        sent(RECORD)[:-1] + b', "evidence": ' + b"[" * 100_000,
        sent(RECORD)[:-1] + b', "colour": ' + b'{"a":' * 100_000,
    ],
)
def test_what_is_no_utf8_json_is_invalid_json(body: bytes) -> None:
    assert refusal(record, body).code is Code.invalid_json


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"true", b"[[[[]]]]"])
def test_a_body_that_is_no_object_has_the_wrong_type(body: bytes) -> None:
    refused = refusal(record, body)
    assert refused.code is Code.wrong_type
    assert refused.detail.startswith("The body must be an object")


@pytest.mark.parametrize("name", list(RECORD))
def test_a_required_field_that_is_left_out_or_null_is_missing(name: str) -> None:
    left_out = {key: value for key, value in RECORD.items() if key != name}
    for body in (left_out, RECORD | {name: None}):
        refused = refusal(record, sent(body))
        assert (refused.code, refused.extra) == (Code.missing_field, {"field": name})
        assert name in refused.detail


@pytest.mark.parametrize("name", list(RECORD))
@pytest.mark.parametrize("value", [5, 1.5, True, [], {}])
def test_a_field_of_another_type_is_named(name: str, value: object) -> None:
    refused = refusal(record, sent(RECORD | {name: value}))
    assert (refused.code, refused.extra) == (Code.wrong_type, {"field": name})


@pytest.mark.parametrize(
    ("bonus", "field", "code"),
    [
        ({"value": 1}, "bonus.type", Code.missing_field),
        ({"type": "share", "value": 1}, "bonus.type", Code.invalid_value),
        ({"type": "flat"}, "bonus.value", Code.missing_field),
        ("ten", "bonus", Code.wrong_type),
    ],
)
def test_a_nested_field_is_named_with_its_path(bonus: object, field: str, code: Code) -> None:
    refused = refusal(session, sent(SESSION | {"bonus": bonus}))
    assert (refused.code, refused.extra) == (code, {"field": field})


def test_elements_of_a_list_are_left_for_later_so_that_a_wrong_one_fails_alone() -> None:
    found, _ = bulk.decode(sent({"auth0Id": "u", "records": [RECORD, 5, None, "x"]}))
    assert [bytes(element) for element in found.records[1:]] == [b"5", b"null", b'"x"']


@given(JSON_VALUES)
def test_any_json_is_read_or_refused(value: object) -> None:
    for reader in (record, session, bulk):
        assert is_read_or_refused(reader, sent(value))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert refusal(record, body).status == 400


@given(st.dictionaries(st.sampled_from([*RECORD, "units", "evidence", "deviceSeq"]), JSON_VALUES))
def test_a_record_with_any_values_is_read_or_refused(changes: dict[str, object]) -> None:
    assert is_read_or_refused(record, sent(RECORD | changes))
