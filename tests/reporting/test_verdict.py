"""Go, no-go, cannot tell: each rule with a run that it is about."""

import pytest

from weitiao.reporting.scores import Label
from weitiao.reporting.verdict import better_baseline, fine_tuning_gain, more_rows, verdict
from weitiao.results.records import MetricsRecord

GOOD = [Label("a", 50, 50, 45), Label("b", 50, 50, 45)]


def judged(gap, low, high, **more):
    return MetricsRecord.model_validate({
        "primary": "accuracy", "metrics": {"accuracy": 0.9}, "rows": 100, "against": "tfidf_linear",
        "baselines": {"tfidf_linear": {"accuracy": 0.9 - gap}},
        "differences": {"accuracy": [gap, low, high]},
    } | more)  # fmt: skip


def test_clearly_better_is_go():
    found = verdict(judged(0.1, 0.04, 0.16), GOOD)
    assert (found.kind, found.word) == ("go", "Go")
    assert "accuracy 0.900 against 0.800" in found.reason


@pytest.mark.parametrize("gap", [0.0, -0.1])
def test_a_baseline_as_good_is_no_go(gap):
    assert verdict(judged(gap, gap - 0.1, gap + 0.1), GOOD).kind == "stop"


def test_a_baseline_as_good_is_told_with_the_budget_that_was_too_small():
    found = verdict(judged(-0.1, -0.2, 0.0), GOOD, budget=60.0)
    assert found.kind == "stop"
    assert "this run had 1:00" in found.reason
    assert "label more rows" not in found.reason


@pytest.mark.parametrize("constant", ["majority", "mean"])
def test_better_than_a_constant_alone_is_open_where_the_budget_left_out_the_rest(constant):
    alone = {"against": constant, "baselines": {constant: {"accuracy": 0.5}}}
    late = judged(0.4, 0.3, 0.5, left_out=["no time for the baselines"], **alone)
    found = verdict(late, GOOD)
    assert found.kind == "open"
    assert "which reads no text" in found.reason
    assert verdict(judged(0.4, 0.3, 0.5, **alone), GOOD).kind == "go", "the plan wanted no more"


AHEAD = {"baseline": "tfidf_linear", "metric": "accuracy", "value": 0.96, "model": 0.93, "rows": 90}


def test_a_baseline_ahead_on_validation_is_never_worth_it():
    """Also where the network is clearly ahead on the evaluated rows."""
    clear = judged(0.1, 0.04, 0.16, better="baseline",
                   better_baseline={**AHEAD, "difference": [-0.03, -0.05, -0.01]})  # fmt: skip
    found = verdict(clear, GOOD, run="runs/a-001")
    assert found.kind == "stop"
    assert found.reason == (
        "TF-IDF with a linear model is better on validation: accuracy 0.960 against 0.930; "
        "`weitiao predict runs/a-001 FILE --baseline` predicts with it."
    )
    assert fine_tuning_gain(clear) == ""


@pytest.mark.parametrize("ends", [(-0.08, 0.02), (None, None), (float("nan"), float("nan"))])
def test_a_lead_on_validation_that_may_be_chance_is_open(ends):
    unclear = judged(0.1, 0.04, 0.16, better="unclear",
                     better_baseline={**AHEAD, "difference": [-0.03, *ends]})  # fmt: skip
    found = verdict(unclear, GOOD)
    assert found.kind == "open"
    assert "are too close to call on validation" in found.reason
    assert ("0.080 less to 0.020 more" in found.reason) == (ends[0] == -0.08)
    assert fine_tuning_gain(unclear) == ""


def test_less_than_an_epoch_is_no_verdict_against_fine_tuning():
    unclear, clear = judged(-0.05, -0.15, 0.05, epochs=0.6), judged(-0.1, -0.15, -0.05, epochs=0.6)
    assert verdict(unclear, GOOD).kind == "open"
    assert "not seen every training row once" in verdict(unclear, GOOD).reason
    assert "not worth it" not in fine_tuning_gain(unclear)
    assert verdict(clear, GOOD).kind == "open"
    assert "better so far" in verdict(clear, GOOD).reason
    assert "not worth it" not in fine_tuning_gain(clear)
    assert verdict(judged(-0.1, -0.15, -0.05, epochs=1.0), GOOD).kind == "stop"
    ahead = judged(0.1, 0.04, 0.16, better="baseline", better_baseline=AHEAD, epochs=0.6)
    assert verdict(ahead, GOOD).kind == "open"
    assert "--baseline" in verdict(ahead, GOOD).reason
    assert verdict(judged(-0.05, -0.15, 0.05, epochs=1.0), GOOD).kind == "stop"


def test_what_may_be_chance_says_how_many_rows_would_tell():
    found = verdict(judged(0.05, -0.05, 0.15), GOOD)
    assert found.kind == "open"
    assert "about 300 more test rows would decide" in found.reason


def test_a_hopelessly_small_gap_asks_for_no_rows():
    found = verdict(judged(0.001, -0.05, 0.05), GOOD)
    assert found.kind == "open"
    assert "more test rows" not in found.reason


def test_a_useless_label_is_no_go_yet():
    found = verdict(judged(0.1, 0.04, 0.16), [*GOOD, Label("rare <b>", 10, 8, 1)])
    assert found.kind == "open"
    assert "rare <b>" in found.reason
    few = verdict(judged(0.1, 0.04, 0.16), [*GOOD, Label("rare", 3, 0, 0)])
    assert few.kind == "go", "three rows say nothing about a label"


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        judged(0.1, 0.05, 0.2, against=""),
        judged(0.1, 0.05, 0.2, differences={}),
        judged(0.1, 0.05, 0.2, against="", state="interrupted"),
        judged(float("nan"), float("nan"), float("nan")),
        judged(0.1, float("nan"), float("nan")),
    ],
)
def test_nothing_to_compare_cannot_be_told(metrics):
    assert verdict(metrics, GOOD).kind == "open"


def test_so_many_more_rows_are_enough():
    """The half-width falls with the square root: after so many rows it is within the gap."""
    gap, half, rows = 0.05, 0.12, 400
    more = more_rows(gap, gap - half, gap + half, rows)
    assert 0.95 * gap < half * (rows / (rows + more)) ** 0.5 <= gap


@pytest.mark.parametrize("name", ["untuned_encoder", "lexical", "nearest"])
@pytest.mark.parametrize("epochs", [0.0, 2.0])
def test_a_network_without_a_fitted_output_layer_is_no_linear_model(name, epochs):
    metrics = judged(0.0, -0.1, 0.1, best_step=0, epochs=epochs).model_copy(
        update={"against": name, "baselines": {name: {"accuracy": 0.9}}}
    )
    told = fine_tuning_gain(metrics)
    assert "linear model" not in told
    assert "before" in told


def test_the_baseline_of_taggers_is_called_as_in_the_table():
    """It was "the most-frequent-tag baseline", which is what the table calls majority."""
    told = better_baseline(judged(0, 0, 0, better="baseline", better_baseline={
        **AHEAD, "baseline": "lookup"}), "runs/a")  # fmt: skip
    assert told.startswith("The lookup of each word's usual tag")
