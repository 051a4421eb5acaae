"""The command that prints a user's token."""

from typing import Annotated

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import Data, checked_user, now, opened, seconds, settings
from hydrobit.errors import SettingError, StoreError

TOKEN_SECONDS_MAX = 365 * 86_400


@app.command
def token(
    user_id: Annotated[str, Parameter(name="USER")],
    *,
    data: Data = None,
    expires: Annotated[str, Parameter(help="How long it is valid: 15m, 1h, 7d.")] = "1h",
) -> None:
    """Print a token for a user, signed by the store's own key."""
    from hydrobit.identity import store as identity
    from hydrobit.identity.signing import SigningKey
    from hydrobit.storage import directory

    chosen = settings(data=data)
    lifetime_s = seconds(expires, "--expires", TOKEN_SECONDS_MAX)
    user_id = checked_user(user_id)
    with opened(chosen) as store:
        if store.read(identity.user, user_id) is None:
            raise StoreError(f"there is no user {user_id}; `hydrobit user add` makes one")
    if not chosen.local_tokens:
        raise SettingError("own tokens are switched off (HYDROBIT_LOCAL_TOKENS); take one from your OIDC issuer")
    key = SigningKey.load_or_create(directory.signing_key(chosen))
    print(key.sign(user_id, now(), lifetime_s, chosen.issuer, chosen.audience))
