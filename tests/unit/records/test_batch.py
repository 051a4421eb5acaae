"""What a batch does at the edges that no client reaches in a day."""

from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.operation import Caller, Role
from hydrobit.records.batch import SUM_MAX
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query
from tests.embedded import MovedClock, running
from tests.servers import event, opening

ADMIN = Caller(demo.ADMIN, 1, demo.COMPANY, Role.admin)
FILL = Query("fill", "update head set units = ? where company = 1", ("units",))


def fill(tx: Transaction, units: int) -> None:
    tx.run(FILL, units=units)


@pytest.mark.parametrize("of_bulk", [False, True])
async def test_a_count_that_would_overflow_the_sum_is_refused_alone(tmp_path: Path, of_bulk: bool) -> None:
    async with running(tmp_path / "data", MovedClock()) as house:
        session_id = (await house.call("createProductionSession", ADMIN, opening())).data["sessionId"]
        await house.engine.write(fill, SUM_MAX - 1_500_000)  # a million counts of the greatest size would lead here
        large, small = event(session_id, "large", units=2), event(session_id, "small", units=1)
        if of_bulk:
            answer = await house.call(
                "bulkCreateProductionRecords", ADMIN, {"auth0Id": demo.ADMIN, "records": [large, small]}
            )
            assert [result["statusCode"] for result in answer.body["results"]] == [400, 201]
        else:
            assert (await house.call("createProductionRecord", ADMIN, large)).code == "invalid_value"
            assert (await house.call("createProductionRecord", ADMIN, small)).status == 201
