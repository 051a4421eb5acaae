"""What a hostile client tries over MQTT: to make the server hold more, wait longer, or say more than it should."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import SQLITE
from hydrobit.transport.mqtt.codec import encode
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Connect,
    Disconnect,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
)
from hydrobit.transport.mqtt.properties import Properties
from hydrobit.transport.mqtt.reasons import Reason
from tests import engines
from tests.callers import Caller, add_people
from tests.mqtt_raw import RECORDS, Client, Ended, frame, message
from tests.servers import RunningServer, event, running
from tests.sockets import Connection, free_port, request
from tests.watching import memory_kib, until

LETTERS = "/api/control/iot/dead-letters"
REPLIES = "replies/scale-1"
LETTERS_MAX = 5
ROOM = 2_000_000
LIMITS = {
    "HYDROBIT_DEAD_LETTERS_MAX": str(LETTERS_MAX),
    "HYDROBIT_BODIES_BYTES_MAX": str(ROOM),
    "HYDROBIT_BULK_BODY_BYTES_MAX": str(ROOM),
}
KIB_PER_MIB = 1_024
NOBODY_WAITS_S_MAX = 2.0
SENDING_S = 2.0
PIPELINED = 2_000


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """What is attacked is one and the same over each engine."""
    with engines.chosen(SQLITE):
        yield SQLITE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("attacked") / "data", environment=LIMITS) as started:
        add_people(started.data)
        yield started


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.address) as opened:
        assert opened.connect(server.token()).reason == Reason.success
        yield opened


def slowest_s(server: RunningServer, rounds: int = 40) -> float:
    """The longest that somebody else waits for an answer of one row."""
    with Connection(server.address) as other:
        waits = []
        for _ in range(rounds):
            begun = time.monotonic()
            assert other.call("GET", "/healthz").status == 200
            waits.append(time.monotonic() - begun)
    return max(waits)


def fill(client: Client, data: bytes) -> int:
    """Sends for a while, or until the server takes no more; returns how many bytes it took, its buffers included."""
    sent, until = 0, time.monotonic() + SENDING_S
    client.settimeout(SENDING_S / 4)
    with suppress(TimeoutError, ConnectionError):
        while time.monotonic() < until:
            sent += client.send_some(data)
    return sent


@pytest.mark.parametrize(
    "tiny",
    [
        encode(PingReq(), V5),
        encode(PubRel(7), V5),
        frame(b"", 0x9),
        encode(Publish("t", b""), V5),
    ],
    ids=["pings", "releases", "frames", "messages"],
)
def test_tiny_packets_keep_nobody_waiting_and_unread_answers_fill_no_memory(
    server: RunningServer, client: Client, tiny: bytes
) -> None:
    before = memory_kib(server)
    data = tiny * 10_000 if tiny[0] & 0x80 and tiny[0] & 0xF == 9 else frame(tiny * 10_000)
    assert fill(client, data)
    assert slowest_s(server) < NOBODY_WAITS_S_MAX
    assert memory_kib(server) - before < 32 * KIB_PER_MIB


def test_answers_that_are_not_read_fill_no_memory(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    bulk = {"auth0Id": demo.ADMIN, "records": [event(session_id, f"unread-{number}") for number in range(300)]}
    with Client(server.address) as client:
        client.connect(server.token())
        client.subscribe(REPLIES)
        client.publish(bulk, f"{RECORDS}/bulk")
        before = memory_kib(server)
        asks = Properties(response_topic=REPLIES, user_properties=(("method", "GET"),))
        read = {"limit": 100, "sessionId": session_id}
        fill(client, frame(encode(Publish(RECORDS, json.dumps(read).encode(), properties=asks), V5) * 100))
        assert slowest_s(server) < NOBODY_WAITS_S_MAX
        assert memory_kib(server) - before < 32 * KIB_PER_MIB


def test_strangers_hold_little(server: RunningServer) -> None:
    before = memory_kib(server)
    large = encode(message(bytes(1_000_000)), V5)
    with ExitStack() as held:
        for _ in range(40):
            stranger = held.enter_context(Client(server.address))
            stranger.send_bytes(encode(Connect("c", V5), V5)[:-1])
            with suppress(Ended):
                stranger.send_raw(frame(large)[:-1])
        assert memory_kib(server) - before < 20 * KIB_PER_MIB
    with Client(server.address) as stranger:
        stranger.send_bytes(encode(Connect("c", V5, password=b"x"), V5) + large[:60_000])
        assert stranger.next().reason == Reason.bad_user_name_or_password  # type: ignore[union-attr]
        assert stranger.ended() is None


def test_large_packets_of_many_clients_share_one_room(server: RunningServer) -> None:
    part = encode(message(bytes(1_000_000)), V5)[:-1]
    before = memory_kib(server)
    with ExitStack() as held:
        clients = [held.enter_context(Client(server.address)) for _ in range(30)]
        for number, client in enumerate(clients):
            assert client.connect(server.token(), f"large-{number}").reason == Reason.success
            with suppress(Ended):
                client.send_bytes(part)
        turned_away = clients[-1].ended()
        assert turned_away is not None
        assert turned_away.reason == Reason.server_busy
        assert memory_kib(server) - before < 20 * KIB_PER_MIB
    with Client(server.address) as client:  # and what they held is free again

        def is_taken() -> bool:
            with Client(server.address) as client:
                client.connect(server.token())
                client.send(message(b" " * 400_000, f"{RECORDS}/bulk"))
                return isinstance(client.next(), PubAck)

        until(is_taken, "room for a large message")


def test_what_does_not_fit_into_full_dead_letters_is_not_acknowledged_until_there_is_room(
    server: RunningServer, admin: Caller
) -> None:
    session_id = admin.opened()
    bad, good = b"{", event(session_id, "behind")
    with Client(server.address, V3_1_1) as client:
        client.connect(server.token(), "flood")
        client.send(
            *(message(bad, packet_id=number) for number in range(1, LETTERS_MAX + 2)), message(good, packet_id=9)
        )
        assert [client.expect(PubAck).packet_id for _ in range(LETTERS_MAX)] == list(range(1, LETTERS_MAX + 1))
        assert client.ended() is None
    assert admin.get(LETTERS).json()["data"]["total"] == LETTERS_MAX
    assert admin.session(session_id)["totalUnits"] == 1, "what stood behind it in the same run is counted"
    with Client(server.address, V3_1_1) as client:
        client.connect(server.token(), "flood")
        assert client.publish(good, packet_id=1) == PubAck(1), "others are not held up"
        letter = admin.get(LETTERS).json()["data"]["items"][0]["letterId"]
        assert admin.post(f"{LETTERS}/{letter}/replay", json={}).json()["data"]["settled"]
        assert client.publish(bad, packet_id=2) == PubAck(2), "an operator has seen to one"


def test_subscriptions_that_come_and_go_cost_nobody_much(server: RunningServer, client: Client) -> None:
    before = memory_kib(server)
    for number in range(1, 501):
        client.send(
            Subscribe(number, (Subscription(f"{REPLIES}/{number}"),)), Unsubscribe(number, (f"{REPLIES}/{number}",))
        )
        assert client.expect(SubAck).reasons == (Reason.success,)
        assert client.expect(UnsubAck).reasons == (Reason.success,)
    assert memory_kib(server) - before < 8 * KIB_PER_MIB


def test_a_name_from_outside_does_not_write_a_line_of_the_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    forged = '\n{"event": "forged"}'
    with running(data, environment={"HYDROBIT_LOG_REQUESTS": "true"}) as server:
        for client_id, topic in ((forged, ""), ("ok", f"control/production/records/{forged}/void")):
            with Client(server.address, V3_1_1) as client:
                client.connect(server.token(), client_id)
                if topic:
                    assert client.publish({"auth0Id": demo.ADMIN, "reason": forged}, topic) == PubAck(1)
                    client.send(Disconnect())
                assert client.ended() is None
        assert server.stop() == 0
    assert "forged" not in (tmp_path / "data.log").read_text()


def upgrade(path: str = "/mqtt", **changes: str) -> bytes:
    """The bytes of a request that asks for a WebSocket."""
    said = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "mqtt",
    }
    return request("GET", path, headers=said | changes)


def test_a_websocket_does_not_overtake_an_answer_that_is_outstanding(server: RunningServer) -> None:
    with Connection(server.address) as connection:
        connection.send(request("GET", "/readyz") + upgrade())
        assert connection.answer().status == 200
        assert connection.answer().status == 401, "it is answered as the plain call that it is as well"
    with Connection(server.address) as connection:
        assert connection.call("GET", "/readyz").status == 200
        connection.send(upgrade())
        assert connection.answer().status == 101


def test_many_requests_for_another_protocol_are_each_passed_over(server: RunningServer) -> None:
    asked = request("GET", "/healthz", headers={"Upgrade": "h2c", "Connection": "Upgrade"})
    with Connection(server.address) as connection:
        connection.send(asked * PIPELINED)
        assert {connection.answer().status for _ in range(PIPELINED)} == {200}


def test_a_request_for_a_websocket_that_cannot_be_read_is_refused_without_a_word_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        with Connection(server.address) as connection:
            connection.send(upgrade().replace(b"dGhl", b"\xff\xfe\xfd\xfc"))
            assert connection.answer().code == "invalid_value"
        assert server.stop() == 0
    assert "Traceback" not in (tmp_path / "data.log").read_text()


def test_connections_of_plain_mqtt_are_counted_with_all_others(tmp_path: Path) -> None:
    port, most = free_port(), 5
    limits = {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{port}", "HYDROBIT_CONNECTIONS_MAX": str(most)}
    with running(tmp_path / "data", environment=limits) as server, ExitStack() as held:
        clients = [held.enter_context(Client(f"tcp://127.0.0.1:{port}", path="")) for _ in range(most + 1)]
        with pytest.raises(Ended):
            clients[-1].next()
        clients[0].close()

        def is_let_in() -> bool:
            with Client(f"tcp://127.0.0.1:{port}", path="") as client, suppress(Ended):
                return client.connect(server.token()).reason == Reason.success
            return False

        until(is_let_in, "room for another connection")


def test_after_all_of_it_the_server_answers(server: RunningServer, client: Client) -> None:
    client.send(PingReq())
    assert client.next() == PingResp()
