"""The server in which every peer runs: uvicorn exactly as Hydrobit runs it, with its limits and default settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from hydrobit.app import settle_memory
from hydrobit.errors import Refused
from hydrobit.settings import Settings
from hydrobit.transport.http import server
from hydrobit.transport.http.shell import Answer


def serve(app: Any, port: int, *, lifespan: Literal["on", "off"] = "off") -> None:
    """Serve an ASGI application on loopback until the process is told to end."""
    running = server.build(app, replace(Settings(), port=port), refuse)
    running.config.lifespan = lifespan
    settle_memory()
    running.run()


def refuse(refused: Refused, _path: str) -> Answer:
    """An answer for what goes wrong before an application is reached. No measured call gets one."""
    return Answer(400, str(refused).encode(), content_type=b"text/plain")
