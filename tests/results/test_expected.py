"""Expected beside actual: hits, misses, and when nothing can be compared."""

import pytest

from conftest import toy_plan
from weitiao.api.measured_outcome import past_run
from weitiao.i18n.messages import speaking
from weitiao.planfile.expectation import (
    Estimate,
    Expectation,
    Measured,
    PhaseEstimate,
    QualityEstimate,
    digest,
)
from weitiao.results import expected
from weitiao.results.records import MetricsRecord
from weitiao.results.run_phases import RunPhases

TOOK = RunPhases.model_validate(
    {"phases": {"loading": {"seconds": 5.0, "memory_mb": 600},
                "training": {"seconds": 70.0, "memory_mb": 850}}, "busy": 0.3}
)  # fmt: skip
METRICS = MetricsRecord.model_validate(
    {"metrics": {"accuracy": 0.73}, "intervals": {"accuracy": (0.63, 0.83)}, "rows": 150,
     "primary": "accuracy"}
)  # fmt: skip


@pytest.fixture
def plan():
    made = toy_plan("classification", "some/checkpoint")
    phases = {
        name: PhaseEstimate(seconds=Estimate(value, value / 2, value * 2), raw=value, raw_mb=800,
                            memory_mb=Estimate(800, 700, 900))
        for name, value in (("loading", 4.0), ("training", 30.0), ("refit", 9.0))
    }  # fmt: skip
    found = Expectation(
        phases=phases, total_seconds=Estimate(43, 25, 70), peak_mb=Estimate(800, 700, 900),
        quality=QualityEstimate(
            metric="accuracy", score=Estimate(0.8, 0.75, 0.85), linear=0.75, rows=400,
            doubled=Estimate(0.0, 0.0, 0.0),
        ),
        measured=Measured(plan=digest(made), busy=0.1, seconds=30.0, machine="m", family="bert"),
    )  # fmt: skip
    return made.model_copy(update={"expect": found.plain()})


def test_hits_and_misses_are_named(plan):
    listed = {one.name: one for one in expected.held(plan, TOOK, METRICS)}
    words = {name: expected.verdict(one) for name, one in listed.items()}
    assert words == {
        "loading": "as expected", "training": "took longer", "total": "took longer",
        "memory": "as expected", "quality": "as expected",
    }  # fmt: skip
    assert listed["total"].actual == 75
    assert expected.summary(list(listed.values())).startswith("3 of 5 expectations came true")
    with speaking("zh"):
        assert expected.verdict(listed["training"]) == "用时更长"


def test_a_phase_of_a_blink_is_no_expectation(plan):
    blink = PhaseEstimate(seconds=Estimate(0.0, 0.0, 0.0), memory_mb=Estimate(800, 700, 900),
                          raw=0.04, raw_mb=800)  # fmt: skip
    found = Expectation.of(plan)
    measured = found.model_copy(update={"phases": {**found.phases, "report": blink}})
    plan = plan.model_copy(update={"expect": measured.plain()})
    took = TOOK.model_copy(
        update={"phases": {**TOOK.phases, "report": TOOK.phases["loading"].model_copy(
            update={"seconds": 0.1})}}
    )  # fmt: skip
    assert "report" not in {one.name for one in expected.held(plan, took, METRICS)}


def test_few_judged_rows_widen_the_interval_of_the_score(plan):
    (score,) = (one for one in expected.held(plan, TOOK, METRICS) if one.kind == "score")
    assert score.expected.low < 0.73 < 0.75, "0.73 on 150 rows does not refute 0.75 to 0.85"
    sure = METRICS.model_copy(update={"intervals": {"accuracy": (0.725, 0.735)}})
    (score,) = (one for one in expected.held(plan, TOOK, sure) if one.kind == "score")
    assert score.expected.low > 0.73
    assert not score.hit
    assert expected.verdict(score) == "worse"


def test_nothing_is_compared_where_the_plan_was_changed_or_the_run_resumed(plan):
    assert expected.held(plan.with_({"train.epochs": 9}), TOOK, METRICS) == []
    assert expected.held(plan, RunPhases(), METRICS) == []
    assert past_run(plan.with_({"train.epochs": 9}), TOOK, METRICS, 20) is None
    assert past_run(toy_plan("classification", "x"), TOOK, METRICS, 20) is None


def test_the_history_gets_ratios_to_what_was_predicted_without_it(plan):
    found = past_run(plan, TOOK, METRICS, 20)
    assert found.seconds == {"loading": 1.25, "training": 2.3333}
    assert found.memory == pytest.approx(850 / 800, abs=1e-4)
    assert found.updates == 20
    assert found.gain == pytest.approx(0.077, abs=1e-3)  # log(0.27 / 0.25)
    few = METRICS.model_copy(update={"rows": 40})
    assert past_run(plan, TOOK, few, 20).gain is None, "40 rows say nothing of a gain"
