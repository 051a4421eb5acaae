"""From a bearer token to a proof of who is calling, or a refusal; nothing in between and nothing believed early.

Order: length, form, issuer, type, algorithm, key, signature, then the claims. `iss` alone is read before the
signature is checked, to choose whose keys count; a token is then checked with that issuer's keys and algorithms only.

Clocks: `clock_leeway_s` is granted to both sides alike: a token counts until `exp` plus the leeway, and from `nbf`
and `iat` minus the leeway.

Withdrawn keys: a proof is remembered no longer than the key set it was checked with. A key that its issuer removed is
honoured for at most `jwks_age_s_max` plus `jwks_refetch_s_min` while the issuer answers, and not at all from the first
uncached token after a fetch that no longer shows it; while the issuer is down, the last known keys stand (see `jwks`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hydrobit.errors import Code, Refused, SettingError
from hydrobit.identity.compact import Header, read_compact
from hydrobit.identity.keys import KeySource
from hydrobit.identity.signing import ALGORITHM, IOT_TOKEN_TYPE, USER_TOKEN_TYPE
from hydrobit.kit.instants import LATEST
from hydrobit.kit.texts import exact
from hydrobit.settings import Settings
from hydrobit.wire.fields import NAME_LENGTH_MAX, USER_ID_LENGTH_MAX

_OIDC_TYPES = frozenset({"", "jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class DeviceClaim:
    """Whose token it is, where it is a device's."""

    company_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Who the caller is, and the first instant (ms) at which this is believed no more: `exp` plus the leeway.

    The subject of a device that acts for nobody is empty.
    """

    subject: str
    expires_at: int
    kid_in_store: str = ""
    """The key that proved it, where the store may say that it was withdrawn."""
    device: DeviceClaim | None = None

    @property
    def caller(self) -> Hashable:
        """Under what the caller's facts are remembered; they were looked up together with the key."""
        return self.subject, self.device, self.kid_in_store


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is expected of one kind of an issuer's tokens."""

    audience: str
    subject_claim: str = "sub"
    is_of_device: bool = False


@dataclass(frozen=True, slots=True)
class _Issuer:
    """What is expected of the tokens of one issuer; their `typ` tells the kind."""

    kinds: Mapping[str, _Kind]
    algorithms: frozenset[str]
    keys: KeySource


class Verifier:
    """Checks tokens and remembers the good ones, `token_cache_length_max` at most (the oldest goes first).

    The store of remembered tokens grows by good tokens alone; nobody without one can fill it.
    """

    def __init__(self, settings: Settings, own: KeySource | None = None, remote: KeySource | None = None) -> None:
        self._leeway_ms = settings.clock_leeway_s * 1000
        self._length_max = settings.token_cache_length_max
        self._issuers = _issuers(settings, own, remote)
        self._remembered: dict[str, tuple[int, Proof]] = {}
        self._withdrawals = 0

    def known(self, token: str, now: int) -> Proof | None:
        """The proof of a token that was verified before and still counts at `now` (ms); None says: `verify` it."""
        found = self._remembered.get(token)
        return found[1] if found is not None and now < found[0] else None

    async def verify(self, token: str, now: int, *, may_be_over: bool = False) -> Proof:
        """The proof of a token at `now` (ms). May run twice.

        Raises Refused with token_expired for a genuine token past its time, unavailable when the issuer's keys were
        never to be had, and token_invalid for all else. The text of a token is in no error and no log. With
        `may_be_over` a token past its time is proved too, and not remembered.
        """
        self._remembered.pop(token, None)
        compact = read_compact(token)
        issuer = self._issuer(compact.claims)
        kind = _checked_kind(compact.header, issuer)
        trusted = await issuer.keys.find(compact.header.kid, now)
        self._forget_withdrawn()
        if trusted is None:
            raise Refused(Code.token_invalid, "The token is signed with a key (kid) that its issuer does not have.")
        if not trusted.key.verifies(compact.header.alg, compact.signed, compact.signature):
            raise Refused(Code.token_invalid, "The token's signature does not fit its content and key.")
        proof = _read_claims(compact.claims, kind, now, self._leeway_ms)
        if trusted.kid_in_store:
            proof = replace(proof, kid_in_store=trusted.kid_in_store)
        if now < proof.expires_at:
            self._remember(token, proof, trusted.until)
        elif not may_be_over:
            raise Refused(Code.token_expired, "The token's time (exp) is over; fetch a new token.")
        return proof

    def _issuer(self, claims: dict[str, Any]) -> _Issuer:
        name = claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Refused(Code.token_invalid, "The token's issuer (iss) is none that this server believes.")
        return issuer

    def _remember(self, token: str, proof: Proof, until: int) -> None:
        if len(self._remembered) >= self._length_max:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = (min(proof.expires_at, until), proof)

    def _forget_withdrawn(self) -> None:
        """Forget every proof once an issuer withdrew a key; it is rare, and checking them again is cheap."""
        withdrawals = sum(issuer.keys.withdrawals for issuer in self._issuers.values())
        if withdrawals != self._withdrawals:
            self._withdrawals = withdrawals
            self._remembered.clear()


def _issuers(settings: Settings, own: KeySource | None, remote: KeySource | None) -> dict[str, _Issuer]:
    issuers: dict[str, _Issuer] = {}
    if own is not None:
        kinds = {IOT_TOKEN_TYPE: _Kind(settings.iot_audience, is_of_device=True)}
        if settings.local_tokens:
            kinds[USER_TOKEN_TYPE] = _Kind(settings.audience)
        issuers[settings.issuer] = _Issuer(kinds, frozenset({ALGORITHM}), own)
    if remote is not None and settings.oidc_issuer:
        if settings.oidc_issuer in issuers:
            raise SettingError(
                f"HYDROBIT_OIDC_ISSUER and HYDROBIT_ISSUER are both {settings.issuer!r}; they must differ"
            )
        kinds = dict.fromkeys(_OIDC_TYPES, _Kind(settings.oidc_audience, settings.subject_claim))
        issuers[settings.oidc_issuer] = _Issuer(kinds, frozenset(settings.oidc_algorithms), remote)
    return issuers


def _checked_kind(header: Header, issuer: _Issuer) -> _Kind:
    # RFC 7515 section 4.1.9: the type is a media type in either case, whose application/ may be left out.
    kind = issuer.kinds.get(header.typ.lower().removeprefix("application/"))
    if kind is None:
        raise Refused(Code.token_invalid, "The token's type (typ) is none that its issuer is believed with.")
    if header.alg not in issuer.algorithms:
        raise Refused(Code.token_invalid, "The token's algorithm (alg) is not one that is pinned for its issuer.")
    return kind


def _read_claims(claims: dict[str, Any], kind: _Kind, now: int, leeway_ms: int) -> Proof:
    """The proof that the claims of a genuine token make at `now`."""
    audience = claims.get("aud")
    if kind.audience not in (audience if isinstance(audience, list) else [audience]):
        raise Refused(Code.token_invalid, f"The token's audience (aud) must be {kind.audience!r}.")
    for name in ("nbf", "iat"):
        if name in claims and now < _instant(claims, name) - leeway_ms:
            raise Refused(Code.token_invalid, f"The token counts only from a later time ({name}) on.")
    expires_at = _instant(claims, "exp") + leeway_ms
    if not kind.is_of_device:
        return Proof(_subject(claims, kind.subject_claim), expires_at)
    acts_for = _subject(claims, kind.subject_claim) if kind.subject_claim in claims else ""
    device = DeviceClaim(*(_text(claims, name, NAME_LENGTH_MAX) for name in ("companyId", "deviceId")))
    return Proof(acts_for, expires_at, device=device)


def _instant(claims: dict[str, Any], name: str) -> int:
    """A NumericDate (RFC 7519, section 2) in milliseconds."""
    seconds = claims.get(name)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LATEST // 1000:
        raise Refused(Code.token_invalid, f"The token must have {name} as a number of seconds since 1970.")
    return int(seconds * 1000)


def _subject(claims: dict[str, Any], name: str) -> str:
    return _text(claims, name, USER_ID_LENGTH_MAX)


def _text(claims: dict[str, Any], name: str, length_max: int) -> str:
    said = claims.get(name)
    if not isinstance(said, str) or not said:
        raise Refused(Code.token_invalid, f"The token must say whose it is as a text in {name}.")
    try:
        return exact(said, length_max)
    except ValueError as e:
        raise Refused(Code.token_invalid, f"The token's {name} {e}.") from e
