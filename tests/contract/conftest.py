"""The two documents that these tests compare."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hydrobit.catalog import OPERATIONS
from hydrobit.publish.openapi import document

Json = dict[str, Any]


@pytest.fixture(scope="session")
def published() -> Json:
    """The contract, as it was published."""
    loaded: Json = yaml.safe_load((Path(__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def derived() -> Json:
    """The document of the table, afresh for every test, so that a test may spoil it."""
    return document(OPERATIONS, "0")
