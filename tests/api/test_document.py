"""The design document: its content for every task, sources of all figures, formulas, both files."""

import csv
import doctest
import io
import json
import math
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import weitiao
from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.api import design_facts
from weitiao.data.files.table import from_rows
from weitiao.errors import WeitiaoError
from weitiao.i18n import messages
from weitiao.planfile.plan import Reason
from weitiao.planning import advise
from weitiao.reporting.design import content, formulas, model_chapters, page
from weitiao.reporting.design.content import (
    Blank,
    Chapter,
    Document,
    Figure,
    Flow,
    Formula,
    Grid,
    Prose,
    Quote,
    pieces,
    shown,
    texts_of,
)
from weitiao.reporting.design.document import document_of
from weitiao.reporting.design.trace import Trace
from weitiao.reporting.design.word import docx_of
from weitiao.results.format import duration

TASKS = parts.names("tasks")
HAN = re.compile("[\u3400-\u9fff]")
NUMBER = re.compile(r"\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
HOSTILE = ['<script>alert("x")</script>', "=1+1 & ]]> `rm` {rows} \\frac{1}{2}\u202e"]
_known, _read = {}, {}


def quick_look(rows, targets=None, **options):
    """`look` without its finders, which have tests of their own."""
    from weitiao.api.inputs import source_of, wish_of, with_targets

    for name in ("model", "watch"):
        options.pop(name, None)
    path, source = source_of(rows, targets)
    return advise.look(wish_of(path, with_targets(options, source, targets)), source)[0]


@pytest.fixture
def of_task(tiny_bert, monkeypatch):
    """task -> its plan and the facts of some toy rows, measured once for all tests."""
    monkeypatch.setattr(design_facts, "look", quick_look)

    def known(task):
        if task not in _known:
            plan = toy_plan(task, tiny_bert)
            plan = plan.model_copy(
                update={
                    "why": {"train.epochs": Reason(value=2.0, reason="few", evidence="84 rows")},
                    "expect": {
                        "train_seconds": 75.0,
                        "memory_mb": 1234,
                        "of": "0",
                        "total_seconds": [75.0, 60.0, 91.5],
                        "quality": {
                            "score": [0.85, 0.81, 0.9],
                            "doubled": [1.5, 0.4, 2.6],
                            "curve": [[40, 0.7], [80, 0.75]],
                        },
                        "phases": {
                            "loading": {"seconds": [3.0, 2.5, 4.0], "raw": 2.9},
                            "training": {"seconds": [70.0, 60.0, 80.0], "raw": 69.0},
                        },
                        "models": [{"model": "one", "score": 0.5}, {"model": "two", "score": 0.6}],
                        "refused": [{"model": "three", "why": "too slow"}],
                    },
                }
            )
            wanted = design_facts.Wanted(plan, toy_rows(task, 60), label_seconds=12)
            _known[task] = plan, design_facts.measured(wanted)
        return _known[task]

    return known


def trace_of(known, full=True):
    plan, facts = known
    whole = plan.model_dump(mode="json")
    facts = facts.model_copy(update={"plan": whole})
    # As a short file has it: some settings stand there, the others in the facts.
    train = {name: whole["train"][name] for name in ("epochs", "batch_size", "learning_rate")}
    written = {"train": train, "why": whole["why"], "expect": whole["expect"]}
    return Trace(plan, facts, "plan.yaml", "plan.facts.json", written, None, full)


# --- content


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_document_in_both_languages_whose_figures_have_sources(task, of_task):
    row = of_task(task)[1].row
    assert row is not None
    assert row.kind != "other"
    trace = trace_of(of_task(task))
    full = document_of(trace)
    with messages.speaking("zh"):
        chinese = document_of(trace)
        for chapter, other in zip(chinese.chapters, full.chapters, strict=True):
            assert HAN.search(chapter.title), chapter.title
            assert len(chapter.blocks) == len(other.blocks)
            for block in chapter.blocks:
                _check_block(trace, block)
                if isinstance(block, Prose) and not isinstance(block.text, Quote):
                    assert HAN.search(block.text), block.text
    for chapter in full.chapters:
        for block in chapter.blocks:
            _check_block(trace, block)
    assert full.sources


def test_the_short_document_is_a_part_of_the_full_one(of_task):
    short = document_of(trace_of(of_task("nli"), full=False))
    full = document_of(trace_of(of_task("nli")))
    names = [one.name for one in short.chapters]
    assert set(names) < {one.name for one in full.chapters}
    assert {"goal", "rows", "learning", "risks", "consent"} <= set(names)
    with messages.speaking("zh"):
        text = page.html_of(short)
    assert 'lang="zh-CN"' in text
    assert "<math" in text
    assert all(f'<section id="{name}"' in text for name in names)


def _check_block(trace, block):
    if isinstance(block, Formula):
        numbers = set(re.findall(r"\d+(?:\.\d+)?", block.latex))
        assert block.sources or numbers <= {"0", "1", "2", "0.5"}, block.latex
        for source in block.sources:
            _leaves(trace, source)
        return
    for text in texts_of(block):
        for piece in pieces(text):
            if isinstance(piece, Figure):
                leaves = _leaves(trace, piece.source)
                for shown in NUMBER.findall(piece):
                    assert _stands(shown, piece, leaves), (piece, piece.source)
            elif not isinstance(piece, (Quote, Blank)):
                assert not re.search(r"\d", piece), piece


def _files(trace):
    """Both files as JSON has them; kept, since every figure asks."""
    kept = _read.get(id(trace))
    if kept is None or kept[0] is not trace:
        parsed = {
            "plan.yaml": trace.written,
            "plan.facts.json": trace.facts.model_dump(mode="json"),
        }
        kept = _read[id(trace)] = trace, json.loads(json.dumps(parsed))
    return kept[1]


def _leaves(trace, source):
    """Everything below a key of the file that a source names; the key must be there."""
    file, key = source.split(": ", 1)
    node = _files(trace)[file]
    while key:
        if isinstance(node, list):
            first, _, key = key.partition(".")
            node = node[int(first)]
            continue
        # Keys of `why` and of columns hold dots themselves.
        first = max((one for one in node if key == one or key.startswith(f"{one}.")), key=len)
        node, key = node[first], key[len(first) + 1 :]
    return list(_flat(node))


def _flat(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _flat(value)
    elif isinstance(node, list):
        for one in node:
            yield from _flat(one)
    else:
        yield node


def _stands(shown, whole, leaves):
    """Whether a number that is shown is one of these values, rounded as it is shown."""
    value = float(shown.replace(",", ""))
    mantissa = shown.partition("e")[0].replace(",", "")
    digits = len(mantissa.partition(".")[2])
    power = int(shown.partition("e")[2] or 0)
    slack = 0.51 * 10.0 ** (power - digits)
    for leaf in leaves:
        if isinstance(leaf, bool) or leaf is None:
            continue
        if isinstance(leaf, (int, float)):
            if str(whole) == duration(leaf):
                return True
            near = (abs(abs(leaf) * scale - value) <= slack for scale in (1, 100, 1e-6))
            # Of large numbers the digits before the point may be rounded, too.
            if any(near) or (value and abs(abs(leaf) / value - 1) < 5e-4):
                return True
        elif shown in leaf or shown.replace(",", "") in leaf:
            return True
    return False


def test_a_figure_that_is_in_no_file_is_noticed(of_task):
    trace = trace_of(of_task("classification"))
    with pytest.raises(AssertionError):
        _check_block(trace, Prose(messages._("{rows} rows", rows="17")))
    with pytest.raises(AssertionError):
        _check_block(trace, Prose(trace.of_facts("split.train", 4711)))


def test_measurements_that_stand_in_the_plan_are_shown(of_task):
    text = page.html_of(document_of(trace_of(of_task("classification"))))
    for wanted in (
        *("Measured on a sample of the rows", "Left out, and why", "too slow", "Learning curve"),
        *("score on new rows", "0.85 [0.81, 0.9]", "75 [60, 91.5]", "70 [60, 80]", "loading"),
        *("Twice the rows would add about", "1.5 [0.4, 2.6]"),
        "The plan was changed after these figures were computed",
    ):
        assert wanted in text, wanted
    short = page.html_of(document_of(trace_of(of_task("classification"), full=False)))
    assert ">raw<" in text
    assert ">raw<" not in short


# --- formulas


def test_the_worked_loss_is_that_of_the_plain_network(of_task, tiny_bert):
    plan, facts = of_task("classification")
    row = facts.row
    from weitiao.data.prepare.load import load
    from weitiao.model.model import Model

    data = load(plan.data, plan.task_name, from_rows(toy_rows("classification", 60)))
    model = Model.start(plan, data.train, data.validation)
    read = model.tokenizer(row.texts["text"], return_tensors="pt")
    with torch.no_grad():
        logits = model.net.native.eval()(**read).logits
    place = model.task.choices.index(row.target)
    wanted = torch.nn.functional.cross_entropy(logits, torch.tensor([place]))
    assert row.loss == pytest.approx(float(wanted), abs=1e-5)
    assert [one.logit for one in row.outputs] == pytest.approx(logits[0].tolist(), abs=1e-5)
    assert sum(one.probability for one in row.outputs) == pytest.approx(1)


@pytest.mark.parametrize("task", TASKS)
def test_the_numbers_of_the_loss_add_up(task, of_task):
    row = of_task(task)[1].row
    if row.kind == "cross_entropy":
        own = next(one for one in row.outputs if one.share == 1)
        loss = row.log_sum - own.logit
    elif row.kind == "binary":
        loss = -np.mean(
            [math.log(o.probability if o.share else 1 - o.probability) for o in row.outputs]
        )
    elif row.kind == "squared":
        loss = (row.outputs[0].logit - row.outputs[0].share) ** 2
    elif row.kind == "span":
        loss = -np.mean([math.log(one.probability) for one in row.outputs])
    else:
        logits = np.array([one.logit for one in row.outputs]) / row.temperature
        loss = np.log(np.exp(logits).sum()) - logits[0]
    assert row.loss == pytest.approx(loss, abs=1e-4)
    last = formulas.worked_loss(row).rpartition("=")[2]
    assert last == formulas.tex(row.loss)


def test_label_smoothing_and_class_weights_are_worked(tiny_bert, monkeypatch):
    monkeypatch.setattr(design_facts, "look", quick_look)
    changes = {
        "train.loss": {"cross_entropy": {"label_smoothing": 0.1}},
        "train.class_weights": {"good": 3.0, "bad": 2.0},
    }
    plan = toy_plan("classification", tiny_bert, **changes)
    facts = design_facts.measured(design_facts.Wanted(plan, toy_rows("classification", 60)))
    row = facts.row
    logits = torch.tensor([[one.logit for one in row.outputs]])
    target = torch.tensor([[one.share for one in row.outputs]])
    wanted = torch.nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    assert row.loss == pytest.approx(float(wanted), abs=1e-5)
    assert row.weight == {"good": 3.0, "bad": 2.0}[row.target]
    assert r"\left(1-0.1\right)" in formulas.worked_loss(row)
    text = page.html_of(document_of(trace_of((plan, facts))))
    assert "weighted mean" in text


def test_the_first_step_is_that_of_torch(of_task):
    plan, facts = of_task("classification")
    one, derived = facts.row.weights, facts.derived
    weight = torch.nn.Parameter(torch.tensor([one.value], dtype=torch.float64))
    step = torch.optim.AdamW([weight], lr=derived.first_rate, weight_decay=one.decay)
    weight.grad = torch.tensor([one.gradient], dtype=torch.float64)
    step.step()
    assert derived.stepped == pytest.approx(float(weight.detach()[0]), rel=1e-9)
    betas = parts.build("optimizers", "adamw", {}).betas
    text = formulas.first_moments(one, betas)
    assert formulas.tex((1 - betas[0]) * one.gradient) in text
    assert plan.train.weight_decay == one.decay


def test_rates_and_steps_are_those_of_the_loop(of_task):
    from weitiao.training.loop import planned_updates, set_rates

    plan, facts = of_task("classification")
    derived, train = facts.derived, plan.train
    steps = planned_updates(train, facts.split["train"])
    assert derived.steps == steps
    group = SimpleNamespace(learning_rate=train.learning_rate, scale=lambda progress: 1.0)
    schedule = parts.build("schedules", "linear", {})
    for step, rate in derived.rates.items():
        optimizer = SimpleNamespace(param_groups=[{}])
        at = (int(step) - 0.5) / steps
        wanted = set_rates(optimizer, [group], at, train.warmup_ratio, schedule)
        assert rate == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.0, "0"),
        (2.5e-8, r"2.5\cdot 10^{-8}"),
        (-1e-5, "-10^{-5}"),
        (123.456, "123.5"),
        (8.0, "8"),
    ],
)
def test_numbers_in_formulas(value, wanted):
    assert formulas.tex(value) == wanted


@pytest.mark.parametrize("module", [formulas, page, content, model_chapters])
def test_examples_in_docstrings_are_right(module):
    done = doctest.testmod(module)
    assert done.attempted
    assert not done.failed


# --- files


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
