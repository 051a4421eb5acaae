"""What is too slow, too large, too many or no HTTP at all gets its answer or its end; nobody else waits for it."""

import gzip
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hydrobit.storage.queries import SQLITE
from tests import books, engines
from tests.callers import NOBODY, VIEWER, add_people
from tests.servers import PRODUCTION, RunningServer, event, open_session, running, start
from tests.sockets import Broken, Connection, request
from tests.tools import alone_on
from tests.watching import memory_peak_kib, metrics, until

RECORDS = f"{PRODUCTION}/records"
HEALTH = request("GET", "/healthz")
READ_S_MAX, KEEP_ALIVE_S = 1, 3
HEAD_BYTES_MAX, BODY_BYTES_MAX = 32_768, 65_536
FAR_AHEAD = 50_000
KIB_PER_MIB = 1_024


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that waits for no one."""
    limits = {
        "HYDROBIT_REQUEST_READ_S_MAX": str(READ_S_MAX),
        "HYDROBIT_REQUEST_BYTES_PER_S_MIN": "1000000",
        "HYDROBIT_KEEP_ALIVE_S": str(KEEP_ALIVE_S),
    }
    with running(tmp_path_factory.mktemp("strict") / "data", environment=limits) as server:
        add_people(server.data)
        yield server


@pytest.fixture(scope="module")
def session_id(strict: RunningServer) -> str:
    with strict.client() as client:
        return open_session(client)


@pytest.fixture
def phone(strict: RunningServer) -> Iterator[Connection]:
    """A connection of the test's own; afterwards the server must still answer others."""
    with Connection(strict.address, strict.token()) as connection:
        yield connection
    assert_serves(strict)


@contextmanager
def connected(server: RunningServer, number: int) -> Iterator[list[Connection]]:
    with ExitStack() as held:
        yield [held.enter_context(Connection(server.address, server.token())) for _ in range(number)]


def assert_serves(server: RunningServer) -> None:
    with Connection(server.address) as other:
        assert other.call("GET", "/healthz").status == 200


def assert_refused_and_ended(phone: Connection, status: int, code: str) -> None:
    """One answer in the envelope, which says that the connection ends, and nothing after it."""
    answer = phone.answer()
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "date" in answer.headers
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
    assert phone.rest() == b""


# Too slow.


def test_requests_that_do_not_arrive_are_ended(strict: RunningServer) -> None:
    parts = [b"G", HEALTH[:-2], request("POST", RECORDS, strict.token(), {"never": "ends"})[:-1]]
    with connected(strict, len(parts)) as phones:
        for phone, part in zip(phones, parts, strict=True):
            phone.send(part)
        assert_serves(strict)

        for phone in phones:
            assert_refused_and_ended(phone, 408, "slow_request")


def test_a_request_that_drips_is_ended(strict: RunningServer, phone: Connection) -> None:
    phone.send(head_of(phone, Content_Length="60000"))
    with Connection(strict.address) as other:
        drip_until(lambda: not phone.is_quiet(), phone, other)

    assert_refused_and_ended(phone, 408, "slow_request")


def test_a_second_request_that_does_not_arrive_is_ended_after_the_first_was_answered(phone: Connection) -> None:
    phone.send(HEALTH + HEALTH[:-2])

    assert phone.answer().status == 200
    assert_refused_and_ended(phone, 408, "slow_request")


@alone_on(SQLITE, "a body that is still on its way has not met the store")
def test_a_slow_line_may_send_a_body_as_long_as_it_goes_on(tmp_path: Path) -> None:
    limits = {"HYDROBIT_REQUEST_READ_S_MAX": "1", "HYDROBIT_REQUEST_BYTES_PER_S_MIN": "1"}
    with running(tmp_path / "data", environment=limits) as server:
        with server.client() as client:
            body = event(open_session(client), "evt", note=" " * 60_000)
        with Connection(server.address, server.token()) as phone, Connection(server.address) as other:
            whole = request("POST", RECORDS, phone.token, body)
            phone.send(whole[:-50_000])
            long_enough = time.monotonic() + 2.5 * READ_S_MAX
            sent = drip_until(lambda: time.monotonic() > long_enough, phone, other)
            phone.send(whole[-50_000 + sent :])

            assert phone.answer().status == 201


def drip_until(enough: Callable[[], bool], phone: Connection, other: Connection) -> int:
    """Sends a blank at a time, an answer of the server apart; returns how many."""
    sent = 0

    def one_more() -> bool:
        nonlocal sent
        try:
            phone.send(b" ")
        except Broken:
            return True
        sent += 1
        return other.call("GET", "/healthz").status != 200 or enough()

    until(one_more, "the end of the drip")
    return sent


def test_an_idle_connection_is_kept_and_ends_without_a_word(strict: RunningServer, phone: Connection) -> None:
    assert phone.call("GET", "/healthz").status == 200
    with Connection(strict.address) as slow:
        slow.send(b"G")
        assert slow.answer().status == 408
    assert phone.is_quiet(), "a connection between two requests was taken for a slow one"

    assert phone.call("GET", "/healthz").status == 200
    assert phone.rest() == b""


def test_connections_that_ask_nothing_end_without_a_word(strict: RunningServer) -> None:
    with connected(strict, 2) as (silent, blank):
        blank.send(b"\r\n")

        assert (silent.rest(), blank.rest()) == (b"", b"")


def test_a_client_that_takes_no_answer_is_ended(strict: RunningServer) -> None:
    with Connection(strict.address) as watcher, Connection(strict.address) as stuck:
        stuck.send(request("GET", "/openapi.json") * 200)
        until(lambda: metrics(watcher)["hydrobit_connections"] == 1, "the end of the connection that takes nothing")

        assert answers_before_the_end(stuck) < 200


def answers_before_the_end(phone: Connection) -> int:
    answers = 0
    with suppress(Broken):
        while phone.answer().status == 200:
            answers += 1
    return answers


# Too large.


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 8_000 + b"\r\n",
        b"GET /" + b"a" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-endless: " + b"a" * 2 * HEAD_BYTES_MAX,
    ],
    ids=["a long header", "many headers", "a long address", "a head without an end"],
)
def test_a_head_over_the_limit_is_refused(phone: Connection, head: bytes) -> None:
    phone.send(head)

    assert_refused_and_ended(phone, 431, "headers_too_large")


def test_a_refused_head_request_has_no_body(phone: Connection) -> None:
    phone.send(b"HEAD /healthz HTTP/1.1\r\nhost: a\r\nx-long: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n")
    answer = phone.answer()

    assert (answer.status, answer.headers["content-length"], answer.body) == (431, "0", b"")
    assert phone.rest() == b""


def test_a_head_within_the_limit_is_read_beside_a_large_body(phone: Connection, session_id: str) -> None:
    long_header = {"x-long": "a" * (HEAD_BYTES_MAX - 2_000)}
    body = event(session_id, "beside-large", note=" " * 60_000)

    assert phone.call("POST", RECORDS, body, long_header).status == 201


def test_a_body_over_the_limit_is_refused_before_it_is_sent(phone: Connection) -> None:
    whole = request("POST", RECORDS, phone.token, b" " * (BODY_BYTES_MAX + 1))
    phone.send(whole[:-BODY_BYTES_MAX])
    answer = phone.answer()

    assert (answer.status, answer.code) == (413, "body_too_large")
    phone.send(whole[-BODY_BYTES_MAX:])
    assert phone.call("GET", "/healthz").status == 200, "the rest of the body was taken for a request"


def test_a_refused_body_that_does_not_come_brings_no_second_answer(phone: Connection) -> None:
    phone.send(request("POST", RECORDS, phone.token, b" " * (BODY_BYTES_MAX + 1))[:-10])

    assert phone.answer().status == 413
    assert phone.rest() == b""


@pytest.mark.parametrize(
    ("user", "status", "code"),
    [(None, 401, "token_missing"), (NOBODY, 403, "no_company"), (VIEWER, 403, "role_forbidden")],
)
def test_who_may_not_call_is_refused_before_the_rest_of_a_large_body_is_read(
    strict: RunningServer, user: str | None, status: int, code: str
) -> None:
    token = None if user is None else strict.token(user)
    body = b" " * 1_000_000
    with Connection(strict.address) as stranger:
        whole = request("POST", f"{RECORDS}/bulk", token, body)
        stranger.send(whole[:-900_000])
        answer = stranger.answer()
        assert (answer.status, answer.code) == (status, code)
        stranger.send(whole[-900_000:])
        assert stranger.call("GET", "/healthz").status == 200, "the rest of the body was taken for a request"


def test_too_much_is_refused_before_anyone_is_asked_who_they_are(strict: RunningServer) -> None:
    with Connection(strict.address) as stranger:
        stranger.send(request("POST", RECORDS, None, b" " * (BODY_BYTES_MAX + 1))[:-10])
        assert stranger.answer().status == 413


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[first : first + size] for first in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


def head_of(phone: Connection, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request("POST", RECORDS, phone.token, None, {"Content-Type": "application/json"} | named)


def test_a_chunked_body_is_read(phone: Connection, session_id: str) -> None:
    body = request("", "", body=event(session_id, "in-chunks")).partition(b"\r\n\r\n")[2]
    phone.send(head_of(phone, Transfer_Encoding="chunked") + chunked(body, 7))

    assert phone.answer().status == 201


def test_a_chunked_body_over_the_limit_is_refused(phone: Connection) -> None:
    phone.send(head_of(phone, Transfer_Encoding="chunked") + chunked(b" " * (BODY_BYTES_MAX + 1), 30_000))
    answer = phone.answer()

    assert (answer.status, answer.code) == (413, "body_too_large")
    assert phone.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(("path", "mib"), [(RECORDS, 50), (f"{RECORDS}/bulk", 200)], ids=["one", "bulk"])
def test_a_packed_body_counts_unpacked_and_is_never_unpacked_whole(strict: RunningServer, path: str, mib: int) -> None:
    bomb = gzip.compress(b" " * (mib * 1024 * 1024))
    before = memory_peak_kib(strict)

    with Connection(strict.address, strict.token()) as phone:
        answer = phone.call("POST", path, bomb, {"Content-Encoding": "gzip"})

    assert (answer.status, answer.code) == (413, "body_too_large")
    assert "unpacked" in answer.json()["error"]
    assert memory_peak_kib(strict) - before < mib * KIB_PER_MIB / 2


# Too many.


def is_served(server: RunningServer) -> bool:
    with Connection(server.address) as connection:
        try:
            return connection.call("GET", "/healthz").status == 200
        except Broken:
            return False


def test_connections_over_the_limit_are_told_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path / "data", environment={"HYDROBIT_CONNECTIONS_MAX": "5"}) as server:
        with connected(server, 5) as first:
            assert [connection.call("GET", "/healthz").status for connection in first] == [200] * 5
            with connected(server, 3) as late:
                for connection in late:
                    answer = connection.answer()
                    assert (answer.status, answer.code) == (503, "too_many_connections")
                    assert answer.headers["retry-after"] == "1"
                    assert connection.rest() == b""
            assert [connection.call("GET", "/healthz").status for connection in first] == [200] * 5

        until(lambda: is_served(server), "a place for another connection")


@contextmanager
def running_with_open_files(data: Path, limit: str) -> Iterator[RunningServer]:
    server = start(data, prefix=("sh", "-c", f'ulimit {limit}; exec "$@"', "sh"))
    try:
        yield server
    finally:
        server.kill()
        assert server.process.stdout is not None
        server.process.stdout.close()


def test_as_many_connections_as_set_fit_where_the_system_allows_few_at_first(tmp_path: Path) -> None:
    with running_with_open_files(tmp_path / "data", "-Sn 100") as server, connected(server, 300) as connections:
        assert {connection.call("GET", "/healthz").status for connection in connections} == {200}


def test_a_system_that_allows_few_open_files_makes_the_limit_smaller(tmp_path: Path) -> None:
    with running_with_open_files(tmp_path / "data", "-n 128") as server:
        with server.client() as client:
            session_id = open_session(client)
        with connected(server, 100) as connections:
            for connection in connections:
                connection.send(HEALTH)
            statuses = [connection.answer().status for connection in connections]
            assert sorted(set(statuses)) == [200, 503]
            assert statuses.count(200) >= 60
            served = connections[statuses.index(200)]
            assert served.call("POST", RECORDS, event(session_id, "evt")).status == 201
        until(lambda: is_served(server), "a place for another connection")


# In one connection, one after the other.


def test_requests_sent_ahead_are_answered_in_their_order(phone: Connection, session_id: str) -> None:
    sent: list[tuple[str, str, Any, int]] = [("POST", RECORDS, event(session_id, f"ahead-{n}"), 201) for n in range(50)]
    sent[10:10] = [("GET", "/nothing", None, 404), ("POST", RECORDS, b"no JSON", 400)]
    sent[20:20] = [("POST", RECORDS, event(session_id, "ahead-0"), 200), ("DELETE", RECORDS, None, 405)]

    phone.send(b"".join(request(method, path, phone.token, body) for method, path, body, _ in sent))

    assert [phone.answer().status for _ in sent] == [status for *_, status in sent]


@pytest.mark.parametrize(
    ("after", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "invalid_value"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 3 * HEAD_BYTES_MAX + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n", 400, "invalid_value"),
    ],
    ids=["no HTTP", "a huge head", "a broken body"],
)
def test_what_breaks_a_connection_is_answered_after_the_requests_before_it(
    strict: RunningServer, phone: Connection, session_id: str, after: bytes, status: int, code: str
) -> None:
    """The record is stored, so its caller must not be told of the other's fault in its place."""
    event_id = f"before-{status}-{len(after)}"
    with engines.locked(strict.data):
        phone.send(request("POST", RECORDS, phone.token, event(session_id, event_id)) + HEALTH + after)
        assert_serves(strict)
        assert phone.is_quiet()

    assert [phone.answer().status, phone.answer().status] == [201, 200]
    assert_refused_and_ended(phone, status, code)


def test_requests_sent_far_ahead_wait_outside_of_the_servers_memory(server: RunningServer) -> None:
    before = memory_peak_kib(server)
    with ThreadPoolExecutor(1) as sender, Connection(server.address) as phone:
        sending = sender.submit(phone.send, HEALTH * FAR_AHEAD)
        assert {phone.answer().status for _ in range(FAR_AHEAD)} == {200}
        sending.result()

    assert memory_peak_kib(server) - before < 32 * KIB_PER_MIB


# Older and other protocols.


def test_http_1_0_is_answered_and_ended(phone: Connection) -> None:
    phone.send(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert phone.answer().status == 200
    assert phone.rest() == b""


def test_a_client_that_asks_first_is_told_to_go_on(phone: Connection, session_id: str) -> None:
    head, _, body = request(
        "POST", RECORDS, phone.token, event(session_id, "asked"), {"Expect": "100-continue"}
    ).partition(b"\r\n\r\n")
    phone.send(head + b"\r\n\r\n")
    assert phone.answer().status == 100
    phone.send(body)

    assert phone.answer().status == 201
    assert phone.call("GET", "/healthz").status == 200


def test_a_client_that_asks_first_with_too_much_is_refused_without_being_told_to_go_on(phone: Connection) -> None:
    """It will not send the body, so the next request must not be taken for it: the connection ends."""
    phone.send(head_of(phone, Expect="100-continue", Content_Length=str(BODY_BYTES_MAX + 1)))

    assert (phone.answer().status, phone.rest()) == (413, b"")


def test_a_body_is_read_although_its_client_would_rather_speak_http_2(phone: Connection, session_id: str) -> None:
    """Java's HttpClient asks for it with every first request."""
    wish = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAAAAIAAAAB"}
    whole = request("POST", RECORDS, phone.token, event(session_id, "h2c"), wish)

    phone.send(whole[:-20])
    phone.send(whole[-20:] + HEALTH)

    assert [phone.answer().status, phone.answer().status] == [201, 200]


def test_a_websocket_where_there_is_none_is_refused_and_its_connection_ends(phone: Connection) -> None:
    wish = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "a" * 22,
    }
    answer = phone.call("GET", "/nothing", headers=wish)

    assert (answer.status, answer.code) == (404, "unknown_path")
    assert answer.headers["connection"] == "close"
    assert phone.rest() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /caf\xe9 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost : a\r\n\r\n",
        b"\x00" * 1_000,
    ],
    ids=["TLS", "HTTP/2", "raw letters", "a tunnel", "two lengths", "length and chunks", "a blank name", "zeros"],
)
def test_what_is_no_http_is_told_so(phone: Connection, sent: bytes) -> None:
    phone.send(sent)

    assert_refused_and_ended(phone, 400, "invalid_value")


def test_a_client_that_leaves_in_the_middle_is_not_counted(
    strict: RunningServer, phone: Connection, session_id: str
) -> None:
    whole = request("POST", RECORDS, phone.token, event(session_id, "left"))
    for length in range(1, len(whole), 40):
        with Connection(strict.address) as leaving:
            leaving.send(whole[:length])
    assert_serves(strict)

    assert "left" not in {line.client_event_id for line in books.lines(strict.data, session_id)}
