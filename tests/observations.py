"""Pest observations put into a store beside its server, as a form that was handed in leaves them."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydrobit.demo import company as demo
from hydrobit.kit.amounts import MILLION
from hydrobit.kit.instants import read_instant
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query
from tests import engines

_numbers = itertools.count(1_000)
LATITUDE, LONGITUDE = 19.4326, -99.1332


@dataclass(frozen=True)
class Seen:
    """One answer to a field of type pest; `scale` is the top of its severities."""

    name: str
    value: float
    severity: float | None = None
    scale: int = 5


@dataclass(frozen=True)
class Form:
    """A form as it was handed in. `started_at` is null where the phone did not say."""

    day: str
    seen: tuple[Seen, ...]
    project_id: str | None = demo.PROJECT
    sector_id: str | None = "sector_001"
    company: int = 1
    user_id: str = demo.ADMIN
    has_place: bool = True
    has_start: bool = True
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def record_id(self) -> str:
        return f"form_rec_{self.company:04x}{self.number:012x}"

    @property
    def received_at(self) -> int:
        return read_instant(f"{self.day}T20:30:00.000Z")


def hand_in(data: Path, *forms: Form) -> None:
    """Stores the forms with their observations, in one transaction."""

    def insert(tx: Transaction) -> None:
        for form in forms:
            _insert(tx, "form_record", _record(form))
            for place, seen in enumerate(form.seen):
                _insert(tx, "pest_observation", _observation(form, place, seen))

    with engines.opened(data) as store:
        store.write(insert)


def _record(form: Form) -> dict[str, Any]:
    return {
        "company": form.company,
        "record_no": form.number,
        "record_id": form.record_id,
        "form_id": "form_scouting",
        "version": 1,
        "user_id": form.user_id,
        "project_id": form.project_id,
        "sector_id": form.sector_id,
        "project_verified": 0,
        "sector_verified": 0,
        "latitude": LATITUDE if form.has_place else None,
        "longitude": LONGITUDE if form.has_place else None,
        "started_at": form.received_at - 60_000 if form.has_start else None,
        "received_at": form.received_at,
        "day": form.day,
        "content_digest": b"0" * 16,
        "answers": "[]",
    }


def _observation(form: Form, place: int, seen: Seen) -> dict[str, Any]:
    return {
        "company": form.company,
        "day": form.day,
        "record_no": form.number,
        "answer_no": place,
        "project_id": form.project_id,
        "sector_id": form.sector_id,
        "variable": seen.name.lower(),
        "name": seen.name,
        "value": round(seen.value * MILLION),
        "severity": None if seen.severity is None else round(seen.severity * MILLION),
        "scale": seen.scale * MILLION,
    }


def _insert(tx: Transaction, table: str, row: dict[str, Any]) -> None:
    text = f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})"
    tx.run(Query("by_hand", text, tuple(row)), **row)
