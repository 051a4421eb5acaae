"""What the run of the tests says beside red and green: what was left out and why, and what was measured."""

import os
import shutil
from collections.abc import Callable

import pytest

LONG = (
    "test_isolation",
    "test_schemathesis",
    "test_bad_input",
    "test_ledger_machine",
    "test_verify",
    "test_limits",
    "test_broker",
    "test_demo",
    "test_copy",
    "test_projects",
    "test_form_media",
    "test_photos",
    "test_mqtt",
    "test_mqtt_attacks",
    "test_kill",
    "test_mqtt_kill",
    "test_command_line",
    "test_mutations",
    "test_people",
    "test_crew",
    "test_bulk",
    "test_close_against_create",
    "test_forgetting",
    "test_token_attacks",
    "test_stop",
    "test_simulate",
    "test_postgres",
    "test_fail_over",
    "test_database_away",
    "test_client",
    "test_company_keys",
    "test_upgrade",
    "test_backpressure",
    "test_erasure",
    "test_processes",
    "test_backup_and_restore",
    "test_proxy",
    "test_health",
    "test_site",
)
"""Files that take longest, longest first: begun early, so that at the end no process waits for another's last file."""
MEASURED = "measured"
MISSING = "needs a program that is not on this machine: "
Measured = Callable[[str], None]
"""Takes a line of figures, which the run's last lines show."""


def program(tool: str) -> str | None:
    """Where the program is; Debian keeps servers in a folder of which only root's PATH knows."""
    return shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")


def needs(tool: str) -> pytest.MarkDecorator:
    """Mark a test that runs only where the program is on this machine; the run's last lines name it where it is not."""
    return pytest.mark.skipif(program(tool) is None, reason=MISSING + tool)


def alone_on(engine: str, why: str) -> pytest.MarkDecorator:
    """Mark a test that says something of one engine alone; `why` is for its reader."""
    assert why
    return pytest.mark.alone_on(engine)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are processors: many tests wait for a process, a disk or a time that passes."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about one engine alone is not there on the other; long files come first."""
    elsewhere = [item for item in items if _is_elsewhere(item)]
    items[:] = [item for item in items if item not in set(elsewhere)]
    config.hook.pytest_deselected(items=elsewhere)
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


def _is_elsewhere(item: pytest.Item) -> bool:
    mark, call = item.get_closest_marker("alone_on"), getattr(item, "callspec", None)
    return mark is not None and call is not None and call.params.get("store_engine", mark.args[0]) != mark.args[0]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """For figures that are told and never asserted."""

    def tell(line: str) -> None:
        print(line)  # at once, for who runs with -s
        record_property(MEASURED, line)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show figures, and list the tests that did not run for lack of a program, so that a green run never hides them."""
    figures = [
        (report.nodeid, line)
        for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed"))
        for name, line in report.user_properties
        if name == MEASURED and report.when == "call"
    ]
    if figures:
        terminalreporter.section("measured")
        for test, line in figures:
            terminalreporter.line(f"{test.rpartition('::')[2]}: {line}")
    left_out = [
        (report.nodeid, report.longrepr[2].partition(MISSING)[2])
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]
    ]
    if left_out:
        terminalreporter.section("did not run for lack of a program")
        for test, tool in left_out:
            terminalreporter.line(f"{test}: {tool}")
