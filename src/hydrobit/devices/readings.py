"""The rules of readings, as units. A reading is known by device, kind and instant; it is never changed."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Raw

from hydrobit.devices import service, store
from hydrobit.devices.store import Reading
from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.kit.instants import LATEST, day_begins, write_instant
from hydrobit.ledger import store as ledger
from hydrobit.projects import service as projects
from hydrobit.storage.engine import Transaction
from hydrobit.wire.days import DayRange

FIRST_DAY, LAST_DAY = "1970-01-01", "2200-12-31"
"""Of the instants that are accepted; a calendar has more."""

Outcome = bool | Refused
"""True for a reading that is new, False for one that was there, the refusal where another one was."""


def add_readings(tx: Transaction, company: int, device_id: str, kind: str, sent: Sequence[Reading]) -> list[Outcome]:
    """Keeps what was not there, and says of each what became of it. May run twice.

    Raises Refused, device_not_found.
    """
    ledger.lock_head(tx, company)
    service.require(tx, company, device_id)
    first: dict[int, Reading] = {}
    for reading in sent:
        first.setdefault(reading.at, reading)
    there = _insert(tx, company, device_id, kind, list(first.values()))
    outcomes: list[Outcome] = []
    for reading in sent:
        is_new = reading.at not in there
        content = there.setdefault(reading.at, reading.content)
        outcomes.append(True if is_new else _compared(reading, content))
    return outcomes


def _insert(tx: Transaction, company: int, device_id: str, kind: str, sent: Sequence[Reading]) -> dict[int, str]:
    """What was there already, by its instant. The usual call brings nothing that was."""
    try:
        with tx.savepoint():
            store.add_readings(tx, company, device_id, kind, sent)
        return {}
    except Duplicate:
        pass  # one by one it shows which
    there: dict[int, str] = {}
    for reading in sent:
        content = store.content_at(tx, company, device_id, kind, reading.at)
        if content is None:
            store.add_readings(tx, company, device_id, kind, [reading])
        else:
            there[reading.at] = content
    return there


def _compared(reading: Reading, content: str) -> Outcome:
    if reading.content == content:
        return False
    at = write_instant(reading.at)
    return Refused(
        Code.idempotency_conflict,
        f"The device has another reading at {at}: sent {reading.content[:200]}, stored {content[:200]}.",
        field="values",
        existing={"recordedAtUtc": at, "values": Raw(content.encode())},
    )


def read_readings(
    tx: Transaction, company: int, device_id: str, kind: str, span: DayRange, after: int | None, page: int
) -> list[Reading]:
    """A page of a span of local days of the device's project, in the order of their instants; of a revoked device too.

    Raises Refused, device_not_found.
    """
    device = service.require_known(tx, company, device_id)
    zone = projects.zone_of(tx, company, device.project_id)
    begin, end = day_begins(max(span.startTime, FIRST_DAY), zone), LATEST + 1
    if span.endTime < LAST_DAY:
        end = day_begins((date.fromisoformat(span.endTime) + timedelta(days=1)).isoformat(), zone)
    return store.readings(
        tx, company, device_id, kind, begin - 1 if after is None else max(begin - 1, after), end, page
    )
