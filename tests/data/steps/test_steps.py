import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.resampling import LengthFilter, Oversample
from weitiao.errors import DataError
from weitiao.example import Example

ROLES = {"text": "text", "target": "label"}


def rows_of(rows, task="classification", roles=ROLES):
    table = from_rows(rows, "a.csv").table
    return Rows(table, everything(table), roles, "a.csv", task)


@given(st.lists(st.sampled_from("aaaaab"), min_size=1, max_size=50), st.floats(0.1, 1))
def test_oversampling_invents_no_text_and_reaches_the_share(labels, share):
    examples = [Example({"text": f"t{i}"}, label, f"f:{i}") for i, label in enumerate(labels)]
    made = list(Oversample(share=share)(examples, random.Random(1)))
    assert [example for example in made if not example.meta] == examples
    known = {example.id: example for example in examples}
    for example in made:
        source = known[example.id.partition("#")[0]]
        assert (example.inputs, example.target) == (source.inputs, source.target)
    counts = Counter(example.target for example in made)
    assert min(counts.values()) >= share * max(Counter(labels).values())
    assert len({example.id for example in made}) == len(made)


def test_length_filter_looks_at_every_text():
    examples = [Example({"text": "ab", "text_pair": "x" * n}) for n in (0, 1, 5, 9)]
    kept = list(LengthFilter(shortest=1, longest=5)(examples, random.Random(1)))
    assert [len(example.inputs["text_pair"]) for example in kept] == [1, 5]


def test_steps_make_rows_whose_ids_can_be_traced():
    rows = rows_of([{"text": "long enough", "label": "abbbb"[i % 5]} for i in range(50)])
    steps = {"length_filter": {"shortest": 3}, "oversample": {"share": 1.0}}
    made = run_steps(rows, steps, seed=7)
    assert Counter(made.targets()) == {"a": 40, "b": 40}
    assert made.examples([1])[0] == Example(
        {"text": "long enough"}, "a", "a.csv:0#oversample1", {"made_by": "oversample"}
    )
    assert made.examples([0])[0].meta == {}
    assert made.ids() == run_steps(rows, steps, seed=7).ids()
    assert made.fingerprint == run_steps(rows, steps, seed=7).fingerprint


@pytest.mark.parametrize(
    ("task", "label", "meant"), [("regression", 0.1, 0.1), ("multilabel", "x|y", ["x", "y"])]
)
def test_targets_survive_the_steps(task, label, meant):
    made = run_steps(rows_of([{"text": "t", "label": label}], task), {"length_filter": {}}, 1)
    assert made.targets() == [meant]


def test_no_steps_change_nothing_and_steps_that_leave_nothing_are_refused():
    rows = rows_of([{"text": "t", "label": "a"}])
    assert run_steps(rows, {}, 1) is rows
    with pytest.raises(DataError, match="leave no row"):
        run_steps(rows, {"length_filter": {"shortest": 99}}, 1)
    with pytest.raises(DataError, match=r"a\.csv:0 has the target 1\.0"):
        run_steps(rows_of([{"text": "t", "label": 1.0}], "regression"), {"oversample": {}}, 1)
