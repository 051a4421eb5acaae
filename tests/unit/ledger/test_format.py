"""docs/reference/ledger-format.md is exact: what is written from it alone finds the server's ledgers sound."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.kit import canonical
from hydrobit.ledger.entry import FORMAT, Kind, Source
from tests.docs.pages import blocks
from tests.unit.ledger import independent
from tests.unit.ledger.books import write_a_day

TEXT = independent.PAGE.read_text("utf-8")
values = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300), st.text(max_size=40), st.binary(max_size=40)
)


async def test_an_independent_verifier_agrees_with_ours(tmp_path: Path) -> None:
    sound = await write_a_day(tmp_path / "data")
    found = independent.verify(tmp_path / "data")
    assert {company.company: (company.entries, company.units) for company in sound} == {
        company: (ledger.entries, ledger.units) for company, ledger in found.items()
    }
    assert min(ledger.entries for ledger in found.values()) > 3


@given(st.lists(values, min_size=21, max_size=21))
def test_the_canonical_bytes_are_as_described(row: list[object]) -> None:
    assert canonical.chain(independent.GENESIS, FORMAT, row) == independent.link(independent.GENESIS, row)


@pytest.mark.parametrize("length", [31, 32, 255, 256, 65_535, 65_536])
def test_long_texts_and_bytes_are_as_described(length: int) -> None:
    for value in ("a" * length, b"a" * length):
        row: list[object] = [value, *[None] * 20]
        assert canonical.chain(independent.GENESIS, FORMAT, row) == independent.link(independent.GENESIS, row)


def test_the_page_names_every_kind_and_source() -> None:
    kinds = re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE)
    assert {name: int(number) for number, name in kinds} == {kind.name: kind.value for kind in Kind}
    assert ", ".join(f"{source.value} {source.name}" for source in Source) in TEXT


def test_the_page_s_example_is_right() -> None:
    entry, result = (block.text for block in blocks(independent.PAGE))
    row = [
        bytes.fromhex(value[4:]) if isinstance(value, str) and value.startswith("hex:") else value
        for value in json.loads(entry)
    ]
    packed, link = result.removeprefix("canonical bytes").split("link")
    assert independent.pack(row).hex() == re.sub(r"\s", "", packed)
    assert independent.link(independent.GENESIS, row).hex() == link.strip()
    assert canonical.salted_digest(bytes(range(16)), "John Smith") == row[14]
