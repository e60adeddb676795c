"""A closer look at judged answers: acceptance, weak slices, groups of mistakes, changed texts,
some mistakes explained. What is left in the run stands in findings.json."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from weitiao.core.redact import masked
from weitiao.data.prepare.load import Data
from weitiao.evaluation.acceptance import accepted
from weitiao.evaluation.behaviour import try_checks
from weitiao.evaluation.calibrate import quality
from weitiao.evaluation.candidates import candidates_of
from weitiao.evaluation.evaluate import Evaluated, Report
from weitiao.evaluation.explain import explain
from weitiao.evaluation.groups import Words, grouped_mistakes, kinds_of_texts, nearest
from weitiao.evaluation.levels import judged_levels
from weitiao.evaluation.passages import coverage
from weitiao.evaluation.slices import judge_slices
from weitiao.model.model import Model
from weitiao.reporting.error_examples import MOST as MOST_MISTAKES
from weitiao.results.answers import digest
from weitiao.tasks.answers.passages import Passages

CHARACTERS_A_SECOND = 250_000  # that are cut into words, jieba's speed here
GROUPED = 5_000  # judged rows that are grouped
NEAR_ROWS = 20_000  # training rows among which the nearest are looked for
NEAR_SECONDS = 0.25  # share of the time for words
CHECK_SECONDS = 0.5  # of what is left then, for changed texts
SLICES = 40  # kept
EXPLAINED = 6  # mistakes
SHORTEST, LONGEST = 5.0, 60.0  # seconds where there is no budget


def within(seconds: float) -> float:
    """The time a closer look may take, by how long the judging took."""
    return min(max(seconds / 2, SHORTEST), LONGEST)


def with_more(
    model: Model, report: Report, answers: Evaluated, calibration: Mapping[str, Any],
    left_out: Sequence[str] = (),
) -> Report:  # fmt: skip
    """The report with its calibration on these rows, its levels, and the plan's criteria judged."""
    more: dict[str, Any] = {}
    if calibration:
        more["calibration"] = dict(calibration)
        if "temperature" in calibration:
            more["calibration"]["judged"] = quality(answers.judged).plain()
    if isinstance(answers.judged, Passages):
        more["coverage"] = coverage(answers.judged)
    if model.plan.acceptance:
        more["acceptance"] = [one.plain() for one in accepted(model, report, answers)]
    if levels := judged_levels(answers.judged, model.plan.evaluate.bootstrap_samples):
        more["levels"] = levels
    if left_out:
        more["left_out"] = list(left_out)
    return replace(report, more=more)


def findings_of(
    model: Model, answers: Evaluated, data: Data | None, seconds: float
) -> dict[str, Any]:
    """Everything that a closer look finds, as plain values; of texts it holds shared words only."""
    begin, judged = time.monotonic(), answers.judged
    if model.task.per_token:  # what follows compares rows that have one answer each
        return {}
    texts = _joined(model, answers.rows)
    mean = sum(map(len, texts)) / max(len(texts), 1)
    room = int(NEAR_SECONDS * seconds * CHARACTERS_A_SECOND / max(mean, 1))
    part = _spread(len(texts), min(GROUPED, max(room, 200)))
    words = Words([texts[at] for at in part])
    which, kinds = kinds_of_texts(words)
    groups = np.full(len(texts), -1)
    groups[part[: len(which)]] = which
    candidates = candidates_of(answers.rows, judged, texts, groups if len(which) else None)
    candidates = [c for c in candidates if (c.kind, c.value) != ("texts", "-1")]
    slices = judge_slices(judged, candidates)
    found: dict[str, Any] = {
        "rows": len(texts),
        "number": judged.numeric,
        "looked": len(slices),
        "slices": [_told(one.plain(), kinds) for one in slices[:SLICES]],
    }
    if not judged.numeric:
        wrong = np.flatnonzero(~judged.right()[part])
        found["groups"] = [
            {"rows": [int(part[at]) for at in group.rows], "terms": _masked(group.terms)}
            for group in grouped_mistakes(words, wrong)
        ]
    picked = judged.mistakes()[:MOST_MISTAKES]
    if data is not None:
        found["near"] = _near(model, words, texts, picked, data, max(room, 500))
    left = seconds - (time.monotonic() - begin)
    checks = try_checks(model, answers, seconds=max(CHECK_SECONDS * left, 0.1))
    found["checks"] = [one.plain() for one in checks]
    found["explained"] = _explained(model, answers, picked, begin + seconds)
    found["seconds"] = round(time.monotonic() - begin, 2)
    return found


def _joined(model: Model, rows: Any) -> list[str]:
    """One text a row: of pairs both, one under the other."""
    found = []
    for examples in rows.batches():
        for texts in zip(*model.task.texts(examples), strict=True):
            found.append("\n".join(texts))
    return found


def _spread(rows: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))


def _told(one: dict[str, Any], kinds: Sequence[Any]) -> dict[str, Any]:
    """A slice of texts is known by its words."""
    if one["kind"] == "texts":
        one["value"] = " ".join(_masked(kinds[int(one["value"])].terms))
    if one["kind"] == "column":
        one["value"] = masked(one["value"])
    return one


def _near(
    model: Model, words: Words, texts: Sequence[str], picked: np.ndarray, data: Data, most: int
) -> list[dict[str, Any]]:
    part = _spread(len(data.train), min(most, NEAR_ROWS))
    train = data.train.take(part)
    own = _joined(model, train)
    targets, ids = train.targets(), train.ids()
    return [
        {"row": one.row, "alike": round(one.alike, 4), "id": ids[one.train],
         "label": targets[one.train], "position": int(train.indices[one.train]),
         "digest": digest(own[one.train])}
        for one in nearest(words, texts, [int(at) for at in picked], own)
    ]  # fmt: skip


def _explained(
    model: Model, answers: Evaluated, picked: np.ndarray, end: float
) -> list[dict[str, Any]]:
    """The worst mistakes, as places in their texts; texts that a cleaner changes are left out."""
    found: list[dict[str, Any]] = []
    for row in picked:
        took = time.monotonic()
        if len(found) == EXPLAINED or took > end:
            break
        (example,) = answers.rows.examples([int(row)])
        texts = {role: str(text) for role, text in example.inputs.items()}
        if {r: str(t) for r, t in model.clean([example])[0].inputs.items()} != texts:
            continue
        if not any(character.isalnum() for text in texts.values() for character in text):
            continue
        told = explain(model, example)
        words = [{**asdict(word), "text": ""} for word in told.words]
        found.append({"row": int(row), "asked": told.asked, "score": told.score, "words": words,
                      "digest": digest("\n".join(texts.values()))})  # fmt: skip
        if 2 * time.monotonic() - took > end:  # another would take as long
            break
    return found


def _masked(terms: Sequence[str]) -> list[str]:
    return [masked(term) for term in terms]
