"""How long until something happens: `weitiao --help`, the import, the first step of training?

    python benchmarks/startup.py --data ../data
    python benchmarks/startup.py --table

Fresh processes, five rounds. "first step": a plan on 2,000 rows of sst2 whose rows,
tokens and kernels lie in the cache already, until the first update has ended, less what importing
takes. What is imported is found by a first process, which writes down every module it holds after
the first update; the timed one imports all of them first.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import ratios
import sets
import timing

SCRIPT = Path(__file__).resolve()
ROWS = 2000
TIMES = 20
COMMANDS = {
    "weitiao --help": ["-c", "from weitiao.cli.app import main; main()", "--help"],
    "import weitiao": ["-c", "import weitiao"],
    "bare Python": ["-c", "pass"],
}
FIRST = {"first step": {}, "first step, no compiler": {"WEITIAO_COMPILER": "none"}}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    store = timing.store_of(given.store)
    env = timing.home_env(store, given.threads)
    rows_file(given.data, store)
    learned: set[str] = set()

    def run(cell: timing.Record) -> timing.Record:
        what = cell["what"]
        if what in COMMANDS:
            return command(COMMANDS[what])
        own = {**env, **FIRST[what]}
        job = {"store": str(store), "threads": given.threads, "modules": f"{what}.txt"}
        ask = [sys.executable, str(SCRIPT)]
        if what not in learned:  # twice: the first call fills the cache
            for _ in range(2):
                found = timing.in_fresh_process(ask, {**job, "learn": True}, own)
            if not timing.has_figures(found):
                return found
            learned.add(what)
        return timing.in_fresh_process(ask, {**job, "learn": False}, own)

    print(table(timing.run_cells(cells(given.rounds), given.results, run, given.minutes)))


def cells(rounds: int) -> Iterator[timing.Record]:
    for number in range(1, rounds + 1):
        for what in (*COMMANDS, *FIRST):
            yield {"what": what, "round": number}


def command(words: list[str]) -> timing.Record:
    """Whole processes, start to end; several, as the system counts in hundredths of a second."""
    begin = timing.mark()
    for _ in range(TIMES):
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    found = timing.between(begin, timing.mark())
    return {**found, "seconds": round(found["seconds"] / TIMES, 4), "processes": TIMES}


def rows_file(data_dir: Path, store: Path) -> Path:
    """The rows as a user has them: a csv. Not written anew, so that it is known to the cache."""
    file = store / "startup.csv"
    if not file.exists():
        rows, _, _ = sets.load("sst2", ROWS, 1, data_dir)
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, ["text", "label"])
            writer.writeheader()
            writer.writerows(rows)
        time.sleep(1.5)  # a file just written is hashed every time, see weitiao.data.files.table
    return file


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: import everything, then start; ends the process at the first step."""
    store = Path(job["store"])
    names = store / job["modules"]
    begin = timing.mark()
    if not job["learn"]:
        for name in names.read_text(encoding="utf-8").split():
            importlib.import_module(name)
    imported = timing.mark()

    import weitiao

    plan = weitiao.Plan.parse({
        "task": "classification",
        "data": {"path": str(store / "startup.csv"), "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": "minilm-l6"},
        "train": {"epochs": 1},
    })  # fmt: skip

    def watch(progress: Any, left: float) -> None:
        done = timing.mark()
        if job["learn"]:
            names.write_text("\n".join(importable()), encoding="utf-8")
        figures = {
            **timing.between(imported, done),
            "import_seconds": round(imported.clock - begin.clock, 3),
            "step": progress.step,
        }
        timing.answer(lambda job: figures, "{}")
        sys.stdout.flush()
        os._exit(0)  # nothing of the rest is measured

    weitiao.train(plan, out=store / "runs", threads=job["threads"], watch=watch)
    raise SystemExit("training ended before its first step")


def importable() -> list[str]:
    """The modules of this process that another can import by name, in the order of loading."""
    return [
        name
        for name, module in list(sys.modules.items())
        if name != "__main__"
        and getattr(module, "__spec__", None) is not None
        and module.__spec__.name == name
        and module.__spec__.origin not in (None, "built-in", "frozen")
    ]


def table(records: list[timing.Record]) -> str:
    """Markdown: median, lowest and highest seconds."""
    lines = ["| | seconds: median (lowest to highest) | rounds |", "|---|---|---|"]
    for what in dict.fromkeys(r["what"] for r in records):
        mine = [r for r in records if r["what"] == what]
        good = [r for r in mine if timing.is_good(r)]
        lost = sum(bool(r.get("disturbed")) for r in mine)
        rounds = f"{len(good)}" + (f" ({lost} disturbed, dropped)" if lost else "")
        spread = ratios.spread([r["seconds"] for r in good])
        imports = [r["import_seconds"] for r in good if "import_seconds" in r]
        beside = f", beside {median(imports):.1f} of imports" if imports else ""
        lines.append(f"| {what} | {spread}{beside} | {rounds} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "startup", rounds=5)
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
