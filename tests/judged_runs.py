"""Runs as training leaves them, made without training: for tests of what reads them."""

import json

import numpy as np

from weitiao.data.files.open import open_source
from weitiao.data.rows import Rows, everything
from weitiao.evaluation.evaluate import Evaluated, measure, metrics_of
from weitiao.evaluation.intervals import bootstrap, difference
from weitiao.parts import build
from weitiao.planfile.plan import Plan
from weitiao.results import run_data as kept
from weitiao.results.run_data import text_digest
from weitiao.run import Run
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets

PLAIN = {"classification": "accuracy", "multilabel": "micro_f1", "regression": "mae"}


def judged_run(
    root,
    texts,
    targets,
    *,
    task="classification",
    settings=None,
    right=0.8,
    name="rows",
    seed=0,
    **metrics,
):
    """A finished run whose model is right on about that share of the rows, its baseline on less.

    The rows stand in root/NAME.jsonl, and all of them count as judged.
    """
    file = root / f"{name}.jsonl"
    lines = [json.dumps({"text": t, "label": y}) for t, y in zip(texts, targets, strict=True)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = Plan.parse({
        "task": {task: settings or {}},
        "data": {"path": str(file), "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": "some-model"},
        "why": {"train.epochs": {"value": 5, "reason": "a reason <b>of old</b>"}},
    })  # fmt: skip
    run = Run.create(root / "runs", name, plan)
    _write_log(run)
    source = open_source(str(file))
    rows = Rows(source.table, everything(source.table), plan.data.roles, source.name, task)
    part = build("tasks", task, settings).learn(rows.targets())
    labels = part.indices(rows.targets(), rows.ids())
    rng = np.random.default_rng(seed)
    judged = _answers(part, labels, right, rng)
    worse = _answers(part, labels, right / 2, rng)
    same = _answers(part, labels, 0.1, rng)
    beside = {"mean" if task == "regression" else "majority": same, "tfidf_linear": worse}
    kept.write_answers(run, Evaluated(rows, judged, beside), "test")
    _write_judgement(run, part, judged, beside, metrics)
    _write_figures(run, part, rows)
    _write_findings(run, judged, texts, [str(one) for one in targets])
    run.write("status", {"state": "finished", "step": 40, "total": 40, "seconds": 12.0,
                         "started": 1.7e9})  # fmt: skip
    run.write("environment", {"python": "3", "history": [f"{file.name}: {len(rows):,} rows"],
                              "packages": {"torch": "2"}})  # fmt: skip
    return run


def _answers(part, labels, right, rng):
    """Confident answers, right with about this probability."""
    count, outputs = len(labels), part.outputs
    if part.answers.numeric:
        scale = (1 - right) * labels.std() + 1e-9
        return part.to_answers(labels, part.score((labels + rng.normal(0, scale, count))[:, None]))
    wrong = rng.random(count) > right
    scores = rng.random((count, outputs)) * 0.4
    if part.answers is LabelSets:
        truth = labels.astype(bool)
        flipped = truth ^ (wrong[:, None] & (rng.random(labels.shape) < 0.5))
        return part.to_answers(labels, np.where(flipped, 1 - scores, scores))
    given = np.where(wrong, (labels + rng.integers(1, outputs, count)) % outputs, labels)
    scores[np.arange(count), given] = 0.5 + rng.random(count) / 2
    return part.to_answers(labels, scores / scores.sum(1, keepdims=True))


def _write_log(run):
    for step in range(1, 41):
        run.log(step=step, epoch=step / 20, loss=2 / step, learning_rate=1e-4 / step,
                gradient_norm=1.0)  # fmt: skip
        if step % 10 == 0:
            run.log(step=step, validation={"accuracy": step / 50, "micro_f1": step / 50,
                                           "pearson": step / 50}, best=step == 30)  # fmt: skip


def _write_judgement(run, part, judged: Answers, beside, more):
    metrics = metrics_of(part)
    report = measure(judged, metrics)
    others = {name: measure(one, metrics) for name, one in beside.items()}
    best = max(others, key=lambda name: others[name].score)
    wanted = {
        report.primary: metrics[report.primary],
        PLAIN[run.plan().task_name]: build("metrics", PLAIN[run.plan().task_name]),
    }
    samples = max(20, min(200, 2_000_000 // len(judged.targets)))
    found = {
        **report.summary(),
        "intervals": bootstrap(judged, {report.primary: metrics[report.primary]}, samples),
        "baselines": {name: dict(one.metrics) for name, one in others.items()},
        "details": {"tfidf_linear": {"features": "words 1-2", "validation": 0.5}},
        "against": best,
        "differences": difference(judged, beside[best], wanted, samples),
        "split": "test",
        "rows": report.rows,
        "openings": 1,
        "state": "finished",
        "seconds": {"total": 20.0, "train": 12.0},
    }
    if not judged.numeric:
        found["calibration"] = {"temperature": 1.5, "rows": 90, "before": {"ece": 0.1},
                                "after": {"ece": 0.05}, "decisions": [
            {"name": "at_recall", "met": False, "label": judged.labels[0], "threshold": 0.3,
             "precision": 0.9, "recall": 0.8}]}  # fmt: skip
    found["acceptance"] = [
        {"name": "recall", "label": str(judged.labels[0]) if judged.labels else "", "low": 0.5,
         "high": 0.9, "value": 0.7, "wanted": "at_least", "limit": 0.9, "lower_bound": True,
         "passed": False},
        {"name": "latency", "label": "", "low": None, "high": None, "value": 0.01, "passed": True,
         "wanted": "at_most", "limit": 0.05, "lower_bound": False},
    ]  # fmt: skip
    run.write("metrics", {**found, **more})


def _write_findings(run, judged, texts, words):
    """What a closer look leaves, with the users' own words wherever they may come from."""
    count = len(texts)
    slices = [
        {"kind": kind, "name": name, "value": value, "rows": 12, "score": 0.2, "low": 0.1,
         "high": 0.4, "rest": 0.9, "p": 1e-5, "corrected": 1e-4, "weak": weak}
        for kind, name, value, weak in (
            ("column", words[0][:60], words[-1][:60], True), ("length", "", "shortest quarter", False),
            ("language", "", "zh", True), ("texts", "", words[0][:20], False))
    ]  # fmt: skip
    check = {"name": "case", "expected": "same", "rows": 40, "flipped": 9, "worse": 5, "low": 0.1,
             "high": 0.4, "missing": ""}  # fmt: skip
    shown = {"row": 0, "role": "text", "before": "a", "after": words[-1][:40]}
    worst = [int(at) for at in judged.mistakes()[:4]]
    spans = [(0, len(texts[at]) // 2, len(texts[at])) for at in worst]
    run.write("findings", {
        "rows": count, "number": judged.numeric, "looked": 31, "slices": slices,
        "groups": [{"rows": worst, "terms": words[0].split()[:3]}] if worst else [],
        "checks": [{**check, "examples": [shown]},
                   {**check, "name": "script", "rows": 0, "examples": [], "missing": "later"}],
        "near": [{"row": at, "alike": 0.5, "id": f"{run.plan().data.path}:1", "label": "x",
                  "position": 0, "digest": text_digest(texts[0])} for at in worst],
        "explained": [
            {"row": at, "asked": "x", "score": 0.9, "digest": text_digest(texts[at]), "words": [
                {"role": "text", "start": a, "end": b, "text": "", "gradient": 0.7, "without": 0.5},
                {"role": "text", "start": b, "end": c, "text": "", "gradient": -0.3,
                 "without": -0.4}]}
            for at, (a, b, c) in zip(worst, spans, strict=True)],
    })  # fmt: skip


def _write_figures(run, part, rows):
    targets = rows.targets()
    spread = {"labels": {label: [8, 1, 1] for label in part.choices},
              "label_count": len(part.choices)}  # fmt: skip
    if part.answers.numeric:
        spread = {"edges": [min(targets), max(targets)], "counts": {"train": [9], "test": [3]},
                  "mean": 0.0, "lowest": min(targets), "highest": max(targets)}  # fmt: skip
    lengths = {"step": 8, "counts": [3, 2, 1], "cut": 16, "share_cut": 0.1, "median": 9.0,
               "longest": 20}  # fmt: skip
    parts = {"train": 8, "validation": 1, "test": len(rows), "sealed": len(rows)}
    run.write("figures", {"rows": parts, "unlabelled": 2, **spread, "lengths": lengths,
                          "languages": {"zh": 0.5, "en": 0.5}, "sampled": 8})  # fmt: skip
