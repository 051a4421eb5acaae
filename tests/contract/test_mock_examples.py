"""The mock answers the published examples to the letter, to whoever prefers them (RFC 7240)."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.mock import preferences
from hydrobit.publish.refusals import codes_by_status
from tests.contract.comparison import operations, resolve
from tests.mocks import RunningMock, running

Json = dict[str, Any]
HEADER_BYTES = 32_000
"""As long as the server takes a head."""


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[RunningMock]:
    async with running() as found:
        yield found


def published_answers(published: Json) -> list[tuple[str, int, Any]]:
    """Operation, status and example of every answer that has one, in the media type or in its schema."""
    found = []
    for name, (method, path) in operations(published).items():
        for status, answer in published["paths"][path][method]["responses"].items():
            media = resolve(published, answer).get("content", {}).get("application/json", {})
            schema = resolve(published, media.get("schema", {}))
            if "example" in media or "example" in schema:
                found.append((name, int(status), media["example"] if "example" in media else schema["example"]))
    return found


async def test_every_published_example_of_an_answer_comes_back_equal(mock: RunningMock, published: Json) -> None:
    answers = published_answers(published)
    assert {status for _, status, _ in answers} >= {200, 201, 207, 400, 401, 403, 404, 409, 500}
    for name, status, example in answers:
        answer = await mock.call(name, headers={"prefer": f"code={status}"})
        assert (answer.status_code, answer.json()) == (status, example), name
        assert answer.headers["preference-applied"] == f"code={status}"


async def test_every_status_that_a_row_can_answer_by_a_code_has_its_example(mock: RunningMock) -> None:
    for row in OPERATIONS:
        for status in codes_by_status(row):
            answer = await mock.call(row.name, headers={"prefer": f"code={status}"})
            assert answer.status_code == status, row.name
            assert bool(answer.content) == (row.http.method != "HEAD")


@pytest.mark.parametrize(
    ("name", "prefer", "status", "path", "value"),
    [
        ("createProductionSession", "example=fullSession", 201, "status", "success"),
        ("createProductionRecord", 'example="200"', 200, "status", "success"),
        ("createProductionRecord", "respond-async, example=session_closed; wait=1", 409, "code", "session_closed"),
        ("createProductionRecord", "code=409, example=idempotency_conflict", 409, "code", "idempotency_conflict"),
        ("createProductionRecord", "CODE=201,code=500", 201, "status", "success"),
    ],
)
async def test_an_example_is_found_by_its_name_its_status_or_both(
    mock: RunningMock, name: str, prefer: str, status: int, path: str, value: str
) -> None:
    answer = await mock.call(name, headers={"prefer": prefer})
    assert (answer.status_code, answer.json()[path]) == (status, value)


@pytest.mark.parametrize("status", [200, 404])
async def test_an_answer_to_head_is_preferred_by_its_status_and_has_no_body(mock: RunningMock, status: int) -> None:
    answer = await mock.call("checkIdempotencyKey", headers={"prefer": f"code={status}"})
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["preference-applied"] == f"code={status}"


@pytest.mark.parametrize("prefer", ["example=nothing", "code=418", "code=409, example=201"])
async def test_an_example_that_there_is_not_is_told_with_those_there_are(mock: RunningMock, prefer: str) -> None:
    answer = await mock.call("createProductionRecord", headers={"prefer": prefer})
    body = answer.json()
    assert (answer.status_code, body["code"], body["field"]) == (400, "invalid_value", "Prefer")
    assert "200, 201, event, 400, invalid_json" in body["error"]


@pytest.mark.parametrize("filling", ["a", " ", 'a"', '"', "=", "a, ", "a="])
def test_a_long_header_is_read_in_no_time(filling: str) -> None:
    """Anybody may send one: 16 kB of it once took the event loop for 48 s."""
    long = (filling * HEADER_BYTES)[:HEADER_BYTES]
    begun = time.process_time()
    preferences.read(f"{long}!".encode())
    assert time.process_time() - begun < 1


async def test_other_preferences_change_nothing(mock: RunningMock) -> None:
    answer = await mock.call("createProductionRecord", headers={"prefer": "respond-async, return=minimal"})
    assert answer.status_code == 201
    assert "preference-applied" not in answer.headers


async def test_an_example_changes_nothing_in_the_space(mock: RunningMock) -> None:
    await mock.call("createProductionRecord", "unchanged", headers={"prefer": "code=201"})
    assert (await mock.call("createProductionRecord", "unchanged")).status_code == 201
