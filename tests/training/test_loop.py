from contextlib import closing

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from conftest import toy_data, toy_plan
from weitiao.errors import DivergedError, PlanError
from weitiao.evaluation.evaluate import Report
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.batches import Feed, updates_of
from weitiao.training.budget import TRAINING_SHARE, Clock, Pace
from weitiao.training.loop import due, fit
from weitiao.training.recorder import rate_factor
from weitiao.training.run import train


class SetClock(Clock):
    """A clock that shows what it is set to."""

    time = 0.0

    def passed(self):
        return self.time


def start(task, checkpoint, **changes):
    plan = toy_plan(task, checkpoint, **changes)
    data = toy_data(plan, 80)
    model = Model.start(plan, data.train, data.validation)
    feeds = [
        Feed(model.encode(rows), model.task.indices(rows.targets(), rows.ids()))
        for rows in (data.train, data.validation)
    ]
    return model, feeds, data


def test_leaving_the_loop_early_puts_the_raw_weights_back(tiny_bert):
    model, feeds, _ = start("classification", tiny_bert, **{"train.strategies": {"ema": {}}})
    weight = model.net.native.classifier.weight
    with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
        for progress in steps:
            if progress.report is None:
                raw = weight.detach().clone()
            else:
                judged = weight.detach().clone()
                break
    assert not torch.equal(judged, raw)
    assert torch.equal(weight, raw)


def test_a_checkpoint_inside_an_evaluation_is_refused(tiny_bert, tmp_path):
    model, feeds, _ = start("classification", tiny_bert)
    with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
        judged = next(p for p in steps if p.report is not None)
        with pytest.raises(AssertionError, match="raw weights"):
            judged.save(tmp_path, 0, 0.0)


def test_a_number_that_is_not_finite_stops_before_the_update(tiny_bert):
    model, feeds, _ = start("regression", tiny_bert)
    feeds[0].labels[:] = 1e30
    before = {n: p.detach().clone() for n, p in model.net.named_parameters()}
    with pytest.raises(DivergedError, match=r"update 1 of .* was not made"):
        next(fit(model, *feeds, Accelerator(cpu=True)))
    for name, param in model.net.named_parameters():
        assert torch.equal(param, before[name])


def test_stopping_and_replanning_from_outside(tiny_bert):
    model, feeds, _ = start("classification", tiny_bert, **{"train.epochs": 5})
    seen = []
    with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
        for progress in steps:
            seen.append(progress)
            if progress.step == 3 and progress.report is None:
                progress.replan(6)
    assert seen[-1].step == seen[-1].total == 6
    assert seen[-1].report is not None  # the last weights are always judged
    rates = [p.learning_rate for p in seen if p.report is None]
    assert rates[-1] < rates[3]  # the schedule comes down within the new total


def test_early_stopping_ends_the_run_and_keeps_the_best(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{
        "train.epochs": 30, "train.evaluations": 30, "train.patience": 2,
        "train.learning_rate": 1e-7})  # fmt: skip
    data = toy_data(plan, 80)
    outcome = train(plan, data, Run.create(tmp_path, "run", plan))
    assert outcome.state == "early"
    assert outcome.step < outcome.total
    assert outcome.model.scores(data.validation.examples()).shape[1] == 2


def test_the_best_follows_the_direction_of_the_metric(tiny_bert, tmp_path):
    """With an error as the metric the lowest is kept."""
    plan = toy_plan(
        "regression",
        tiny_bert,
        **{"evaluate.metrics": ["mae", "pearson"], "train.epochs": 4, "train.evaluations": 6},
    )
    data = toy_data(plan, 80)
    run = Run.create(tmp_path, "run", plan)
    outcome = train(plan, data, run)
    judged = [line for line in run.history() if "validation" in line]
    lowest = min(line["validation"]["mae"] for line in judged)
    assert outcome.score == pytest.approx(-lowest)
    kept = [line for line in judged if line["best"]][-1]
    assert kept["validation"]["mae"] == pytest.approx(lowest)


def test_a_budget_is_kept(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{
        "train.epochs": 1000, "train.budget": 4, "train.evaluations": 3})  # fmt: skip
    data = toy_data(plan, 80)
    clock = Clock(4)
    outcome = train(plan, data, Run.create(tmp_path, "run", plan), clock=clock)
    assert outcome.step == outcome.total < 1000 * 64 / 8
    assert outcome.seconds < 8  # loading the best again comes after the budget


@pytest.mark.parametrize("task", ["classification", "question_answering"])
def test_the_time_of_a_budget_is_used(task, tiny_bert, tmp_path):
    """Judging few rows takes less than an update: nothing near five updates is kept for it."""
    plan = toy_plan(task, tiny_bert, **{
        "train.epochs": 1000, "train.batch_size": 32, "train.evaluations": 3,
        "data.deduplicate": False})  # fmt: skip
    clock = SetClock(30)

    def watch(progress, left):  # an update takes a second, judging half of one
        clock.time += 1.0 if progress.report is None else 0.5

    outcome = train(plan, toy_data(plan, 80), Run.create(tmp_path, "run", plan), clock=clock,
                    watch=watch)  # fmt: skip
    assert 24 <= outcome.step <= 30


def test_judging_takes_the_time_of_its_tokens_forward(tiny_bert):
    _, (train_feed, validation), _ = start("classification", tiny_bert)
    tokens = [feed.encoded.lengths.sum() for feed in (validation, train_feed)]
    wanted = tokens[0] / 3 / (tokens[1] / len(train_feed.labels) * 8)
    assert updates_of(validation, train_feed, 8) == pytest.approx(wanted)


def test_pace_fits_the_rest_into_what_is_left():
    clock = SetClock(100)
    pace = Pace(clock)
    for _ in range(5):
        clock.time += 1
        pace.updated()
    # 95 s left, 5 of them kept for an evaluation not yet seen; 4 evaluations shared out
    total = pace.total(5, 1000, 1000, 4)
    assert 80 <= total <= 95
    assert pace.total(5, 20, 20, 4) is None  # fits already
    assert pace.total(5, 20, 1000, 4) > 80  # there is room to grow again


def test_evaluations_are_spread_evenly_and_end_with_the_last():
    judged, last = [], 0
    for step in range(1, 101):
        if due(step, 100, 4, last):
            judged.append(step)
            last = step
    assert judged == [25, 50, 75, 100]
    assert not due(0, 100, 4)


def test_class_weights_are_balanced_or_given(tiny_bert):
    model, feeds, data = start("classification", tiny_bert, **{"train.class_weights": "balanced"})
    counts = np.bincount(feeds[0].labels)
    wanted = len(feeds[0].labels) / (2 * counts)
    assert model.weights == pytest.approx(wanted.tolist())
    given = toy_plan("classification", tiny_bert, **{"train.class_weights": {"good": 3}})
    assert Model.start(given, data.train).weights == (1.0, 3.0)
    wrong = toy_plan("classification", tiny_bert, **{"train.class_weights": {"goood": 3}})
    with pytest.raises(PlanError, match="Did you mean 'good'"):
        Model.start(wrong, data.train)
    nothing = toy_plan(
        "classification", tiny_bert, **{"train.class_weights": {"good": 0, "bad": 0}}
    )
    with pytest.raises(PlanError, match="class_weights: every label weighs 0"):
        Model.start(nothing, data.train)


def test_a_dropout_of_the_plan_overrides_every_one_of_the_checkpoint(tiny_bert):
    model, _, _ = start("classification", tiny_bert, **{"model.dropout": 0.37})
    rates = {m.p for m in model.net.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.37}


def test_the_head_starts_from_the_seed(tiny_bert):
    def head(seed):
        model, _, _ = start("classification", tiny_bert, **{"train.seed": seed})
        return model.net.native.classifier.weight.detach()

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_two_runs_of_one_process_may_have_different_precisions(tiny_bert, tmp_path):
    for precision in ("fp32", "bf16", "fp32"):
        plan = toy_plan("classification", tiny_bert, **{"train.precision": precision})
        outcome = train(plan, toy_data(plan, 60), Run.create(tmp_path, precision, plan))
        assert outcome.state == "finished"


def test_a_slow_first_update_says_nothing_of_the_pace():
    """Compiling and first imports were taken for an update: there was no room for one more."""
    clock = SetClock(100, minimum=0)
    pace = Pace(clock)
    clock.time += 70
    pace.updated()
    assert pace.total(1, 1000, 1000, 4) is None
    for _ in range(3):
        clock.time += 0.1
        pace.updated()
    assert 200 <= pace.total(4, 1000, 1000, 4) <= 300  # 29.7 s left, a tenth of a second each


def test_a_total_that_was_far_too_small_grows_however_late():
    """First updates beside other programs left six; five had been made when these ended."""
    clock = SetClock(100, minimum=0)
    pace = Pace(clock)
    for _ in range(5):
        clock.time += 1
        pace.updated()
    assert pace.total(5, 6, 1000, 3) > 60
    assert pace.total(5, 6, 7, 3) is None  # one more at the end would learn nothing
    assert pace.total(80, 90, 1000, 3) > 140
    clock.time = 80
    assert pace.total(85, 90, 1000, 3) is None


def test_evaluations_of_updates_that_do_not_fit_take_no_room():
    """Time was kept for the evaluations of the whole planned run, however short it became."""
    clock = SetClock(42, minimum=0)
    pace = Pace(clock, evaluation=8 / 3)
    for _ in range(4):
        clock.time += 3
        pace.updated()
    assert pace.total(4, 1000, 1000, 3) == 9  # 5 updates of 3 s and 1.7 evaluations of 8 s in 30 s


def test_one_slow_update_later_hardly_changes_the_pace():
    clock = SetClock(100, minimum=0)
    pace = Pace(clock)
    for seconds in (5, *[0.1] * 9, 20, *[0.1] * 9):
        clock.time += seconds
        pace.updated()
    assert pace.total(20, 1000, 1000, 4) > 600  # 73 s left


def test_updates_too_slow_for_the_budget_end_after_the_second():
    clock = SetClock(40, minimum=0)
    pace = Pace(clock)
    for _ in range(2):
        clock.time += 30
        pace.updated()
    assert pace.total(2, 100, 100, 3) == 2


def test_training_keeps_a_share_of_the_budget_however_long_the_warm_up_took():
    clock = SetClock(100)
    clock.time = 250
    clock.warmed_up()
    assert clock.left() == pytest.approx(TRAINING_SHARE * 100)
    in_time = SetClock(100)
    in_time.time = 40
    in_time.warmed_up()
    assert in_time.left() == 60
    unlimited = SetClock()
    unlimited.time = 40
    unlimited.warmed_up()
    assert unlimited.left() == float("inf")


def test_a_resumed_run_does_not_gain_time_by_its_warm_up():
    """Else a run that is killed again and again never ends."""
    clock = Clock(100)
    clock.start(97)
    clock._begun -= 50  # the warm-up of this process
    clock.warmed_up()
    assert clock.left() == pytest.approx(3, abs=0.1)
    assert clock.used() == pytest.approx(97, abs=0.1)


def test_large_numbers_close_together_can_be_learned(tiny_bert):
    from weitiao.tasks.regression import Regression

    targets = [1.7e9 + i for i in range(10)]
    task = Regression().learn(targets)
    assert len(set(task.indices(targets, [""] * 10).tolist())) == 10


def test_a_label_without_rows_has_no_say_in_balanced_weights():
    from weitiao.tasks.classification import Classification

    task = Classification(labels=("a", "b", "never"))
    weights = task.balanced(np.array([0, 0, 0, 1]))
    assert weights == pytest.approx((4 / 6, 4 / 2, 1.0))


def test_words_that_stand_in_no_row_keep_their_vectors(tiny_bert):
    """And the others do not: with lazy_embeddings the gradient of the word vectors is sparse."""
    model, feeds, _ = start("classification", tiny_bert, **{
        "train.optimizer": {"adamw": {"lazy_embeddings": True}}, "train.weight_decay": 0.5,
        "train.layout": "padded"})  # fmt: skip
    table = model.net.embeddings().weight
    before = table.detach().clone()
    for _ in fit(model, *feeds, Accelerator(cpu=True)):
        pass
    seen = set(np.concatenate(feeds[0].encoded.take(range(len(feeds[0].labels)))["input_ids"]))
    moved = (table.detach() != before).any(1).nonzero().flatten().tolist()
    assert set(moved) == seen
    assert len(seen) < len(table)


def test_a_budget_has_as_many_evaluations_as_leave_time_to_learn():
    clock = SetClock(100, minimum=0)
    pace = Pace(clock)
    assert pace.evaluations(10) == 10  # nothing is known yet
    clock.time = 4.0
    pace.evaluated()
    assert pace.evaluations(10) == 6  # a quarter of 96 s has room for six of 4 s
    clock.time = 90.0
    assert pace.evaluations(10) == 1  # the one at the end is always made
    assert Pace(Clock()).evaluations(10) == 10


@pytest.mark.parametrize(
    ("accuracy", "updates", "factor"),
    [(0.95, 40, 0.125), (0.80, 40, 1.0), (0.95, 150, 1.0), (0.999, 10, 0.1), (0.95, 112, 0.557)],
)
def test_few_updates_are_gentle_with_good_features(accuracy, updates, factor):
    report = Report({"accuracy": accuracy}, True, 100)
    assert rate_factor(report, updates) == pytest.approx(factor, abs=0.01)


def test_a_metric_without_an_error_changes_no_rate():
    assert rate_factor(Report({"mae": 3.0}, False, 100), 10) == 1.0
