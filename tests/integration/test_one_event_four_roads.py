"""One event by HTTP, in a bulk call, over MQTT and through a broker, at once: one record, of which all are told."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import Queue
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hydrobit.demo import company as demo
from tests import books
from tests.brokers import MOSQUITTO, Mosquitto, mosquitto
from tests.callers import Caller, bulk_codes
from tests.mqtt_devices import RECORDS, V311, BrokerDevice, at_broker, registered
from tests.servers import RunningServer, event, running
from tests.sockets import Connection, free_port
from tests.tools import needs
from tests.watching import metrics, until

pytestmark = needs(MOSQUITTO)

EVENTS = 20
WAIT_S_MAX = 30
ROADS = 5


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="module")
def mqtt_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(broker: Mosquitto, mqtt_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    environment = {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{mqtt_port}"}
    data = tmp_path_factory.mktemp("server") / "data"
    with running(data, "--broker", broker.url, environment=environment) as started:
        with closing(Connection(started.address, started.token())) as watcher:
            until(lambda: metrics(watcher)["hydrobit_broker_connected"] == 1, "the server at its broker")
        yield started


class OwnClient:
    """A device of MQTT 3.1.1 that is connected to the server itself."""

    def __init__(self, port: int, client_id: str, token: str) -> None:
        self._told: Queue[dict[str, Any]] = Queue()
        ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id)
        self._client.username_pw_set("device", token)
        self._client.on_connect = lambda client, *_: client.subscribe(f"replies/{client_id}")
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _client, _data, message: self._told.put(json.loads(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(WAIT_S_MAX)

    def count(self, body: dict[str, Any]) -> tuple[int, str]:
        self._client.publish(RECORDS, json.dumps(body), 1)
        return told(self._told.get(timeout=WAIT_S_MAX))

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def told(body: dict[str, Any]) -> tuple[int, str]:
    """Status and record of a reply."""
    return body["status"], body["answer"]["data"]["payloadPreview"]["recordId"]


def by_http(caller: Caller, body: dict[str, Any]) -> tuple[int, str]:
    answer = caller.post(f"/api/{RECORDS}", json=body)
    return answer.status_code, answer.json()["data"]["payloadPreview"]["recordId"]


def by_bulk(caller: Caller, body: dict[str, Any]) -> tuple[int, str]:
    element = {name: value for name, value in body.items() if name != "auth0Id"}
    answer = caller.bulk(element)
    ((status, _),) = bulk_codes(answer)
    return status, answer.json()["results"][0]["payloadPreview"]["recordId"]


def by_broker(device: BrokerDevice, body: dict[str, Any]) -> tuple[int, str]:
    device.publish(body)
    return told(device.heard().body)


def test_one_event_on_all_roads_at_once_is_one_record_and_each_is_told_of_it(
    server: RunningServer, broker: Mosquitto, mqtt_port: int, admin: Caller
) -> None:
    session_id = admin.opened()
    token = registered(admin, "scale-1")
    meeting = threading.Barrier(ROADS)

    def send(count: Callable[[dict[str, Any]], tuple[int, str]]) -> list[tuple[int, str]]:
        outcomes = []
        for number in range(EVENTS):
            meeting.wait(WAIT_S_MAX)
            outcomes.append(count(event(session_id, f"evt_{number}", auth0Id=demo.ADMIN)))
        return outcomes

    with ExitStack() as held, ThreadPoolExecutor(ROADS) as roads:
        http, bulk = held.enter_context(Caller(server)), held.enter_context(Caller(server))
        own = OwnClient(mqtt_port, "scale-1-own", token)
        held.callback(own.end)
        new = held.enter_context(at_broker(broker.port, "scale-1", token))
        old = held.enter_context(at_broker(broker.port, "scale-2", registered(admin, "scale-2"), V311))
        sending = [
            roads.submit(send, lambda body: by_http(http, body)),
            roads.submit(send, lambda body: by_bulk(bulk, body)),
            roads.submit(send, own.count),
            roads.submit(send, lambda body: by_broker(new, body)),
            roads.submit(send, lambda body: by_broker(old, body)),
        ]
        everyone = [road.result() for road in sending]
    for outcomes in zip(*everyone, strict=True):
        assert sorted(status for status, _ in outcomes) == [200] * (ROADS - 1) + [201]
        assert len({record_id for _, record_id in outcomes}) == 1
    lines = [line.client_event_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT]
    assert sorted(filter(None, lines)) == sorted(f"evt_{number}" for number in range(EVENTS))
    books.verify(server.data)
