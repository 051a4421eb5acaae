"""The catalogue of codes: each one can happen, is documented, and none stands twice."""

import re
from pathlib import Path

import pytest

import hydrobit
from hydrobit.catalog import OPERATIONS
from hydrobit.errors import CATALOGUE, Code

HOUSE = Path(hydrobit.__path__[0])
DOCUMENTED = HOUSE.parent.parent / "docs" / "reference" / "errors.md"
NOT_RAISED_YET: dict[Code, str] = {}
"""Codes that the contract fixes and only a later operation can raise, each with its reason."""


def code_of_the_house() -> str:
    return "\n".join(file.read_text("utf-8") for file in HOUSE.rglob("*.py") if file.name != "errors.py")


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_raised_somewhere(code: Code) -> None:
    uses = len(re.findall(rf"\bCode\.{code.name}\b", code_of_the_house()))
    assert bool(uses) != (code in NOT_RAISED_YET), f"{uses} places raise {code}"


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_one_meaning_and_is_documented(code: Code) -> None:
    assert code in CATALOGUE
    assert code.name == code.value
    assert f"`{code}`" in DOCUMENTED.read_text("utf-8")


def test_every_row_lists_codes_of_the_catalogue_once() -> None:
    for operation in OPERATIONS:
        assert len(set(operation.errors)) == len(operation.errors), operation.name


def test_messages_tell_the_codes_apart() -> None:
    messages = [meaning.message for meaning in CATALOGUE.values()]
    assert len(set(messages)) == len(messages)
