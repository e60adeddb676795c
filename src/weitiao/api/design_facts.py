"""Measure the facts of a design document: files, findings, checkpoint, packages, a worked row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.api.inputs import source_of
from weitiao.api.look import look
from weitiao.api.worked_row import worked_row
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.known_models import known_models
from weitiao.checkpoints.resolve import WEIGHTS, resolve
from weitiao.core import fingerprint
from weitiao.data.files.open import open_source
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data, load
from weitiao.data.prepare.profile import Profile
from weitiao.data.quality.personal_data import hidden
from weitiao.errors import WeitiaoError
from weitiao.hardware.machine import describe
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.reporting.design.facts import (
    Candidate,
    CheckpointFacts,
    Derived,
    Facts,
    FileFact,
    FindingFact,
    LookFacts,
    PackageFact,
    WorkedRow,
)
from weitiao.training.loop import planned_updates
from weitiao.training.schedules.base import Schedule
from weitiao.version import __version__

MOST_LABELS = 30  # in the document; the page of `look` has all
MOST_FILES = 50
HOUR = 3600  # seconds
# Packages that a training always uses; adapters and other formats bring theirs.
PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "safetensors", "numpy", "pyarrow")
OPTIONAL = {"model.adapter": "peft", "model.quantization": "bitsandbytes"}

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Wanted:
    """What is measured. rows, targets: from Python, in place of the plan's files; strict: raise
    where the rows cannot be read, else the document says so."""

    plan: Plan
    rows: Any = None
    targets: Any = None
    label_seconds: float | None = None
    strict: bool = True


def measured(wanted: Wanted, watch: Watch = lambda what, done, total: None) -> Facts:
    """Measure everything that the document shows beside the plan. Opens no test set."""
    plan, missing = wanted.plan, list[str]()
    facts = Facts(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        weitiao=__version__,
        files=list(_files(plan)),
        checkpoint=CheckpointFacts(name=plan.model.checkpoint),
        candidates=_candidates(),
        packages=_packages(plan),
        machine=_machine(),
        label_seconds=wanted.label_seconds,
    )
    try:
        facts.look = _look(wanted, watch)
        source = _source(wanted)
        data = load(plan.data, plan.task_name, source)
    except WeitiaoError as error:
        if wanted.strict:
            raise
        missing.append(str(error))
        return facts.model_copy(update={"missing": missing})
    facts.split = _split(data)
    facts.history = [str(line) for line in data.history]
    try:
        facts.checkpoint, facts.row = _network(plan, data)
    except WeitiaoError as error:
        missing.append(str(error))
    facts.derived = derived(plan, facts)
    facts.missing = missing
    return facts


def derived(plan: Plan, facts: Facts) -> Derived:
    """The numbers that follow from plan and rows, as the training computes them."""
    rows = facts.split["train"]
    steps = planned_updates(plan.train, rows)
    warmup = plan.train.warmup_ratio
    name, settings = next(iter(plan.train.schedule.items()))
    schedule: Schedule = parts.build("schedules", name, settings)

    def rate(step: int) -> float:
        """Of the loop: an update has the rate of its middle."""
        progress = (step - 0.5) / steps
        if progress < warmup:
            factor = progress / warmup
        else:
            factor = schedule.factor((progress - warmup) / (1 - warmup))
        return plan.train.learning_rate * factor

    warm = math.floor(warmup * steps)
    shown = sorted({1, max(1, warm), max(1, round(steps / 2)), steps})
    first = rate(1)
    labelled = facts.look.rows - facts.look.unlabelled if facts.look else rows
    hours = facts.label_seconds and facts.label_seconds * labelled / HOUR
    return Derived(
        train_rows=rows,
        steps=steps,
        warmup_steps=warm,
        rates={str(step): rate(step) for step in shown},
        first_rate=first,
        stepped=_stepped(plan, facts.row, first),
        chance_loss=_chance(facts.row),
        labelled=labelled,
        label_hours=hours,
    )


def _stepped(plan: Plan, row: WorkedRow | None, rate: float) -> float | None:
    """A weight after the first step of AdamW on this row alone: the moments start at 0, so that
    after their correction m = g and v = g^2."""
    name, settings = next(iter(plan.train.optimizer.items()))
    if row is None or row.weights is None or name != "adamw":
        return None
    one, eps = row.weights, parts.build("optimizers", name, settings).eps
    step = one.gradient / (abs(one.gradient) + eps)
    return one.value - rate * (step + one.decay * one.value)


def _chance(row: WorkedRow | None) -> float | None:
    """The cross-entropy of equal probabilities."""
    return math.log(row.count) if row and row.kind == "cross_entropy" and row.count else None


# --- files, machine, packages


def _files(plan: Plan) -> Iterator[FileFact]:
    named = {
        "data": plan.data.path,
        "validation": plan.data.validation_path,
        "test": plan.data.test_path,
    }
    for role, paths in named.items():
        listed = [paths] if isinstance(paths, str) else list(paths or [])
        for path in listed[:MOST_FILES]:
            file = Path(path).expanduser()
            if file.is_file():  # hashed as bytes: a test file stays unread
                size, digest = file.stat().st_size, fingerprint.sha256_of(file)
                yield FileFact(role=role, path=str(path), bytes=size, sha256=digest)


def _machine() -> dict[str, Any]:
    known = describe()
    names = ("processor", "cores", "threads", "device", "system", "python")
    return {name: known[name] for name in names}


def _packages(plan: Plan) -> list[PackageFact]:
    names = [*PACKAGES]
    if plan.model.adapter:
        names.append(OPTIONAL["model.adapter"])
    if plan.model.quantization != "none":
        names.append(OPTIONAL["model.quantization"])
    return [fact for name in names if (fact := _package(name))]


@cache
def _package(name: str) -> PackageFact | None:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    return PackageFact(name=name, version=str(about["Version"]), licence=_licence(about))


def _licence(about: Any) -> str:
    """What the package's metadata say of its licence, in a word; empty where they do not."""
    named = about.get("License-Expression") or about.get("License") or ""
    first = str(named).strip().splitlines()[0] if str(named).strip() else ""
    if 0 < len(first) <= 60:
        return first
    listed = [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    return listed[0].rpartition(" :: ")[2] if listed else ""


def _candidates() -> list[Candidate]:
    return [
        Candidate(
            name=one.name,
            licence=one.licence,
            languages=list(one.languages[:6]),
            layers=one.layers,
            parameters=one.parameters,
            max_length=one.max_length,
            sha256=one.sha256,
            note=one.note,
        )
        for one in CATALOGUE.values()
    ]


# --- rows


def _source(wanted: Wanted) -> Source:
    """The rows of the plan."""
    data = wanted.plan.data
    made = None if wanted.rows is None else source_of(wanted.rows, wanted.targets)[1]
    return made or open_source(data.path, data.reader, data.skip_bad)


def _look(wanted: Wanted, watch: Watch) -> LookFacts:
    """What `look` finds, in rows as the plan reads them."""
    plan = wanted.plan
    changes = {
        f"data.{name}": value
        for name, value in plan.data.model_dump().items()
        if name not in ("path", "roles", "test_path", "validation_path")
    }
    known = look(
        plan.data.path if wanted.rows is None else wanted.rows,
        wanted.targets,
        roles=plan.data.roles,
        task=plan.task_name,
        test=plan.data.test_path,
        skip_bad=plan.data.skip_bad,
        model=plan.model.checkpoint if not plan.model.checkpoint.startswith("new:") else None,
        changes=changes,
        watch=watch,
    )
    return look_facts(known)


def look_facts(known: Profile) -> LookFacts:
    """The part of a profile that the document shows; of texts it holds none."""
    labels = Counter[str]()
    for name, count in list(known.labels.items())[:MOST_LABELS]:
        labels[hidden(name)] += count
    tokens = {key: value for key, value in known.tokens.items() if key not in ("histogram", "step")}
    return LookFacts(
        rows=known.rows,
        unlabelled=known.unlabelled,
        empty_texts=known.empty_texts,
        bad=known.bad,
        duplicates=known.duplicates,
        conflicts=known.conflicts,
        leaks=known.leaks,
        columns=list(known.columns),
        label_count=len(known.labels),
        labels=dict(labels),
        imbalance=known.imbalance,
        numbers=dict(known.numbers),
        characters={role: dict(values) for role, values in known.lengths.items()},
        languages=dict(known.languages),
        tokens=tokens,
        findings=[
            FindingFact(
                kind=one.kind,
                severity=one.severity,
                rows=len(one.rows),
                sentence=one.sentence,
                remedy=one.remedy,
            )
            for one in known.findings
        ],
    )


def _split(data: Data) -> dict[str, int]:
    test = 0 if data.sealed_test is None else len(data.sealed_test)
    return {"train": len(data.train), "validation": len(data.validation), "test": test}


# --- network


def _network(plan: Plan, data: Data) -> tuple[CheckpointFacts, WorkedRow]:
    """The network of the plan, started as for training but in fp32 and unpacked: what it is, and
    the worked row."""
    plain = plan.with_({"train.layout": "padded", "train.precision": "fp32"})
    model = Model.start(plain, data.train, data.validation)
    config = model.net.native.config
    sizes = [(p.numel(), p.requires_grad) for p in model.net.parameters()]
    file, digest = _hash(plan)
    facts = CheckpointFacts(
        name=plan.model.checkpoint,
        kind=resolve(plan.model.checkpoint, plan.model.revision).kind,
        family=str(config.model_type),
        parameters=sum(size for size, _learns in sizes),
        trainable=sum(size for size, learns in sizes if learns),
        layers=_of(config, "num_hidden_layers", "n_layers", "encoder_layers"),
        hidden_size=_of(config, "hidden_size", "dim", "d_model"),
        max_length=int(model.tokenizer.model_max_length),
        vocabulary=len(model.tokenizer),
        head=next(iter(model.head)),
        outputs=0 if model.task.writes else model.task.outputs,
        licence=_licence_of(plan),
        sha256=digest,
        hashed=file,
    )
    return facts, worked_row(model, data.train)


def _of(config: Any, *names: str) -> int:
    """The first of these fields; families call them differently."""
    return next((int(value) for name in names if (value := getattr(config, name, None))), 0)


def _hash(plan: Plan) -> tuple[str, str]:
    """The file of weights that can be hashed here, and its sha256."""
    if entry := CATALOGUE.get(plan.model.checkpoint):
        return entry.file, entry.sha256
    source = resolve(plan.model.checkpoint, plan.model.revision)
    if source.sha256:
        return plan.model.checkpoint, source.sha256
    folder = Path(source.path_or_name)
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    return (file.name, fingerprint.sha256_of(file)) if file else ("", "")


def _licence_of(plan: Plan) -> str:
    """The licence that the catalogue or the model card names; empty where neither does."""
    if entry := CATALOGUE.get(plan.model.checkpoint):
        return entry.licence
    for one in known_models():
        if plan.model.checkpoint in (one.name, one.hub) and "licence" not in one.unverified:
            return one.licence
    card = Path(plan.model.checkpoint).expanduser() / "README.md"
    if not card.is_file():
        return ""
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines()[:100]
    named = [
        one.partition(":")[2] for one in lines if one.lower().startswith(("license:", "licence:"))
    ]
    return named[0].strip().strip("\"'")[:60] if named else ""
