"""The design document: its content for every task, sources of all figures, formulas."""

import doctest
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from api.design_plans import TASKS, quick_look, trace_of
from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.api import design_facts
from weitiao.data.files.table import from_rows
from weitiao.i18n import messages
from weitiao.reporting.design import content, formulas, model_chapters, page
from weitiao.reporting.design.content import (
    Blank,
    Figure,
    Formula,
    Prose,
    Quote,
    pieces,
    texts_of,
)
from weitiao.reporting.design.document import document_of
from weitiao.results.format import duration

HAN = re.compile("[\u3400-\u9fff]")
NUMBER = re.compile(r"\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
_read = {}


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


def test_what_was_expected_is_said_in_words_and_not_in_keys_of_the_plan(of_task):
    trace = trace_of(of_task("classification"), full=False)
    text = page.html_of(document_of(trace))
    assert "linear start" in text
    assert "13:42" in text  # the measurement
    assert "93%" in text
    for word in ("linear_start", ">measured.", "0a1b2c3d"):
        assert word not in text


def test_links_to_sources_are_called_as_they_are_seen(of_task):
    text = page.html_of(document_of(trace_of(of_task("classification"))))
    links = re.findall(r'<a href="#source-\d+" aria-label="([^"]+)">([^<]+)</a>', text)
    assert len(links) > 20
    assert all(name.startswith(f"{seen} ") for name, seen in links)
    assert '<div class="scroll">' not in text  # the keyboard scrolls them


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
