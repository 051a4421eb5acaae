"""The command `hydrobit` as an operator runs it: a process with the settings of its data directory alone."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import engines

COMMAND_S_MAX = 60


def hydrobit(*words: str | Path, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """One command, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hydrobit", *map(str, words)],
        capture_output=True,
        text=True,
        env=engines.environment_of(*words) | dict(environment or {}),
        timeout=COMMAND_S_MAX,
        check=False,
    )


def printed(*words: str | Path) -> str:
    """What a command that succeeds prints."""
    done = hydrobit(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
