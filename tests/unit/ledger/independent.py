"""A verifier that knows the ledger from docs/reference/ledger-format.md alone: no code of the server, no MessagePack
library. Its columns are those of the page's table.
"""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tests import engines

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "ledger-format.md"
COLUMNS = re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8").partition("## Entries")[2], re.MULTILINE)
GENESIS = bytes(32)
DESCRIBED = 10


class Ledger(NamedTuple):
    entries: int
    units: int
    link: bytes


def link(previous: bytes, values: Sequence[object]) -> bytes:
    return sha256(previous + b"\x01" + pack(values)).digest()


def pack(values: Sequence[object]) -> bytes:
    assert 16 <= len(values) < 1 << 16
    return b"\xdc" + len(values).to_bytes(2, "big") + b"".join(map(_pack_one, values))


def _pack_one(value: object) -> bytes:
    match value:
        case None:
            return b"\xc0"
        case int():
            return _pack_whole(value)
        case str():
            text = value.encode()
            if len(text) < 32:
                return bytes([0xA0 | len(text)]) + text
            return _head(len(text), b"\xd9\xda\xdb") + text
        case bytes():
            return _head(len(value), b"\xc4\xc5\xc6") + value
    raise TypeError(f"no form for {value!r}")


def _pack_whole(value: int) -> bytes:
    if -32 <= value < 128:
        return value.to_bytes(1, "big", signed=value < 0)
    heads, is_negative = (b"\xd0\xd1\xd2\xd3", True) if value < 0 else (b"\xcc\xcd\xce\xcf", False)
    size = next(size for size in (1, 2, 4, 8) if _fits(value, size))
    return heads[size.bit_length() - 1 :][:1] + value.to_bytes(size, "big", signed=is_negative)


def _fits(value: int, size: int) -> bool:
    return value >= -(1 << 8 * size - 1) if value < 0 else value < 1 << 8 * size


def _head(length: int, heads: bytes) -> bytes:
    size = next(size for size in (1, 2, 4) if length < 1 << 8 * size)
    return heads[size.bit_length() - 1 :][:1] + length.to_bytes(size, "big")


def verify(data: Path) -> dict[int, Ledger]:
    """Every company's ledger in a store. AssertionError where one does not hold."""
    for digest, salt, text in engines.rows(data, "select digest, salt, text from personal where text is not null"):
        assert sha256(salt + text.encode()).digest()[:16] == digest
    heads = engines.rows(data, "select company, prefix, seq, units, hash from head")
    return {company: _verify(data, company, *head) for company, *head in heads}


def _verify_texts(data: Path, company: int, entry: dict[str, Any]) -> None:
    """Every digest of an entry has its row in `personal`, a name's with its worker as subject."""
    wanted = {entry["name_digest"]: entry["worker_id"], entry["note_digest"]: None}
    if entry["kind"] == DESCRIBED:
        facts = json.loads(entry["facts"])
        wanted |= {bytes.fromhex(facts[name]): None for name in ("plateDigest", "driverDigest") if name in facts}
    for digest, subject in wanted.items():
        if digest is not None:
            found = engines.rows(data, "select subject from personal where company = ? and digest = ?", company, digest)
            assert found == [(subject,)], f"the text of seq {entry['seq']}"


def _verify(data: Path, company: int, prefix: int, last: int, units: int, end: bytes) -> Ledger:
    found = Ledger(0, 0, GENESIS)
    rows = engines.rows(data, f"select hash, {', '.join(COLUMNS)} from entry where company = ? order by seq", company)
    for stored, *values in rows:
        entry = dict(zip(COLUMNS, values, strict=True))
        seq = found.entries + 1
        assert (entry["seq"], entry["entry_id"]) == (seq, company << 40 | seq)
        assert link(found.link, values) == stored, f"the link of seq {seq}"
        _verify_texts(data, company, entry)
        found = Ledger(seq, found.units + entry["units"], stored)
        assert seq < last or entry["prefix"] == prefix
    assert found == (last, units, end), "the head"
    return found
