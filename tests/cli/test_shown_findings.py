"""look: how rows of a finding are written for people."""

from weitiao.cli.show_look import _example
from weitiao.data.files.table import from_rows
from weitiao.data.quality.finding import Case, ShownRow, ShownText, shown_row
from weitiao.data.rows import Rows, everything
from weitiao.i18n.messages import speaking


def test_labels_of_a_row_are_written_as_people_write_them():
    """They were shown as JSON in two pairs of brackets: [["娱乐", "体育"]]."""
    table = from_rows({"text": ["one"], "label": ["a;b"]}).table
    rows = Rows(
        table, everything(table), {"text": "text", "target": "label"}, "a.csv", "multilabel"
    )
    with speaking("en"):
        row = shown_row(rows, [["娱乐", "体育"]], 0)
        assert row.target == "娱乐, 体育"
        assert _example(Case([row])).endswith("“one” [娱乐, 体育]")


def test_a_remark_on_rows_stands_in_the_brackets_of_its_language():
    row = ShownRow("a.csv:2", [ShownText("text", "one", [])], "")
    with speaking("en"):
        assert _example(Case([row], "similarity 0.86")) == "a.csv:2 “one” (similarity 0.86)"
    with speaking("zh"):
        assert _example(Case([row], "相似度 0.86")) == "a.csv:2 “one”（相似度 0.86）"
