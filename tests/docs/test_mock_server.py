"""The how-to of the mock server, followed word for word against one."""

from pathlib import Path

from hydrobit.storage.queries import SQLITE
from tests import engines
from tests.docs.pages import HOW_TO
from tests.docs.reader import Reader
from tests.docs.shell import Shell
from tests.mocks import process
from tests.tools import alone_on, needs


@needs("curl")
@alone_on(SQLITE, "a mock has no store but its memory")
def test_a_client_is_tried_as_the_page_says(tmp_path: Path) -> None:
    with process() as mock, Shell(tmp_path, engines.clean_environment(None)) as shell:
        reader = Reader(tmp_path, shell, {"http://127.0.0.1:8081": mock.address})
        printed = reader.follow(HOW_TO / "mock-server.md")
    assert printed.endswith("code=409, example=session_closed\n")
