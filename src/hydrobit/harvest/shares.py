"""Shares of qualities: of a session and of each worker in it. Whole millionths all the way."""

from collections.abc import Iterable, Sequence

import msgspec

from hydrobit.kit.amounts import percentage
from hydrobit.sessions.description import Quality


class Share(msgspec.Struct, frozen=True):
    """Units of one quality, and their percentage of all that was graded, both in millionths."""

    quality_id: str
    name: str
    units: int
    percent: int


def of_session(qualities: Sequence[Quality]) -> list[Share]:
    """What was graded for the session itself; where nothing was, the sums over its workers."""
    own = [quality for quality in qualities if quality.worker_id is None]
    return _shares(own or qualities)


def of_workers(qualities: Sequence[Quality]) -> dict[str, list[Share]]:
    """What was graded of each worker, by workerId."""
    found: dict[str, list[Quality]] = {}
    for quality in qualities:
        if quality.worker_id is not None:
            found.setdefault(quality.worker_id, []).append(quality)
    return {worker_id: _shares(own) for worker_id, own in found.items()}


def _shares(qualities: Iterable[Quality]) -> list[Share]:
    """One share a quality, in the order in which they came; the first name counts."""
    names: dict[str, str] = {}
    sums: dict[str, int] = {}
    for quality in qualities:
        names.setdefault(quality.quality_id, quality.name)
        sums[quality.quality_id] = sums.get(quality.quality_id, 0) + quality.units
    total = sum(sums.values())
    return [Share(found, names[found], units, percentage(units, total)) for found, units in sums.items()]
