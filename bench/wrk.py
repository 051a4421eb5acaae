"""The load: one run of wrk with one of the scripts in bench/load, and what it saw."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import BenchError

SCRIPTS = Path(__file__).parent / "load"
TIMEOUT_SECONDS = 20
USER = "user_123456789"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, as whom, and into which sessions."""

    url: str
    token: str
    sessions: tuple[str, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk counted in one run. Latencies are microseconds from the sending of a request to its whole answer."""

    requests: int
    duration_us: int
    status_errors: int
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int
    ok: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A result, and the share of its core that wrk used: near 1.0 the load, not the server, was the limit."""

    result: Result
    load_share: float


def create(target: Target, *, connections: int, seconds: float, seed: int, core: int) -> Run:
    """Create records one by one over so many connections. Raises BenchError on any answer that is not 2xx."""
    return _run("create.lua", target, connections, seconds, core, {"BENCH_SEED": str(seed)})


def bulk(target: Target, *, batch: int, connections: int, seconds: float, seed: int, core: int) -> Run:
    """Hand in records by bulk calls of `batch`. Raises BenchError on any element that is not 201."""
    return _run("bulk.lua", target, connections, seconds, core, {"BENCH_SEED": str(seed), "BENCH_BATCH": str(batch)})


def _run(script: str, target: Target, connections: int, seconds: float, core: int, variables: Mapping[str, str]) -> Run:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise BenchError("The load generator wrk is missing. Install it: apt-get install wrk")
    environment = {
        **os.environ,
        "BENCH_LUA": str(SCRIPTS),
        "BENCH_USER": USER,
        "BENCH_TOKEN": target.token,
        "BENCH_SESSIONS": ",".join(target.sessions),
        **variables,
    }
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", f"--timeout={TIMEOUT_SECONDS}s"]
    process = subprocess.Popen(
        [*command, f"-s{SCRIPTS / script}", target.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        before = os.times()
        output, _ = process.communicate(timeout=seconds + 2 * TIMEOUT_SECONDS)
        after = os.times()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    result = _parse(output.decode(errors="replace"))
    _demand_clean(result)
    return Run(result, load_share=used * 1e6 / result.duration_us)


def _parse(output: str) -> Result:
    for line in reversed(output.splitlines()):
        if line.startswith("RESULT "):
            return msgspec.json.decode(line.removeprefix("RESULT "), type=Result)
    raise BenchError(f"wrk gave no result:\n{output}")


def _demand_clean(result: Result) -> None:
    """A rate over errors is no rate."""
    errors = {
        "answers that are not 2xx": result.status_errors,
        "failed connections": result.connect_errors,
        "read errors": result.read_errors,
        "write errors": result.write_errors,
        "timeouts": result.timeouts,
        "bulk elements that are not 201": result.refused,
    }
    seen = ", ".join(f"{count} {what}" for what, count in errors.items() if count)
    if seen or not result.requests:
        raise BenchError(f"The load saw {seen or 'no answer at all'} in {result.requests} requests.")
