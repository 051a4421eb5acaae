"""The real tools that samples run with, and what their Debian packages are called."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE_S_MAX = 60
WEBSOCKET = "NODE_OPTIONS"
"""Node.js 20 has a browser's WebSocket only when it is told to; from 22 on it has one anyway."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What runs a language. `probe` is a command that succeeds where all of it is there; it tells the version first."""

    packages: str
    probe: str


_PROBE_CSHARP = "echo 'class P { static void Main() {} }' > P.cs && mcs -r:System.Net.Http P.cs && mono P.exe"
TOOLS: Mapping[str, Tool] = {
    "curl": Tool("curl", "curl --version"),
    "javascript": Tool("nodejs (20 or newer)", "node --version && node -e 'new WebSocket(\"ws://127.0.0.1:9\")'"),
    "node": Tool("nodejs", "node --version"),
    "python": Tool("python3", "python3 --version"),
    "java": Tool("openjdk-17-jdk-headless", "java --version && javac --version"),
    "csharp": Tool("mono-mcs mono-runtime libmono-system-net-http4.0-cil", f"mcs --version && {_PROBE_CSHARP}"),
    "php": Tool("php-cli php-curl", "php --version && php -r 'exit(extension_loaded(\"curl\") ? 0 : 1);'"),
    "go": Tool("golang-go", "go version"),
    "ruby": Tool("ruby", "ruby --version"),
    "r": Tool("r-base-core r-cran-httr", "Rscript -e 'writeLines(R.version.string); library(httr); library(jsonlite)'"),
}


def environment(home: Path, key: str) -> dict[str, str]:
    """What a sample may know of the machine: no proxy, no setting of its user's. What Go compiles stays in `home`."""
    more = {WEBSOCKET: "--experimental-websocket"} if key == "javascript" else {}
    return {"PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8", "GOTOOLCHAIN": "local"} | more


def version(key: str, home: Path) -> str | None:
    """The first line that the language's tool tells of itself; None where it, or a part of it, is missing."""
    folder = home / f"probe-{key}"
    folder.mkdir(exist_ok=True)
    try:
        told = subprocess.run(
            ["sh", "-c", TOOLS[key].probe],
            cwd=folder,
            env=environment(home, key),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    lines = os.fsdecode(told.stdout).strip().splitlines()
    return lines[0].partition(" (")[0] if told.returncode == 0 and lines else None
