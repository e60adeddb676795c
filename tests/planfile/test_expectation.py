"""The section `expect` of a plan: older ones as they were, measured ones there and back."""

from conftest import toy_plan
from weitiao.planfile.expectation import (
    Estimate,
    Expectation,
    Measured,
    PhaseEstimate,
    QualityEstimate,
    digest,
)
from weitiao.planfile.plan import Plan


def measured(plan, **more):
    """The plan with an expectation of two phases."""
    phases = {
        name: PhaseEstimate(seconds=Estimate(value, value / 2, value * 2), raw=value, raw_mb=800,
                            memory_mb=Estimate(800, 700, 900))
        for name, value in (("loading", 4.0), ("training", 30.0))
    }  # fmt: skip
    quality = QualityEstimate(
        metric="accuracy", score=Estimate(0.8, 0.75, 0.85), linear=0.77, rows=400,
        doubled=Estimate(0.015, 0.004, 0.026), curve=[(50, 0.6), (400, 0.77)],
    )  # fmt: skip
    about = Measured(plan=digest(plan), busy=0.1, seconds=30.0, machine="m", family="bert")
    found = Expectation(
        phases=phases, total_seconds=Estimate(34, 20, 60), peak_mb=Estimate(800, 700, 900),
        quality=quality, measured=about,
    ).model_copy(update=more)  # fmt: skip
    return plan.model_copy(update={"expect": {"train_seconds": 30.0, "memory_mb": 800, **found.plain()}})  # fmt: skip


def test_a_measured_plan_is_the_same_once_written_and_read(tmp_path):
    plan = measured(toy_plan("classification", "some/checkpoint"))
    for full in (False, True):
        plan.save(tmp_path / "plan.yaml", full=full)
        read = Plan.load(tmp_path / "plan.yaml")
        assert Expectation.of(read) == Expectation.of(plan)
        assert Expectation.of(read).fits(read)
    plan.save(tmp_path / "plan.yaml")
    lines = (tmp_path / "plan.yaml").read_text(encoding="utf-8").splitlines()
    (line,) = [line.strip() for line in lines if line.strip().startswith("training:")]
    assert line.startswith("training: {seconds: [30.0, 15.0, 60.0]"), "a phase a line"


def test_a_plan_that_was_not_measured_is_written_as_before(tmp_path):
    plan = toy_plan("classification", "some/checkpoint")
    plan = plan.model_copy(update={"expect": {"train_seconds": 1.0, "memory_mb": 5, "of": "x"}})
    plan.save(tmp_path / "plan.yaml")
    text = (tmp_path / "plan.yaml").read_text(encoding="utf-8")
    assert "expect: {train_seconds: 1.0, memory_mb: 5, of: x}\n" in text
    assert not Expectation.of(plan)
    assert not Expectation.of(plan).fits(plan)


def test_another_seed_is_the_same_work_and_other_settings_are_not():
    plan = measured(toy_plan("classification", "some/checkpoint"))
    found = Expectation.of(plan)
    assert found.fits(plan.with_({"train.seed": 99}))
    assert not found.fits(plan.with_({"train.epochs": 9}))
    assert not found.fits(plan.with_({"train.batch_size": 4}))


def test_what_is_no_expectation_is_none():
    plan = toy_plan("classification", "some/checkpoint")
    for broken in ({"measured": 3}, {"measured": {}}, {"measured": None, "phases": 1}):
        assert not Expectation.of(plan.model_copy(update={"expect": broken}))
