"""HTML that cannot be written wrongly: what is not markup already is escaped where it enters.

Texts of rows and shapes carry no markup but backticks around words of code.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Self

__all__ = ["Html", "element", "joined", "said"]

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_BARE = re.compile(r"[A-Za-z0-9_./#:-]+")
"""A value that needs no quotes; pages are a tenth smaller without them."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()

    def __add__(self, other: str) -> Self:
        return type(self)(super().__add__(_written(other)))


def element(name: str, /, *inside: str, **attributes: object) -> Html:
    """One element. Attributes are named as in HTML, `_` for `-`, and `class_`, `for_` for words that Python keeps.

    An attribute of None or False is left out, one of True stands bare.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{''.join(map(_written, inside))}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """The parts behind each other."""
    return Html(_written(between).join(map(_written, parts)))


def said(text: str) -> Html:
    """A sentence of a row or shape: escaped, with words between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick alone is a backtick
        return Html(escape(text))
    return joined(element("code", part) if at % 2 else part for at, part in enumerate(parts))


def _written(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def _attribute(key: str, value: object) -> str:
    if value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {key}"
    text = str(value)
    return f" {key}={text}" if _BARE.fullmatch(text) else f' {key}="{escape(text)}"'
