"""The log as TensorBoard reads it."""

import pytest

from judged_runs import judged_run
from weitiao.errors import RunError
from weitiao.reporting import tensorboard

pytest.importorskip("tensorboard")


def events_of(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_scalars_and_the_plan_can_be_read(tmp_path):
    run = judged_run(tmp_path, ["a", "b"] * 10, ["x", "y"] * 10)
    found = events_of(tensorboard.write(run))
    assert {
        "train/loss",
        "train/learning_rate",
        "train/gradient_norm",
        "validation/accuracy",
    } <= set(found.Tags()["scalars"])
    losses = found.Scalars("train/loss")
    assert [one.step for one in losses] == list(range(1, 41))
    assert losses[3].value == pytest.approx(0.5)
    assert losses[0].wall_time < losses[-1].wall_time
    text = found.Tensors("plan/text_summary")[0].tensor_proto.string_val[0].decode("utf-8")
    assert "task:" in text


def test_written_again_it_holds_everything_once(tmp_path):
    run = judged_run(tmp_path, ["a", "b"] * 10, ["x", "y"] * 10)
    tensorboard.write(run)
    found = events_of(tensorboard.write(run))
    assert len(found.Scalars("train/loss")) == 40


def test_without_the_package_it_says_how_to_get_it(tmp_path, monkeypatch):
    run = judged_run(tmp_path, ["a", "b"] * 10, ["x", "y"] * 10)
    monkeypatch.setattr(tensorboard, "available", lambda: False)
    with pytest.raises(RunError, match=r"weitiao\[tracking\]"):
        tensorboard.write(run)
