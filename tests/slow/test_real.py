"""Real weights and real rows, from the installed packages."""

import json
import subprocess
import sys

import numpy as np
import pytest

import weitiao
from conftest import HERE
from weitiao.data.files.open import open_source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SETTINGS = {"model.max_length": 48, "train.epochs": 1, "data.validation_size": 0.2,
            "evaluate.baselines": False}  # fmt: skip


def news(task, count=300):
    """Real sentences of the news, with a target for every kind of task."""
    table = open_source("sample:bbc-news").table
    picked = np.random.default_rng(0).permutation(table.num_rows)[: 2 * count].tolist()
    texts = [table.column("text")[i].as_py().split("\n\n") for i in picked]
    labels = [table.column("label")[i].as_py() for i in picked]
    rows = []
    for i in range(count):
        title, body = texts[i][0], " ".join(texts[i][1:])[:300] or texts[i][0]
        other = " ".join(texts[count + i][1:])[:300]
        if task == "classification":
            rows.append({"text": body, "label": labels[i]})
        elif task == "pair":
            same = i % 2 == 0
            row = {"text": title, "text_pair": body if same else other, "label": str(int(same))}
            rows.append(row)
        elif task == "multilabel":
            kinds = [labels[i]] + (["figures"] if any(c.isdigit() for c in body) else [])
            rows.append({"text": body, "label": json.dumps(kinds)})
        else:
            rows.append({"text": body, "label": 100 + len(body.split()) / 3})
    return rows


@pytest.mark.parametrize("kind", ["classification", "pair", "multilabel", "regression"])
def test_the_pipeline_gives_the_same_on_200_rows(kind, tmp_path):
    from transformers import pipeline

    rows = news(kind)
    task = "classification" if kind == "pair" else kind
    fitted = weitiao.fit(rows, task=task, model="minilm-l6", out=tmp_path, changes=SETTINGS)
    model = weitiao.load(fitted.run.folder, precision="fp32")
    asked = rows[:200]
    examples = [model.example(row) for row in asked]
    pipe = pipeline("text-classification", model=str(fitted.run.best), truncation=True, top_k=None)
    worst = 0.0
    for row, answer in zip(asked, model.predictions(examples), strict=True):
        texts = {k: row[k] for k in ("text", "text_pair") if k in row}
        items = pipe(texts)
        items = items[0] if isinstance(items[0], list) else items
        found = {item["label"]: item["score"] for item in items}
        wanted = dict(answer.scores) or {"LABEL_0": answer.value}
        if kind == "multilabel":
            assert {k for k, v in found.items() if v >= 0.5} == set(answer.value)
        elif kind != "regression":
            assert max(found, key=found.get) == answer.value
        worst = max(worst, *(abs(found[name] - value) for name, value in wanted.items()))
    print(kind, "largest difference of a score:", worst)
    scale = 100 if kind == "regression" else 1  # the target's own unit is about 100
    assert worst <= 1e-5 * scale
    fast = weitiao.load(fitted.run.folder, precision="bf16")
    apart = np.abs(fast.scores(examples) - model.scores(examples)).max()
    print(kind, "largest difference of a score in bf16:", apart)
    assert 0 < apart <= (0.01 if kind != "regression" else 1.0)


def test_the_same_plan_twice_gives_the_same_log(tmp_path):
    logs = []
    for name in ("one", "two"):
        rows, out = news("classification", 100), str(tmp_path / name)
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        command = [sys.executable, "-m", "weitiao.cli.app", "fit", str(tmp_path / "rows.jsonl"),
                   *(f"{k}={json.dumps(v)}" for k, v in SETTINGS.items()), "--out", out,
                   "train.strategies=[rdrop, ema]", "--threads", "2"]  # fmt: skip
        subprocess.run(command, check=True, cwd=HERE)
        logs.append(next((tmp_path / name).glob("*/log.jsonl")).read_bytes())
    assert logs[0] == logs[1]


def test_chinese_beats_its_baseline_within_a_budget(tmp_path):
    fitted = weitiao.fit("sample:reviews-zh", max_rows=1000, budget=240, out=tmp_path)
    print(fitted.summary())
    assert fitted.plan.model.checkpoint == "e5-small"
    assert fitted.seconds["total"] <= 250
    assert fitted.metrics["accuracy"] > fitted.report.baselines["tfidf_linear"]["accuracy"]
