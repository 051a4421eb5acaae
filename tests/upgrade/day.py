"""A small day through the public API, and what is read of it: played by the program that a dump is made with.

Each call and each reading says since which schema the store holds what it is about.
"""

import base64
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from hydrobit.demo import company as demo

PRODUCTION = "/api/control/production"
EVENT, WORKER = "evt_first", "JS0315"
Json = dict[str, Any]


def record(session_id: str, event: str, **changes: Any) -> Json:
    return {
        "auth0Id": demo.ADMIN,
        "sessionId": session_id,
        "workerId": WORKER,
        "worker_name": "John Smith",
        "units": 2.5,
        "recordedAtUtc": "2025-10-19T14:30:00.000Z",
        "clientEventId": event,
    } | changes


def opening(sector: str, **changes: Any) -> Json:
    return {
        "auth0Id": demo.ADMIN,
        "projectId": demo.PROJECT,
        "sectorId": sector,
        "sector_name": demo.SECTORS[sector],
        "openedAt": "2025-10-19T14:00:00.000Z",
    } | changes


def play(client: httpx.Client, schema: int) -> Json:
    """Plays the day with a program of this schema; returns what the phone remembers of it."""

    def post(path: str, body: Json, *expected: int) -> Json:
        answer = client.post(path, json=body)
        assert answer.status_code in (expected or (201,)), answer.text
        found: Json = answer.json()
        return found

    session: str = post(f"{PRODUCTION}/sessions", opening("sector_001", notes="Dew"))["data"]["sessionId"]
    records = f"{PRODUCTION}/records"
    told = post(records, record(session, EVENT, idempotencyKey="key_1", evidence={"gross": 21.5}))
    first = told["data"]["payloadPreview"]["recordId"]
    post(records, record(session, EVENT, idempotencyKey="key_2"), 200)
    wrong = post(records, record(session, "evt_wrong", units=300, deviceId="d1", deviceSeq=1, workerId="AG0110"))
    void = {"auth0Id": demo.ADMIN, "reason": "Counted twice"}
    post(f"{records}/{wrong['data']['payloadPreview']['recordId']}/void", void, 200)
    change = {"auth0Id": demo.ADMIN, "pricePerUnit": 6, "bonus": {"type": "flat", "value": 1}}
    if schema >= 8:
        change |= {"license_plate": "ABC-123", "driver_name": "Juan Perez", "harvestLotCode": "HL-1"}
    assert client.patch(f"{PRODUCTION}/sessions/{session}", json=change).status_code == 200
    post(f"{PRODUCTION}/sessions/{session}/close", {"notes": "Done"}, 200)
    post(records, record(session, "evt_late"), 409)
    open_one: str = post(f"{PRODUCTION}/sessions", opening("sector_002"))["data"]["sessionId"]
    post(records, record(open_one, "evt_open"))
    _set_up(post)
    if schema >= 12:
        device = {"deviceId": "station_1", "projectId": demo.PROJECT, "name": "Weather station"}
        post("/api/control/iot/devices", device)
        reading = {"recordedAtUtc": "2025-10-19T14:30:00.000Z", "values": {"temperature": 21.437500000001}}
        post("/api/control/iot/weather", {"deviceId": "station_1", "readings": [reading]}, 207)
    return {"session": session, "record": first}


def _set_up(post: Any) -> None:
    picture = BytesIO()
    Image.new("RGB", (8, 8), "green").save(picture, "JPEG")
    photo = f"data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()}"
    post(
        "/api/control/workers",
        {
            "auth0Id": demo.ADMIN,
            "first_name": "Ángela",
            "last_name": "Muñoz",
            "position": "field_worker",
            "employment_type": "full_time",
            "hire_date": "2025-03-15",
            "hourly_rate": 20.5,
            "photo": photo,
        },
    )
    post("/api/control/admin/keys", {"name": "Packing house", "scopes": ["read:production"]})
    post("/api/control/admin/users", {"userId": "user_new", "name": "A New One", "role": "viewer"})
    fields = [{"name": "mites", "type": "pest", "label": "Mites"}, {"name": "leaf", "type": "photo"}]
    form = {"_id": "form_pests", "name": "Pests", "type": "inspection", "fields": fields}
    post("/api/control/admin/forms", {"definition": form})
    tasks = {"_id": "form_tasks", "name": "Tasks", "type": "inspection", "subtype": "tasks", "fields": fields[:1]}
    post("/api/control/admin/forms", {"definition": tasks})
    post("/api/control/admin/forms/form_tasks/tasks", {"userId": demo.SUPERVISOR, "title": "North side"})
    values = [{"field": "mites", "value": {"value": 3, "severity": 1}}, {"field": "leaf", "value": photo}]
    filled = {"_id": "form_pests", "auth0Id": demo.ADMIN, "type": "inspection", "form_values": values}
    post("/api/control/forms/record", {"record": filled | {"gps": {"latitude": 19.4326, "longitude": -99.1332}}})


def readings(known: Json) -> dict[str, int]:
    """What is read of the day, each with the schema since which the store holds what it shows."""
    me = f"auth0Id={demo.ADMIN}"
    return {
        f"{PRODUCTION}/sessions/{known['session']}": 1,
        f"{PRODUCTION}/records/{known['record']}": 1,
        "/api/control/admin/audit": 2,
        f"/api/control/projects?{me}": 3,
        f"/api/control/workers?{me}&pageSize=100": 5,
        "/api/control/admin/keys": 6,
        "/api/control/admin/users": 6,
        f"/api/control/forms/getForms?{me}&companyId={demo.COMPANY}": 7,
        "/api/control/admin/forms/form_pests/records": 7,
        "/api/control/admin/forms/form_tasks/tasks": 7,
        "/api/control/iot/devices": 12,
        "/api/control/iot/weather?deviceId=station_1&startTime=2025-10-19&endTime=2025-10-19": 12,
    }


def read(client: httpx.Client, path: str) -> Any:
    """What an answer says, without what is true of its moment alone."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return _lasting(answer.json()["data"])


def _lasting(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _lasting(value) for name, value in found.items() if not name.endswith(("_url", "Url", "url"))}
    return [_lasting(each) for each in found] if isinstance(found, list) else found


def still_says(was: Any, now: Any) -> bool:
    """Whether everything that was said then is said still; there may be more by now."""
    if isinstance(was, dict):
        return isinstance(now, dict) and all(name in now and still_says(was[name], now[name]) for name in was)
    if isinstance(was, list):
        return len(was) == len(now) and all(map(still_says, was, now))
    return bool(was == now)
