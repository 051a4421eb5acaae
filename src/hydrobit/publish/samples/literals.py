"""Values as source text: JSON, and how languages write objects and texts that are nearly JSON."""

import json
from collections.abc import Callable
from typing import Any

WIDTH_MAX = 80
Leaf = Callable[[Any], str]
Pair = Callable[[str, str], str]


def quoted(text: str) -> str:
    """A text as JSON writes it, in double quotes. What cannot be seen (controls, marks of direction) is escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() or one > "\uffff" else f"\\u{ord(one):04x}" for one in written)


def ascii_quoted(text: str) -> str:
    """The same in ASCII alone."""
    return _in_ascii(quoted(text))


def json_leaf(value: Any) -> str:
    """A text, a number, true, false or null."""
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def json_pair(name: str, value: str) -> str:
    """A member of an object."""
    return f"{quoted(name)}: {value}"


def json_text(value: Any) -> str:
    """A body as JSON, for people."""
    return laid_out(value, json_leaf, json_pair)


def ascii_json(value: Any) -> str:
    """The same in ASCII alone, for languages whose compilers read a file in the machine's encoding."""
    return _in_ascii(json_text(value))


def laid_out(
    value: Any, leaf: Leaf = json_leaf, pair: Pair = json_pair, *, step: int = 2, last: str = "", depth: int = 0
) -> str:
    """An object or a list over several lines; a list of plain values that fits stands on one.

    `step` is the indentation in spaces, `last` what follows the last member of several lines.
    """
    if not isinstance(value, dict | list):
        return leaf(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = [value[name] for name in value] if isinstance(value, dict) else value
    members = [laid_out(one, leaf, pair, step=step, last=last, depth=depth + 1) for one in inner]
    if isinstance(value, dict):
        members = [pair(name, member) for name, member in zip(value, members, strict=True)]
    elif not any(isinstance(one, dict | list) for one in value):
        line = f"[{', '.join(members)}]"
        if depth * step + len(line) <= WIDTH_MAX:
            return line
    if not members:
        return opening + closing
    indent = " " * step * (depth + 1)
    lines = f",\n{indent}".join(members)
    return f"{opening}\n{indent}{lines}{last}\n{' ' * step * depth}{closing}"


def _in_ascii(text: str) -> str:
    return "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in text)
