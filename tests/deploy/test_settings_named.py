"""Every setting that a deployment or a page names is one; one that is misspelt would stop the start."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hydrobit.settings import CLIENT_PREFIX, PREFIX, Settings
from tests.deploy.files import DEPLOY, ROOT

NAMED = re.compile(rf"\b{PREFIX}[A-Z][A-Z_]*")
OF_CLIENTS = set(NAMED.findall((ROOT / "src/hydrobit/cli/outbox.py").read_text())) | {CLIENT_PREFIX}
KNOWN = {PREFIX + field.name.upper() for field in fields(Settings)} | OF_CLIENTS
FILES = [
    *(file for file in sorted(DEPLOY.rglob("*")) if file.is_file() and "secrets" not in file.parts),
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_setting_that_is_named_is_one(file: Path) -> None:
    assert set(NAMED.findall(file.read_text())) <= KNOWN
