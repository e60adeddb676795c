"""Journal of a search: one file, Optuna's journal storage, that survives a kill at any moment.

Optuna's own tools read it (`optuna-dashboard`). Only lines of JSON are appended; the last one, if a
kill cut it short, is removed before the next is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.run import damaged
from weitiao.tuning.proposals import load_optuna
from weitiao.tuning.records import DONE, FAILED, OVER, FreshSeed, History, Reached, Trial
from weitiao.tuning.space import Space

STUDY = "weitiao"
TRIAL, REACHED, FRESH, SECONDS, SETTINGS = "trial", "reached", "fresh", "seconds", "settings"


class Journal:
    """The file of one search: settings that must not change, trials, fresh seeds, time used."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Open or create. Raises RunError when it belongs to another search, or is damaged."""
        optuna = load_optuna()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        _cut_torn_line(path)
        storages = optuna.storages
        lock = _Lock(path.with_name(f".{path.name}.lock"))
        try:
            backend = storages.journal.JournalFileBackend(str(path), lock_obj=lock)
            self._study = optuna.create_study(
                study_name=STUDY,
                storage=storages.JournalStorage(backend),
                direction="maximize",
                load_if_exists=True,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )
            known = self._study.user_attrs.get(SETTINGS)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise damaged(path, type(error).__name__) from None
        plain = json.loads(json.dumps(settings))
        if known is None:
            self._study.set_user_attr(SETTINGS, plain)
        elif known != plain:
            changed = sorted(name for name in plain if known.get(name) != plain[name])
            raise RunError(
                _(
                    "{file}: a search of other {changed} stands here; name another folder by "
                    "--out, or delete it.",
                    file=path,
                    changed=", ".join(changed),
                )
            )
        self._open = {one.number: one for one in self._study.get_trials(deepcopy=False)}

    def history(self) -> History:
        """All that the file holds. Raises RunError when that cannot be read."""
        attrs = self._study.user_attrs
        try:
            trials = [_trial_of(one.user_attrs) for one in self._study.get_trials(deepcopy=False)]
            fresh = [FreshSeed(**v) for name, v in attrs.items() if name.startswith(FRESH)]
            seconds = float(attrs.get(SECONDS, 0.0))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(self.path, type(error).__name__) from None
        known = [one for one in trials if one is not None]
        fresh.sort(key=lambda one: (one.trial, one.seed))
        return History(known, fresh, seconds)

    def begin(self, trial: Trial, space: Space) -> Trial:
        """Write down a trial before it is trained; returns it with its number."""
        if trial.params:
            self._study.enqueue_trial(trial.params)
            asked = self._study.ask(space.distributions())
        else:
            asked = self._study.ask()
        trial = replace(trial, number=self._next_number())
        asked.set_user_attr(TRIAL, {**trial.plain(), "reached": []})
        self._open[asked.number] = asked
        return trial

    def write(self, trial: Trial) -> None:
        """Write what a trial has reached since it was written last, and its state."""
        asked = self._asked(trial.number)
        known = asked.user_attrs
        for one in trial.reached:
            if f"{REACHED}:{one.level}" not in known:
                asked.report(one.score, step=one.level)
                asked.set_user_attr(f"{REACHED}:{one.level}", asdict(one))
        asked.set_user_attr(TRIAL, {**trial.plain(), "reached": []})
        if trial.state == DONE:
            self._study.tell(asked, trial.score)
        elif trial.state in (FAILED, OVER):
            self._study.tell(asked, state=load_optuna().trial.TrialState.FAIL)

    def add_fresh(self, one: FreshSeed) -> None:
        """Write the result of a fresh seed."""
        self._study.set_user_attr(f"{FRESH}:{one.trial}:{one.seed}", asdict(one))

    def used(self, seconds: float) -> None:
        """Write the seconds that the search has used in all its sessions."""
        self._study.set_user_attr(SECONDS, round(seconds, 3))

    def _asked(self, number: int) -> Any:
        """The trial of Optuna that holds ours; after a kill it is picked up again."""
        optuna = load_optuna()
        for at, one in self._open.items():
            raw = one.user_attrs.get(TRIAL)
            if raw is not None and raw["number"] == number:
                if not isinstance(one, optuna.trial.Trial):
                    one = optuna.trial.Trial(self._study, one._trial_id)
                    self._open[at] = one
                return one
        raise KeyError(number)

    def _next_number(self) -> int:
        """Ours: a trial whose writing was cut short by a kill has no number."""
        known = (one.user_attrs.get(TRIAL) for one in self._study.get_trials(deepcopy=False))
        return sum(raw is not None for raw in known)


def _trial_of(attrs: Mapping[str, Any]) -> Trial | None:
    if TRIAL not in attrs:
        return None
    reached = [v for name, v in attrs.items() if name.startswith(f"{REACHED}:")]
    trial = Trial.of({**attrs[TRIAL], "reached": []})
    results = sorted((Reached(**one) for one in reached), key=lambda one: one.level)
    return replace(trial, reached=tuple(results))


def _cut_torn_line(path: Path) -> None:
    """Remove a last line without its end: a kill came while it was written."""
    if not path.exists():
        return
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(raw.rfind(b"\n") + 1)


class _Lock:
    """Lock of the file between processes, which ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()
