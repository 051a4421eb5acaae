"""The address at which devices are told to connect."""

from pathlib import Path

import pytest

from tests import gate as gates
from tests.gate import Gate


async def told(gate: Gate, host: str) -> str:
    await gate.add_device()
    headers = {"authorization": f"Bearer {gate.token()}", "host": host}
    answer = await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers)
    url: str = answer.json()["url"]
    return url


async def test_what_the_operator_says_counts_whatever_the_caller_has_reached(tmp_path: Path) -> None:
    async with gates.opened(tmp_path, public_url="https://iot.hydrobit.example/") as gate:
        assert await told(gate, "10.0.0.7:8080") == "wss://iot.hydrobit.example/mqtt"


@pytest.mark.parametrize(
    ("host", "url"), [("10.0.0.7:8080", "ws://10.0.0.7:8080/mqtt"), ('a"b', "ws://127.0.0.1:8080/mqtt")]
)
async def test_else_it_is_the_host_that_the_caller_has_reached(gate: Gate, host: str, url: str) -> None:
    assert await told(gate, host) == url
