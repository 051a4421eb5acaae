"""A database that is away while phones count: how long anyone waits, what a node holds, how soon all is well again."""

import time
from contextlib import AbstractContextManager
from typing import NamedTuple

from tests.phones import Load, Losses, losses
from tests.servers import RunningServer
from tests.watching import memory_kib

LOOK_EVERY_S = 0.2


class Absence(NamedTuple):
    """What was seen. Seconds; memory of the node in MiB."""

    slowest_s: float
    """The longest that any phone waited for an answer."""
    refused: int
    acknowledged: int
    losses: Losses
    first_s: float
    """From the return of the database to the first acknowledgement, and to that of the last phone."""
    all_s: float
    memory_before: int
    memory_meanwhile: int
    """The most that was seen while the database was away."""
    memory_after: int

    def __str__(self) -> str:
        return (
            f"slowest answer {self.slowest_s:.2f} s, {self.refused} refused, {self.acknowledged} acknowledged,"
            f" {self.losses.lost} lost, {self.losses.doubled} doubled; after its return the first is told in"
            f" {self.first_s:.2f} s, the last in {self.all_s:.2f} s; memory {self.memory_before} MiB before,"
            f" at most {self.memory_meanwhile} meanwhile, {self.memory_after} after"
        )


def count_through(
    node: RunningServer, away: AbstractContextManager[None], session_id: str, *, phones: int, name: str, away_s: float
) -> Absence:
    """Phones count while the database is away for so long, and longer where not every one of them was refused yet."""
    with Load([node], session_id, phones, name) as load:
        load.until_more_are_told(10 * phones)
        before, meanwhile = memory_mib(node), 0
        with away:
            gone_at = time.monotonic()
            load.until_all_are_refused(gone_at)
            while time.monotonic() < gone_at + away_s:
                meanwhile = max(meanwhile, memory_mib(node))
                time.sleep(LOOK_EVERY_S)  # what is looked for is how it grows with time
            meanwhile = max(meanwhile, memory_mib(node))
            known = len(load.told)
        back_at = time.monotonic()
        all_at = load.until_all_are_told(back_at)
        first_at = min(told.told_at for told in load.told[known:])
    return Absence(
        load.slowest_s,
        len(load.refused),
        len(load.told),
        losses(node.data, session_id, load.told),
        max(0.0, first_at - back_at),
        all_at - back_at,
        before,
        meanwhile,
        memory_mib(node),
    )


def memory_mib(node: RunningServer) -> int:
    return memory_kib(node) // 1024
