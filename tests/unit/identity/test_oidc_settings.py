"""What stands between an operator's OIDC settings and keys that somebody else could put in their place."""

import pytest

from hydrobit.errors import SettingError
from hydrobit.settings import load

OIDC = {"HYDROBIT_OIDC_ISSUER": "https://login.example.com/", "HYDROBIT_OIDC_AUDIENCE": "https://api.example.com"}


@pytest.mark.parametrize(
    "url", ["https://login.example.com/jwks.json", "http://127.0.0.1:8000/jwks.json", "http://[::1]:8000/jwks.json"]
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    assert load(OIDC | {"HYDROBIT_OIDC_JWKS_URL": url}).oidc_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/jwks.json",
        "http://127.0.0.1.example.com/jwks.json",
        "http://127.0.0.1@login.example.com/jwks.json",
        "http://[::1",
        "https://",
        "file:///etc/jwks.json",
        "jwks.json",
    ],
)
def test_keys_that_could_be_changed_on_their_way_stop_the_start(url: str) -> None:
    with pytest.raises(SettingError, match="https://"):
        load(OIDC | {"HYDROBIT_OIDC_JWKS_URL": url})


def test_a_server_that_would_believe_no_token_does_not_start() -> None:
    with pytest.raises(SettingError, match="LOCAL_TOKENS"):
        load({"HYDROBIT_LOCAL_TOKENS": "false"})
    keys = {"HYDROBIT_OIDC_JWKS_URL": "https://login.example.com/jwks.json"}
    assert not load(OIDC | keys | {"HYDROBIT_LOCAL_TOKENS": "false"}).local_tokens


@pytest.mark.parametrize("algorithm", ["HS256", "none", "rs256", "RS1", "ES256K"])
def test_an_algorithm_that_is_symmetric_or_unknown_stops_the_start(algorithm: str) -> None:
    with pytest.raises(SettingError, match="OIDC_ALGORITHMS"):
        load({"HYDROBIT_OIDC_ALGORITHMS": f"ES256,{algorithm}"})
