"""Every setting is documented, used, and named with its unit."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import hydrobit
from hydrobit.settings import PREFIX, Settings

HOUSE = Path(hydrobit.__path__[0])
REFERENCE = HOUSE.parent.parent / "docs" / "reference" / "settings.md"
UNITS = (
    "_s",
    "_s_min",
    "_s_max",
    "_ms_max",
    "_bytes_max",
    "_rows",
    "_rows_max",
    "_length_max",
    "_hours_max",
    "_max",
    "_min",
)
NUMBERS_WITHOUT_UNIT = {"port", "reader_connections", "writer_connections", "workers"}

names = [field.name for field in fields(Settings)]


@pytest.mark.parametrize("name", names)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in REFERENCE.read_text("utf-8")


@pytest.mark.parametrize("name", names)
def test_every_setting_is_used(name: str) -> None:
    code = "\n".join(file.read_text("utf-8") for file in HOUSE.rglob("*.py") if file.name != "settings.py")
    assert re.search(rf"\b{name}\b", code)


@pytest.mark.parametrize("name", [name for name in names if type(getattr(Settings(), name)) is int])
def test_a_number_says_its_unit(name: str) -> None:
    assert name.endswith(UNITS) or name in NUMBERS_WITHOUT_UNIT
