"""Clients that others wrote, as devices and pages use them: what they are told, and what the ledger then holds."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hydrobit.storage.queries import SQLITE
from tests import books, node
from tests.browser import CHROMIUM, page
from tests.callers import Caller
from tests.mqtt_clients import (
    RECORDS,
    V5,
    V311,
    Message,
    Road,
    Told,
    by_aiomqtt,
    by_mosquitto_pub,
    by_mosquitto_rr,
    by_mqtt_js,
    by_paho,
    paho_at,
)
from tests.servers import RunningServer, event, running
from tests.sockets import free_port
from tests.tools import alone_on, needs

MQTT = "/mqtt"
OPERATION = f"/api/{RECORDS}"
SAME_STORE = "what one client writes does not depend on where the store is, and another has shown the store"
REFUSED_MIN = 0x80
"""Reasons of MQTT 5 from here on are refusals."""

versions = pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
roads = pytest.mark.parametrize("path", [MQTT, None], ids=["websocket", "tcp"])


@pytest.fixture(scope="module")
def plain_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, plain_port: int) -> Iterator[RunningServer]:
    listening = {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{plain_port}"}
    with running(tmp_path_factory.mktemp("server") / "data", environment=listening) as started:
        yield started


class Roads:
    """The ways to the module's server."""

    def __init__(self, server: RunningServer, plain_port: int) -> None:
        self.web_port, self.plain_port = int(server.address.rpartition(":")[2]), plain_port

    def to(self, path: str | None, version: int) -> Road:
        return Road(self.plain_port if path is None else self.web_port, path, version)


@pytest.fixture
def way(server: RunningServer, plain_port: int) -> Roads:
    return Roads(server, plain_port)


def count(session_id: str, name: str, qos: int = 1) -> Message:
    return Message(name, event(session_id, name), qos)


def of_each_quality(session_id: str, prefix: str = "evt") -> list[Message]:
    """A count with each quality of service, and the first one again."""
    counts = [count(session_id, f"{prefix}_{qos}", qos) for qos in (0, 1, 2)]
    return [*counts, count(session_id, f"{prefix}_0", 2)]


def assert_each_counts_once(server: RunningServer, session_id: str, sent: Sequence[Message], told: list[Told]) -> None:
    """What the client was told of each message, in their order, is what the ledger holds."""
    assert [(each.name, each.status) for each in told] == [
        (message.name, status) for message, status in zip(sent, (201, 201, 201, 200), strict=True)
    ]
    ids = [each.answer["data"]["payloadPreview"]["recordId"] for each in told]
    assert ids[-1] == ids[0]
    held = [
        (line.client_event_id, line.record_id)
        for line in books.lines(server.data, session_id)
        if line.kind == books.COUNT
    ]
    assert held == [(message.name, record) for message, record in zip(sent[:-1], ids[:-1], strict=True)]


@versions
@roads
def test_paho_is_told_what_the_ledger_holds(
    server: RunningServer, admin: Caller, way: Roads, path: str | None, version: int
) -> None:
    session_id = admin.opened()
    sent = of_each_quality(session_id)
    told = by_paho(way.to(path, version), "paho", server.token(), sent)
    assert_each_counts_once(server, session_id, sent, told)


@alone_on(SQLITE, SAME_STORE)
@versions
@roads
async def test_aiomqtt_is_told_what_the_ledger_holds(
    server: RunningServer, admin: Caller, way: Roads, path: str | None, version: int
) -> None:
    session_id = admin.opened()
    sent = of_each_quality(session_id)
    told = await by_aiomqtt(way.to(path, version), "aiomqtt", server.token(), sent)
    assert_each_counts_once(server, session_id, sent, told)


@alone_on(SQLITE, SAME_STORE)
def test_mqtt_js_under_node_is_told_what_the_ledger_holds(server: RunningServer, admin: Caller, way: Roads) -> None:
    sessions = {way.to(path, version): admin.opened() for path in (MQTT, None) for version in (V311, V5)}
    sent = {road: of_each_quality(session_id) for road, session_id in sessions.items()}
    told = by_mqtt_js(server.token(), sent, "gateway")
    for road, session_id in sessions.items():
        assert_each_counts_once(server, session_id, sent[road], told[road])


@alone_on(SQLITE, SAME_STORE)
@needs("mosquitto_pub")
@versions
def test_when_mosquitto_pub_ends_the_ledger_holds_the_record(
    server: RunningServer, admin: Caller, way: Roads, version: int
) -> None:
    session_id = admin.opened()
    for qos in (1, 2):
        by_mosquitto_pub(way.to(None, version), "publisher", server.token(), count(session_id, f"evt_{qos}", qos))
        assert books.lines(server.data, session_id)[-1].client_event_id == f"evt_{qos}"


@alone_on(SQLITE, SAME_STORE)
@needs("mosquitto_rr")
def test_mosquitto_rr_prints_the_answer_to_its_request(server: RunningServer, admin: Caller, way: Roads) -> None:
    session_id = admin.opened()
    answer = by_mosquitto_rr(way.to(None, V5), "asking", server.token(), count(session_id, "evt_1"))
    record = answer["data"]["payloadPreview"]["recordId"]
    assert admin.record(record)["sessionId"] == session_id
    told = by_mosquitto_rr(way.to(None, V311), "asking", server.token(), count(session_id, "evt_1"))
    assert (told["status"], told["id"], told["topic"]) == (200, "evt_1", RECORDS)
    assert told["answer"]["data"]["payloadPreview"]["recordId"] == record


def test_a_refusal_is_told_in_the_words_of_each_version(server: RunningServer, admin: Caller, way: Roads) -> None:
    unknown = count("0" * 24, "evt_1")
    for version in (V5, V311):
        with paho_at(way.to(MQTT, version), "refused", server.token()) as device:
            reason, told = device.publish(unknown), device.told()
            assert (reason >= REFUSED_MIN) == (version == V5)
            assert (told.name, told.status, told.answer["code"]) == ("evt_1", 404, "session_not_found")
            session_id = admin.opened()
            assert device.publish(count(session_id, "evt_2")) == 0, "the connection goes on"
            assert device.told().status == 201


@alone_on(SQLITE, SAME_STORE)
def test_a_websocket_opens_on_the_path_of_an_operation(server: RunningServer, admin: Caller, way: Roads) -> None:
    session_id = admin.opened()
    bearer = {"authorization": f"Bearer {server.token()}"}
    with paho_at(way.to(OPERATION, V5), "phone", None, bearer) as phone:
        assert phone.publish(count(session_id, "evt_1")) == 0
        assert phone.told().status == 201
    assert admin.session(session_id)["totalUnits"] == 1


PAGE = """<!doctype html>
<title>Count</title>
<script src="mqtt.min.js"></script>
<button>Count one</button>
<output></output>
<script>
  const { url, token, topic, body } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const client = mqtt.connect(url, { clientId: "page", protocolVersion: 5, username: "page", password: token });
  client.subscribe("replies/page");
  client.on("message", (_topic, payload, packet) => {
    const answer = JSON.parse(payload.toString());
    const status = packet.properties.userProperties.status;
    document.querySelector("output").textContent = `${status} ${answer.data.payloadPreview.recordId}`;
  });
  document.querySelector("button").addEventListener("click", () =>
    client.publish(topic, JSON.stringify(body), { qos: 1, properties: { responseTopic: "replies/page" } }));
</script>
"""


@alone_on(SQLITE, SAME_STORE)
@needs(CHROMIUM)
def test_a_page_with_mqtt_js_counts_and_shows_the_answer(server: RunningServer, admin: Caller, way: Roads) -> None:
    session_id = admin.opened()
    road, message = way.to(MQTT, V5), count(session_id, "evt_1")
    told = {"url": road.url, "token": server.token(), "topic": message.topic, "body": message.body}
    files: dict[str, str | Path] = {"/": PAGE, "/mqtt.min.js": node.packages() / "mqtt" / "dist" / "mqtt.min.js"}
    with page(files, "/#" + json.dumps(told)) as opened:
        opened.get_by_role("button").click()
        opened.wait_for_function("document.querySelector('output').textContent")
        status, record = opened.get_by_role("status").inner_text().split()
    assert status == "201"
    assert admin.record(record)["sessionId"] == session_id
