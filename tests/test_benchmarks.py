"""The scripts of benchmarks/ start, keep what they have measured, and drop what was disturbed."""

import io
import json
import runpy
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from conftest import toy_data, toy_plan

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = ["adapters", "cluster", "kernels", "long_documents", "padding", "predict_speed", "processes", "quality_trainer", "rows",
           "quality_weitiao", "reading", "scale", "similarity", "startup", "tasks_quality",
           "tiers_quality", "train_speed"]  # fmt: skip


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def called(script, *words):
    """A script as a process would end: run in this one, since there are many calls."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", [f"{script}.py", *words])
        try:
            runpy.run_path(str(FOLDER / f"{script}.py"), run_name="__main__")
        except SystemExit as ended:
            code = ended.code or 0
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_what_it_takes(script):
    done = called(script, "--help")
    assert done.returncode == 0, done.stderr
    assert "--results" in done.stdout
    assert called(script, "--no-such-option").returncode == 2


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_empty_file_gives_an_empty_table(script, tmp_path):
    done = called(script, "--table", "--results", str(tmp_path / "none.json"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_table_is_that_of_the_newest_file(script):
    done = called(script, "--table")
    assert done.returncode == 0, done.stderr
    assert any(letter.isdigit() for letter in done.stdout)


def test_the_newest_file_is_found_by_its_date(tmp_path):
    import timing

    asked = tmp_path / "2026-03-01-speed.json"
    assert timing.newest(asked) == asked
    for name in ("2026-01-02-speed.json", "2026-02-01-speed.json", "2026-02-09-train_speed.json"):
        (tmp_path / name).write_text("[]")
    assert timing.newest(asked).name == "2026-02-01-speed.json"


def test_another_process_at_work_is_seen():
    import timing

    spin = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    begin = timing.mark()
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:  # fmt: skip
        other.stdout.readline()
        found = timing.between(begin, timing.mark())
        other.communicate(b"\n")
    assert found["foreign_cpu_seconds"] > 0.3
    assert found["disturbed"]


def test_own_work_is_not_foreign():
    import timing

    begin, end = timing.Mark(10.0, 1.0, 100.0), timing.Mark(14.0, 8.0, 107.5)
    found = timing.between(begin, end)
    assert (found["seconds"], found["own_cpu_seconds"]) == (4.0, 7.0)
    assert found["foreign_cpu_seconds"] == 0.5
    assert not found["disturbed"]
    assert timing.between(begin, end, own=6.0)["disturbed"]


def test_cells_are_stored_at_once_and_only_good_ones_stay(tmp_path):
    import timing

    file, seen = tmp_path / "results.json", []
    cells = [{"contender": name, "round": 1} for name in ("a", "b", "c")]
    answers = {"a": {"rate": 2.0}, "b": {"rate": 1.0, "disturbed": True}, "c": {"refused": "no"}}

    def act(cell):
        assert len(timing.read_records(file)) == len(seen)
        seen.append(cell["contender"])
        return answers[cell["contender"]]

    timing.run_cells(cells, file, act, minutes=1)
    assert seen == ["a", "b", "c"]
    seen.clear()
    answers["b"] = {"rate": 3.0}
    records = timing.run_cells(cells, file, lambda cell: answers[cell["contender"]], minutes=1)
    told = [(r["contender"], r.get("rate"), r.get("disturbed", False)) for r in records]
    assert told == [("a", 2.0, False), ("b", 1.0, True), ("b", 3.0, False), ("c", None, False)]
    assert timing.run_cells(cells[:2], file, None, minutes=1) == records  # nothing left to do


def test_no_cell_begins_after_the_time_is_up(tmp_path):
    import timing

    assert timing.run_cells([{"round": 1}], tmp_path / "r.json", None, minutes=-1) == []


def test_ratios_are_taken_inside_a_round():
    import ratios

    def record(contender, number, rate, **more):
        machine = {"processor": "some"}
        return {"work": "sst2", "contender": contender, "round": number, "rate": rate,
                "machine": machine, "accuracy": 0.5, **more}  # fmt: skip

    records = [
        record("ours", 1, 600.0), record("theirs", 1, 100.0),
        record("ours", 2, 400.0), record("theirs", 2, 100.0),
        record("ours", 3, 900.0, disturbed=True), record("theirs", 3, 100.0),
        record("ours", 4, 100.0), {**record("gone", 4, 0.0), "failed": "no such\n library"},
    ]  # fmt: skip
    assert ratios.ratios(records, "ours", "theirs") == [6.0, 4.0]
    told = ratios.table(records, ["ours", "absent"], "tokens/s", "accuracy")
    assert "| theirs | 100 | 0.5 | 3 | 5.00 (4.00 to 6.00) |" in told
    assert "3 (1 disturbed, dropped)" in told
    assert "failed: no such library" in told
    assert "absent" not in told


def test_a_process_that_breaks_is_a_record(tmp_path):
    import timing

    script = tmp_path / "breaks.py"
    script.write_text("raise SystemExit('no such library')\n", encoding="utf-8")
    found = timing.in_fresh_process([sys.executable, str(script)], {})
    assert found == {"failed": "no such library"}
    script.write_text("import sys\nprint('talk')\nprint('{\"rate\": 1}')\n", encoding="utf-8")
    assert timing.in_fresh_process([sys.executable, str(script)], {}) == {"rate": 1}


def test_a_refused_plan_is_an_answer(capsys):
    import timing
    from weitiao.errors import PlanError

    def act(job):
        raise PlanError([f"no {job['what']}"])

    timing.answer(act, '{"what": "tier"}')
    told = json.loads(capsys.readouterr().out)
    assert "no tier" in told["refused"]


def test_the_cells_of_the_tiers_go_seed_by_seed_in_whole_pairs():
    import tiers_quality

    cells = list(tiers_quality.cells(["general", "fast"]))
    assert len(cells) == 5 * (5 + 6) * 2
    assert [cell["seed"] for cell in cells] == sorted(cell["seed"] for cell in cells)
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        assert {**left, "tier": ""} == {**right, "tier": ""}
    assert {"set": "mrpc", "rows": 2000, "seed": 1, "tier": "fast"} in cells


def test_the_difference_of_a_tier_is_paired():
    import tiers_quality

    def record(seed, tier, score):
        return {"set": "sst2", "rows": 200, "seed": seed, "tier": tier, "score": score,
                "rows_fingerprint": str(seed)}  # fmt: skip

    seeds = range(1, 7)
    records = [record(seed, "general", 0.3 + seed / 10) for seed in seeds]
    records += [record(seed, "fast", 0.29 + seed / 10) for seed in seeds if seed < 6]
    records += [record(seed, "good", 0.31 + seed / 10) for seed in seeds]
    records += [record(seed, "rare", 0.31 + seed / 10) for seed in (1, 2)]
    records.append({**record(1, "none", 0.0), "refused": "unknown"})
    told = tiers_quality.compare(records)
    assert "| fast | 5 | -1.00 | -1.00 to -1.00 | below |" in told
    assert "| good | 6 | +1.00 | +1.00 to +1.00 | within |" in told
    assert "| rare | 2 | +1.00 | +1.00 to +1.00 | too few pairs |" in told
    assert "| none | 0 | refused: unknown |" in told


def test_the_marginal_time_of_a_row():
    import scale

    def record(rows, seconds):
        return {"rows": rows, "again": False, "peak_mb": 100.0,
                "stage_seconds": dict.fromkeys(scale.STAGES, seconds),
                "stage_peak_mb": dict.fromkeys(scale.STAGES, rows / 100)}  # fmt: skip

    told = scale.table([record(1000, 2.0), record(2000, 3.0), record(4000, 5.5)])
    assert "| epoch | 1000.0 | 1250.0 | +25 % | 10 | 40 | +30 |" in told
    assert "within 1 GB" in told


def test_the_loop_is_timed_where_it_is(tmp_path, tiny_bert):
    import epochs
    from weitiao.run import Run
    from weitiao.training.run import train

    plan = toy_plan("classification", str(tiny_bert))
    data = toy_data(plan, 40)
    found, begun = {}, time.perf_counter()
    with epochs.timed(found):
        outcome = train(plan, data, Run.create(tmp_path, "run", plan))
    assert found["updates"] == outcome.step
    assert begun < found["begin"].clock < found["end"].clock < time.perf_counter()
    assert found["mean_tokens"] > 2
