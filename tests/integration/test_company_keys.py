"""Company keys: whom they let in, for how long, and what an attacker may try (contract, "Keys for machines")."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from hydrobit.audit.service import Author
from hydrobit.company_keys import secret
from hydrobit.company_keys import service as keys
from hydrobit.company_keys.check import KeyCheck
from hydrobit.company_keys.reading import Wish
from hydrobit.demo import company as demo
from hydrobit.errors import Code, Refused
from hydrobit.identity import people
from hydrobit.identity.service import Identity
from hydrobit.identity.signing import SigningKey
from hydrobit.identity.verify import Verifier
from hydrobit.operation import WRITERS, Call, Context, Http, Operation, Repeat, Reply, Scope
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Transaction
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.http.endpoints import endpoints
from hydrobit.transport.http.shell import Answer, Routes, Shell
from hydrobit.transport.metrics import Metrics
from tests import engines
from tests.callers import Caller, read_store, refusal
from tests.embedded import House, MovedClock, running
from tests.fixed_keys import key_alone
from tests.servers import RunningServer
from tests.servers import running as serving

KEYS, AUDIT = "/api/control/admin/keys", "/api/control/admin/audit"
FACTS_AGE_MS = 5_000
HOUR_MS = 3_600_000


class Seen(Struct):
    """Who the row below was called by."""

    user: str
    company: str
    scopes: list[str]


async def look(context: Context, call: Call) -> Reply:
    caller = call.caller
    return Reply(200, Seen(caller.user_id, caller.company_id, sorted(caller.scopes)))


FOR_KEYS = Operation(
    name="look",
    tag="Administration",
    summary="Say who calls",
    description="A row that a key with read:production may call.",
    http=Http("GET", "/look", {200: "Seen."}),
    handler=look,
    answer=Seen,
    roles=WRITERS,
    repeat=Repeat.reads,
    errors=(),
    scope=Scope.read_production,
)
FOR_USERS = replace(FOR_KEYS, name="lookAsUser", http=Http("GET", "/look-as-user", {200: "Seen."}), scope=None)


class Gate:
    """The real shell, dispatcher and identity over an embedded house, with two rows of this test."""

    def __init__(self, house: House) -> None:
        self.house, self.check = house, _check(house)
        self.signing = SigningKey.load_or_create(house.data / directory.SIGNING_KEY)
        settings = house.context.settings
        identity = Identity(
            house.engine, Verifier(settings, key_alone(self.signing)), self.check, facts_age_s_max=5, length_max=100
        )
        rows = (FOR_KEYS, FOR_USERS)
        routes = Routes(endpoints(rows, Dispatcher(house.context, identity, Metrics()), settings))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(Shell(routes, _unreachable)), base_url="http://test", verify=False
        )

    async def add(self, *scopes: Scope, expires_in_ms: int | None = None, company: int = 1) -> str:
        """A new key."""
        made, now = secret.make(os.urandom), self.house.clock.now()
        wish = Wish(made.key_id, frozenset(scopes), None if expires_in_ms is None else now + expires_in_ms)
        await self.house.engine.write(keys.add_key, Author(company, demo.ADMIN, now, os.urandom), made, wish)
        return made.text

    async def revoke(self, key: str) -> None:
        key_id, now = key.partition(".")[0], self.house.clock.now()
        await self.house.engine.write(keys.revoke_key, Author(1, demo.ADMIN, now, os.urandom), key_id)

    async def call(self, path: str = "/look", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})

    async def call_with(self, key: str) -> httpx.Response:
        """The answer to a key, which must be the same in either header."""
        one, other = await self.call(authorization=f"Bearer {key}"), await self.call(x_api_key=key)
        assert (one.status_code, _told(one)) == (other.status_code, _told(other))
        return one

    def token(self, user: str = demo.ADMIN) -> str:
        settings = Settings()
        return self.signing.sign(user, self.house.clock.now(), 3_600, settings.issuer, settings.audience)


def _check(house: House, length_max: int = 100) -> KeyCheck:
    return KeyCheck(house.engine, facts_age_s_max=5, length_max=length_max)


def _told(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}


def _unreachable(refused: Refused, path: str) -> Answer:
    raise AssertionError(f"{path}: {refused.detail}")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Gate]:
    async with running(path / "data", MovedClock()) as house:
        gate = Gate(house)
        async with gate.client:
            yield gate


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with opened(tmp_path) as opened_gate:
        yield opened_gate


pytestmark = pytest.mark.anyio


# Who gets in


async def test_a_key_calls_in_either_header_as_itself(gate: Gate) -> None:
    key = await gate.add(Scope.read_production, Scope.read_iot)
    answer = await gate.call_with(key)
    assert answer.json() == {
        "user": f"key:{key.partition('.')[0]}",
        "company": demo.COMPANY,
        "scopes": ["read:iot", "read:production"],
    }


async def test_a_key_without_the_scope_and_a_row_without_one_are_refused(gate: Gate) -> None:
    other, right = await gate.add(Scope.read_phytosanitary, Scope.write_iot), await gate.add(Scope.read_production)
    refusal(await gate.call_with(other), 403, "role_forbidden")
    refusal(await gate.call("/look-as-user", x_api_key=right), 403, "role_forbidden")
    refusal(await gate.call("/look-as-user", authorization=f"Bearer {right}"), 403, "role_forbidden")


async def test_a_user_still_calls_a_row_with_a_scope(gate: Gate) -> None:
    answer = await gate.call(authorization=f"Bearer {gate.token()}")
    assert (answer.status_code, answer.json()["user"]) == (200, demo.ADMIN)


async def test_two_credentials_are_refused_even_where_both_count(gate: Gate) -> None:
    key = await gate.add(Scope.read_production)
    for bearer in (key, gate.token()):
        refusal(await gate.call(authorization=f"Bearer {bearer}", x_api_key=key), 401, "token_invalid")
    twice = await gate.client.get("/look", headers=[("x-api-key", key), ("x-api-key", key)])
    refusal(twice, 401, "token_invalid")


# Attacks


async def test_a_users_token_is_no_api_key(gate: Gate) -> None:
    refusal(await gate.call(x_api_key=gate.token()), 401, "token_invalid")
    refusal(await gate.call("/look-as-user", x_api_key=gate.token()), 401, "token_invalid")


async def test_a_wrong_token_a_revoked_key_and_an_unknown_one_are_told_alike(gate: Gate) -> None:
    key, revoked = await gate.add(Scope.read_production), await gate.add(Scope.read_production)
    await gate.revoke(revoked)
    key_id, _, token = key.partition(".")
    presented = [
        f"{key_id}.{'A' * 43}",
        f"{key_id}.{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        f"key_{'0' * 16}.{token}",
        revoked,
        f"{key_id}.",
        f"{key_id}.{token}=",
        f".{token}",
        f"{key_id}.{token}'or'1",
        "." + "x" * 8_000,
    ]
    told = [await gate.call_with(text) for text in presented]
    assert {(answer.status_code, json.dumps(_told(answer))) for answer in told} == {(401, json.dumps(_told(told[0])))}
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in told)
    assert (await gate.call_with(key)).status_code == 200


async def test_a_wrong_token_is_refused_also_while_the_right_one_is_remembered(gate: Gate) -> None:
    key = await gate.add(Scope.read_production)
    assert (await gate.call_with(key)).status_code == 200
    refusal(await gate.call_with(f"{key[:-43]}{'A' * 43}"), 401, "token_invalid")


async def test_a_key_ends_at_its_time_to_the_millisecond(gate: Gate) -> None:
    key = await gate.add(Scope.read_production, expires_in_ms=1_000)
    gate.house.clock.forward(999)
    assert (await gate.call_with(key)).status_code == 200
    gate.house.clock.forward(1)
    refusal(await gate.call_with(key), 401, "token_expired")
    refusal(await gate.call_with(f"{key[:-43]}{'A' * 43}"), 401, "token_invalid")  # who guesses learns nothing


async def test_a_revoked_key_is_refused_within_five_seconds_and_for_ever(gate: Gate) -> None:
    key = await gate.add(Scope.read_production)
    assert (await gate.call_with(key)).status_code == 200
    await gate.revoke(key)
    gate.house.clock.forward(FACTS_AGE_MS)
    refusal(await gate.call_with(key), 401, "token_invalid")
    gate.house.clock.forward(HOUR_MS)
    refusal(await gate.call_with(key), 401, "token_invalid")


async def test_a_key_of_a_disabled_company_opens_nothing_until_it_is_enabled(gate: Gate) -> None:
    key, neighbours = await gate.add(Scope.read_production), await gate.add(Scope.read_production, company=2)
    for active, wanted in ((False, 403), (True, 200)):
        operator = Author(1, "operator", gate.house.clock.now(), os.urandom)
        await gate.house.engine.write(people.switch_company, operator, active)
        gate.house.clock.forward(FACTS_AGE_MS)
        answer = await gate.call_with(key)
        assert (answer.status_code, answer.json().get("code")) == (wanted, None if active else "no_company")
        assert (await gate.call_with(neighbours)).json()["company"] == demo.OTHER_COMPANY


class CountedReads:
    """The engine of a house, and how many reads were under way at once and in all."""

    def __init__(self, house: House) -> None:
        self._engine, self.now, self.most, self.all = house.engine, 0, 0, 0

    async def look_up(self, unit: Any, *args: Any) -> Any:
        self.all += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._engine.look_up(unit, *args)
        finally:
            self.now -= 1


async def test_strangers_fill_no_memory_and_are_looked_up_one_at_a_time(gate: Gate) -> None:
    reads, now = CountedReads(gate.house), gate.house.clock.now()
    check = KeyCheck(reads, facts_age_s_max=5, length_max=10)  # type: ignore[arg-type]
    strangers = [secret.make(os.urandom).text for _ in range(50)]
    found = await asyncio.gather(*(check.caller(text, now) for text in strangers), return_exceptions=True)
    assert all(isinstance(one, Refused) and one.code is Code.token_invalid for one in found)
    assert (reads.most, reads.all) == (1, 50)
    assert len(check._unknown) == 10
    for text in (strangers[-1], "key_1.short", f"{strangers[-1]}x"):  # neither is looked up at all
        with pytest.raises(Refused):
            await check.caller(text, now)
    assert reads.all == 50


async def test_a_good_key_is_looked_up_once_in_five_seconds(gate: Gate) -> None:
    reads, key, now = CountedReads(gate.house), await gate.add(Scope.read_iot), gate.house.clock.now()
    check = KeyCheck(reads, facts_age_s_max=5, length_max=10)  # type: ignore[arg-type]
    await asyncio.gather(*(check.caller(key, now) for _ in range(20)))
    assert reads.all == 1
    assert check.known(key, now + FACTS_AGE_MS - 1) is not None
    assert check.known(key, now + FACTS_AGE_MS) is None


async def test_who_calls_is_looked_up_while_every_reader_is_busy(gate: Gate) -> None:
    key, ended = await gate.add(Scope.read_production), threading.Event()
    busy = [asyncio.ensure_future(gate.house.engine.read(lambda tx: ended.wait(10))) for _ in range(4)]
    assert (await gate.call_with(key)).status_code == 200
    ended.set()
    assert await asyncio.gather(*busy) == [True] * 4


# The last use


async def test_the_last_use_is_written_by_the_job_and_never_goes_back(gate: Gate) -> None:
    key, clock = await gate.add(Scope.read_production), gate.house.clock

    def last_used() -> Any:
        (row,) = read_store(gate.house.data, "select last_used_at from company_key")
        return row[0]

    await gate.call_with(key)
    clock.forward(1_000)
    await gate.call_with(key)
    assert last_used() is None
    assert await gate.check.write_uses() == 1
    assert last_used() == clock.now()
    assert await gate.check.write_uses() == 0
    other_node = _check(gate.house)
    await other_node.caller(key, clock.now() - 500)
    await other_node.write_uses()
    assert last_used() == clock.now()


# What is kept and what is told


def test_a_key_is_shown_once_and_stands_in_no_file_and_no_log(tmp_path: Path) -> None:
    environment = {"HYDROBIT_LOG_LEVEL": "debug", "HYDROBIT_LOG_REQUESTS": "true"}
    with serving(tmp_path / "data", environment=environment) as server, Caller(server) as admin:
        added = admin.post(KEYS, json={"name": "Packing house", "scopes": ["read:production"]}).json()["data"]
        key, wrong = added["key"], f"{added['keyId']}.{'B' * 43}"
        for header in ({"x-api-key": key}, {"authorization": f"Bearer {wrong}"}, {"authorization": f"Bearer {key}"}):
            httpx.get(f"{server.address}{KEYS}", headers=header, trust_env=False)
        httpx.get(f"{server.address}{KEYS}", params={"key": key}, headers={"x-api-key": key}, trust_env=False)
        told = admin.get(KEYS).text + admin.get(AUDIT).text
        server.stop()
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 3
    for text in (key.partition(".")[2], "B" * 43):
        assert text not in told
        assert not any(text.encode() in content for content in files)
    assert added["keyId"] in told


def test_a_key_is_added_listed_and_revoked_and_the_log_says_so(server: RunningServer, admin: Caller) -> None:
    body = {"name": "Harvest export", "scopes": ["read:production", "read:iot"], "expiresAt": "2100-01-01T00:00:00Z"}
    answer = admin.post(KEYS, json=body)
    assert answer.status_code == 201
    added = answer.json()["data"]
    assert (added["status"], added["createdBy"], added["scopes"]) == (
        "active",
        demo.ADMIN,
        ["read:iot", "read:production"],
    )
    refusal(admin.post(KEYS, json=body), 409, "name_taken")
    (listed,) = (key for key in admin.get(KEYS).json()["data"]["items"] if key["keyId"] == added["keyId"])
    assert listed == {name: value for name, value in added.items() if name != "key"}
    revoked = [admin.post(f"{KEYS}/{added['keyId']}/revoke").json()["data"] for _ in range(2)]
    assert revoked[0] == revoked[1]
    assert revoked[0]["status"] == "revoked"
    assert admin.post(KEYS, json=body).status_code == 201  # the name is free again
    actions = [entry["action"] for entry in admin.get(AUDIT).json()["data"]["items"]]
    assert actions[:3] == ["key.add", "key.revoke", "key.add"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scopes": []}, "invalid_value"),
        ({"scopes": ["read:everything"]}, "invalid_value"),
        ({"scopes": None}, "missing_field"),
        ({"name": " "}, "missing_field"),
        ({"name": "x" * 201}, "invalid_value"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "invalid_value"),
        ({"expiresAt": "tomorrow"}, "invalid_value"),
    ],
)
def test_a_key_that_cannot_be_is_refused(admin: Caller, change: dict[str, Any], code: str) -> None:
    body = {"name": "Refused", "scopes": ["read:iot"]} | change
    refusal(admin.post(KEYS, json=body), 400, code)
    assert "Refused" not in admin.get(KEYS).text


def test_the_last_use_reaches_the_list(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, Caller(server) as admin:
        key = admin.post(KEYS, json={"name": "Scale", "scopes": ["write:iot"]}).json()["data"]["key"]
        httpx.get(f"{server.address}{KEYS}", headers={"x-api-key": key}, trust_env=False)
        server.stop()  # what was not written yet is written then
    ((at,),) = read_store(tmp_path / "data", "select last_used_at from company_key")
    assert at is not None


def test_what_is_stored_of_a_key_is_its_salt_and_digest(tmp_path: Path) -> None:
    made = secret.make(os.urandom)

    def add(tx: Transaction) -> None:
        operator = Author(1, "operator", 0, os.urandom)
        keys.add_key(tx, operator, made, Wish("Scale", frozenset({Scope.write_iot}), None))

    with serving(tmp_path / "data"), engines.opened(tmp_path / "data") as store:
        store.write(add)
    rows = read_store(tmp_path / "data", "select key_id, salt, digest from company_key")
    assert rows == [(made.key_id, made.salt, made.digest)]
