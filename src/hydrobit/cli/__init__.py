"""The command line: parsing and printing only, no rules. Server parts are imported when a command needs them."""

import os
import sys
from importlib import import_module
from importlib.metadata import version

import cyclopts

from hydrobit.errors import HydrobitError

COMMANDS = {
    "certify": ("certify",),
    "copy": ("copy",),
    "devices": ("device",),
    "explain": ("explain",),
    "forms": ("form", "task"),
    "outbox": ("outbox", "record", "sync", "watch"),
    "people": ("audit", "company", "key", "user"),
    "projects": ("project", "sector"),
    "run": ("demo", "mock", "serve", "serve-process"),
    "samples": ("samples",),
    "sessions": ("session",),
    "store": ("asyncapi", "backup", "held", "migrate", "openapi", "operations", "verify"),
    "tokens": ("signing-key", "token"),
    "workers": ("template", "worker"),
}
"""The modules of this package and the commands that importing them registers. One command starts in half the time."""

app = cyclopts.App(
    name="hydrobit",
    help="Hydrobit, the open server: a ledger of farm work.",
    version=version("hydrobit"),
)


def main() -> None:
    """Runs one command. An expected error is one sentence on standard error and exit status 1."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    module = next((name for name, commands in COMMANDS.items() if wanted in commands), None)
    for name in (module,) if module else COMMANDS:  # help, and a mistyped command, are told of all of them
        import_module(f"hydrobit.cli.{name}")

    os.umask(0o077)  # what a command makes holds people's names and work: stores, backups and keys are their owner's
    try:
        app()
    except HydrobitError as e:
        print(f"hydrobit: {e}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as e:
        if e.name and e.name.split(".")[0] == "hydrobit":
            raise
        print(f"hydrobit: {e.name} is missing; install hydrobit[server] for this command", file=sys.stderr)
        sys.exit(1)
