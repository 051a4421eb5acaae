"""The Python client against real servers: calls, the outbox through losses, kills and a full disk, sync and async."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from hydrobit.client import (
    AsyncClient,
    Client,
    Declined,
    NotKept,
    Outbox,
    Pace,
    Progress,
    State,
    calls,
    count,
    decimal,
)
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, write_instant
from hydrobit.storage.queries import SQLITE
from tests import books, dying_client, engines, forks
from tests.callers import Caller, fresh_day
from tests.dying_client import AT
from tests.embedded import MovedClock
from tests.outboxes import assert_once_and_in_order, fill, memory_folder, room
from tests.proxies import losing
from tests.servers import RunningServer
from tests.tools import Measured, alone_on

BACKLOG = 10_000
SWIFT = Pace(wait_s_first=0.01, wait_s_max=0.05, tries_max=50)
KILLED_LENGTH = 5
DIE_S_MAX = 60
ROOM_BYTES, PAGE_BYTES = 200_000, 4_096


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox") as opened:
        yield opened


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@pytest.fixture
def calling(server: RunningServer) -> Iterator[Client]:
    with Client(server.address, server.token(), pace=SWIFT) as client:
        yield client


# Calls


def test_the_main_job_from_the_opening_to_the_close(calling: Client, server: RunningServer) -> None:
    (project,) = calling.call(calls.list_projects())
    sectors = project.sectors
    assert isinstance(sectors, list)
    opening = calls.open_session(
        project.projectId,
        sectors[0].sectorId,
        sectors[0].sector_name,
        opened_at=f"{fresh_day()}T14:00:00.000Z",
        price_per_unit=5.25,
    )
    session = calling.call(opening)
    assert calling.call(opening).sessionId == session.sessionId
    assert decimal(session.pricePerUnit) * 4 == 21
    made = count(session.sessionId, "JS0315", "John Smith", units=2.5, client_event_id="evt_1", recorded_at=AT)
    record_id = calling.call(calls.record(made)).payloadPreview.recordId
    assert calling.call(calls.record(made)).idempotent
    assert calling.call(calls.is_key_used(f"client:{session.sessionId}:JS0315:evt_1"))
    assert not calling.call(calls.is_key_used("another"))
    many = calling.call(calls.record_many([made, {**made, "clientEventId": "evt_2"}]))
    assert (many.summary.ok, many.summary.duplicated) == (1, 1)
    assert calling.call(calls.void(record_id, "Twice")).voidOf == record_id
    assert calling.call(calls.read_record(record_id)).voidedBy
    assert calling.call(calls.change_session(session.sessionId, notes="Dew until nine")).updated
    assert calling.call(calls.extend_session(session.sessionId, 72)).maxDurationHours == 72
    assert calling.call(calls.list_sessions(limit=1)).items
    closed = calling.call(calls.close_session(session.sessionId))
    assert decimal(closed.totalUnits) == decimal(calling.call(calls.read_session(session.sessionId)).totalUnits)  # type: ignore[arg-type]


def test_a_worker_is_registered_and_found(calling: Client) -> None:
    worker = calling.call(
        calls.add_worker(
            "Nora", "Vega", position="field_worker", employment_type="seasonal", hire_date="2025-05-04", notes="Left"
        )
    )
    assert calling.call(calls.read_worker(worker.worker_id)).workerId == worker.workerId
    assert worker.worker_id in [each.worker_id for each in calling.call(calls.list_workers(search="vega")).items]


def test_a_refusal_names_its_code(calling: Client) -> None:
    with pytest.raises(Declined, match="404 session_not_found"):
        calling.call(calls.read_session("6507f1e3c9d8e2a4b1f9c3d5"))


def test_an_expired_token_is_renewed_on_the_way(server: RunningServer, admin: Caller, outbox: Outbox) -> None:
    session_id = admin.opened()
    fill(outbox, session_id, "renewed", 20)
    renewed: list[str] = []

    def renew() -> str:
        renewed.append(server.token())
        return renewed[-1]

    with Client(server.address, server.token(lifetime_s=-600), renew=renew) as client:
        assert client.deliver(outbox).recorded == 20
        client.call(calls.read_session(session_id))
    assert len(renewed) == 1


# The outbox


def test_one_bad_count_blocks_nobody_and_is_handed_in_anew(calling: Client, admin: Caller, outbox: Outbox) -> None:
    session_id = admin.opened()
    fill(outbox, "6507f1e3c9d8e2a4b1f9c3d5", "bad", 1)
    fill(outbox, session_id, "good", 9)
    done = calling.deliver(outbox)
    assert (done.recorded, done.refused, done.waiting) == (9, 1, 0)
    (letter,) = outbox.items(State.refused)
    assert (letter.code, letter.event_id) == ("session_not_found", "bad_00000")
    outbox.again(letter.number, sessionId=session_id)
    assert calling.deliver(outbox).recorded == 1
    assert outbox.counts() == {State.waiting: 0, State.delivered: 10, State.held: 0, State.refused: 0}


def test_what_comes_after_the_close_is_held_and_what_contradicts_is_a_dead_letter(
    calling: Client, admin: Caller, outbox: Outbox, server: RunningServer
) -> None:
    session_id = admin.opened(day="2025-10-19", sector="sector_002", maxDurationHours=1)
    admin.counted(session_id, "late_00000", workerId="JS0315", units=9)
    assert admin.close_session(session_id).status_code == 200
    fill(outbox, session_id, "late", 2)
    done = calling.deliver(outbox)
    assert (done.recorded, done.held, done.refused) == (0, 1, 1)
    assert [item.code for item in outbox.items(State.refused)] == ["idempotency_conflict"]
    (held,) = outbox.items(State.held)
    assert books.held_events(server.data, session_id) == {"late_00001": held.held_id}


def test_a_clock_that_jumped_ahead_costs_one_count_until_it_is_put_right(
    server: RunningServer, admin: Caller, calling: Client, tmp_path: Path
) -> None:
    now = SystemClock().now()
    session_id = admin.opened(day=write_instant(now - 24 * HOUR_MS)[:10], maxDurationHours=72)
    clock = MovedClock(now - HOUR_MS)
    with Outbox(tmp_path / "outbox", clock=clock) as outbox:
        for hours in (0, 24 * 365, -24 * 365):
            clock.forward_hours(hours)
            outbox.record(session_id, "JS0315", "John Smith")
        done = calling.deliver(outbox)
        assert (done.recorded, done.refused) == (2, 1)
        (letter,) = outbox.items(State.refused)
        assert (letter.number, letter.code) == (2, "clock_ahead")
        outbox.again(letter.number, recordedAtUtc=letter.server_time)
        assert calling.deliver(outbox).recorded == 1


def test_a_backlog_gets_through_a_network_that_drops_half_of_the_answers(
    server: RunningServer, admin: Caller, outbox: Outbox, measured: Measured
) -> None:
    session_id = admin.opened()
    fill(outbox, session_id, "drop", BACKLOG)
    told: list[Progress] = []
    begun = time.monotonic()
    with losing(server.address, 0.5, seed=17) as proxy:
        with Client(proxy.address, server.token(), pace=SWIFT) as client:
            done = client.deliver(outbox, told.append)
        assert proxy.lost > 3
        measured(
            f"outbox: {BACKLOG} counts in {time.monotonic() - begun:.1f} s, {proxy.lost} of"
            f" {proxy.lost + proxy.passed} answers lost, {done.repeated} counts repeated"
        )
    assert done.recorded + done.repeated == BACKLOG
    assert (done.waiting, done.refused, done.held) == (0, 0, 0)
    assert [each.waiting for each in told] == sorted((each.waiting for each in told), reverse=True)
    assert_once_and_in_order(server, session_id, "drop", BACKLOG)
    assert len({item.record_id for item in outbox.items(State.delivered, limit=BACKLOG)}) == BACKLOG


def test_the_async_client_does_the_same_and_keeps_the_loop_free(
    server: RunningServer, admin: Caller, outbox: Outbox
) -> None:
    session_id = admin.opened()
    fill(outbox, session_id, "async", 300)

    async def deliver(address: str) -> Progress:
        async def renew() -> str:
            return server.token()

        async with AsyncClient(address, server.token(lifetime_s=-600), renew=renew, pace=SWIFT) as client:
            session = await client.call(calls.read_session(session_id))
            assert session.sessionId == session_id
            return await client.deliver(outbox)

    with losing(server.address, 0.5, seed=5) as proxy:
        done = asyncio.run(deliver(proxy.address))
    assert done.recorded + done.repeated == 300
    assert_once_and_in_order(server, session_id, "async", 300)


def killed(server: RunningServer, path: Path, session_id: str, prefix: str, step: int) -> int | None:
    """Runs the client until it kills itself at a step; the number of its steps where it got through alive."""
    words = [server.address, server.token(), str(path), session_id, prefix, str(KILLED_LENGTH), str(step)]
    done = forks.run("tests.dying_client", words, engines.clean_environment(None), DIE_S_MAX)
    if done.returncode == 0:
        return int(done.stdout)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    return None


def test_a_client_that_is_killed_at_any_step_goes_on_where_it_was(
    server: RunningServer, admin: Caller, calling: Client, memory: Path
) -> None:
    session_id = admin.opened()
    steps = killed(server, memory / "alive", session_id, "alive", 0)
    assert steps is not None
    first = 1 if engines.is_sqlite(server.data) else 2  # its own disk is the same: between them they die at each step
    for step in range(first, steps + 1, 2):
        path, prefix = memory / f"outbox_{step}", f"step{step}"
        assert killed(server, path, session_id, prefix, step) is None
        with Outbox(path) as outbox:
            kept = sum(outbox.counts().values())
            assert kept >= min(step, KILLED_LENGTH), "what it was told is kept"
            dying_client.fill(outbox, dying_client.Steps(0), session_id, prefix, KILLED_LENGTH)
            done = calling.deliver(outbox)
            assert (done.waiting, done.refused, outbox.counts()[State.delivered]) == (0, 0, KILLED_LENGTH)
        assert_once_and_in_order(server, session_id, prefix, KILLED_LENGTH)


def test_a_client_that_is_killed_again_and_again_gets_through(
    server: RunningServer, admin: Caller, memory: Path
) -> None:
    session_id, random = admin.opened(), Random(11)
    kills = 0
    while killed(server, memory / "outbox", session_id, "again", KILLED_LENGTH + random.randint(1, 9)) is None:
        kills += 1
    assert kills
    assert_once_and_in_order(server, session_id, "again", KILLED_LENGTH)


@alone_on(SQLITE, "the client's disk is the same, whatever the server's store")
def test_a_full_disk_refuses_counts_and_loses_none(
    server: RunningServer, admin: Caller, calling: Client, tmp_path: Path
) -> None:
    session_id = admin.opened()
    with Outbox(tmp_path / "outbox") as outbox, room(ROOM_BYTES):
        kept = 0
        with suppress(NotKept):
            while True:
                outbox.record(session_id, "JS0315", "A Picker", client_event_id=f"full_{kept:05}", recorded_at=AT)
                kept += 1
        assert outbox.counts()[State.waiting] == kept
    with Outbox(tmp_path / "outbox") as outbox, room(PAGE_BYTES), pytest.raises(NotKept):
        calling.deliver(outbox)  # they are sent, and what became of them cannot be written down
    with Outbox(tmp_path / "outbox") as outbox:
        done = calling.deliver(outbox)
        assert (done.recorded + done.repeated, done.waiting) == (kept, 0)
        assert done.repeated > 0
    assert len([line for line in books.lines(server.data, session_id) if line.kind == books.COUNT]) == kept
