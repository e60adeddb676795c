"""Does a search find better settings than other uses of the same time?

    python benchmarks/tuning.py --data ../data --threads 1              # goes on where it stopped
    python benchmarks/tuning.py --data ../data --sets sst2 --studies 1 --seconds 300
    python benchmarks/tuning.py --table

A cell is (set, study, seconds, method). The study draws the training rows; the judged rows are
those of quality_trainer.py, and no method sees them before its last model answers them. Every
method has the same wall-clock time, its last training included:

    default        the plan of `weitiao plan`, trained once
    grid           4 learning rates x 3 numbers of epochs of that plan, the best on validation
    tune           `weitiao tune` of that plan, then a training of tuned.yaml
    optuna_trainer Optuna's TPE over the Hugging Face Trainer, the best trial's model
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import hit_rates
import quality_trainer
import sets
import timing

SCRIPT = Path(__file__).resolve()
SETS = ("sst2", "trec6", "banking77", "chnsenticorp", "thucnews_titles", "mrpc")
STUDIES = (1, 2, 3, 4, 5)
METHODS = ("default", "grid", "tune", "optuna_trainer")
ROWS, SECONDS = 600, 1200
GRID_RATES, GRID_EPOCHS = (0.3, 1.0, 2.0, 4.0), (0.5, 1.0, 2.0)  # times the plan's
FINAL_SHARE = 0.1  # of the time: kept for the last training of `tune`
HELD_OUT = 0.2  # of the rows, for the validation of the Trainer
# What is usual for the Trainer: Hugging Face's own page on hyperparameter search.
TRAINER_SPACE = {"rate": (1e-6, 1e-4), "epochs": (1, 5), "sizes": (8, 16, 32, 64)}


def main() -> None:
    parser = timing.options(__doc__, "tuning", rounds=1, days=True)
    parser.add_argument("--sets", nargs="*", default=SETS, help="only these sets")
    parser.add_argument("--studies", type=int, nargs="*", default=STUDIES, help="only these")
    parser.add_argument("--methods", nargs="*", default=METHODS, help="only these methods")
    parser.add_argument("--rows", type=int, default=ROWS, help="training rows of a study")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each method")
    parser.add_argument("--layers", type=int, default=0, help="the first layers alone; 0: all")
    given = timing.parsed(parser)
    if timing.is_served(given, act, table):
        return
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells(given), given.results, run, given.minutes)))


def cells(given: argparse.Namespace) -> Iterator[timing.Record]:
    """Study by study, so that an early stop leaves whole studies."""
    for study in given.studies:
        for name in given.sets:
            for method in given.methods:
                yield {
                    "set": name,
                    "rows": given.rows,
                    "study": study,
                    "seconds_each": given.seconds,
                    "method": method,
                    **({"layers": given.layers} if given.layers else {}),
                }


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one cell."""
    epochs.use_threads(job["threads"])
    train, test, info = sets.load(job["set"], job["rows"], job["study"], Path(job["data"]))
    if job.get("layers"):  # more trials in the same seconds
        cut = {"model": f"{info['checkpoint']}/{job['layers']}", "store": tempfile.gettempdir()}
        info = {**info, "checkpoint": hit_rates.checkpoint(cut)}
    method = {"default": default, "grid": grid, "tune": tune, "optuna_trainer": optuna_trainer}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = method[job["method"]](train, test, info, job, Path(folder))
    return {
        **found,
        "seconds": round(time.perf_counter() - begun, 1),
        "rows_fingerprint": info["fingerprint"],
        "checkpoint": info["checkpoint"],
    }


# --- weitiao


def default(
    train: list[sets.Row], test: list[sets.Row], info: sets.Row, job: Any, folder: Path
) -> timing.Record:
    """The plan, trained once."""
    return {**_judged(*_trained(_plan(train, info, job, folder), folder), test), "trials": 1}


def grid(
    train: list[sets.Row], test: list[sets.Row], info: sets.Row, job: Any, folder: Path
) -> timing.Record:
    """Twelve plans as long as there is time, the plan's own first; the best on validation."""
    plan, until = _plan(train, info, job, folder), time.perf_counter() + job["seconds_each"]
    points = [(rate, length) for rate in GRID_RATES for length in GRID_EPOCHS]
    points.sort(key=lambda point: point != (1.0, 1.0))
    best: Any = None
    longest, done = 0.0, 0
    for rate, length in points:
        if best is not None and time.perf_counter() + longest > until:
            break
        begun = time.perf_counter()
        changed = plan.with_(
            {
                "train.learning_rate": plan.train.learning_rate * rate,
                "train.epochs": max(1.0, round(plan.train.epochs * length)),
            }
        )
        one = _trained(changed, folder)
        done += 1
        longest = max(longest, time.perf_counter() - begun)
        if best is None or one[1] > best[1]:
            best = one
    return {**_judged(*best, test), "trials": done}


def tune(
    train: list[sets.Row], test: list[sets.Row], info: sets.Row, job: Any, folder: Path
) -> timing.Record:
    """A search, then a training of what it found."""
    import weitiao

    plan = _plan(train, info, job, folder)
    budget = job["seconds_each"] * (1 - FINAL_SHARE)
    tuned = weitiao.tune(plan, budget=budget, out=folder / "tuning", seed=job["study"])
    optimism = tuned.optimism
    return {
        **_judged(*_trained(tuned.plan, folder), test),
        "trials": len(tuned.trials),
        "winner": tuned.winner,
        "changes": tuned.best.values if tuned.winner else {},
        "stopped": tuned.stopped,
        "still_to_gain": tuned.bound.gain,
        "seed_noise": tuned.bound.noise,
        "optimism": optimism and optimism[0] - optimism[1],
    }


def _plan(train: list[sets.Row], info: sets.Row, job: Any, folder: Path) -> Any:
    import weitiao

    path = folder / "rows.csv"
    names = ["text", *(["text_pair"] if info["pair"] else []), "label"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(train)
    roles = {name: name for name in names[:-1]} | {"target": "label"}
    plan = weitiao.plan(
        path,
        roles=roles,
        task=info["task"],
        model=info["checkpoint"],
        seed=job["study"],
        changes={"data.test_size": 0.0, "evaluate.calibration": False},
    )
    most = min(quality_trainer.MAX_LENGTH, plan.model.max_length)
    return plan.with_({"model.max_length": most, "train.refit": "never"})


def _trained(plan: Any, folder: Path) -> tuple[Any, float]:
    """The best model of a training, and its validation score."""
    from weitiao.data.prepare.load import load
    from weitiao.run import Run
    from weitiao.training.run import train

    data = load(plan.data, plan.task_name)
    outcome = train(plan, data, Run.create(folder, "run", plan))
    return outcome.model, outcome.score


def _judged(model: Any, validation: float, test: list[sets.Row]) -> timing.Record:
    from weitiao.api.evaluation_rows import rows_to_evaluate
    from weitiao.data.files.table import from_rows
    from weitiao.evaluation.evaluate import answers_of, measure
    from weitiao.evaluation.metrics.base import metrics_of

    rows = rows_to_evaluate(model, from_rows(test, "test"), {}, [], None)
    task, _gold, answers = answers_of(model, rows)
    report = measure(answers, metrics_of(task, []))
    train = model.plan.train
    return {
        "test_rows": report.rows,
        "metric": report.primary,
        "score": report.metrics[report.primary],
        "validation": validation,
        "learning_rate": train.learning_rate,
        "epochs": train.epochs,
        "batch_size": train.batch_size,
    }


# --- Optuna on the Trainer


def optuna_trainer(
    train: list[sets.Row], test: list[sets.Row], info: sets.Row, job: Any, folder: Path
) -> timing.Record:
    """TPE over learning rate, epochs and batch size; the model of the best trial answers."""
    import optuna
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, set_seed

    from weitiao.checkpoints.resolve import resolve

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    until = time.perf_counter() + job["seconds_each"]
    source = resolve(info["checkpoint"])
    tokenizer = AutoTokenizer.from_pretrained(source.path_or_name)
    order = np.random.default_rng(job["study"]).permutation(len(train))
    cut = round(HELD_OUT * len(train))
    encoded = quality_trainer._encode(train, tokenizer, info)
    learned, held = [encoded[at] for at in order[cut:]], [encoded[at] for at in order[:cut]]
    sampler = optuna.samplers.TPESampler(seed=job["study"])
    study = optuna.create_study(direction="maximize", sampler=sampler)
    best: Any = None
    longest = 0.0
    while best is None or time.perf_counter() + longest < until:
        begun = time.perf_counter()
        trial = study.ask()
        set_seed(job["study"])
        arguments = quality_trainer._arguments(job["study"])
        arguments.learning_rate = trial.suggest_float("rate", *TRAINER_SPACE["rate"], log=True)
        arguments.num_train_epochs = trial.suggest_int("epochs", *TRAINER_SPACE["epochs"])
        arguments.per_device_train_batch_size = trial.suggest_categorical(
            "size", TRAINER_SPACE["sizes"]
        )
        trainer = Trainer(
            model=quality_trainer._model(source.path_or_name, info),
            args=arguments,
            train_dataset=learned,
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
        )
        trainer.train()
        outputs = trainer.predict(held)
        score = quality_trainer._scores(outputs.predictions, outputs.label_ids, info)["score"]
        study.tell(trial, score)
        longest = max(longest, time.perf_counter() - begun)
        if best is None or score > best[0]:
            best = (score, trainer, dict(trial.params))
    validation, trainer, params = best
    outputs = trainer.predict(quality_trainer._encode(test, tokenizer, info))
    return {
        **quality_trainer._scores(outputs.predictions, outputs.label_ids, info),
        "test_rows": len(test),
        "validation": validation,
        "changes": params,
        "trials": len(study.trials),
    }


# --- table


def table(records: list[timing.Record]) -> str:
    """Markdown: mean score of each set and method, and what `tune` gains over each other one."""
    good = [record for record in records if timing.has_figures(record)]
    methods = [one for one in METHODS if any(record["method"] == one for record in good)]
    head = " | ".join(f"{one} | trials" for one in methods)
    lines = [f"| set | studies | {head} |", "|---|---|" + "---|---|" * len(methods)]
    for name in dict.fromkeys(record["set"] for record in good):
        row = [name, str(len({r["study"] for r in good if r["set"] == name}))]
        for method in methods:
            some = [r for r in good if (r["set"], r["method"]) == (name, method)]
            row += [f"{np.mean([r['score'] for r in some]):.4f}" if some else "-",
                    f"{np.mean([r['trials'] for r in some]):.0f}" if some else "-"]  # fmt: skip
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, *_gains(good)])


def _gains(good: list[timing.Record]) -> list[str]:
    """Pooled gains in points (x 100), bootstrapped over sets and studies."""
    scores = {(r["set"], r["study"], r["method"]): r["score"] for r in good}
    lines = []
    for method in METHODS:
        studies = [(name, study) for name, study, searched in scores if searched == "tune"]
        gains = np.array(
            [
                100 * (scores[*one, "tune"] - scores[*one, method])
                for one in studies
                if method != "tune" and (*one, method) in scores
            ]
        )
        if not len(gains):
            continue
        draws = np.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(1)
        low, high = np.percentile(draws, [2.5, 97.5])
        lines.append(
            f"\ntune - {method}, {len(gains)} pairs: {gains.mean():+.2f} points, "
            f"95 % {low:+.2f} to {high:+.2f}"
        )
    return lines


if __name__ == "__main__":
    main()
