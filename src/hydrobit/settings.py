"""Every setting and limit, read once from HYDROBIT_* and from flags; units stand in the names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hydrobit.errors import SettingError

PREFIX = "HYDROBIT_"


@dataclass(frozen=True, slots=True)
class Settings:
    """A field `listen_port` is the variable HYDROBIT_LISTEN_PORT. Lists are separated by commas."""

    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 8080

    # Who is believed.
    issuer: str = "hydrobit"
    audience: str = "hydrobit"
    subject_claim: str = "sub"
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    local_tokens: bool = True
    clock_leeway_s: int = 30
    token_cache_length_max: int = 10_000
    facts_age_s_max: int = 5
    jwks_age_s_max: int = 3_600
    jwks_refetch_s_min: int = 30
    jwks_fetch_s_max: int = 5

    # What a request may bring.
    body_bytes_max: int = 65_536
    bulk_body_bytes_max: int = 8 * 1024 * 1024
    bulk_length_max: int = 10_000
    header_bytes_max: int = 32_768
    request_read_s_max: int = 30
    request_bytes_per_s_min: int = 1_024
    keep_alive_s: int = 75
    connections_max: int = 10_000
    clock_ahead_hours_max: int = 24

    # How the ledger writes.
    queue_length_max: int = 20_000
    batch_rows_max: int = 1_000
    bulk_chunk_rows: int = 1_000
    retry_after_s: int = 1
    reader_connections: int = 2
    stop_s_max: int = 8
    expiry_interval_s: int = 30
    store_busy_ms_max: int = 5_000

    # What is shown to whom.
    cors_origins: tuple[str, ...] = ("*",)
    metrics_public: bool = False
    log_requests: bool = False
    log_level: str = "info"

    @property
    def local_issuer_on(self) -> bool:
        """Own tokens are believed unless an OIDC issuer is set and `local_tokens` is off."""
        return self.local_tokens or not self.oidc_issuer

    def address(self, port: int) -> str:
        """Where the server is found; `port` is the one it listens on, which a setting of 0 leaves open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"


def load(environment: Mapping[str, str] = os.environ, **flags: Any) -> Settings:
    """Defaults, then HYDROBIT_* variables, then the flags that are not None.

    Raises SettingError for an unknown HYDROBIT_* name or a value that cannot be used.
    """
    known = {PREFIX + field.name.upper(): field for field in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            raise SettingError(f"{name} is not a setting; see docs/reference/settings.md for those that are")
        values[known[name].name] = _read(name, text, getattr(Settings(), known[name].name))
    values |= {name: value for name, value in flags.items() if value is not None}
    settings = replace(Settings(), **values)
    _check(settings)
    return settings


def _read(name: str, text: str, default: object) -> object:
    match default:
        case bool():
            words = {
                "1": True,
                "true": True,
                "yes": True,
                "on": True,
                "0": False,
                "false": False,
                "no": False,
                "off": False,
            }
            if text.strip().lower() not in words:
                raise SettingError(f"{name} is {text!r}; it must be true or false")
            return words[text.strip().lower()]
        case int():
            if not (text.strip().isascii() and text.strip().isdigit()):
                raise SettingError(f"{name} is {text!r}; it must be a whole number")
            return int(text)
        case tuple():
            return tuple(part.strip() for part in text.split(",") if part.strip())
        case Path():
            return Path(text)
        case _:
            return text


def _check(settings: Settings) -> None:
    """Refuse what would fail later or hurt silently."""
    if not 0 <= settings.port <= 65_535:
        raise SettingError(f"the port is {settings.port}; it must lie between 0 and 65535")
    may_be_zero = {"port", "clock_leeway_s"}
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if isinstance(value, int) and not isinstance(value, bool) and field.name not in may_be_zero and value < 1:
            raise SettingError(f"{PREFIX}{field.name.upper()} is {value}; it must be at least 1")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise SettingError(f"{PREFIX}LOG_LEVEL is {settings.log_level!r}; it must be debug, info, warning or error")
    given = [bool(settings.oidc_issuer), bool(settings.oidc_audience), bool(settings.oidc_jwks_url)]
    if any(given) and not all(given):
        raise SettingError(
            "OIDC needs all three: HYDROBIT_OIDC_ISSUER, HYDROBIT_OIDC_AUDIENCE and HYDROBIT_OIDC_JWKS_URL"
        )
    allowed = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
    if not settings.oidc_algorithms or not set(settings.oidc_algorithms) <= allowed:
        raise SettingError(f"{PREFIX}OIDC_ALGORITHMS must name some of: {', '.join(sorted(allowed))}")
    if settings.oidc_jwks_url and not _keeps_keys_safe(settings.oidc_jwks_url):
        raise SettingError(
            f"{PREFIX}OIDC_JWKS_URL must begin with https://, so that the keys cannot be changed on their way"
        )


def _keeps_keys_safe(url: str) -> bool:
    """Whether nobody between here and there can change the answer: https, or this very machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1"))
    )
