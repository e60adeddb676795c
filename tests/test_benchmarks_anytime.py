"""The scripts about score over seconds, few rows, budgets and kills: cells, tables, picture."""

import re
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = ["anytime", "linear_start", "few_rows", "budgets", "kills"]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def start(script, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *words])
    __import__(script).main()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_what_it_takes(script, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        start(script, monkeypatch, "--help")
    assert ended.value.code == 0
    assert "--minutes" in capsys.readouterr().out
    for words in ([], ["--no-such-option"]):  # the folder of the sets is needed
        with pytest.raises(SystemExit) as ended:
            start(script, monkeypatch, *words)
        assert ended.value.code == 2


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_table_of_nothing(script, tmp_path, monkeypatch, capsys):
    start(script, monkeypatch, "--table", "--results", str(tmp_path / "none.json"))
    assert capsys.readouterr().out.strip()


# --- anytime


def figure(name, contender, score, seconds=10.0, **more):
    return {"set": name, "rows": 1000, "contender": contender, "state": "-", "budget": 0.0,
            "score": score, "seconds": seconds, "interval": [score - 0.03, score + 0.03], **more}  # fmt: skip


def ours(name, score, budget, seconds, **more):
    settings = {"state": "warm", "budget": budget, **more}
    return figure(name, "weitiao", score, seconds, **settings)


def test_the_cells_of_a_size_begin_with_the_linear_models():
    import anytime

    cells = anytime.cells()
    assert len(cells) == len({tuple(cell.values()) for cell in cells})
    seen = set()
    for cell in cells:
        if cell["contender"] in anytime.LINEAR:
            seen.add((cell["rows"], cell["contender"]))
        else:
            assert {(cell["rows"], name) for name in anytime.LINEAR} <= seen
    first = [cell for cell in cells if cell["contender"] == "weitiao"][:8]
    assert {(cell["rows"], cell["state"], cell["budget"]) for cell in first} == {
        (1000, "warm", 30.0)
    }
    tags = {cell["contender"] for cell in cells if cell["set"] == "wnut17"}
    assert tags == {"tfidf_linear", "weitiao"}


def test_means_are_of_the_sets_that_all_contenders_have():
    import anytime

    records = [
        figure("a", "tfidf_linear", 0.7), figure("b", "tfidf_linear", 0.5),
        figure("a", "frozen_linear", 0.8), figure("b", "frozen_linear", 0.6),
        ours("a", 0.9, 30.0, 29.0), ours("b", 0.8, 30.0, 31.0), ours("c", 0.1, 30.0, 30.0),
    ]  # fmt: skip
    told = anytime.means(records)
    assert "| 1000 | 30 s | 2 | 60.0 (10 s) | 70.0 (10 s) | 85.0 (30 s) | - | - |" in told


def test_cells_below_the_linear_models_are_listed_only_beyond_the_interval():
    import anytime

    records = [
        figure("a", "tfidf_linear", 0.70), figure("a", "frozen_linear", 0.80),
        ours("a", 0.75, 15.0, 15.0, differences={"frozen_linear": [-0.05, -0.08, -0.02]}),
        ours("a", 0.75, 30.0, 15.0, differences={"frozen_linear": [-0.05, -0.11, 0.01]}),
        ours("a", 0.795, 60.0, 15.0, differences={"frozen_linear": [-0.005, -0.009, -0.001]}),
        ours("a", 0.70, 120.0, 15.0),  # no paired difference: by its own interval
        ours("z", 0.70, 120.0, 15.0, saved_baselines={"tfidf_linear": 0.9, "majority": 0.99}),
    ]  # fmt: skip
    told = anytime.below(records)
    assert "beyond the interval:** 3 of 5 cells" in told
    assert "- a, 1000 rows, weitiao warm, budget 15 s: -5.0 (-8.0 to -2.0) points" in told
    assert "budget 30 s" not in told
    assert "budget 60 s" not in told
    assert "- z, 1000 rows, weitiao warm, budget 120 s: -20.0" in told


def test_a_disturbed_cell_is_shown_until_a_quiet_one_is_there():
    import anytime

    noisy = ours("a", 0.5, 30.0, 60.0, disturbed=True, foreign_cpu_seconds=50.0)
    assert "60.0* | 50.0" in anytime.table([noisy])
    quiet = ours("a", 0.9, 30.0, 29.0)
    for records in ([noisy, quiet], [quiet, noisy]):
        assert anytime.usable(records) == [quiet]
    stopped = {**ours("a", 0.0, 0.0, 0.0), "score": None, "over_seconds": 1200.0}
    assert "budget none: stopped after 1200 s" in anytime.table([noisy, stopped])


def test_the_picture_is_drawn_in_both_schemes():
    import anytime_picture

    records = [
        *(figure(name, "tfidf_linear", 0.6, 4.0) for name in "ab"),
        *(figure(name, "frozen_linear", 0.8, 12.0) for name in "ab"),
        *(ours(name, 0.8, 15.0, 14.0) for name in "ab"),
        *(ours(name, 0.9, 60.0, 55.0) for name in "ab"),
        *(figure(name, "trainer", 0.5, 60.0, budget=60.0) for name in "ab"),
        figure("a", "trainer", 0.5, 15.0, budget=15.0),  # b is missing: not comparable
        ours("a", 0.95, 300.0, 250.0, state="cold"),
    ]  # fmt: skip
    panel = anytime_picture.panel_of(records, 1000)
    assert panel.sets == 2
    assert panel.points["weitiao warm"] == [(14.0, 80.0), (55.0, pytest.approx(90.0))]
    assert panel.points["trainer"] == [(60.0, 50.0)]
    assert "weitiao cold" not in panel.points
    picture = anytime_picture.drawn(records)
    xml.fromstring(picture)
    assert "prefers-color-scheme: dark" in picture
    assert picture.count("<polyline") == 3
    xml.fromstring(anytime_picture.drawn([]))


# --- pooled differences


def test_pooled_differences_are_paired_by_row_set_and_seed():
    import pooled

    def record(name, seed, variant, score, rows="x"):
        return {"set": name, "seed": seed, "variant": variant, "score": score,
                "rows_fingerprint": rows}  # fmt: skip

    records = [record(name, seed, "old", 0.5) for name in "ab" for seed in range(3)]
    records += [record(name, seed, "new", 0.52) for name in "ab" for seed in range(3)]
    records += [record("a", 9, "new", 0.9), {**record("b", 0, "new", None), "seed": 7}]
    found = pooled.differences(records, lambda r: r["variant"] == "old",
                               lambda r: r["variant"] == "new", ("set", "seed"))  # fmt: skip
    result = pooled.pooled(found)
    assert (result.pairs, result.sets) == (6, 2)
    assert str(result) == "+2.00 (+2.00 to +2.00)"
    with pytest.raises(AssertionError, match="other rows"):
        pooled.differences([record("a", 1, "old", 0.5), record("a", 1, "new", 0.5, "y")],
                           lambda r: r["variant"] == "old", lambda r: r["variant"] == "new",
                           ("set", "seed"))  # fmt: skip


def test_sets_that_differ_widen_the_interval():
    import pooled

    draw = np.random.default_rng(1)
    alike = {name: draw.normal(1.0, 0.5, 20).tolist() for name in "abcd"}
    apart = {name: (draw.normal(0, 0.5, 20) + center).tolist()
             for name, center in zip("abcd", (-3.0, 0.0, 3.0, 4.0), strict=True)}  # fmt: skip
    small, wide = pooled.pooled(alike), pooled.pooled(apart)
    assert small.high - small.low < 0.6 < 2 < wide.high - wide.low
    assert str(pooled.pooled({})) == "no pairs"
    assert "too few pairs" in str(pooled.pooled({"a": [1.0]}))


# --- linear start, few rows


def test_the_variants_of_a_pair_follow_each_other():
    import linear_start

    cells = list(linear_start.cells())
    assert len(cells) == 8 * 3 * 5 * 4
    for at in range(0, len(cells), 4):
        group = cells[at : at + 4]
        assert len({(c["set"], c["rows"], c["seed"]) for c in group}) == 1
        assert [c["variant"] for c in group] == list(linear_start.VARIANTS)
    assert {c["rows"] for c in cells[:64]} == {200}


def test_the_table_of_the_linear_start():
    import linear_start

    def record(seed, variant, score, seconds):
        return {"set": "sst2", "rows": 200, "seed": seed, "variant": variant, "score": score,
                "seconds": seconds, "rows_fingerprint": "x"}  # fmt: skip

    records = [record(seed, "native, no start", 0.7, 10.0) for seed in range(5)]
    records += [record(seed, "mean, linear start", 0.75, 12.0) for seed in range(5)]
    records.append({**record(6, "mean, no start", None, 0.0), "refused": "no field linear_start"})
    told = linear_start.table(records)
    assert "| both, against neither | 200 | 1 | 5 | +5.00 (+5.00 to +5.00) | +2.0 |" in told
    assert "| sst2 | 200 | 5 | 75.0 (12 s) | - | - | 70.0 (10 s) |" in told
    assert "without a score: no field linear_start" in told


def test_the_table_of_few_rows_counts_degenerate_runs():
    import few_rows

    def record(contender, score, seed=1, per_class=8, **more):
        return {"set": "sst2", "per_class": per_class, "seed": seed, "contender": contender,
                "score": score, "seconds": 5.0, "majority": 0.51, "rows_fingerprint": "x", **more}  # fmt: skip

    records = [record("weitiao", 0.8, seed) for seed in range(5)]
    records += [record("frozen_linear", 0.77, seed) for seed in range(5)]
    records += [record("weitiao", 0.9, seed, 0) for seed in range(2)]
    records += [record("before", score, seed, 0) for seed, score in enumerate((0.51, 0.9))]
    told = few_rows.table(records)
    assert "| frozen_linear | 8 | 1 | 5 | +3.00 (+3.00 to +3.00) |" in told
    assert "| sst2 | 51.0 | 0 of 2 (least 90.0) | - | 1 of 2 (least 51.0) |" in told


def test_setfit_comes_after_what_it_is_timed_by(tmp_path):
    import few_rows
    import timing

    cells = list(few_rows.cells())
    assert len(cells) == 5 * 3 * 5 * 6
    done = set()
    for cell in cells:
        key = tuple(cell[name] for name in few_rows.SAME)
        assert cell["contender"] != "setfit" or (*key, "weitiao") in done
        done.add((*key, cell["contender"]))
    cell = {"set": "sst2", "per_class": 8, "seed": 1}
    file = tmp_path / "few.json"
    assert few_rows.seconds_of(cell, file) is None
    timing.write_records(file, [{**cell, "contender": "weitiao", "score": 0.5, "seconds": 7.5}])
    assert few_rows.seconds_of(cell, file) == 7.5


# --- budgets, kills


def test_a_budget_is_kept_within_a_tenth_and_five_seconds():
    import budgets

    def record(budget, seconds, loops=0, **more):
        return {"set": "bbc-news", "rows": 1000, "budget": budget, "loops": loops, "round": 1,
                "seconds": seconds, "score": 0.9, **more}  # fmt: skip

    assert budgets.is_kept(record(30.0, 38.0))
    assert not budgets.is_kept(record(30.0, 38.1))
    told = budgets.table([
        record(30.0, 29.0), record(30.0, 90.0, disturbed=True), record(60.0, 58.0),
        record(30.0, 41.0, 2), record(60.0, 66.0, 2),
    ])  # fmt: skip
    assert "| 0 | 2 | 2 (100%) | -1.0 s (bbc-news, 30 s) |" in told
    assert "| 2 | 2 | 1 (50%) | +11.0 s (bbc-news, 30 s) |" in told
    assert "1 runs disturbed" in told
    assert len(list(budgets.cells(2))) == 2 * 3 * 6 * 3


def test_busy_loops_are_started_and_stopped():
    import psutil

    import budgets

    with budgets.busy(2) as ids:
        assert all(psutil.pid_exists(one) for one in ids)
        end = time.monotonic() + 10
        while psutil.Process(ids[0]).cpu_times().user < 0.05:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert not any(psutil.pid_exists(one) for one in ids)


def test_the_table_of_kills_names_every_run_that_lost_something():
    import kills

    def record(name, number, **more):
        good = {"set": "sst2", "rows": 1000, "epochs": 3.0, "code": "c", "signal": name, "number": number, "loads": True,
                "equal": True, "differ": [], "score": 0.9, "start_score": 0.8, "start_step": 0,
                "step": 10 * number, "seconds_to_end": 0.5}  # fmt: skip
        return {**good, **more}

    records = [
        {"set": "sst2", "rows": 1000, "epochs": 3.0, "code": "c", "signal": "none", "number": 0, "seconds_after": 20.0,
         "run_hashes": {"weights": "w", "log": "l"}},
        record("SIGKILL", 1), record("SIGKILL", 2, score=0.79),
        record("SIGKILL", 3, equal=False, differ=["weights"]),
        record("SIGINT", 1, seconds_to_end=4.0),
        record("SIGINT", 2, loads=False, score=None, why="broken"),
        {"signal": "SIGINT", "number": 3, "ended_before": True},
    ]  # fmt: skip
    told = kills.table(records)
    assert "| SIGKILL | 3 | 10 to 30 | 3 | 2 | 2 | 0.5 at most |" in told
    assert "| SIGINT | 2 | 10 to 20 | 1 | 1 | 2 | 4.0 at most |" in told
    assert re.findall(r"SIG\w+ \d, step", told) == [
        "SIGKILL 2, step",
        "SIGKILL 3, step",
        "SIGINT 2, step",
    ]
    assert "1 runs had ended before the signal" in told
    cell = {"set": "sst2", "rows": 1000, "epochs": 3.0, "code": "c"}
    assert kills.reference(records, cell)["seconds_after"] == 20.0
    assert kills.reference(records, {**cell, "code": "another"}) is None
    assert next(iter(kills.cells(3)))["signal"] == "none"


# --- rows and linear models


def test_few_rows_have_so_many_of_each_label_and_none_that_judges(tmp_path):
    import whole_sets

    folder = tmp_path / "thucnews_titles"
    folder.mkdir()
    (folder / "class.txt").write_text("finance\nsports\n", encoding="utf-8")
    for part, count in (("dev", 400), ("test", 380)):
        lines = "".join(f"{part if i > 50 else ''} title {i}\t{i % 2}\n" for i in range(count))
        (folder / f"{part}.txt").write_text(lines, encoding="utf-8")
    few = whole_sets.load_few("thucnews_titles", 8, 1, tmp_path)
    more = whole_sets.load_few("thucnews_titles", 16, 1, tmp_path)
    assert sorted(row["label"] for row in few.train) == ["finance"] * 8 + ["sports"] * 8
    assert {row["text"] for row in few.train} < {row["text"] for row in more.train}
    assert few.judged == more.judged
    assert not {row["text"] for row in more.train} & {row["text"] for row in more.judged}
    pairs = whole_sets.load("two_topics", 50, 1, tmp_path)
    assert pairs.task == "multilabel"
    assert {row["label"] for row in pairs.train} == {"finance|sports"}
    assert pairs.train == whole_sets.load("two_topics", 50, 1, tmp_path).train
    train, judged = pairs.write(tmp_path / "rows")
    assert len(train.read_text(encoding="utf-8").splitlines()) == len(pairs.train)
    assert judged.exists()


def test_the_linear_model_takes_labels_numbers_and_sets():
    import scorers

    draw = np.random.default_rng(0)
    features = draw.normal(size=(80, 3))
    labels = (features[:, 0] > 0).astype(int) * 2  # label 1 has no row
    scores = scorers.linear_scores(features, labels, features, 3)
    assert scores.shape == (80, 3)
    assert (scores.argmax(1) == labels).mean() > 0.9
    assert not scores[:, 1].any()
    sets = (features > 0).astype(float)
    assert ((scorers.linear_scores(features, sets, features, 3) > 0.5) == sets).mean() > 0.9
    numbers = features @ [1.0, 2.0, 3.0]
    found = scorers.linear_scores(features, numbers, features, 1)
    assert found.shape == (80, 1)
    assert np.corrcoef(found[:, 0], numbers)[0, 1] > 0.95


def test_what_fit_says_is_read_or_refused():
    import subprocess

    import whole_runs

    line = ('{"run": "r", "primary": "accuracy", "metrics": {"accuracy": 0.9}, "rows": 30, '
            '"state": "finished", "seconds": {"train": 2.0}, '
            '"baselines": {"tfidf_linear": {"accuracy": 0.8}}}')  # fmt: skip
    good = whole_runs.outcome(subprocess.CompletedProcess([], 0, f"talk\n{line}\n", ""))
    assert (good["score"], good["saved_baselines"]) == (0.9, {"tfidf_linear": 0.8})
    bad = whole_runs.outcome(subprocess.CompletedProcess([], 1, "", "one\n\nno such column\n"))
    assert bad == {"refused": "one no such column"}


def test_a_smoke_run_leaves_out_what_this_version_lacks(monkeypatch):
    import whole_runs

    monkeypatch.setattr(whole_runs, "known_fields", lambda: {"model.head"})
    changes = {"model.head": "native", "train.refit": False, "train.epochs": 2}
    assert whole_runs.known_changes(changes, smoke=True) == {
        "model.head": "native",
        "train.epochs": 2,
    }
    assert whole_runs.known_changes(changes, smoke=False) == changes
