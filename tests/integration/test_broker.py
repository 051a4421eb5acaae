"""A server at a broker that is there already, a real Mosquitto: devices publish there, with a token in each message."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import books, engines
from tests.brokers import MOSQUITTO, Mosquitto, mosquitto
from tests.callers import Caller, Json
from tests.mqtt_devices import RECORDS, V5, V311, WAIT_S_MAX, BrokerDevice, at_broker, old_token, registered
from tests.servers import PRODUCTION, RunningServer, event, running
from tests.sockets import Connection
from tests.tools import Measured, alone_on, needs
from tests.watching import metrics, until

pytestmark = needs(MOSQUITTO)

IMPATIENT = {
    "HYDROBIT_STORE_BUSY_MS_MAX": "300",
    "HYDROBIT_DATABASE_UNIT_S_MAX": "1",
    "HYDROBIT_DATABASE_AWAY_S_MAX": "1",
}
DEVICES, EVENTS, TURNS = 6, 100, 150
CONNECT, ACCEPTED = 0x10, bytes([0x20, 3, 0, 0, 0])
UNREADABLE = {
    "a topic longer than its message": bytes([0x32, 4, 0, 200, 1, 1]),
    "a property that there is none of": bytes([0x32, 7, 0, 1, 97, 0, 1, 1, 0x7E]),
    "a property that is cut": bytes([0x32, 8, 0, 1, 97, 0, 1, 2, 0x26, 0]),
}
KEEPS_ALL = ("max_queued_messages 0",)
PACKET_BYTES_MAX = 100_000


def at(broker: Mosquitto, name: str = "one") -> dict[str, str]:
    """What a server is told to take messages there."""
    return {"HYDROBIT_BROKER_URL": broker.url, "HYDROBIT_BROKER_CLIENT_ID": name}


def watching(server: RunningServer) -> Connection:
    return Connection(server.address, server.token())


def seen(server: RunningServer, name: str) -> float:
    with closing(watching(server)) as watcher:
        return metrics(watcher)[name]


def attached(server: RunningServer, value: int = 1) -> None:
    """Waits until the server takes messages, or takes none."""
    with closing(watching(server)) as watcher:
        until(lambda: metrics(watcher)["hydrobit_broker_connected"] == value, "the server at its broker")


def log_of(server: RunningServer) -> str:
    return (server.data.parent / f"{server.data.name}.log").read_text()


def counted(server: RunningServer, session_id: str) -> Counter[str | None]:
    return Counter(line.client_event_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT)


def letters(admin: Caller) -> list[Json]:
    answer = admin.get("/api/control/iot/dead-letters")
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["data"]["items"]
    return items


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="module")
def server(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("server") / "data", environment=at(broker)) as started:
        attached(started)
        yield started


@pytest.fixture(scope="module")
def tokens(server: RunningServer) -> dict[str, str]:
    with Caller(server) as calling:
        return {name: registered(calling, name) for name in ("scale-1", "scale-2")}


@pytest.fixture
def old_scale(broker: Mosquitto, tokens: dict[str, str]) -> Iterator[BrokerDevice]:
    """A device that speaks MQTT 3.1.1."""
    with at_broker(broker.port, "scale-1", tokens["scale-1"], V311) as device:
        yield device


@pytest.fixture
def scale(broker: Mosquitto, tokens: dict[str, str]) -> Iterator[BrokerDevice]:
    """A device that speaks MQTT 5."""
    with at_broker(broker.port, "scale-2", tokens["scale-2"], V5) as device:
        yield device


def test_a_device_of_mqtt_3_1_1_counts_and_is_told_under_its_replies(
    server: RunningServer, admin: Caller, old_scale: BrokerDevice
) -> None:
    session_id = admin.opened()
    for status in (201, 200):
        old_scale.publish(event(session_id, "evt_1"))
        told = old_scale.heard()
        assert told.topic == "replies/scale-1"
        assert (told.body["status"], told.body["id"], told.body["topic"]) == (status, "evt_1", RECORDS)
        assert told.body["answer"]["data"]["payloadPreview"]["units"] == 1
    assert counted(server, session_id) == {"evt_1": 1}


def test_a_device_of_mqtt_5_is_told_where_it_asks_for_it(
    server: RunningServer, admin: Caller, scale: BrokerDevice
) -> None:
    session_id = admin.opened()
    scale.publish(event(session_id, "evt_1"), response_topic="replies/scale-2/counts", correlation=b"7")
    told = scale.heard()
    assert (told.topic, told.correlation, told.facts["status"]) == ("replies/scale-2/counts", b"7", "201")
    assert told.body["data"]["payloadPreview"]["recordId"].startswith("rec_")
    scale.publish(event(session_id, "evt_2"), f"connect/{demo.COMPANY}/{demo.PROJECT}/scale-2/{RECORDS}")
    assert scale.heard().body["status"] == 201
    assert counted(server, session_id) == {"evt_1": 1, "evt_2": 1}


def test_nothing_is_sent_to_the_replies_of_others(admin: Caller, scale: BrokerDevice, old_scale: BrokerDevice) -> None:
    session_id = admin.opened()
    for elsewhere in ("replies/scale-1", "replies/scale-2x", "control/production/records"):
        scale.publish(event(session_id, "evt_1"), response_topic=elsewhere)
        told = scale.heard()
        assert (told.topic, told.body["id"]) == ("replies/scale-2", "evt_1")
        assert told.facts["reason"] == f"No answer is sent to {elsewhere}: it must stand under replies/scale-2."
    assert old_scale.heard_besides() == []


def test_what_is_refused_is_kept_without_its_token_and_told(
    server: RunningServer, admin: Caller, scale: BrokerDevice, old_scale: BrokerDevice
) -> None:
    for device in (old_scale, scale):
        device.publish(event("session_unknown", "evt_1"))
        told = device.heard()
        (letter,) = [found for found in letters(admin) if found["letterId"] == told.body["deadLetter"]]
        assert (told.body["status"], told.body["answer"]["code"]) == (404, "session_not_found")
        assert (letter["code"], letter["deviceId"], letter["clientId"]) == (
            "session_not_found",
            device.device_id,
            "hydrobit-one",
        )
    scale.publish(b'{"x-iot-token": "' + (scale.token or "").encode() + b'", broken')
    assert scale.heard().body["answer"]["code"] == "invalid_json"
    for device in (old_scale, scale):
        secret = (device.token or "").encode()
        assert secret.rpartition(b".")[2] not in engines.all_of_it(server.data)
        assert secret.decode() not in log_of(server)


def test_company_and_device_are_the_tokens_whatever_the_topic_says(admin: Caller, scale: BrokerDevice) -> None:
    session_id = admin.opened()
    for branch in (f"{demo.OTHER_COMPANY}/{demo.PROJECT}/scale-2", f"{demo.COMPANY}/{demo.PROJECT}/scale-1"):
        scale.publish(event(session_id, "evt_1"), f"connect/{branch}/{RECORDS}")
        told = scale.heard()
        assert (told.topic, told.body["answer"]["code"]) == ("replies/scale-2", "device_mismatch")
    assert admin.session(session_id)["totalUnits"] == 0


def test_what_came_with_a_token_that_counts_no_more_is_kept_for_its_company(
    server: RunningServer, admin: Caller, broker: Mosquitto
) -> None:
    registered(admin, "scale-3")
    with at_broker(broker.port, "scale-3", old_token(server, "scale-3")) as device:
        device.publish(event("session_1", "evt_1"))
        told = device.heard().body
    assert (told["status"], told["answer"]["code"]) == (401, "token_expired")
    assert letters(admin)[0]["code"] == "token_expired"
    token = registered(admin, "scale-4")
    assert admin.post("/api/control/iot/devices/scale-4/revoke").status_code == 200
    with at_broker(broker.port, "scale-4", token) as device:
        device.publish(event("session_1", "evt_1"))
        told = device.heard().body
    assert (told["answer"]["code"], letters(admin)[0]["letterId"]) == ("token_invalid", told["deadLetter"])
    (kept,) = engines.rows(server.data, "select payload from dead_letter order by letter_no desc limit 1")
    assert json.loads(bytes(kept[0]))["clientEventId"] == "evt_1"


def test_a_message_that_belongs_to_nobody_is_dropped_and_counted(
    server: RunningServer, admin: Caller, broker: Mosquitto, scale: BrokerDevice
) -> None:
    session_id = admin.opened()
    before, kept = seen(server, "hydrobit_broker_dropped_total"), letters(admin)
    forged = (scale.token or "")[:-6] + "AAAAAA"
    strangers: list[tuple[str | None, object]] = [(None, V5), (None, V311), (server.token(), V5), (forged, V5)]
    for token, version in strangers:
        with at_broker(broker.port, "stranger", token, V5 if version is V5 else V311) as device:
            device.publish(event(session_id, "evt_1"))
            device.acknowledged()
    with closing(watching(server)) as watcher:
        until(lambda: metrics(watcher)["hydrobit_broker_dropped_total"] == before + len(strangers), "all are dropped")
    assert letters(admin) == kept
    assert counted(server, session_id) == {}
    assert log_of(server).count("messages without a token of a device were dropped") == 1


def test_replies_are_never_taken_for_messages(server: RunningServer, admin: Caller, scale: BrokerDevice) -> None:
    session_id = admin.opened()
    kept = letters(admin)
    scale.publish(event(session_id, "evt_1"), f"connect/{demo.COMPANY}/{demo.PROJECT}/scale-2/replies/scale-2")
    scale.publish(event(session_id, "evt_2"))
    assert scale.heard().body["id"] == "evt_2"
    assert (counted(server, session_id), letters(admin)) == ({"evt_2": 1}, kept)


def test_the_messages_of_a_device_keep_their_order(admin: Caller, scale: BrokerDevice) -> None:
    session_id = admin.opened()
    wanted = [f"evt_{number}" for number in range(EVENTS)]
    for name in wanted:
        scale.publish(event(session_id, name))
    assert [scale.heard().body["id"] for _ in wanted] == wanted


def test_the_server_comes_back_to_a_broker_that_was_away_and_stays_ready(
    server: RunningServer, broker: Mosquitto, admin: Caller, tokens: dict[str, str]
) -> None:
    session_id = admin.opened()
    broker.kill()
    attached(server, 0)
    assert admin.get("/readyz").status_code == 200
    broker.go_on()
    attached(server)
    with at_broker(broker.port, "scale-1", tokens["scale-1"]) as device:
        device.publish(event(session_id, "evt_1"))
        assert device.heard().body["status"] == 201


def test_a_message_that_the_store_did_not_take_is_not_acknowledged_and_all_arrives_later(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with mosquitto(tmp_path) as broker, ExitStack() as held:
        node = held.enter_context(running(data, environment=at(broker) | IMPATIENT))
        attached(node)
        with Caller(node) as admin:
            session_id = admin.opened()
            device = held.enter_context(at_broker(broker.port, "scale-1", registered(admin, "scale-1")))
        passing = 'hydrobit_mqtt_messages_total{fate="passing"}'
        with engines.locked(data), closing(watching(node)) as watcher:
            for number in range(5):
                device.publish(event(session_id, f"waits_{number}"))
            until(lambda: metrics(watcher)[passing] >= 2, "it is tried again")
            assert device.heard_besides() == []
        assert [device.heard().body["status"] for _ in range(5)] == [201] * 5
        with engines.locked(data), closing(watching(node)) as watcher:
            before = metrics(watcher)[passing]
            for number in range(5):
                device.publish(event(session_id, f"again_{number}"))
            until(lambda: metrics(watcher)[passing] > before, "it is tried")
            node.kill()
        node = held.enter_context(running(data, environment=at(broker) | IMPATIENT))
        assert [device.heard().body["status"] for _ in range(5)] == [201] * 5
        for number in range(EVENTS):
            device.publish(event(session_id, f"stop_{number}"))
            if number == EVENTS // 2:
                assert device.heard().body["status"] == 201
                assert node.stop() == 0
        device.acknowledged(EVENTS + 10)
        node = held.enter_context(running(data, environment=at(broker) | IMPATIENT))
        told = {device.heard().body["id"] for _ in range(EVENTS - 1)}
        assert len(told) == EVENTS - 1
        assert counted(node, session_id).most_common(1)[0][1] == 1
        assert len(counted(node, session_id)) == EVENTS + 10
        assert node.stop() == 0


def test_a_shared_subscription_that_is_granted_and_delivers_nothing_is_not_relied_on(tmp_path: Path) -> None:
    """Mosquitto grants every subscription, and looks at the right to read when it delivers."""
    rights = tmp_path / "rights"
    rights.write_text("topic write #\ntopic read control/#\ntopic read connect/#\ntopic read replies/#\n")
    with (
        mosquitto(tmp_path, more=[f"acl_file {rights}"]) as broker,
        running(tmp_path / "data", environment=at(broker)) as node,
        Caller(node) as admin,
    ):
        attached(node)
        assert "the broker delivers nothing under a shared subscription" in log_of(node)
        session_id = admin.opened()
        with at_broker(broker.port, "scale-1", registered(admin, "scale-1")) as device:
            device.publish(event(session_id, "evt_1"))
            assert device.heard().body["status"] == 201


class Flock:
    """Devices that publish counts of one session, and what they were told of them."""

    def __init__(self, broker: Mosquitto, node: RunningServer, held: ExitStack) -> None:
        with Caller(node) as admin:
            self.session_id = admin.opened()
            self._devices = [
                held.enter_context(at_broker(broker.port, name, registered(admin, name)))
                for name in (f"scale-{number}" for number in range(DEVICES))
            ]
        self.sent: dict[str, set[str]] = {device.device_id: set() for device in self._devices}
        self.replies = 0

    def publish(self, turns: range) -> None:
        """So many counts each; returns once the broker has all of them."""
        for turn in turns:
            for device in self._devices:
                name = f"{device.device_id}-{turn}"
                self.sent[device.device_id].add(name)
                device.publish(event(self.session_id, name))
        for device in self._devices:
            device.acknowledged(len(turns))

    def hear_of_all(self) -> None:
        """Waits until every count was told of that no one was told of before."""
        for device in self._devices:
            waiting = self.sent[device.device_id]
            while waiting:
                told = device.heard().body
                assert told["status"] in (200, 201)
                waiting.discard(told["id"])
                self.replies += 1


@alone_on(POSTGRES, "a file has one server")
def test_two_nodes_share_what_comes_and_nothing_of_those_that_are_killed_is_lost_or_doubled(
    tmp_path: Path, measured: Measured
) -> None:
    data, done = tmp_path / "data", 'hydrobit_mqtt_messages_total{fate="done"}'
    with mosquitto(tmp_path, more=KEEPS_ALL) as broker, ExitStack() as held:
        nodes = [held.enter_context(running(data, environment=at(broker, name))) for name in ("one", "two")]
        for node in nodes:
            attached(node)
            assert "delivers nothing" not in log_of(node)
        flock = Flock(broker, nodes[0], held)
        flock.publish(range(EVENTS // 2))
        flock.hear_of_all()
        shares = [seen(node, done) for node in nodes]
        with engines.locked(data):  # nothing commits: both have messages in hand
            flock.publish(range(EVENTS // 2, EVENTS))
            for node in nodes:
                has_messages_in_hand(node)
            nodes[0].kill()
        again = held.enter_context(running(data, environment=at(broker, "one")))
        flock.hear_of_all()
        came_again = seen(again, done)
        flock.publish(range(EVENTS, TURNS))
        nodes[1].kill()  # wherever it is: between a commit and its acknowledgement too
        held.enter_context(running(data, environment=at(broker, "two")))
        flock.hear_of_all()
        measured(
            f"{DEVICES * TURNS} records by {DEVICES} devices; the nodes answered {shares} of the first part;"
            f" {came_again:.0f} came to the first killed one again; {flock.replies} replies"
        )
        assert min(shares) > 0, "both nodes have their share"
        assert came_again > 0, "what the killed node had in hand comes to it again"
        wanted = [f"scale-{device}-{turn}" for device in range(DEVICES) for turn in range(TURNS)]
        assert counted(again, flock.session_id) == dict.fromkeys(wanted, 1)
        books.verify(data)


def has_messages_in_hand(node: RunningServer) -> None:
    with closing(watching(node)) as watcher:
        until(lambda: metrics(watcher)["hydrobit_queue_rows"] > 0, "rows that wait for their commit")


def test_a_device_that_waits_keeps_its_order_and_holds_up_no_other(tmp_path: Path) -> None:
    """Where a refused message has no room among the dead letters, nothing of its device goes on before it does."""
    limits = {"HYDROBIT_DEAD_LETTERS_MAX": "1", "HYDROBIT_MQTT_RECEIVE_MAX": "4"}
    data = tmp_path / "data"
    with ExitStack() as held:
        broker = held.enter_context(mosquitto(tmp_path))
        node = held.enter_context(running(data, environment=at(broker) | limits))
        attached(node)
        with Caller(node) as admin:
            session_id = admin.opened()
            waiting, going = (
                held.enter_context(at_broker(broker.port, name, registered(admin, name))) for name in ("one", "two")
            )
        for name in ("unknown_1", "unknown_2"):
            waiting.publish(event("session_unknown", name))
        waiting.publish(event(session_id, "evt_behind"))
        assert waiting.heard().body["deadLetter"] == "letter_1"
        for number in range(EVENTS):  # far more than may be in hand at once
            going.publish(event(session_id, f"evt_{number}"))
        assert [going.heard().body["status"] for _ in range(EVENTS)] == [201] * EVENTS
        assert waiting.heard_besides() == []
        engines.write(data, "delete from dead_letter")
        assert [waiting.heard().body["id"] for _ in range(2)] == ["unknown_2", "evt_behind"]
        assert counted(node, session_id)["evt_behind"] == 1


@alone_on(SQLITE, "the store has no part in it")
def test_the_log_says_what_may_be_wrong_where_two_processes_have_one_name(
    server: RunningServer, broker: Mosquitto, tmp_path: Path
) -> None:
    with running(tmp_path / "data", environment=at(broker)):
        until(lambda: "perhaps another process has the same name there" in log_of(server), "the log tells it")
    attached(server)


@alone_on(POSTGRES, "a file has one server")
def test_each_process_of_a_node_takes_its_share_under_a_name_of_its_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"HYDROBIT_BROKER_CLIENT_ID": "node", "HYDROBIT_BROKER_SESSION": "clean"}
    with (
        mosquitto(tmp_path) as broker,
        running(data, "--workers", "2", "--broker", broker.url, environment=environment) as node,
    ):
        attached(node, 2)
        with Caller(node) as admin:
            session_id = admin.opened()
            token = registered(admin, "scale-1")
        with at_broker(broker.port, "scale-1", token) as device:
            for number in range(10):
                device.publish(event(session_id, f"evt_{number}"))
            assert [device.heard().body["status"] for _ in range(10)] == [201] * 10
        assert {f"hydrobit-node-{place}" in log_of(node) for place in range(2)} == {True}


@alone_on(SQLITE, "the store has no part in it")
@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_a_broker_that_sends_what_cannot_be_read_is_connected_to_again(tmp_path: Path, unreadable: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broken:
        broken.settimeout(WAIT_S_MAX)
        url = f"mqtt://127.0.0.1:{broken.getsockname()[1]}"
        with running(tmp_path / "data", environment={"HYDROBIT_BROKER_URL": url}) as node:
            for _ in range(2):
                connection, _ = broken.accept()
                with connection:
                    assert connection.recv(1024)[0] == CONNECT
                    connection.sendall(ACCEPTED + unreadable)
                    while connection.recv(1024):
                        pass
            assert "Traceback" not in log_of(node)


def test_the_log_holds_no_password(tmp_path: Path) -> None:
    environment = {"HYDROBIT_BROKER_URL": "mqtt://node:s3cret-word@127.0.0.1:1", "HYDROBIT_LOG_LEVEL": "debug"}
    with running(tmp_path / "data", environment=environment) as node:
        until(lambda: "broker not connected" in log_of(node), "it says that there is no broker")
        with Caller(node) as calling:
            assert calling.get("/readyz").status_code == 200
        assert "s3cret-word" not in log_of(node)


def test_a_reply_that_the_broker_would_not_take_is_not_sent_whatever_makes_it_large(tmp_path: Path) -> None:
    """A broker ends the connection over such a packet, gives its message out again, and so on for ever."""
    with mosquitto(tmp_path, more=(f"max_packet_size {PACKET_BYTES_MAX}",)) as broker, ExitStack() as held:
        server = held.enter_context(running(tmp_path / "data", environment=at(broker)))
        attached(server)
        admin = held.enter_context(Caller(server))
        scale = held.enter_context(at_broker(broker.port, "scale-1", registered(admin, "scale-1"), V5))
        session_id = admin.opened()
        many = {"auth0Id": demo.ADMIN, "records": [{}] * 500}  # each is answered with a sentence
        scale.publish(many, f"{RECORDS}/bulk", response_topic="replies/scale-1", correlation=bytes(60_000))
        scale.publish(event(session_id, "evt_1"))
        assert scale.heard().body["id"] == "evt_1"
        assert "broker not connected" not in log_of(server)


def test_a_device_may_have_its_topics_under_production(admin: Caller, scale: BrokerDevice) -> None:
    """Every operation of devices is reached, a void too."""
    record = admin.counted(admin.opened(), "evt_1")
    scale.publish(
        {"auth0Id": demo.ADMIN, "reason": "Counted twice"}, f"{PRODUCTION.removeprefix('/api/')}/records/{record}/void"
    )
    assert scale.heard().body["status"] in (200, 201)
