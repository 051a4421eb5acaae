"""The command `hydrobit` as an operator runs it: a process with the settings of its data directory alone."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests import engines, forks

COMMAND_S_MAX = 60


def hydrobit(*words: str | Path, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """One command, run to its end."""
    variables = engines.environment_of(*words) | dict(environment or {})
    return forks.run("hydrobit", [*map(str, words)], variables, COMMAND_S_MAX)


def printed(*words: str | Path) -> str:
    """What a command that succeeds prints."""
    done = hydrobit(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
