"""The embedded house behind its real shell, dispatcher and identity, called in this process at a time that is set."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from hydrobit import app, catalog
from hydrobit.audit.service import Author
from hydrobit.company_keys import secret
from hydrobit.company_keys import service as keys
from hydrobit.company_keys.check import KeyCheck
from hydrobit.company_keys.reading import Wish
from hydrobit.demo import company as demo
from hydrobit.errors import Refused
from hydrobit.identity.own_keys import StoreKeys
from hydrobit.identity.service import Identity
from hydrobit.identity.signing import SigningKey
from hydrobit.identity.verify import Verifier
from hydrobit.operation import Scope
from hydrobit.storage import directory
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.http.endpoints import endpoints
from hydrobit.transport.http.shell import Answer, Routes, Shell
from hydrobit.transport.metrics import Metrics
from tests.embedded import House, MovedClock, running

Json = dict[str, Any]
IOT = "/api/control/iot"


class Gate:
    """Every row of the table under HTTP."""

    def __init__(self, house: House) -> None:
        self.house, settings = house, house.context.settings
        app.agree(settings, house.clock)
        self.signing = SigningKey.load_or_create(directory.signing_key(settings))
        check = KeyCheck(house.engine, facts_age_s_max=settings.facts_age_s_max, length_max=100)
        self.identity = Identity(
            house.engine,
            Verifier(settings, StoreKeys(house.engine)),
            check,
            facts_age_s_max=settings.facts_age_s_max,
            length_max=100,
        )
        self.dispatcher = Dispatcher(house.context, self.identity, Metrics())
        routes = Routes(endpoints(catalog.OPERATIONS, self.dispatcher, settings))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(Shell(routes, _unreachable)), base_url="http://farm.example", verify=False
        )

    def token(self, user: str = demo.ADMIN, **changes: Any) -> str:
        """A user's token."""
        settings = self.house.context.settings
        said = {"lifetime_s": 3_600, "issuer": settings.issuer, "audience": settings.audience} | changes
        return self.signing.sign(user, self.house.clock.now(), **said)

    async def key(self, *scopes: Scope) -> str:
        """A new company key of the demo company."""
        made, now = secret.make(os.urandom), self.house.clock.now()
        wish = Wish(made.key_id, frozenset(scopes), None)
        await self.house.engine.write(keys.add_key, Author(1, demo.ADMIN, now, os.urandom), made, wish)
        return made.text

    async def call(
        self, method: str, path: str, body: Json | None = None, *, user: str = demo.ADMIN, **options: Any
    ) -> httpx.Response:
        """Calls as a user, or with the `headers` that are given."""
        headers = options.pop("headers", None) or {"authorization": f"Bearer {self.token(user)}"}
        return await self.client.request(method, path, json=body, headers=headers, **options)

    async def post(self, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        return await self.call("POST", path, body, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("GET", path, **options)

    async def add_device(self, device_id: str = "scale-1", **changes: Any) -> Json:
        """Adds a device that must be new."""
        body = {"deviceId": device_id, "projectId": demo.PROJECT, "name": f"Name of {device_id}"}
        answer = await self.post(f"{IOT}/devices", body, **changes)
        assert answer.status_code == 201, answer.text
        data: Json = answer.json()["data"]
        return data

    async def device_token(self, device_id: str = "scale-1", *, headers: Any = None, **body: Any) -> str:
        """A token of a device, which acts for the demo's admin, or as the credential in `headers` has it."""
        answer = await self.post(f"{IOT}/tokens", {"deviceId": device_id} | body, headers=headers)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["data"]["token"]
        return token


def _unreachable(refused: Refused, path: str) -> Answer:
    raise AssertionError(f"{path}: {refused.detail}")


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[Gate]:
    """A gate over a new store with the demo company."""
    async with running(path / "data", MovedClock(), **settings) as house:
        gate = Gate(house)
        async with gate.client:
            yield gate
