"""A single call: what it sends, what it makes of the answer, and which rows of the table it stands for."""

import re
from typing import Any

import msgspec
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.client import calls
from hydrobit.client.calls import Asked
from hydrobit.client.failures import Declined, Unanswered
from hydrobit.client.steps import Answer, Pace
from hydrobit.client.talk import ask
from tests.fields import Field, Ledger, failure

ROWS = {row.name: row for row in OPERATIONS}
COUNT = {
    "sessionId": "session",
    "workerId": "JS0315",
    "worker_name": "John Smith",
    "units": 5,
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "clientEventId": "evt_1",
}
EACH: list[Asked[Any]] = [
    calls.open_session("proj_123", "sector_001", "Lote A-1", opened_at="2025-10-19T14:00:00.000Z", price_per_unit=5.5),
    calls.list_sessions(status="open", limit=5),
    calls.read_session("session"),
    calls.change_session("session", notes="Dew"),
    calls.close_session("session", notes="Done"),
    calls.extend_session("session", 18),
    calls.record(COUNT),
    calls.record_many([COUNT]),
    calls.void("rec_1", "Twice"),
    calls.read_record("rec_1"),
    calls.is_key_used("key"),
    calls.list_projects(),
    calls.list_workers(search="smith"),
    calls.read_worker("JS0315"),
    calls.add_worker("John", "Smith", position="p", employment_type="e", hire_date="2025-03-15"),
]


@pytest.mark.parametrize("asked", EACH, ids=lambda asked: asked.operation)
def test_a_call_is_that_of_its_row(asked: Asked[Any]) -> None:
    row = ROWS[asked.operation]
    request = asked.request("user_1")
    assert (asked.method, asked.answer) == (row.http.method, row.answer)
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", row.http.path), asked.path)
    assert set(request.query) <= {parameter.name for parameter in row.parameters}
    if row.request is None:
        assert request.body is None
    else:
        assert request.body is not None
        assert row.request.decode(request.body)[1] == (), "no member that the row does not know"


def talk(field: Field, asked: Asked[Any], pace: Pace | None = None) -> Any:
    return field.run(ask(asked, "user_1", pace or Pace(), lambda: 0.0))


def test_the_answer_is_what_stands_in_the_envelope() -> None:
    told = talk(Field(Ledger()), calls.record(COUNT))
    assert (told.payloadPreview.recordId, told.idempotent) == ("rec_0", False)
    assert calls.decimal(told.payloadPreview.units) == 5


def test_a_lost_answer_is_met_by_the_same_call() -> None:
    field = Field(Ledger())
    field.next.extend([None, failure(500, "internal"), Answer(200, b"<html>")])
    assert talk(field, calls.record(COUNT)).idempotent is False
    assert len({request.body for request in field.sent}) == 1


def test_an_opening_that_is_repeated_carries_the_same_local_id() -> None:
    opening = calls.open_session("proj_123", "sector_001", "Lote A-1", opened_at="2025-10-19T14:00:00.000Z")
    first, second = opening.request("user_1"), opening.request("user_1")
    assert first.body == second.body
    assert msgspec.json.decode(first.body or b"")["localId"]


def test_a_refusal_is_told_with_its_code_and_not_repeated() -> None:
    field = Field(Ledger())
    field.next.append(failure(409, "session_closed"))
    with pytest.raises(Declined, match="409 session_closed") as refused:
        talk(field, calls.record(COUNT))
    assert (refused.value.status, refused.value.code, len(field.sent)) == (409, "session_closed", 1)


def test_a_token_is_renewed_once_a_call() -> None:
    field = Field(Ledger())
    field.next.append(failure(401, "token_expired"))
    assert talk(field, calls.record(COUNT)).payloadPreview.recordId == "rec_0"
    field.next.extend([failure(401, "token_expired")] * 2)
    with pytest.raises(Declined, match="token_expired"):
        talk(field, calls.record(COUNT))
    assert field.renewals == 2


def test_nobody_there_is_told_after_so_many_tries() -> None:
    field = Field(Ledger())
    field.next.extend([None] * 3)
    with pytest.raises(Unanswered, match="3 times"):
        talk(field, calls.read_session("session"), Pace(tries_max=3))


@pytest.mark.parametrize(("status", "is_used"), [(200, True), (404, False)])
def test_whether_a_key_was_used_is_told_without_a_body(status: int, is_used: bool) -> None:
    field = Field(Ledger())
    field.next.append(Answer(status, b""))
    assert talk(field, calls.is_key_used("key")) is is_used
