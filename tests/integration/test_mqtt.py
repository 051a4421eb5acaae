"""Devices and phones over MQTT, against real servers: who is let in, what is stored, and what they are told."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import POSTGRES
from hydrobit.transport.mqtt.codec import encode
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    ConnAck,
    Connect,
    Disconnect,
    PingReq,
    PingResp,
    PubAck,
    Publish,
)
from hydrobit.transport.mqtt.properties import Properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode
from tests import engines
from tests.callers import ADMIN_USERS, Caller, add_people, element
from tests.mqtt_raw import CLOSE, RECORDS, TEXT, Client, Ended, frame, message
from tests.servers import RunningServer, event, running
from tests.sockets import Connection, free_port
from tests.tools import alone_on
from tests.watching import metrics, until

IOT = "/api/control/iot"
LETTERS = f"{IOT}/dead-letters"
REPLIES = "replies/scale-1"
ORIGIN = "https://farm.example"
KEPT_SESSIONS_MAX = 12
PACKET_BYTES_MAX = 200_000
LIMITS = {
    "HYDROBIT_MQTT_WATCH_INTERVAL_S": "1",
    "HYDROBIT_MQTT_SEEN_INTERVAL_S": "1",
    "HYDROBIT_MQTT_CONNECT_S_MAX": "1",
    "HYDROBIT_MQTT_PACKET_BYTES_MAX": str(PACKET_BYTES_MAX),
    "HYDROBIT_MQTT_DEVICE_CONNECTIONS_MAX": "3",
    "HYDROBIT_MQTT_SUBSCRIPTIONS_MAX": "2",
    "HYDROBIT_MQTT_KEPT_SESSIONS_MAX": str(KEPT_SESSIONS_MAX),
    "HYDROBIT_CLOCK_LEEWAY_S": "0",
    "HYDROBIT_STORE_BUSY_MS_MAX": "500",
    "HYDROBIT_CORS_ORIGINS": ORIGIN,
}
VERSIONS = pytest.mark.parametrize("version", [V3_1_1, V5])
STAYING = Properties(session_expiry_interval=600)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningServer]:
    environment = LIMITS | {"HYDROBIT_MQTT_LISTEN": f"127.0.0.1:{port}"}
    with running(tmp_path_factory.mktemp("mqtt") / "data", environment=environment) as started:
        add_people(started.data)
        yield started


class Devices:
    """The devices of the demo company, as its admin handles them."""

    def __init__(self, admin: Caller) -> None:
        self.admin = admin

    def add(self, device_id: str) -> str:
        """Adds the device, and returns its branch."""
        body = {"deviceId": device_id, "projectId": demo.PROJECT, "name": device_id}
        answer = self.admin.post(f"{IOT}/devices", json=body)
        assert answer.status_code == 201, answer.text
        topic: str = answer.json()["data"]["topic"]
        return topic.removesuffix("/#")

    def token(self, device_id: str, **body: Any) -> str:
        answer = self.admin.post(f"{IOT}/tokens", json={"deviceId": device_id} | body)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["data"]["token"]
        return token

    def new(self, device_id: str) -> tuple[str, str]:
        """The token and the branch of a device that is added."""
        branch = self.add(device_id)
        return self.token(device_id), branch


@pytest.fixture
def devices(admin: Caller) -> Devices:
    return Devices(admin)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.address) as opened:
        yield opened


@pytest.fixture
def old(server: RunningServer) -> Iterator[Client]:
    """A client of MQTT 3.1.1."""
    with Client(server.address, V3_1_1) as opened:
        yield opened


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


def let_in(client: Client, token: str, client_id: str = "scale-1", **changes: Any) -> ConnAck:
    answer = client.connect(token, client_id, **changes)
    assert answer.reason == Reason.success, answer
    return answer


# --- who is let in ---


def test_a_token_may_stand_in_the_password_or_in_either_header(server: RunningServer, devices: Devices) -> None:
    token, _ = devices.new("creds-1")
    for headers, password in (
        ({}, token),
        ({"x-iot-token": token}, None),
        ({"Authorization": f"Bearer {token}"}, None),
        ({"x-iot-token": token, "Authorization": "Bearer wrong"}, None),
        ({"x-iot-token": "wrong", "Authorization": "Bearer wrong"}, token),
        ({}, server.token()),
    ):
        with Client(server.address, headers=headers) as client:
            let_in(client, password, properties=Properties())  # type: ignore[arg-type]
            client.send(Disconnect())
            assert client.ended() is None


@pytest.mark.parametrize("kind", ["none", "wrong", "not text", "expired", "wrong beside a good header", "company key"])
def test_who_has_no_good_token_is_told_so(server: RunningServer, admin: Caller, kind: str) -> None:
    reason, code = Reason.bad_user_name_or_password, ReturnCode.bad_user_name_or_password
    headers: dict[str, str] = {}
    password: bytes | None = b"wrong"
    match kind:
        case "none":
            reason, code, password = Reason.not_authorized, ReturnCode.not_authorized, None
        case "not text":
            password = b"\xff\xfe"
        case "expired":
            reason, code = Reason.not_authorized, ReturnCode.not_authorized
            password = server.token(lifetime_s=-3600).encode()
        case "wrong beside a good header":
            headers = {"x-iot-token": server.token()}
        case "company key":
            made = admin.post("/api/control/admin/keys", json={"name": "k", "scopes": ["write:iot"]})
            password = made.json()["data"]["key"].encode()
    said: dict[str, Any] = {} if password is None else {"user_name": "x", "password": password}
    for version, told in ((V5, reason), (V3_1_1, code)):
        with Client(server.address, version, headers=headers) as client:
            answer = client.connect(None, **said)
            assert (answer.reason, answer.session_present) == (told, False)
            assert client.ended() is None
            if version == V5:
                assert answer.properties.reason_string


def test_plain_tcp_is_spoken_where_a_setting_says_so(server: RunningServer, port: int, session_id: str) -> None:
    with Client(f"mqtt://127.0.0.1:{port}", path="") as client:
        let_in(client, server.token())
        assert client.publish(event(session_id, "tcp")).reason == Reason.success
        client.send(Disconnect())
        assert client.ended() is None


# --- topics ---


def test_one_event_counts_once_on_all_topics_and_roads(
    server: RunningServer, admin: Caller, devices: Devices, session_id: str
) -> None:
    token, branch = devices.new("topics-1")
    body = event(session_id, "one")
    with Client(server.address, path="/api/control/production/records") as client:
        let_in(client, token)
        for topic in (RECORDS, f"/{RECORDS}", f"api/{RECORDS}", f"/api/{RECORDS}", f"{branch}/{RECORDS}"):
            assert client.publish(body, topic).reason == Reason.success
        bulk = {"auth0Id": demo.ADMIN, "records": [element(session_id, "one"), element(session_id, "two")]}
        assert client.publish(bulk, f"{RECORDS}/bulk").reason == Reason.success
    assert admin.count(session_id, "one").status_code == 200
    assert admin.session(session_id)["totalUnits"] == 2


def test_answers_come_with_their_correlation_before_the_acknowledgement(
    server: RunningServer, client: Client, session_id: str
) -> None:
    let_in(client, server.token())
    client.subscribe(REPLIES)
    told, acknowledgement = client.ask(event(session_id, "asked"))
    assert (told.topic, told.qos, told.properties.correlation_data) == (REPLIES, 0, b"7")
    assert told.properties.user_properties == (("status", "201"),)
    record = json.loads(told.payload)["data"]["payloadPreview"]["recordId"]
    assert acknowledgement.reason == Reason.success
    void, _ = client.ask({"auth0Id": demo.ADMIN, "reason": "Twice"}, f"{RECORDS}/{record}/void")
    assert json.loads(void.payload)["data"]["payloadPreview"]["recordId"] != record
    read, _ = client.ask(b"", f"{RECORDS}/{record}", user_properties=(("method", "GET"),))
    assert json.loads(read.payload)["data"]["recordId"] == record
    listed, _ = client.ask({"limit": 1}, "control/production/sessions", user_properties=(("method", "GET"),))
    assert json.loads(listed.payload)["status"] == "success"


def test_readings_of_a_device_come_by_its_branch_and_by_no_other(
    server: RunningServer, client: Client, devices: Devices
) -> None:
    token, branch = devices.new("reads-1")
    other = devices.add("reads-2")
    let_in(client, token)
    body = {
        "deviceId": "reads-1",
        "readings": [{"recordedAtUtc": "2025-10-19T14:30:00.000Z", "values": {"temperature": 21.5}}],
    }
    assert client.publish(body, f"{branch}/data/weather").reason == Reason.success
    refused = client.publish(body, f"{other}/data/weather")
    assert (refused.reason, refused.properties.reason_string) == (
        Reason.not_authorized,
        f"device_mismatch: The sender's own branch is {branch}/.",
    )


def test_a_user_who_names_a_device_has_its_branch(server: RunningServer, devices: Devices) -> None:
    branch = devices.add("named-1")
    with Client(server.address, path="/mqtt?deviceId=named-1") as client:
        let_in(client, server.token())
        reading = {"recordedAtUtc": "2025-10-19T14:30:00Z", "values": {"growth": 1}}
        assert client.publish({"readings": [reading]}, f"{branch}/data/plant").reason == Reason.success
        assert client.publish({}, "control/iot/devices").reason == Reason.not_authorized
    with Client(server.address, path="/mqtt?deviceId=unknown") as client:
        assert client.connect(server.token()).reason == Reason.not_authorized


# --- acknowledgements ---


@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_acknowledged_before_it_is_in_the_ledger(
    server: RunningServer, client: Client, session_id: str, qos: int
) -> None:
    let_in(client, server.token())
    assert client.publish(event(session_id, f"first-{qos}")).reason == Reason.success
    with Connection(server.address) as watcher:
        before = metrics(watcher)['hydrobit_mqtt_packets_total{direction="received"}']
        with engines.locked(server.data):
            client.send(message(event(session_id, f"held-{qos}"), packet_id=2, qos=qos), PingReq())
            until(
                lambda: metrics(watcher)['hydrobit_mqtt_packets_total{direction="received"}'] >= before + 2,
                "the message is read",
            )
            assert client.next() == PingResp()
            assert client.is_quiet()
        assert client.next().packet_id == 2  # type: ignore[union-attr]


def test_acknowledgements_keep_the_order_of_arrival_whatever_becomes_of_each(
    server: RunningServer, client: Client, session_id: str
) -> None:
    let_in(client, server.token())
    bodies = [event(session_id, f"order-{number}") if number % 3 else {"bad": number} for number in range(60)]
    client.send(*(message(body, packet_id=number) for number, body in enumerate(bodies, 1)))
    told = [client.expect(PubAck) for _ in bodies]
    assert [each.packet_id for each in told] == list(range(1, 61))
    assert [bool(each.reason) for each in told] == [not number % 3 for number in range(60)]


def test_a_refusal_is_told_by_its_reason_and_its_sentence(
    server: RunningServer, client: Client, session_id: str
) -> None:
    let_in(client, server.token())
    for body, topic, reason, code in (
        (b"{", RECORDS, 0x99, "invalid_json"),
        (event(session_id, "e") | {"units": "x"}, RECORDS, 0x99, "wrong_type"),
        ({}, "control/nothing", 0x90, "unknown_path"),
        ({}, "$SYS/x", 0x90, "unknown_path"),
        ({}, "replies/other", 0x90, "unknown_path"),
        (event(session_id, "e") | {"auth0Id": "user_other"}, RECORDS, 0x87, "caller_mismatch"),
        (b" " * (PACKET_BYTES_MAX - 200), RECORDS, 0x97, "body_too_large"),
        (event("session_unknown", "e"), RECORDS, 0x83, "session_not_found"),
    ):
        told = client.publish(body, topic)
        assert (int(told.reason), (told.properties.reason_string or "").split(":")[0]) == (reason, code)


def test_what_was_refused_to_3_1_1_is_kept_listed_and_handed_in_anew(
    server: RunningServer, old: Client, admin: Caller
) -> None:
    user = "user_dead_letters"
    assert admin.post(ADMIN_USERS, json={"userId": user, "name": "One", "role": "supervisor"}).status_code == 201
    with Caller(server, user) as owner:
        session_id = owner.opened()
    assert admin.patch(f"{ADMIN_USERS}/{user}", json={"role": "viewer"}).status_code == 200
    let_in(old, server.token(user))
    old.subscribe(REPLIES)
    body = event(session_id, "late") | {"auth0Id": user}
    old.send(message(body, packet_id=4))
    told = json.loads(old.expect(Publish).payload)
    assert (told["status"], told["id"], told["packetId"], told["topic"]) == (403, "late", 4, RECORDS)
    assert told["answer"]["code"] == "role_forbidden"
    assert old.expect(PubAck) == PubAck(4)
    letter = told["deadLetter"]

    (found,) = [one for one in admin.get(LETTERS).json()["data"]["items"] if one["letterId"] == letter]
    assert (found["auth0Id"], found["clientId"], found["code"], found["status"]) == (
        user,
        "scale-1",
        "role_forbidden",
        "waiting",
    )
    assert json.loads(admin.get(f"{LETTERS}/{letter}").json()["data"]["payload"]) == body
    assert admin.patch(f"{ADMIN_USERS}/{user}", json={"role": "supervisor"}).status_code == 200
    replay = f"{LETTERS}/{letter}/replay"
    first, again = (admin.post(replay, json={}).json()["data"] for _ in range(2))
    assert (first["statusCode"], first["settled"]) == (201, True), first
    assert again["statusCode"] == 200
    with Caller(server, user) as owner:
        assert owner.session(session_id)["totalUnits"] == 1


def test_a_letter_of_a_device_is_handed_in_as_that_device(
    server: RunningServer, old: Client, admin: Caller, devices: Devices, session_id: str
) -> None:
    token, branch = devices.new("letters-1")
    let_in(old, token)
    old.subscribe(f"{branch}/{REPLIES}")
    old.send(message(event("session_unknown", "x"), f"{branch}/{RECORDS}"))
    letter = json.loads(old.expect(Publish).payload)["deadLetter"]
    assert old.expect(PubAck) == PubAck(1)
    told = admin.post(f"{LETTERS}/{letter}/replay", json={}).json()["data"]
    assert (told["statusCode"], told["answer"]["code"]) == (404, "session_not_found")


@VERSIONS
def test_a_passing_fault_is_not_acknowledged_and_the_message_counts_once_when_it_comes_again(
    server: RunningServer, admin: Caller, session_id: str, version: int
) -> None:
    body = event(session_id, f"passing-{version}")
    with Client(server.address, version) as client:
        let_in(client, server.token(), f"passing-{version}")
        with engines.locked(server.data):
            client.send(message(body))
            last = client.ended()
        assert (last.reason if last else None) == (Reason.server_busy if version == V5 else None)
    with Client(server.address, version) as client:
        let_in(client, server.token(), f"passing-{version}")
        assert client.publish(body, dup=True).reason == Reason.success
    assert admin.session(session_id)["totalUnits"] == 1


# --- sessions ---


def test_session_present_is_true_across_connections_and_servers(tmp_path: Path) -> None:
    def present(server: RunningServer, **changes: Any) -> bool:
        with Client(server.address) as client:
            answer = let_in(client, server.token(), **changes)
            if answer.session_present:  # then its subscriptions are too
                told, _ = client.ask({})
                assert told.topic == REPLIES
            else:
                client.subscribe(REPLIES)
            return answer.session_present

    data = tmp_path / "data"
    with running(data, environment=LIMITS) as server:
        assert not present(server, properties=STAYING, clean_start=False)
        assert present(server, properties=STAYING, clean_start=False)
        assert not present(server, properties=STAYING, clean_start=True)
        assert server.stop() == 0
    with running(data, environment=LIMITS) as server:
        assert present(server, properties=STAYING, clean_start=False)
        server.kill()
    with running(data, environment=LIMITS) as server:
        assert present(server, clean_start=False), "and from now on it ends with its connection"
        assert not present(server, properties=Properties(session_expiry_interval=1), clean_start=False)
        time.sleep(1.5)
        assert not present(server, clean_start=False)
        with Client(server.address, V3_1_1) as old:
            assert not let_in(old, server.token(), "old", clean_start=False).session_present
        with Client(server.address, V3_1_1) as old:
            assert let_in(old, server.token(), "old", clean_start=False).session_present


@VERSIONS
def test_a_client_id_is_taken_over_by_its_own_subject_alone(server: RunningServer, version: int) -> None:
    with ExitStack() as held:
        first, second, stranger = (held.enter_context(Client(server.address, version)) for _ in range(3))
        let_in(first, server.token(), "mine")
        let_in(stranger, server.token(demo.OTHER_USER), "mine")
        let_in(second, server.token(), "mine")
        last = first.ended()
        assert (last.reason if last else None) == (Reason.session_taken_over if version == V5 else None)
        for client in (second, stranger):
            client.send(PingReq())
            assert client.next() == PingResp()


def test_a_client_reads_and_answers_to_nobody_but_itself(
    server: RunningServer, client: Client, session_id: str
) -> None:
    let_in(client, server.token())
    told = client.subscribe("#", "replies/other", "replies/+", "$SYS/#", "connect/#", REPLIES)
    assert [int(reason) for reason in told.reasons] == [0x87] * 5 + [0]
    refused = client.publish(event(session_id, "r"), properties=Properties(response_topic="replies/other"))
    assert refused.reason == Reason.success
    assert refused.properties.reason_string == (f"No answer is sent to replies/other: it must stand under {REPLIES}.")
    unread = client.publish(event(session_id, "r"), properties=Properties(response_topic=f"{REPLIES}/x"))
    assert "has not subscribed" in (unread.properties.reason_string or "")


def test_an_answer_that_is_too_large_for_the_client_is_told_of(
    server: RunningServer, client: Client, session_id: str
) -> None:
    let_in(client, server.token(), properties=Properties(maximum_packet_size=120))
    client.subscribe(REPLIES)
    told = client.publish(event(session_id, "large"), properties=Properties(response_topic=REPLIES))
    assert told.reason == Reason.success
    assert "larger than" in (told.properties.reason_string or "")


# --- rights that end ---


@VERSIONS
def test_a_connection_ends_with_its_token(server: RunningServer, version: int) -> None:
    with Client(server.address, version) as client:
        let_in(client, server.token(lifetime_s=2))
        last = client.ended()
        assert (last.reason if last else None) == (Reason.not_authorized if version == V5 else None)


def test_who_may_not_call_any_more_is_ended(server: RunningServer, admin: Caller, devices: Devices) -> None:
    user = "user_soon_disabled"
    assert admin.post(ADMIN_USERS, json={"userId": user, "name": "One", "role": "supervisor"}).status_code == 201
    token, _ = devices.new("revoked-1")
    devices.add("revoked-2")
    with ExitStack() as held:
        scale, person = (held.enter_context(Client(server.address)) for _ in range(2))
        naming = held.enter_context(Client(server.address, path="/mqtt?deviceId=revoked-2"))
        other = held.enter_context(Client(server.address))
        let_in(scale, token)
        let_in(person, server.token(user))
        let_in(naming, server.token(), "naming")
        let_in(other, server.token(), "other")
        for device in ("revoked-1", "revoked-2"):
            assert admin.post(f"{IOT}/devices/{device}/revoke", json={}).status_code == 200
        assert admin.post(f"{ADMIN_USERS}/{user}/disable", json={}).status_code == 200
        for client in (scale, person, naming):
            last = client.ended()
            assert last is not None
            assert last.reason == Reason.not_authorized
        other.send(PingReq())
        assert other.next() == PingResp()


@alone_on(POSTGRES, "a file has one server")
def test_two_nodes_know_of_each_others_sessions_and_rights(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ExitStack() as held:
        nodes = [held.enter_context(running(data, environment=LIMITS)) for _ in range(2)]
        admin = Devices(held.enter_context(Caller(nodes[0])))
        token, _ = admin.new("scale-1")
        first, second, third = (held.enter_context(Client(nodes[number].address)) for number in (0, 1, 1))
        let_in(first, token, properties=STAYING)
        first.subscribe(REPLIES)
        assert let_in(second, token, properties=STAYING, clean_start=False).session_present
        last = first.ended()
        assert last is not None
        assert last.reason == Reason.session_taken_over
        let_in(third, token, "scale-2")
        assert admin.admin.post(f"{IOT}/devices/scale-1/revoke", json={}).status_code == 200
        for client in (second, third):
            last = client.ended()
            assert last is not None
            assert last.reason == Reason.not_authorized


# --- limits ---


def test_who_says_nothing_or_not_enough_is_ended(server: RunningServer) -> None:
    begun = time.monotonic()
    with Client(server.address) as silent, Client(server.address) as slow:
        whole = encode(Connect("slow"), V5)
        for byte in whole * 100:
            try:
                slow.send_bytes(bytes([byte]))
                assert slow.is_quiet()
            except (AssertionError, Ended):
                break
            time.sleep(0.2)
        assert silent.ended() is None
        assert slow.ended() is None
    assert time.monotonic() - begun < 5


def test_a_client_that_is_silent_beyond_its_keep_alive_is_ended(server: RunningServer, client: Client) -> None:
    let_in(client, server.token(), keep_alive_s=1)
    begun = time.monotonic()
    last = client.ended()
    assert last is not None
    assert last.reason == Reason.keep_alive_timeout
    assert time.monotonic() - begun > 1.4


def test_connections_of_a_device_are_counted_and_counted_out(server: RunningServer, devices: Devices) -> None:
    token, _ = devices.new("many-1")
    with ExitStack() as held:
        clients = [held.enter_context(Client(server.address)) for _ in range(4)]
        for number, client in enumerate(clients[:3]):
            let_in(client, token, f"c{number}")
        assert clients[3].connect(token, "c3").reason == Reason.quota_exceeded
        clients[0].send(Disconnect())
        assert clients[0].ended() is None
        let_in(held.enter_context(Client(server.address)), token, "c3")


def test_a_session_too_many_that_would_stay_is_refused_when_it_begins(server: RunningServer, devices: Devices) -> None:
    token, _ = devices.new("kept-1")
    for number in range(KEPT_SESSIONS_MAX):
        with Client(server.address) as client:
            let_in(client, token, f"kept-{number}", properties=STAYING)
            client.send(Disconnect())
            assert client.ended() is None
    with Client(server.address) as client, Client(server.address) as clean:
        assert client.connect(token, "kept-more", properties=STAYING).reason == Reason.quota_exceeded
        let_in(clean, token, "kept-more")


def test_a_packet_or_subscription_too_many_is_refused(server: RunningServer, client: Client) -> None:
    let_in(client, server.token())
    told = client.subscribe(REPLIES, f"{REPLIES}/a", f"{REPLIES}/b")
    assert [int(reason) for reason in told.reasons] == [0, 0, 0x97]
    client.send(message(bytes(PACKET_BYTES_MAX)))
    last = client.ended()
    assert last is not None
    assert last.reason == Reason.packet_too_large


# --- WebSockets ---


def test_a_websocket_is_opened_where_there_is_a_path_and_mqtt_is_asked_for(server: RunningServer) -> None:
    for path, headers, status, code in (
        ("/nothing", {}, 404, "unknown_path"),
        ("//[/mqtt", {}, 404, "unknown_path"),
        ("/mqtt", {"Sec-WebSocket-Protocol": ""}, 400, "invalid_value"),
        ("/mqtt", {"Sec-WebSocket-Protocol": "chat"}, 400, "invalid_value"),
        ("/mqtt", {"Origin": "https://elsewhere.example"}, 403, "role_forbidden"),
    ):
        with Client(server.address, path=path, headers=headers) as client:
            assert client.upgrade is not None
            assert (client.upgrade.status, client.upgrade.code) == (status, code)
            assert client.ended() is None
    twice = f"{server.token()}\r\nx-iot-token: other\r\nAuthorization: a\r\nAuthorization: b"
    for path, headers in (
        ("/mqtt", {"Origin": ORIGIN, "x-iot-token": twice}),
        ("/mqtt", {"Content-Length": "0"}),  # as Java's client says it
        ("/api/control/projects", {}),
    ):
        with Client(server.address, path=path, headers=headers) as client:
            assert client.upgrade is not None
            assert client.upgrade.status == 101
            assert client.upgrade.headers["sec-websocket-protocol"] == "mqtt"


def test_packets_and_frames_may_be_cut_as_anybody_likes(server: RunningServer, client: Client, session_id: str) -> None:
    let_in(client, server.token())
    packets = [encode(message(event(session_id, f"cut-{number}"), packet_id=number), V5) for number in range(1, 5)]
    client.send_bytes(packets[0] + packets[1])
    for place in range(0, len(packets[2]), 50):
        client.send_bytes(packets[2][place : place + 50])
    client.send_raw(frame(packets[3][:10], is_final=False))
    client.send_raw(frame(b"", 0x9) + frame(packets[3][10:20], 0, is_final=False) + frame(packets[3][20:], 0))
    assert [client.expect(PubAck).packet_id for _ in packets] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("raw", "code"),
    [(frame(b"text", TEXT), 1003), (frame(bytes(2 * PACKET_BYTES_MAX)), 1009), (b"\x83\x80\0\0\0\0", 1002)],
    ids=["text", "too large", "unknown"],
)
def test_a_frame_that_is_none_of_ours_ends_the_websocket(
    server: RunningServer, client: Client, raw: bytes, code: int
) -> None:
    let_in(client, server.token())
    client.send_raw(raw)
    assert client.ended() is None
    assert client.closed_with == code


def test_a_close_is_answered_with_a_close(server: RunningServer, client: Client) -> None:
    let_in(client, server.token())
    client.send_raw(frame(b"\x03\xe8", CLOSE))
    assert client.ended() is None
    assert client.closed_with == 1000


# --- the stop ---


def test_a_stop_answers_what_is_under_way_and_says_why_it_ends(tmp_path: Path) -> None:
    patient = LIMITS | {"HYDROBIT_STORE_BUSY_MS_MAX": "60000"}
    with running(tmp_path / "data", environment=patient) as server, ExitStack() as held:
        with Caller(server) as admin:
            session_id = admin.opened()
        clients = [held.enter_context(Client(server.address, version)) for version in (V5, V3_1_1)]
        watcher = held.enter_context(Connection(server.address))
        for number, client in enumerate(clients):
            let_in(client, server.token(), f"c{number}")
        with engines.locked(server.data):
            for number, client in enumerate(clients):
                client.send(message(event(session_id, f"stop-{number}")))
            until(lambda: metrics(watcher)["hydrobit_queue_rows"] > 0, "a queued record")
            server.process.send_signal(15)
        for client in clients:
            assert client.expect(PubAck) == PubAck(1)
            last = client.ended()
            assert (last.reason if last else None) == (Reason.server_shutting_down if client.version == V5 else None)
        assert server.process.wait(10) == 0
