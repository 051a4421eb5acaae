"""A whole installation with a bit of everything in it, clones of it, and both sides of a move compared row by row."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydrobit.demo import company as demo
from hydrobit.devices import letters
from hydrobit.devices import store as devices
from hydrobit.devices.store import MqttSession, SessionKey
from hydrobit.operation import Letter
from hydrobit.storage import directory
from hydrobit.storage.copying import PAGE_ROWS
from tests import engines
from tests.callers import ADMIN_FORMS, ADMIN_USERS, BULK, Caller, Json, element, record_id
from tests.commands import printed
from tests.integration.test_photos import data_url, picture
from tests.servers import running

COUNTED = PAGE_ROWS + 200
"""More than a page of the copy."""
STAY = ("store", "migration", "compatibility")


@dataclass(frozen=True)
class Played:
    """A data directory whose server was stopped, and what its callers know."""

    data: Path
    record_id: str
    session_id: str
    photo: bytes
    photo_url: str
    token: str


def play(data: Path) -> Played:
    """Sessions with counts, voids, claims, a close and what came late; workers, one forgotten; photos, forms, keys."""
    with running(data) as server:
        with Caller(server) as admin, Caller(server, demo.OTHER_USER) as neighbour:
            session_id = admin.opened(notes="Dew until nine", localId="l1")
            record = admin.counted(session_id, "evt_1", units=2.5, idempotencyKey="key_1", evidence={"gross": 21.5})
            assert record_id(admin.count(session_id, "evt_1", units=2.5, idempotencyKey="key_2")) == record
            wrong = admin.counted(session_id, "evt_2", units=300, deviceId="d1", deviceSeq=1)
            assert admin.void(wrong, "Counted twice").status_code == 200
            with server.client() as plain:  # which does not hold each of the many answers against the document
                counts = [element(session_id, f"bulk_{number}") for number in range(COUNTED)]
                assert plain.post(BULK, json={"auth0Id": demo.ADMIN, "records": counts}).status_code == 207
            _describe(admin)
            worker = _people(admin)
            _forms(admin)
            _devices(data, admin)
            neighbour.counted(
                neighbour.opened(projectId=demo.OTHER_PROJECT, sectorId=demo.OTHER_SECTOR, sector_name="B"), "evt_1"
            )
            photo = admin.get(worker["photo_url"]).content
        token = server.token()
        assert server.stop() == 0
    printed("worker", "erase", "XN0315", "--company", demo.COMPANY, "--data", data)
    printed("template", "set", "position", "picker", "packer", "--company", demo.COMPANY, "--data", data)
    return Played(data, record, session_id, photo, worker["photo_url"], token)


def _describe(admin: Caller) -> None:
    closed = admin.opened(sectorId="sector_002", sector_name="Lote A-2")
    admin.counted(closed, "evt_c1")
    assert admin.change(closed, license_plate="ABC-123", driver_name="Juan Perez", pricePerUnit=6).status_code == 200
    assert admin.close_session(closed, notes="Done").status_code == 200
    assert admin.count(closed, "evt_late").status_code == 409


def _people(admin: Caller) -> Json:
    worker = admin.registered(first_name="Photo", last_name="Graph", photo=data_url(picture()))
    admin.registered(first_name="Xochitl", last_name="Nezahual", photo=data_url(picture()))
    added = {"userId": "user_new", "name": "A New One", "role": "viewer"}
    assert admin.post(ADMIN_USERS, json=added).status_code == 201
    key = {"name": "Packing house", "scopes": ["read:production"]}
    assert admin.post("/api/control/admin/keys", json=key).status_code == 201
    return worker


def _forms(admin: Caller) -> None:
    pests = [{"name": "mites", "type": "pest", "label": "Mites"}, {"name": "leaf", "type": "photo"}]
    form = admin.add_form(*pests)
    admin.submitted(form, {"mites": {"value": 3, "severity": 1}, "leaf": data_url(picture())})
    asked = admin.add_form(pests[0], subtype="tasks")
    assert admin.post(f"{ADMIN_FORMS}/{asked}/tasks", json={"userId": demo.SUPERVISOR}).status_code == 201


def _devices(data: Path, admin: Caller) -> None:
    device = {"deviceId": "scale-1", "projectId": demo.PROJECT, "name": "Scale"}
    assert admin.post("/api/control/iot/devices", json=device).status_code == 201
    reading = {"recordedAtUtc": "2025-10-19T14:30:00Z", "values": {"temperature": 21.50000000000001}}
    sent = admin.post("/api/control/iot/weather", json={"deviceId": "scale-1", "readings": [reading]})
    assert sent.json()["summary"]["ok"] == 1
    letter, held = Letter(1, demo.ADMIN, None, "phone-1", "nowhere", b"\xff"), SessionKey(1, demo.ADMIN, "phone-1")
    with engines.opened(data) as store:
        store.write(letters.keep, letter, "unknown_path", "There is nothing there.", "r-1", 0, 10)
        store.write(devices.hold_mqtt_session, held, MqttSession("node-1", 60, 60_000, "[]"))


def clone(played: Played, target: Path) -> Path:
    """The same installation once more."""
    engines.copy(played.data, target)
    for folder in ("keys", directory.OBJECTS):
        if not (target / folder).exists():
            shutil.copytree(played.data / folder, target / folder)
    return target


def tables(data: Path) -> list[str]:
    """Every table of a store but those that say something of the store itself, as its own catalogue has them."""
    question = (
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
        if engines.is_sqlite(data)
        else "select table_name from information_schema.tables where table_schema = current_schema()"
    )
    return sorted(name for (name,) in engines.rows(data, question) if name not in STAY)


def contents(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, past our own code; the mark of a moved store left out."""
    found = {}
    with engines.hand(data) as hand:
        for table in tables(data):
            rows = hand.dicts(f"select * from {table}")
            found[table] = sorted((_row(row) for row in rows), key=repr)
    return found


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in row.items() if name != "shut_at")


def empty_tables(found: dict[str, list[tuple[Any, ...]]], names: Sequence[str] = ()) -> list[str]:
    return [name for name, rows in found.items() if not rows and name not in names]
