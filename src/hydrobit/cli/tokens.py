"""Commands for own tokens: `token` prints one, `signing-key` looks after the keys that sign them."""

import os
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import AsJson, Data, checked_user, now, opened, print_rows, seconds, settings
from hydrobit.errors import SettingError, StoreError
from hydrobit.kit.instants import write_instant

TOKEN_SECONDS_MAX = 365 * 86_400

signing_key = cyclopts.App(name="signing-key", help="Keys that sign own tokens.")
app.command(signing_key)


@app.command
def token(
    user_id: Annotated[str, Parameter(name="USER")],
    *,
    data: Data = None,
    expires: Annotated[str, Parameter(help="How long it is valid: 15m, 1h, 7d.")] = "1h",
) -> None:
    """Print a token for a user, signed by the store's own key."""
    from hydrobit.identity import own_keys
    from hydrobit.identity import store as identity
    from hydrobit.storage import directory

    chosen = settings(data=data)
    lifetime_s = seconds(expires, "--expires", TOKEN_SECONDS_MAX)
    user_id = checked_user(user_id)
    with opened(chosen) as store:
        if store.read(identity.user, user_id) is None:
            raise StoreError(f"there is no user {user_id}; `hydrobit user add` makes one")
        if not chosen.local_tokens:
            raise SettingError("own tokens are switched off (HYDROBIT_LOCAL_TOKENS); take one from your OIDC issuer")
        key = own_keys.settle(store, directory.signing_key(chosen), now(), is_alone=not chosen.database_url)
    print(key.sign(user_id, now(), lifetime_s, chosen.issuer, chosen.audience))


@signing_key.command(name="list")
def list_signing_keys(*, data: Data = None, as_json: AsJson = False) -> None:
    """List the keys whose tokens count or counted, latest first; nothing secret is shown."""
    from hydrobit.identity import store as identity

    with opened(settings(data=data)) as store:
        found = store.read(identity.signing_keys)
    print_rows(
        (
            {
                "kid": key.kid,
                "addedAt": write_instant(key.added_at),
                "withdrawnAt": None if key.withdrawn_at is None else write_instant(key.withdrawn_at),
            }
            for key in found
        ),
        as_json,
        "there are no signing keys yet",
    )


@signing_key.command(name="rotate")
def rotate_signing_key(*, data: Data = None) -> None:
    """Make a new key that signs from now on. Tokens of those before it count on until they are withdrawn."""
    from hydrobit.identity import own_keys
    from hydrobit.storage import directory

    chosen = settings(data=data)
    with opened(chosen) as store:
        key = own_keys.rotate(store, directory.signing_key(chosen), now(), os.urandom)
    print(f"{key.kid} signs from now on: copy {directory.signing_key(chosen)} to every node with a folder of its own")


@signing_key.command(name="withdraw")
def withdraw_signing_key(
    kid: Annotated[str, Parameter(name="KID", allow_leading_hyphen=True)], *, data: Data = None
) -> None:
    """Let no token of a key count any more, on any node, at once."""
    from hydrobit.identity import own_keys
    from hydrobit.identity.signing import SigningKey
    from hydrobit.storage import directory

    chosen = settings(data=data)
    path = directory.signing_key(chosen)
    signs_here = SigningKey.load_or_create(path).kid if path.exists() else None
    with opened(chosen) as store:
        store.write(own_keys.withdraw, kid, signs_here, now(), os.urandom)
    print(f"no token of {kid} counts any more")
