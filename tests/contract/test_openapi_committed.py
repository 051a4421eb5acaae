"""The derived pages of docs/reference are those of the code."""

from importlib.metadata import version
from pathlib import Path

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.publish.reference import pages
from hydrobit.settings import Settings

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = pages(OPERATIONS, Settings, version("hydrobit"))


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_the_derived_one(name: str) -> None:
    committed = (REFERENCE / name).read_text(encoding="utf-8")
    assert committed == PAGES[name], f"docs/reference/{name} is out of date: run scripts/derive_reference.py"


def test_every_setting_has_its_line() -> None:
    lines = PAGES["settings.md"].count("| `HYDROBIT_")
    assert lines == len(Settings.__dataclass_fields__)
