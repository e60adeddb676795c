"""Records of a run: old names, unknown keys, damage."""

import json

import pytest

from weitiao.errors import RunError
from weitiao.results.records import (
    EnvironmentRecord,
    Findings,
    MetricsRecord,
    RowStatistics,
    SeedsRecord,
)
from weitiao.run import Run


def stored(folder, name, values):
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")
    return Run(folder)


def test_a_run_without_records_has_empty_ones(tmp_path):
    run = Run(tmp_path)
    for record in (MetricsRecord, RowStatistics, Findings):
        assert not record.read(run)
    assert EnvironmentRecord.read(run).history == []


def test_keys_of_a_newer_version_stay(tmp_path):
    values = {"version": 9, "rows": {"train": 3}, "sentiment": {"of": "rows"}}
    run = stored(tmp_path, "figures", values)
    statistics = RowStatistics.read(run)
    assert statistics.rows == {"train": 3}
    statistics.write(run)
    assert json.loads((tmp_path / "figures.json").read_text())["sentiment"] == {"of": "rows"}


def test_records_of_the_first_version_are_read(tmp_path):
    metrics = {"split": "test", "rows": 23, "primary": "mae", "metrics": {"mae": 0.5, "r": None},
               "against": "mean", "baselines": {"mean": {"mae": 0.9}},
               "differences": {"mae": [0.4, 0.1, None]}, "details": {"mean": {"always": 3}}}  # fmt: skip
    record = MetricsRecord.read(stored(tmp_path, "metrics", metrics))
    gap, low, high = record.difference("mae")
    assert (gap, low, high != high) == (0.4, 0.1, True)
    assert record.baseline_score() == 0.9
    assert all(value != value for value in record.difference("unknown"))
    scores = {"mean": 0.5, "spread": 0.1, "lowest": 0.4, "highest": 0.6}
    seeds = SeedsRecord.read(stored(tmp_path, "seeds", {"asked": 3, "validation": scores}))
    assert (seeds.requested, seeds.validation.std) == (3, 0.1)


def test_a_damaged_record_is_named(tmp_path):
    run = stored(tmp_path, "figures", {"rows": ["no", "table"]})
    with pytest.raises(RunError, match=r"figures\.json: damaged"):
        RowStatistics.read(run)
