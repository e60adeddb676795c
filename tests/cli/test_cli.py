"""The command line: each verb, each usual mistake, an interruption and a budget."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from conftest import toy_rows
from weitiao.cli.app import main
from weitiao.run import Run
from weitiao.training.update import UpdateStep

QUICK = ["train.epochs=2", "train.evaluations=2", "train.learning_rate=1e-3",
         "model.max_length=32", "evaluate.bootstrap_samples=20"]  # fmt: skip
# Of the fits that are about their rows: what `test_fit_ends_with_one_line_of_json` shows, left out.
SHORT = [*QUICK, "evaluate.baselines=false", "evaluate.findings=false", "train.refit=never"]
KEYS = ["run", "task", "primary", "metrics", "intervals", "baselines", "against", "differences",
        "seconds",
        "peak_memory_mb", "best"]  # fmt: skip


def write_csv(path, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path, delimiter=","):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


class Terminal:
    """The command line in this process: code, stdout, stderr of one call."""

    def __init__(self, monkeypatch, capsys):
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words):
        self.monkeypatch.setattr(sys, "argv", ["weitiao", *map(str, words)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main()
            sys.exit(0)
        out, err = self.capsys.readouterr()
        return done.value.code or 0, out, err

    def json(self, *words):
        """The last line of stdout, which must be its only one and strict JSON."""
        code, out, err = self(*words, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=pytest.fail)


@pytest.fixture
def weitiao(monkeypatch, capsys):
    return Terminal(monkeypatch, capsys)


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_bert):
    """Rows in files, and one finished run for the verbs that need one."""
    root = tmp_path_factory.mktemp("命令 line")
    write_csv(root / "评论 rows.csv", [
        {"编号": i, "text": row["text"], "label": row["label"]}
        for i, row in enumerate(toy_rows("classification"))
    ])  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        import weitiao

        fitted = weitiao.fit(
            root / "评论 rows.csv", model=tiny_bert, out=root / "runs dir",
            changes=dict(change.split("=") for change in QUICK),
        )  # fmt: skip
    return root, fitted


@pytest.fixture
def rows(home):
    return home[0] / "评论 rows.csv"


@pytest.fixture
def run(home):
    return home[1].run.folder


# --- each verb once


def test_fit_ends_with_one_line_of_json(weitiao, rows, tiny_bert, tmp_path):
    told = weitiao.json("fit", rows, *QUICK, "--model", tiny_bert, "--out", tmp_path / "我的 runs")
    assert [key for key in told if key in KEYS] == KEYS
    assert told["task"] == "classification"
    assert told["split"] == "test"
    assert told["primary"] in told["metrics"]
    assert set(told["intervals"]) == set(told["metrics"])
    assert set(told["seconds"]) == {"total", "train"}
    assert told["seconds"]["total"] >= told["seconds"]["train"] > 0
    assert len(told["baselines"]) >= 2
    assert os.path.isfile(os.path.join(told["best"], "model.safetensors"))
    assert Run.open(told["run"]).plan().train.epochs == 2


def test_numbers_that_are_none_stay_json(weitiao, home, monkeypatch):
    import dataclasses

    from weitiao.api import fit

    fitted = home[1]
    report = dataclasses.replace(fitted.report, metrics={"accuracy": float("nan")},
                                 intervals={"accuracy": (float("nan"), float("inf"))})  # fmt: skip
    odd = dataclasses.replace(fitted, report=report)
    monkeypatch.setattr(fit, "fit", lambda *given, **more: odd)
    told = weitiao.json("fit", "sample:bbc-news")
    assert told["metrics"] == {"accuracy": None}
    assert told["intervals"] == {"accuracy": [None, None]}


def test_look_plan_check_train(weitiao, rows, tiny_bert, tmp_path):
    profile = weitiao.json("look", rows)
    assert profile["roles"] == {"text": "text", "target": "label"}
    assert set(profile["labels"]) == {"good", "bad"}
    code, out, err = weitiao("look", rows)
    assert (code, out) == (0, "")
    assert "classification" in err

    path = tmp_path / "计划 a.yaml"
    plan = weitiao.json("plan", rows, *QUICK, "-o", path, "--model", tiny_bert, "--seed", 5,
                        "--rows", 100)  # fmt: skip
    assert (plan["train"]["seed"], plan["train"]["epochs"], plan["data"]["max_rows"]) == (5, 2, 100)
    assert "set by you" in path.read_text(encoding="utf-8")
    assert weitiao.json("check", path)["problems"] == []
    told = weitiao.json("train", path, "train.epochs=1", "--seed", 6, "--out", tmp_path / "runs")
    assert [key for key in told if key in KEYS] == KEYS
    assert told["split"] == "validation"
    kept = Run.open(told["run"]).plan()
    assert (kept.train.epochs, kept.train.seed) == (1, 6)
    code, _, err = weitiao("check", path, "train.epoch=1")
    assert code == 2
    assert "Did you mean 'epochs'" in err


def test_check_json_lists_the_problems(weitiao, tmp_path):
    code, out, _ = weitiao("check", tmp_path / "no.yaml", "--json")
    assert code == 2
    assert len(json.loads(out)["problems"]) == 1


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_predict_keeps_the_columns_and_the_order(ending, weitiao, home, run, tmp_path):
    given = [{"编号": str(i), "note": "" if i % 2 else "a,\t\"b\"\nc", "text": row["text"]}
             for i, row in enumerate(toy_rows("classification", 31, seed=4))]  # fmt: skip
    asked = write_csv(tmp_path / "new rows.csv", given)
    out = tmp_path / "答案" / f"out.{ending}"
    assert weitiao.json("predict", run, asked, "-o", out) == {"rows": 31, "output": str(out)}
    if ending == "jsonl":
        answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    else:
        assert out.read_bytes().startswith(b"\xef\xbb\xbf")
        answers = read_csv(out, "\t" if ending == "tsv" else ",")
    wanted = ["编号", "note", "text", "prediction", "score", "score_bad", "score_good"]
    assert [list(answer) for answer in answers] == [wanted] * 31
    for row, answer in zip(given, answers, strict=True):
        assert (answer["编号"], answer["text"]) == (row["编号"], row["text"])
        assert (answer["note"] or "") == row["note"]
        assert float(answer["score"]) == float(answer[f"score_{answer['prediction']}"])
    direct = [one.value for one in home[1](*(row["text"] for row in given))]
    assert [answer["prediction"] for answer in answers] == direct
    assert not list(out.parent.glob("*.new"))


def test_predict_takes_numbers_that_are_none(weitiao, run, tmp_path):
    lines = ['{"text": "good film", "n": NaN}', '{"text": "bad film", "n": 1.5}', '{"text": "x"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, _, err = weitiao("predict", run, tmp_path / "a.jsonl", "-o", tmp_path / "b.jsonl")
    assert code == 0, err
    written = (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line, parse_constant=pytest.fail) for line in written]
    assert [row["n"] for row in told] == [None, 1.5, None]


def test_evaluate(weitiao, rows, run):
    told = weitiao.json("evaluate", run, rows)
    assert (told["rows"], told["openings"], told["split"]) == (120, 0, str(rows))
    told = weitiao.json("evaluate", run)
    assert (told["split"], told["openings"]) == ("validation", 0)
    assert len(told["baselines"]) >= 2
    for times in (1, 2):
        told = weitiao.json("evaluate", run, "--final")
        assert (told["split"], told["openings"]) == ("test", times)


def test_runs_tells_the_states(weitiao, home, run, tmp_path):
    (found,) = weitiao.json("runs", home[0] / "runs dir")["runs"]
    assert (found["run"], found["state"], found["split"]) == (str(run), "finished", "test")
    assert found["value"] is not None
    other = Run.create(tmp_path, "x", home[1].plan)
    other.write("status", {"state": "running", "pid": 2**22 + 5, "started": 0, "step": 3})
    Run.create(tmp_path, "y", home[1].plan)
    told = weitiao.json("runs", tmp_path)["runs"]
    assert sorted(one["state"] for one in told) == ["interrupted", "new"]
    code, out, err = weitiao("runs", tmp_path)
    assert (code, out) == (0, "")
    assert "interrupted" in err
    (tmp_path / "none").mkdir()
    assert weitiao.json("runs", tmp_path / "none") == {"runs": []}


def test_parts(weitiao):
    found = weitiao.json("parts")
    assert "fgm" in found["strategies"]
    assert "minilm-l6" in found["models"]
    assert list(weitiao.json("parts", "losses")) == ["losses"]
    code, _, err = weitiao("parts", "strategy")
    assert code == 2
    assert "Did you mean 'strategies'" in err


# --- each task


def test_pairs_by_roles(weitiao, tiny_bert, tmp_path):
    given = [
        {"甲": r["premise"], "乙": r["hypothesis"], "关系": r["label"]} for r in toy_rows("nli")
    ]
    path = write_csv(tmp_path / "pairs.csv", given)
    told = weitiao.json("fit", path, *SHORT, "--model", tiny_bert, "--out", tmp_path / "runs",
                        "--task", "nli", "--roles", "premise=甲,hypothesis=乙",
                        "--target", "关系")  # fmt: skip
    assert told["task"] == "nli"
    weitiao.json("predict", told["run"], path, "-o", tmp_path / "out.csv")
    assert list(read_csv(tmp_path / "out.csv")[0])[3:5] == ["prediction", "score"]


def test_several_target_columns(weitiao, tiny_bert, tmp_path):
    given = [{"text": r["text"], **{n: int(n in r["label"]) for n in ("good", "bad", "long")}}
             for r in toy_rows("multilabel")]  # fmt: skip
    path = write_csv(tmp_path / "many.tsv", given, "\t")
    told = weitiao.json("fit", path, *SHORT, "--model", tiny_bert, "--out", tmp_path / "runs",
                        "--target", "good,bad,long")  # fmt: skip
    assert told["task"] == "multilabel"
    weitiao.json("predict", told["run"], path, "-o", tmp_path / "out.csv")
    first = read_csv(tmp_path / "out.csv")[0]
    assert {"score_good", "score_bad", "score_long"} <= set(first)
    assert isinstance(json.loads(first["prediction"]), list)


def test_numbers(weitiao, tiny_bert, tmp_path):
    path = write_csv(tmp_path / "numbers.csv", toy_rows("regression"))
    told = weitiao.json("fit", path, *SHORT, "--model", tiny_bert, "--out", tmp_path / "runs")
    assert told["task"] == "regression"
    weitiao.json("predict", told["run"], path, "-o", tmp_path / "out.csv")
    assert float(read_csv(tmp_path / "out.csv")[0]["prediction"]) is not None


# --- mistakes: code 2, one message that says what to do, nothing else

MISTAKES = {
    "unknown column": (["fit", "ROWS", "--text", "txet"], "txet"),
    "unknown target": (["fit", "ROWS", "--target", "lable"], "Did you mean 'label'"),
    "no such file": (["fit", "no.csv"], "no such file"),
    "no such file to look at": (["look", "no.csv"], "no such file"),
    "no reader": (["fit", "PLAN"], "no reader"),
    "override without a value": (["fit", "ROWS", "train.epochs"], "is not path=value"),
    "override of nothing": (["fit", "ROWS", "train.epoch=3"], "Did you mean 'epochs'"),
    "override of a wrong kind": (["fit", "ROWS", "train.epochs=many"], "train.epochs"),
    "override that is no YAML": (["fit", "ROWS", "train.epochs=[1"], "train.epochs"),
    "override of a date": (["fit", "ROWS", "train.epochs=2020-99-99"], "train.epochs"),
    "bad budget": (["fit", "ROWS", "--budget", "soon"], "write 90s, 5m or 1h30m"),
    "no budget": (["fit", "ROWS", "--budget", "0"], "less than a second"),
    "bad roles": (["fit", "ROWS", "--roles", "premise"], "role=column"),
    "unknown role": (["fit", "ROWS", "--roles", "txt=text"], "no role called"),
    "unknown task": (["fit", "ROWS", "--task", "classify"], "classification"),
    "unknown model": (["fit", "ROWS", "--model", "no/such/folder"], "no/such/folder"),
    "few rows asked": (["fit", "ROWS", "--rows", "3"], "--rows"),
    "unknown option": (["fit", "ROWS", "--epoch", "3"], "--epoch"),
    "plan nowhere": (["plan", "ROWS", "-o", "no/folder/plan.yaml"], "cannot be written"),
    "no plan": (["train", "no.yaml"], "no such file"),
    "neither plan nor run": (["train"], "--resume RUN"),
    "plan and run": (["train", "PLAN", "--resume", "RUN"], "leave out"),
    "resume with changes": (["train", "--resume", "RUN", "--seed", "3"], "leave out --seed"),
    "resume of a finished run": (["train", "--resume", "RUN"], "has ended"),
    "resume of no run": (["train", "--resume", "EMPTY"], "no run here"),
    "plan of lost rows": (["train", "PLAN", "data.path=lost.csv"], "no such file"),
    "plan that does not fit": (["train", "PLAN", "train.loss=mse"], "does not fit"),
    "evaluate no run": (["evaluate", "EMPTY"], "no saved model"),
    "evaluate no run at the end": (["evaluate", "EMPTY", "--final"], "no saved model"),
    "evaluate twice": (["evaluate", "RUN", "ROWS", "--final"], "leave out the file"),
    "predict with no run": (["predict", "EMPTY", "ROWS"], "no saved model"),
    "predict no rows": (["predict", "RUN", "no.csv"], "no such file"),
    "predict into a file's folder": (["predict", "RUN", "ROWS", "-o", "ROWS/x.csv"], "written"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message(name, weitiao, rows, run, home, tiny_bert, tmp_path, monkeypatch):
    words, told = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    home[1].plan.save(tmp_path / "plan.yaml")
    here = {"ROWS": str(rows), "RUN": str(run), "PLAN": "plan.yaml", "EMPTY": "empty"}
    words = [here.get(word, word.replace("ROWS", str(rows))) for word in words]
    if words[0] == "fit" and "--model" not in words:
        words += ["--model", tiny_bert]
    before = {str(path) for path in tmp_path.rglob("*") if "cache" not in path.parts}
    code, out, err = weitiao(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 6
    after = {str(path) for path in tmp_path.rglob("*") if "cache" not in path.parts}
    assert after == before


def test_predict_without_the_column_names_it(weitiao, run, tmp_path):
    path = write_csv(tmp_path / "other.csv", [{"price": "3", "year": "2024"}])
    code, _, err = weitiao("predict", run, path, "-o", tmp_path / "out.csv")
    assert code == 2
    assert "no column 'text', which the model was trained on; it has price, year" in err
    assert not (tmp_path / "out.csv").exists()


# --- the clock and Ctrl-C


def start(*words):
    """`weitiao` as a process that hears Ctrl-C however this test was started."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from weitiao.cli.app import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_and_resume_finishes(weitiao, rows, tiny_bert, tmp_path):
    path, root = tmp_path / "plan.yaml", tmp_path / "runs"
    weitiao.json("plan", rows, "-o", path, "--model", tiny_bert, "train.epochs=40",
                 "train.evaluations=40", "train.save_seconds=0", "model.max_length=32",
                 "evaluate.bootstrap_samples=0", "evaluate.baselines=false")  # fmt: skip
    process = start("train", path, "--out", root, "--json")
    deadline = time.monotonic() + 60
    while not list(root.glob("*/best/weitiao.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "--resume" in err
    assert json.loads(out)["state"] == "interrupted"
    (folder,) = root.iterdir()
    interrupted = Run.open(folder)
    assert interrupted.status().state == "interrupted"
    assert (interrupted.best / "model.safetensors").is_file()
    assert weitiao.json("runs", root)["runs"][0]["state"] == "interrupted"
    told = weitiao.json("train", "--resume", folder)
    assert told["state"] == "finished"
    assert interrupted.status().step == interrupted.status().total


def test_ctrl_c_before_there_is_a_model_tells_how_to_go_on(
    weitiao, rows, tiny_bert, tmp_path, monkeypatch
):
    path, root = tmp_path / "plan.yaml", tmp_path / "runs"
    weitiao.json("plan", rows, "-o", path, "--model", tiny_bert, "train.epochs=400",
                 "train.evaluations=1", "model.max_length=32", "evaluate.bootstrap_samples=0",
                 "evaluate.baselines=false", "train.linear_start=false")  # fmt: skip
    learn, updates = UpdateStep.gradients, []

    def pressed(*given):
        updates.append(given)
        if len(updates) == 3:
            signal.raise_signal(signal.SIGINT)
        return learn(*given)

    monkeypatch.setattr(UpdateStep, "gradients", pressed)
    code, _, err = weitiao("train", path, "--out", root)
    (folder,) = root.iterdir()
    assert code == 130, err
    assert err.splitlines()[-2:] == [f"go on: weitiao train --resume {folder}", "interrupted"]


@pytest.mark.slow
def test_a_budget_is_kept(weitiao, rows, tiny_bert, tmp_path):
    process = start("fit", rows, "train.epochs=1000", "--budget", "25s", "--model", tiny_bert,
                    "--out", tmp_path, "--json")  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["state"] == "finished"
    assert told["seconds"]["total"] <= 25 + 4
    assert told["seconds"]["train"] > 0


def test_what_rows_say_is_no_command_to_the_terminal(weitiao, tmp_path):
    texts = [f"text {i} of many" for i in range(60)]
    labels = ["\x1b[31mred", "\u202egnp", "[/red]plain"] * 20
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "a.csv", index=False)
    code, _, err = weitiao("look", tmp_path / "a.csv")
    assert code == 0, err
    assert not {"\x1b", "\u202e"} & set(err)
    for shown in ("␛[31mred", "⟨U+202E⟩gnp", "[/red]plain"):
        assert shown in err
