"""The command line: parsing and printing only, no rules. Server parts are imported when a command needs them."""

import os
import sys
from importlib.metadata import version

import cyclopts

from hydrobit.errors import HydrobitError

app = cyclopts.App(
    name="hydrobit",
    help="Hydrobit, the open server: a ledger of farm work.",
    version=version("hydrobit"),
)


def main() -> None:
    """Runs one command. An expected error is one sentence on standard error and exit status 1."""
    # Importing them registers their commands.
    from hydrobit.cli import admin, copy, explain, forms, people, projects, run, sessions, store, workers  # noqa: F401

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
