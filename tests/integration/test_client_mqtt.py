"""The Python client by MQTT 5: the same calls and the same outbox, on another road."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydrobit.client import AsyncClient, Client, Declined, MqttCarrier, Outbox, Pace, Unanswered, calls
from hydrobit.client.steps import Answer, Request
from hydrobit.storage.queries import SQLITE
from tests import books
from tests.callers import Caller
from tests.outboxes import assert_once_and_in_order, fill
from tests.servers import RunningServer, running
from tests.sockets import free_port
from tests.tools import alone_on

PACE = Pace(wait_s_first=0.01, wait_s_max=0.05, tries_max=5)
LENGTH = 120

pytestmark = alone_on(SQLITE, "what a road carries does not depend on where the store is")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningServer]:
    listening = {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{port}"}
    with running(tmp_path_factory.mktemp("server") / "data", environment=listening) as started:
        yield started


@pytest.fixture(params=["tcp", "websocket"])
def url(request: pytest.FixtureRequest, server: RunningServer, port: int) -> str:
    return f"mqtt://127.0.0.1:{port}" if request.param == "tcp" else server.address.replace("http:", "ws:")


def test_the_outbox_and_the_calls_take_this_road_too(
    url: str, server: RunningServer, admin: Caller, tmp_path: Path
) -> None:
    session_id = admin.opened()
    with Outbox(tmp_path / "outbox") as outbox, Client(url, server.token(), pace=PACE) as client:
        fill(outbox, session_id, "mqtt", LENGTH)
        assert client.deliver(outbox).recorded == LENGTH
        fill(outbox, "6507f1e3c9d8e2a4b1f9c3d5", "bad", 1)
        assert client.deliver(outbox).refused == 1
        assert client.call(calls.read_session(session_id)).workers
        assert client.call(calls.is_key_used(f"client:{session_id}:JS0315:mqtt_00000"))
        with pytest.raises(Declined, match="404 record_not_found"):
            client.call(calls.read_record("rec_0000000000000001"))
    assert_once_and_in_order(server, session_id, "mqtt", LENGTH)


def test_an_expired_token_is_renewed_on_this_road(
    url: str, server: RunningServer, admin: Caller, tmp_path: Path
) -> None:
    session_id = admin.opened()
    with Outbox(tmp_path / "outbox") as outbox:
        fill(outbox, session_id, "mqtt", LENGTH)
        with Client(url, server.token(lifetime_s=-600), renew=server.token, pace=PACE) as client:
            assert client.deliver(outbox).recorded == LENGTH


def test_on_an_event_loop_it_waits_in_a_thread(url: str, server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    session_id = admin.opened()

    async def deliver(outbox: Outbox) -> int:
        async with AsyncClient(url, server.token(), pace=PACE) as client:
            return (await client.deliver(outbox)).recorded

    with Outbox(tmp_path / "outbox") as outbox:
        fill(outbox, session_id, "mqtt", LENGTH)
        assert asyncio.run(deliver(outbox)) == LENGTH


class Forgetful(MqttCarrier):
    """A road on which every other answer stays away, after the message went through."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sent = 0

    def send(self, request: Request, token: str) -> Answer | None:
        answer = super().send(request, token)
        self.sent += 1
        if self.sent % 2:
            self.close()
            return None
        return answer


def test_answers_that_stay_away_double_nothing(url: str, server: RunningServer, admin: Caller, tmp_path: Path) -> None:
    session_id = admin.opened()
    carrier = Forgetful(url)
    with (
        Outbox(tmp_path / "outbox") as outbox,
        Client(url, server.token(), pace=PACE, carrier=carrier) as client,
    ):
        fill(outbox, session_id, "mqtt", 3)
        assert client.deliver(outbox).repeated == 3
    assert len([line for line in books.lines(server.data, session_id) if line.kind == books.COUNT]) == 3


def test_nobody_there_is_told() -> None:
    with (
        Client(f"mqtt://127.0.0.1:{free_port()}", "token", user="user_1", pace=PACE) as client,
        pytest.raises(Unanswered),
    ):
        client.call(calls.list_projects())
