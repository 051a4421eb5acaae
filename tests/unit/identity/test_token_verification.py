"""Good tokens are believed, for as long as they say and their key counts; others are not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from hydrobit.errors import Code, Refused, SettingError
from hydrobit.identity.jwks import RemoteKeys
from hydrobit.identity.keys import VerifyingKey
from hydrobit.identity.signing import SigningKey
from hydrobit.identity.verify import DeviceClaim, Proof, Verifier
from hydrobit.operation import Device
from hydrobit.settings import Settings
from tests.fixed_keys import FixedKeys, key_alone
from tests.unit.identity.issuers import (
    AUDIENCE,
    ISSUER,
    NOW,
    RSA_KEY,
    SECOND,
    USER,
    KeyServer,
    jwk_of,
    new_key,
    token_of,
)

LEEWAY = Settings().clock_leeway_s * SECOND
AGE = Settings().jwks_age_s_max * SECOND
FLOOR = Settings().jwks_refetch_s_min * SECOND
OLD, NEW, EDWARDS = new_key(), new_key(), ed25519.Ed25519PrivateKey.generate()
YEAR_S = 365 * 24 * 3_600


@pytest.fixture
def own(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "keys" / "signing.pem")


@pytest.fixture
async def remote(settings: Settings, client: httpx.AsyncClient, key_server: KeyServer) -> AsyncIterator[RemoteKeys]:
    key_server.publish(jwk_of(OLD, kid="old"), jwk_of(RSA_KEY, kid="rsa"), jwk_of(EDWARDS, kid="edwards"))
    remote = RemoteKeys(settings, client)
    yield remote
    await remote.stop()


@pytest.fixture
def verifier(settings: Settings, own: SigningKey, remote: RemoteKeys) -> Verifier:
    return Verifier(settings, key_alone(own), remote)


def own_token(own: SigningKey, now: int = NOW, lifetime_s: int = 3_600) -> str:
    return own.sign(USER, now, lifetime_s, "hydrobit", "hydrobit")


async def code_of(verifier: Verifier, token: str, now: int = NOW) -> Code:
    with pytest.raises(Refused) as refused:
        await verifier.verify(token, now)
    return refused.value.code


async def fetched(verifier: Verifier, now: int) -> None:
    """Wait for a fetch that goes on behind the caller's back: a token with an unknown key joins it."""
    assert await code_of(verifier, token_of(OLD, "nobody's"), now) is Code.token_invalid


async def test_a_token_of_our_own_proves_its_user(verifier: Verifier, own: SigningKey) -> None:
    proof = await verifier.verify(own_token(own), NOW)
    assert proof == Proof(USER, NOW + 3_600 * SECOND + LEEWAY)


async def test_an_own_token_needs_no_fetch(verifier: Verifier, own: SigningKey, key_server: KeyServer) -> None:
    await verifier.verify(own_token(own), NOW)
    assert key_server.requests == 0


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"), [(OLD, "old", "ES256"), (RSA_KEY, "rsa", "RS256"), (EDWARDS, "edwards", "EdDSA")]
)
async def test_a_token_of_the_oidc_issuer_proves_its_user(
    verifier: Verifier, key: Any, kid: str, algorithm: str
) -> None:
    assert (await verifier.verify(token_of(key, kid, algorithm), NOW)).subject == USER


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+JWT", None])
async def test_an_oidc_issuer_may_name_the_type_of_an_access_token(verifier: Verifier, typ: str | None) -> None:
    token = token_of(OLD, "old", headers={"typ": typ or ""})
    assert (await verifier.verify(token, NOW)).subject == USER


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example.com", AUDIENCE]])
async def test_the_audience_may_be_a_text_or_a_list(verifier: Verifier, audience: Any) -> None:
    assert (await verifier.verify(token_of(OLD, "old", aud=audience), NOW)).subject == USER


async def test_the_claim_that_names_the_user_is_a_setting_for_the_oidc_issuer_alone(
    settings: Settings, own: SigningKey, remote: RemoteKeys
) -> None:
    verifier = Verifier(replace(settings, subject_claim="https://example.com/user"), key_alone(own), remote)
    others: dict[str, Any] = {"sub": "internal", "https://example.com/user": USER}
    token = token_of(OLD, "old", **others)
    assert (await verifier.verify(token, NOW)).subject == USER
    assert (await verifier.verify(own_token(own), NOW)).subject == USER
    assert await code_of(verifier, token_of(OLD, "old")) is Code.token_invalid


@pytest.mark.parametrize("exp", [NOW // SECOND + 10, NOW / SECOND + 10.0])
async def test_a_token_counts_until_its_end_plus_the_leeway(verifier: Verifier, exp: float) -> None:
    token = token_of(OLD, "old", exp=exp)
    end = NOW + 10 * SECOND + LEEWAY
    assert (await verifier.verify(token, end - 1)).expires_at == end
    assert await code_of(verifier, token, end) is Code.token_expired


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_a_token_counts_from_its_begin_minus_the_leeway(verifier: Verifier, claim: str) -> None:
    begins: dict[str, Any] = {claim: NOW // SECOND + 100}
    token = token_of(OLD, "old", **begins)
    begin = NOW + 100 * SECOND - LEEWAY
    assert await code_of(verifier, token, begin - 1) is Code.token_invalid
    assert (await verifier.verify(token, begin)).subject == USER


async def test_a_token_may_leave_out_when_it_was_made(verifier: Verifier) -> None:
    assert (await verifier.verify(token_of(OLD, "old", iat=None), NOW)).subject == USER


async def test_a_token_is_known_only_after_it_was_verified(verifier: Verifier, own: SigningKey) -> None:
    token = own_token(own)
    assert verifier.known(token, NOW) is None
    proof = await verifier.verify(token, NOW)
    assert verifier.known(token, NOW) is proof
    assert verifier.known(token[:-1], NOW) is None


async def test_a_known_token_is_unknown_from_its_end_on(verifier: Verifier, own: SigningKey) -> None:
    token = own_token(own, lifetime_s=60)
    end = (await verifier.verify(token, NOW)).expires_at
    assert verifier.known(token, end - 1) is not None
    assert verifier.known(token, end) is None
    assert await code_of(verifier, token, end) is Code.token_expired
    assert verifier.known(token, NOW) is None


async def test_a_refused_token_is_not_remembered(verifier: Verifier) -> None:
    for token in (token_of(NEW, "old"), token_of(OLD, "old", exp=1), token_of(OLD, "old", aud="other"), "a.b.c", ""):
        await code_of(verifier, token)
        assert verifier.known(token, NOW) is None


async def test_a_token_past_its_time_may_be_proved_and_still_counts_for_nothing(verifier: Verifier) -> None:
    over = token_of(OLD, "old", exp=1)
    assert (await verifier.verify(over, NOW, may_be_over=True)).subject == USER
    assert verifier.known(over, NOW) is None
    assert await code_of(verifier, over) is Code.token_expired
    with pytest.raises(Refused) as refused:
        await verifier.verify(token_of(NEW, "old", exp=1), NOW, may_be_over=True)
    assert refused.value.code is Code.token_invalid


async def test_no_more_tokens_are_remembered_than_the_setting_says(settings: Settings, own: SigningKey) -> None:
    verifier = Verifier(replace(settings, token_cache_length_max=3), key_alone(own))
    tokens = [own.sign(f"user_{number}", NOW, 60, "hydrobit", "hydrobit") for number in range(5)]
    for token in tokens:
        await verifier.verify(token, NOW)
    assert [verifier.known(token, NOW) is not None for token in tokens] == [False, False, True, True, True]
    await verifier.verify(tokens[2], NOW)
    await verifier.verify(tokens[0], NOW)
    assert [verifier.known(token, NOW) is not None for token in tokens] == [True, False, True, False, True]


async def test_a_known_token_is_asked_about_again_when_its_keys_have_aged(verifier: Verifier) -> None:
    token = token_of(OLD, "old", exp=NOW // SECOND + YEAR_S)
    await verifier.verify(token, NOW)
    assert verifier.known(token, NOW + AGE - 1) is not None
    assert verifier.known(token, NOW + AGE) is None


async def test_a_withdrawn_key_counts_no_more_once_its_set_has_aged(verifier: Verifier, key_server: KeyServer) -> None:
    token = token_of(OLD, "old", exp=NOW // SECOND + YEAR_S)
    await verifier.verify(token, NOW)
    key_server.publish(jwk_of(NEW, kid="new"))
    await verifier.verify(token, NOW + AGE)
    await fetched(verifier, NOW + AGE)
    later = NOW + AGE + FLOOR
    assert verifier.known(token, later) is None
    assert await code_of(verifier, token, later) is Code.token_invalid


async def test_a_withdrawn_key_counts_no_more_once_a_new_token_shows_it(
    verifier: Verifier, key_server: KeyServer
) -> None:
    token = token_of(OLD, "old", exp=NOW // SECOND + YEAR_S)
    await verifier.verify(token, NOW)
    key_server.publish(jwk_of(NEW, kid="new"))
    await verifier.verify(token_of(NEW, "new"), NOW + FLOOR)
    assert verifier.known(token, NOW + FLOOR) is None
    assert await code_of(verifier, token, NOW + FLOOR) is Code.token_invalid


async def test_a_key_that_joins_leaves_the_known_tokens_known(verifier: Verifier, key_server: KeyServer) -> None:
    key_server.publish(jwk_of(OLD, kid="old"))
    token = token_of(OLD, "old")
    await verifier.verify(token, NOW)
    key_server.publish(jwk_of(OLD, kid="old"), jwk_of(NEW, kid="new"))
    await verifier.verify(token_of(NEW, "new"), NOW + FLOOR)
    assert verifier.known(token, NOW + FLOOR) is not None


async def test_while_the_issuer_is_down_its_last_keys_stand(verifier: Verifier, key_server: KeyServer) -> None:
    token = token_of(OLD, "old", exp=NOW // SECOND + YEAR_S)
    await verifier.verify(token, NOW)
    key_server.status = 503
    for hours in (1, 2, 24):
        moment = NOW + hours * 3_600 * SECOND
        assert (await verifier.verify(token, moment)).subject == USER
        await fetched(verifier, moment)
        assert (await verifier.verify(token, moment)).subject == USER
        assert verifier.known(token, moment + FLOOR - 1) is not None


async def test_keys_that_were_never_to_be_had_make_the_server_unavailable_and_the_token_not_wrong(
    verifier: Verifier, own: SigningKey, key_server: KeyServer
) -> None:
    key_server.status = 503
    assert await code_of(verifier, token_of(OLD, "old")) is Code.unavailable
    assert (await verifier.verify(own_token(own), NOW)).subject == USER


async def test_own_tokens_are_not_believed_where_they_are_switched_off(
    settings: Settings, own: SigningKey, remote: RemoteKeys
) -> None:
    verifier = Verifier(replace(settings, local_tokens=False), key_alone(own), remote)
    assert await code_of(verifier, own_token(own)) is Code.token_invalid
    assert (await verifier.verify(token_of(OLD, "old"), NOW)).subject == USER


async def test_tokens_of_devices_are_believed_where_own_tokens_of_users_are_not(
    settings: Settings, own: SigningKey, remote: RemoteKeys
) -> None:
    verifier = Verifier(replace(settings, local_tokens=False), key_alone(own), remote)
    device, audience = Device("scale-1", "proj_1"), settings.iot_audience
    for user in (USER, None):
        token = own.sign_for_device(user, "comp_1", device, NOW, 60, settings.issuer, audience)
        proof = await verifier.verify(token, NOW)
        assert (proof.subject, proof.device) == (user or "", DeviceClaim("comp_1", "scale-1"))
        assert verifier.known(token, NOW) is proof
    assert await code_of(verifier, own.sign(USER, NOW, 60, settings.issuer, audience)) is Code.token_invalid


async def test_without_an_issuer_no_token_is_believed(own: SigningKey) -> None:
    keys = FixedKeys({"old": VerifyingKey(OLD.public_key(), frozenset({"ES256"}))})
    for verifier in (Verifier(Settings()), Verifier(Settings(), None, keys)):
        assert await code_of(verifier, own_token(own)) is Code.token_invalid
        assert await code_of(verifier, token_of(OLD, "old", iss="", aud="")) is Code.token_invalid


def test_two_issuers_of_one_name_stop_the_start(settings: Settings, own: SigningKey) -> None:
    with pytest.raises(SettingError, match="must differ"):
        Verifier(replace(settings, issuer=ISSUER), key_alone(own), FixedKeys({}))
