"""Keys of an issuer that stay the same, for tests of what is done with them."""

from collections.abc import Mapping

import msgspec

from hydrobit.identity.keys import Trusted, VerifyingKey, read_key_set
from hydrobit.identity.signing import ALGORITHM, SigningKey
from hydrobit.kit.instants import LATEST


class FixedKeys:
    """Fits `hydrobit.identity.keys.KeySource`."""

    withdrawals = 0

    def __init__(self, keys: Mapping[str, VerifyingKey]) -> None:
        self._keys = keys

    async def find(self, kid: str, now: int) -> Trusted | None:
        key = self._keys.get(kid)
        return None if key is None else Trusted(key, LATEST)


def key_alone(own: SigningKey) -> FixedKeys:
    """The keys of an own issuer that has this one."""
    return FixedKeys(read_key_set(msgspec.json.encode({"keys": [own.public_jwk()]}), frozenset({ALGORITHM})))
