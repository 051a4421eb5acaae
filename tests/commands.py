"""The command `hydrobit` as an operator runs it: a process of its own, without the settings of this one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND_S_MAX = 60


def hydrobit(*words: str | Path, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """One command, run to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HYDROBIT_")}
    return subprocess.run(
        [sys.executable, "-m", "hydrobit", *map(str, words)],
        capture_output=True,
        text=True,
        env=clean | dict(environment or {}),
        timeout=COMMAND_S_MAX,
        check=False,
    )


def printed(*words: str | Path) -> str:
    """What a command that succeeds prints."""
    done = hydrobit(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
