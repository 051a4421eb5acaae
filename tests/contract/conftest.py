"""The two documents that these tests compare."""

import pickle
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


@pytest.fixture(scope="session")
def once_derived() -> bytes:
    return pickle.dumps(document(OPERATIONS, "0"))


@pytest.fixture
def derived(once_derived: bytes) -> Json:
    """The document of the table, one for every test, so that a test may spoil it."""
    whole: Json = pickle.loads(once_derived)
    return whole
