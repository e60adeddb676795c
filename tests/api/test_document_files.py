"""The design document as files: html and docx, hostile texts, what may be missing."""

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import weitiao
from api.design_plans import TASKS, quick_look, trace_of
from conftest import toy_plan, toy_rows
from weitiao.api import design_facts
from weitiao.data.files.table import from_rows
from weitiao.errors import WeitiaoError
from weitiao.i18n import messages
from weitiao.planning import advise
from weitiao.reporting.design import formulas, page
from weitiao.reporting.design.content import (
    Blank,
    Chapter,
    Document,
    Figure,
    Flow,
    Grid,
    Quote,
    shown,
)
from weitiao.reporting.design.document import document_of
from weitiao.reporting.design.word import docx_of

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
HOSTILE = ['<script>alert("x")</script>', "=1+1 & ]]> `rm` {rows} \\frac{1}{2}\u202e"]


def written(tmp_path, plan, rows, **options):
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    plan.save(tmp_path / "plan.yaml")
    out = [tmp_path / "plan.html", tmp_path / "plan.docx"]
    return weitiao.document(tmp_path / "plan.yaml", out, **options)


@pytest.fixture
def hostile(tmp_path, tiny_bert, monkeypatch):
    """The documents of rows whose labels and texts would be markup, formulas or templates."""
    monkeypatch.setattr(design_facts, "look", quick_look)
    rows = toy_rows("classification", 60)
    for row in rows:
        row["label"] = HOSTILE[row["label"] == "good"]
        row["text"] += " <img src=x onerror=alert(1)>"
    changes = {"data.path": str(tmp_path / "rows.csv"), "data.roles.text": "text"}
    plan = toy_plan("classification", tiny_bert, **changes)
    page_, word, facts = written(tmp_path, plan, rows)
    return page_, word, facts


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.text.append(data)


def test_hostile_labels_are_text_in_both_files(hostile):
    docx = pytest.importorskip("docx")
    page_, word, facts = hostile
    parser = _Tags()
    parser.feed(page_.read_text(encoding="utf-8"))
    assert "img" not in parser.tags
    assert len(set(parser.ids)) == len(parser.ids)  # the script finds its figures by id
    assert parser.tags.count("script") == 3  # data, charts, ours
    text = "".join(parser.text)
    assert HOSTILE[0] in text
    assert "=1+1 & ]]> `rm` {rows} \\frac{1}{2}⟨U+202E⟩" in text
    with zipfile.ZipFile(word) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                etree.fromstring(archive.read(name))
    opened = docx.Document(str(word))
    cells = {cell.text for table in opened.tables for row in table.rows for cell in row.cells}
    assert any(HOSTILE[0] in one for one in cells)
    assert any("⟨U+202E⟩" in one for one in cells)
    assert HOSTILE[0] in json.loads(facts.read_text(encoding="utf-8"))["look"]["labels"]


@settings(max_examples=3, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_any_text_can_stand_in_both_files(texts):
    docx = pytest.importorskip("docx")
    texts += ["\uffff", "\ufffe", "\ud800", "\x0b", "</td>", "`", "{}"]
    rows = [[Quote(text), Figure(text, f"plan.yaml: {text}")] for text in texts]
    block = Grid(Quote(texts[0]), [Quote(texts[-1]), Blank("fill in")], rows)
    flow = Flow("picture", [(text, [Quote(text)]) for text in map(shown, texts)])
    document = Document("title", [Quote(texts[0])], [Chapter("one", "One", [block, flow])])
    parser = _Tags()
    parser.feed(page.html_of(document))
    assert parser.tags.count("script") == 3
    assert parser.tags.count("td") == len(texts)
    file = io.BytesIO()
    docx_of(document).save(file)
    opened = docx.Document(file)
    words = "".join(cell.text for row in opened.tables[0].rows for cell in row.cells)
    squeezed = re.sub(r"\s", "", words)
    for text in texts:
        assert re.sub(r"\s", "", shown(text)).replace("`", "") in squeezed.replace("`", "")


def test_personal_data_in_labels_is_masked():
    known = advise.look(advise.Wish("memory"), from_rows(toy_rows("classification", 20)))[0]
    facts = design_facts.look_facts(replace(known, labels={"call 138 1234 5678": 3, "b": 2}))
    assert facts.labels == {"call [phone]": 3, "b": 2}


def test_marks_lead_to_sources_in_the_word_file(of_task):
    pytest.importorskip("docx")
    with messages.speaking("zh"):
        document = document_of(trace_of(of_task("question_answering"), full=False))
        body = docx_of(document).element.body
    marks = {one.get(f"{WORD}name") for one in body.iter(f"{WORD}bookmarkStart")}
    anchors = {one.get(f"{WORD}anchor") for one in body.iter(f"{WORD}hyperlink")}
    assert anchors <= marks
    assert len(marks) == len(document.sources)
    numbers = [one.get(f"{WORD}id") for one in body.iter(f"{WORD}bookmarkStart")]
    assert len(set(numbers)) == len(numbers)
    formulas_in = list(body.iter(f"{MATH}oMath"))
    assert len(formulas_in) > 10
    for root in body.iter(f"{MATH}rad"):
        assert root.find(f"{MATH}deg") is not None
    assert not list(body.iter(f"{MATH}box"))
    order = ["tblStyle", "tblW", "jc", "tblBorders", "shd", "tblLayout", "tblCellMar", "tblLook"]
    for properties in body.iter(f"{WORD}tblPr"):  # Word refuses files that are out of order
        names = [one.tag.removeprefix(WORD) for one in properties]
        assert names == sorted(names, key=order.index)


def test_a_sum_without_an_upper_limit_prints_no_empty_box():
    pytest.importorskip("mathml_to_omml")
    from weitiao.reporting.design.omml import omml

    first, second = omml(r"\sum_{i} x + \sum_{j=1}^{K} y").iter(f"{MATH}nary")
    hidden = [[one.tag.removeprefix(MATH) for one in sign.find(f"{MATH}naryPr")]
              for sign in (first, second)]  # fmt: skip
    assert "supHide" in hidden[0]
    assert "subHide" not in hidden[0]
    assert not {"supHide", "subHide"} & set(hidden[1])


def test_short_cells_of_a_word_table_are_not_broken():
    from weitiao.reporting.design.word import PADDING, _word_width

    assert _word_width("预训练模型") > 5 * 13
    assert _word_width("用提示词调用大语言模型") == PADDING


@pytest.mark.parametrize("task", TASKS)
def test_word_formulas_hold_the_numbers_of_the_page(task, of_task):
    pytest.importorskip("mathml_to_omml")
    from weitiao.reporting.design.omml import omml

    latex = formulas.worked_loss(of_task(task)[1].row)
    for part in page.parts_of(latex):
        shown = "".join(etree.fromstring(page.mathml(part).encode()).itertext())
        in_word = "".join(omml(part).itertext())
        assert re.sub(r"[^\d.]", "", in_word) == re.sub(r"[^\d.]", "", shown)


def test_a_page_without_plots_carries_no_charts(of_task):
    text = page.html_of(document_of(trace_of(of_task("classification"))))
    assert len(text) < 200_000
    assert 'id="charts"></script>' in text


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_from_rows_to_both_files_by_the_command_line(language, tmp_path, tiny_bert, typed):
    """With the real look, and the plan that `weitiao plan` writes."""
    rows = toy_rows("classification", 120)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows([*rows, *rows[:5]])
    plan, lang = tmp_path / "plan.yaml", f"--lang={language}"
    assert typed(lang, "plan", tmp_path / "rows.csv", "--model", tiny_bert, "-o", plan)[0] == 0
    files = ["-o", tmp_path / "a.html", "-o", tmp_path / "a.docx", "--full", "--json"]
    code, out, _err = typed(lang, "document", plan, *files)
    assert code == 0
    assert json.loads(out)["facts"] == str(tmp_path / "a.facts.json")
    facts = json.loads((tmp_path / "a.facts.json").read_text(encoding="utf-8"))
    assert facts["look"]["duplicates"] >= 5
    assert facts["look"]["findings"]
    assert facts["files"][0]["sha256"] in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert zipfile.is_zipfile(tmp_path / "a.docx")


# --- what may be missing


def test_without_a_checkpoint_there_are_general_formulas(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setattr(design_facts, "look", quick_look)
    plan = toy_plan("classification", str(tmp_path / "gone"))
    facts = design_facts.measured(design_facts.Wanted(plan, toy_rows("classification", 60)))
    assert facts.row is None
    assert "gone" in facts.missing[0]
    text = page.html_of(document_of(trace_of((plan, facts))))
    assert "general formulas only" in text
    assert "no such folder" in text


def test_rows_that_are_gone_stop_a_plan_but_not_a_run(tmp_path, tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"data.path": str(tmp_path / "gone.csv")})
    plan.save(tmp_path / "plan.yaml")
    with pytest.raises(WeitiaoError, match=r"gone\.csv"):
        weitiao.document(tmp_path / "plan.yaml")
    record = {
        "version": 1, "primary": "accuracy", "metrics": {"accuracy": 0.875}, "split": "test",
        "intervals": {"accuracy": [0.8, 0.93]}, "rows": 40, "seconds": {"train": 70.0},
        "acceptance": [{"name": "accuracy", "wanted": "at_least", "limit": 0.8, "value": 0.875,
                        "passed": True}],
    }  # fmt: skip
    (tmp_path / "metrics.json").write_text(json.dumps(record), encoding="utf-8")
    page_, facts = weitiao.document(tmp_path)
    text = page_.read_text(encoding="utf-8")
    assert page_ == tmp_path / "plan.html"
    assert facts == tmp_path / "plan.facts.json"
    assert "0.875" in text
    assert "limit" in text
    assert "gone.csv" in text
    assert 'title="metrics.json: metrics"' in text


def test_a_plan_in_memory_stands_in_the_facts(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setattr(design_facts, "look", quick_look)
    plan = toy_plan("regression", tiny_bert)
    rows = toy_rows("regression", 60)
    page_, facts = weitiao.document(plan, tmp_path / "a.html", rows=rows)
    known = json.loads(facts.read_text(encoding="utf-8"))
    assert known["plan"]["train"]["batch_size"] == 8
    assert "row" in known
    text = page_.read_text(encoding="utf-8")
    assert "a.facts.json: plan.train.epochs" in text
    assert "plan.yaml:" not in text


def test_a_word_file_in_which_people_may_have_written_stays(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setattr(design_facts, "look", quick_look)
    plan, rows = toy_plan("classification", tiny_bert), toy_rows("classification", 60)
    file = tmp_path / "plan.docx"
    file.write_text("signed", encoding="utf-8")
    with pytest.raises(WeitiaoError, match="exists already"):
        weitiao.document(plan, file, rows=rows)
    assert file.read_text(encoding="utf-8") == "signed"
    assert weitiao.document(plan, file, rows=rows, force=True)[0] == file
    assert file.read_bytes().startswith(b"PK")


@pytest.mark.parametrize("name", ["plan.pdf", "plan", "."])
def test_other_formats_are_refused_before_anything_is_read(name, tmp_path, tiny_bert):
    toy_plan("classification", tiny_bert).save(tmp_path / "plan.yaml")
    with pytest.raises(WeitiaoError, match=r"\.docx"):
        weitiao.document(tmp_path / "plan.yaml", tmp_path / name)


def test_without_python_docx_the_remedy_is_named(tmp_path, tiny_bert, monkeypatch):
    import sys

    toy_plan("classification", tiny_bert).save(tmp_path / "plan.yaml")
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(WeitiaoError, match=r"weitiao\[docx\]"):
        weitiao.document(tmp_path / "plan.yaml", tmp_path / "a.docx")
