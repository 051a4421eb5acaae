"""Many callers in processes of their own, who send the same event at the same moment.

Each process imports this file, and so as little as it can.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from tests.sockets import Connection

MEETING_S_MAX = 60

_meeting: Barrier


class Told(NamedTuple):
    """What one caller was told of one event."""

    status: int
    record_id: str
    idempotent: bool


def send_at_once(
    address: str, path: str, token: str, events: Sequence[dict[str, Any]], *, processes: int, threads: int
) -> list[list[Told]]:
    """For each event, what every one of `processes` times `threads` callers was told when all sent it together."""
    spawn = multiprocessing.get_context("spawn")
    meeting = spawn.Barrier(processes * threads)
    with ProcessPoolExecutor(processes, spawn, _know_the_meeting, (meeting,)) as pool:
        # Every process waits for all the others at the meeting, so none of them takes a second part.
        parts = [pool.submit(_call_together, address, path, token, events, threads) for _ in range(processes)]
        callers = [told for part in parts for told in part.result()]
    return [list(told) for told in zip(*callers, strict=True)]


def _know_the_meeting(meeting: Barrier) -> None:
    global _meeting
    _meeting = meeting


def _call_together(
    address: str, path: str, token: str, events: Sequence[dict[str, Any]], threads: int
) -> list[list[Told]]:
    """One process: what each of its threads was told, event by event."""
    with ThreadPoolExecutor(threads) as pool:
        callers = [pool.submit(_call, address, path, token, events) for _ in range(threads)]
        return [caller.result() for caller in callers]


def _call(address: str, path: str, token: str, events: Sequence[dict[str, Any]]) -> list[Told]:
    told = []
    with closing(Connection(address, token)) as connection:
        for event in events:
            _meeting.wait(MEETING_S_MAX)
            answer = connection.call("POST", path, event)
            data = answer.json()["data"]
            told.append(Told(answer.status, data["payloadPreview"]["recordId"], data["idempotent"]))
    return told
