"""Public ids of what the ledger numbers: a 32-bit prefix of the store's present life, then the number.

The prefix is drawn at random when a company is added and again when a backup is first opened, so an id that a phone
remembers from before a restore is never given to another record (docs/decisions/0002-record-ids.md).
"""

import re
from collections.abc import Callable

PREFIX_BYTES = 4
WORKER_ID_LENGTH = 24
_HEX16 = re.compile(r"[0-9a-f]{16}")


def new_prefix(random: Callable[[int], bytes]) -> int:
    """A prefix for the ids of one company in one life of the store."""
    return int.from_bytes(random(PREFIX_BYTES))


def record_id(prefix: int, seq: int) -> str:
    """The recordId of a count."""
    return f"rec_{prefix << 32 | seq:016x}"


def void_id(prefix: int, seq: int) -> str:
    """The recordId of a void."""
    return f"rec_void_{prefix << 32 | seq:016x}"


def held_id(prefix: int, number: int) -> str:
    """The heldId of a count that waits for review."""
    return f"held_{prefix << 32 | number:016x}"


def session_id(opened_at: int, prefix: int, seq: int) -> str:
    """24 hex digits, as published: the second of the opening, then prefix and number of the opening's entry."""
    return f"{opened_at // 1000 & 0xFFFFFFFF:08x}{prefix << 32 | seq:016x}"


def worker_id(created_at: int, prefix: int, number: int) -> str:
    """The stored id of a worker, 24 hex digits: the second it was made in, then prefix and number."""
    return f"{created_at // 1000 & 0xFFFFFFFF:08x}{prefix << 32 | number:016x}"


def form_record_id(prefix: int, number: int) -> str:
    """The recordId of a filled form."""
    return f"form_rec_{prefix << 32 | number:016x}"


def task_id(prefix: int, number: int) -> str:
    """The taskId of a task whose caller chose none."""
    return f"task_{prefix << 32 | number:016x}"


def read_record_id(text: str) -> tuple[bool, int, int] | None:
    """(is it a void's, prefix, seq) of a record id; None when it is no such id. One spelling per id."""
    is_void = text.startswith("rec_void_")
    digits = text.removeprefix("rec_void_" if is_void else "rec_")
    if digits == text or _HEX16.fullmatch(digits) is None:
        return None
    number = int(digits, 16)
    return is_void, number >> 32, number & 0xFFFFFFFF
