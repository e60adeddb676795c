"""The plan: one frozen, validated configuration object of a run, read from and written to YAML."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, ValidationError

from weitiao import parts
from weitiao.core import dotted, html
from weitiao.core.fields import Problem, near, problems_of
from weitiao.errors import PlanError
from weitiao.i18n.messages import _, localized
from weitiao.planfile import aliases, read, short, write
from weitiao.planfile.acceptance import Acceptance, problems_of_acceptance
from weitiao.planfile.search_space import TunePlan
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

    unwritten: ClassVar[frozenset[str]] = frozenset({"tune"})
    task: Parts = Field(description="task: classification, regression, ...")
    data: DataPlan = Field(description="data: files, column roles, splits")
    model: ModelPlan = Field(description="pre-trained model and what is built on it")
    train: TrainPlan = Field(TrainPlan(), description="training settings")
    evaluate: EvaluatePlan = Field(EvaluatePlan(), description="evaluation settings")
    acceptance: Acceptance = Field({}, description="what the model must reach to be accepted")
    tune: TunePlan = Field(TunePlan(), description="hyperparameter search: its space and limits")
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
        short.with_reasons(written)
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
        plan, problems = cls._read(written, written.value)
        if plan is None or problems:
            problems.sort(key=lambda one: _line(one.path, written.lines))
            messages = [_located(p.path, p.text, written.lines) for p in problems]
            raise PlanError(written.hints(messages), source)
        return plan

    @classmethod
    def _read(
        cls, written: read.Written, raw: Mapping[str, Any]
    ) -> tuple[Self | None, list[Problem]]:
        plan, problems = cls._tried(raw)
        # YAML types come before the schema: a label `1`, a revision `1e5` or a column `no` arrives
        # as a number or boolean. Where a string is expected, its spelling in the file is tried.
        words = {p.path: written.word(p.path) for p in problems if p.kind == "string_type"}
        spelled = {path: word for path, word in words.items() if word is not None}
        return cls._tried(_with_words(raw, spelled)) if spelled else (plan, problems)

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

    @classmethod
    def draft(cls, path: str | Path, changes: Mapping[str, Any] | None = None) -> Draft:
        """What can be read of a plan with mistakes: its problems, and a plan of all the rest.

        Raises PlanError where nothing can be read.
        """
        written, refused = read.read(path, strict=False), list[str]()
        short.with_reasons(written)
        for key, value in (changes or {}).items():
            try:
                _set(written.value, key, value)
            except PlanError as error:
                refused += error.problems
        raw, problems, wrong = written.value, list[Problem](), list[str]()
        for _round in range(MAX_ROUNDS):
            plan, found = cls._read(written, raw)
            fresh = [one for one in found if one.path not in wrong]
            problems += fresh
            wrong += [one.path for one in fresh]
            if not found:
                break
            raw = _with_required(_without(raw, [one.path for one in found]))
        messages = [
            (_line(one.path, written.lines), _located(one.path, one.text, written.lines))
            for one in problems
        ]
        hints = written.hints([]) if messages or written.problems else []
        first = [(0, one) for one in [*hints, *refused]]
        return Draft(plan, [*first, *written.problems, *messages], wrong, written.lines)

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """A new, validated plan: plan.with_({"train.learning_rate": 3e-5})."""
        raw = self.model_dump()
        for path, value in changes.items():
            _set(raw, path, value)
        return type(self).parse(raw)

    def get(self, path: str) -> Any:
        """The value at a dotted path: plan.get("train.epochs")."""
        return dotted.get(self.model_dump(), path)

    def with_texts(self, texts: Iterable[str]) -> Self:
        """The plan with its reasons as these messages, where one has the same text: a file holds
        the text alone, in one language."""
        known = {str(text): text for text in texts}
        why = {
            path: reason.model_copy(
                update={
                    "reason": known.get(reason.reason, reason.reason),
                    "evidence": known.get(reason.evidence, reason.evidence),
                }
            )
            for path, reason in self.why.items()
        }
        return self.model_copy(update={"why": why})

    def _has(self, path: str) -> bool:
        try:
            self.get(path)
        except KeyError:
            return False
        return True

    def save(self, path: str | Path, schema: str | None = None, *, full: bool = False) -> None:
        """Write the plan as YAML: what has a reason or is not the default, each reason beside its
        value; or in `full` every setting, and the reasons with what translates them.

        schema: path of its JSON Schema, relative to the plan, for editors.
        """
        write.write(path, self._full_text() if full else self._short_text(), schema)

    def _short_text(self) -> str:
        """YAML of the short form; of the full one where the short one is not read as the same."""
        note = _("Settings that are not here have their defaults (weitiao plan --full writes all).")
        raw, comments = short.short_form(self)
        try:
            text = f"# {note}\n{write.with_comments(write.dump(raw, short=True), comments)}"
            again = type(self)._made(_read(text), "")
        except PlanError:
            return self._full_text()
        return text if again == self else self._full_text()

    def _full_text(self) -> str:
        why = {key: one.stored() for key, one in self.why.items()}
        return write.dump(self.model_dump() | {"why": why})

    @classmethod
    def json_schema(cls, language: str | None = None) -> dict[str, Any]:
        """JSON Schema of a plan file, its parts spelled out, in one language or in both."""
        from weitiao.planfile.schema import schema_of

        return schema_of(cls, language)


def _read(text: str) -> read.Written:
    written = read.written_in(text, "")
    short.with_reasons(written)
    return written


MAX_ROUNDS = 4  # a plan is tried again without what was wrong: parts first, then what is below
# What a plan must say, where its draft does not.
REQUIRED: dict[str, Any] = {
    "task": "classification",
    "data.path": "",
    "data.roles": {},
    "model.checkpoint": "",
}


@dataclass(frozen=True)
class Draft:
    """What could be read of a plan.

    problems: (line or 0, message); wrong: dotted paths of values that were no good.
    """

    plan: Plan | None
    problems: list[tuple[int, str]]
    wrong: list[str] = field(default_factory=list)
    lines: Mapping[str, int] = field(default_factory=dict)

    def is_wrong(self, path: str) -> bool:
        """Whether a setting, what it is part of, or anything in it, was wrong."""
        return any(
            one == path or one.startswith(f"{path}.") or path.startswith(f"{one}.")
            for one in self.wrong
        )

    def with_more(self, problems: Iterable[str]) -> list[str]:
        """All problems by line: its own, and others of the form `path: message`."""
        located = list(self.problems)
        for problem in problems:
            line = _line(setting_of(problem), self.lines)
            text = _("line {line}, {problem}", line=line, problem=problem) if line else problem
            located.append((line, text))
        return [text for _at, text in sorted(located, key=lambda one: one[0])]


def setting_of(problem: str) -> str:
    """The dotted path that a problem begins with; empty when it names none.

    >>> setting_of("data.roles: nli needs the role 'premise'."), setting_of("no plan")
    ('data.roles', '')
    """
    named = re.match(r"[a-z_]+(\.\w+)*(?=[:：])|[a-z_]+(\.\w+)+(?= )", problem, re.ASCII)
    return named[0] if named else ""


def _without(raw: Any, paths: Sequence[str]) -> dict[str, Any]:
    """The raw values without those at these dotted paths, or the nearest that stands there."""
    raw = copy.deepcopy(dict(raw))
    for path in paths:
        if path in {*REQUIRED, "data", "model"} and not _stands(raw, path):
            continue  # it will be filled in
        holder, name, node = raw, path.partition(".")[0], raw
        for key in path.split("."):
            if not isinstance(node, dict) or key not in node:
                break
            holder, name, node = node, key, node[key]
        holder.pop(name, None)
    return raw


def _stands(raw: Mapping[str, Any], path: str) -> bool:
    try:
        dotted.get(raw, path)
    except KeyError:
        return False
    return True


def _with_required(raw: dict[str, Any]) -> dict[str, Any]:
    for path, value in REQUIRED.items():
        if not _stands(raw, path):
            with suppress(KeyError):  # its section is no mapping, which is told first
                dotted.put(raw, path, copy.deepcopy(value))
    return raw


def _renamed(problem: Problem) -> Problem:
    """Replace an "unknown setting" error by its counterpart: transformers' name, other section."""
    name = problem.path.rpartition(".")[2]
    if problem.kind != "extra_forbidden":
        return problem
    message = aliases.counterpart(name)
    elsewhere = [] if message else homes(name)
    if elsewhere:
        message = _("no such setting here: it is {home}.", home=elsewhere[0])
    return problem._replace(text=message) if message else problem


def homes(name: str) -> list[str]:
    """Dotted paths of settings of this name, in all sections.

    >>> homes("epochs")
    ['train.epochs']
    """
    return [f"{section}.{name}" for section, fields in _settings().items() if name in fields]


def likely_home(name: str) -> str:
    """Dotted path of the setting whose name is most like this one; empty when none is.

    >>> likely_home("epoch"), likely_home("nothing")
    ('train.epochs', '')
    """
    names = {field for fields in _settings().values() for field in fields}
    close = get_close_matches(name, sorted(names), n=1, cutoff=0.8)
    return homes(close[0])[0] if close else ""


def _settings() -> dict[str, list[str]]:
    """Section -> names of its settings."""
    return {
        section: list(getattr(field.annotation, "model_fields", {}))
        for section, field in Plan.model_fields.items()
    }


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
