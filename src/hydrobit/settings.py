"""Every setting and limit, read once from HYDROBIT_* and from flags; units stand in the names."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hydrobit.errors import SettingError

PREFIX = "HYDROBIT_"
CLIENT_PREFIX = f"{PREFIX}CLIENT_"
"""Of variables that the client's commands read; a server in the same shell passes them over."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}", re.IGNORECASE | re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Settings:
    """A field `keep_alive_s` is the variable HYDROBIT_KEEP_ALIVE_S. Lists are separated by commas."""

    data: Path = Path("data")  # The data directory: database, keys, objects, lock.
    host: str = "127.0.0.1"  # The address to listen at.
    port: int = 8080  # The port to listen at; 0 takes a free one.

    workers: int = 1  # Server processes on the port, over PostgreSQL; queues and limits of bodies are each one's own.

    # Who is believed.
    issuer: str = "hydrobit"  # `iss` of own tokens.
    audience: str = "hydrobit"  # `aud` of own tokens.
    subject_claim: str = "sub"  # The claim of an OIDC token that names the user.
    oidc_issuer: str = ""  # `iss` of the OIDC tokens that are believed beside them.
    oidc_audience: str = ""  # `aud` that OIDC tokens must carry.
    oidc_jwks_url: str = ""  # Where the OIDC issuer shows its keys; must be https.
    oidc_algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")  # Signatures that are believed.
    local_tokens: bool = True  # Whether own tokens of users are believed; those of devices always are.
    iot_audience: str = "hydrobit-iot"  # `aud` of the tokens of devices.
    iot_token_s: int = 3_600  # How long a device's token is good where nobody says otherwise.
    iot_token_s_max: int = 86_400  # The longest that may be asked for.
    clock_leeway_s: int = 30  # How far an issuer's clock may differ from ours.
    token_cache_length_max: int = 10_000  # Verified tokens, and users, that are remembered.
    facts_age_s_max: int = 5  # How late a changed role or a disabled user may be noticed; on PostgreSQL at once.
    key_use_interval_s: int = 60  # The pause between two writes of when company keys were last used.
    jwks_age_s_max: int = 3_600  # An OIDC issuer's keys are fetched again after this time.
    jwks_refetch_s_min: int = 30  # The least pause between two fetches, whatever is asked.
    jwks_fetch_s_max: int = 5  # A fetch of keys that takes longer is given up.

    # What a request may bring.
    body_bytes_max: int = 65_536  # The greatest body, unpacked.
    bulk_body_bytes_max: int = 8 * 1024 * 1024  # The greatest body of a bulk call, unpacked.
    worker_body_bytes_max: int = 17 * 1024 * 1024  # The greatest body that adds a worker: a photo travels in it.
    form_body_bytes_max: int = 64 * 1024 * 1024  # The greatest body of a filled form: photos and media travel in it.
    bulk_length_max: int = 10_000  # The most records in one bulk call.
    bodies_bytes_max: int = 256 * 1024 * 1024  # All large bodies under way hold at most that, messages as much again.
    header_bytes_max: int = 32_768  # The greatest head of a request.
    request_read_s_max: int = 30  # The time in which a request must have arrived; its body may pause so long.
    request_bytes_per_s_min: int = 1_024  # A large body gets a second more for each so many bytes.
    keep_alive_s: int = 75  # The time after which an idle connection is ended.
    connections_max: int = 10_000  # The most open connections; one more is answered 503.
    clock_ahead_hours_max: int = 24  # How far ahead of the server's clock an event may lie.
    readings_length_max: int = 1_000  # The most readings of a device in one call.

    # How the ledger writes.
    queue_length_max: int = (
        20_000  # The most records that wait to be written (on PostgreSQL, a share a writer connection); past it 503.
    )
    batch_rows_max: int = 1_000  # The most records of several callers in one transaction.
    bulk_chunk_rows: int = 1_000  # A bulk call is written in parts of this many records.
    retry_after_s: int = 1  # `Retry-After` of a 503.
    reader_connections: int = 2  # How many reads may run at the same time, besides look-ups of callers.
    stop_s_max: int = 8  # The time that requests under way get at a stop.
    expiry_interval_s: int = 30  # The pause between two looks for sessions that ran out.
    store_busy_ms_max: int = 5_000  # The longest wait for another process's write lock.

    # Where the ledger stands.
    database_url: str = ""  # postgresql://user:password@host,host/name; empty: SQLite in the data directory.
    writer_connections: int = 4  # How many units write at the same time on PostgreSQL; a connection each.
    database_away_s_max: int = 5  # How long a call waits for a PostgreSQL that is away or changes its primary.
    database_unit_s_max: int = 30  # The longest that one statement on PostgreSQL may take.
    database_may_lose: bool = False  # Whether a PostgreSQL with fsync or synchronous_commit off is used.
    keys: Path = Path("keys")  # The folder of the keys, seen from the data directory; nodes of one database share it.

    # Photos and media.
    objects_url: str = ""  # Where they are kept: s3://bucket/prefix; empty: in the data directory.
    objects_away_s_max: int = 5  # How long a call waits for a bucket that is away.
    objects_plain_http: bool = False  # Whether the bucket's endpoint may be http:// on another machine, too.
    public_url: str = ""  # How callers reach this server, for the links in answers; empty: links begin with the path.
    object_link_s: int = 3_600  # How long a link to a photo is good.
    object_grace_s: int = 86_400  # What no row names is deleted after this time.
    sweep_interval_s: int = 3_600  # The pause between two looks for it.

    # Devices, over MQTT.
    mqtt_listen: str = ""  # host:port of a plain TCP listener beside the WebSocket; empty: none.
    mqtt_tls_certificate: str = ""  # The file of its certificate chain (PEM); empty: no TLS there.
    mqtt_tls_key: str = ""  # The file of the certificate's private key, where it stands apart.
    mqtt_packet_bytes_max: int = 1_048_576  # The greatest packet; a larger bulk call goes by HTTP.
    mqtt_receive_max: int = 256  # The most messages of one connection that wait for their acknowledgement.
    mqtt_subscriptions_max: int = 16  # The most subscriptions of one connection.
    mqtt_session_s_max: int = 604_800  # The longest time that a session stays without its connection.
    mqtt_kept_sessions_max: int = 1_000  # The most sessions of one user or device that stay without their connection.
    mqtt_keep_alive_s_max: int = 1_200  # The longest keep-alive of MQTT 5; 3.1.1 may switch it off.
    mqtt_connect_s_max: int = 10  # The time in which a client must have said who it is.
    mqtt_company_connections_max: int = 10_000  # The most connections of one company to one process.
    mqtt_device_connections_max: int = 8  # The most connections of one device to one process.
    mqtt_watch_interval_s: int = 2  # The pause between two looks for rights that were withdrawn.
    mqtt_seen_interval_s: int = 20  # The pause between two words of a node about the sessions that it holds.
    dead_letters_max: int = 1_000  # The most refused messages that are kept of one company.

    # Devices, through a broker that is there already.
    broker_url: str = ""  # mqtt://user:password@host:port of it, or mqtts://; empty: none.
    broker_authorities: str = ""  # The file of who may sign its certificate (PEM); empty: whom the system trusts.
    broker_topics: tuple[str, ...] = ("control/#", "connect/+/+/+/#")  # The topic filters that are subscribed to.
    broker_session: str = "kept"  # What the broker holds for a process that died: kept, or clean where it gives it on.
    broker_session_s: int = 604_800  # How long it does so, if kept.
    broker_client_id: str = ""  # The name of this node at the broker, the same after each start; empty: the host's.

    # The mock server, whose spaces are kept in memory and hold nothing real.
    mock: bool = True  # Whether a server of one process has it at /_mock/spec/openapi.
    mock_calls_max: int = 64  # The most calls to it under way; past it 503.
    mock_spaces_max: int = 100  # The most spaces of a process; the longest unused make way.
    mock_space_age_s_max: int = 3_600  # A space that nobody used for so long is dropped.
    mock_space_bytes_max: int = 16 * 1024 * 1024  # The most that a space may hold.
    mock_bytes_max: int = 128 * 1024 * 1024  # The most that all spaces of a process hold together.

    # What is shown to whom.
    cors_origins: tuple[str, ...] = ("*",)  # Web pages that may call; `*` is every one.
    metrics_public: bool = False  # Whether /metrics answers other machines.
    log_requests: bool = False  # Whether each request gets a line in the log.
    log_level: str = "info"  # The least important level that is logged: debug, info, warning, error.

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
        if not name.startswith(PREFIX) or name.startswith(CLIENT_PREFIX):
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
            if _WHOLE_NUMBER.fullmatch(text.strip()) is None:
                raise SettingError(f"{name} is {text[:100]!r}; it must be a whole number of at most 12 digits")
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
    if settings.database_url and not settings.database_url.startswith(("postgresql://", "postgres://")):
        raise SettingError(f"{PREFIX}DATABASE_URL must begin with postgresql://; leave it empty for SQLite")
    _check_objects(settings)
    _check_broker(settings)
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise SettingError(f"{PREFIX}LOG_LEVEL is {settings.log_level!r}; it must be debug, info, warning or error")
    given = [bool(settings.oidc_issuer), bool(settings.oidc_audience), bool(settings.oidc_jwks_url)]
    if any(given) and not all(given):
        raise SettingError(
            "OIDC needs all three: HYDROBIT_OIDC_ISSUER, HYDROBIT_OIDC_AUDIENCE and HYDROBIT_OIDC_JWKS_URL"
        )
    if not settings.local_tokens and not settings.oidc_issuer:
        raise SettingError(f"{PREFIX}LOCAL_TOKENS is off and no OIDC issuer is set, so that no token would be believed")
    allowed = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
    if not settings.oidc_algorithms or not set(settings.oidc_algorithms) <= allowed:
        raise SettingError(f"{PREFIX}OIDC_ALGORITHMS must name some of: {', '.join(sorted(allowed))}")
    if settings.oidc_jwks_url and not _keeps_keys_safe(settings.oidc_jwks_url):
        raise SettingError(
            f"{PREFIX}OIDC_JWKS_URL must begin with https://, so that the keys cannot be changed on their way"
        )


def _check_objects(settings: Settings) -> None:
    """What stands in a URL is shown in errors and lists of processes, so that no credentials may."""
    if settings.objects_url and not _names_a_bucket(settings.objects_url):
        raise SettingError(
            f"{PREFIX}OBJECTS_URL must be s3://bucket or s3://bucket/prefix, and nothing else; credentials and "
            "endpoint are set by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL"
        )


def _check_broker(settings: Settings) -> None:
    """No error quotes the URL: a password may stand in it."""
    if settings.broker_url and not _names_a_broker(settings.broker_url):
        raise SettingError(
            f"{PREFIX}BROKER_URL must be mqtt://host:port or mqtts://user:password@host:port, and nothing behind it; "
            "in user and password write / as %2F, @ as %40, : as %3A"
        )
    if settings.broker_session not in ("kept", "clean"):
        raise SettingError(f"{PREFIX}BROKER_SESSION is {settings.broker_session!r}; it must be kept or clean")
    if not settings.broker_topics or not all(map(_is_topic_filter, settings.broker_topics)):
        raise SettingError(
            f"{PREFIX}BROKER_TOPICS must name topic filters such as control/#, without $ at their begin: they are "
            "subscribed to as shared ones where the broker can"
        )


def _names_a_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in ("mqtt", "mqtts")
        and bool(parts.hostname)
        and is_port
        and not (parts.path or parts.query or parts.fragment)
    )


def _is_topic_filter(text: str) -> bool:
    levels = text.split("/")
    holds = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    return holds and "#" not in levels[:-1] and not text.startswith("$")


def _names_a_bucket(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) is not None and not (parts.query or parts.fragment)


def _keeps_keys_safe(url: str) -> bool:
    """Whether nobody between here and there can change the answer: https, or this very machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1"))
    )
