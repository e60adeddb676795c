"""Gains of fine-tuning over a linear model on the frozen encoder: the prior of predicted scores.

From `benchmarks/gains.py`, which reads stored results: mean of the runs of a set on the same rows.
"""

from __future__ import annotations

# Set, training rows, logarithm of (error fine-tuned / error linear); -0.7 halves the errors.
GAINS = (
    ("banking77", 1000, 0.128),
    ("bbc-news", 1000, -0.157),
    ("chnsenticorp", 16, -0.258),
    ("chnsenticorp", 32, -0.095),
    ("chnsenticorp", 1000, 0.150),
    ("reviews-zh", 1000, -0.160),
    ("sst2", 16, -0.120),
    ("sst2", 32, -0.176),
    ("sst2", 1000, -0.286),
    ("stsb_zh", 1000, -0.034),
    ("thucnews_titles", 80, -0.089),
    ("thucnews_titles", 160, -0.158),
    ("thucnews_titles", 640, 0.054),
    ("trec6", 48, -0.916),
    ("trec6", 96, -1.299),
    ("trec6", 384, -1.012),
    ("two_topics", 1000, -0.336),
)


def shipped() -> list[float]:
    """The gains that come with weitiao."""
    return [gain for _name, _rows, gain in GAINS]
