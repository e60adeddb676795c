"""Do windows over whole texts beat the first 128 tokens?

    python benchmarks/long_documents.py --data ../data --minutes 60    # goes on where it stopped
    python benchmarks/long_documents.py --table                        # paired differences

A cell is (set, rows, seed, choice): bbc_news, whose texts have 480 tokens in the middle, with
`model.max_length: 128` and one choice of `model.long_texts`. All choices of a seed see the same
rows by the same plan, and all seeds are judged on the same rows. The difference of a choice to
`head` is the mean over seeds of each judged row, with a 95 % bootstrap interval over those rows.
Time is that of the whole training, and a hint only: cells are not measured in turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import ratios
import sets
import timing

SCRIPT = Path(__file__).resolve()
SEEDS = (1, 2, 3, 4, 5)
SIZES = {"bbc_news": (200, 1000)}
LONGEST = 128  # tokens
BASE = "head"
CHOICES: dict[str, dict[str, Any]] = {
    BASE: {"head": {}},
    "windows": {"windows": {}},
    "windows, max": {"windows": {"pooling": "max"}},
    "head_tail": {"head_tail": {}},
    "tail": {"tail": {}},
}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, compare):
        return
    env = timing.home_env(timing.store_of(given.store), given.threads)

    def run(cell: timing.Record) -> timing.Record:
        job = {**cell, "threads": given.threads, "data": str(given.data), "judged": given.judged,
               "changes": timing.changes_of(given.changes)}  # fmt: skip
        return timing.in_fresh_process([sys.executable, str(SCRIPT)], job, env)

    wanted = [cell for cell in cells() if _is_asked(cell, given)]
    print(compare(timing.run_cells(wanted, given.results, run, given.minutes)))


def cells() -> Iterator[timing.Record]:
    """Seed by seed, cheap ones first, the choices of a pair one after the other."""
    for seed in SEEDS:
        for name, sizes in SIZES.items():
            for rows in sizes:
                for choice in CHOICES:
                    yield {"set": name, "rows": rows, "seed": seed, "choice": choice}


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: plan, train and judge one cell."""
    epochs.use_threads(job["threads"])
    from weitiao.api.inputs import rows_of
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.evaluation.evaluate import evaluate
    from weitiao.planning.advise import Wish, advise
    from weitiao.run import Run
    from weitiao.training.run import train

    train_rows, test_rows, info = sets.load(job["set"], job["rows"], job["seed"], Path(job["data"]))
    source = from_rows(train_rows, job["set"])
    wish = Wish(
        path=f"memory:{source.fingerprint}", roles={"text": "text", "target": "label"},
        task=info["task"], model=info["checkpoint"], seed=job["seed"],
        changes={
            "data.test_size": 0.0, "model.max_length": LONGEST,
            "model.long_texts": CHOICES[job["choice"]], **job["changes"],
        },
    )  # fmt: skip
    plan = advise(wish, source).plan
    data = load(plan.data, plan.task_name, source)
    judged_rows = from_rows(test_rows[: job["judged"]], "test")
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(plan, data, Run.create(folder, "cell", plan))
        model = outcome.model
        report, answers = evaluate(model, rows_of(model, judged_rows, labelled=True))
    right = answers.answers.targets == answers.answers.values
    tokens = model.sizes(model.encode(data.train))
    return {
        "score": report.metrics["accuracy"], "metrics": dict(report.metrics),
        "right": "".join(map(str, right.astype(int).tolist())), "judged": report.rows,
        "train_seconds": round(outcome.seconds, 2), "epochs": plan.train.epochs,
        "tokens_a_row": round(float(np.mean(tokens)), 1), "threads": job["threads"],
        "checkpoint": info["checkpoint"], "rows_fingerprint": info["fingerprint"],
        "changes": job["changes"],
    }  # fmt: skip


def compare(records: list[timing.Record]) -> str:
    """Markdown: each choice's accuracy, and how far it is from `head`, in points (x 100)."""
    good = {_key(r): r for r in records if timing.is_good(r)}
    lines = [
        "| set, rows | choice | seeds | accuracy | to head, points | 95 % interval | tokens a "
        "row | seconds to train |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows, choice in dict.fromkeys((k[0], k[1], k[3]) for k in good):
        own = {k[2]: r for k, r in good.items() if (k[0], k[1], k[3]) == (name, rows, choice)}
        lines.append(_line(name, rows, choice, own, good))
    failed = {ratios.reason(r) for r in records if not timing.has_figures(r)}
    return "\n".join([*lines, *sorted(failed)])


def _line(
    name: str, rows: int, choice: str, own: Mapping[int, Any], good: Mapping[Any, Any]
) -> str:
    gains = []
    for seed, record in own.items():
        other = good.get((name, rows, seed, BASE))
        if other is None or choice == BASE:
            continue
        assert other["rows_fingerprint"] == record["rows_fingerprint"], "other rows"
        pair = [np.array(list(map(int, one["right"]))) for one in (record, other)]
        gains.append(pair[0] - pair[1])
    told = ["-", "-"]
    if gains:
        by_row = 100 * np.mean(gains, axis=0)
        generator = np.random.default_rng(0)
        draws = [generator.choice(by_row, len(by_row)).mean() for _ in range(5_000)]
        low, high = np.percentile(draws, [2.5, 97.5])
        told = [f"{by_row.mean():+.2f}", f"{low:+.2f} to {high:+.2f}"]
    mean = {key: np.mean([r[key] for r in own.values()])
            for key in ("score", "tokens_a_row", "train_seconds")}  # fmt: skip
    cells = [f"{name}, {rows:,}", choice, str(len(own)), f"{mean['score']:.4f}", *told,
             f"{mean['tokens_a_row']:.0f}", f"{mean['train_seconds']:.0f}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _key(record: Mapping[str, Any]) -> tuple[str, int, int, str]:
    return record["set"], record["rows"], record["seed"], record["choice"]


def _is_asked(cell: timing.Record, given: argparse.Namespace) -> bool:
    wanted = {"rows": given.rows, "seed": given.seeds, "choice": given.choices}
    return all(chosen is None or cell[key] in chosen for key, chosen in wanted.items())


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "long_documents", rounds=1, days=True)
    parser.add_argument("--rows", type=int, nargs="*", help="only these sizes")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    parser.add_argument("--choices", nargs="*", help="only these choices")
    parser.add_argument("--judged", type=int, default=10_000, help="at most so many judged rows")
    parser.add_argument("--changes", default="", help='of the plan, e.g. "train.epochs=3"')
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
