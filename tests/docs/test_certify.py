"""The how-to of grading a client, done word for word: the project's own client passes every check."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from hydrobit.certify.checks import CHECKS
from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.docs.pages import HOW_TO, ROOT, blocks
from tests.tools import alone_on

PAGE = "certify-a-client.md"
RUN_S_MAX = 240


@alone_on(SQLITE, "a client is graded beside the mock, which keeps nothing")
def test_the_projects_own_client_passes_every_check(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = "".join(block.text for block in blocks(PAGE) if block.kind == "sh")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=engines.clean_environment(None, COLUMNS="80", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CHECKS)} of {len(CHECKS)} checks passed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith('{"request": 1, "start": 1,')
    (shown,) = (block.text.splitlines() for block in blocks(PAGE) if block.kind == "text")
    assert [line for line in shown if line.removesuffix("...") not in done.stdout] == []
    (line,) = (json.loads(block.text) for block in blocks(PAGE) if block.kind == "json")
    printed = (tmp_path / "certified" / "refusals" / "output.txt").read_text().splitlines()
    assert line.items() <= json.loads(printed[0]).items()


def test_the_page_names_every_check_and_every_variable() -> None:
    said = (HOW_TO / PAGE).read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", said, re.MULTILINE) == [check.name for check in CHECKS]
    variables = re.findall(r"^\| `(CERTIFY_\w+)` \|", said, re.MULTILINE)
    assert sorted(variables) == sorted(
        set(re.findall(r"CERTIFY_\w+", (ROOT / "examples/certify/count.py").read_text()))
    )
