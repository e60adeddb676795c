"""What the measurements of speed share: fresh processes, turns, foreign time, stored cells.

A script has contenders. Each runs in a process of its own, so that threads and global switches of
one do not reach the next, and they take turns (A B C, A B C, ...). A round is disturbed when more
than a tenth of the processor time used meanwhile was not ours: it stays in the file, is left out of
the table (which says so), and is run again by the next call of the script.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
MOST_FOREIGN = 0.10  # of all processor time used while something is timed
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy", "onnxruntime", "openvino")
# A plain laptop: no AVX-512, no bf16, no compiler. Obeyed by oneDNN, MKL, torch and weitiao.
LAPTOP = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "WEITIAO_COMPILER": "none",
}

AVX2 = "x86-64-v3"  # what compilers call its instructions

Record = dict[str, Any]


# --- a stretch of time, and who used the processor meanwhile


@dataclass(frozen=True)
class Mark:
    """A moment: the clock, the processor time of this process, and that of the whole machine."""

    clock: float
    own: float
    busy: float


def mark() -> Mark:
    """Now."""
    import psutil

    times, own = psutil.cpu_times(), os.times()
    busy = sum(float(getattr(times, name, 0.0)) for name in BUSY)  # not all systems tell all
    children = own.children_user + own.children_system
    return Mark(time.perf_counter(), time.process_time() + children, busy)


def between(begin: Mark, end: Mark, own: float | None = None) -> Record:
    """The figures of a stretch; `own` is given when several processes of ours were at work."""
    seconds = end.clock - begin.clock
    own = end.own - begin.own if own is None else own
    foreign = max(end.busy - begin.busy - own, 0.0)
    return {
        "seconds": round(seconds, 4),
        "own_cpu_seconds": round(own, 3),
        "foreign_cpu_seconds": round(foreign, 3),
        "disturbed": foreign > MOST_FOREIGN * (own + foreign),
    }


def machine() -> Record:
    """What the figures were measured on."""
    from weitiao.hardware.machine import processor

    found = {name: _version(name) for name in PACKAGES}
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: value for name, value in found.items() if value},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


# --- one contender in a process of its own


def in_fresh_process(
    command: Sequence[str], job: Mapping[str, Any], env: Mapping[str, str] | None = None
) -> Record:
    """What `command --job JOB` prints as its last line: figures, or why there are none."""
    done = subprocess.run(
        [*command, "--job", json.dumps(job, ensure_ascii=False)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **(env or {})},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and lines:
        found: Record = json.loads(lines[-1])
        return found
    told = [line for line in done.stderr.splitlines() if line.strip()]
    return {"failed": told[-1][:300] if told else f"exit code {done.returncode}"}


def is_served(
    given: argparse.Namespace, act: Callable[[Any], Record], show: Callable[[list[Record]], str]
) -> bool:
    """Whether the options ask for something short, which is done: a job of a fresh process, or the
    table of what is stored."""
    if given.job:
        answer(act, given.job)
    elif given.table:
        stored = given.results if given.results.exists() else newest(given.results)
        print(show(read_records(stored)))
    return bool(given.job or given.table)


def runner(script: Path, given: argparse.Namespace) -> Callable[[Record], Record]:
    """Runs a cell by `script --job` in a fresh process, with the threads of the options."""
    env = home_env(store_of(given.store), given.threads)

    def run(cell: Record) -> Record:
        job = {**cell, "threads": given.threads, "data": str(given.data)}
        return in_fresh_process([sys.executable, str(script)], job, env)

    return run


def home_env(store: Path, threads: int, cache: str = "cache") -> dict[str, str]:
    """So many threads in every library that reads the environment; weitiao's folders in `store`."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "WEITIAO_CACHE": str(store / cache),
        "WEITIAO_STATE": str(store / "state"),
    }


def answer(act: Callable[[Any], Record], job: str) -> None:
    """In the fresh process: do the job and print its figures; a refused plan is an answer too."""
    from weitiao.errors import WeitiaoError

    try:
        found = act(json.loads(job))
    except WeitiaoError as error:
        found = {"refused": str(error)}
    sys.stdout.write("\n" + json.dumps(found, ensure_ascii=False) + "\n")


# --- cells: stored one by one, not run again


def read_records(path: Path) -> list[Record]:
    """The stored records; none if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Replace the file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    text = json.dumps(records, indent=1, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def dated(name: str) -> Path:
    """Where today's results of a script go; to go on with those of another day, name the file."""
    return RESULTS / f"{date.today().isoformat()}-{name}.json"


def newest(path: Path) -> Path:
    """Of the files beside `path` that differ from it by the date alone, the last; else `path`."""
    name = path.name[len("2026-01-01") :]
    there = sorted(path.parent.glob(f"[0-9]*-[0-9][0-9]-[0-9][0-9]{name}"))
    return there[-1] if there else path


def has_figures(record: Record) -> bool:
    return "refused" not in record and "failed" not in record


def is_good(record: Record) -> bool:
    """Whether the record counts: it has figures, and nobody disturbed it."""
    return has_figures(record) and not record.get("disturbed", False)


def run_cells(
    cells: Iterable[Record], path: Path, act: Callable[[Record], Record], minutes: float
) -> list[Record]:
    """Run the cells that have no good record yet, storing each at once. Returns all records.

    A cell is a flat mapping: what identifies it. It is part of its record. `act` gives the rest.
    """
    records, about = read_records(path), machine()
    end = time.monotonic() + 60 * minutes
    wanted = [cell for cell in cells if not any(is_good(r) for r in _of(cell, records))]
    for number, cell in enumerate(wanted, 1):
        if time.monotonic() > end:
            print(f"time is up: {len(wanted) - number + 1} cells left; run again to go on")
            break
        found = act(cell)
        stale = [r for r in _of(cell, records) if not has_figures(r)]
        records = [r for r in records if r not in stale]
        at = datetime.now().isoformat(timespec="seconds")
        records.append({**cell, **found, "at": at, "machine": about})
        write_records(path, records)
        shown = {k: v for k, v in found.items() if not isinstance(v, (dict, list))}
        print(f"{at[11:]} {number}/{len(wanted)} {' '.join(map(str, cell.values()))}: {shown}",
              flush=True)  # fmt: skip
    return records


def _of(cell: Record, records: Iterable[Record]) -> list[Record]:
    return [r for r in records if all(r.get(key) == value for key, value in cell.items())]


# --- options that all of them have


def options(
    about: str | None, name: str, rounds: int, *, data: bool = True, days: bool = False
) -> argparse.ArgumentParser:
    """A parser with what every script takes; `data` for those that read labelled sets.

    days: the cells are scores, which do not depend on the day, and take many: the script goes on
    with the newest file. Times belong to a day; others start a file of today.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    place = newest(dated(name)) if days else dated(name)
    parser.add_argument("--results", type=Path, default=place, help="JSON file to add to")
    parser.add_argument("--rounds", type=int, default=rounds, help="turns of every contender")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each contender")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after this time")
    parser.add_argument("--table", action="store_true", help="only show what is stored, Markdown")
    parser.add_argument("--store", help="folder for what is made once; $WEITIAO_BENCH")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    if data:
        parser.add_argument("--data", type=Path, help="folder of the labelled sets")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was given. Ends the process when the sets are needed and their folder is not."""
    given = parser.parse_args()
    if "data" in given and given.data is None and not (given.job or given.table):
        parser.error("--data is needed")
    return given


def store_of(given: str | None) -> Path:
    """The folder for what is made once: the fine-tuned checkpoint, exports, weitiao's own cache."""
    found = given or os.environ.get("WEITIAO_BENCH") or "~/.cache/weitiao-bench"
    path = Path(found).expanduser()
    path.mkdir(parents=True, exist_ok=True)
    return path


def changes_of(words: str) -> dict[str, Any]:
    """`train.layout=packed "train.optimizer={adamw: {}}"` as plan changes; values are YAML."""
    from weitiao.planfile import read

    pairs = (word.split("=", 1) for word in shlex.split(words))
    return {path: read.parse(value)[0] for path, value in pairs}
