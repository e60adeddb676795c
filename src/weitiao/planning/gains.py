"""Gains of fine-tuning over a linear model on the frozen encoder: the prior of predicted scores.

From `benchmarks/gains.py`, which reads stored results: mean of the runs of a set with as many
updates.
"""

from __future__ import annotations

from weitiao.planning.quality import Gain

# Set, updates, logarithm of (error fine-tuned / error linear); -0.7 halves the errors.
GAINS = (
    ("banking77", 18, -0.568),
    ("banking77", 40, -0.334),
    ("banking77", 44, -0.514),
    ("banking77", 50, -0.258),
    ("banking77", 60, -0.244),
    ("banking77", 150, 0.128),
    ("bbc-news", 150, -0.157),
    ("bbc_news", 9, 0.278),
    ("bbc_news", 14, 0.024),
    ("bbc_news", 22, 0.638),
    ("bbc_news", 28, 0.115),
    ("chnsenticorp", 9, 0.198),
    ("chnsenticorp", 11, 0.461),
    ("chnsenticorp", 16, 0.325),
    ("chnsenticorp", 18, 0.280),
    ("chnsenticorp", 60, -0.037),
    ("chnsenticorp", 150, -0.013),
    ("lcqmc", 11, 0.153),
    ("lcqmc", 14, 0.413),
    ("lcqmc", 16, 0.206),
    ("lcqmc", 18, 0.610),
    ("mrpc", 14, 0.083),
    ("mrpc", 16, 0.082),
    ("mrpc", 18, 0.085),
    ("mrpc", 22, 0.093),
    ("mrpc", 32, 0.060),
    ("mrpc", 66, 0.181),
    ("mrpc", 80, 0.092),
    ("reviews-zh", 150, -0.160),
    ("sms_spam", 11, 1.077),
    ("sms_spam", 14, -0.181),
    ("sms_spam", 22, -0.536),
    ("sms_spam", 35, 0.165),
    ("sms_spam", 44, -1.939),
    ("sms_spam", 48, 0.112),
    ("sms_spam", 60, -1.184),
    ("sms_spam", 80, -0.698),
    ("sst2", 16, -0.279),
    ("sst2", 18, -0.002),
    ("sst2", 20, -0.036),
    ("sst2", 27, -0.211),
    ("sst2", 32, 0.246),
    ("sst2", 36, -0.200),
    ("sst2", 50, -0.162),
    ("sst2", 70, -0.279),
    ("sst2", 120, -0.230),
    ("sst2", 150, -0.206),
    ("stsb_zh", 150, -0.034),
    ("thucnews_titles", 14, 0.103),
    ("thucnews_titles", 18, -0.008),
    ("thucnews_titles", 22, 0.038),
    ("thucnews_titles", 28, 0.059),
    ("thucnews_titles", 32, 0.224),
    ("thucnews_titles", 36, 0.006),
    ("thucnews_titles", 40, 0.001),
    ("thucnews_titles", 150, -0.088),
    ("trec6", 14, -0.043),
    ("trec6", 18, -0.401),
    ("trec6", 22, -0.894),
    ("trec6", 27, -1.215),
    ("trec6", 42, -0.995),
    ("trec6", 44, -1.082),
    ("trec6", 60, -0.498),
    ("trec6", 64, -0.574),
    ("trec6", 80, -1.447),
    ("trec6", 90, -0.855),
    ("trec6", 150, -1.060),
    ("two_topics", 150, -0.336),
)


def shipped() -> list[Gain]:
    """The gains that come with weitiao."""
    return [Gain(name, updates, value) for name, updates, value in GAINS]
