"""Manners on a machine: any locale, any path, any way to start a process."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import toy_rows
from weitiao.errors import RunError

QUICK = "train.epochs=1 train.evaluations=1 evaluate.bootstrap_samples=20".split()
LOCALES = {
    "gbk": {"LC_ALL": "zh_CN.GBK", "PYTHONIOENCODING": "gbk", "WEITIAO_LANG": ""},
    "ascii": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0",
              "PYTHONCOERCECLOCALE": "0", "WEITIAO_LANG": "zh"},
    "utf8": {"LC_ALL": "C.UTF-8", "WEITIAO_LANG": "zh"},
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    """A folder whose name has Chinese characters and blanks, with rows that have both and more."""
    folder = tmp_path / "数据 目录 (新)"
    folder.mkdir()
    lines = [f"{row['text']}😀,{'好评' if row['label'] == 'good' else '差评'}"
             for row in toy_rows("classification", 60)]  # fmt: skip
    (folder / "评论 第1版.csv").write_text("文本,标签\n" + "\n".join(lines), encoding="gb18030")
    return folder


def run(folder, env, *words):
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:weitiao"]
    command = [sys.executable, *strict, "-m", "weitiao.cli.app", *words]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, timeout=240
    )


@pytest.fixture(scope="module")
def gbk(tmp_path_factory):
    """A real zh_CN.GBK: file names are GBK, too, not only what is printed."""
    folder = tmp_path_factory.mktemp("locale")
    if not shutil.which("localedef"):
        pytest.skip("no localedef here, which makes locales")
    made = ["localedef", "-i", "zh_CN", "-f", "GBK", str(folder / "zh_CN.GBK")]
    if subprocess.run(made, capture_output=True, check=False).returncode > 1:
        pytest.skip("no source of zh_CN.GBK here")
    return {"LOCPATH": str(folder), "LC_ALL": "zh_CN.GBK", "WEITIAO_LANG": ""}


@pytest.mark.slow
def test_a_real_gbk_locale(gbk, tiny_bert, tmp_path):
    """Libraries of C++ and Rust take every path for UTF-8; here none is."""
    folder = os.path.join(os.fsencode(tmp_path), "评论 目录".encode("gbk"))
    os.mkdir(folder)
    lines = [f"{row['text']},{'好评' if row['label'] == 'good' else '差评'}"
             for row in toy_rows("classification", 60)]  # fmt: skip
    rows = "评论 1.csv".encode("gbk")
    with open(os.path.join(folder, rows), "w", encoding="gbk") as file:
        file.write("文本,标签\n" + "\n".join(lines))
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONIOENCODING", "PYTHONUTF8")}

    def weitiao(*words):
        command = [sys.executable, "-m", "weitiao.cli.app", *words]
        done = subprocess.run(command, cwd=folder, env=env | gbk, capture_output=True, timeout=240)
        told = done.stderr.decode("gbk")
        assert done.returncode == 0, told
        assert "Traceback" not in told
        return done.stdout.decode("gbk"), told

    answer, told = weitiao("fit", rows, "--model", tiny_bert, *QUICK, "train.save_seconds=0",
                           "--json")  # fmt: skip
    run = json.loads(answer)["run"].encode("gbk")
    assert "评论-1" in run.decode("gbk")
    assert "切分" in told
    assert "60 行" in weitiao("predict", run, rows, "-o", "答案.csv".encode("gbk"))[1]
    with open(os.path.join(folder, "答案.csv".encode("gbk")), encoding="utf-8-sig") as file:
        assert "好评" in file.read()
    again = [os.path.join(run, b"best"), *QUICK]
    assert "accuracy" in weitiao("fit", rows, "--model", *again)[1]


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_the_main_job_in_any_locale(locale, place, tiny_bert):
    rows = "评论 第1版.csv"
    done = run(place, LOCALES[locale], "fit", rows, "--model", tiny_bert, *QUICK, "--json")
    encoding = {"gbk": "gbk", "ascii": "ascii", "utf8": "utf-8"}[locale]
    told = done.stderr.decode(encoding)
    assert done.returncode == 0, told
    answer = json.loads(done.stdout.decode(encoding))
    assert answer["state"] == "finished"
    if locale != "ascii":
        assert "好评" not in told or "�" not in told
        assert "行" in told, "it speaks Chinese"
    done = run(place, LOCALES[locale], "predict", answer["run"], rows, "-o", "答案 1.csv")
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert "😀" in (place / "答案 1.csv").read_text(encoding="utf-8-sig")


def test_a_mistake_in_a_gbk_locale_is_one_message(place):
    done = run(place, LOCALES["gbk"], "check", "没有 这个😀.yaml")
    told = done.stderr.decode("gbk")
    assert done.returncode == 2
    assert "没有 这个" in told
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def fitted_once(tiny_bert, tmp_path_factory):
    import weitiao

    root = tmp_path_factory.mktemp("fitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        lines = [json.dumps(row) for row in toy_rows("classification", 60)]
        (root / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return weitiao.fit(
            root / "rows.jsonl", model=tiny_bert, out=root / "runs",
            changes={"train.epochs": 1, "evaluate.bootstrap_samples": 0,
                     "evaluate.findings": False, "evaluate.baselines": False},
        )  # fmt: skip


@pytest.fixture
def run_copy(fitted_once, tmp_path):
    """A finished run that a test may change."""
    from weitiao.run import Run

    return Run(Path(shutil.copytree(fitted_once.run.folder, tmp_path / "copy")))


def answers(folder, texts, queue):
    import weitiao

    queue.put([answer.value for answer in weitiao.load(folder)(*texts)])


@pytest.mark.slow
def test_a_spawned_process_loads_and_answers(fitted_once):
    texts = ["good film", "bad hotel"]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=answers, args=(fitted_once.run.best, texts, queue))
    child.start()
    found = queue.get(timeout=120)
    child.join(timeout=60)
    assert child.exitcode == 0
    assert found == [answer.value for answer in fitted_once(*texts)]


@pytest.mark.slow
def test_two_processes_fit_the_same_rows_at_once(place, tiny_bert, tmp_path):
    """One cache, one folder of runs: both end well, in runs of their own, with equal logs."""
    command = [sys.executable, "-m", "weitiao.cli.app", "fit", "评论 第1版.csv", "--model", tiny_bert,
               *QUICK, "train.precision=fp32", "--json"]  # fmt: skip
    # fp32, since two probes at once may find different arithmetics the fastest.
    both = [subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    told = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    runs = [json.loads(out)["run"] for out, _ in told]
    assert len(set(runs)) == 2
    logs = [(place / name / "log.jsonl").read_text(encoding="utf-8") for name in runs]
    assert logs[0] == logs[1]


def test_a_run_that_is_training_is_left_alone(run_copy, typed):
    from weitiao.run import now

    run = run_copy
    run.write("status", {"state": "running", "pid": os.getpid(), "started": now()})
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    code, _, err = typed("train", "--resume", run.folder)
    assert code == 2
    assert "another process is training in it" in err
    assert before == {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def test_a_run_takes_one_process_at_a_time(run_copy):
    from filelock import FileLock

    import weitiao

    run = run_copy
    run.write("status", {"state": "interrupted"})
    with FileLock(run.folder / ".lock"), pytest.raises(RunError, match="another process"):
        weitiao.resume(run.folder)


def test_a_budget_is_counted_by_a_clock_that_sleeps_with_the_machine():
    from weitiao.core.clock import awake

    before = awake()
    time.sleep(0.05)
    assert 0.04 < awake() - before < 5
    if sys.platform == "linux":  # unlike CLOCK_BOOTTIME, this one stands still in suspend
        assert "CLOCK_MONOTONIC" in time.get_clock_info("monotonic").implementation
        assert abs(awake() - time.clock_gettime(time.CLOCK_MONOTONIC)) < 1
