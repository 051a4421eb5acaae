"""The derived pages of docs/reference are those of the code."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.publish.reference import pages
from hydrobit.settings import Settings

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def derived_pages() -> Mapping[str, str]:
    return pages(OPERATIONS, Settings, version("hydrobit"))


def test_the_committed_pages_are_the_derived_ones(derived_pages: Mapping[str, str]) -> None:
    assert derived_pages
    for name, text in derived_pages.items():
        committed = (REFERENCE / name).read_text(encoding="utf-8")
        assert committed == text, f"docs/reference/{name} is out of date: run scripts/derive_reference.py"


def test_every_setting_has_its_line(derived_pages: Mapping[str, str]) -> None:
    lines = derived_pages["settings.md"].count("| `HYDROBIT_")
    assert lines == len(Settings.__dataclass_fields__)
