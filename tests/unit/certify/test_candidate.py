"""The command line of a client, and what it prints."""

from pathlib import Path

import pytest

from hydrobit.certify import reports
from hydrobit.certify.candidate import command
from hydrobit.certify.seen import Report
from hydrobit.errors import SettingError


def test_words_that_name_files_are_made_absolute(tmp_path: Path) -> None:
    (tmp_path / "client.py").touch()
    (tmp_path / "fast").mkdir()
    expected = ("python", str(tmp_path / "client.py"), "fast", "")
    assert command(["python", "client.py", "fast", ""], tmp_path) == expected


def test_one_text_is_taken_apart_as_a_shell_would(tmp_path: Path) -> None:
    assert command(["my-client --name 'Ana María'"], tmp_path) == ("my-client", "--name", "Ana María")


@pytest.mark.parametrize("words", [[], [""], ["my-client 'and no end"]])
def test_what_is_no_command_is_told(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        command(words, tmp_path)


def test_reports_are_lines_of_json_and_all_else_is_passed_over() -> None:
    printed = """sending 12 counts
{"clientEventId": "evt_1", "code": "clock_ahead", "more": 1}
{"clientEventId": "evt_2", "code": ""}
{"clientEventId": "evt_3"}
["evt_4", "clock_ahead"]
{"clientEventId": "evt_5", "code":
"""
    assert [*reports.read(printed)] == [Report("evt_1", "clock_ahead")]
