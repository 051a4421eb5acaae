"""Several servers over one database: what is true of one is true of all of them together."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import cycle
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import POSTGRES
from tests import books, engines
from tests.callers import ADMIN_PROJECTS, ADMIN_USERS, PROJECTS, SESSIONS, Caller, Json, refusal
from tests.commands import printed
from tests.integration.test_close_against_create import Race
from tests.servers import PRODUCTION, RunningServer, event, open_session, opening, running
from tests.sockets import Connection

NODES, PHONES_OF_A_NODE = 3, 8
EVENTS = 10
PAGE = 7
RECORDS = f"{PRODUCTION}/records"


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """A file has one server, so that this is about a database alone."""
    with engines.chosen(POSTGRES):
        yield POSTGRES


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningServer]]:
    """Three that begin at the same moment on an empty database, with one folder of keys."""
    data = tmp_path_factory.mktemp("nodes") / "data"
    engines.url_of(data)
    with ExitStack() as held, ThreadPoolExecutor(NODES) as starting:
        begun = [starting.submit(held.enter_context, running(data)) for _ in range(NODES)]
        yield [node.result() for node in begun]


def said(caller: Caller, **body: Any) -> Json:
    """A body that says who calls."""
    return {"auth0Id": caller.user} | body


def phone(node: RunningServer) -> Connection:
    return Connection(node.address, node.token())


def test_a_token_of_one_node_is_good_on_all(nodes: list[RunningServer]) -> None:
    token = nodes[0].token()
    for node in nodes:
        with closing(Connection(node.address, token)) as connection:
            assert connection.call("GET", f"{PRODUCTION}/sessions").status == 200


def test_one_event_sent_to_all_nodes_at_once_is_counted_once(nodes: list[RunningServer]) -> None:
    with nodes[0].client() as client:
        session_id = open_session(client, day="2025-04-01")
    bodies = [event(session_id, f"evt-{number}", idempotencyKey=f"key-{number}") for number in range(EVENTS)]
    meeting = threading.Barrier(NODES * PHONES_OF_A_NODE)

    def send(node: RunningServer) -> list[tuple[int, str]]:
        told = []
        with closing(phone(node)) as connection:
            for body in bodies:
                meeting.wait(60)
                answer = connection.call("POST", RECORDS, body)
                told.append((answer.status, answer.json()["data"]["payloadPreview"]["recordId"]))
        return told

    with ThreadPoolExecutor(NODES * PHONES_OF_A_NODE) as phones:
        everyone = list(phones.map(send, nodes * PHONES_OF_A_NODE))
    for told in zip(*everyone, strict=True):
        assert Counter(status for status, _ in told) == {201: 1, 200: NODES * PHONES_OF_A_NODE - 1}
        assert len({record_id for _, record_id in told}) == 1
    counted = [line.client_event_id for line in books.lines(nodes[0].data, session_id) if line.kind == books.COUNT]
    assert Counter(counted) == {f"evt-{number}": 1 for number in range(EVENTS)}


def test_one_session_is_opened_when_all_nodes_are_asked_at_once(nodes: list[RunningServer]) -> None:
    meeting = threading.Barrier(NODES)
    body = {
        "auth0Id": demo.ADMIN,
        "projectId": demo.PROJECT,
        "openedAt": "2025-04-02T14:00:00.000Z",
        "sectorId": "sector_001",
        "sector_name": "Lote A-1",
    }

    def open_one(node: RunningServer) -> tuple[int, str]:
        with closing(phone(node)) as connection:
            meeting.wait(60)
            answer = connection.call("POST", f"{PRODUCTION}/sessions", body).json()
        found = answer["existing"] if "existing" in answer else answer["data"]
        return "existing" in answer, found["sessionId"]

    with ThreadPoolExecutor(NODES) as phones:
        told = list(phones.map(open_one, nodes))
    assert sorted(known for known, _ in told) == [False] + [True] * (NODES - 1)
    assert len({session_id for _, session_id in told}) == 1


class AcrossNodes(Race):
    """Phones and closers call one node after another."""

    def __init__(self, nodes: list[RunningServer], session_id: str) -> None:
        super().__init__(nodes[0], session_id, 1)
        self._nodes, self._choosing = cycle(nodes), threading.Lock()

    def connection(self) -> Connection:
        with self._choosing:
            return phone(next(self._nodes))


def test_nothing_enters_a_session_that_another_node_has_closed(nodes: list[RunningServer]) -> None:
    with nodes[0].client() as client:
        session_id = open_session(client, day="2025-04-03")
    race = AcrossNodes(nodes, session_id)
    closed = race.run()
    assert sorted(answer.status for answer in closed) == [200, 409]
    assert [told for told in race.told if told.sent_late and told.status == 201] == []
    lines = books.lines(nodes[0].data, session_id)
    (close,) = [line.seq for line in lines if line.kind == books.CLOSE]
    assert max(line.seq for line in lines) == close
    assert {line.client_event_id for line in lines if line.kind == books.COUNT} == race.accepted.keys()
    assert race.refused == books.held_events(nodes[0].data, session_id)
    (total,) = [answer.json()["data"]["totalUnits"] for answer in closed if answer.status == 200]
    assert total == sum(race.accepted.values())


def test_who_pages_by_seq_while_all_nodes_write_misses_nothing_and_sees_nothing_twice(
    nodes: list[RunningServer],
) -> None:
    with nodes[0].client() as client:
        session_id = open_session(client, day="2025-04-04")
    first = books.lines(nodes[0].data)[-1].seq
    written = threading.Event()

    def write(place: int) -> None:
        with closing(phone(nodes[place % NODES])) as connection:
            for number in range(40):
                assert connection.call("POST", RECORDS, event(session_id, f"{place}-{number}")).status == 201

    def page() -> list[int]:
        seen: list[int] = []
        with engines.connected(nodes[0].data) as session:
            question = "select seq from entry where company = 1 and seq > $1 order by seq limit $2"
            while True:
                is_last = written.is_set()
                found: list[Any] = session.execute(question, (seen[-1] if seen else first, PAGE)).fetchall()
                seen += [seq for (seq,) in found]
                if is_last and not found:
                    return seen

    with ThreadPoolExecutor(NODES * PHONES_OF_A_NODE + 1) as threads:
        reading = threads.submit(page)
        for done in [threads.submit(write, place) for place in range(NODES * PHONES_OF_A_NODE)]:
            done.result()
        written.set()
        seen = reading.result()
    assert seen == list(range(first + 1, first + 1 + NODES * PHONES_OF_A_NODE * 40))


def test_what_is_changed_on_one_node_at_once_by_all_has_one_order(nodes: list[RunningServer]) -> None:
    """Workers are numbered, and the audit log too, whoever adds them."""

    def add(place: int) -> tuple[int, str]:
        body = {
            "auth0Id": demo.ADMIN,
            "first_name": "Juana",
            "last_name": f"Sol {'abcdefghijklmnopqrstuvwxyz'[place]}",
            "position": "field_worker",
            "employment_type": "full_time",
            "hire_date": "2025-03-15",
        }
        with closing(phone(nodes[place % NODES])) as connection:
            answer = connection.call("POST", "/api/control/workers", body)
        return answer.status, answer.json()["data"]["workerId"]

    count = NODES * 6
    with ThreadPoolExecutor(count) as threads:
        told = list(threads.map(add, range(count)))
    assert {status for status, _ in told} == {201}
    assert len({worker_id for _, worker_id in told}) == count


def test_a_user_who_is_disabled_on_one_node_may_do_nothing_on_another_from_then_on(nodes: list[RunningServer]) -> None:
    with Caller(nodes[0]) as admin, Caller(nodes[1], demo.SUPERVISOR) as phone:
        session_id = phone.opened(day="2025-04-05")
        for active in range(3):
            phone.counted(session_id, f"evt-{active}")
            assert admin.post(f"{ADMIN_USERS}/{demo.SUPERVISOR}/disable", json=said(admin)).status_code == 200
            refusal(phone.count(session_id, "evt-too-late"), 403, "no_company")
            refusal(phone.get(f"{SESSIONS}/{session_id}"), 403, "no_company")
            assert admin.post(f"{ADMIN_USERS}/{demo.SUPERVISOR}/enable", json=said(admin)).status_code == 200
    events = {line.client_event_id for line in books.lines(nodes[0].data, session_id) if line.kind == books.COUNT}
    assert events == {"evt-0", "evt-1", "evt-2"}


def test_a_role_that_is_changed_on_one_node_counts_on_another_from_then_on(nodes: list[RunningServer]) -> None:
    with Caller(nodes[0]) as admin, Caller(nodes[1], demo.SUPERVISOR) as phone:
        session_id = phone.opened(day="2025-04-06")
        for turn, (role, status) in enumerate(
            [("viewer", 403), ("supervisor", 201), ("viewer", 403), ("supervisor", 201)]
        ):
            changed = admin.patch(f"{ADMIN_USERS}/{demo.SUPERVISOR}", json=said(admin, role=role))
            assert changed.status_code == 200, changed.text
            assert phone.count(session_id, f"evt-{turn}").status_code == status


def test_a_company_key_that_is_revoked_on_one_node_is_refused_on_another_from_then_on(
    nodes: list[RunningServer],
) -> None:
    with Caller(nodes[0]) as admin:
        body = said(admin, name="Packing house", scopes=["read:production"])
        added = admin.post("/api/control/admin/keys", json=body).json()["data"]
        with Caller(nodes[1], token=added["key"]) as machine:
            asked = {"auth0Id": f"key:{added['keyId']}"}
            assert machine.get(PROJECTS, params=asked).status_code == 200
            assert admin.post(f"/api/control/admin/keys/{added['keyId']}/revoke", json=said(admin)).status_code == 200
            refusal(machine.get(PROJECTS, params=asked), 401, "token_invalid")


def test_a_device_that_is_revoked_on_one_node_is_refused_on_another_from_then_on(nodes: list[RunningServer]) -> None:
    with Caller(nodes[0]) as admin, Caller(nodes[1]) as device:
        asked = {"deviceId": "scale-1", "projectId": demo.PROJECT, "name": "Scale"}
        assert admin.post("/api/control/iot/devices", json=asked).status_code == 201
        session_id = device.opened()
        token = admin.post("/api/control/iot/tokens", json={"deviceId": "scale-1"}).json()["data"]["token"]
        del device.headers["authorization"]
        device.headers["x-iot-token"] = token
        device.counted(session_id, "evt_1")
        assert admin.post("/api/control/iot/devices/scale-1/revoke").status_code == 200
        refusal(device.count(session_id, "evt_2"), 401, "token_invalid")
        refusal(device.bulk(), 401, "token_invalid")


def test_a_session_that_is_closed_or_opened_again_on_one_node_is_so_on_another(nodes: list[RunningServer]) -> None:
    with Caller(nodes[0]) as first, Caller(nodes[1]) as second:
        session_id = first.opened(day="2025-04-07")
        second.counted(session_id, "evt-open")
        assert first.close_session(session_id, auth0Id=first.user).status_code == 200
        refusal(second.count(session_id, "evt-closed"), 409, "session_closed")
        assert second.session(session_id)["status"] == "closed"


def test_a_boundary_that_is_moved_on_one_node_places_forms_on_another(nodes: list[RunningServer]) -> None:
    """Boundaries are remembered by each node with the stamp of their last change, which each question compares."""
    with Caller(nodes[0]) as first, Caller(nodes[1]) as second:
        form = first.add_form({"name": "remark", "type": "text"})
        found = []
        for west in (-103.0, -10.0, -103.0):
            square = [[west, 20.0], [west + 1, 20.0], [west + 1, 21.0], [west, 21.0], [west, 20.0]]
            boundary = {"type": "Polygon", "coordinates": [square]}
            body = said(first, boundary=boundary)
            changed = first.patch(f"{ADMIN_PROJECTS}/{demo.PROJECT}/sectors/sector_001", json=body)
            assert changed.status_code == 200, changed.text
            second.submitted(form, {"remark": str(west)}, latitude=20.5, longitude=-102.5)
            found.append(second.form_records(form, limit=1)[0].get("sectorId"))
        assert found == ["sector_001", None, "sector_001"]


def test_a_company_whose_head_is_held_keeps_no_other_waiting(nodes: list[RunningServer]) -> None:
    ours, theirs = phone(nodes[0]), Connection(nodes[0].address, nodes[0].token(demo.OTHER_USER))
    with nodes[0].client() as client, closing(ours), closing(theirs):
        session_id = open_session(client, day="2025-04-09")
        place = {"projectId": demo.OTHER_PROJECT, "sectorId": demo.OTHER_SECTOR, "sector_name": "Lote B-1"}
        opened = theirs.call("POST", f"{PRODUCTION}/sessions", opening(auth0Id=demo.OTHER_USER, **place))
        other_id = opened.json()["data"]["sessionId"]
        with engines.connected(nodes[0].data) as held, held.transaction():
            held.execute("select 1 from head where company = 1 for update")
            ours.send_request("POST", RECORDS, event(session_id, "waits"))
            told = [theirs.call("POST", RECORDS, event(other_id, str(n), auth0Id=demo.OTHER_USER)) for n in range(20)]
            assert {answer.status for answer in told} == {201}
            assert ours.is_quiet()
        assert ours.answer().status == 201


def test_the_ledger_is_sound_after_all_of_it(nodes: list[RunningServer]) -> None:
    books.verify(nodes[0].data)


def test_a_new_signing_key_counts_on_every_node_at_once_and_a_withdrawn_one_on_none(nodes: list[RunningServer]) -> None:
    data, old = nodes[0].data, nodes[0].token()
    with Caller(nodes[0]) as admin:
        session_id = admin.opened(day="2025-04-08")
    calling = [Connection(node.address, old) for node in nodes]
    for number, connection in enumerate(calling):
        assert connection.call("POST", RECORDS, event(session_id, f"old-{number}")).status == 201
    (old_kid,) = [key["kid"] for key in calling[1].call("GET", "/.well-known/jwks.json").json()["keys"]]
    printed("signing-key", "rotate", "--data", data)
    new = printed("token", demo.ADMIN, "--data", data)
    for number, connection in enumerate(calling):
        assert connection.call("POST", RECORDS, event(session_id, f"both-{number}")).status == 201
        connection.token = new
        assert connection.call("POST", RECORDS, event(session_id, f"new-{number}")).status == 201
        assert len(connection.call("GET", "/.well-known/jwks.json").json()["keys"]) == 2
        connection.token = old
    printed("signing-key", "withdraw", old_kid, "--data", data)
    for number, connection in enumerate(calling):
        late = connection.call("POST", RECORDS, event(session_id, f"late-{number}"))
        assert (late.status, late.code) == (401, "token_invalid")
        assert connection.call("GET", f"{PRODUCTION}/sessions").status == 401
        connection.token = new
        assert connection.call("GET", f"{PRODUCTION}/sessions").status == 200
        connection.close()
    actions = [
        action for (action,) in engines.rows(data, "select action from audit where company = 1 order by audit_no")
    ]
    assert actions[-2:] == ["signing-key.add", "signing-key.withdraw"]
