"""Records of a run that are written as JSON and read back: seeds.json, findings.json,
calibration.json.

Each has a version. Keys that a newer version added are kept when an older one rewrites the file;
keys that were renamed are read under their old name.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weitiao.run import Run


class _Values(BaseModel):
    """Typed values of a JSON object; `record["key"]` works as for the object itself."""

    model_config = ConfigDict(extra="allow")
    OLD_NAMES: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {cls.OLD_NAMES.get(key, key): value for key, value in values.items()}

    def __getitem__(self, key: str) -> Any:
        values = self.__dict__ | (self.model_extra or {})
        return values[self.OLD_NAMES.get(key, key)]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, as `dict.get`."""
        values = self.__dict__ | (self.model_extra or {})
        return values.get(self.OLD_NAMES.get(key, key), default)

    def plain(self) -> dict[str, Any]:
        """Plain values, as they stand in the file."""
        return self.model_dump(exclude={"version"})


class Record(_Values):
    """A JSON file in a run's folder. NAME: of the file, without its ending."""

    NAME: ClassVar[str]
    version: int = 1

    def __bool__(self) -> bool:
        return bool(self.plain())

    @classmethod
    def read(cls, run: Run) -> Self:
        """The record of a run; an empty one where it has none."""
        return cls.model_validate(run.read(cls.NAME))

    def write(self, run: Run) -> None:
        """Write NAME.json whole or not at all."""
        values = self.plain()
        run.write(self.NAME, {"version": self.version, **values} if values else {})


# --- seeds.json


class SeedRun(_Values):
    """One seed: its run's folder and its scores. replaced: it learned nothing or diverged."""

    seed: int
    folder: str = ""
    validation: float | None = None
    test: float | None = None
    replaced: bool = False


class SeedScores(_Values):
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
    def valid(self) -> list[SeedRun]:
        """The seeds that count: those that were not replaced."""
        return [one for one in self.runs if not one.replaced]


# --- calibration.json


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
    decisions: list[dict[str, Any]] | None = None
    judged: dict[str, float] | None = None

    def plain(self) -> dict[str, Any]:
        """Plain values; what was not chosen is left out."""
        return self.model_dump(exclude_none=True, exclude={"version"})


# --- findings.json: of texts it holds shared words and digests only


class SliceScore(_Values):
    """A part of the rows and its score against all other rows; of numbers the mean error."""

    kind: str
    name: str
    value: str
    rows: int
    score: float
    low: float
    high: float
    rest: float
    p: float
    corrected: float
    weak: bool


class ErrorGroup(_Values):
    """Positions of wrong predictions whose texts share `terms`."""

    rows: list[int]
    terms: list[str]


class NearestRow(_Values):
    """The training row nearest to an evaluated one; digest: of its text."""

    row: int
    alike: float
    id: Any
    label: Any
    position: int
    digest: str


class CheckResult(_Values):
    """Predictions that flipped when the texts were changed."""

    name: str
    expected: str
    rows: int
    flipped: int
    worse: int
    low: float
    high: float
    examples: list[dict[str, Any]] = Field(default_factory=list)
    missing: str = ""


class WordScore(_Values):
    """A word's attribution by leave-one-out and by gradient; NaN where there is none."""

    role: str
    start: int
    end: int
    text: str = ""
    gradient: float
    without: float


class ExplainedError(_Values):
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
