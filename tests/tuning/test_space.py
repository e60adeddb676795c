"""Search spaces: what a plan may write, and that no proposal is a plan that `check` refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searching import plan_of, space
from weitiao.errors import PlanError
from weitiao.planfile.plan import Plan
from weitiao.planfile.search_space import dimension
from weitiao.planning.check import check
from weitiao.tuning.default_space import default_dimensions
from weitiao.tuning.proposals import propose
from weitiao.tuning.space import Space, space_of

TASKS = ("classification", "multilabel", "regression", "token_classification", "similarity")


@pytest.mark.parametrize(("path", "written", "problem"), [
    ("train.epochs", "6..2", "ends where it begins"),
    ("train.epochs", "many", "no range and no list"),
    ("train.epochs", "1e-5..1e-4..3", "no range and no list"),
    ("train.learning_rate", "0..1e-4:log", "begins above 0"),
    ("train.batch_size", [16], "between 2 and"),
    ("train.batch_size", [16, 16], "between 2 and"),
])  # fmt: skip
def test_a_range_that_is_none_is_named(path, written, problem):
    with pytest.raises(ValueError, match=problem):
        dimension(path, written)


@pytest.mark.parametrize(("space_", "problem"), [
    ({"train.learning_rat": "1e-5..1e-4"}, "learning_rate"),
    ({"train.batch_size": [16, "x"]}, "batch_size"),
    ({"model.dropout": "0.0..2.0"}, "dropout"),
    ({"train.loss": ["mse", "cross_entropy"]}, "does not fit"),
    ({"train.strategies": [{}, {"fgn": {}}]}, "fgm"),
])  # fmt: skip
def test_a_value_that_check_refuses_is_refused_before_anything_runs(space_, problem):
    with pytest.raises(PlanError, match=problem):
        space_of(plan_of(), [dimension(*one) for one in space_.items()])


@pytest.mark.parametrize("path", ["data.split_seed", "train.seed", "evaluate.metrics", "why",
                                  "data.path", "task"])  # fmt: skip
def test_settings_that_change_what_a_score_means_are_not_searched(path):
    with pytest.raises(PlanError, match="not searched"):
        plan_of(tune={"space": {path: [1, 2]}})


def test_a_plan_without_a_search_is_written_as_before(tmp_path):
    assert "tune" not in plan_of().model_dump()
    with_space = plan_of(
        tune={"space": {"train.epochs": "2..6"}, "latency": "20ms", "memory": "4g"}
    )
    assert with_space.tune.latency == 0.02
    assert with_space.tune.memory == 4_000_000_000
    with_space.save(tmp_path / "plan.yaml")
    assert Plan.load(tmp_path / "plan.yaml") == with_space


def test_what_is_searched_is_no_part_of_a_run():
    from weitiao.experiments.cells import Cell

    plans = plan_of(), plan_of(tune={"space": {"train.epochs": "2..6"}})
    keys = {Cell("a", "b", 1, "weitiao", {}, one.model_dump(mode="json"), "r", "test").key
            for one in plans}  # fmt: skip
    assert len(keys) == 1


def test_the_plan_is_a_point_of_its_default_space():
    for rows in (100, 50_000):
        searched = space_of(plan_of(), default_dimensions(plan_of(), rows))
        assert searched.own_params is not None
        assert searched.values(searched.own_params) == searched.own
    few, many = (default_dimensions(plan_of(), rows) for rows in (500, 50_000))
    assert len(few) > len(many)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(TASKS), st.sampled_from([60, 700, 30_000]), st.integers(0, 9),
       st.sampled_from([1e-5, 1e-3]), st.sampled_from([0.4, 3, 12]))  # fmt: skip
def test_no_plan_is_proposed_that_check_refuses(task, rows, seed, rate, epochs):
    roles = {"text": "text", "target": "label"}
    roles |= {"text_pair": "other"} if task == "similarity" else {}
    plan = plan_of(task=task, **{"data.roles": roles, "train.learning_rate": rate,
                                 "train.epochs": epochs})  # fmt: skip
    searched = space_of(plan, default_dimensions(plan, rows))
    for params in searched.drawn(3, seed):
        assert searched.accepts(params)
        made = searched.plan_of(searched.values(params))
        check(made)
        assert made.tune.space == {}
    params = propose(searched, [], seed)
    check(searched.plan_of(searched.values(params)))
    assert searched.encoded([params]).min() >= 0
    assert searched.encoded([params]).max() <= 1


def test_combinations_that_check_refuses_are_not_proposed():
    """Each choice alone is fine, both together are not."""
    written = {"model.max_length": [32, 128], "train.truncate_to": [None, 64]}
    searched = space(written)
    for seed in range(4):
        params = propose(searched, [], seed)
        values = searched.values(params)
        assert values != {"model.max_length": 32, "train.truncate_to": 64}
        check(searched.plan_of(values))


def test_a_space_that_is_used_up_ends():
    searched = space({"train.batch_size": [8, 16, 32]})
    from weitiao.tuning.records import Trial

    trials = [Trial(at, {"train.batch_size": str(size)}, {"train.batch_size": size}, 3)
              for at, size in enumerate([8, 32])]  # fmt: skip
    assert propose(searched, trials, 0) is None, "16 is the plan's own"


def test_a_plan_outside_its_space_is_no_point_of_it():
    searched = space({"train.learning_rate": "1e-3..1e-2:log"})
    assert searched.own_params is None
    assert isinstance(searched, Space)
