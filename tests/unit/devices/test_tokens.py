"""Devices and their tokens: who gets one, what it opens, and what ends it (contract, "Keys for machines")."""

from typing import Any

import jwt

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.identity import own_keys
from hydrobit.identity.signing import SigningKey
from hydrobit.operation import Device, Scope
from hydrobit.storage import directory
from tests import engines
from tests.callers import refusal
from tests.gate import IOT, Gate
from tests.servers import PRODUCTION, event, opening

FACTS_AGE_MS = 5_000
HOUR_MS = 3_600_000
DEVICES, TOKENS = f"{IOT}/devices", f"{IOT}/tokens"
READINGS = {"readings": [{"recordedAtUtc": "2025-10-19T14:00:00Z", "values": {"temperature": 21.5}}]}
FOR_DEVICES = {
    "mqttOverWebSocket",
    "createProductionRecord",
    "bulkCreateProductionRecords",
    "voidProductionRecord",
    "getProductionRecord",
    "checkIdempotencyKey",
    "addWeatherReadings",
    "addPlantReadings",
    "addIrrigationReadings",
}


def with_iot(token: str) -> dict[str, str]:
    return {"x-iot-token": token}


def with_key(key: str) -> dict[str, str]:
    return {"x-api-key": key}


async def signed(gate: Gate, device_id: str = "scale-1", user: str | None = demo.ADMIN, **changes: Any) -> str:
    """A device's token, signed past the row that issues them."""
    settings = gate.house.context.settings
    said: dict[str, Any] = {"lifetime_s": 3_600, "issuer": settings.issuer, "audience": settings.iot_audience} | changes
    company, now = said.pop("company", demo.COMPANY), said.pop("now", gate.house.clock.now())
    return gate.signing.sign_for_device(user, company, Device(device_id, demo.PROJECT), now, **said)


# The register


async def test_a_device_is_added_once_and_listed(gate: Gate) -> None:
    added = await gate.add_device("scale-1")
    assert added["topic"] == f"connect/{demo.COMPANY}/{demo.PROJECT}/scale-1/#"
    body = {"deviceId": "scale-1", "projectId": demo.PROJECT, "name": added["name"]}
    again = await gate.post(DEVICES, body)
    assert (again.status_code, again.json()["data"]) == (200, added)
    refusal(await gate.post(DEVICES, body | {"name": "Another"}), 409, "id_taken")
    assert (await gate.get(DEVICES)).json()["data"]["items"] == [added]
    log = (await gate.get("/api/control/admin/audit")).json()["data"]["items"]
    assert [(line["action"], line["subject"]) for line in log][:1] == [("device.add", "scale-1")]


async def test_an_id_that_may_not_stand_in_a_topic_is_refused(gate: Gate) -> None:
    for device_id in ("a/b", "a+", "#", "a b", "ä", "x" * 65, "a\u2028b"):
        body = {"deviceId": device_id, "projectId": demo.PROJECT, "name": "Scale"}
        assert refusal(await gate.post(DEVICES, body), 400, "invalid_value")["field"] == "deviceId"


async def test_a_project_whose_id_may_not_stand_in_a_topic_has_no_devices(gate: Gate) -> None:
    project = {"auth0Id": demo.ADMIN, "projectId": "north/south", "projectName": "North", "timezone": "UTC"}
    assert (await gate.post("/api/control/admin/projects", project)).status_code == 201
    body = {"deviceId": "scale-1", "projectId": "north/south", "name": "Scale"}
    assert refusal(await gate.post(DEVICES, body), 400, "invalid_value")["field"] == "projectId"


async def test_a_revoked_device_stays_listed_and_its_id_is_given_to_no_other(gate: Gate) -> None:
    added = await gate.add_device("scale-1")
    revoked = (await gate.post(f"{DEVICES}/scale-1/revoke")).json()["data"]
    assert revoked["status"] == "revoked"
    assert (await gate.post(f"{DEVICES}/scale-1/revoke")).json()["data"] == revoked
    body = {"deviceId": "scale-1", "projectId": demo.PROJECT, "name": added["name"]}
    refusal(await gate.post(DEVICES, body), 409, "id_taken")
    assert (await gate.get(DEVICES)).json()["data"]["items"] == [revoked]


# Who gets a token


async def test_a_user_gets_a_token_that_acts_for_the_user(gate: Gate) -> None:
    await gate.add_device()
    answer = await gate.post(TOKENS, {"deviceId": "scale-1", "lifetimeSeconds": 600})
    data = answer.json()["data"]
    assert answer.status_code == 201
    assert data["expiresAtUtc"] == "2025-10-19T14:10:00.000Z"
    assert (data["auth0Id"], data["projectId"], data["deviceId"]) == (demo.ADMIN, demo.PROJECT, "scale-1")
    assert (data["topic"], data["url"]) == (
        f"connect/{demo.COMPANY}/{demo.PROJECT}/scale-1/#",
        "ws://farm.example/mqtt",
    )
    claims = jwt.decode(data["token"], options={"verify_signature": False})
    assert claims["sub"] == demo.ADMIN
    assert claims["exp"] - claims["iat"] == 600


async def test_nobody_gets_a_token_that_acts_for_another(gate: Gate) -> None:
    await gate.add_device()
    body = {"deviceId": "scale-1", "auth0Id": demo.SUPERVISOR}
    refusal(await gate.post(TOKENS, body), 403, "caller_mismatch")


async def test_a_key_names_an_active_user_of_its_company(gate: Gate) -> None:
    await gate.add_device()
    by_key = with_key(await gate.key(Scope.write_iot))
    token = await gate.device_token(headers=by_key, auth0Id=demo.SUPERVISOR)
    assert (await record(gate, with_iot(token), demo.SUPERVISOR)).status_code == 201
    for user in (demo.OTHER_USER, "user_of_no_store"):
        body = {"deviceId": "scale-1", "auth0Id": user}
        refusal(await gate.post(TOKENS, body, headers=by_key), 404, "user_not_found")
    await gate.post(f"/api/control/admin/users/{demo.SUPERVISOR}/disable")
    body = {"deviceId": "scale-1", "auth0Id": demo.SUPERVISOR}
    refusal(await gate.post(TOKENS, body, headers=by_key), 404, "user_not_found")


async def test_a_key_without_the_scope_gets_none(gate: Gate) -> None:
    await gate.add_device()
    by_key = with_key(await gate.key(Scope.read_iot))
    refusal(await gate.post(TOKENS, {"deviceId": "scale-1"}, headers=by_key), 403, "role_forbidden")


async def test_a_lifetime_has_bounds(gate: Gate) -> None:
    await gate.add_device()
    for seconds in (0, -1, 1.5, 86_401, "60"):
        answer = await gate.post(TOKENS, {"deviceId": "scale-1", "lifetimeSeconds": seconds})
        assert (answer.status_code, answer.json()["field"]) == (400, "lifetimeSeconds")


async def test_a_revoked_device_gets_no_token(gate: Gate) -> None:
    await gate.add_device()
    await gate.post(f"{DEVICES}/scale-1/revoke")
    refusal(await gate.post(TOKENS, {"deviceId": "scale-1"}), 404, "device_not_found")


async def test_a_token_is_signed_by_the_key_that_signs_now(gate: Gate) -> None:
    """Also while the server runs on: else its tokens would end with the withdrawn key."""
    await gate.add_device()
    house, path = gate.house, directory.signing_key(gate.house.context.settings)
    before = gate.signing.kid
    with engines.opened(gate.house.data) as store:
        own_keys.rotate(store, path, house.clock.now(), house.context.random)
        token = await gate.device_token()
        assert jwt.get_unverified_header(token)["kid"] == SigningKey.load_or_create(path).kid != before
        store.write(own_keys.withdraw, before, None, house.clock.now(), house.context.random)
    assert (await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=with_iot(token))).status_code == 200


async def test_a_token_of_a_withdrawn_key_is_not_kept_alive_by_its_users_other_tokens(gate: Gate) -> None:
    stolen = {"authorization": f"Bearer {gate.token()}"}
    assert (await gate.get(DEVICES, headers=stolen)).status_code == 200
    house, path = gate.house, directory.signing_key(gate.house.context.settings)
    with engines.opened(house.data) as store:
        gate.signing, withdrawn = (
            own_keys.rotate(store, path, house.clock.now(), house.context.random),
            gate.signing.kid,
        )
        store.write(own_keys.withdraw, withdrawn, None, house.clock.now(), house.context.random)
    for _ in range(2):
        house.clock.forward(FACTS_AGE_MS)
        assert (await gate.get(DEVICES)).status_code == 200
        refusal(await gate.get(DEVICES, headers=stolen), 401, "token_invalid")


# What it opens


def test_devices_may_call_what_is_for_them_and_nothing_else() -> None:
    assert {row.name for row in OPERATIONS if row.for_devices} == FOR_DEVICES


async def session(gate: Gate, user: str = demo.ADMIN) -> str:
    answer = await gate.post(f"{PRODUCTION}/sessions", opening(auth0Id=user), user=user)
    assert answer.status_code == 201, answer.text
    session_id: str = answer.json()["data"]["sessionId"]
    return session_id


async def record(gate: Gate, headers: dict[str, str], user: str = demo.ADMIN) -> Any:
    body = event(await session(gate, user), "evt_1", auth0Id=user)
    return await gate.post(f"{PRODUCTION}/records", body, headers=headers)


async def test_a_device_counts_for_its_user_in_either_header(gate: Gate) -> None:
    await gate.add_device()
    token = await gate.device_token()
    answer = await record(gate, with_iot(token))
    record_id = answer.json()["data"]["payloadPreview"]["recordId"]
    assert answer.status_code == 201
    read = await gate.get(f"{PRODUCTION}/records/{record_id}", headers={"authorization": f"Bearer {token}"})
    assert read.status_code == 200


async def test_a_users_token_is_taken_where_a_devices_is(gate: Gate) -> None:
    assert (await record(gate, with_iot(gate.token()))).status_code == 201
    assert (await gate.get(f"{PRODUCTION}/sessions", headers=with_iot(gate.token()))).status_code == 200


async def test_rows_that_are_not_for_devices_refuse_them_all(gate: Gate) -> None:
    await gate.add_device()
    for token in (await signed(gate), await signed(gate, user=None)):
        for row in OPERATIONS:
            if not row.for_devices:
                answer = await gate.call(row.http.method, row.http.path, headers=with_iot(token))
                refusal(answer, 403, "role_forbidden")


async def test_a_token_that_acts_for_nobody_sends_readings_alone(gate: Gate) -> None:
    await gate.add_device()
    by_key = with_key(await gate.key(Scope.write_iot))
    headers = with_iot(await gate.device_token(headers=by_key))
    answer = await gate.post(f"{IOT}/weather", READINGS, headers=headers)
    assert answer.json()["summary"] == {"ok": 1, "duplicated": 0, "failed": 0}
    refusal(await record(gate, headers), 403, "role_forbidden")


async def test_two_credentials_are_refused_even_where_both_count(gate: Gate) -> None:
    await gate.add_device()
    token = await gate.device_token()
    for other in ({"authorization": f"Bearer {gate.token()}"}, with_key(await gate.key(Scope.write_iot))):
        answer = await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=with_iot(token) | other)
        refusal(answer, 401, "token_invalid")
    twice: Any = [("x-iot-token", token), ("x-iot-token", token)]
    refusal(await gate.client.get("/mqtt?deviceId=scale-1", headers=twice), 401, "token_invalid")


async def test_a_company_key_is_no_iot_token_and_an_iot_token_no_api_key(gate: Gate) -> None:
    await gate.add_device()
    key, token = await gate.key(Scope.write_iot), await gate.device_token()
    for headers in (with_iot(key), with_key(token)):
        refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers), 401, "token_invalid")


# What is no token


async def test_a_token_of_another_kind_audience_or_company_opens_nothing(gate: Gate) -> None:
    await gate.add_device()
    settings = gate.house.context.settings
    good = await signed(gate)
    claims = jwt.decode(good, options={"verify_signature": False})
    private, kid = gate.signing._private, gate.signing.kid
    for token in (
        await signed(gate, audience=settings.audience),
        await signed(gate, issuer="someone"),
        await signed(gate, company=demo.OTHER_COMPANY),
        await signed(gate, company="comp_999"),
        await signed(gate, device_id="scale-2"),
        jwt.encode(claims, private, "ES256", {"kid": kid, "typ": "at+jwt"}),
        jwt.encode(claims | {"aud": settings.audience}, private, "ES256", {"kid": kid, "typ": "iot+jwt"}),
        jwt.encode({**claims, "deviceId": ""}, private, "ES256", {"kid": kid, "typ": "iot+jwt"}),
        jwt.encode({**claims, "sub": ""}, private, "ES256", {"kid": kid, "typ": "iot+jwt"}),
        gate.token(audience=settings.iot_audience),
    ):
        refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=with_iot(token)), 401, "token_invalid")
    assert (await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=with_iot(good))).status_code == 200


async def test_a_user_of_another_company_is_acted_for_by_no_device(gate: Gate) -> None:
    await gate.add_device()
    for user in (demo.OTHER_USER, "user_of_no_store"):
        headers = with_iot(await signed(gate, user=user))
        refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers), 403, "no_company")


# What ends it


async def test_a_token_ends_with_its_time(gate: Gate) -> None:
    await gate.add_device()
    headers = with_iot(await gate.device_token(lifetimeSeconds=60))
    gate.house.clock.forward(60_000 + gate.house.context.settings.clock_leeway_s * 1000 - 1)
    assert (await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers)).status_code == 200
    gate.house.clock.forward(1)
    refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers), 401, "token_expired")


async def test_a_token_ends_with_its_device(gate: Gate) -> None:
    await gate.add_device()
    for headers in (with_iot(await gate.device_token()), with_iot(await signed(gate, user=None))):
        assert (await gate.post(f"{IOT}/weather", READINGS, headers=headers)).status_code == 207
    await gate.post(f"{DEVICES}/scale-1/revoke")
    gate.house.clock.forward(FACTS_AGE_MS)
    refusal(await gate.post(f"{IOT}/weather", READINGS, headers=headers), 401, "token_invalid")


async def test_a_count_of_a_revoked_device_is_refused_at_once(gate: Gate) -> None:
    """Its transaction finds out, also while a node remembers the caller."""
    await gate.add_device()
    headers, session_id = with_iot(await gate.device_token()), await session(gate)
    assert (await gate.post(f"{PRODUCTION}/records", event(session_id, "e1"), headers=headers)).status_code == 201
    await gate.post(f"{DEVICES}/scale-1/revoke")
    answer = await gate.post(f"{PRODUCTION}/records", event(session_id, "e2"), headers=headers)
    refusal(answer, 401, "token_invalid")


async def test_a_token_ends_with_the_rights_of_its_user(gate: Gate) -> None:
    await gate.add_device()
    headers = with_iot(await signed(gate, user=demo.SUPERVISOR))
    users, mine = "/api/control/admin/users", f"/api/control/admin/users/{demo.SUPERVISOR}"
    assert (await gate.post(f"{IOT}/weather", READINGS, headers=headers)).status_code == 207
    await gate.call("PATCH", mine, {"role": "viewer"})
    gate.house.clock.forward(FACTS_AGE_MS)
    refusal(await gate.post(f"{IOT}/weather", READINGS, headers=headers), 403, "role_forbidden")
    await gate.post(f"{users}/{demo.SUPERVISOR}/disable")
    gate.house.clock.forward(FACTS_AGE_MS)
    refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers), 403, "no_company")


async def test_a_token_ends_with_the_key_that_signed_it(gate: Gate) -> None:
    await gate.add_device()
    headers, house = with_iot(await gate.device_token()), gate.house
    assert (await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers)).status_code == 200
    with engines.opened(gate.house.data) as store:
        store.write(own_keys.withdraw, gate.signing.kid, None, house.clock.now(), house.context.random)
    gate.house.clock.forward(FACTS_AGE_MS)
    refusal(await gate.get("/mqtt", params={"deviceId": "scale-1"}, headers=headers), 401, "token_invalid")
    by_key = with_key(await gate.key(Scope.write_iot))
    refusal(await gate.post(TOKENS, {"deviceId": "scale-1"}, headers=by_key), 503, "unavailable")


# Where to connect


async def test_the_address_is_told_as_published(gate: Gate) -> None:
    await gate.add_device("bitRTU-01")
    headers = with_iot(await gate.device_token("bitRTU-01"))
    answer = await gate.get("/mqtt", params={"deviceId": "bitRTU-01"}, headers=headers)
    assert answer.json() == {
        "url": "ws://farm.example/mqtt",
        "deviceId": "bitRTU-01",
        "topic": f"connect/{demo.COMPANY}/{demo.PROJECT}/bitRTU-01/#",
        "protocol": "MQTT v3.1.1 over WebSocket",
    }
    refusal(await gate.get("/mqtt", headers=headers), 400, "missing_field")
    refusal(await gate.get("/mqtt", params={"deviceId": "scale-9"}, headers=headers), 403, "device_mismatch")
    refusal(await gate.get("/mqtt", params={"deviceId": "scale-9"}), 404, "device_not_found")
