"""The loopback issuer, and a client that no proxy of the machine gets in the way of."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from hydrobit.settings import Settings
from tests.unit.identity.issuers import AUDIENCE, ISSUER, KeyServer


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as server:
        yield server


@pytest.fixture
def settings(key_server: KeyServer) -> Settings:
    return Settings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks_url=key_server.url)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    # Loopback speaks plain HTTP; reading the machine's certificates for every test would cost most of its time.
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        yield client
