"""How good is a model of 8, 16 or 64 rows a label, and how often does training come to nothing?

    python benchmarks/few_rows.py --data ../data --minutes 15   # goes on where it stopped
    python benchmarks/few_rows.py --data ../data --contenders weitiao before frozen_linear
    python benchmarks/few_rows.py --data ../data --degenerate   # 20 seeds of 200 rows
    python benchmarks/few_rows.py --table

Five samples of each set and size, every contender on the same rows and the same encoder: weitiao's
defaults; the same without the contrast of few rows (`plain`), or with the names of the labels as
rows (`names`, the step label_names); weitiao as before (first token, no
linear start, no refit, no contrast); a linear model on the frozen encoder; SetFit (`pip install
setfit`), with as many steps as fit into the time that weitiao's defaults took on the same rows. A
run is degenerate when it answers no better than the most frequent label of the judged rows.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import linear_start
import pooled
import scorers
import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
SETS = ("sst2", "trec6", "thucnews_titles", "chnsenticorp_htl", "banking77")
PER_CLASS = (8, 16, 64)
SAMPLES = (1, 2, 3, 4, 5)
CHANGES: dict[str, dict[str, Any]] = {
    "weitiao": {},
    "plain": {"train.strategies": {}},
    "before": {
        "model.head": "native",
        "train.linear_start": False,
        "train.refit": "never",
        "train.strategies": {},
    },
    "names": {"data.steps": {"label_names": {}}},
}
# What a user would call the labels of the sets that have numbers, codes or another language.
NAMES: dict[str, dict[str, str]] = {
    "sst2": {"0": "negative, bad, boring", "1": "positive, good, moving"},
    "trec6": {"ABBR": "abbreviation", "DESC": "description, definition, reason, manner",
              "ENTY": "thing, animal, food, term", "HUM": "person, group of people",
              "LOC": "place, city, country", "NUM": "number, date, count, money"},
    "chnsenticorp_htl": {"0": "差评，不满意，很差", "1": "好评，满意，很好"},
    "thucnews_titles": {"finance": "财经", "realty": "房产", "stocks": "股票", "education": "教育",
                        "science": "科技", "society": "社会", "politics": "时政", "sports": "体育",
                        "game": "游戏", "entertainment": "娱乐"},
}  # fmt: skip
CONTENDERS = (*CHANGES, "frozen_linear", "setfit")
SAME = ("set", "per_class", "seed")
DEGENERATE_ROWS, DEGENERATE_SEEDS = 200, 20
DEGENERATE_SETS = ("sst2", "trec6", "thucnews_titles", "chnsenticorp_htl", "banking77")


def main() -> None:
    options = parse()
    if timing.is_served(options, act, table):
        return
    store = timing.store_of(options.store)
    chosen = cells(options.sets, options.per_class, options.seeds, options.contenders)
    wanted = degenerate_cells(options.sets, options.contenders) if options.degenerate else chosen
    records = timing.run_cells(
        wanted, options.results, lambda cell: run(cell, options, store), options.minutes
    )
    print(table(records))


def act(job: Any) -> timing.Record:
    """In the fresh process: weitiao, or another method."""
    return scorers.score(job) if "contender" in job else whole_runs.fit_here(job)


def cells(
    sets: Sequence[str] = SETS,
    per_class: Sequence[int] = PER_CLASS,
    seeds: Sequence[int] = SAMPLES,
    contenders: Sequence[str] = CONTENDERS,
) -> Iterator[timing.Record]:
    """Sample by sample, the contenders of a pair one after the other; SetFit, the dearest, after
    all others of a sample."""
    order = [(place + PER_CLASS.index(count), place, count, seed)
             for place, seed in enumerate(seeds) for count in per_class]  # fmt: skip
    for *_, count, seed in sorted(order):
        for dear in (False, True):
            for name in sets:
                for contender in contenders:
                    if (contender == "setfit") == dear:
                        yield {"set": name, "per_class": count, "seed": seed,
                               "contender": contender}  # fmt: skip


def degenerate_cells(
    sets: Sequence[str] = DEGENERATE_SETS, contenders: Sequence[str] = CONTENDERS
) -> Iterator[timing.Record]:
    """Seeds of weitiao on a fixed size (`per_class` 0)."""
    for seed in range(1, DEGENERATE_SEEDS + 1):
        for name in sets:
            for contender in (one for one in contenders if one in CHANGES):
                yield {"set": name, "per_class": 0, "seed": seed, "contender": contender}


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    name, seed, contender = cell["set"], cell["seed"], cell["contender"]
    rows = (
        whole_sets.load_few(name, cell["per_class"], seed, options.data)
        if cell["per_class"]
        else whole_sets.load(name, DEGENERATE_ROWS, seed, options.data)
    )
    labels = Counter(row["label"] for row in rows.judged)
    about = {"majority": labels.most_common(1)[0][1] / len(rows.judged),
             "train_rows": len(rows.train), "rows_fingerprint": rows.fingerprint}  # fmt: skip
    if contender in CHANGES:
        changes = {"model.max_length": linear_start.LONGEST, **CHANGES[contender]}
        if contender == "names":
            changes["data.steps"] = {"label_names": {"names": NAMES.get(name, {})}}
        return {**linear_start.fit_cell(rows, seed, changes, options, SCRIPT, store), **about}
    settings = whole_runs.Settings(store, options.threads)
    env = whole_runs.environment(settings, store / whole_runs.WARM)
    limit = seconds_of(cell, options.results) if contender == "setfit" else None
    job = {"contender": contender, "seed": seed, "threads": options.threads,
           "checkpoint": rows.checkpoint,
           "changes": {"model.max_length": linear_start.LONGEST},
           "seconds": limit}  # fmt: skip
    record = scorers.run([sys.executable, str(SCRIPT)], rows, job, env, store)
    record.pop("disturbed", None)  # a score does not depend on it
    return {**record, **about}


def seconds_of(cell: timing.Record, results: Path) -> float | None:
    """What weitiao's defaults took on the same rows; None when they have not run."""
    for record in timing.read_records(results):
        same = all(record.get(name) == cell[name] for name in SAME)
        if same and record["contender"] == "weitiao" and record.get("score") is not None:
            return float(record["seconds"])
    return None


def table(records: list[timing.Record]) -> str:
    """Markdown: pooled differences, means by set and size, degenerate runs."""
    if not records:
        return "nothing is stored"
    few = [record for record in records if record["per_class"]]
    sections = [differences(few), means(few), degenerate(records), *linear_start.reasons(records)]
    return "\n\n".join(section for section in sections if section)


def differences(records: Sequence[timing.Record]) -> str:
    """The pooled paired difference of weitiao's defaults from each other contender."""
    if not records:
        return ""
    lines = [
        "**weitiao's defaults less the other, points (95 % interval)**\n",
        "| against | rows a label | sets | pairs | difference |",
        "|---|---|---|---|---|",
    ]
    for other in CONTENDERS[1:]:
        for count in (*PER_CLASS, None):
            chosen = [r for r in records if count is None or r["per_class"] == count]
            result = pooled.pooled(against(chosen, other))
            if result.pairs:
                lines.append(f"| {other} | {count or 'all'} | {result.sets} | {result.pairs} "
                             f"| {result} |")  # fmt: skip
    return "\n".join(lines)


def against(records: Sequence[timing.Record], other: str) -> dict[str, list[float]]:
    """The paired differences of weitiao's defaults from a contender, by set."""
    return pooled.differences(
        records,
        lambda record: record["contender"] == other,
        lambda record: record["contender"] == "weitiao",
        SAME,
    )


def means(records: Sequence[timing.Record]) -> str:
    """Mean score, its standard deviation over samples, and seconds."""
    if not records:
        return ""
    lines = ["| set | rows a label | " + " | ".join(CONTENDERS) + " |",
             "|---" * (2 + len(CONTENDERS)) + "|"]  # fmt: skip
    good = [record for record in records if record.get("score") is not None]
    for name, count in sorted({(r["set"], r["per_class"]) for r in good}):
        texts = []
        for contender in CONTENDERS:
            some = [r for r in good if (r["set"], r["per_class"], r["contender"])
                    == (name, count, contender)]  # fmt: skip
            scores = [100 * r["score"] for r in some]
            std = f" ± {np.std(scores, ddof=1):.1f}" if len(some) > 1 else ""
            seconds = np.mean([r["seconds"] for r in some]) if some else 0
            texts.append(f"{np.mean(scores):.1f}{std} ({seconds:.0f} s)" if some else "-")
        lines.append(f"| {name} | {count} | {' | '.join(texts)} |")
    return "\n".join(lines)


def degenerate(records: Sequence[timing.Record]) -> str:
    """How many runs on 200 rows answer no better than the most frequent label."""
    good = [r for r in records if not r["per_class"] and r.get("score") is not None]
    if not good:
        return ""
    lines = [f"**{DEGENERATE_ROWS} rows: runs at or below the most frequent label**\n",
             "| set | most frequent label | " + " | ".join(CHANGES) + " |",
             "|---" * (2 + len(CHANGES)) + "|"]  # fmt: skip
    for name in dict.fromkeys(r["set"] for r in good):
        texts = []
        for contender in CHANGES:
            some = [r for r in good if (r["set"], r["contender"]) == (name, contender)]
            bad = sum(r["score"] <= r["majority"] + 1e-9 for r in some)
            least = min((100 * r["score"] for r in some), default=float("nan"))
            texts.append(f"{bad} of {len(some)} (least {least:.1f})" if some else "-")
        majority = next(r["majority"] for r in good if r["set"] == name)
        lines.append(f"| {name} | {100 * majority:.1f} | {' | '.join(texts)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "few_rows", rounds=1, days=True)
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--per-class", nargs="+", type=int, default=PER_CLASS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SAMPLES, help="samples of rows")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--degenerate", action="store_true", help="20 seeds of 200 rows")
    parser.add_argument("--smoke", action="store_true",
                        help="leave out fields that this version does not have")  # fmt: skip
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
