"""The keys of an OIDC issuer, fetched from its JWKS address and kept.

When a fetch happens: at the first token; when the set is older than `jwks_age_s_max`; when a token names an unknown
key. Between two fetches lie at least `jwks_refetch_s_min`, whatever is asked, so a flood of made-up key ids costs the
issuer one request in that time; the price is that a key the issuer uses without having published it first may stay
unknown for as long. Callers that wait at the same time share one fetch.

When a fetch fails the keys at hand go on serving, however old: an issuer that is down must not stop the harvest. Only
where no fetch ever succeeded is the caller told to come again.
"""

import asyncio
import logging
from dataclasses import dataclass

import httpx

from hydrobit.errors import Code, Refused
from hydrobit.identity.keys import Trusted, VerifyingKey, read_key_set
from hydrobit.settings import Settings

KEY_SET_BYTES_MAX = 262_144

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _KeySet:
    """Keys by their ids, and the instant (ms) from which they are too old to be relied on without a fetch."""

    keys: dict[str, VerifyingKey]
    stale_at: int


class RemoteKeys:
    """The keys behind `settings.oidc_jwks_url`, for one event loop. The client stays the caller's to close."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self.withdrawals = 0
        self._url = settings.oidc_jwks_url
        self._allowed = frozenset(settings.oidc_algorithms)
        self._fetch_s_max = settings.jwks_fetch_s_max
        self._age_ms_max = settings.jwks_age_s_max * 1000
        self._refetch_ms_min = settings.jwks_refetch_s_min * 1000
        self._client = client
        self._set: _KeySet | None = None
        self._fetch: asyncio.Task[None] | None = None
        self._refetch_at = 0

    async def find(self, kid: str, now: int) -> Trusted | None:
        """The key of that id at `now` (ms); None when the issuer has none.

        An unknown key waits for a fetch, if one is allowed now. A known key never waits: a set that is too old is
        fetched behind its back, so that a slow issuer slows nobody down. Raises Refused(unavailable) while there has
        never been a set.
        """
        if self._set is None or kid not in self._set.keys:
            await self._refreshed(now)
        elif now >= self._set.stale_at:
            self._begin_fetch(now)
        if self._set is None:
            raise Refused(
                Code.unavailable, "The keys of the token's issuer could not be fetched yet; send the same call again."
            )
        key = self._set.keys.get(kid)
        return None if key is None else Trusted(key, max(self._set.stale_at, self._refetch_at))

    async def stop(self) -> None:
        """End a fetch that is under way. May run twice."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    async def _refreshed(self, now: int) -> None:
        fetch = self._begin_fetch(now)
        if fetch is not None:
            # Shielded, because a caller that goes away must not end the fetch of all the others.
            await asyncio.shield(fetch)

    def _begin_fetch(self, now: int) -> asyncio.Task[None] | None:
        """The fetch under way, else a new one, else None because the last one began too short ago."""
        if self._fetch is not None and not self._fetch.done():
            return self._fetch
        wait = self._refetch_at - now
        # A wait longer than the pause itself says that the clock was set back; that must not stop fetches for as long.
        if 0 < wait <= self._refetch_ms_min:
            return None
        self._refetch_at = now + self._refetch_ms_min
        self._fetch = asyncio.create_task(self._refresh(now))
        return self._fetch

    async def _refresh(self, now: int) -> None:
        try:
            async with asyncio.timeout(self._fetch_s_max):
                keys = read_key_set(await self._download(), self._allowed)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as e:
            _log.warning("the keys of the OIDC issuer could not be fetched: %s: %s", type(e).__name__, e)
        else:
            self._install(keys, now)

    async def _download(self) -> bytes:
        """The body of a plain 200; raises ValueError for any other answer and one that is too long."""
        headers = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
        # No limit on single steps: the caller limits the whole, and a body that drips would pass every step.
        async with self._client.stream(
            "GET", self._url, headers=headers, follow_redirects=False, timeout=None
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the answer was {response.status_code}")
            body = bytearray()
            # Raw, so that a compressed answer, which was not asked for, is refused and never unpacked.
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > KEY_SET_BYTES_MAX:
                    raise ValueError(f"the key set is larger than {KEY_SET_BYTES_MAX} bytes")
        return bytes(body)

    def _install(self, keys: dict[str, VerifyingKey], now: int) -> None:
        before = {} if self._set is None else self._set.keys
        if any(keys.get(kid) != key for kid, key in before.items()):
            self.withdrawals += 1
        self._set = _KeySet(keys, now + self._age_ms_max)
