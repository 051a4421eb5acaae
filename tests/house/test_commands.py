"""What holds of the command line as a whole."""

import subprocess
import sys

import pytest

from hydrobit.cli import COMMANDS

PROGRAM = """
import sys
from importlib import import_module
from hydrobit.cli import app
before = set(app)
import_module(f"hydrobit.cli.{sys.argv[1]}")
print(*sorted(set(app) - before))
"""


def registered(module: str) -> set[str]:
    """The commands that are there once a module was imported, beside those that every one has."""
    printed = subprocess.run([sys.executable, "-c", PROGRAM, module], check=True, capture_output=True, text=True)
    return set(printed.stdout.split())


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_registers_the_commands_that_are_listed_as_its_own(module: str) -> None:
    also = set(COMMANDS["store"]) if module == "copy" else set()  # a copy verifies, and so imports that command
    assert registered(module) == set(COMMANDS[module]) | also


def test_a_mistyped_command_is_told_of_all_of_them() -> None:
    asked = subprocess.run([sys.executable, "-m", "hydrobit", "--help"], check=True, capture_output=True, text=True)
    told = {word for line in asked.stdout.splitlines() for word in line.split()}
    assert {name for names in COMMANDS.values() for name in names} - {"serve-process"} <= told
