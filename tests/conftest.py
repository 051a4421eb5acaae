"""What every test shares."""

from collections import Counter

import pytest

from tests.tools import pytest_terminal_summary as pytest_terminal_summary


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Async tests run on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Numbers tests that share a name: those made for each operation do, and of one name xdist runs only one."""
    times: Counter[str] = Counter()
    for item in items:
        times[item.nodeid] += 1
        if times[item.nodeid] > 1:
            item._nodeid = f"{item.nodeid}[{times[item.nodeid]}]"  # type: ignore[attr-defined]
