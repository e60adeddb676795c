"""The plan: one frozen, validated configuration object of a run, read from and written to YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from weitiao import parts
from weitiao.core import dotted, html
from weitiao.core.fields import Problem, near, problems_of
from weitiao.errors import PlanError
from weitiao.i18n.messages import _, localized
from weitiao.planfile import aliases, read, write
from weitiao.planfile.acceptance import Acceptance, problems_of_acceptance
from weitiao.planfile.sections import (
    AT_MOST_ONE,
    PLACES,
    SINGLE,
    DataPlan,
    EvaluatePlan,
    ModelPlan,
    Parts,
    Reason,
    Section,
    TrainPlan,
    as_parts,
)

__all__ = [
    "DataPlan",
    "EvaluatePlan",
    "ModelPlan",
    "Plan",
    "Reason",
    "Section",
    "TrainPlan",
]


class Plan(Section):
    """Settings of one run."""

    task: Parts = Field(description="task: classification, regression, ...")
    data: DataPlan = Field(description="data: files, column roles, splits")
    model: ModelPlan = Field(description="pre-trained model and what is built on it")
    train: TrainPlan = Field(TrainPlan(), description="training settings")
    evaluate: EvaluatePlan = Field(EvaluatePlan(), description="evaluation settings")
    acceptance: Acceptance = Field({}, description="what the model must reach to be accepted")
    why: dict[str, Reason] = Field({}, description="setting -> reason for its value")
    expect: dict[str, Any] = Field({}, description="expected time and memory on this machine")

    @property
    def task_name(self) -> str:
        return next(iter(self.task))

    def __repr__(self) -> str:
        names = ("epochs", "batch_size", "learning_rate")
        settings = ", ".join(f"{name}={getattr(self.train, name):g}" for name in names)
        return f"Plan({self.task_name}, {self.model.checkpoint}, {settings})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        raw = self.model_dump()
        values = {name: dotted.get(raw, name) for name in self.why}
        rows = [
            [name, value, localized(self.why[name].reason) if value == self.why[name].value else ""]
            for name, value in values.items()
        ]
        return html.table([_("setting"), _("value"), _("reason")], rows, repr(self))

    @classmethod
    def load(cls, path: str | Path, changes: Mapping[str, Any] | None = None) -> Self:
        """Load a plan from YAML, with `changes` by dotted path, e.g. {"train.epochs": 5}.

        Raises PlanError with every problem at once, each with its line.
        """
        written = read.read(path)
        for key, value in (changes or {}).items():
            _set(written.value, key, value)
        return cls._made(written, str(path))

    @classmethod
    def parse(
        cls, raw: Mapping[str, Any], source: str = "", lines: Mapping[str, int] | None = None
    ) -> Self:
        """Validate a plan from plain values. Raises PlanError with every problem at once."""
        return cls._made(read.Written(dict(raw), dict(lines or {})), source)

    @classmethod
    def _made(cls, written: read.Written, source: str) -> Self:
        raw = written.value
        plan, problems = cls._tried(raw)
        # YAML types come before the schema: a label `1`, a revision `1e5` or a column `no` arrives
        # as a number or boolean. Where a string is expected, its spelling in the file is tried.
        words = {p.path: written.word(p.path) for p in problems if p.kind == "string_type"}
        spelled = {path: word for path, word in words.items() if word is not None}
        if spelled:
            plan, problems = cls._tried(_with_words(raw, spelled))
        if plan is None or problems:
            problems.sort(key=lambda one: _line(one.path, written.lines))
            messages = [_located(p.path, p.text, written.lines) for p in problems]
            raise PlanError(written.hints(messages), source)
        return plan

    @classmethod
    def _tried(cls, raw: Mapping[str, Any]) -> tuple[Self | None, list[Problem]]:
        problems = _problems_of_parts(raw)
        try:
            plan = cls.model_validate(raw)
        except ValidationError as error:
            return None, [_renamed(one) for one in problems_of(error, cls)] + problems
        odd = [path for path in plan.why if not plan._has(path)]
        unknown = [Problem("why", "", _("no setting called {name!r}.", name=path)) for path in odd]
        return plan, problems + unknown

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """A new, validated plan: plan.with_({"train.learning_rate": 3e-5})."""
        raw = self.model_dump()
        for path, value in changes.items():
            _set(raw, path, value)
        return type(self).parse(raw)

    def get(self, path: str) -> Any:
        """The value at a dotted path: plan.get("train.epochs")."""
        return dotted.get(self.model_dump(), path)

    def _has(self, path: str) -> bool:
        try:
            self.get(path)
        except KeyError:
            return False
        return True

    def save(self, path: str | Path, schema: str | None = None) -> None:
        """Write the plan as YAML, with the reasons as comments above the values.

        schema: path of its JSON Schema, relative to the plan, for editors.
        """
        comments = {key: self._comment(key) for key in self.why}
        raw = self.model_dump() | {"why": {key: one.stored() for key, one in self.why.items()}}
        write.write(path, raw, comments, schema)

    def _comment(self, path: str) -> str:
        reason = self.why[path]
        if self.get(path) != reason.value:
            return _(
                "set by you (weitiao would take {value}: {reason})",
                value=reason.value,
                reason=reason.reason,
            )
        return reason.reason + (f" [{reason.evidence}]" if reason.evidence else "")

    @classmethod
    def json_schema(cls, language: str | None = None) -> dict[str, Any]:
        """JSON Schema of a plan file, its parts spelled out, in one language or in both."""
        from weitiao.planfile.schema import schema_of

        return schema_of(cls, language)


def _renamed(problem: Problem) -> Problem:
    """Replace an "unknown setting" error by its counterpart: transformers' name, other section."""
    name = problem.path.rpartition(".")[2]
    if problem.kind != "extra_forbidden":
        return problem
    message = aliases.counterpart(name)
    homes = [] if message else _homes(name)
    if homes:
        message = _("no such setting here: it is {home}.", home=homes[0])
    return problem._replace(text=message) if message else problem


def _homes(name: str) -> list[str]:
    """Dotted paths of settings of this name, in all sections."""
    homes = []
    for section, field in Plan.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and name in getattr(inner, "model_fields", {}):
            homes.append(f"{section}.{name}")
    return homes


def _line(path: str, lines: Mapping[str, int]) -> int:
    """Line of a setting in the file, or of its nearest parent; 0 when none stands there."""
    at = path
    while at and at not in lines:
        at = at.rpartition(".")[0]
    return lines[at] if at else 0


def _located(path: str, text: str, lines: Mapping[str, int]) -> str:
    line = _line(path, lines)
    if line:
        return _("line {line}, {path}: {message}", line=line, path=path, message=text)
    return _("{path}: {message}", path=path, message=text) if path else text


def _problems_of_parts(raw: Mapping[str, Any]) -> list[Problem]:
    """Validate the named parts in the raw values, so that all problems are reported at once."""
    # pydantic knows nothing of the parts' own fields, and validators that run after a section do
    # not run where it fails.
    problems = []
    for place, kind in PLACES.items():
        try:
            chosen = as_parts(dotted.get(raw, place))
        except KeyError:
            continue
        if not isinstance(chosen, dict):
            continue
        if (place in SINGLE and len(chosen) != 1) or (place in AT_MOST_ONE and len(chosen) > 1):
            message = _("names {count} parts; exactly one can be used.", count=len(chosen))
            problems.append(Problem(place, "", message))
        for name, settings in chosen.items():
            if not isinstance(settings, dict):
                message = _("its settings must be a mapping, name: value.")
                problems.append(Problem(f"{place}.{name}", "", message))
                continue
            for problem in parts.problems(kind, str(name), settings):
                path = f"{place}.{problem.path}" if problem.path else place
                problems.append(problem._replace(path=path))
    return problems + _problems_of_metrics(raw) + problems_of_acceptance(raw.get("acceptance"))


def _problems_of_metrics(raw: Mapping[str, Any]) -> list[Problem]:
    section = raw.get("evaluate")
    chosen = section.get("metrics") if isinstance(section, dict) else None
    known = parts.names("metrics")
    return [
        Problem(
            "evaluate.metrics",
            "",
            _("no metric called {name!r}.{near}", name=str(name), near=near(str(name), known)),
        )
        for name in (chosen if isinstance(chosen, list) else [])
        if name not in known
    ]


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path; a part named alone (`optimizer: adamw`) becomes a mapping on the way."""
    try:
        dotted.put(raw, path, value, as_parts)
    except KeyError as error:
        message = _(
            "{path}: {parent} holds a single value, nothing can be set below it.",
            path=path,
            parent=error.args[0],
        )
        raise PlanError([message]) from None


def _with_words(raw: Any, words: Mapping[str, str], path: str = "") -> Any:
    """Replace values by their spelling in the file, by dotted path."""
    if path in words:
        return words[path]
    prefix = f"{path}." if path else ""
    if isinstance(raw, Mapping):
        return {k: _with_words(v, words, f"{prefix}{k}") for k, v in raw.items()}
    if isinstance(raw, list):
        return [_with_words(v, words, f"{prefix}{i}") for i, v in enumerate(raw)]
    return raw
