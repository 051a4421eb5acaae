"""What a language brings to a sample: two templates, and how it writes texts and bodies."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

_ONLY = re.compile(r"(?P<indent>\s*)\{\{(?P<fact>[a-z0-9 ]+)\?}}(?P<line>.*)")
_VALUE = re.compile(r"\{\{([a-z]+)}}")


@dataclass(frozen=True, slots=True)
class Language:
    """One language, or tool. Its templates are whole programs, to be read as such.

    In a template a name in two braces stands for a value: `{{url}}`, `{{method}}`, `{{bearer}}` (what the header
    Authorization holds), `{{authorization}}` (that whole header) and `{{token}}` for texts, as `text` writes them;
    `{{verb}}` and `{{class}}` for the method's bare name, POST and Post; `{{body}}` for the body, as `body` writes it.

    A line that begins with `{{body?}}`, `{{no body?}}`, `{{404?}}` (404 is an answer here, and no fault) or
    `{{no 404?}}` is there only where that is so.
    """

    key: str
    title: str
    file_name: str
    run: str
    """The command of a shell that runs the file."""
    program: str
    handshake: str
    """The program that asks for a WebSocket."""
    text: Callable[[str], str]
    body: Callable[[Any], str]


def fill(template: str, values: Mapping[str, str], facts: Collection[str]) -> str:
    """The program that a template becomes. What is put in is never read as a template again."""
    lines = []
    for written in template.splitlines():
        line = written
        while (only := _ONLY.fullmatch(line)) is not None and only["fact"] in facts:
            line = only["indent"] + only["line"] if only["line"] else ""
        if only is None:
            lines.append(_VALUE.sub(lambda mark: values[mark[1]], line))
    return "\n".join(lines) + "\n"
