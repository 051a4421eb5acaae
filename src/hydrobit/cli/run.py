"""`serve`, `demo` and `mock`: the commands that run a server."""

import asyncio
import io
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO, cast

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import Data, now, opened, settings
from hydrobit.errors import Refused, SettingError, StoreError
from hydrobit.settings import Settings

Host = Annotated[str | None, Parameter(name="--host", help="The address to listen at (HYDROBIT_HOST).")]
Port = Annotated[int | None, Parameter(name="--port", help="The port; 0 takes a free one (HYDROBIT_PORT).")]


@app.command
def serve(
    *,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    demo: Annotated[bool, Parameter(help="Add the demo company to an empty store; on this machine only.")] = False,
    workers: Annotated[
        int | None, Parameter(help="Server processes on the port, over PostgreSQL (HYDROBIT_WORKERS).")
    ] = None,
    broker: Annotated[
        str | None,
        Parameter(
            help="The MQTT broker to take messages from: mqtt://host:port or mqtts://host:port. A list of processes "
            "shows it, so that a password is better set in HYDROBIT_BROKER_URL."
        ),
    ] = None,
) -> None:
    """Run the server until it is told to stop."""
    import uvloop

    from hydrobit import app as house

    chosen = settings(host=host, port=port, data=data, workers=workers, broker_url=broker)
    if chosen.workers > 1:
        sys.exit(serve_by_several(chosen, demo))
    require_free_port(chosen)
    if demo:
        add_demo_company(chosen)
    log_json(chosen)
    uvloop.run(house.serve(chosen, started=lambda port: print(chosen.address(port), flush=True)))


def serve_by_several(chosen: Settings, demo: bool) -> int:
    """Runs the processes that serve, and returns the exit status. Raises SettingError."""
    from hydrobit import processes

    if not chosen.database_url:
        raise SettingError(
            f"HYDROBIT_WORKERS is {chosen.workers}, and the store is a file in {chosen.data}, which one process owns: "
            "leave it at 1, or move to PostgreSQL with HYDROBIT_DATABASE_URL"
        )
    require_free_port(chosen)
    log_json(chosen)
    os.environ["HYDROBIT_BROKER_URL"] = chosen.broker_url  # a flag of theirs would show its password
    listening = processes.listen(chosen, chosen.workers)
    with tempfile.TemporaryDirectory(prefix="hydrobit-") as numbers:
        if demo:
            add_demo_company(chosen)
        port = listening[0].getsockname()[1]
        flags = ["--data", str(chosen.data), "--host", chosen.host, "--port", str(port)]
        running = processes.Processes(
            partial(processes.command, listening, numbers, flags),
            listening,
            stop_s_max=chosen.stop_s_max,
            started=lambda: print(chosen.address(port), flush=True),
        )
        return asyncio.run(running.run())


@app.command(name="serve-process", show=False)
def serve_process(*, listening: int, numbers: Path, place: int, host: Host, port: Port, data: Data) -> None:
    """Run one of several server processes; `serve --workers` does it."""
    import uvloop

    from hydrobit import app as house
    from hydrobit import processes

    chosen = settings(host=host, port=port, data=data)
    log_json(chosen)

    async def run() -> None:
        processes.stop_with_parent(asyncio.get_running_loop())
        own = house.Place(socket.socket(fileno=listening), numbers, place)
        await house.serve(chosen, started=lambda port: print("serves", flush=True), place=own)

    uvloop.run(run())


@app.command
def demo(*, host: Host = None, port: Port = None, data: Data = None) -> None:
    """Play a harvest morning through the public API, then serve until Ctrl-C."""
    import uvloop

    from hydrobit.morning import serving

    chosen = settings(host=host, port=port, data=data)
    require_free_port(chosen)
    if not add_demo_company(chosen):
        raise StoreError(f"the store in {chosen.data} holds other companies, not the demo's; choose one with --data")
    log_json(chosen)
    uvloop.run(serving.serve_and_play(chosen))


@app.command
def mock(
    *,
    host: Host = None,
    port: Port = None,
    fault: Annotated[
        str, Parameter(help="Faults that calls meet, as in x-mock-fault: lose-answer, slow;ms=500 and the like.")
    ] = "",
    fault_every: Annotated[int, Parameter(help="Which calls of a space meet them: the first, and then every nth.")] = 2,
) -> None:
    """Run the mock server: the real rules over memory, any token, and nothing is kept."""
    import uvloop

    from hydrobit.mock import faults, serving

    if fault_every < 1:
        raise SettingError("--fault-every must be at least 1")
    try:
        dialled = faults.read(fault)
    except Refused as e:
        raise SettingError(f"--fault: {e.detail}") from e
    chosen = settings(host=host, port=port)
    require_free_port(chosen)
    log_json(chosen)
    plan = faults.every(fault_every, dialled)
    uvloop.run(serving.serve(chosen, plan=plan, started=lambda port: print(chosen.address(port), flush=True)))


def require_free_port(chosen: Settings) -> None:
    """Asks for the port before anything is made. Raises SettingError when the address cannot be listened at."""
    try:
        found = socket.getaddrinfo(chosen.host, chosen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as e:
        raise SettingError(f"the host {chosen.host} cannot be found: {e.strerror}") from e
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as e:
                raise SettingError(
                    f"{chosen.address(chosen.port)} cannot be served: {e.strerror}; "
                    "stop what runs there, perhaps another Hydrobit, or choose another address with --port or --host"
                ) from e


def add_demo_company(chosen: Settings) -> bool:
    """Adds the demo company to an empty store, and says whether its admin is there.

    Raises SettingError off loopback: its users are known to everyone.
    """
    from hydrobit.demo.company import ADMIN, COMPANY, add_demo
    from hydrobit.identity import store as identity

    if not _is_loopback(chosen.host):
        raise SettingError(f"the demo company is refused on {chosen.host}: use 127.0.0.1, or leave the demo out")
    with opened(chosen, must_exist=False) as store:
        store.write(add_demo, now(), os.urandom)
        admin = store.read(identity.user, ADMIN)
    return admin is not None and admin.company_id == COMPANY


def log_json(chosen: Settings) -> None:
    """Logs as JSON lines on standard error, our own and the libraries'; no token ever enters one."""
    import structlog

    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    lines = cast(TextIO, _Lines())
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, chosen.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(lines)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[libraries], force=True)


class _Lines(io.TextIOBase):
    """Standard error for logs: a full disk or a broken pipe costs a line, never the answer that was to be logged."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
