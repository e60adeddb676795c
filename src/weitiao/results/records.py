"""Records of a run that are read back: its JSON files, and the header of answers.parquet. Each has
a version. (A line of log.jsonl: weitiao.run.)

Keys that a newer version added are kept when an older one rewrites the file; renamed ones are read.
"""

from __future__ import annotations

import math
from typing import Any, Self

from pydantic import Field, model_validator

from weitiao.i18n.messages import _
from weitiao.results.better import BetterBaseline
from weitiao.results.record import Count, Interval, Record, Score, Text, Values
from weitiao.results.unknown import UnknownFigures

# --- seeds.json


class SeedRun(Values):
    """One seed: its run's folder and its scores. replaced: it learned nothing or diverged."""

    seed: int
    folder: str = ""
    validation: float | None = None
    test: float | None = None
    replaced: bool = False


class SeedScores(Values):
    """The primary metric over all seeds; std with n - 1."""

    OLD_NAMES = {"spread": "std"}
    mean: float
    std: float
    lowest: float
    highest: float


class SeedsRecord(Record):
    """What is known of several seeds: empty `validation` while some are missing."""

    NAME = "seeds"
    OLD_NAMES = {"asked": "requested"}
    requested: int = 0  # number of seeds
    seed: int = 0  # the first one; the others count up from it
    final: bool = False  # the sealed test was used
    runs: list[SeedRun] = Field(default_factory=list)
    metric: str = ""
    best: str = ""  # folder of the best seed by validation
    validation: SeedScores | None = None
    test: SeedScores | None = None

    @property
    def missing(self) -> list[int]:
        """The seeds that are still to be trained."""
        first = self.seed + len(self.runs)
        return list(range(first, first + self.requested - len(self.valid)))

    @property
    def valid(self) -> list[SeedRun]:
        """The seeds that count: those that were not replaced."""
        return [one for one in self.runs if not one.replaced]


# --- calibration.json


class Decision(Values):
    """What one decision rule chose on validation rows; each rule sets its own fields."""

    name: str = ""
    met: bool = True  # the target of the rule can be reached
    labels: list[Decision] | None = None  # a rule for each label
    label: str | None = None
    threshold: float | None = None  # confidence from which on the label is given
    precision: float | None = None
    recall: float | None = None
    score: float | None = None  # confidence below which there is no prediction
    coverage: float | None = None
    accuracy: float | None = None
    before: float | None = None  # mean cost of the likeliest predictions
    after: float | None = None
    null_threshold: float | None = None  # margin from which on "no answer" is given
    answered: float | None = None
    f1: float | None = None
    untuned: float | None = None


class Calibration(Record):
    """Temperature and decisions chosen on validation rows; empty where nothing was chosen.

    before and after: calibration error (ECE), NLL and Brier score without and with it.
    judged: the same on the rows of a report; in metrics.json only.
    """

    NAME = "calibration"
    rows: int | None = None
    temperature: float | None = None
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None
    decisions: list[Decision] | None = None
    judged: dict[str, float] | None = None

    def plain(self) -> dict[str, Any]:
        """Plain values; without what was not chosen; of each decision the fields it set."""
        values = self.model_dump(exclude_none=True, exclude={"version", "decisions"})
        if self.decisions is not None:
            values["decisions"] = [one.model_dump(exclude_unset=True) for one in self.decisions]
        return values


# --- findings.json: of texts it holds shared words and digests only


class SliceScore(Values):
    """A part of the rows and its score against all other rows; of numbers the mean error."""

    kind: str
    name: str
    value: Text
    rows: int
    score: float
    low: float
    high: float
    rest: float
    p: float
    corrected: float
    weak: bool


class ErrorGroup(Values):
    """Positions of wrong predictions whose texts share `terms`."""

    rows: list[int]
    terms: list[str]


class NearestRow(Values):
    """The training row nearest to an evaluated one; digest: of its text."""

    row: int
    alike: float
    id: Any
    label: Any
    position: int
    digest: str


class FlippedRow(Values):
    """A prediction that a check changed. role: of the text that was rewritten."""

    row: int
    role: str
    before: Any
    after: Any


class CheckResult(Values):
    """Predictions that flipped when the texts were changed."""

    name: str
    expected: str
    rows: int
    flipped: int
    worse: int
    low: float
    high: float
    examples: list[FlippedRow] = Field(default_factory=list)
    missing: Text = ""


class WordScore(Values):
    """A word's attribution by leave-one-out and by gradient; NaN where there is none."""

    role: str
    start: int
    end: int
    text: str = ""
    gradient: float
    without: float


class ExplainedError(Values):
    """A wrong prediction attributed to its words; digest: of the texts."""

    row: int
    asked: str
    score: float
    words: list[WordScore]
    digest: str


class Findings(Record):
    """Error analysis of evaluated rows: weak slices, error groups, checks, explanations."""

    NAME = "findings"
    rows: int = 0
    number: bool = False  # the target is a number
    looked: int = 0  # slices that were tested
    slices: list[SliceScore] = Field(default_factory=list)
    groups: list[ErrorGroup] | None = None  # None for numbers
    near: list[NearestRow] | None = None  # None without training rows
    checks: list[CheckResult] = Field(default_factory=list)
    explained: list[ExplainedError] = Field(default_factory=list)
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.rows > 0

    def plain(self) -> dict[str, Any]:
        """Plain values; empty when nothing was analysed."""
        return self.model_dump(exclude_none=True, exclude={"version"}) if self else {}


# --- metrics.json


class CriterionResult(Values):
    """An acceptance criterion of the plan, and whether it is reached."""

    name: str
    label: str = ""
    wanted: str  # "at_least" or "at_most"
    limit: float
    lower_bound: bool = False  # the whole interval has to reach the limit
    value: Score = None
    low: Score = None
    high: Score = None
    passed: bool


class LevelScore(Values):
    """Accuracy at one level of hierarchical labels."""

    level: int
    nodes: int
    accuracy: Score
    low: Score = None
    high: Score = None


class BaselineDetail(Values):
    """How a baseline was chosen. features: in words."""

    features: Text = ""


class Seconds(Values):
    """Wall-clock time."""

    total: float | None = None
    train: float | None = None


class MetricsRecord(Record):
    """The evaluation of a run; false before there is one."""

    NAME = "metrics"
    state: str = ""
    primary: str = ""
    metrics: dict[str, Score] = Field(default_factory=dict)
    intervals: dict[str, Interval | None] = Field(default_factory=dict)
    baselines: dict[str, dict[str, Score]] = Field(default_factory=dict)
    details: dict[str, BaselineDetail] = Field(default_factory=dict)
    left_out: list[Text] = Field(default_factory=list)
    against: str | None = None  # the best baseline
    differences: dict[str, tuple[Score, Score, Score] | None] = Field(default_factory=dict)
    split: str = ""
    rows: int = 0
    openings: int | None = None  # of the sealed test set
    seconds: Seconds = Field(default_factory=Seconds)
    peak_memory_mb: int | float | None = None
    calibration: Calibration | None = None
    acceptance: list[CriterionResult] = Field(default_factory=list)
    unknown: UnknownFigures | None = None
    levels: list[LevelScore] = Field(default_factory=list)
    absent: list[str] = Field(default_factory=list)  # labels of which no evaluated row is
    epochs: float | None = None  # of training; best_step 0: the output layer alone was fitted
    best_step: int | None = None
    better: str = ""  # "baseline" or "unclear" where the saved baseline is ahead on validation
    better_baseline: BetterBaseline | None = None

    def __bool__(self) -> bool:
        return bool(self.model_fields_set - {"version"})

    def difference(self, metric: str) -> tuple[float, float, float]:
        """Model minus best baseline, with the ends of its interval; NaN where unknown."""
        values = self.differences.get(metric) or (None, None, None)
        gap, low, high = (math.nan if value is None else value for value in values)
        return gap, low, high

    def baseline_score(self) -> Score:
        """The primary metric of the best baseline."""
        return self.baselines.get(self.against or "", {}).get(self.primary)


# --- environment.json


class PartOrigin(Values):
    """The package that a part of the plan comes from."""

    distribution: str | None = None
    version: str | None = None


class EnvironmentRecord(Record):
    """Versions and hardware of a run, and what was done to its rows."""

    NAME = "environment"
    processor: str | None = None
    cores: Any = None
    threads: int | None = None
    instructions: Any = None
    precision: str | None = None
    device: str | None = None
    system: str | None = None
    python: str | None = None
    data: str | None = None  # fingerprint of the rows' files and of their split
    rows: dict[str, str] = Field(default_factory=dict)  # train, validation, test -> content hash
    packages: dict[str, str | None] = Field(default_factory=dict)
    foreign_parts: dict[str, PartOrigin] = Field(default_factory=dict)
    history: list[Text] = Field(default_factory=list)


# --- figures.json: counts of the rows, no texts


class LengthHistogram(Values):
    """Tokens per text of sampled training rows; the last bar holds everything from its edge on."""

    step: int
    counts: list[int]
    cut: int
    share_cut: float
    median: float
    longest: int
    windowed: bool = False


class RowStatistics(Record):
    """Rows, targets, lengths and languages of each split when the run was evaluated."""

    NAME = "figures"
    rows: dict[str, int] = Field(default_factory=dict)
    unlabelled: int = 0
    # Of labels: the rows of each in train, validation and test.
    labels: dict[str, list[Count]] | None = None
    label_count: int | None = None
    # Of numbers: a histogram in each split.
    edges: list[float] | None = None
    counts: dict[str, list[int]] | None = None
    mean: float | None = None
    lowest: float | None = None
    highest: float | None = None
    lengths: LengthHistogram | None = None
    languages: dict[str, float] = Field(default_factory=dict)
    sampled: int = 0

    @model_validator(mode="after")
    def _as_many_counts_as_splits(self) -> Self:
        splits = len(self.rows.keys() - {"sealed"})
        if any(len(counts) < splits for counts in (self.labels or {}).values()):
            raise ValueError(_("a label without a count for each part of the rows"))
        return self

    def __bool__(self) -> bool:
        return bool(self.rows)

    def plain(self) -> dict[str, Any]:
        """Plain values; of labels nothing about numbers, and the other way round."""
        return self.model_dump(exclude_none=True, exclude={"version"})


# --- answers.parquet


class AnswersHeader(Values):
    """Metadata of answers.parquet: what its columns mean, and which rows they are about."""

    format: int = 1
    kind: str  # of the answer class
    labels: tuple[str, ...] = ()
    separator: str = ""  # between levels of hierarchical labels; older files have none
    split: str
    texts: str  # fingerprint of the evaluated texts
    folder: Text = ""  # what a relative path in the plan is relative to
    baselines: list[str] = Field(default_factory=list)
