"""A fixture for the folders whose tests run on each engine; their conftest imports it by its name."""

import pytest


@pytest.fixture(scope="module")
def tmp_path_factory(store_engine: str, tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Whoever has a folder runs on each engine; what needs none, once."""
    return tmp_path_factory
