"""Programs that a machine may lack: the mark of a test that needs one, and the list of the tests left out for it."""

import shutil

import pytest

MISSING = "needs a program that is not on this machine: "


def needs(tool: str) -> pytest.MarkDecorator:
    """Mark a test that runs only where `tool` is on the PATH; the run's last lines name it where it is not."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=MISSING + tool)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the tests that did not run for lack of a program, so that a green run never hides them."""
    left_out = [
        (report.nodeid, report.longrepr[2].partition(MISSING)[2])
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]
    ]
    if left_out:
        terminalreporter.section("did not run for lack of a program")
        for test, tool in left_out:
            terminalreporter.line(f"{test}: {tool}")
