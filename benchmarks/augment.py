"""Does augmentation help a linear model on the frozen encoder, which kind, and does the rule of
`weitiao augment --try` pick the right ones?

    python benchmarks/augment.py --data ../data --minutes 15   # goes on where it stopped
    python benchmarks/augment.py --table

A cell is (set, rows, seed, step): the linear layer of `weitiao augment --try` learns from the same
rows with one step, one new row for each, or with none, and is judged on 300 other rows. A cell of
the step `rule` tries all steps on these rows alone, as the verb does, and learns with those that
it keeps (`rule_by_validation`: as it judged until 30 November). The difference is paired by
(set, rows, seed) and pooled; its interval is a bootstrap over sets and the pairs within them.
`synonyms` needs WordNet's files and weitiao[augmentation], `back_translation` Apertium with its
pair en-es; it is tried on English alone, and `entity_swap` on tagged texts.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pooled
import timing
import whole_sets

ENGLISH = ("sst2", "trec6", "banking77", "mrpc")
SETS = (*ENGLISH, "thucnews_titles", "chnsenticorp_htl", "reviews-zh", "lcqmc",
        *whole_sets.TAGGED)  # fmt: skip
# Where a step can be: Apertium's pair is of English, two texts have no halves, texts no names.
ONLY = {
    "back_translation": ENGLISH,
    "mixed_rows": tuple(name for name in SETS
                        if name not in ("mrpc", "lcqmc", *whole_sets.TAGGED)),
    "entity_swap": whole_sets.TAGGED,
}  # fmt: skip
ROWS = (100, 500)
SEEDS = (1, 2, 3)
NONE, RULE = "none", "rule"
SETTINGS: dict[str, dict[str, Any]] = {
    "aeda": {},
    "random_edits": {},
    "typos": {},
    "synonyms": {},
    "mixed_rows": {},
    "entity_swap": {},
    "back_translation": {"there": "apertium:eng-spa", "back": "apertium:spa-eng"},
}
STEPS = tuple(SETTINGS)
LONGEST = 128  # tokens
SAME = ("set", "rows", "seed")


def main() -> None:
    options = parse()
    if options.table:
        print(table(timing.read_records(options.results)))
        return
    store = timing.store_of(options.store)
    records = timing.run_cells(
        (
            cell
            for cell in cells(options.sets, options.rows, options.seeds)
            if cell["step"] in options.steps
        ),
        options.results,
        lambda cell: run(cell, options, store),
        options.minutes,
    )
    print(table(records))


def cells(
    sets: Sequence[str] = SETS, rows: Sequence[int] = ROWS, seeds: Sequence[int] = SEEDS
) -> Iterator[timing.Record]:
    """Seed by seed, the steps of a pair one after the other."""
    for seed in seeds:
        for size in rows:
            for name in sets:
                for step in (NONE, *steps_of(name), RULE):
                    yield {"set": name, "rows": size, "seed": seed, "step": step}


def steps_of(name: str) -> tuple[str, ...]:
    """The steps that are tried on a set."""
    return tuple(step for step in STEPS if name in ONLY.get(step, SETS))


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    import torch

    from weitiao.evaluation.evaluate import answers_of, measure
    from weitiao.evaluation.metrics.base import metrics_of

    torch.set_num_threads(options.threads)
    place = cell["set"], cell["rows"], cell["seed"]
    fits, fingerprint = prepared(*place, options.data, store)
    step, more = cell["step"], timing.Record()
    chosen = {} if step == NONE else {step: SETTINGS.get(step)}
    if step == RULE:
        chosen, more = kept(cell, options, store)
    model, seconds, learned = fits.learn(np.arange(len(fits.train)), chosen, fits.plan.train.seed)
    report = measure(
        answers_of(model, fits.data.validation)[2],
        metrics_of(fits.model.task, fits.plan.evaluate.metrics),
    )
    return {
        "metric": report.primary,
        "score": report.metrics[report.primary],
        "seconds": round(seconds, 2),
        "learned_rows": learned,
        "judged_rows": report.rows,
        "rows_fingerprint": fingerprint,
        **more,
    }


def kept(
    cell: timing.Record, options: argparse.Namespace, store: Path
) -> tuple[dict[str, Any], timing.Record]:
    """The steps that the rule keeps, found with the training rows alone; and what it saw."""
    import weitiao

    rows = whole_sets.load(cell["set"], cell["rows"], cell["seed"], options.data)
    begin = time.monotonic()
    trial = weitiao.try_steps(
        str(rows.write(store / "rows")[0]),
        steps={name: SETTINGS[name] for name in steps_of(cell["set"])},
        task=rows.task,
        roles=rows.roles,
        model=rows.checkpoint,
        seed=cell["seed"],
        changes=changes_of(rows),
    )
    figures = {one.step: [round(v, 4) for v in (one.gain, one.low, one.high)]
               for one in trial.tried}  # fmt: skip
    names = [one.step for one in trial.tried if one.kept]
    return {name: SETTINGS[name] for name in names}, {
        "kept": names,
        "tried": figures,
        "trial_seconds": round(time.monotonic() - begin, 1),
    }


@functools.lru_cache(maxsize=1)
def prepared(name: str, size: int, seed: int, data_dir: Path, store: Path) -> tuple[Any, str]:
    """The rung, ready to learn from all rows; and their fingerprint."""
    import weitiao
    from weitiao.api.augment_trial import PairedFits
    from weitiao.data.files.open import ReadOptions
    from weitiao.data.prepare.load import Data
    from weitiao.data.rows import Rows, everything
    from weitiao.model.model import Model

    rows = whole_sets.load(name, size, seed, data_dir)
    paths = [str(path) for path in rows.write(store / "rows")]
    plan = weitiao.plan(paths[0], validation=paths[1], task=rows.task, roles=rows.roles,
                        model=rows.checkpoint, seed=seed, changes=changes_of(rows))  # fmt: skip
    sources = [ReadOptions().open(path) for path in paths]
    learned, judged = (
        Rows(one.table, everything(one.table), plan.data.roles, one.name, rows.task)
        for one in sources
    )
    data = Data(learned, judged, None, learned.take([]), (), "")
    fits = PairedFits(plan, data, Model.start(plan, learned, judged), False)
    return fits, rows.fingerprint


def changes_of(rows: whole_sets.Rows) -> dict[str, Any]:
    """The plan's fields that are not measured."""
    head = {} if rows.task == "token_classification" else {"model.head": "mean"}
    return {"model.max_length": LONGEST, **head}


def table(records: list[timing.Record]) -> str:
    """Markdown: pooled differences by step and size; mean score of each set."""
    if not records:
        return "nothing is stored"
    return "\n\n".join([gains(records), scores(records)])


def gains(records: Sequence[timing.Record]) -> str:
    lines = [
        "**Gain over no augmentation, points (95 % interval)**\n",
        "| step | rows | sets | pairs | gain | seconds more |",
        "|---|---|---|---|---|---|",
    ]
    for step in (*STEPS, RULE):
        for size in (*sorted({r["rows"] for r in records}), None):
            chosen = [r for r in records if size is None or r["rows"] == size]
            result, seconds = gain(chosen, step)
            if result.pairs:
                lines.append(f"| {step} | {size or 'all'} | {result.sets} | {result.pairs} "
                             f"| {result} | {seconds:+.1f} |")  # fmt: skip
    ruled = [record for record in records if "kept" in record]
    names = [name for record in ruled for name in record["kept"]]
    counts = ", ".join(f"{name} {names.count(name)}" for name in STEPS)
    lines.append(f"\nOf {len(ruled)} trials the rule kept: {counts}")
    return "\n".join(lines)


def gain(records: Sequence[timing.Record], step: str) -> tuple[pooled.Pooled, float]:
    """The pooled difference of a step from none, and the mean difference of the seconds."""

    def of(name: str) -> Any:
        return lambda record: record["step"] == name

    figures = pooled.differences(records, of(NONE), of(step), SAME)
    seconds = pooled.differences(records, of(NONE), of(step), SAME, lambda r: r["seconds"])
    every = [value for values in seconds.values() for value in values]
    return pooled.pooled(figures), float(np.mean(every)) if every else float("nan")


def scores(records: Sequence[timing.Record]) -> str:
    """Mean score by set, rows and step."""
    columns = (NONE, *STEPS, RULE)
    lines = ["| set | rows | " + " | ".join(columns) + " |", "|---" * (2 + len(columns)) + "|"]
    good = [record for record in records if record.get("score") is not None]
    for name, size in dict.fromkeys((r["set"], r["rows"]) for r in good):
        means = []
        for step in columns:
            some = [
                r["score"] for r in good if (r["set"], r["rows"], r["step"]) == (name, size, step)
            ]
            means.append(f"{100 * np.mean(some):.1f}" if some else "-")
        lines.append(f"| {name} | {size} | {' | '.join(means)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "augment", rounds=1, days=True)
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="only these sizes")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--steps", nargs="+", default=(NONE, *STEPS, RULE), help="only these")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
