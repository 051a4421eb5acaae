"""What happens in the demo morning: made from the session's opening alone, so that it is the same each time."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from hydrobit.demo.company import CREW, CrewMember
from hydrobit.kit.instants import HOUR_MS, MINUTE_MS

ZONE = "America/Mexico_City"
DAWN_HOUR = 6
LENGTH_MS = 4 * HOUR_MS
"""From the first count to the last."""

COUNTS = 200
REPEATS = 16
OFFLINE_COUNTS = 36
OFFLINE_CREW = 3
OFFLINE_REPEATS = 8
OFFLINE_SENT_BEFORE = 4
VOID_REASONS = ("Counted twice", "Box was not full", "Wrong worker", "Fell off the trailer", "Tapped by mistake")
PAUSE_MS_MAX = 2 * MINUTE_MS
SEED = 315


@dataclass(frozen=True, slots=True)
class Count:
    """What a phone sends for one worker; `recorded_at` in milliseconds since 1970."""

    client_event_id: str
    worker: CrewMember
    units: int
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What a worker has at the end: net units, counts, and how many of these were voided."""

    units: int
    counts: int
    voids: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A morning in the order in which it is played."""

    counts: tuple[Count, ...]
    repeats: tuple[Count, ...]
    """Some of the counts once more, as a phone sends them whose answer was lost."""
    offline: tuple[Count, ...]
    """One phone's list: new counts, some of them twice, and some that it had sent before the signal went."""
    voids: tuple[tuple[Count, str], ...]
    """Counts that were mistakes, each with the reason."""

    @property
    def offline_new(self) -> int:
        """How many counts of the list are new."""
        return len(set(self.offline) - set(self.counts))

    def sums(self) -> dict[str, Sum]:
        """What every worker must have at the end: each event once, less what was voided."""
        units: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        voids: Counter[str] = Counter()
        for count in {*self.counts, *self.offline}:
            units[count.worker.worker_id] += count.units
            counts[count.worker.worker_id] += 1
        for count, _ in self.voids:
            units[count.worker.worker_id] -= count.units
            voids[count.worker.worker_id] += 1
        return {worker: Sum(units[worker], counts[worker], voids[worker]) for worker in counts}


def dawn(now: int) -> int:
    """When the morning's session is opened: at today's dawn, or earlier, so that no count lies in the future.

    Soon after midnight that is yesterday evening, and then the session belongs to that day.
    """
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(ZONE))
    at_dawn = local.replace(hour=DAWN_HOUR, minute=0, second=0, microsecond=0)
    return min(int(at_dawn.timestamp()) * 1000, (now - LENGTH_MS) // MINUTE_MS * MINUTE_MS)


def plan(opened_at: int) -> Plan:
    """The morning of a session that was opened at this instant (ms). The same instant gives the same morning."""
    random = Random(SEED)
    pace = [random.uniform(0.6, 1.6) for _ in CREW]
    counts = tuple(
        Count(
            client_event_id=f"evt_morning_{number:04d}",
            worker=random.choices(CREW, pace)[0],
            units=_units(random),
            recorded_at=opened_at + number * LENGTH_MS // (COUNTS + 1) - random.randrange(MINUTE_MS),
        )
        for number in range(1, COUNTS + 1)
    )
    return Plan(
        counts=counts,
        repeats=tuple(random.sample(counts, REPEATS)),
        offline=_offline(random, counts),
        voids=tuple(zip(random.sample(counts, len(VOID_REASONS)), VOID_REASONS, strict=True)),
    )


def _units(random: Random) -> int:
    """Mostly single boxes, sometimes a small stack."""
    return random.choices((1, 2, 3, 4), (70, 18, 9, 3))[0]


def _offline(random: Random, counts: tuple[Count, ...]) -> tuple[Count, ...]:
    crew = random.sample(CREW, OFFLINE_CREW)
    began = counts[COUNTS // 2].recorded_at  # the signal went at half-time
    new = [
        Count(
            client_event_id=f"evt_offline_{number:04d}",
            worker=random.choice(crew),
            units=_units(random),
            recorded_at=began + number * PAUSE_MS_MAX + random.randrange(PAUSE_MS_MAX),
        )
        for number in range(OFFLINE_COUNTS)
    ]
    sent_before = random.sample(counts[: COUNTS // 2], OFFLINE_SENT_BEFORE)
    listed = [*sent_before, *new, *random.sample(new, OFFLINE_REPEATS)]
    return tuple(sorted(listed, key=lambda count: count.recorded_at))
