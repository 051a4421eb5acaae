"""The files of deploy/, read."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

Document = dict[str, Any]


def documents(path: str) -> list[Document]:
    """The YAML documents of a file below deploy/."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text()))


def document(path: str) -> Document:
    """The one YAML document of a file below deploy/."""
    (only,) = documents(path)
    return only


def variables(text: str) -> dict[str, str]:
    """What a file of `NAME=value` lines sets."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def seconds(text: str) -> int:
    """A length of time as compose files write it."""
    assert text.endswith("s")
    return int(text[:-1])
