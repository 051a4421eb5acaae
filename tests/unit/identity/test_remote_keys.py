"""An OIDC issuer's keys: fetched when needed, never too often, kept through an outage."""

import asyncio
import base64
import gzip
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm

from hydrobit.errors import Code, Refused
from hydrobit.identity.jwks import KEY_SET_BYTES_MAX, RemoteKeys
from hydrobit.identity.keys import KEY_SET_LENGTH_MAX, VerifyingKey, read_key_set
from hydrobit.settings import Settings
from tests.unit.identity.issuers import NOW, RSA_KEY, SECOND, KeyServer, jwk_of, new_key

FLOOR = Settings().jwks_refetch_s_min * SECOND
AGE = Settings().jwks_age_s_max * SECOND
OLD, NEW = new_key(), new_key()


@pytest.fixture
async def keys(settings: Settings, client: httpx.AsyncClient) -> AsyncIterator[RemoteKeys]:
    keys = RemoteKeys(settings, client)
    yield keys
    await keys.stop()


async def found(keys: RemoteKeys, kid: str, now: int) -> VerifyingKey | None:
    trusted = await keys.find(kid, now)
    return None if trusted is None else trusted.key


async def settled(keys: RemoteKeys, now: int) -> None:
    """Wait for a fetch that goes on behind the caller's back: an unknown key joins it."""
    assert await keys.find("nobody's", now) is None


async def test_nothing_is_fetched_before_a_key_is_asked_for(keys: RemoteKeys, key_server: KeyServer) -> None:
    assert key_server.requests == 0


async def test_a_known_key_is_fetched_once(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    for moment in (NOW, NOW + FLOOR, NOW + AGE - 1):
        assert await found(keys, "old", moment) == VerifyingKey(OLD.public_key(), frozenset({"ES256"}))
    assert key_server.requests == 1


async def test_callers_at_the_same_time_share_one_fetch(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    key_server.hold()
    callers = [asyncio.create_task(found(keys, "old", NOW)) for _ in range(50)]
    await anyio.to_thread.run_sync(key_server.asked.wait)
    key_server.open.set()
    assert all(key is not None for key in await asyncio.gather(*callers))
    assert key_server.requests == 1


async def test_a_caller_that_goes_away_does_not_end_the_fetch_of_the_others(
    keys: RemoteKeys, key_server: KeyServer
) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    key_server.hold()
    leaving, staying = (asyncio.create_task(found(keys, "old", NOW)) for _ in range(2))
    await anyio.to_thread.run_sync(key_server.asked.wait)
    leaving.cancel()
    key_server.open.set()
    assert await staying is not None
    assert leaving.cancelled()
    assert key_server.requests == 1


async def test_a_rotated_key_is_seen_at_once_when_the_last_fetch_is_long_enough_ago(
    keys: RemoteKeys, key_server: KeyServer
) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    await keys.find("old", NOW)
    key_server.publish(jwk_of(OLD, kid="old"), jwk_of(NEW, kid="new"))
    assert await found(keys, "new", NOW + FLOOR) is not None
    assert await found(keys, "old", NOW + FLOOR) is not None
    assert key_server.requests == 2


async def test_unknown_keys_cause_no_more_than_one_fetch_in_the_pause(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    await keys.find("old", NOW)
    for number in range(100):
        assert await keys.find(f"made up {number}", NOW + number * FLOOR // 100) is None
    assert key_server.requests == 1
    assert await keys.find("made up", NOW + FLOOR) is None
    assert await keys.find("made up", NOW + FLOOR) is None
    assert key_server.requests == 2


async def test_the_pause_holds_for_failed_fetches_too(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.status = 500
    for moment in (NOW, NOW + 1, NOW + FLOOR - 1):
        with pytest.raises(Refused):
            await keys.find("old", moment)
    assert key_server.requests == 1


async def test_a_clock_that_is_set_back_does_not_stop_fetches(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    await keys.find("old", NOW)
    key_server.publish(jwk_of(NEW, kid="new"))
    assert await found(keys, "new", NOW - 24 * 3_600 * SECOND) is not None


async def test_a_set_past_its_age_serves_on_while_it_is_fetched_behind_the_caller(
    keys: RemoteKeys, key_server: KeyServer
) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    await keys.find("old", NOW)
    key_server.publish(jwk_of(NEW, kid="new"))
    key_server.hold()
    assert await found(keys, "old", NOW + AGE) is not None
    await anyio.to_thread.run_sync(key_server.asked.wait)
    assert await found(keys, "old", NOW + AGE) is not None
    key_server.open.set()
    await settled(keys, NOW + AGE)
    assert await found(keys, "old", NOW + AGE) is None
    assert await found(keys, "new", NOW + AGE) is not None
    assert key_server.requests == 2


async def test_a_key_is_vouched_for_until_the_next_look(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    first = await keys.find("old", NOW)
    assert first is not None
    assert first.until == NOW + AGE
    key_server.status = 503
    during_the_outage = await keys.find("old", NOW + AGE)
    assert during_the_outage is not None
    assert during_the_outage.until == NOW + AGE + FLOOR


async def test_only_a_key_that_went_or_changed_counts_as_a_withdrawal(keys: RemoteKeys, key_server: KeyServer) -> None:
    for number, (published, withdrawals) in enumerate(
        [
            ([jwk_of(OLD, kid="old")], 0),
            ([jwk_of(OLD, kid="old"), jwk_of(NEW, kid="new")], 0),
            ([jwk_of(NEW, kid="old"), jwk_of(NEW, kid="new")], 1),
            ([jwk_of(NEW, kid="new")], 2),
        ]
    ):
        key_server.publish(*published)
        await settled(keys, NOW + number * FLOOR)
        assert keys.withdrawals == withdrawals


def _too_long(server: KeyServer) -> None:
    server.body += b" " * KEY_SET_BYTES_MAX


def _compressed(server: KeyServer) -> None:
    server.headers["Content-Encoding"] = "gzip"
    server.body = gzip.compress(server.body)


def _redirected(server: KeyServer) -> None:
    server.status = 302
    server.headers["Location"] = server.url


def _failing(server: KeyServer) -> None:
    server.status = 503


def _not_json(server: KeyServer) -> None:
    server.body = b"<html>"


def _too_deep(server: KeyServer) -> None:
    server.body = b'{"keys":' + b"[" * 100_000


def _empty(server: KeyServer) -> None:
    server.publish()


FAULTS = [_too_long, _compressed, _redirected, _failing, _not_json, _too_deep, _empty]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
async def test_before_the_first_good_fetch_the_caller_is_told_to_come_again(
    keys: RemoteKeys, key_server: KeyServer, fault: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    fault(key_server)
    with caplog.at_level(logging.WARNING), pytest.raises(Refused) as refused:
        await keys.find("old", NOW)
    assert refused.value.code is Code.unavailable
    assert "could not be fetched" in caplog.text
    assert key_server.requests == 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
async def test_after_a_good_fetch_the_keys_at_hand_serve_through_a_fault(
    keys: RemoteKeys, key_server: KeyServer, fault: Any
) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    await keys.find("old", NOW)
    fault(key_server)
    assert await found(keys, "old", NOW + 3 * AGE) is not None
    await settled(keys, NOW + 3 * AGE)
    assert key_server.requests == 2
    assert await found(keys, "old", NOW + 3 * AGE) is not None
    assert keys.withdrawals == 0


async def test_a_server_that_is_gone_is_an_outage_like_any_other(settings: Settings, client: httpx.AsyncClient) -> None:
    with KeyServer() as gone:
        keys = RemoteKeys(replace(settings, oidc_jwks_url=gone.url), client)
        gone.publish(jwk_of(OLD, kid="old"))
        await keys.find("old", NOW)
    await settled(keys, NOW + AGE)
    assert await found(keys, "old", NOW + AGE) is not None
    fresh = RemoteKeys(replace(settings, oidc_jwks_url=gone.url), client)
    with pytest.raises(Refused) as refused:
        await fresh.find("old", NOW)
    assert refused.value.code is Code.unavailable


async def test_a_server_that_does_not_answer_is_given_up(
    settings: Settings, client: httpx.AsyncClient, key_server: KeyServer
) -> None:
    key_server.hold()
    keys = RemoteKeys(replace(settings, jwks_fetch_s_max=1), client)
    with anyio.fail_after(30), pytest.raises(Refused) as refused:
        await keys.find("old", NOW)
    assert refused.value.code is Code.unavailable


async def test_stopping_ends_a_fetch_and_may_run_twice(keys: RemoteKeys, key_server: KeyServer) -> None:
    key_server.hold()
    caller = asyncio.create_task(found(keys, "old", NOW))
    await anyio.to_thread.run_sync(key_server.asked.wait)
    await keys.stop()
    await keys.stop()
    with pytest.raises(asyncio.CancelledError):
        await caller


ALL = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
GOOD = jwk_of(OLD, kid="good")
SECRET = base64.urlsafe_b64encode(b"0" * 32).decode()


def key_set(*jwks: object) -> bytes:
    return json.dumps({"keys": jwks}).encode()


@pytest.mark.parametrize(
    "unusable",
    [
        {"kty": "oct", "kid": "bad", "k": SECRET},
        {"kty": "oct", "kid": "bad", "k": SECRET, "alg": "HS256"},
        {"kty": "oct", "kid": "bad", "k": SECRET, "alg": "RS256"},
        jwk_of(RSA_KEY, kid="bad", alg="HS256"),
        jwk_of(RSA_KEY, kid="bad", alg="none"),
        jwk_of(RSA_KEY, kid="bad", use="enc"),
        jwk_of(RSA_KEY, kid="bad", key_ops=["encrypt"]),
        jwk_of(RSA_KEY, kid="bad", alg="RSA-OAEP-256"),
        jwk_of(OLD, kid="bad", alg="RS256"),
        jwk_of(OLD, kid="bad", alg="ES384"),
        ECAlgorithm.to_jwk(OLD, as_dict=True) | {"kid": "bad"},
        jwk_of(OLD, kid="bad", crv="P-999"),
        jwk_of(OLD, kid="bad", crv="P-384"),
        jwk_of(OLD, kid="bad", x="AAAA"),
        jwk_of(OLD, kid="bad", y=SECRET),
        jwk_of(ec.generate_private_key(ec.SECP256K1()), kid="bad"),
        jwk_of(RSA_KEY, kid="bad", n="AQAB"),
        jwk_of(RSA_KEY, kid="bad", n=""),
        jwk_of(RSA_KEY, kid="bad", e="AQ"),
        jwk_of(rsa.generate_private_key(public_exponent=65_537, key_size=1_024), kid="bad"),
        {"kty": "quantum", "kid": "bad"},
        {"kty": ["EC"], "kid": "bad"},
        {**GOOD, "kid": 7},
        {**GOOD, "kid": None},
        {name: value for name, value in GOOD.items() if name != "kid"},
        {"kid": "bad"},
        None,
        7,
        "EC",
        [],
    ],
    ids=lambda key: "key",  # each run makes its own: its numbers are no name
)
def test_an_unusable_key_is_passed_over(unusable: object) -> None:
    assert read_key_set(key_set(unusable, GOOD), ALL).keys() == {"good"}
    with pytest.raises(ValueError, match="no key that tokens could be checked with"):
        read_key_set(key_set(unusable), ALL)


@pytest.mark.parametrize(
    ("key", "members", "algorithms"),
    [
        (RSA_KEY, {}, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (RSA_KEY, {"alg": "PS256"}, {"PS256"}),
        (OLD, {}, {"ES256"}),
        (OLD, {"alg": "ES256"}, {"ES256"}),
        (ec.generate_private_key(ec.SECP384R1()), {}, {"ES384"}),
        (ec.generate_private_key(ec.SECP521R1()), {}, {"ES512"}),
        (ed25519.Ed25519PrivateKey.generate(), {}, {"EdDSA"}),
    ],
)
def test_a_key_serves_the_algorithms_that_fit_it(key: Any, members: dict[str, str], algorithms: set[str]) -> None:
    [read] = read_key_set(key_set(jwk_of(key, kid="k", **members)), ALL).values()
    assert read.algorithms == algorithms


def test_a_key_serves_no_algorithm_that_is_not_pinned() -> None:
    [read] = read_key_set(key_set(jwk_of(RSA_KEY, kid="k")), frozenset({"RS256"})).values()
    assert read.algorithms == {"RS256"}


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    [read] = read_key_set(key_set(jwk_of(OLD, kid="k"), jwk_of(NEW, kid="k")), ALL).values()
    assert read.public == OLD.public_key()


def test_a_key_set_is_read_up_to_a_limit() -> None:
    jwks = [jwk_of(OLD, kid=f"k{number}") for number in range(KEY_SET_LENGTH_MAX + 1)]
    assert len(read_key_set(key_set(*jwks), ALL)) == KEY_SET_LENGTH_MAX


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"\xff", b"[" * 50_000])
def test_what_is_no_key_set_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON Web Key Set"):
        read_key_set(text, ALL)
