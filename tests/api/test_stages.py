"""A run that is killed while it is judged goes on where it stands, and ends as an unbroken one."""

import json

import pytest

import weitiao
from conftest import toy_rows
from weitiao.api import calibrate, single_run, stages
from weitiao.data.prepare import sealed
from weitiao.errors import RunError
from weitiao.reporting import page
from weitiao.run import Run

CHANGES = {"train.epochs": 2, "train.evaluations": 2, "data.test_size": 0.3,
           "evaluate.bootstrap_samples": 20}  # fmt: skip
FILES = ("best/model.safetensors", "best/weitiao.json", "calibration.json", "findings.json",
         "answers.parquet", "figures.json", "log.jsonl")  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing of weitiao's own handles it."""


def killed_at(monkeypatch, owner, name, *, after=False):
    """Die when `name` is called first, or when it has returned. The status stays as it was."""
    real = getattr(owner, name)

    def dies(*given, **settings):
        monkeypatch.setattr(owner, name, real)
        if after:
            real(*given, **settings)
        raise Killed

    monkeypatch.setattr(owner, name, dies)
    monkeypatch.setattr(stages, "_owned_by", lambda run, pid: None)


@pytest.fixture(scope="module", autouse=True)
def _any_temperature():
    """So few rows would refuse a temperature, and nothing would be swapped in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "refusal_of", lambda *_: {})
        yield


PLACES = {
    "before calibration": (calibrate, "calibrated", False),
    "before the calibrated model is swapped in": (calibrate, "replace_model", False),
    "before calibration.json": (calibrate, "replace_model", True),
    "before the test is opened": (single_run, "open_test", False),
    "after the test was opened": (single_run, "open_test", True),
    "while it is judged": (single_run, "evaluated", False),
    "before metrics.json": (page, "write_results", False),
    "after metrics.json": (page, "write_results", True),
    "before the page": (page, "write_page", False),
    "after the page": (page, "write_page", True),
}


def fit(folder, checkpoint):
    rows = toy_rows("classification", 200)
    return weitiao.fit(rows, model=checkpoint, out=folder, changes=CHANGES)


def content(run):
    """What is equal in equal runs: without times and memory."""
    files = {name: (run.folder / name).read_bytes() for name in FILES if name != "findings.json"}
    findings = run.read("findings")
    findings.pop("seconds", None)
    metrics = run.read("metrics")
    for name in ("seconds", "peak_memory_mb", "run", "best", "report"):
        metrics.pop(name)
    for baseline in metrics["details"].values():
        baseline.pop("seconds", None)
    # As text: NaN is not equal to itself.
    texts = {key: json.dumps(value) for key, value in {**findings, **metrics}.items()}
    return {**files, **texts}


@pytest.fixture(scope="module", autouse=True)
def _no_clock():
    """How many rows the timed checks of behaviour read must not depend on the load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("weitiao.api.findings.CHECKS_SHARE", 1e6)
        patch.setattr("weitiao.api.findings.MIN_SECONDS", 60.0)
        yield


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, tiny_bert):
    folder = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(folder / "cache"))
        patch.setenv("WEITIAO_STATE", str(folder / "state"))
        return fit(folder / "runs", tiny_bert)


QUICK = {"before calibration.json", "after the test was opened", "before metrics.json"}


@pytest.mark.parametrize(
    "place",
    [pytest.param(p, marks=() if p in QUICK else pytest.mark.slow) for p in PLACES],
)
def test_a_kill_while_a_run_is_judged(place, unbroken, tiny_bert, tmp_path, monkeypatch):
    owner, name, after = PLACES[place]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, owner, name, after=after)
        fit(tmp_path, tiny_bert)
    run = Run.open(tmp_path / unbroken.run.folder.name)
    status = run.read("status")
    assert status["state"] == ("judged" if "page" in place else "trained")
    run.write("status", {**status, "pid": None})  # the process is gone
    assert run.status().state == "interrupted"
    fitted = weitiao.resume(run.folder)
    assert (fitted.state, fitted.split, fitted.openings) == ("finished", "test", 1)
    assert run.status().state == "finished"
    ours, wanted = content(run), content(unbroken.run)
    assert [key for key in wanted if ours[key] != wanted[key]] == []
    assert fitted.report.primary == unbroken.report.primary
    assert json.dumps(fitted.report.summary()) == json.dumps(unbroken.report.summary())
    assert len(sealed.openings_file().read_text(encoding="utf-8").splitlines()) == 1
    assert (run.folder / "report.html").is_file()
    with pytest.raises(RunError, match="has ended"):
        weitiao.resume(run.folder)
