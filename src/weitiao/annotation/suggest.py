"""Pre-labels: of a column, of a run's predictions, or of the labels' names (zero-shot)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from weitiao.annotation.scheme import Scheme
from weitiao.data.infer.cells import number, split_labels
from weitiao.labels.passages.golds import parse_answers, placed
from weitiao.labels.tags.cells import answer_of
from weitiao.labels.tags.labelled import within

NAMES = "names"  # the value of --prelabels that means zero-shot


def of_cell(scheme: Scheme, cell: str, texts: Mapping[str, str]) -> Any:
    """The answer that a cell of a column holds. Raises ValueError where it is none."""
    if scheme.kind == "label":
        return _known(scheme, [cell])[0]
    if scheme.kind == "labels":
        return _known(scheme, split_labels(cell))
    if scheme.kind == "number":
        value = number(cell)
        if value is None:
            raise ValueError(cell)
        return scheme.parse(value, texts)
    if scheme.kind == "text":
        return cell
    text = texts[scheme.marked_role]
    if scheme.kind == "passage":
        golds = placed(parse_answers(cell) or (), text)
        if any(start < 0 for start, _ in golds):
            raise ValueError(cell)
        return [[start, quote] for start, quote in golds[:1]]
    spans = answer_of(cell)
    if spans and isinstance(spans[0], str):
        raise ValueError(cell)  # tags of words: which words, only the task knows
    return _spans(scheme, spans, text)


def of_prediction(
    scheme: Scheme, value: Any, places: Mapping[str, Any], texts: Mapping[str, str]
) -> Any:
    """The answer that a run predicts. Raises ValueError where it does not fit the scheme."""
    if value is None:  # it abstains, or the row has no text
        raise ValueError("no answer")
    if scheme.kind == "label":
        return _known(scheme, [str(value)])[0]
    if scheme.kind == "labels":
        return _known(scheme, [str(one) for one in value])
    if scheme.kind == "number":
        return float(value)
    if scheme.kind == "passage":
        return [[places["start"], str(value)]] if value else []
    if scheme.kind == "text":
        return str(value)
    spans = [(one["start"], one["end"], one["label"]) for one in value]
    return _spans(scheme, spans, texts[scheme.marked_role])


def zero_shot(names: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(n,) the index of the label whose name's vector is nearest to the text's, by the cosine.

    Both are centred by the mean of the texts: mean vectors of one encoder share a direction that
    says nothing (Mu and Viswanath 2018). The names are centred by their own mean, too.
    """
    texts = features - features.mean(0)
    labels = names - names.mean(0)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True) + 1e-9
    labels /= np.linalg.norm(labels, axis=1, keepdims=True) + 1e-9
    return np.asarray((texts @ labels.T).argmax(1))


def _known(scheme: Scheme, labels: list[str]) -> list[str]:
    if unknown := [label for label in labels if label not in scheme.labels]:
        raise ValueError(unknown[0])
    return labels


def _spans(scheme: Scheme, spans: Any, text: str) -> list[list[Any]]:
    placed_spans = [within(span, text) for span in spans]
    _known(scheme, [label for _, _, label in placed_spans])
    return [list(span) for span in sorted(set(placed_spans))]
