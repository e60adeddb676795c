"""Workers that predict answer for the rows that the command has read, and for no others."""

import os
from types import SimpleNamespace

import pytest

import weitiao
from weitiao.cluster import predict
from weitiao.errors import DataError, WeitiaoError


def test_a_worker_that_finds_other_rows_refuses_them(monkeypatch, tmp_path):
    """They were changed meanwhile, or its machine has an older copy: row 7 would be another one."""
    opened = SimpleNamespace(source=SimpleNamespace(fingerprint="b", name="rows.csv"), inputs=[1])
    monkeypatch.setattr(predict, "open_inputs", lambda *_args, **_options: opened)
    monkeypatch.setattr(predict, "load", lambda *_args, **_options: "model")
    monkeypatch.chdir(tmp_path)
    task = {
        "run": "run", "rows": "rows.csv", "how": None, "roles": {}, "precision": None,
        "baseline": False, "folder": os.getcwd(), "threads": 1, "fingerprint": "b", "count": 1,
    }  # fmt: skip
    assert predict._Worker(task).model == "model"
    for other in ({"fingerprint": "a"}, {"count": 2}):
        with pytest.raises(DataError, match=r"rows\.csv: on the machine .* Predict again"):
            predict._Worker({**task, **other})


def test_fewer_workers_than_one_are_refused():
    with pytest.raises(WeitiaoError, match="workers: 0 is too few"):
        weitiao.predict_on_cluster("run", "rows.csv", workers=0)


@pytest.mark.filterwarnings("default")  # Ray warns of its own deprecations
def test_settings_of_ray_data_are_not_changed_for_others():
    data = pytest.importorskip("ray.data")
    context = data.DataContext.get_current()
    before = context.enable_progress_bars, context.execution_options.preserve_order
    with predict._ordered():
        assert context.execution_options.preserve_order
    assert (context.enable_progress_bars, context.execution_options.preserve_order) == before
