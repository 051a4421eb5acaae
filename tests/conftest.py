"""What every test shares."""

import pytest

from tests.tools import pytest_terminal_summary as pytest_terminal_summary


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Async tests run on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}
