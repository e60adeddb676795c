"""`plan(..., measure=True)`: what it foretells, and what the run then makes of it."""

import json
import sys

import pytest

import weitiao
from conftest import toy_rows
from weitiao.api import measure, rehearsal
from weitiao.core.clock import duration
from weitiao.hardware.phases import NAMES
from weitiao.planfile.expectation import Expectation
from weitiao.planning import history
from weitiao.reporting.page import write
from weitiao.results import expected
from weitiao.results.records import MetricsRecord
from weitiao.results.run_phases import RunPhases
from weitiao.run import Run

CHANGES = {
    "train.epochs": 2, "train.evaluations": 2, "model.max_length": 32, "model.dropout": 0.0,
    "evaluate.bootstrap_samples": 20, "evaluate.findings": False, "data.validation_size": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "toy.jsonl"
    rows = toy_rows("classification", 160)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(rehearsal, "ROWS", 60)


@pytest.mark.slow
def test_a_plan_is_measured_and_held_against_its_run(rows_file, tiny_bert, tmp_path, quick):
    said = []
    plan = weitiao.plan(rows_file, model=tiny_bert, measure=True, say=said.append, changes=CHANGES)
    assert "takes about" in said[0], "its own cost comes first"
    found = Expectation.of(plan)
    assert found.fits(plan)
    assert {"starting", "loading", "linear_start", "training", "refit", "judging"} <= {
        *found.phases
    }
    assert [*found.phases] == [name for name in NAMES if name in found.phases], "in their order"
    for phase in found.phases.values():
        assert phase.seconds.low <= phase.seconds.value <= phase.seconds.high
    assert found.phases["starting"].seconds.value > 0.5, "a process of its own"
    assert 0.5 < found.quality.score.value <= 1
    assert found.quality.rows > 60
    assert len(found.quality.curve) >= 2
    assert not (tmp_path / "runs").exists(), "a rehearsal leaves nothing behind"

    plan.save(tmp_path / "plan.yaml")
    fitted = weitiao.train(tmp_path / "plan.yaml", out=tmp_path / "runs")
    took = RunPhases.read(fitted.run)
    assert {"loading", "training", "evaluations", "judging", "report"} <= {*took.phases}
    assert sum(one.seconds for one in took.phases.values()) <= 1.1 * fitted.seconds["total"] + 1
    listed = expected.held(fitted.plan, took, MetricsRecord.read(fitted.run))
    assert {"training", "total", "memory", "quality"} <= {one.name for one in listed}
    page = write(fitted.run).read_text(encoding="utf-8")
    assert "Expected and actual" in page
    assert "expectations came true" in page
    (line,) = history.runs(found.measured.machine)
    assert line.family == "bert"
    assert rows_file not in history.path().read_text(encoding="utf-8")


def test_beside_other_programs_measuring_is_announced_to_take_longer(
    rows_file, tiny_bert, monkeypatch
):
    class Begun(Exception):
        pass

    def begin(*_given):
        raise Begun

    monkeypatch.setattr(measure, "_measured", begin)
    said = {}
    for busy in (0.0, 0.5, 1.0):
        monkeypatch.setattr(measure.Disturbance, "proportion", lambda self, busy=busy: busy)
        with pytest.raises(Begun):
            weitiao.plan(
                rows_file, model=tiny_bert, measure=True, changes=CHANGES,
                say=lambda text, busy=busy: said.setdefault(busy, text),
            )  # fmt: skip
    plan = weitiao.plan(rows_file, model=tiny_bert, changes=CHANGES)
    idle, half, full = (measure.cost_of_measuring(plan, 100, busy) for busy in said)
    assert idle < measure.FIXED_SECONDS + 1
    assert half == pytest.approx(2 * idle, rel=0.02)
    assert full == pytest.approx(5 * idle, rel=0.02)
    for busy, seconds in zip(said, (idle, half, full), strict=True):
        assert duration(seconds) in said[busy]


def test_what_is_limited_in_time_is_not_announced_longer(rows_file, tiny_bert):
    plan = weitiao.plan(rows_file, model=tiny_bert, changes=CHANGES)
    slow = plan.model_copy(update={"expect": {**plan.expect, "train_seconds": 1e6}})
    limited = 2 * measure.UPDATE_SECONDS + measure.FEATURE_SECONDS
    for busy, fixed in ((0.0, 1), (0.5, 2)):
        expected = fixed * measure.FIXED_SECONDS + limited
        assert measure.cost_of_measuring(slow, 100, busy) == pytest.approx(expected)


def test_a_plan_that_is_not_measured_says_nothing_new(rows_file, tiny_bert, tmp_path):
    said = []
    plan = weitiao.plan(rows_file, model=tiny_bert, say=said.append, changes=CHANGES)
    assert {*plan.expect} == {"train_seconds", "memory_mb", "threads", "of"}
    assert said == []
    fitted = weitiao.train(plan, out=tmp_path / "runs")
    assert not history.path().exists()
    assert "Expected and actual" not in fitted.page.read_text(encoding="utf-8")


def test_a_run_without_phases_has_none(tmp_path):
    (tmp_path / "plan.yaml").touch()
    assert RunPhases.read(Run(tmp_path)) == RunPhases()


@pytest.mark.slow
def test_rows_of_python_are_rehearsed_in_a_process_of_their_own(
    tiny_bert, quick, tmp_path, monkeypatch
):
    """Also beside files that are called as modules of the library are."""
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rows = toy_rows("classification", 160)
    plan = weitiao.plan(rows, model=tiny_bert, measure=True, changes=CHANGES)
    assert Expectation.of(plan).phases["training"].seconds.value > 0


def test_where_no_process_can_be_started_it_is_told(rows_file, tiny_bert, quick, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(weitiao.WeitiaoError, match="no process can be started"):
        weitiao.plan(rows_file, model=tiny_bert, measure=True, changes=CHANGES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no room')", "ended with code 1: no room"),
        ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
        (
            "import weitiao.api.rehearsal as it; from weitiao.errors import RunError\n"
            "def run(*given): raise RunError('diverged')\n"
            "it._run = run; it.main()",
            "^diverged",
        ),
    ],
    ids=["bug", "killed", "told"],
)
def test_what_stops_the_run_on_a_sample_is_told(
    program, said, rows_file, tiny_bert, quick, monkeypatch
):
    monkeypatch.setattr(rehearsal, "PROGRAM", program)
    with pytest.raises(weitiao.WeitiaoError, match=said):
        weitiao.plan(rows_file, model=tiny_bert, measure=True, changes=CHANGES)
