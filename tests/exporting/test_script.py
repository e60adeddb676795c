"""`weitiao code`: the script reads the same rows, learns by the same recipe, scores the same."""

import ast
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.errors import PlanError, RunError
from weitiao.exporting.script.write import code
from weitiao.i18n import messages
from weitiao.planfile.plan import Plan

TASKS = {
    "classification": {"model.head": {"mean": {}}},
    "classification-native": {"train.patience": 3},
    "multilabel": {},
    "nli": {"model.dropout": 0.0},
    "regression": {"evaluate.metrics": ["spearman"], "train.schedule": {"cosine": {}}},
    "similarity": {},
    "token_classification": {"train.strategies": {"head_rate": {}, "ema": {}}},
}  # fmt: skip


def plan_of(name, checkpoint, folder, count=120, **changes):
    task = name.partition("-")[0]
    file = folder / f"{task}.jsonl"
    lines = (json.dumps(row) for row in toy_rows(task, count))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    quick = {"data.path": str(file), "train.epochs": 6, "train.learning_rate": 3e-3}
    more = {"evaluate.baselines": False, "evaluate.findings": False, "evaluate.calibration": False}
    return toy_plan(task, checkpoint, **{**quick, **more, **TASKS[name], **changes})


def printed(script, capsys):
    """The metric that a script prints, run in this process."""
    capsys.readouterr()
    runpy.run_path(str(script), run_name="__main__")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    "name",
    [
        "classification-native",
        pytest.param("token_classification", marks=pytest.mark.slow),
        pytest.param("nli", marks=pytest.mark.slow),
    ],
)
def test_the_weights_are_those_of_weitiao(name, tiny_bert, tmp_path, capsys):
    """Without dropout and with all rows in each batch, the order of the rows says nothing."""
    changes = {
        "model.dropout": 0.0, "train.linear_start": False, "train.evaluations": 1,
        "train.epochs": 4, "train.batch_size": 42,
        "data.test_size": 0.1, "data.validation_size": 0.2, "data.deduplicate": False,
    }  # fmt: skip
    if name == "token_classification":
        changes["train.strategies"] = {"head_rate": {}}
    plan = plan_of(name, tiny_bert, tmp_path, 60, **changes)
    theirs = printed(code(plan, tmp_path / "train.py").path, capsys)
    fitted = weitiao.train(plan, out=tmp_path / "runs")
    assert fitted.run.read("metrics")["step"] == 4
    assert theirs["metric"] == fitted.report.primary
    assert theirs["validation"] == pytest.approx(fitted.report.metrics[fitted.report.primary])
    ours = load_file(fitted.run.best / "model.safetensors")
    saved = load_file(tmp_path / "train-model" / "model.safetensors")
    assert ours.keys() == saved.keys()
    # Of some weights (biases of keys) the gradient is rounding, which Adam makes whole steps of.
    apart = torch.cat([(ours[part] - saved[part]).abs().flatten() for part in ours])
    assert float((apart < 2e-4).float().mean()) > 0.99
    assert float(apart.max()) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*TASKS} - {"classification-native"}))  # noisy: 0.6 to 0.9
def test_the_score_is_that_of_weitiao(name, tiny_bert, tmp_path, capsys):
    plan = plan_of(name, tiny_bert, tmp_path, 200, **{"train.epochs": 10})
    script = code(plan, tmp_path / "train.py")
    theirs = printed(script.path, capsys)
    report = weitiao.train(plan, out=tmp_path / "runs").report
    assert theirs["metric"] == report.primary
    assert theirs["validation"] == pytest.approx(report.metrics[report.primary], abs=0.1)
    saved = tmp_path / "train-model"
    assert (saved / "model.safetensors").exists()
    assert not list(saved.glob("*.bin"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_with_real_weights_the_score_is_the_same_within_the_noise_of_seeds(tmp_path):
    """Over three seeds, on rows of a package."""
    import numpy as np

    changes = {"train.epochs": 3, "train.refit": "never", "evaluate.baselines": False}
    plan = weitiao.plan("sample:tweets", model="minilm-l6", max_rows=400, changes=changes)
    scores = {"script": [], "weitiao": []}
    for seed in (1, 2, 3):
        own = plan.with_({"train.seed": seed})
        script = code(own, tmp_path / f"train{seed}.py")
        done = subprocess.run(
            [sys.executable, str(script.path)], capture_output=True, text=True, check=True
        )
        scores["script"].append(json.loads(done.stdout.splitlines()[-1])["validation"])
        report = weitiao.train(own, out=tmp_path / "runs").report
        scores["weitiao"].append(report.metrics[report.primary])
    print(scores)
    theirs, ours = np.array(scores["script"]), np.array(scores["weitiao"])
    noise = max(np.sqrt((theirs.var(ddof=1) + ours.var(ddof=1)) / 3), 1 / 40)
    assert abs(theirs.mean() - ours.mean()) < 3 * noise


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("classification", "en"),
        ("token_classification", "zh"),
        *(pytest.param(name, "en", marks=pytest.mark.slow) for name in TASKS),
    ],
)
def test_a_script_is_short_plain_and_clean(name, language, tiny_bert, tmp_path):
    messages.use(language)
    script = code(plan_of(name, tiny_bert, tmp_path), tmp_path / "train.py")
    text = script.path.read_text(encoding="utf-8")
    ast.parse(text)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 165
    assert max(map(len, text.splitlines())) <= 100
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)
    assert {*imported} <= {
        "copy", "csv", "json", "math", "numpy", "pathlib", "random", "safetensors", "scipy",
        "sklearn", "torch", "transformers",
    }  # fmt: skip
    assert "trust_remote_code" not in text
    assert "pickle" not in text
    if language == "zh":
        comments = [line for line in text.splitlines() if line.startswith("# ") and ". " in line]
        assert all(re.search(r"[一-鿿]", line) for line in comments if line[2].isdigit())
    rules = "E,F,W,I,B,UP,C4,SIM,RET,PIE"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", rules]
    if language == "en":
        subprocess.run([*command, "--line-length", "100", str(script.path)], check=True)


def test_what_is_left_out_is_named(tiny_bert, tmp_path):
    plan = plan_of("token_classification", tiny_bert, tmp_path, **{"train.budget": "5m"})
    script = code(plan, tmp_path / "train.py")
    head = script.path.read_text(encoding="utf-8").partition("import")[0]
    for name in ("train.budget", "train.strategies.ema", "train.precision"):
        assert any(line.startswith(name) for line in script.left_out)
        assert name in head
    assert "HEAD_RATE = 0.01" in script.path.read_text(encoding="utf-8")


def test_a_csv_file_is_read_where_it_lies(tiny_bert, tmp_path):
    """With its encoding, delimiter and quoted line ends; the split holds places of rows."""
    rows = toy_rows("classification", 60)
    lines = [f'"{row["text"]}\n再来";{row["label"]}' for row in rows]
    file = tmp_path / "rows.csv"
    file.write_text("text;label\n" + "\n".join(lines) + "\n", encoding="gb18030")
    plan = toy_plan("classification", tiny_bert, **{"data.path": str(file)})
    script = code(plan, tmp_path / "deep" / "train.py")
    text = script.path.read_text(encoding="utf-8")
    assert 'encoding="gb18030"' in text
    assert 'delimiter=";"' in text
    assert '"../rows.csv"' in text
    split = json.loads((tmp_path / "deep" / "train-split.json").read_text())
    assert len({*split["train"], *split["validation"]}) == sum(map(len, split.values())) < 60


def test_changed_labels_are_written_beside_the_script(tiny_bert, tmp_path):
    changes = {"data.labels.rename": {"good": "positive"}}
    script = code(plan_of("classification", tiny_bert, tmp_path, **changes), tmp_path / "train.py")
    own = tmp_path / "train-rows.jsonl"
    assert script.files == (tmp_path / "train.py", own)
    rows = [json.loads(line) for line in own.read_text(encoding="utf-8").splitlines()]
    assert {row["target"] for row in rows} == {"positive", "bad"}
    assert {row["part"] for row in rows} == {"train", "validation"}


@pytest.mark.parametrize(
    ("task", "changes", "words"),
    [
        ("retrieval", {}, "retrieval has no such script"),
        ("question_answering", {}, "question_answering has no such script"),
        ("similarity", {"task.similarity.way": "cosine"}, "has no such script"),
        ("classification", {"model.adapter": {"lora": {}}}, r"no model\.adapter like this"),
        ("classification", {"model.head": {"pooled": {}}}, r"no model\.head like this"),
        ("classification", {"evaluate.metrics": ["roc_auc"]}, "no metric roc_auc"),
    ],
)
def test_what_a_script_cannot_say_is_refused(task, changes, words, tiny_bert, tmp_path):
    with pytest.raises(PlanError, match=words):
        code(toy_plan(task, tiny_bert, **changes), tmp_path / "train.py")
    assert not (tmp_path / "train.py").exists()


def test_a_script_is_not_overwritten(typed, tiny_bert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan_of("classification", tiny_bert, tmp_path).save("plan.yaml")
    status, _out, err = typed("code", "plan.yaml", "-o", "train.py", "--json")
    assert status == 0, err
    assert Path("train.py").exists()
    status, _out, err = typed("code", "plan.yaml")
    assert status == 2
    assert "--force" in err
    with pytest.raises(RunError, match="exists"):
        code(Plan.load("plan.yaml"), "train.py")
