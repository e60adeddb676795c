"""A run's folder: the plan, a line per step, the newest checkpoint, the best model, its files."""

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

from pydantic import BaseModel, ConfigDict, ValidationError

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
    """A JSON file of a run: the fields whose types the program relies on.

    Every field may be missing, as in files of older versions; others are kept as they are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    version: int = 1
    messages: dict[str, Any] = {}  # text -> template and values


class Status(Record):
    """status.json: where a run stands. It is written about once a second."""

    state: str = "new"  # new, running, finished, early, failed, interrupted
    step: int | None = None
    total: int | None = None
    metric: str | None = None
    value: float | None = None  # of the metric, at the best step so far
    seconds_left: float | None = None
    pid: int | None = None
    started: float | None = None  # seconds since 1970
    seconds: float | None = None


class Environment(Record):
    """environment.json: what a run was made with, and what was done to its rows."""

    threads: int | None = None
    device: str | None = None
    packages: dict[str, str | None] = {}
    data: str | None = None  # fingerprint of the rows
    history: list[str] = []
    checkpoint: dict[str, str | None] = {}
    precision: str | None = None


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


RECORDS: dict[str, type[Record]] = {
    "status": Status,
    "environment": Environment,
    "metrics": Metrics,
}


@dataclass(frozen=True)
class Run:
    """The folder of one run.

    plan.yaml what was asked · plan.given.yaml the file as it was given, comments and all ·
    log.jsonl what happened, the same for the same plan · status.json where it stands, with clock
    times · best/ the best model · last/ where a resume goes on · environment.json what it was made
    with · metrics.json once it is judged.
    """

    folder: Path

    @classmethod
    def create(cls, root: str | Path, name: str, plan: Plan) -> Run:
        """A new folder root/name-001 (or -002, ...) with the plan in it."""
        root = Path(root)
        stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        try:
            root.mkdir(parents=True, exist_ok=True)
            for number in range(1, 100_000):
                folder = root / f"{stem}-{number:03d}"
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
        """Keep the plan's file as the user wrote it, comments and all."""
        shutil.copyfile(plan_file, self.folder / "plan.given.yaml")

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """An existing run, which may be training right now. Raises RunError when it is none."""
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
    def last(self) -> Path:
        return self.folder / "last"

    @property
    def log_path(self) -> Path:
        return self.folder / "log.jsonl"

    def plan(self) -> Plan:
        return Plan.load(self.plan_path)

    # --- the log: only what the plan determines, so that equal plans give equal logs

    def log(self, **values: Any) -> None:
        """Add a line."""
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values, ensure_ascii=False) + "\n")

    def log_size(self) -> int:
        """Where the log ends now, in bytes."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_after(self, size: int) -> list[dict[str, Any]]:
        """The whole lines that stand after the first `size` bytes of the log."""
        if not self.log_path.exists():
            return []
        lines = []
        for line in self.log_path.read_bytes()[size:].splitlines(keepends=True):
            if line.endswith(b"\n"):  # else it is being written, or was when the process died
                lines.append(_json_object(self.log_path, line))
        return lines

    def cut_log(self, size: int) -> None:
        """Cut the log back to `size` bytes."""
        if self.log_path.exists():
            with self.log_path.open("r+b") as file:
                file.truncate(size)

    def history(self) -> list[dict[str, Any]]:
        """Every line of the log."""
        return self.log_after(0)

    # --- small JSON files

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Write NAME.json whole or not at all."""
        path = self.folder / f"{name}.json"
        messages = table_of(values)
        values = {**values, **({"messages": messages} if messages else {})}
        if name in RECORDS:
            values = self._versioned(name, values)
        text = json.dumps(values, ensure_ascii=False, indent=1, default=str)
        # Names of files can hold bytes that are no text; as \udc.. they stay good JSON.
        atomic.replace_text(path, text + "\n", errors="backslashreplace")

    def _versioned(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a record with its version, and with what a newer weitiao added to it."""
        try:
            stored = self._stored(name)
        except RunError:
            stored = {}  # torn: this repairs it
        version = stored.get("version", 1)
        if version <= VERSION:
            return {**values, "version": VERSION}
        unknown = stored.keys() - RECORDS[name].model_fields.keys() - values.keys()
        added = {key: value for key, value in stored.items() if key in unknown}
        return {**values, **added, "version": version}

    def read(self, name: str) -> dict[str, Any]:
        """What NAME.json says, its messages restored; empty when it is not there.

        Raises RunError when it is torn, or not a file of weitiao.
        """
        values = self._stored(name)
        values.pop("version", None)
        restored: dict[str, Any] = with_messages(values, values.pop("messages", None))
        return restored

    def _stored(self, name: str) -> dict[str, Any]:
        """NAME.json, its fields checked; empty when it is not there."""
        path = self.folder / f"{name}.json"
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise RunError(
                _("{path}: cannot be read: {reason}.", path=str(path), reason=said(error))
            ) from None
        values = _json_object(path, raw)
        if name in RECORDS:
            try:
                RECORDS[name].model_validate(values)
            except ValidationError as error:
                first = problems_of(error, RECORDS[name])[0]
                raise damaged(path, placed(first.path, first.text)) from None
        return values

    def status(self) -> Status:
        """Where the run stands; "interrupted" when its process is gone."""
        status = Status.model_validate(self._stored("status"))
        if status.state == "running" and not _alive(status.pid, status.started):
            status = status.model_copy(update={"state": "interrupted"})
        return status

    def busy(self) -> RunError:
        """The error for a second process that wants to train here."""
        return RunError(
            _(
                "{folder}: another process is training in it. Wait, or stop it.",
                folder=self.folder,
            )
        )

    def goes_on(self) -> str:
        """What to do after an interruption."""
        return _("go on: weitiao train --resume {run}", run=self.folder)

    # --- whole folders, swapped in

    def replacing(self, name: str) -> AbstractContextManager[Path]:
        """A new folder to fill, which then takes the place of `name` as a whole."""
        return atomic.swapping_folder(self.folder / name)

    def mirror(self, other: Run, leave: Collection[str] = ()) -> None:
        """Take over another run's files and folders but those to `leave`; large ones are linked."""
        for path in other.folder.iterdir():
            if path.name in leave:
                continue
            if path.is_dir():
                with self.replacing(path.name) as folder:
                    shutil.copytree(path, folder, copy_function=_linked, dirs_exist_ok=True)
            else:
                with atomic.replacing(self.folder / path.name) as new:
                    shutil.copyfile(path, new)

    def kept(self) -> Path | None:
        """The best model as a reader finds it, also in the middle of a swap; None before one."""
        old = self.folder / "best.old"
        return self.best if self.best.exists() else old if old.exists() else None

    def repair(self) -> None:
        """Undo a swap that a kill cut short. Only for who trains in the run: readers must not."""
        atomic.remove_siblings(self.folder)
        for name in ("best", "last"):
            atomic.repair_folder(self.folder / name)


def runs(root: str | Path) -> list[Run]:
    """Every run below a folder, the newest last."""
    folders = [path.parent for path in Path(root).glob("*/plan.yaml")]
    return [Run(folder) for folder in sorted(folders, key=lambda f: f.stat().st_ctime)]


def _linked(source: str, target: str) -> None:
    """The same file under a second name: what is in whole folders is replaced, never changed."""
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
    """Whether the process that wrote a status still runs."""
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
