"""The mock server: every row with its examples, spaces, and what keeps them apart and small."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image

from hydrobit.catalog import OPERATIONS
from hydrobit.ledger import store as ledger
from hydrobit.mock import faults
from hydrobit.mock.faults import Fault, FaultKind, Heard
from hydrobit.mock.seeds import RECORD_SEQ, SESSION_SEQ
from hydrobit.mock.spaces import by_header, by_token
from hydrobit.operation import Operation
from hydrobit.publish.site.trying import MOCK
from tests.mocks import ROWS, RunningMock, event, example, running


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[RunningMock]:
    async with running() as found:
        yield found


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
async def test_every_row_succeeds_with_its_examples_in_a_fresh_space(mock: RunningMock, row: Operation) -> None:
    answer = await mock.call(row.name)
    assert answer.status_code in row.http.statuses, answer.text
    if answer.status_code == 207:
        parts = [part["statusCode"] for part in answer.json()["results"]]
        assert parts == [201] * len(parts), answer.text


async def test_the_published_path_leads_to_the_same_spaces(mock: RunningMock) -> None:
    assert (await mock.call("createProductionRecord", "paths")).status_code == 201
    assert (await mock.call("createProductionRecord", "paths", prefix=MOCK)).status_code == 200


async def test_a_space_stays_and_the_placeholder_has_a_fresh_one_for_each_call(mock: RunningMock) -> None:
    assert [(await mock.call("createProductionRecord", "mine")).status_code for _ in range(2)] == [201, 200]
    assert [(await mock.call("createProductionRecord")).status_code for _ in range(2)] == [201, 201]


async def test_the_first_caller_of_a_space_owns_its_session(mock: RunningMock) -> None:
    mine = {"auth0Id": "user_of_mine"}
    assert (await mock.call("createProductionRecord", "owned", body=event(1, **mine))).status_code == 201
    assert (await mock.call("getProductionSession", "owned")).json()["data"]["auth0Id"] == "user_of_mine"
    other = await mock.call("createProductionRecord", "owned", body=event(2, auth0Id="user_other"))
    assert (other.status_code, other.json()["code"]) == (403, "not_owner")


async def test_a_call_that_names_nobody_is_its_owner_s_and_else_the_user_of_the_examples(mock: RunningMock) -> None:
    session = await mock.call("getProductionSession", "nobody")
    assert session.json()["data"]["auth0Id"] == "user_123456789"
    assert (await mock.call("createProductionRecord", "somebody", body=event(1, auth0Id="user_b"))).status_code == 201
    assert (await mock.call("getProductionSession", "somebody")).status_code == 200


async def test_a_neighbour_finds_their_own_company_and_leaves_the_session_to_its_users(mock: RunningMock) -> None:
    mine = event(1, auth0Id="user_555000111")
    assert (await mock.call("createProductionRecord", "next door", body=mine)).json()["code"] == "session_not_found"
    assert (await mock.call("createProductionRecord", "next door")).status_code == 201


async def test_roles_count_and_whoever_is_unknown_is_an_admin(mock: RunningMock) -> None:
    body = example(ROWS["setTemplate"])
    for user, status in (("user_987654321", 403), ("user_new", 200)):
        answer = await mock.call("setTemplate", "roles", body=body | {"auth0Id": user})
        assert answer.status_code == status, answer.text


async def test_without_a_token_it_is_401_as_at_the_server(mock: RunningMock) -> None:
    path, space = "/api/control/admin/company", {"x-mock-space": "mine"}
    answer = await mock.client.get(path, headers=space)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for headers in ({"authorization": "Basic eA=="}, {"authorization": "Bearer a", "x-api-key": "b"}):
        answer = await mock.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    for name in ("x-api-key", "x-iot-token"):
        assert (await mock.client.get(path, headers={name: "any text"})).status_code == 200


async def test_the_header_chooses_a_space_before_the_token_does(mock: RunningMock) -> None:
    here, there = {"x-mock-space": "here"}, {"x-mock-space": "there"}
    calls = [
        ("one", here, 201),
        ("two", here, 200),
        ("one", there, 201),
        ("one", {}, 201),
        ("<YOUR_JWT_HERE>", here, 200),
    ]
    for token, headers, status in calls:
        assert (await mock.call("createProductionRecord", token, headers=headers)).status_code == status
    long = await mock.call("createProductionRecord", headers={"x-mock-space": "x" * 201})
    assert (long.status_code, long.json()["field"]) == (400, "x-mock-space")


async def test_spaces_share_nothing(mock: RunningMock) -> None:
    worker = example(ROWS["createWorker"]) | {"first_name": "Only", "last_name": "Here"}
    made = (await mock.call("createWorker", "first", body=worker)).json()["data"]
    path = {"worker": made["workerId"]}
    assert (await mock.call("getWorker", "first", path=path)).status_code == 200
    assert (await mock.call("getWorker", "second", path=path)).status_code == 404


async def test_the_same_event_at_once_counts_once(mock: RunningMock) -> None:
    answers = await asyncio.gather(*(mock.call("createProductionRecord", "crowd") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["data"]["payloadPreview"]["recordId"] for answer in answers}) == 1


async def test_the_ledger_of_a_space_is_the_real_one(mock: RunningMock) -> None:
    await mock.call("createProductionRecord", "ledger")
    space = await mock.spaces.space(by_token("ledger"))
    before, made = [await space.read(ledger.by_seq, 1, RECORD_SEQ + number) for number in range(2)]
    assert before is not None
    assert made is not None
    assert (before.public_id, before.session_no) == ("rec_1234567890abcdef", SESSION_SEQ)
    assert (made.client_event_id, made.session_no) == ("evt_1234567890abcdef", SESSION_SEQ)


async def test_a_photo_is_shown_by_its_link_while_its_space_is_there(mock: RunningMock) -> None:
    picture = BytesIO()
    Image.new("RGB", (60, 40), "green").save(picture, "JPEG")
    photo = f"data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()}"
    body = example(ROWS["createWorker"]) | {"first_name": "Photo", "photo": photo}
    for token, status in (("photos", 200), ("<YOUR_JWT_HERE>", 404)):
        worker = (await mock.call("createWorker", token, body=body)).json()["data"]
        shown = await mock.client.get(worker["photo_url"])
        assert shown.status_code == status, shown.text
        assert (shown.headers["content-type"] == "image/jpeg") == (status == 200)


async def test_a_photo_counts_to_what_its_space_may_hold(mock: RunningMock) -> None:
    """It lies beside the database, which alone has room to spare here."""
    body = example(ROWS["createWorker"]) | {"first_name": "Photo", "photo": noisy_photo(400)}
    async with running(mock_space_bytes_max=700_000) as small:
        assert (await small.call("createWorker", "photos", body=body)).status_code == 201
        full = await small.call("createProductionRecord", "photos")
        assert (full.status_code, full.json()["code"]) == (507, "mock_space_full")
        assert (await small.call("createProductionRecord", "other")).status_code == 201


def noisy_photo(side: int) -> str:
    """A picture that no coding makes small, of so many points a side."""
    picture = BytesIO()
    Image.frombytes("RGB", (side, side), Random(1).randbytes(3 * side * side)).save(picture, "PNG")
    return f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"


async def test_a_letter_is_handed_in_anew_by_the_same_rules(mock: RunningMock) -> None:
    answer = (await mock.call("replayDeadLetter")).json()["data"]
    assert (answer["statusCode"], answer["answer"]["code"]) == (400, "missing_field")


async def test_a_browser_may_send_the_headers_of_the_mock_and_read_what_they_did(mock: RunningMock) -> None:
    asked = {"origin": "https://docs.example", "access-control-request-method": "POST"}
    allowed = await mock.client.options("/api/control/workers", headers=asked)
    assert {"prefer", "x-mock-space", "x-mock-fault"} <= set(
        re.split(", ", allowed.headers["access-control-allow-headers"])
    )
    answer = await mock.call("readCompany")
    assert "preference-applied" in answer.headers["access-control-expose-headers"]


async def test_spaces_that_are_too_many_or_too_old_make_way(mock: RunningMock) -> None:
    async with running(mock_spaces_max=2, mock_space_age_s_max=60) as small:
        for token in ("a", "b", "a", "c"):  # b is the longest unused one
            await small.call("createProductionRecord", token)
        assert small.spaces.count == 2
        assert [(await small.call("createProductionRecord", token)).status_code for token in ("a", "b")] == [200, 201]
        (await small.spaces.space(by_token("a"))).used_at -= 61
        (await small.spaces.space(by_token("b"))).used_at -= 1
        assert (await small.call("createProductionRecord", "b")).status_code == 200
        assert small.spaces.count == 1


async def test_a_space_that_is_full_says_so_and_still_reads(mock: RunningMock) -> None:
    async with running(mock_space_bytes_max=700_000, mock_bytes_max=1_500_000) as small:
        values = {f"measured_{number}": number for number in range(20)}
        readings = [
            {
                "recordedAtUtc": f"2025-10-19T{n // 60:02}:{n % 60:02}:00.000Z",
                "values": values,
            }
            for n in range(1_000)
        ]
        codes = []
        for kind in ("Weather", "Plant", "Irrigation"):
            body = {"deviceId": "bitRTU-01", "readings": readings}
            answer = await small.call(f"add{kind}Readings", "full", body=body)
            codes.append((answer.status_code, answer.json().get("code")))
        assert codes[0] == (207, None)
        assert codes[-1] == (507, "mock_space_full")
        assert (await small.call("getWeatherReadings", "full")).status_code == 200
        space = await small.spaces.space(by_token("full"))
        assert space.bytes < 1_400_000
        for token in ("second", "third"):  # all spaces together hold no more than they may
            await small.call("addWeatherReadings", token, body={"deviceId": "bitRTU-01", "readings": readings})
        assert small.spaces.count == 2


async def test_too_many_calls_are_told_to_come_again(mock: RunningMock) -> None:
    heard = asyncio.Event()

    def plan(call: Heard) -> tuple[Fault, ...]:
        if call.operation != "listUsers":
            return ()
        heard.set()
        return (faults.fault(FaultKind.slow, 300),)

    async with running(mock_calls_max=1, plan=plan) as small:
        await small.call("readCompany", "warm")  # the first call of all takes longest
        slow = asyncio.create_task(small.call("listUsers", "slow"))
        await heard.wait()
        busy = await small.call("readCompany", "other")
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "1")
        assert (await slow).status_code == 200


async def test_a_space_with_a_call_under_way_makes_way_for_none(mock: RunningMock) -> None:
    heard = asyncio.Event()

    def plan(call: Heard) -> tuple[Fault, ...]:
        if call.operation != "createProductionRecord" or heard.is_set():
            return ()
        heard.set()
        return (faults.fault(FaultKind.slow, 300),)

    async with running(mock_spaces_max=1, plan=plan) as small:
        await small.call("readCompany", "warm")
        slow = asyncio.create_task(small.call("createProductionRecord", "slow"))
        await heard.wait()
        assert (await small.call("readCompany", "other")).status_code == 200
        assert (await slow).status_code == 201
        assert (await small.call("createProductionRecord", "slow")).status_code == 200, "what it has recorded is there"


async def test_a_body_is_never_larger_than_a_space(mock: RunningMock) -> None:
    async with running(mock_space_bytes_max=400_000) as small:
        body: dict[str, Any] = example(ROWS["bulkCreateProductionRecords"]) | {"more": "x" * 400_000}
        answer = await small.call("bulkCreateProductionRecords", body=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_space_in_its_process_has_the_name_that_a_call_chooses(mock: RunningMock) -> None:
    space = await mock.spaces.space(by_header("named"))
    await mock.call("readCompany", headers={"x-mock-space": "named"})
    assert [heard.operation for heard in space.log] == ["readCompany"]
