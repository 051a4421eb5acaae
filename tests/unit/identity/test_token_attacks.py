"""Forged, twisted and absurd tokens: each is a 401, none an accident, and none of them is ever quoted."""

import base64
import hashlib
import hmac
import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hydrobit.errors import Code, Refused
from hydrobit.identity.compact import TOKEN_LENGTH_MAX, read_compact
from hydrobit.identity.jwks import RemoteKeys
from hydrobit.identity.keys import VerifyingKey
from hydrobit.identity.signing import SigningKey
from hydrobit.identity.verify import Proof, Verifier
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
    base64url,
    claims,
    jwk_of,
    new_key,
    token_of,
    token_of_texts,
)

KEY, STRANGER = new_key(), new_key()
HEADER = {"alg": "ES256", "kid": "k", "typ": "JWT"}
GOOD = token_of(KEY, "k")


@pytest.fixture
def own(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "keys" / "signing.pem")


@pytest.fixture
async def verifier(
    settings: Settings, client: httpx.AsyncClient, key_server: KeyServer, own: SigningKey
) -> AsyncIterator[Verifier]:
    key_server.publish(jwk_of(KEY, kid="k"), jwk_of(RSA_KEY, kid="rsa"))
    remote = RemoteKeys(settings, client)
    yield Verifier(settings, key_alone(own), remote)
    await remote.stop()


async def refusal(verifier: Verifier, token: str) -> Refused:
    """The 401 that the token meets, which quotes no part of it and leaves nothing behind."""
    with pytest.raises(Refused) as refused:
        await verifier.verify(token, NOW)
    told = "".join(traceback.format_exception(refused.value))
    for part in token.split("."):
        assert len(part) < 8 or part not in told
    assert refused.value.status == 401
    assert refused.value.detail
    assert verifier.known(token, NOW) is None
    return refused.value


async def test_the_good_token_that_the_attacks_start_from_is_believed(verifier: Verifier) -> None:
    assert (await verifier.verify(GOOD, NOW)).subject == USER
    assert (await verifier.verify(token_of_texts(HEADER, claims(), KEY), NOW)).subject == USER


# Algorithms.


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_a_token_without_a_signature_is_refused(
    verifier: Verifier, algorithm: str, key_server: KeyServer
) -> None:
    token = token_of_texts({**HEADER, "alg": algorithm}, claims(), None)
    assert (await refusal(verifier, token)).code is Code.token_invalid
    assert key_server.requests == 0


async def test_a_signature_cut_off_is_refused(verifier: Verifier) -> None:
    await refusal(verifier, GOOD[: GOOD.rindex(".") + 1])
    await refusal(verifier, GOOD[: GOOD.rindex(".")])


def _public_texts(key: Any) -> list[bytes]:
    """Every text in which a server may have its public key at hand, and so could take it for a shared secret."""
    public = key.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, info)
    der = public.public_bytes(serialization.Encoding.DER, info)
    return [pem, pem.strip(), der, json.dumps(jwk_of(key)).encode(), b""]


def _hmac_token(header: dict[str, Any], secret: bytes, payload: dict[str, Any]) -> str:
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


@pytest.mark.parametrize(("key", "kid"), [(KEY, "k"), (RSA_KEY, "rsa")])
async def test_a_public_key_is_never_taken_for_a_shared_secret(verifier: Verifier, key: Any, kid: str) -> None:
    for secret in _public_texts(key):
        for algorithm in ("HS256", "ES256", "RS256"):
            token = _hmac_token({"alg": algorithm, "kid": kid}, secret, claims())
            assert (await refusal(verifier, token)).code is Code.token_invalid


async def test_our_own_public_key_is_never_taken_for_a_shared_secret(verifier: Verifier, own: SigningKey) -> None:
    own_claims = claims(iss="hydrobit", aud="hydrobit")
    header = {"alg": "HS256", "kid": own.kid, "typ": "at+jwt"}
    await refusal(verifier, _hmac_token(header, json.dumps(own.public_jwk()).encode(), own_claims))


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"),
    [
        (RSA_KEY, "k", "RS256"),
        (RSA_KEY, "k", "ES256"),
        (KEY, "rsa", "ES256"),
        (KEY, "rsa", "RS256"),
        (KEY, "k", "ES384"),
        (KEY, "k", "EdDSA"),
        (RSA_KEY, "rsa", "RS512"),
        (RSA_KEY, "rsa", "PS256"),
    ],
)
async def test_an_algorithm_that_does_not_fit_the_key_or_is_not_pinned_is_refused(
    verifier: Verifier, key: Any, kid: str, algorithm: str
) -> None:
    await refusal(verifier, token_of_texts({**HEADER, "kid": kid, "alg": algorithm}, claims(), key))


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 256])
@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
@pytest.mark.parametrize(("kid", "algorithm"), [("k", "ES256"), ("rsa", "RS256")])
async def test_an_invented_signature_is_refused(
    verifier: Verifier, kid: str, algorithm: str, length: int, byte: bytes
) -> None:
    unsigned = token_of_texts({**HEADER, "kid": kid, "alg": algorithm}, claims(), None)
    await refusal(verifier, unsigned + base64url(byte * length))


async def test_changed_content_under_a_good_signature_is_refused(verifier: Verifier) -> None:
    header, _, signature = GOOD.split(".")
    _, other, _ = token_of(STRANGER, "k", sub="user_123456789").split(".")
    await refusal(verifier, f"{header}.{other}.{signature}")


# Keys that a token brings along.


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
async def test_a_key_that_the_token_brings_along_is_not_looked_at(
    verifier: Verifier, key_server: KeyServer, member: str
) -> None:
    with KeyServer() as theirs:
        theirs.publish(jwk_of(STRANGER, kid="k"))
        brought = {"jwk": jwk_of(STRANGER, kid="k"), "jku": theirs.url, "x5u": theirs.url, "x5c": ["AAAA"]}
        token = token_of_texts({**HEADER, member: brought[member]}, claims(), STRANGER)
        assert (await refusal(verifier, token)).code is Code.token_invalid
        assert theirs.requests == 0
    harmless = token_of_texts({**HEADER, member: brought[member]}, claims(), KEY)
    assert (await verifier.verify(harmless, NOW)).subject == USER


@pytest.mark.parametrize("kid", ["unknown", "", "K", "k ", "../k", "' or 1=1", "k\0", None, 7, True, ["k"], {"k": "k"}])
async def test_an_unknown_or_twisted_key_id_is_refused(verifier: Verifier, kid: Any) -> None:
    assert (await refusal(verifier, token_of_texts({**HEADER, "kid": kid}, claims(), KEY))).code is Code.token_invalid


async def test_a_token_that_does_not_name_its_key_is_refused(verifier: Verifier) -> None:
    await refusal(verifier, token_of_texts({"alg": "ES256"}, claims(), KEY))


@pytest.mark.parametrize(
    "extension", [{"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"crit": ["b64"], "b64": False}, {"b64": True}]
)
async def test_a_header_that_demands_an_extension_is_refused(verifier: Verifier, extension: dict[str, Any]) -> None:
    await refusal(verifier, token_of_texts({**HEADER, **extension}, claims(), KEY))


# One kind of token for another.


@pytest.mark.parametrize("typ", ["iot+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "at+jwt+x", 7, None])
async def test_a_token_of_another_type_is_refused(verifier: Verifier, typ: Any) -> None:
    await refusal(verifier, token_of_texts({**HEADER, "typ": typ}, claims(), KEY))


async def test_an_own_token_of_another_type_is_refused(own: SigningKey) -> None:
    key = new_key()
    own_keys = FixedKeys({"own": VerifyingKey(key.public_key(), frozenset({"ES256"}))})
    verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE), key_alone(own), own_keys)
    assert (await verifier.verify(token_of(key, "own"), NOW)).subject == USER
    for typ in ("JWT", "iot+jwt", ""):
        private = own._private
        token = token_of(private, own.kid, headers={"typ": typ}, iss="hydrobit", aud="hydrobit")
        await refusal(verifier, token)


async def test_keys_of_one_issuer_sign_nothing_for_the_other(verifier: Verifier, own: SigningKey) -> None:
    as_ours = token_of(KEY, "k", headers={"typ": "at+jwt"}, iss="hydrobit", aud="hydrobit")
    as_theirs = own.sign(USER, NOW, 60, ISSUER, AUDIENCE)
    for token in (as_ours, as_theirs):
        assert (await refusal(verifier, token)).code is Code.token_invalid


# Claims.


@pytest.mark.parametrize(
    "iss", [None, "", ISSUER.rstrip("/"), ISSUER.upper(), ISSUER + " ", "hydrobit", 7, True, [ISSUER], {"a": ISSUER}]
)
async def test_a_token_of_another_issuer_is_refused(verifier: Verifier, iss: Any) -> None:
    token = token_of_texts(HEADER, claims(iss=iss), KEY)
    assert (await refusal(verifier, token)).code is Code.token_invalid


@pytest.mark.parametrize(
    "aud", [None, "", "hydrobit", AUDIENCE + "/", AUDIENCE.upper(), 7, True, [], ["x"], [[AUDIENCE]], {AUDIENCE: 1}]
)
async def test_a_token_for_another_audience_is_refused(verifier: Verifier, aud: Any) -> None:
    assert (await refusal(verifier, token_of_texts(HEADER, claims(aud=aud), KEY))).code is Code.token_invalid


ODD_INSTANTS = [
    b"null",
    b"true",
    b"false",
    b"-1",
    b"-1e3",
    b"1e400",
    b"-1e400",
    b"1e300",
    b"9" * 400,
    b"9" * 5_000,
    b"9007199254740993000",
    b"7289654400",
    b'"%d"' % (NOW // SECOND + 60),
    b'"never"',
    b'""',
    b"[]",
    b"[1760003600]",
    b"{}",
    b"NaN",
    b"Infinity",
    b"-Infinity",
]


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("instant", ODD_INSTANTS, ids=lambda instant: instant[:20].decode())
async def test_an_instant_that_is_none_is_refused(verifier: Verifier, claim: str, instant: bytes) -> None:
    rest = json.dumps(claims(**{claim: None})).encode()
    payload = b'%s,"%s":%s}' % (rest[:-1], claim.encode(), instant)
    assert (await refusal(verifier, token_of_texts(HEADER, payload, KEY))).code is Code.token_invalid


async def test_a_token_without_an_end_is_refused(verifier: Verifier) -> None:
    assert (await refusal(verifier, token_of(KEY, "k", exp=None))).code is Code.token_invalid


@pytest.mark.parametrize("exp", [0, 0.5, 1, NOW // SECOND - 3_600])
async def test_a_token_past_its_end_is_told_so(verifier: Verifier, exp: float) -> None:
    assert (await refusal(verifier, token_of(KEY, "k", exp=exp))).code is Code.token_expired


async def test_a_forged_token_past_its_end_is_only_called_invalid(verifier: Verifier) -> None:
    assert (await refusal(verifier, token_of(STRANGER, "k", exp=1))).code is Code.token_invalid


@pytest.mark.parametrize(
    "sub", [None, "", 7, 1.5, True, ["a"], {"a": "b"}, "a" * 256, "nul\0", "line\nbreak", "escape\x1b[2J"]
)
async def test_a_user_that_is_no_plain_text_is_refused(verifier: Verifier, sub: Any) -> None:
    assert (await refusal(verifier, token_of_texts(HEADER, claims(sub=sub), KEY))).code is Code.token_invalid


async def test_a_lone_surrogate_in_the_user_is_refused(verifier: Verifier) -> None:
    payload = json.dumps(claims()).replace(USER, "\\ud800").encode()
    await refusal(verifier, token_of_texts(HEADER, payload, KEY))


async def test_of_a_claim_given_twice_the_reader_of_the_key_and_the_reader_of_the_user_see_the_same(
    verifier: Verifier,
) -> None:
    twice = json.dumps(claims()).encode()[:-1] + b',"iss":"hydrobit"}'
    await refusal(verifier, token_of_texts(HEADER, twice, KEY))


# Form.


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "a.b.c.d.e",
        f"{GOOD}.",
        f".{GOOD}",
        f"{GOOD}.{GOOD}",
        f"Bearer {GOOD}",
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD}=",
        f"{GOOD}==",
        GOOD.replace(".", "=.", 1),
        GOOD.replace(".", "!.", 1),
        GOOD.replace(".", "%2E"),
        GOOD.replace("e", "é", 1),
        GOOD.replace("e", "\uff45", 1),
        "\ud800." + GOOD,
        "\0",
        GOOD.swapcase(),
        base64.b64encode(b"user:password").decode(),
    ],
    ids=lambda token: "token",  # each run signs its own: its text is no name
)
async def test_a_malformed_token_is_refused(verifier: Verifier, token: str) -> None:
    assert (await refusal(verifier, token)).code is Code.token_invalid


async def test_loose_bits_behind_a_signature_are_refused(verifier: Verifier) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 64 bytes leave four unused bits in the last character, so 15 other spellings mean the same bytes.
    twin = GOOD[:-1] + alphabet[alphabet.index(GOOD[-1]) ^ 1]
    await refusal(verifier, twin)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"a":['])
@pytest.mark.parametrize("where", ["header", "payload"])
async def test_deep_nesting_is_refused(verifier: Verifier, opening: bytes, where: str) -> None:
    deep = (opening * 5_500)[:5_500]
    if where == "header":
        token = token_of_texts(b'{"alg":"ES256","kid":"k","x":' + deep, b"{}", KEY)
    else:
        token = token_of_texts(HEADER, b'{"x":' + deep, KEY)
    assert len(token) <= TOKEN_LENGTH_MAX
    await refusal(verifier, token)


async def test_deep_nesting_that_is_well_formed_is_refused(verifier: Verifier) -> None:
    deep = b"[" * 2_500 + b"]" * 2_500
    await refusal(verifier, token_of_texts(HEADER, b'{"x":' + deep + json.dumps(claims()).encode()[1:], KEY))
    await refusal(verifier, token_of_texts(b'{"alg":"ES256","kid":"k","jwk":' + deep + b"}", claims(), KEY))


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b'"a"', b"7", b"{", b"{}x", b"\xff", b'\xef\xbb\xbf{"alg":"ES256"}']
)
async def test_parts_that_are_no_json_object_are_refused(verifier: Verifier, text: bytes) -> None:
    await refusal(verifier, token_of_texts(text, claims(), KEY))
    await refusal(verifier, token_of_texts(HEADER, text, KEY))


async def test_a_token_over_the_limit_is_refused_unread(verifier: Verifier) -> None:
    padding = "x" * TOKEN_LENGTH_MAX
    refused = await refusal(verifier, token_of(KEY, "k", padding=padding))
    assert "longer than" in refused.detail
    assert "longer than" in (await refusal(verifier, "." * 10_000_000)).detail


async def test_a_long_token_under_the_limit_is_believed(verifier: Verifier) -> None:
    token = token_of(KEY, "k", padding="x" * 5_800)
    assert 8_000 < len(token) <= TOKEN_LENGTH_MAX
    assert (await verifier.verify(token, NOW)).subject == USER


async def test_no_token_is_logged(verifier: Verifier, key_server: KeyServer, caplog: pytest.LogCaptureFixture) -> None:
    key_server.status = 503
    with caplog.at_level(logging.DEBUG), pytest.raises(Refused):
        await verifier.verify(GOOD, NOW)
    assert caplog.records
    assert not any(part in caplog.text for part in GOOD.split("."))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "iss", "aud", "sub", "exp", "nbf", "iat", "x"])


@given(
    header=st.dictionaries(NAMES, JSON, max_size=4),
    changes=st.dictionaries(NAMES, JSON, max_size=4),
)
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_genuine_issuer_writes_is_a_proof_or_a_401(
    header: dict[str, Any], changes: dict[str, Any]
) -> None:
    keys = FixedKeys({"k": VerifyingKey(KEY.public_key(), frozenset({"ES256"}))})
    verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE), None, keys)
    token = token_of_texts(HEADER | header, claims() | changes, KEY)
    try:
        outcome: Proof | int = await verifier.verify(token, NOW)
    except Refused as refused:
        outcome = refused.status
    assert outcome == 401 or (isinstance(outcome, Proof) and outcome.subject.encode() and outcome.expires_at > NOW)


@given(st.text() | st.from_regex(r"[\w-]{0,20}(\.[\w-]{0,20}){1,3}", fullmatch=True))
def test_whatever_stands_for_a_token_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        read_compact(text)
