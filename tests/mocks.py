"""The mock server in tests: on the test's own event loop, with its spaces at hand."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from hydrobit.catalog import OPERATIONS
from hydrobit.mock import serving
from hydrobit.mock.faults import Plan, no_faults
from hydrobit.mock.spaces import Spaces
from hydrobit.operation import Operation
from hydrobit.settings import Settings
from tests import engines
from tests.forks import Forked
from tests.servers import RunningServer

PLACEHOLDER = "<YOUR_JWT_HERE>"
RECORDS = "/api/control/production/records"
ROWS = {row.name: row for row in OPERATIONS}
ANSWER_S_MAX = 30


@dataclass(frozen=True)
class RunningMock:
    """A mock that listens."""

    address: str
    spaces: Spaces
    client: httpx.AsyncClient

    async def call(
        self,
        name: str,
        token: str = PLACEHOLDER,
        /,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        prefix: str = "",
        path: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Calls a row with its examples, and what is said otherwise."""
        row = ROWS[name]
        said = {"authorization": f"Bearer {token}"} | (headers or {})
        return await self.client.request(
            row.http.method,
            prefix + path_of(row, path),
            params={one.name: one.example for one in row.parameters if one.place == "query"},
            json=example(row) if body is None else body,
            headers=said,
        )


def example(row: Operation) -> Any:
    """The first example of a body, None where the row takes none."""
    return next(iter(row.request_examples.values()), None)


def path_of(row: Operation, other: dict[str, str] | None = None) -> str:
    """The path with its examples, or with other values."""
    path = row.http.path
    for parameter in row.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", (other or {}).get(parameter.name, str(parameter.example)))
    return path


def event(number: int, **changes: Any) -> dict[str, Any]:
    """The published count under an event id of its own."""
    body: dict[str, Any] = example(ROWS["createProductionRecord"])
    return body | {"clientEventId": f"event-{number}"} | changes


@asynccontextmanager
async def running(*, plan: Plan = no_faults, **settings: Any) -> AsyncIterator[RunningMock]:
    """A mock on a free port, with these settings; `plan` says which calls meet faults."""
    chosen = replace(Settings(), port=0, **settings)
    async with (
        serving.listening(chosen, plan=plan) as (address, spaces),
        httpx.AsyncClient(base_url=address, timeout=ANSWER_S_MAX, trust_env=False) as client,
    ):
        yield RunningMock(address, spaces, client)


@contextmanager
def process(headers: Mapping[str, str] | None = None) -> Iterator[RunningServer]:
    """`hydrobit mock` on a free port, in a process of its own; its callers send `headers` besides."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with open(f"{folder}/log", "w") as log:
            forked = Forked("hydrobit", ("mock", "--port", "0"), engines.clean_environment(data), log.fileno())
        try:
            yield RunningServer(data, forked, forked.stdout.readline().strip(), headers)
        finally:
            forked.kill()
            forked.stdout.close()
