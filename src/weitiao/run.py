"""A run directory: plan, training log (JSON lines), checkpoint, best model, status and metrics."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from weitiao.core import atomic
from weitiao.core.fields import problems_of
from weitiao.errors import RunError, placed
from weitiao.i18n.messages import _, table_of, with_messages
from weitiao.i18n.system import said
from weitiao.planfile.plan import Plan

# Of status.json, environment.json and metrics.json. Version 1 had no version field; 2 has it, and
# beside the texts their templates and values (key "messages").
VERSION = 2


class Record(BaseModel):
    """Schema of a JSON file of a run: the fields whose types the program relies on.

    Every field may be missing, as in files of older versions; unknown fields are preserved.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    version: int = 1
    messages: dict[str, Any] = {}  # text -> template and values


# Stages between training and the end of a run, as status.json names them.
TRAINED, JUDGED = "trained", "judged"


class Trained(BaseModel):
    """How training ended, and what the numbers of the evaluation depend on."""

    ended: str  # finished, early
    score: float | None = None  # of the best step; higher is better
    threads: int
    precision: str
    kernels: str | None = None
    best_step: int | None = None  # 0: the output layer alone was fitted


class Status(Record):
    """status.json: state and progress of a run. It is written about once a second.

    The file's state is also `trained` or `judged`: read, that is the stage, and the state is
    running or interrupted.
    """

    state: str = "new"  # new, running, finished, early, failed, interrupted
    stage: str | None = None
    trained: Trained | None = None
    step: int | None = None
    total: int | None = None
    metric: str | None = None
    value: float | None = None  # of the metric, at the best step so far
    seconds_left: float | None = None
    pid: int | None = None
    started: float | None = None  # seconds since 1970
    seconds: float | None = None


class Environment(Record):
    """environment.json: versions, hardware and checkpoint of a run, and the history of its rows."""

    threads: int | None = None
    device: str | None = None
    packages: dict[str, str | None] = {}
    data: str | None = None  # fingerprint of the rows
    history: list[str] = []
    checkpoint: dict[str, str | None] = {}
    precision: str | None = None
    final: bool = False  # the run ends with an evaluation on the sealed test


class Metrics(Record):
    """metrics.json: the evaluation of a finished run. Metrics may be null or NaN."""

    state: str | None = None
    task: str | None = None
    primary: str | None = None
    metrics: dict[str, float | None] = {}
    baselines: dict[str, dict[str, Any]] = {}
    split: str | None = None
    rows: int | None = None
    details: dict[str, Any] = {}
    left_out: list[str] = []


class Replay(Record):
    """replay.json: decisions of a killed run that the resumed one repeats, by step."""

    until: int = 0
    totals: dict[int, int] = {}
    tokens: dict[int, int] = {}
    linear_rows: int | None = None


MAX_NUMBER = 2**53  # of steps, rows, ...: more is no count, and no float holds it exactly


class LogLine(BaseModel):
    """A line of log.jsonl: one optimizer step, one validation, or an event."""

    model_config = ConfigDict(extra="allow", frozen=True)

    step: int = Field(0, ge=0, le=MAX_NUMBER)
    epoch: float | None = None
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    validation: dict[str, float | None] | None = None
    best: bool = False
    event: str | None = None
    total: int | None = Field(None, ge=0, le=MAX_NUMBER)  # steps planned
    tokens: int | None = Field(None, ge=0, le=MAX_NUMBER)  # per forward pass
    rows: int | None = Field(None, ge=0, le=MAX_NUMBER)  # that the output layer was fitted to


RECORDS: dict[str, type[Record]] = {
    "status": Status,
    "environment": Environment,
    "metrics": Metrics,
    "replay": Replay,
}


_LINES = TypeAdapter(list[LogLine])


@dataclass(frozen=True)
class Run:
    """A run directory.

    plan.yaml: the plan · plan.given.yaml: the user's file, comments and all · log.jsonl: training
    log without times, equal for equal plans · status.json: progress, with times · best/: the best
    model · selected/: the one that validation chose, where best/ was refitted to all rows ·
    linear.safetensors: the output layer fitted before training · last/: checkpoint to resume from ·
    environment.json: versions and hardware · metrics.json: the evaluation.
    """

    folder: Path

    @classmethod
    def create(cls, root: str | Path, name: str, plan: Plan, *, exact: bool = False) -> Run:
        """Create root/name-001 (or -002, ...; exact: root/name) with the plan. Raises RunError."""
        # mkdir is atomic: of two processes that want the same number, one gets FileExistsError.
        root = Path(root)
        stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        try:
            root.mkdir(parents=True, exist_ok=True)
            for number in range(not exact, 100_000):
                folder = root / (f"{stem}-{number:03d}" if number else stem)
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                break
            run = cls(folder)
            plan.save(run.plan_path)
        except OSError as error:
            message = _(
                "{folder}: a run cannot be written here: {reason}.", folder=root, reason=said(error)
            )
            raise RunError(message) from None
        return run

    def keep(self, plan_file: Path) -> None:
        """Copy the user's plan file, comments and all, to plan.given.yaml."""
        shutil.copyfile(plan_file, self.folder / "plan.given.yaml")

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open an existing run, which may be training now. Raises RunError when it is none."""
        run = cls(Path(folder))
        if not run.plan_path.is_file():
            message = _(
                "{folder}: no run here (plan.yaml is missing). `weitiao runs` lists them.",
                folder=folder,
            )
            raise RunError(message)
        return run

    @property
    def plan_path(self) -> Path:
        return self.folder / "plan.yaml"

    @property
    def best(self) -> Path:
        return self.folder / "best"

    @property
    def selected(self) -> Path:
        """The model that validation chose, where `best` was trained once more on all rows."""
        return self.folder / "selected"

    @property
    def last(self) -> Path:
        return self.folder / "last"

    @property
    def linear(self) -> Path:
        """The output layer fitted before training."""
        return self.folder / "linear.safetensors"

    @property
    def log_path(self) -> Path:
        return self.folder / "log.jsonl"

    def plan(self) -> Plan:
        return Plan.load(self.plan_path)

    # --- the log: only what the plan determines, so that equal plans give equal logs

    def log(self, **values: Any) -> None:
        """Append a line to log.jsonl."""
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values, ensure_ascii=False) + "\n")

    def log_size(self) -> int:
        """Size of the log in bytes: a checkpoint records it, and a resume cuts the log there."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_after(self, size: int) -> list[dict[str, Any]]:
        """Parse the complete lines after the first `size` bytes of the log. Raises RunError."""
        if not self.log_path.exists():
            return []
        try:
            raw = self.log_path.read_bytes()
        except OSError as error:
            raise _unreadable(self.log_path, error) from None
        # A last line without its end is being written, or was when the process died.
        whole = [line for line in raw[size:].splitlines(keepends=True) if line.endswith(b"\n")]
        lines = [_json_object(self.log_path, line) for line in whole]
        try:
            _LINES.validate_python(lines)
        except ValidationError as error:
            number, *place = error.errors()[0]["loc"]
            where = ".".join(map(str, place))
            line = raw[:size].count(b"\n") + int(number) + 1
            reason = _("line {line}: {field}", line=line, field=where or "?")
            raise damaged(self.log_path, reason) from None
        return lines

    def log_lines(self) -> list[LogLine]:
        """Every line of the log, typed. Raises RunError."""
        return _LINES.validate_python(self.history())

    def cut_log(self, size: int) -> None:
        """Truncate the log to `size` bytes."""
        if self.log_path.exists():
            with self.log_path.open("r+b") as file:
                file.truncate(size)

    def history(self) -> list[dict[str, Any]]:
        """Every line of the log."""
        return self.log_after(0)

    # --- small JSON files

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Atomic write of NAME.json."""
        path = self.folder / f"{name}.json"
        messages = table_of(values)
        values = {**values, **({"messages": messages} if messages else {})}
        if name in RECORDS:
            values = self._versioned(name, values)
        text = json.dumps(values, ensure_ascii=False, indent=1, default=str)
        # File names can hold bytes that do not decode: lone surrogates in str (PEP 383), which
        # UTF-8 cannot encode. backslashreplace writes \udc.., a valid escape in JSON.
        atomic.replace_text(path, text + "\n", errors="backslashreplace")

    def _versioned(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Add the format version, and fields that a newer weitiao has written (forward
        compatibility)."""
        try:
            stored = self._stored(name)
        except RunError:
            stored = {}  # damaged: this write repairs it
        version = stored.get("version", 1)
        if version <= VERSION:
            return {**values, "version": VERSION}
        unknown = stored.keys() - RECORDS[name].model_fields.keys() - values.keys()
        added = {key: value for key, value in stored.items() if key in unknown}
        return {**values, **added, "version": version}

    def read(self, name: str) -> dict[str, Any]:
        """Read NAME.json, its messages restored; empty when it is missing.

        Raises RunError when it is damaged, or not a file of weitiao.
        """
        values = self._stored(name)
        values.pop("version", None)
        restored: dict[str, Any] = with_messages(values, values.pop("messages", None))
        return restored

    def _stored(self, name: str) -> dict[str, Any]:
        """Read and validate NAME.json; empty when it is missing. Raises RunError."""
        path = self.folder / f"{name}.json"
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unreadable(path, error) from None
        values = _json_object(path, raw)
        if name in RECORDS:
            try:
                RECORDS[name].model_validate(values)
            except ValidationError as error:
                first = problems_of(error, RECORDS[name])[0]
                raise damaged(path, placed(first.path, first.text)) from None
        return values

    def status(self) -> Status:
        """State and progress; "interrupted" when the run's process is gone. Raises RunError."""
        status = Status.model_validate({**self._stored("status"), "stage": None})
        if status.state in (TRAINED, JUDGED):
            status = status.model_copy(update={"state": "running", "stage": status.state})
        if status.state == "running" and not _alive(status.pid, status.started):
            status = status.model_copy(update={"state": "interrupted"})
        return status

    def busy(self) -> RunError:
        """RunError for a second process that wants to train here."""
        return RunError(
            _(
                "{folder}: another process is training in it. Wait, or stop it.",
                folder=self.folder,
            )
        )

    def goes_on(self) -> str:
        """Message with the command that resumes the run."""
        return _("go on: weitiao train --resume {run}", run=self.folder)

    # --- whole folders, swapped in

    def replacing(self, name: str) -> AbstractContextManager[Path]:
        """Atomic swap of the sub-folder `name` with a new one."""
        return atomic.swapping_folder(self.folder / name)

    def keep_selected(self) -> None:
        """Keep the model of `best` in `selected`, too; its files are hard-linked."""
        with self.replacing("selected") as folder:
            shutil.copytree(self.best, folder, copy_function=_linked, dirs_exist_ok=True)

    def mirror(self, other: Run, leave: Collection[str] = ()) -> None:
        """Copy another run's files and folders but those to `leave`; files in folders are
        hard-linked."""
        for path in other.folder.iterdir():
            if path.name in leave:
                continue
            if path.is_dir():
                with self.replacing(path.name) as folder:
                    shutil.copytree(path, folder, copy_function=_linked, dirs_exist_ok=True)
            else:
                with atomic.replacing(self.folder / path.name) as new:
                    shutil.copyfile(path, new)

    def best_folder(self) -> Path | None:
        """Folder of the best model, also in the middle of a swap; None before one exists."""
        # Between the two renames of a swap only best.old is there; a reader must not repair it,
        # since the process that trains may be alive.
        old = self.folder / "best.old"
        return self.best if self.best.exists() else old if old.exists() else None

    def repair(self) -> None:
        """Roll back swaps that a kill cut short. Only for the process that trains in the run."""
        atomic.remove_siblings(self.folder)
        for name in ("best", "last", "selected"):
            atomic.repair_folder(self.folder / name)


def runs(root: str | Path) -> list[Run]:
    """List the runs in a folder, the newest last."""
    folders = [path.parent for path in Path(root).glob("*/plan.yaml")]
    return [Run(folder) for folder in sorted(folders, key=lambda f: f.stat().st_ctime)]


def _linked(source: str, target: str) -> None:
    """Hard link, or copy; safe since files in swapped folders are replaced, never modified."""
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _json_object(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        values = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise damaged(path, _("not UTF-8")) from None
    except ValueError as error:  # also a number of thousands of digits
        raise damaged(path, said(getattr(error, "msg", error))) from None
    except RecursionError:
        raise damaged(path, _("nested too deeply")) from None
    if not isinstance(values, dict):
        raise damaged(path, _("it holds no JSON object"))
    return values


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(_("{path}: cannot be read: {reason}.", path=str(path), reason=said(error)))


def damaged(path: Path, reason: str) -> RunError:
    """The error for a file that cannot be read as the record it should be."""
    return RunError(
        _(
            "{path}: damaged, or not written by weitiao ({reason}). Restore it from a copy, or "
            "delete it.",
            path=str(path),
            reason=reason.rstrip("."),
        )
    )


def _alive(pid: int | None, started: float | None) -> bool:
    """Whether the process (pid) that wrote a status still runs."""
    import psutil

    try:
        if not pid or not psutil.pid_exists(pid):
            return False
        born = psutil.Process(pid).create_time()
    except (psutil.Error, OverflowError, ValueError):  # gone just now; no number of a process
        return False
    # A process that was born after the run began has got the number of one that died. One second
    # is for clocks of different resolution.
    return started is None or born <= started + 1


def now() -> float:
    """Seconds since 1970, for status.json."""
    return time.time()
