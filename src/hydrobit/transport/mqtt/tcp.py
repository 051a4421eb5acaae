"""MQTT on plain TCP or TLS, for devices that speak no WebSocket; off unless a setting names an address."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from hydrobit.errors import SettingError
from hydrobit.settings import Settings
from hydrobit.transport.mqtt.carrying import Carrying
from hydrobit.transport.mqtt.clients import Clients
from hydrobit.transport.mqtt.connection import Head

BACKLOG = 2_048
"""Connections that wait to be taken: devices come back together."""


class Tcp(Carrying):
    """One connection. It is one of the server's, which holds `connections_max` at most on all its ports."""

    def __init__(self, clients: Clients, connections: set[Any], unsent_s_max: float, connections_max: int) -> None:
        super().__init__(clients, connections, unsent_s_max)
        self._connections_max = connections_max

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._connections) > self._connections_max:
            self.abort()
        else:
            self.begin(Head())

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.received(data)


async def listen(settings: Settings, make: Callable[[], Tcp], *, shares_port: bool) -> asyncio.Server:
    """Listens at `mqtt_listen`. Raises SettingError where that cannot be."""
    host, port = address(settings.mqtt_listen)
    tls = _tls(settings)
    try:
        return await asyncio.get_running_loop().create_server(
            make,
            host,
            port,
            ssl=tls,
            backlog=BACKLOG,
            reuse_port=shares_port or None,
            ssl_handshake_timeout=settings.mqtt_connect_s_max if tls is not None else None,
        )
    except OSError as e:
        raise SettingError(f"MQTT cannot listen at {settings.mqtt_listen}: {e.strerror or e}") from e


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`; an IPv6 host stands in brackets. Raises SettingError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise SettingError(f"HYDROBIT_MQTT_LISTEN is {text!r}; it must be host:port, such as 0.0.0.0:1883")
    return host, int(port)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    certificate, key = settings.mqtt_tls_certificate, settings.mqtt_tls_key
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as e:
        raise SettingError(f"the certificate {certificate} and its key cannot be used: {e}") from e
    return context
