"""The runs whose results are frozen in golden/: made through the command line alone."""

import csv
import io
import json
import os
import re
import runpy
import shutil
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from golden_text import lines_of_page, masked, masked_json, parted_table, pretty

GOLDEN = Path(__file__).with_name("golden")
INPUTS = GOLDEN / "inputs"
SURROUNDINGS = {"WEITIAO_COMPILER": "none", "WEITIAO_LANG": "en", "HF_HUB_OFFLINE": "1",
                "TOKENIZERS_PARALLELISM": "false", "COLUMNS": "1000"}  # fmt: skip

# Fixed, so that nothing measured on the machine decides: arithmetic, parts of a batch. No dropout,
# since its random numbers are those of the processor's library; `classification` has it all the same.
SETTINGS = {
    "train.precision": "fp32", "train.micro_batch_tokens": 2048, "train.epochs": 5,
    "train.batch_size": 8, "train.learning_rate": 5e-3, "train.evaluations": 3,
    "train.save_seconds": 1e9, "model.dropout": 0.0, "evaluate.bootstrap_samples": 50,
    "train.linear_start": False,  # of a network this small it is so steep that rounding shows
}  # fmt: skip
TASKS = {
    "classification": {"model.dropout": 0.1, "data.validation_size": 0.35},
    "multilabel": {"data.validation_size": 0.35},
    "regression": {"train.layout": "packed"},
    "nli": {"train.layout": "padded"},
    "similarity": {"train.layout": "packed"},
    "token_classification": {},
    "question_answering": {},
}


class Told(NamedTuple):
    code: int
    out: str
    err: str


def run_cli(*words):
    """`python -m weitiao WORDS`, in this process: importing torch takes longer than all the rest."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["weitiao", *map(str, words)])
        # How many rows the timed checks of behaviour read must not depend on the load.
        patch.setattr("weitiao.api.findings.CHECKS_SHARE", 1e6)
        patch.setattr("weitiao.api.findings.MIN_SECONDS", 60.0)
        with redirect_stdout(out), redirect_stderr(err):
            try:
                runpy.run_module("weitiao", run_name="__main__")
            except SystemExit as ended:
                code = ended.code or 0
    return Told(code, out.getvalue(), err.getvalue())


class Session:
    """Commands in one folder, and what they said in each language."""

    def __init__(self, folder):
        self.folder = folder
        self.said = {"en": [], "zh": []}

    def __call__(self, *words, lang="en"):
        told = run_cli(*words, "--lang", lang)
        assert told.code == 0, f"weitiao {' '.join(map(str, words))}: {told.err}"
        answer = pretty(masked_json(json.loads(told.out))) if told.out else ""
        shown = " ".join(str(word) for word in words if "=" not in str(word))
        lines = [f"$ weitiao {shown}", *parted_table(told.err), *answer.splitlines()]
        self.said[lang].append("\n".join(lines) + "\n")
        return told


def changes_of(task):
    return [f"{path}={value}" for path, value in (SETTINGS | TASKS[task]).items()]


def make(task, folder):
    """Two runs of a task that differ in the seed, and everything that is said of them: the golden
    files, name -> text."""
    shutil.copytree(INPUTS / "network", folder / "network")
    shutil.copyfile(INPUTS / f"{task}.jsonl", folder / "rows.jsonl")
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        for name, value in SURROUNDINGS.items():
            patch.setenv(name, value)
        patch.setenv("WEITIAO_CACHE", str(folder / "cache"))
        patch.setenv("WEITIAO_STATE", str(folder / "state"))
        weitiao = Session(folder)
        carry_out(task, weitiao)
        found = collect(folder)
    for lang, said in weitiao.said.items():
        found[f"terminal.{lang}.txt"] = "\n".join(said)
    return {name: masked(text.replace(str(folder), "<folder>")) for name, text in found.items()}


def carry_out(task, weitiao):
    first, second = "runs/rows-001", "runs/rows-002"
    given = ["rows.jsonl", "--model", "network", *changes_of(task)]
    weitiao("look", "rows.jsonl")
    weitiao("look", "rows.jsonl", lang="zh")
    weitiao("plan", *given, "--threads", 1)
    weitiao("check", "plan.yaml")
    weitiao("train", "plan.yaml", "--threads", 1)
    weitiao("fit", *given, "--seed", 1, "--threads", 1, lang="zh")
    weitiao("evaluate", first, lang="zh")
    weitiao("evaluate", first, "rows.jsonl")
    weitiao("evaluate", first, "--final")
    weitiao("evaluate", first, "--json")
    weitiao("predict", first, "rows.jsonl", "-o", "predictions.csv")
    weitiao("compare", first, second)
    weitiao("compare", first, second, "-o", "compare.zh.html", lang="zh")
    weitiao("compare", first, second, "-o", "again.html", "--json")
    weitiao("report", first)
    weitiao("report", first, "-o", "report.zh.html", lang="zh")
    weitiao("runs")
    weitiao("runs", lang="zh")
    weitiao("runs", "--json")


def collect(folder):
    import pyarrow.parquet

    run = folder / "runs/rows-001"
    answers = pyarrow.parquet.read_table(run / "answers.parquet")
    rows = sorted(answers.to_pylist(), key=lambda row: row["position"])
    about = {key.decode(): json.loads(value) for key, value in answers.schema.metadata.items()}
    with (folder / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        predictions = list(csv.reader(file))
    found = {
        "plan.yaml": (folder / "plan.yaml").read_text(encoding="utf-8"),
        "log.jsonl": flat(map(json.loads, read(run / "log.jsonl").splitlines())),
        "answers.jsonl": flat([about, *rows]),
        "predictions.csv": "".join(",".join(map(cell, row)) + "\n" for row in predictions),
        "files.txt": files_of(run),
    }
    for name, path in {
        "metrics.json": "metrics.json", "findings.json": "findings.json",
        "calibration.json": "calibration.json", "status.json": "status.json",
        "environment.json": "environment.json", "model.json": "best/weitiao.json",
    }.items():  # fmt: skip
        if (run / path).exists():  # files.txt tells which are there
            found[name] = pretty(masked_json(json.loads(read(run / path)))) + "\n"
    pages = {"report.en.txt": run / "report.html", "report.zh.txt": folder / "report.zh.html",
             "compare.en.txt": folder / "compare.html",
             "compare.zh.txt": folder / "compare.zh.html"}  # fmt: skip
    for name, path in pages.items():
        found[name] = "\n".join(lines_of_page(read(path))) + "\n"
    return found


def read(path):
    return path.read_text(encoding="utf-8")


def flat(rows):
    return "".join(pretty(masked_json(row), width=100_000) + "\n" for row in rows)


def cell(text):
    """A cell of a table as one short text, numbers with six digits."""
    if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", text):
        text = pretty(float(text))
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,"\n]', text) else text


def files_of(run):
    """Every file's name; those that tell of the machine in their names without it."""
    names = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    return "".join(re.sub(r"(tfevents).*", r"\1", name) + "\n" for name in names)


def writes():
    """Whether the golden files are to be written anew."""
    return os.environ.get("WEITIAO_GOLDEN") == "write"
