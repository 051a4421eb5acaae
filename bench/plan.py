"""What a run measures: how often, how long, and which parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Part = Literal[
    "echo",
    "hydrobit",
    "typical",
    "bulk",
    "raw",
    "growth",
    "workers",
    "places",
    "harvest",
    "mqtt_ack",
    "mqtt_idle",
    "pg_create",
    "pg_bulk",
    "pg_growth",
    "pg_workers",
    "cost",
]
PARTS: tuple[Part, ...] = get_args(Part)

CONNECTIONS = (1, 16, 64, 256)
TYPICAL_CONNECTIONS = (1, 64)
POOL_SIZES = (1, 5, 20)
BATCHES = (100, 1_000, 5_000)
RAW_BATCHES = (1_000, 5_000)
BULK_CONNECTIONS = 4
"""So many phones hand in at once: while one is answered, wrk writes the call of another."""
GROWTH_CONNECTIONS = 64
MQTT_CONNECTIONS = (1, 50)
MQTT_IN_FLIGHT = 20
"""So many records of one connection wait for their acknowledgements at once."""
MQTT_HTTP_CONNECTIONS = 64
IDLE_SECONDS = 15
"""A careful guess, for the time that is announced."""
PG_CONNECTIONS = (1, 64)
PG_POOL_SIZES = (5, 20)
PG_BATCH = 1_000
PG_WORKERS = (1, 2)
"""Server processes on one port, which here share two cores with the database and a part of the load."""
COST_CONNECTIONS = 64
COST_BATCH = 1_000
FILL_RECORDS_PER_S = 50_000
PG_FILL_RECORDS_PER_S = 15_000
HARVEST_FILL_RECORDS_PER_S = 10_000
HARVEST_SECONDS = 30
"""Careful guesses, for the time that is announced."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmark. Seconds are whole: wrk takes no others."""

    parts: frozenset[Part] = frozenset(PARTS)
    rounds: int = 3
    seconds: int = 4
    warm_up_seconds: int = 1
    growth_records: int = 5_000_000
    crew: int = 100_000
    crew_calls: int = 200
    points: int = 100_000
    harvest_records: int = 200_000
    idle_connections: int = 5_000

    @classmethod
    def quick(cls, parts: frozenset[Part]) -> Plan:
        """A short look that everything works; its figures mean little."""
        return cls(
            parts,
            rounds=1,
            seconds=2,
            growth_records=100_000,
            crew=10_000,
            crew_calls=50,
            points=10_000,
            harvest_records=20_000,
            idle_connections=500,
        )

    @property
    def whole(self) -> bool:
        """True when the run measures everything, for as long as the published figures ask."""
        return self == Plan()

    @property
    def on_postgres(self) -> bool:
        """True when a part of the run needs a PostgreSQL."""
        return any(part.startswith("pg_") for part in self.parts)

    @property
    def bulk_seconds(self) -> int:
        """Longer, because a call of 5,000 takes long: those still under way at the end are not counted."""
        return 2 * self.seconds

    def seconds_expected(self) -> int:
        """About how long the run takes."""
        loads = {
            "echo": 2 * len(CONNECTIONS),
            "hydrobit": len(CONNECTIONS),
            "typical": len(POOL_SIZES) * len(TYPICAL_CONNECTIONS),
            "bulk": 2 * len(BATCHES),
            "raw": 2 * len(RAW_BATCHES),
            "growth": 2,
            "workers": 2,
            "places": 1,
            "mqtt_ack": 3 * len(MQTT_CONNECTIONS) + 5,
            "pg_create": (2 + len(PG_POOL_SIZES)) * len(PG_CONNECTIONS),
            "pg_bulk": 4,
            "pg_growth": 2,
            "pg_workers": len(PG_WORKERS),
        }
        one = self.seconds + self.warm_up_seconds + 1
        measuring = self.rounds * sum(one * count for part, count in loads.items() if part in self.parts)
        filling = self.growth_records // FILL_RECORDS_PER_S if "growth" in self.parts else 0
        filling += self.growth_records // PG_FILL_RECORDS_PER_S if "pg_growth" in self.parts else 0
        harvest = HARVEST_SECONDS + self.harvest_records // HARVEST_FILL_RECORDS_PER_S if "harvest" in self.parts else 0
        cost = 2 * 4 * 2 * self.seconds if "cost" in self.parts else 0
        idle = IDLE_SECONDS if "mqtt_idle" in self.parts else 0
        return measuring + filling + harvest + cost + idle

    def seconds_max(self) -> int:
        """After this the run is given up."""
        return 120 + 3 * self.seconds_expected()
