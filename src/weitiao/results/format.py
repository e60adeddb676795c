"""Formats of scores, numbers and durations; names of metrics, baselines, tasks and splits."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core.sanitize import shortened
from weitiao.core.units import UNDEFINED, score
from weitiao.errors import PartError
from weitiao.evaluation.metric_names import metric as metric
from weitiao.i18n.messages import _, localized

MAX_LABEL_CHARACTERS = 80  # characters of a label
MAX_SETTING_CHARACTERS = 60


def short_label(name: str) -> str:
    """A label as it fits into a table or sentence."""
    return shortened(name, MAX_LABEL_CHARACTERS)


def figure(value: float | None) -> str:
    """A figure of a metric.

    >>> figure(0.8123), figure(1234.5), figure(1.24e-5), figure(None)
    ('0.812', '1,234.5', '1.2e-05', '—')
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return score(value, decimals=3)


def number(value: float) -> str:
    """A number of the user's, with no more digits than say something.

    >>> number(4.0), number(0.123456), number(123456.7)
    ('4', '0.123', '123,457')
    """
    if math.isnan(value):
        return UNDEFINED
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def round_edges(low: float, high: float, most: int = 20) -> np.ndarray:
    """Edges of at most so many bars, in round steps, that hold everything from low to high.

    >>> round_edges(0.52, 0.99)[[0, 1, -1]].round(3).tolist()
    [0.5, 0.55, 1.0]
    """
    rough = max((high - low) / most, abs(high) * 1e-9, 1e-12)
    power = 10.0 ** math.floor(math.log10(rough))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    return np.arange(first, max(last, first + 1) + 1) * step


def metric_in_both(name: str) -> str:
    """The name of a metric, and in Chinese the English one beside it, by which papers call it."""
    local = metric(name)
    english = getattr(local, "template", local)
    if local == english:
        return local
    return _("{name} ({english})", name=local, english=english)


def task_name(name: str) -> str:
    """The name of a task as people write it."""
    names = {
        "classification": _("classification"),
        "multilabel": _("multilabel classification"),
        "nli": _("natural language inference (NLI)"),
        "question_answering": _("extractive question answering"),
        "regression": _("regression"),
        "similarity": _("text similarity"),
        "token_classification": _("token classification"),
        "translation": _("translation"),
        "generation": _("text generation"),
        "retrieval": _("passage retrieval"),
    }
    return names.get(name, name)


def split_name(name: str) -> str:
    """The name of a split as people write it."""
    names = {"train": _("train"), "validation": _("validation"), "test": _("test")}
    return names.get(name, name)


def language_name(code: str) -> str:
    """A language as it is detected: Chinese characters, Latin script, other."""
    names = {
        "zh": _("Chinese"),
        "en": _("English or another in Latin script"),
        "other": _("other"),
    }
    return names.get(code, code)


def meaning(name: str) -> str:
    """What a metric says, in a sentence; empty for one that is not installed (any more)."""
    try:
        return localized(parts.summary(parts.find("metrics", name)))
    except PartError:
        return ""


def baseline(name: str) -> str:
    """The name of a baseline inside a sentence."""
    names = {
        "majority": _("always the most frequent label"),
        "mean": _("always the mean"),
        "tfidf_linear": "TF-IDF",
        "frozen_linear": _("the frozen encoder"),
        "lookup": _("the lookup of each word's usual tag"),
        "lexical": _("the lexical baseline"),
        "no_answer": _('always "no answer"'),
        "nearest": _("the answer of the most similar training row"),
        "copy": _("the text as it is"),
        "bm25": "BM25",
        "untuned_encoder": _("the encoder before training"),
    }
    return names.get(name, name)


def whole_baseline(name: str) -> str:
    """The name of a baseline with what it is."""
    if name == "tfidf_linear":
        return _("TF-IDF (a linear model on counted words)")
    if name == "frozen_linear":
        return _("the frozen encoder (a linear model on what it knows untrained)")
    return baseline(name)


def short_baseline(name: str) -> str:
    """The same for the head of a table."""
    names = {
        "majority": _("most frequent"),
        "mean": _("always the mean"),
        "tfidf_linear": "TF-IDF",
        "lookup": _("word's usual tag"),
        "frozen_linear": _("frozen encoder"),
    }
    return names.get(name, name)


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration(75), duration(4000)
    ('1:15', '1:06:40')
    """
    if seconds is None or math.isnan(seconds):
        return _("unknown")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def setting(value: Any) -> str:
    """A value as a person reads it: parts by their names, with their settings in brackets.

    >>> setting({"ema": {}, "cross_entropy": {"label_smoothing": 0.1}})
    'ema, cross_entropy (label_smoothing 0.1)'
    """
    if value is None or value == {}:
        return "–"
    if isinstance(value, dict):
        text = ", ".join(_part(name, settings) for name, settings in value.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shortened(text, MAX_SETTING_CHARACTERS)


def _part(name: str, settings: Any) -> str:
    if not settings:
        return name
    if not isinstance(settings, dict):
        return f"{name} {setting(settings)}"
    return f"{name} ({', '.join(f'{key} {setting(one)}' for key, one in settings.items())})"
