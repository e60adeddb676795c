"""Review table of suspicious rows: a workbook with a list of decisions, or a csv file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weitiao.core.atomic import replacing
from weitiao.data.files.cells import NUMBER, TEXT, as_text
from weitiao.data.files.table_writers import MAX_CHARACTERS, excel_text, format_of, writing
from weitiao.data.prepare.review_file import (
    DECISION,
    GIVEN,
    KEY,
    REASON,
    ROW,
    SHEET,
    SUGGESTED,
    SUSPICION,
)
from weitiao.i18n.messages import _

WIDTHS = {ROW: 18, GIVEN: 16, SUGGESTED: 16, SUSPICION: 10, REASON: 48, DECISION: 16, KEY: 10}
TEXT_WIDTH = 70  # characters of a column in a workbook
LISTED = "labels"  # hidden sheet: what a decision may be
HEIGHT_OF_LIST = 2_000  # labels that are offered; more are typed


def columns_of(roles: Sequence[str]) -> list[str]:
    """The columns of a review table. roles: of the texts."""
    return [ROW, *roles, GIVEN, SUGGESTED, SUSPICION, REASON, DECISION, KEY]


def write_review(
    path: Path, roles: Sequence[str], lines: Sequence[Sequence[Any]], words: Sequence[str]
) -> None:
    """Write a review table by the ending of `path`. words: what a decision may be."""
    names = columns_of(roles)
    form = format_of(path)
    with replacing(path) as draft:
        if form == "xlsx":
            _workbook(draft, names, lines, words)
            return
        schema = {name: NUMBER if name == SUSPICION else TEXT for name in names}
        with writing(draft, form, schema) as add:
            for line in lines:
                add(line)


def _workbook(
    path: Path, names: Sequence[str], lines: Sequence[Sequence[Any]], words: Sequence[str]
) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    page = book.active
    page.title = SHEET
    page.freeze_panes = "A2"
    for column, name in enumerate(names, 1):
        head = page.cell(1, column, name)
        head.font = Font(bold=True)
        page.column_dimensions[get_column_letter(column)].width = WIDTHS.get(name, TEXT_WIDTH)
    for at, line in enumerate(lines, 2):
        for column, value in enumerate(line, 1):
            cell = page.cell(at, column)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if isinstance(value, (int, float)):
                cell.value = value
                continue
            text = as_text(value)[:MAX_CHARACTERS]
            cell.number_format = "@"  # a label 007 stays one, typed or not
            if text:
                cell.value = excel_text(text)
                cell.data_type = "s"  # no formula, whatever it begins with
    page.auto_filter.ref = f"A1:{get_column_letter(len(names))}{len(lines) + 1}"
    listed = book.create_sheet(LISTED)
    listed.sheet_state = "hidden"
    for at, word in enumerate(words[:HEIGHT_OF_LIST], 1):
        cell = listed.cell(at, 1, excel_text(word))
        cell.data_type, cell.number_format = "s", "@"
    choice = DataValidation(
        type="list",
        formula1=f"'{LISTED}'!$A$1:$A${max(min(len(words), HEIGHT_OF_LIST), 1)}",
        allow_blank=True,
        errorStyle="warning",
        errorTitle=DECISION,
        error=_("neither a decision nor a label of these rows"),
    )
    letter = get_column_letter(names.index(DECISION) + 1)
    choice.add(f"{letter}2:{letter}{len(lines) + 1}")
    page.add_data_validation(choice)
    book.save(path)
