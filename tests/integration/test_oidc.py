"""Tokens of an OIDC issuer beside the server's own, over HTTP (issue: identity; contract, "Caller")."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from tests.callers import SESSIONS, Caller, refusal
from tests.servers import RunningServer, running
from tests.unit.identity.issuers import AUDIENCE, ISSUER, KeyServer, jwk_of, new_key, token_of

KEY = new_key()


@pytest.fixture(scope="module")
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as serving:
        serving.publish(jwk_of(KEY, kid="first"))
        yield serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, key_server: KeyServer) -> Iterator[RunningServer]:
    settings = {
        "HYDROBIT_OIDC_ISSUER": ISSUER,
        "HYDROBIT_OIDC_AUDIENCE": AUDIENCE,
        "HYDROBIT_OIDC_JWKS_URL": key_server.url,
        "HYDROBIT_LOCAL_TOKENS": "off",
    }
    with running(tmp_path_factory.mktemp("oidc") / "data", environment=settings) as started:
        yield started


def token(key: ec.EllipticCurvePrivateKey = KEY, kid: str = "first", /, **changes: Any) -> str:
    now = SystemClock().now() // 1000
    claims: dict[str, Any] = {"sub": demo.ADMIN, "iat": now, "exp": now + 600}
    return token_of(key, kid, **claims | changes)


def answer_to(server: RunningServer, sent: str) -> httpx.Response:
    with Caller(server, token=sent) as caller:
        return caller.get(SESSIONS)


def test_the_issuers_subject_is_the_user(server: RunningServer) -> None:
    with Caller(server, token=token()) as admin:
        admin.counted(admin.opened(), "evt_1")
    refusal(answer_to(server, token(sub="auth0|someone-else")), 403, "no_company")


def test_a_token_of_another_key_is_not_believed(server: RunningServer) -> None:
    refusal(answer_to(server, token(new_key())), 401, "token_invalid")
    refusal(answer_to(server, token(new_key(), "second")), 401, "token_invalid")


@pytest.mark.parametrize(
    "changes", [{"iss": "https://evil.example.com/"}, {"aud": "someone"}, {"exp": None}, {"sub": ""}]
)
def test_a_token_that_claims_something_else_is_not_believed(
    server: RunningServer, changes: dict[str, str | None]
) -> None:
    refusal(answer_to(server, token(**changes)), 401, "token_invalid")


def test_an_expired_token_is_told_so(server: RunningServer) -> None:
    refusal(answer_to(server, token(exp=SystemClock().now() // 1000 - 3600)), 401, "token_expired")


def test_own_tokens_are_not_believed_when_they_are_switched_off(server: RunningServer) -> None:
    refusal(answer_to(server, server.token()), 401, "token_invalid")
    with Caller(server) as caller:
        assert caller.get("/.well-known/jwks.json").json() == {"keys": []}


def test_an_issuer_that_cannot_be_reached_is_no_fault_of_the_token(
    tmp_path_factory: pytest.TempPathFactory, key_server: KeyServer
) -> None:
    settings = {
        "HYDROBIT_OIDC_ISSUER": ISSUER,
        "HYDROBIT_OIDC_AUDIENCE": AUDIENCE,
        "HYDROBIT_OIDC_JWKS_URL": "http://127.0.0.1:9/jwks.json",
    }
    with running(tmp_path_factory.mktemp("away") / "data", environment=settings) as server:
        refused = answer_to(server, token())
        refusal(refused, 503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert answer_to(server, server.token()).status_code == 200, "own tokens need nobody else"
