import io
import re
import zipfile
from collections.abc import Callable

import pytest

from hydrobit.errors import Refused
from hydrobit.forms import workbook
from hydrobit.forms.workbook import COLUMNS_MAX, FILE_BYTES_MAX, ROWS_MAX, UNPACKED_BYTES_MAX
from tests.unit.forms import workbooks

SHEET = "xl/worksheets/sheet1.xml"


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        workbook.read(content, ["survey"])
    return caught.value.detail


def altered(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one part of its archive changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return result.getvalue()


def test_cells_come_as_a_person_reads_them() -> None:
    content = workbooks.workbook(
        Survey=[["type", " my  name ", None, "n"], ["a\u00a0b ", 1.0, "lost", True], [], ["c", 1.5]]
    )
    sheet = workbook.read(content, ["survey"])["survey"]
    assert sheet.headers == ["type", "my name", "n"]
    assert sheet.rows == [{"type": "a b", "my name": "1", "n": "TRUE"}, {}, {"type": "c", "my name": "1.5"}]


def test_a_long_gap_loses_no_row() -> None:
    rows = [["type"], *[[]] * 500, ["text"]]
    sheet = workbook.read(workbooks.workbook(survey=rows), ["survey"])["survey"]
    assert len(sheet.rows) == 501
    assert sheet.rows[-1] == {"type": "text"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"type,name\ntext,a\n", b"PK\x05\x06" + b"\x00" * 18])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    assert "XLSX workbook" in refusal(content)


def test_the_old_format_is_refused_with_what_to_do() -> None:
    assert "save it as .xlsx" in refusal(b"\xd0\xcf\x11\xe0" + b"\x00" * 512)


def test_a_truncated_workbook_is_refused() -> None:
    content = workbooks.survey(["text", "a", "A"])
    assert "XLSX workbook" in refusal(content[: len(content) // 2])


def test_a_workbook_with_a_broken_sheet_is_refused() -> None:
    content = altered(workbooks.workbook(survey=[["type"]]), SHEET, lambda part: part[: len(part) // 2])
    assert "damaged" in refusal(content)


def test_a_large_file_is_refused_before_it_is_unpacked() -> None:
    assert f"at most {FILE_BYTES_MAX} bytes" in refusal(b"PK" + b"\x00" * FILE_BYTES_MAX)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    content = altered(workbooks.workbook(survey=[["type"]]), SHEET, lambda _: b" " * (UNPACKED_BYTES_MAX + 1))
    assert len(content) < FILE_BYTES_MAX
    assert "must unpack to at most" in refusal(content)


def test_entities_that_multiply_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

    def with_bomb(part: bytes) -> bytes:
        return bomb + re.sub(rb"^<\?xml[^>]*\?>", b"", part).replace(b"<sheetData>", b"<sheetData><!-- -->", 1)

    assert "damaged" in refusal(altered(workbooks.workbook(survey=[["type"]]), SHEET, with_bomb))


def test_too_many_rows_and_columns_are_refused() -> None:
    rows = [["type"], *[["text"]] * (ROWS_MAX + 1)]
    assert f"at most {ROWS_MAX} rows" in refusal(workbooks.workbook(survey=rows))
    columns = [[f"c{number}" for number in range(COLUMNS_MAX + 1)]]
    assert f"at most {COLUMNS_MAX} columns" in refusal(workbooks.workbook(survey=columns))


@pytest.mark.parametrize("row", [b"6000", b"99999999999"])
def test_a_row_far_below_the_others_is_never_lost_without_a_word(row: bytes) -> None:
    content = workbooks.workbook(survey=[["type"], ["text"]])
    far = altered(
        content, SHEET, lambda part: part.replace(b'r="2"', b'r="' + row + b'"').replace(b'"A2"', b'"A' + row + b'"')
    )
    assert f"at most {ROWS_MAX} rows" in refusal(far)


def test_empty_lines_below_the_last_row_are_no_rows() -> None:
    content = altered(
        workbooks.workbook(survey=[["type"], ["text"]]),
        SHEET,
        lambda part: part.replace(b"</sheetData>", b"<row/>" * 50_000 + b"</sheetData>"),
    )
    assert workbook.read(content, ["survey"])["survey"].rows == [{"type": "text"}]


def test_a_column_that_stands_twice_is_refused() -> None:
    assert "has a column twice in the sheet survey" in refusal(workbooks.workbook(survey=[["type", "type"]]))


def test_a_very_long_cell_is_refused_with_its_row() -> None:
    assert "survey row 2" in refusal(workbooks.workbook(survey=[["type"], ["x" * 20_000]]))
