"""Devices on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import gate as gates
from tests.each_engine import tmp_path_factory as tmp_path_factory
from tests.gate import Gate


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gates.opened(tmp_path) as gate:
        yield gate
