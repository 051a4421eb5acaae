"""Settings come from HYDROBIT_* and flags; a bad one stops the start with a sentence that names it."""

from dataclasses import fields
from pathlib import Path

import pytest

from hydrobit.errors import SettingError
from hydrobit.settings import PREFIX, Settings, load

OIDC = {
    "HYDROBIT_OIDC_ISSUER": "https://login.example.com/",
    "HYDROBIT_OIDC_AUDIENCE": "https://api.example.com",
    "HYDROBIT_OIDC_JWKS_URL": "https://login.example.com/keys",
}
WHOLE_NUMBERS = [field.name for field in fields(Settings) if type(getattr(Settings(), field.name)) is int]
YES_OR_NO = [field.name for field in fields(Settings) if type(getattr(Settings(), field.name)) is bool]


def test_without_any_the_defaults_hold() -> None:
    assert load({}) == Settings()


def test_variables_of_others_are_passed_over() -> None:
    assert load({"PATH": "/bin", "HYDROBITX": "1", "PORT": "1", "HYDROBIT_CLIENT_URL": "1"}) == Settings()


def test_every_setting_is_read_from_its_variable() -> None:
    found = load(
        OIDC
        | {
            "HYDROBIT_DATA": "/srv/farm",
            "HYDROBIT_PORT": "9000",
            "HYDROBIT_METRICS_PUBLIC": "yes",
            "HYDROBIT_CORS_ORIGINS": "https://a.example.com, https://b.example.com,",
            "HYDROBIT_OIDC_ALGORITHMS": "ES256",
            "HYDROBIT_LOG_LEVEL": "warning",
        }
    )
    assert (found.data, found.port, found.metrics_public) == (Path("/srv/farm"), 9000, True)
    assert found.cors_origins == ("https://a.example.com", "https://b.example.com")
    assert (found.oidc_algorithms, found.log_level) == (("ES256",), "warning")


def test_a_flag_wins_over_a_variable_and_one_that_was_not_given_does_not() -> None:
    assert load({"HYDROBIT_PORT": "9000"}, port=9001, host=None) == Settings(port=9001)


@pytest.mark.parametrize("name", ["HYDROBIT_PROT", "HYDROBIT_", "HYDROBIT_port", "HYDROBIT_SECRET"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is not a setting; see docs/reference/settings.md"):
        load({name: "1"})


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
@pytest.mark.parametrize("text", ["", "ten", "1.5", "-1", "1e3", "0x10", "٣", "1_000", "9" * 5_000])
def test_a_number_that_is_none_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"^{PREFIX}{name.upper()} is .*must be a whole number"):
        load({PREFIX + name.upper(): text})


@pytest.mark.parametrize("name", sorted(set(WHOLE_NUMBERS) - {"port", "clock_leeway_s"}))
def test_a_limit_of_zero_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="must be at least 1"):
        load({PREFIX + name.upper(): "0"})


@pytest.mark.parametrize("port", ["65536", "99999"])
def test_a_port_beyond_all_ports_is_refused(port: str) -> None:
    with pytest.raises(SettingError, match="between 0 and 65535"):
        load({"HYDROBIT_PORT": port})


@pytest.mark.parametrize("name", YES_OR_NO)
def test_yes_and_no_have_many_words_and_no_others(name: str) -> None:
    variable = PREFIX + name.upper()
    for word in ("1", "true", "YES", " on "):
        assert getattr(load(OIDC | {variable: word}), name) is True
    for word in ("0", "false", "No", "off"):
        assert getattr(load(OIDC | {variable: word}), name) is False
    for word in ("", "maybe", "2", "wahr"):
        with pytest.raises(SettingError, match="must be true or false"):
            load({variable: word})


def test_a_database_that_is_no_postgresql_is_refused_without_its_password() -> None:
    with pytest.raises(SettingError, match="DATABASE_URL must begin with postgresql://") as refused:
        load({"HYDROBIT_DATABASE_URL": "mysql://user:secret@host/name"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("left_out", list(OIDC))
def test_an_oidc_issuer_needs_all_three_of_its_settings(left_out: str) -> None:
    with pytest.raises(SettingError, match="OIDC needs all three"):
        load({name: value for name, value in OIDC.items() if name != left_out})


@pytest.mark.parametrize("url", ["http://login.example.com/keys", "ftp://x/keys", "keys.json", "https://", "http://["])
def test_keys_that_could_be_changed_on_their_way_are_refused(url: str) -> None:
    with pytest.raises(SettingError, match="must begin with https://"):
        load(OIDC | {"HYDROBIT_OIDC_JWKS_URL": url})


@pytest.mark.parametrize("algorithms", ["", "none", "HS256", "RS256,HS256", "rs256"])
def test_only_signatures_by_key_pairs_may_be_pinned(algorithms: str) -> None:
    with pytest.raises(SettingError, match="OIDC_ALGORITHMS must name some of"):
        load(OIDC | {"HYDROBIT_OIDC_ALGORITHMS": algorithms})


def test_a_server_that_would_believe_no_token_is_refused() -> None:
    with pytest.raises(SettingError, match="no token would be believed"):
        load({"HYDROBIT_LOCAL_TOKENS": "off"})


@pytest.mark.parametrize("level", ["", "INFO", "all"])
def test_an_unknown_log_level_is_refused(level: str) -> None:
    with pytest.raises(SettingError, match=r"LOG_LEVEL is .*must be debug, info, warning or error"):
        load({"HYDROBIT_LOG_LEVEL": level})


@pytest.mark.parametrize(
    "url",
    [
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://node:s3cret@broker/path",
        "mqtt://node:s3/cret@broker",
        "mqtt://node:s3cret@broker:port",
        "mqtts://broker?x=1",
        "mqtt://node:s3cret@[broker",
    ],
)
def test_a_broker_that_cannot_be_reached_so_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match=r"^HYDROBIT_BROKER_URL must be mqtt://host:port") as refused:
        load({"HYDROBIT_BROKER_URL": url})
    assert "s3" not in str(refused.value)


@pytest.mark.parametrize("url", ["mqtt://broker", "mqtts://node:p%40ss@broker:8883", "mqtt://[::1]:1883"])
def test_a_broker_may_be_named_with_and_without_user_and_port(url: str) -> None:
    assert load({}, broker_url=url).broker_url == url


@pytest.mark.parametrize("topics", ["", "a/#/b", "a+", "$share/x/control/#", "control/#,$SYS/#"])
def test_topics_that_are_no_filters_are_refused(topics: str) -> None:
    with pytest.raises(SettingError, match=r"^HYDROBIT_BROKER_TOPICS must name topic filters"):
        load({"HYDROBIT_BROKER_TOPICS": topics})


def test_a_session_at_the_broker_is_kept_or_clean() -> None:
    with pytest.raises(SettingError, match=r"^HYDROBIT_BROKER_SESSION is 'gone'; it must be kept or clean"):
        load({"HYDROBIT_BROKER_SESSION": "gone"})
