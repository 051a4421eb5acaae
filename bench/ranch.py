"""A large company: a crew of a hundred thousand, paged and searched, and 500 sectors to place points in.

Both are written straight into the store, because they are what is asked, not what is measured.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from bench.api import Api
from bench.errors import BenchError
from bench.report import Sample
from bench.wrk import USER
from hydrobit import app
from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.folding import fold
from hydrobit.projects import places, service
from hydrobit.projects.boundaries import read
from hydrobit.projects.store import Sector
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Transaction
from hydrobit.storage.sqlite import SqliteStore
from hydrobit.workers import store as workers
from hydrobit.workers.store import Worker

COMPANY = 1
"""The demo's company, the first of its store."""
WORKERS = "/api/control/workers"
PAGE_LENGTH = 25
SECTORS = 500
SECTORS_IN_A_ROW = 25
CORNERS = 20
STEP = 0.002
FIRST = ("Ana", "José", "María", "Juan", "Lucía", "Pedro", "Rosa", "Miguel", "Elena", "Diego", "Inés", "Raúl", "Sofía")
LAST = ("Núñez", "Ortiz", "García", "López", "Cruz", "Reyes", "Ramos", "Vega", "Ríos", "Mora", "Luna", "Solís", "Peña")


def fill_crew(data: Path, count: int) -> None:
    """A store with the demo company and so many workers, in one transaction."""
    with closing(_store_with_demo(data)) as store:
        store.write(_add_crew, count)


def measure_crew(api: Api, crew: int, calls: int, seed: int) -> list[Sample]:
    """A page anywhere in the crew, and a search that finds a few, many or nobody; one call after the other."""
    chosen = random.Random(seed)
    asked: dict[str, Callable[[], dict[str, str | int]]] = {
        "page": lambda: {"page": chosen.randrange(1, crew // PAGE_LENGTH)},
        "search": lambda: {"q": chosen.choice((_name(chosen.randrange(crew)), chosen.choice(LAST), "nobody at all"))},
    }
    return [_ask(api, subject, crew, make, calls) for subject, make in asked.items()]


def measure_places(folder: Path, points: int, seed: int) -> Sample:
    """The time to place a point among 500 sectors, the check that no boundary has changed included."""
    chosen = random.Random(seed)
    west, south = -100.0, 20.0
    width, height = SECTORS_IN_A_ROW * STEP, SECTORS / SECTORS_IN_A_ROW * STEP
    spots = [(west + chosen.random() * width, south + chosen.random() * height) for _ in range(points)]
    with closing(_store_with_demo(folder / "data")) as store:
        store.write(_add_sectors, west, south)
        store.read(_place, spots[:100])  # the index is made by the first one who asks
        begun = time.thread_time()
        placed = store.read(_place, spots)
        spent = time.thread_time() - begun
    if placed < points // 2:
        raise BenchError(f"Of {points} points only {placed} lie in a sector.")
    return Sample.of_rate("places", "hydrobit", SECTORS, points / spent)


def _ask(api: Api, subject: str, crew: int, make: Callable[[], dict[str, str | int]], calls: int) -> Sample:
    times = []
    for number in range(calls + 1):
        query = {"auth0Id": USER, "limit": PAGE_LENGTH, **make()}
        begun = time.perf_counter()
        answer = api.client.get(WORKERS, params=query)
        if number:  # the first one opens the connection
            times.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise BenchError(f"A {subject} of workers is answered {answer.status_code}. {answer.text[:500]}")
    p99 = quantiles(times, n=100)[-1]
    return Sample("workers", subject, crew, 1000 * calls / sum(times), median(times), p99, None, None)


def _store_with_demo(data: Path) -> SqliteStore:
    directory.prepare(data)
    app.bring_up(Settings(data=data), SystemClock())
    store = directory.open_store(data, busy_ms_max=Settings().store_busy_ms_max)
    store.write(demo.add_demo, SystemClock().now(), os.urandom)
    return store


def _add_crew(tx: Transaction, count: int) -> None:
    before, rows = workers.last_number(tx, COMPANY), []
    for number in range(count):
        first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
        worker = Worker(
            worker_no=before + number + 1,
            stored_id=f"{number:024x}",
            worker_id=f"PK{number:06d}",
            first_name=first,
            last_name=f"{last} {number:06d}",
            position="field_worker",
            employment_type="full_time",
            hire_date="2025-03-15",
            status="active",
            phone=None,
            email=None,
            termination_date=None,
            hourly_rate=None,
            emergency_contact_name=None,
            emergency_contact_phone=None,
            skills=(),
            notes=None,
            photo=None,
            created_at=0,
        )
        searched = fold(f"{worker.first_name} {worker.last_name} {worker.worker_id}")
        person = f"{first}\t{worker.last_name}".casefold()
        rows.append(workers.row(COMPANY, worker, worker.worker_id, 1, person, searched))
    workers.insert(tx, rows)


def _name(number: int) -> str:
    return f"{LAST[number // len(FIRST) % len(LAST)]} {number:06d}"


def _add_sectors(tx: Transaction, west: float, south: float) -> None:
    author = service.Author(COMPANY, USER, 0, os.urandom)
    for number in range(SECTORS):
        row, column = divmod(number, SECTORS_IN_A_ROW)
        area = {"type": "Polygon", "coordinates": [_ring(west + column * STEP, south + row * STEP)]}
        service.add_sector(tx, author, Sector(f"lot_{number}", demo.PROJECT, f"Lot {number}", boundary=read(area)))


def _ring(west: float, south: float) -> list[list[float]]:
    """A lot with so many corners: its south and north edges are not straight."""
    side = CORNERS // 2
    lower = [[west + STEP * part / side, south + STEP * 0.05 * (part % 2)] for part in range(side + 1)]
    upper = [[x, y + STEP * 0.9] for x, y in reversed(lower)]
    return [*lower, *upper, lower[0]]


def _place(tx: Transaction, spots: list[tuple[float, float]]) -> int:
    """How many of the points lie in a sector."""
    return sum(places.locate(tx, COMPANY, *spot).sector_id is not None for spot in spots)
