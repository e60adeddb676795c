"""Error analysis of evaluated rows: acceptance, weak slices, groups of errors, behavioural checks,
explained errors. A run keeps it in findings.json."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from weitiao.core import notice
from weitiao.core.redact import masked
from weitiao.data.prepare.load import Data
from weitiao.evaluation.acceptance import accepted
from weitiao.evaluation.behaviour import try_checks
from weitiao.evaluation.calibration import quality
from weitiao.evaluation.clusters import Words, grouped_mistakes, kinds_of_texts, nearest
from weitiao.evaluation.evaluate import Evaluated, Report, absent_labels, level_accuracies
from weitiao.evaluation.explain import explain
from weitiao.evaluation.passages import coverage
from weitiao.evaluation.slices import Slice, candidates_of, score_slices
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.reporting.error_examples import MAX_MISTAKES as MAX_MISTAKES
from weitiao.results.records import (
    Calibration,
    CheckResult,
    ErrorGroup,
    ExplainedError,
    Findings,
    NearestRow,
    SliceScore,
    WordScore,
)
from weitiao.results.run_data import text_digest
from weitiao.tasks.answers.passages import Passages

CHARACTERS_A_SECOND = 250_000  # that are cut into words, jieba's speed here
MAX_GROUPED_ROWS = 5_000  # evaluated rows that are grouped
MAX_NEIGHBOUR_ROWS = 20_000  # training rows among which the nearest are searched
WORDS_SHARE = 0.25  # of the time: cutting texts into words
CHECKS_SHARE = 0.5  # of the time that is left then: behavioural checks
MAX_SLICES = 40  # in findings.json
MAX_EXPLAINED = 6  # errors
MIN_SECONDS, MAX_SECONDS = 5.0, 60.0  # where there is no budget


def within(seconds: float) -> float:
    """Time limit of the error analysis, by how long the evaluation took."""
    return min(max(seconds / 2, MIN_SECONDS), MAX_SECONDS)


def with_more(
    model: Model,
    report: Report,
    answers: Evaluated,
    calibration: Calibration,
    left_out: Sequence[str] = (),
) -> Report:
    """Add calibration on these rows, hierarchy levels and acceptance criteria to a report."""
    more: dict[str, Any] = dict(report.more)
    if calibration:
        more["calibration"] = calibration.plain()
        if calibration.temperature is not None:
            more["calibration"]["judged"] = quality(answers.answers).plain()
    if isinstance(answers.answers, Passages):
        more["coverage"] = coverage(answers.answers)
    if model.plan.acceptance:
        more["acceptance"] = [one.plain() for one in accepted(model, report, answers)]
    if levels := level_accuracies(answers.answers, model.plan.evaluate.bootstrap_samples):
        more["levels"] = levels
    if absent := absent_labels(answers.answers):
        more["absent"] = absent
    if left_out:
        more["left_out"] = list(left_out)
    return replace(report, more=more)


def findings_of(model: Model, answers: Evaluated, data: Data | None, seconds: float) -> Findings:
    """Error analysis within a time limit; of texts it holds shared words only."""
    with notice.during(_("analysing errors: slices, groups, changed texts, explanations")):
        return _findings_of(model, answers, data, seconds)


def _findings_of(model: Model, answers: Evaluated, data: Data | None, seconds: float) -> Findings:
    """The analysis itself.

    The time is shared out in order: words first, since slices, groups and neighbours need them,
    then checks, then explanations until it is over.
    """
    begun, judged = time.monotonic(), answers.answers
    if (
        model.task.per_token or model.task.contrasts
    ):  # what follows compares rows that have one answer each
        return Findings()
    texts = _joined(model, answers.rows)
    mean = sum(map(len, texts)) / max(len(texts), 1)
    most = int(WORDS_SHARE * seconds * CHARACTERS_A_SECOND / max(mean, 1))
    part = _evenly(len(texts), min(MAX_GROUPED_ROWS, max(most, 200)))
    words = Words([texts[at] for at in part])
    which, kinds = kinds_of_texts(words)
    groups = np.full(len(texts), -1)
    groups[part[: len(which)]] = which
    candidates = candidates_of(answers.rows, judged, texts, groups if len(which) else None)
    candidates = [c for c in candidates if (c.kind, c.value) != ("texts", "-1")]
    slices = score_slices(judged, candidates)
    picked = judged.mistakes()[:MAX_MISTAKES]
    findings = Findings(
        rows=len(texts),
        number=judged.numeric,
        looked=len(slices),
        slices=[_named_slice(one, kinds) for one in slices[:MAX_SLICES]],
    )
    if not judged.numeric:
        wrong = np.flatnonzero(~judged.right()[part])
        findings.groups = [
            ErrorGroup(rows=[int(part[at]) for at in group.rows], terms=_masked(group.terms))
            for group in grouped_mistakes(words, wrong)
        ]
    if data is not None:
        findings.near = _near(model, words, texts, picked, data, max(most, 500))
    left = seconds - (time.monotonic() - begun)
    checks = try_checks(model, answers, seconds=max(CHECKS_SHARE * left, 0.1))
    findings.checks = [CheckResult(**one.plain()) for one in checks]
    findings.explained = _explained(model, answers, picked, begun + seconds)
    findings.seconds = round(time.monotonic() - begun, 2)
    return findings


def _joined(model: Model, rows: Any) -> list[str]:
    """One text a row: of pairs both, one under the other."""
    joined = []
    for examples in rows.batches():
        for texts in zip(*model.task.texts(examples), strict=True):
            joined.append("\n".join(texts))
    return joined


def _evenly(rows: int, most: int) -> np.ndarray:
    """Positions of at most so many rows, at even distances."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))


def _named_slice(one: Slice, kinds: Sequence[Any]) -> SliceScore:
    """A slice with its name; a cluster of texts is known by its words."""
    score = SliceScore(**one.plain())
    if score.kind == "texts":
        score.value = " ".join(_masked(kinds[int(score.value)].terms))
    if score.kind == "column":
        score.value = masked(score.value)
    return score


def _near(
    model: Model, words: Words, texts: Sequence[str], picked: np.ndarray, data: Data, most: int
) -> list[NearestRow]:
    """The nearest training row of each picked row, by TF-IDF cosine."""
    part = _evenly(len(data.train), min(most, MAX_NEIGHBOUR_ROWS))
    train = data.train.take(part)
    own = _joined(model, train)
    targets, ids = train.targets(), train.ids()
    return [
        NearestRow(
            row=one.row,
            alike=round(one.similarity, 4),
            id=ids[one.train],
            label=targets[one.train],
            position=int(train.indices[one.train]),
            digest=text_digest(own[one.train]),
        )
        for one in nearest(words, texts, [int(at) for at in picked], own)
    ]


def _explained(
    model: Model, answers: Evaluated, picked: np.ndarray, end: float
) -> list[ExplainedError]:
    """The worst errors, attributed to words; texts that a cleaner changes are left out, since
    their places would not be those of the original."""
    explained: list[ExplainedError] = []
    for row in picked:
        begun = time.monotonic()
        if len(explained) == MAX_EXPLAINED or begun > end:
            break
        (example,) = answers.rows.examples([int(row)])
        texts = {role: str(text) for role, text in example.inputs.items()}
        if {r: str(t) for r, t in model.clean([example])[0].inputs.items()} != texts:
            continue
        if not any(character.isalnum() for text in texts.values() for character in text):
            continue
        explanation = explain(model, example)
        explained.append(
            ExplainedError(
                row=int(row),
                asked=explanation.label,
                score=explanation.score,
                words=[WordScore(**{**asdict(word), "text": ""}) for word in explanation.words],
                digest=text_digest("\n".join(texts.values())),
            )
        )
        if 2 * time.monotonic() - begun > end:  # another would take as long
            break
    return explained


def _masked(terms: Sequence[str]) -> list[str]:
    return [masked(term) for term in terms]
