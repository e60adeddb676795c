"""Is a run worth as much as its linear start from then on, whenever it is killed?

    python benchmarks/kills.py --data ../data --kills 10 --minutes 15   # goes on where it stopped
    python benchmarks/kills.py --table

`weitiao fit` is ended at random moments (SIGKILL, and SIGINT as by Ctrl-C) after the first model is
in best/. Then: best/ loads; its score on the validation rows is at least the first one in the log
(that of the linear start, step 0); and the resumed run ends with the very weights and log of a run
that nobody ended. The first cell of a day, and after a change
of the code, is that unbroken run.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
SET, ROWS, EPOCHS = "sst2", 1000, 3.0
SIGNALS = ("SIGKILL", "SIGINT")
UNBROKEN = "none"
TRAINED = ("finished", "early")  # states of a run whose training has ended
RUN = ("set", "rows", "epochs", "code")  # of a cell: which run it is
POLL_SECONDS = 0.02
END_SECONDS = 300.0  # that an interrupted run may take to end, a resumed one is not limited
TOLERANCE = 1e-6  # of a score: the log rounds nothing, but another batch order sums otherwise
# What else would differ from one run to the next, or only takes time: the tokens of a forward pass
# follow from the free memory. Many checkpoints, so that a resume repeats little.
CHANGES = {
    "train.micro_batch_tokens": 4096,
    "train.save_seconds": 1,
    "evaluate.baselines": False,
    "evaluate.findings": False,
}


def main() -> None:
    options = parse()
    if timing.is_served(options, examine, table):
        return
    store = timing.store_of(options.store)
    wanted = cells(options.kills, options.signals, options.rows, options.epochs)
    records = timing.run_cells(
        wanted, options.results, lambda cell: run(cell, options, store), options.minutes
    )
    print(table(records))


def cells(
    kills: int, signals: Sequence[str] = SIGNALS, rows: int = ROWS, epochs: float = EPOCHS
) -> Iterator[timing.Record]:
    """The unbroken run, then the signals in turn."""
    same = {"set": SET, "rows": rows, "epochs": epochs, "code": whole_runs.code()}
    yield {**same, "signal": UNBROKEN, "number": 0}
    for number in range(1, kills + 1):
        for name in signals:
            yield {**same, "signal": name, "number": number}


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    rows = whole_sets.load(cell["set"], cell["rows"], 1, options.data)
    changes = {**CHANGES, "train.epochs": cell["epochs"]}
    settings = whole_runs.Settings(store, options.threads, changes=changes)
    whole_runs.warm_up(cell["set"], options.data, settings)
    folder = store / "kills"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if cell["signal"] == UNBROKEN:
            return unbroken(rows, settings, folder)
        return broken(cell, rows, settings, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unbroken(rows: whole_sets.Rows, settings: whole_runs.Settings, out: Path) -> timing.Record:
    """The run that nobody ends: its weights and log, and how long it took from its first model."""
    with started(rows, settings, out) as process:
        if not first_model(process, out):
            return {"failed": "the run ended without a model"}
        begin = time.monotonic()
        code = process.wait()
    run = only_run(out)
    if code or run is None:
        return {"failed": f"exit code {code}"}
    return {"seconds_after": round(time.monotonic() - begin, 2), "run_hashes": hashes(run)}


def broken(
    cell: timing.Record,
    rows: whole_sets.Rows,
    settings: whole_runs.Settings,
    out: Path,
    options: argparse.Namespace,
) -> timing.Record:
    """A run that is ended, looked at, and resumed."""
    whole = reference(timing.read_records(options.results), cell)
    if whole is None:
        return {"failed": "the unbroken run comes first"}
    draw = random.Random(f"{cell['signal']} {cell['number']}")
    wait = draw.uniform(0.0, 0.9) * whole["seconds_after"]
    with started(rows, settings, out) as process:
        if not first_model(process, out):
            return {"failed": "the run ended without a model"}
        time.sleep(wait)
        if process.poll() is not None:
            return {"ended_before": True, "seconds_after": round(wait, 2)}
        process.send_signal(signal.Signals[cell["signal"]])
        begin = time.monotonic()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return {"failed": f"still running {END_SECONDS:g} s after {cell['signal']}"}
    ended = round(time.monotonic() - begin, 2)
    run = only_run(out)
    assert run is not None, "the first model is in it"
    env = whole_runs.environment(settings, settings.store / whole_runs.WARM)
    job = {"run": str(run), "threads": options.threads}
    record = timing.in_fresh_process([sys.executable, str(SCRIPT)], job, env)
    record |= {"wait": round(wait, 2), "seconds_to_end": ended}
    if "refused" in record or "failed" in record:  # that best/ does not load is a result
        record["loads"], record["why"] = False, record.pop("refused", record.pop("failed", ""))
    if record.get("state") in TRAINED:  # ended while it was judged: nothing is left to resume
        differ = [] if hashes(run).get("log") == whole["run_hashes"]["log"] else ["log"]
        return {**record, "trained": True, "equal": not differ, "differ": differ}
    words = [sys.executable, "-m", "weitiao", "train", "--resume", str(run), "--lang", "en"]
    resumed = subprocess.run(words, env=env, capture_output=True, encoding="utf-8",
                             errors="replace", check=False)  # fmt: skip
    if resumed.returncode:
        lines = [line for line in resumed.stderr.splitlines() if line.strip()]
        return {**record, "equal": False, "differ": [f"resume: {' '.join(lines[-2:])[:200]}"]}
    mine, wanted = hashes(run), whole["run_hashes"]
    differ = sorted(name for name in wanted if mine.get(name) != wanted[name])
    return {**record, "equal": not differ, "differ": differ}


def reference(records: Sequence[timing.Record], cell: Mapping[str, Any]) -> timing.Record | None:
    """The unbroken run of the same rows by the same code."""
    fit = [r for r in records if r["signal"] == UNBROKEN and "run_hashes" in r
           and all(r.get(name) == cell[name] for name in RUN)]  # fmt: skip
    return fit[-1] if fit else None


@contextmanager
def started(
    rows: whole_sets.Rows, settings: whole_runs.Settings, out: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`weitiao fit` in a process of its own, which does not outlive the block."""
    process = subprocess.Popen(
        whole_runs.command(rows, settings, out),
        env=whole_runs.environment(settings, settings.store / whole_runs.WARM),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def first_model(process: subprocess.Popen[bytes], out: Path) -> bool:
    """Wait until best/ is there; False when the process ends before."""
    while process.poll() is None:
        run = only_run(out)
        if run is not None and (run / "best").is_dir():
            return True
        time.sleep(POLL_SECONDS)
    return False


def only_run(out: Path) -> Path | None:
    plans = list(out.glob("*/plan.yaml"))
    return plans[0].parent if plans else None


def hashes(run: Path) -> dict[str, str]:
    """SHA-256 of the best weights and of the log."""
    files = {"weights": run / "best" / "model.safetensors", "log": run / "log.jsonl"}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.is_file()
    }


def examine(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: load what is in best/ and evaluate it on the validation rows."""
    import epochs
    from weitiao.data.prepare.load import load
    from weitiao.evaluation.evaluate import evaluate_network
    from weitiao.model.model import Model
    from weitiao.run import Run

    epochs.use_threads(job["threads"])
    run = Run.open(job["run"])
    folder = run.best_folder()
    assert folder is not None
    model = Model.load(folder)
    plan = run.plan()
    validation = load(plan.data, plan.task_name).validation
    gold = model.task.gold(validation)
    report = evaluate_network(model, model.net, model.encode(validation), gold)
    status = run.status()
    return {
        "loads": True,
        "metric": report.primary,
        "score": report.metrics[report.primary],
        "higher_is_better": report.higher_is_better,
        "state": status.state,
        "step": status.step,
        **first_validation(run.history(), report.primary),
    }


def first_validation(log: Sequence[Mapping[str, Any]], metric: str) -> timing.Record:
    """The first evaluation of the log: of step 0, where the run has a linear start.

    >>> first_validation([{"step": 0, "validation": {"accuracy": 0.8}}], "accuracy")
    {'start_step': 0, 'start_score': 0.8}
    """
    lines = [line for line in log if metric in line.get("validation", {})]
    if not lines:
        return {"start_step": None, "start_score": None}
    return {"start_step": lines[0]["step"], "start_score": lines[0]["validation"][metric]}


def is_no_worse(record: Mapping[str, Any]) -> bool:
    """Whether best/ is at least as good as the first model. A log that had not been written when
    the run was killed has nothing to compare with."""
    if record.get("score") is None:
        return False
    if record.get("start_score") is None:
        return True
    gain = record["score"] - record["start_score"]
    return bool((gain if record.get("higher_is_better", True) else -gain) >= -TOLERANCE)


def table(records: list[timing.Record]) -> str:
    """Markdown: of each signal how many runs hold what, and every run that does not."""
    ended = [r for r in records if r["signal"] != UNBROKEN and "equal" in r]
    lines = [
        "| signal | runs | at step, first to last | best/ loads | no worse than the first model "
        "| resumed: equal to the last bit | seconds to end |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(r["signal"] for r in ended):
        some = [r for r in ended if r["signal"] == name]
        steps = [r["step"] for r in some if r.get("step") is not None]
        span = f"{min(steps)} to {max(steps)}" if steps else "-"
        counts = [
            sum(map(hold, some))
            for hold in (lambda r: bool(r.get("loads")), is_no_worse, lambda r: bool(r["equal"]))
        ]
        seconds = max(r.get("seconds_to_end", 0.0) for r in some)
        lines.append(f"| {name} | {len(some)} | {span} | " + " | ".join(map(str, counts))
                     + f" | {seconds:.1f} at most |")  # fmt: skip
    starts = {int(r["start_step"]) for r in ended if r.get("start_score") is not None}
    if starts - {0}:
        lines.append("\nno linear start: the first evaluation of the log is at step "
                     f"{max(starts)}")  # fmt: skip
    for r in ended:
        if not (r.get("loads") and is_no_worse(r) and r["equal"]):
            scores = f"score {r.get('score')} (first {r.get('start_score')})"
            lines.append(
                f"\n{r['signal']} {r['number']}, step {r.get('step')}: loads {r.get('loads')}, "
                f"{scores}, differ {r['differ']} {r.get('why', '')}"
            )
    trained = sum(bool(r.get("trained")) for r in ended)
    if trained:
        lines.append(f"\n{trained} runs were ended after their training: their log is compared.")
    early = sum(bool(r.get("ended_before")) for r in records)
    if early:
        lines.append(f"\n{early} runs had ended before the signal.")
    failures = {str(r["failed"]) for r in records if "failed" in r}
    lines += [f"\nfailed: {reason}" for reason in sorted(failures)]
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "kills", rounds=1)
    parser.add_argument("--kills", type=int, default=10, help="of each signal")
    parser.add_argument("--signals", nargs="+", choices=SIGNALS, default=SIGNALS)
    parser.add_argument("--rows", type=int, default=ROWS, help="training rows of sst2")
    parser.add_argument("--epochs", type=float, default=EPOCHS, help="passes over them")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
