"""Baselines without a network: majority class, mean, TF-IDF with a linear model, lookup of tags."""

from weitiao.evaluation.baselines.base import Baseline, Selection, Texts, task_of
from weitiao.evaluation.baselines.linear import PROBLEMS, Linear, selection_metric
from weitiao.evaluation.baselines.lookup import fit_lookup
from weitiao.evaluation.baselines.saved import load, save
from weitiao.evaluation.baselines.tfidf import TfidfLinear, fit_baselines

__all__ = [
    "PROBLEMS",
    "Baseline",
    "Linear",
    "Selection",
    "Texts",
    "TfidfLinear",
    "fit_baselines",
    "fit_lookup",
    "load",
    "save",
    "selection_metric",
    "task_of",
]
