"""Other methods on the rows of whole_runs.py, each in a process of its own, judged the same way.

tfidf_linear, frozen_linear: weitiao's own baselines without a limit of time; of tags the lookup of
words. frozen_in_time: of as many rows as are encoded in the seconds. trainer: the Hugging Face
Trainer, which takes as many epochs as fit into the seconds. setfit: SetFit, which takes as many
steps as fit. Their time counts from the start of the process.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import timing
import whole_sets

EXAMPLE_EPOCHS = 3.0  # of the Trainer's example: where there is no budget
MOST_EPOCHS = 10.0  # that the Trainer takes where there is time
PACE_STEPS = 3  # timed before training; the first of them is left out
MARGIN = 1.15  # of the time of a step: the optimizer, rows that are longer than these
END_SECONDS = 1.0  # from the last prediction to the end of the process
FOLDS = 5  # of cross-validation on the frozen features
STRENGTHS = (0.01, 0.1, 1.0)  # C, on standardised features
ALPHAS = (1.0, 10.0, 100.0, 1000.0)  # of ridge regression
PAIR_BATCH = 16  # of SetFit
FIT_SHARE, ROWS_AT_ONCE = 0.15, 64  # of frozen_in_time


@dataclass(frozen=True)
class Material:
    """What a scorer gets. begun, seconds: when its process began (time.time()), and how long it may
    take; None: as long as it wants."""

    plan: Any
    data: Any
    everyone: Any  # training and validation rows
    task: Any
    rows: Any  # to score
    begun: float
    seconds: float | None

    def scores_of(self, peer: Any) -> Any:
        """Scores of a peer that learns from all rows."""
        return peer.scores(self.plan, self.task, replace(self.data, train=self.everyone), self.rows)

    def left(self) -> float:
        assert self.seconds is not None
        return self.begun + self.seconds - END_SECONDS - time.time()


def score(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train the job's contender, judge it, write its answers.

    job: contender, rows (files), task, roles, seed, threads, begun, seconds, answers (a folder).
    """
    import epochs
    from weitiao import parts
    from weitiao.data.prepare.load import load
    from weitiao.planning.advise import Wish, advise

    epochs.use_threads(job["threads"])
    train, judged = job["files"]
    # A head that is named is not chosen on the rows: that would be weitiao's work, on their time.
    changes = {"model.head": "native", **(job.get("changes") or {})}
    wish = Wish(path=train, test_path=judged, roles=job["roles"], task=job["task"],
                model=job.get("checkpoint"), seed=job["seed"],
                changes=changes)  # fmt: skip
    plan = advise(wish, None).plan
    data = load(plan.data, plan.task_name)
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    # Both parts are rows that a user gives; who needs no validation rows learns from all.
    indices = np.concatenate([data.train.indices, data.validation.indices])
    everyone = replace(data.train, indices=indices)
    task = task.learn(everyone.targets())
    material = Material(
        plan, data, everyone, task, data.sealed_test, job["begun"], job.get("seconds")
    )
    about: dict[str, Any] = {}
    scores = SCORERS[job["contender"]](material, about)
    seconds = round(time.time() - job["begun"], 3)
    return {**judge(material, scores, Path(job["answers"])), **about, "process_seconds": seconds}


def judge(material: Material, scores: Any, folder: Path) -> timing.Record:
    """Score and interval, as in weitiao's own evaluation; the answers go into the folder."""
    from weitiao.core.ragged import Ragged
    from weitiao.evaluation.evaluate import Evaluated, measure, metrics_of
    from weitiao.evaluation.intervals import bootstrap
    from weitiao.results import run_data
    from weitiao.run import Run

    rows = material.rows
    wide = material.task.widened(rows.targets())
    if not isinstance(scores, Ragged):  # labels that only the judged rows have get 0
        scores = np.asarray(scores, dtype=float)
        scores = np.pad(scores, ((0, 0), (0, wide.outputs - scores.shape[1])))
    answers = wide.to_answers(wide.gold(rows), scores)
    metrics = metrics_of(wide, material.plan.evaluate.metrics)
    report = measure(answers, metrics)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    material.plan.save(run.plan_path)
    run_data.write_answers(run, Evaluated(rows, answers, {}), "test")
    run.write("metrics", {**report.summary(), "split": "test", "rows": report.rows})
    run.write("status", {"state": "finished"})
    primary = report.primary
    interval = bootstrap(answers, {primary: metrics[primary]}, 1000)[primary]
    return {
        "metric": primary,
        "score": report.metrics[primary],
        "interval": list(interval),
        "judged_rows": report.rows,
    }


def texts_and_labels(material: Material, part: Any) -> tuple[list[list[str]], np.ndarray]:
    """The texts of rows, one list a role, and their labels."""
    from weitiao.experiments.peers.base import labels_of, texts_of

    return texts_of(material.task, part), labels_of(material.task, part)


def tfidf_linear(material: Material, about: dict[str, Any]) -> Any:
    """The baseline of every run; of tags the lookup of words, on the same rows."""
    from weitiao.evaluation.baselines import Selection, fit_baselines, fit_lookup
    from weitiao.evaluation.evaluate import measure, metrics_of

    data, task = material.data, material.task
    if task.per_token:
        lookup = fit_lookup(task, data.train, data.validation)["lookup"]
        return lookup.score(material.rows)
    texts, labels = texts_and_labels(material, data.train)
    chosen_on = texts_and_labels(material, data.validation)
    gold = task.gold(data.validation)
    name, metric = next(iter(metrics_of(task, material.plan.evaluate.metrics).items()))

    def value(at: np.ndarray, scores: np.ndarray) -> float:
        return measure(task.to_answers(gold[at], scores), {name: metric}).metrics[name]

    baselines = fit_baselines(
        task.problem_type,
        texts,
        labels,
        *chosen_on,
        task.outputs,
        material.plan.train.seed,
        selection=Selection(name, value, metric.higher_is_better),
    )
    about["features"] = str(baselines["tfidf_linear"].detail["features"])
    return baselines["tfidf_linear"].score(texts_and_labels(material, material.rows)[0])


def frozen_linear(material: Material, about: dict[str, Any]) -> Any:
    """A linear model on the frozen encoder's features of all rows, validation rows among them.

    Its strength is chosen by cross-validation, so that it is no weaker than it can be.
    """
    from weitiao.errors import ModelError
    from weitiao.evaluation.frozen_encoder import Encoder
    from weitiao.model.model import Model

    data = material.data
    if material.task.per_token:
        raise ModelError("frozen_linear does not take tags.")
    encoder = Encoder(Model.start(material.plan, data.train, data.validation))
    texts, labels = texts_and_labels(material, material.everyone)
    judged = encoder.features(texts_and_labels(material, material.rows)[0])
    if material.seconds is None:
        features = encoder.features(texts)
    else:
        features, labels = _features_in_time(material, encoder, texts, labels)
        about["encoded_rows"] = len(features)
    mean, std = features.mean(0), features.std(0) + 1e-6
    return linear_scores(
        (features - mean) / std, labels, (judged - mean) / std, material.task.outputs
    )


def _features_in_time(
    material: Material, encoder: Any, texts: list[list[str]], labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features of as many rows, in an order by chance, as are encoded until only FIT_SHARE of the
    time is left for the linear model."""
    order = np.random.default_rng(material.plan.train.seed).permutation(len(labels))
    assert material.seconds is not None
    parts: list[np.ndarray] = []
    done = 0
    while done < len(order) and (not parts or material.left() > FIT_SHARE * material.seconds):
        rows = order[done : done + ROWS_AT_ONCE]
        parts.append(encoder.features([[role[at] for at in rows] for role in texts]))
        done += len(rows)
    return np.concatenate(parts), labels[order[:done]]


def linear_scores(
    features: np.ndarray, labels: np.ndarray, judged: np.ndarray, outputs: int
) -> np.ndarray:
    """(n, outputs) of a linear model: of numbers (ridge), one label a row, or label sets."""
    from sklearn.linear_model import RidgeCV

    if labels.ndim == 2:
        columns = [_logistic(features, column.astype(int), judged, 2)[:, 1] for column in labels.T]
        return np.stack(columns, axis=1)
    if np.issubdtype(labels.dtype, np.floating):
        fitted = RidgeCV(ALPHAS).fit(features, labels)
        return np.asarray(fitted.predict(judged)).reshape(-1, 1)
    return _logistic(features, labels, judged, outputs)


def _logistic(
    features: np.ndarray, labels: np.ndarray, judged: np.ndarray, outputs: int
) -> np.ndarray:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    present, counts = np.unique(labels, return_counts=True)
    scores = np.zeros((len(judged), outputs))
    if len(present) == 1:
        scores[:, present[0]] = 1.0
        return scores
    fitted: Any = LogisticRegression(C=STRENGTHS[1], tol=1e-3, max_iter=300)
    folds = min(FOLDS, int(counts.min()))
    with warnings.catch_warnings():
        # A bound on time, as in the baseline of every run.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if folds > 1:
            fitted = GridSearchCV(fitted, {"C": STRENGTHS}, cv=folds, scoring="neg_log_loss")
        fitted.fit(features, labels)
    scores[:, present] = fitted.predict_proba(judged)
    return scores


def trainer(material: Material, about: dict[str, Any]) -> Any:
    """The peer `trainer` as it is, its number of steps fitted to the time that is left."""
    import transformers

    from weitiao import parts
    from weitiao.errors import ModelError

    if material.task.per_token:
        raise ModelError("the peer trainer does not take tags.")
    peer = parts.build("peers", "trainer", {"epochs": EXAMPLE_EPOCHS})

    class Timed(transformers.Trainer):  # type: ignore[misc]
        """A Trainer that sets its own number of steps, so that the schedule ends with the time."""

        def train(self, *args: Any, **options: Any) -> Any:
            epoch = math.ceil(len(self.train_dataset) / self.args.per_device_train_batch_size)
            steps = round(EXAMPLE_EPOCHS * epoch)
            if material.seconds is not None:
                pace = seconds_a_step(self)
                # A forward pass costs a third of a step of as many rows.
                batches = len(material.rows) / self.args.per_device_train_batch_size
                left = material.left() - pace * batches / 3
                steps = steps_that_fit(left, pace, round(MOST_EPOCHS * epoch))
                transformers.set_seed(self.args.seed)
            self.args.max_steps = steps
            about.update(steps=steps, epochs=round(steps / epoch, 2))
            return super().train(*args, **options)

    original = transformers.Trainer
    transformers.Trainer = Timed
    try:
        return material.scores_of(peer)
    finally:
        transformers.Trainer = original


def seconds_a_step(trainer: Any) -> float:
    """Forward and backward on some batches, without an update; the first one is left out."""
    trainer.model.train()
    begin = time.perf_counter()
    taken = 0
    for batch in trainer.get_train_dataloader():
        if taken == 1:
            begin = time.perf_counter()
        trainer.model(**batch).loss.backward()
        taken += 1
        if taken == PACE_STEPS:
            break
    trainer.model.zero_grad(set_to_none=True)
    return (time.perf_counter() - begin) / max(taken - 1, 1)


def steps_that_fit(seconds: float, pace: float, most: int) -> int:
    """At least one step, at most `most`.

    >>> steps_that_fit(11.5, 1.0, 50), steps_that_fit(-3, 1.0, 50), steps_that_fit(100, 1.0, 50)
    (10, 1, 50)
    """
    return max(1, min(most, int(seconds / (pace * MARGIN))))


def setfit(material: Material, about: dict[str, Any]) -> Any:
    """The peer `setfit` as it is, with as many steps as the time allows, at most one epoch.

    What a step takes is measured before, and does not count.
    """
    from weitiao import parts
    from weitiao.experiments.peers.base import labels_of

    def scores(steps: int) -> Any:
        peer = parts.build("peers", "setfit", {"batch_size": PAIR_BATCH, "most_steps": steps})
        peer.check()
        return material.scores_of(peer)

    if material.seconds is None:
        return scores(-1)
    durations = []
    for steps in (2, 2, 6):  # the first call imports and is left out
        begin = time.perf_counter()
        scores(steps)
        durations.append(time.perf_counter() - begin)
    pace = max((durations[2] - durations[1]) / 4, 1e-3)
    fixed = max(durations[0] - 2 * pace, 0.0)  # imports, loading, the classifier, prediction
    labels = labels_of(material.task, material.everyone)
    steps = min(pair_steps(labels), max(1, int((material.seconds - fixed) / pace)))
    begin = time.perf_counter()
    found = scores(steps)
    about.update(steps=steps, seconds=round(time.perf_counter() - begin + durations[0]
                                            - durations[1], 2))  # fmt: skip
    return found


def pair_steps(labels: np.ndarray) -> int:
    """Steps of an epoch of SetFit, which repeats the rarer kind of pairs (equal, different labels)
    until there are as many of both.

    >>> pair_steps(np.array([0, 0, 1, 1]))
    1
    """
    counts = np.unique(labels, return_counts=True)[1]
    equal = int((counts * (counts + 1) // 2).sum())
    different = (len(labels) ** 2 - int((counts**2).sum())) // 2
    return math.ceil(2 * max(equal, different) / PAIR_BATCH)


SCORERS: dict[str, Callable[[Material, dict[str, Any]], Any]] = {
    "tfidf_linear": tfidf_linear,
    "frozen_linear": frozen_linear,
    "frozen_in_time": frozen_linear,
    "trainer": trainer,
    "setfit": setfit,
}


def run(
    command: list[str],
    rows: whole_sets.Rows,
    job: Mapping[str, Any],
    env: Mapping[str, str],
    store: Path,
) -> timing.Record:
    """Start a process for the job and time it whole."""
    files = [str(path) for path in rows.write(store / "rows")]
    full = {**job, "files": files, "task": rows.task, "roles": rows.roles, "begun": time.time()}
    begin = timing.mark()
    with tempfile.TemporaryDirectory(dir=store) as folder:
        record = timing.in_fresh_process(command, {"answers": folder, **full}, env)
    if not timing.has_figures(record):
        return record
    return {**timing.between(begin, timing.mark()), **record}
