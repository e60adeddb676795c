"""A run is a folder: the plan, a line per step, the newest checkpoint, the best model."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.planfile.plan import Plan


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
            told = _("{folder}: a run cannot be written here: {reason}.",
                        folder=root, reason=said(error))  # fmt: skip
            raise RunError(told) from None
        return run

    def keep(self, given: Path) -> None:
        """Keep the plan's file as the user wrote it, comments and all."""
        shutil.copyfile(given, self.folder / "plan.given.yaml")

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """An existing run, which may be training right now. Raises RunError when it is none."""
        run = cls(Path(folder))
        if not run.plan_path.is_file():
            told = _("{folder}: no run here (plan.yaml is missing). `weitiao runs` lists them.",
                        folder=folder)  # fmt: skip
            raise RunError(told)
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
        rest = self.log_path.read_bytes()[size:].splitlines(keepends=True)
        return [json.loads(line) for line in rest if line.endswith(b"\n")]

    def cut_log(self, size: int) -> None:
        """Cut the log back to `size` bytes."""
        if self.log_path.exists():
            with self.log_path.open("r+b") as file:
                file.truncate(size)

    def history(self) -> list[dict[str, Any]]:
        """Every line of the log."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    # --- small JSON files

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Write NAME.json whole or not at all."""
        path = self.folder / f"{name}.json"
        new = path.with_suffix(".json.new")
        text = json.dumps(values, ensure_ascii=False, indent=1, default=str)
        # Names of files can hold bytes that are no text; as \udc.. they stay good JSON.
        new.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        os.replace(new, path)

    def read(self, name: str) -> dict[str, Any]:
        """What NAME.json says; empty when it is not there."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return {}
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return values

    def status(self) -> dict[str, Any]:
        """state (new, running, finished, early, failed, interrupted), step, total, score, ..."""
        status = {"state": "new", **self.read("status")}
        if status["state"] == "running" and not _alive(status.get("pid"), status.get("started")):
            status["state"] = "interrupted"
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

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """A new folder to fill, which then takes the place of `name` as a whole.

        Killed at any moment, either the old or the new one is there (after `repair`).
        """
        path, new, old = (self.folder / f"{name}{end}" for end in ("", ".new", ".old"))
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                _to_disk(file)
        _to_disk(new)
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        new.rename(path)
        _to_disk(self.folder)
        shutil.rmtree(old, ignore_errors=True)

    def mirror(self, other: Run, leave: Collection[str] = ()) -> None:
        """Take over another run's files and folders but those to `leave`; large ones are linked."""
        for path in other.folder.iterdir():
            if path.name in leave:
                continue
            if path.is_dir():
                with self.replacing(path.name) as folder:
                    shutil.copytree(path, folder, copy_function=_linked, dirs_exist_ok=True)
            else:
                new = self.folder / f"{path.name}.new"
                shutil.copyfile(path, new)
                os.replace(new, self.folder / path.name)

    def kept(self) -> Path | None:
        """The best model as a reader finds it, also in the middle of a swap; None before one."""
        old = self.folder / "best.old"
        return self.best if self.best.exists() else old if old.exists() else None

    def repair(self) -> None:
        """Undo a swap that a kill cut short. Only for who trains in the run: readers must not."""
        for name in ("best", "last"):
            path, new, old = (self.folder / f"{name}{end}" for end in ("", ".new", ".old"))
            if not path.exists() and old.exists():
                old.rename(path)
            shutil.rmtree(old, ignore_errors=True)
            shutil.rmtree(new, ignore_errors=True)


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


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _alive(pid: int | None, started: float | None) -> bool:
    import psutil

    if not pid or not psutil.pid_exists(pid):
        return False
    try:
        born = psutil.Process(pid).create_time()
    except psutil.Error:
        return False
    return started is None or born <= started + 1  # else the number was given out again


def now() -> float:
    """Seconds since 1970, for status.json."""
    return time.time()
