"""Workbooks as a spreadsheet program writes them."""

import io
from collections.abc import Sequence

import openpyxl

Rows = Sequence[Sequence[object]]


def workbook(**sheets: Rows) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


SETTINGS = [["form_title", "form_id"], ["Crop scouting", "form_scouting"]]


def survey(*rows: Sequence[object], columns: Sequence[str] = ("type", "name", "label")) -> bytes:
    """A workbook with these questions and the usual settings; its first question stands in row 2."""
    return workbook(survey=[columns, *rows], settings=SETTINGS)
