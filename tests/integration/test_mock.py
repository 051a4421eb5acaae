"""The mock server: every row with its examples, spaces, and what keeps them apart and small."""

from collections.abc import AsyncIterator

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.operation import Operation
from tests.mocks import RunningMock, event, running


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[RunningMock]:
    async with running() as found:
        yield found


@pytest.mark.parametrize("prefix", ["", "/_mock/spec/openapi"])
@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
async def test_every_row_succeeds_with_its_examples_in_a_fresh_space(
    mock: RunningMock, row: Operation, prefix: str
) -> None:
    answer = await mock.call(row.name, prefix=prefix)
    assert answer.status_code in row.http.statuses, answer.text
    if answer.status_code == 207:
        parts = [part["statusCode"] for part in answer.json()["results"]]
        assert parts == [201] * len(parts), answer.text


async def test_a_space_stays_and_the_placeholder_has_a_fresh_one_for_each_call(mock: RunningMock) -> None:
    assert [(await mock.call("createProductionRecord", "mine")).status_code for _ in range(2)] == [201, 200]
    assert [(await mock.call("createProductionRecord")).status_code for _ in range(2)] == [201, 201]


async def test_the_first_caller_of_a_space_owns_its_session(mock: RunningMock) -> None:
    mine = {"auth0Id": "user_of_mine"}
    assert (await mock.call("createProductionRecord", "owned", body=event(1, **mine))).status_code == 201
    assert (await mock.call("getProductionSession", "owned")).json()["data"]["auth0Id"] == "user_of_mine"
    other = await mock.call("createProductionRecord", "owned", body=event(2, auth0Id="user_other"))
    assert (other.status_code, other.json()["code"]) == (403, "not_owner")
