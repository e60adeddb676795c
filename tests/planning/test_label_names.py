"""When a plan learns from the names of labels: few rows, and a network that understands them."""

import random

import pytest

import weitiao
from weitiao.planning import label_names

WORDS = {"sports": "team match player", "money": "bank price market", "food": "soup bread dinner"}


def rows_of(names, rows=5):
    """Rows in which the word of the label stands, which may be called otherwise."""
    draw, found = random.Random(1), []
    for at in range(rows * len(names)):
        label = list(names)[at % len(names)]
        words = [draw.choice(WORDS[label].split()) for _ in range(2)] + [str(at)]
        found.append({"text": " ".join([*[label] * 3, *words]),
                      "label": names[label]})  # fmt: skip
    return found


def plan_of(rows, tiny_bert, **options):
    return weitiao.plan(rows, model=str(tiny_bert), task="classification", **options)


def test_names_that_the_network_understands_are_learned_from(tiny_bert):
    plan = plan_of(rows_of({one: one for one in WORDS}), tiny_bert)
    assert plan.data.steps == {"label_names": {}}
    reason = plan.why["data.steps"]
    assert "3.3 training rows a label" in reason.reason
    assert "15 rows, frozen network" in reason.evidence
    assert "the most frequent label for 33%" in reason.evidence


@pytest.mark.parametrize(
    ("names", "rows", "options"),
    [
        ({one: one for one in WORDS}, 40, {}),  # many rows a label
        ({"sports": "xq1", "money": "vbz", "food": "kkj"}, 5, {}),  # names say nothing
        ({"sports": "0", "money": "1", "food": "2"}, 5, {}),  # no names
        ({one: one for one in WORDS}, 5, {"budget": 30}),
        ({one: one for one in WORDS}, 5, {"changes": {"data.steps": {"aeda": {}}}}),
    ],
)
def test_else_they_are_not(tiny_bert, names, rows, options):
    plan = plan_of(rows_of(names, rows), tiny_bert, **options)
    assert "label_names" not in plan.data.steps


@pytest.mark.parametrize(
    ("right", "usual", "count", "planned"),
    [(0.5, 0.1, 60, True), (0.12, 0.1, 200, False), (0.5, 0.4, 20, False), (0.7, 0.5, 300, True)],
)
def test_chance_is_no_understanding(right, usual, count, planned):
    clearly = right >= label_names.LEAST_GAIN * usual
    assert (clearly and label_names._p_value(count, right, usual) <= label_names.P_VALUE) == planned
