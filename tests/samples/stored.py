"""What a space stores, and what was answered, with ids and times masked: two callers who did the same are equal."""

import re
import time
from typing import Any

from hydrobit.kit.instants import HOUR_MS
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query

DAY_MS = 24 * HOUR_MS
Store = dict[str, list[str]]
"""The rows of each table as texts, masked and sorted."""

_TABLES = Query("tables", "select name from sqlite_master where type = 'table' order by name limit 1000", ())
_SECRET = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<![\w-])[\w-]{43}(?![\w-])")
"""Tokens, keys and signatures."""
_ID = re.compile(r"(?<![0-9A-Za-z])((?:[a-z]+_)*)(?:[0-9a-f]{24}|[0-9a-f]{16})(?![0-9A-Za-z])")
_REQUEST = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]+\b")
"""The id that an answer has of the request."""
_MILLISECONDS = re.compile(r"\b\d{13}\b")
_SECONDS = re.compile(r"\b\d{10}\b")
_INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)T[\d:.]+Z")


def store(tx: Transaction) -> Store:
    """Every row of a space."""
    found = {}
    for (name,) in tx.all(_TABLES):
        rows = tx.all(Query("rows", f'select * from "{name}" limit 100000', ()))
        found[name] = sorted(masked(repr([_shown(value) for value in row])) for row in rows)
    return found


def difference(found: Store, wanted: Store) -> str:
    """The first table in which two spaces differ; empty where they hold the same."""
    for name in sorted(found.keys() | wanted.keys()):
        ours, theirs = found.get(name, []), wanted.get(name, [])
        if ours != theirs:
            missing = [row for row in theirs if row not in ours]
            beside = [row for row in ours if row not in theirs]
            return f"the table {name} lacks {missing[:1]} and has {beside[:1]} instead"
    return ""


def masked(text: str) -> str:
    """A text whose ids of this call, secrets and instants of today are the same as in any other call's."""
    text = _SECRET.sub("<secret>", text)
    text = _REQUEST.sub("<request>", text)
    text = _ID.sub(r"\1<id>", text)
    text = _MILLISECONDS.sub(lambda found: _time(found[0], int(found[0])), text)
    text = _SECONDS.sub(lambda found: _time(found[0], int(found[0]) * 1_000), text)
    return _INSTANT.sub(lambda found: "<time>" if found[1] in _days() else found[0], text)


def _shown(value: Any) -> Any:
    """Bytes are hashes, salts and keys, which differ from call to call."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value


def _time(text: str, at_ms: int) -> str:
    return "<time>" if abs(at_ms - time.time() * 1_000) < 2 * DAY_MS else text


def _days() -> set[str]:
    """Yesterday, today and tomorrow."""
    now = time.time()
    return {time.strftime("%Y-%m-%d", time.gmtime(now + days * DAY_MS / 1_000)) for days in (-1, 0, 1)}
