"""What score does `weitiao fit` reach by when, beside TF-IDF, a frozen encoder and the Trainer?

    python benchmarks/anytime.py --data ../data --minutes 20   # the most telling cells first
    python benchmarks/anytime.py --data ../data --rows 1000 --states warm    # only these
    python benchmarks/anytime.py --table                       # tables of what is stored
    python benchmarks/anytime.py --picture docs/anytime.svg    # the mean score over seconds

A cell is (set, rows, contender, state, budget). Each is a whole process on the same rows, judged on
the same 300 rows: weitiao by `fit --budget`, its cache warm (kernels, conversions and measurements
of this machine are there) or cold (an empty folder); the Trainer gets the same seconds, imports
included, and takes as many epochs as fit (at most 10; without a budget the 3 of its example);
TF-IDF + linear and frozen encoder + linear take what they need; `frozen_in_time` encodes as many
rows as the same seconds allow. 4,000 rows are all rows of a set
that has fewer. Differences are paired by row, weitiao less the other, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import anytime_picture
import scorers
import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
ROWS = (1000, 200, 4000)  # in the order of importance, as the next two
BUDGETS = (30.0, 60.0, 15.0, 120.0, 0.0, 300.0)  # seconds; 0: none
STATES = ("warm", "cold")
LINEAR = ("tfidf_linear", "frozen_linear")
IN_TIME = "frozen_in_time"
CONTENDERS = (*LINEAR, IN_TIME, "weitiao", "trainer")
NO_TAGS = ("trainer", "frozen_linear", IN_TIME)
MOST_BELOW = -0.01  # a cell of weitiao is listed from one point below the best linear model


def main() -> None:
    options = parse()
    if options.picture and not options.data:
        return draw(options)
    if timing.is_served(options, scorers.score, table):
        return None
    store = timing.store_of(options.store)
    records = timing.run_cells(
        cells(options.sets, options.rows, options.budgets, options.states, options.contenders),
        options.results,
        lambda cell: run(cell, options, store),
        options.minutes,
    )
    print(table(records))
    return draw(options) if options.picture else None


def cells(
    sets: Sequence[str] = whole_sets.ANYTIME,
    rows: Sequence[int] = ROWS,
    budgets: Sequence[float] = BUDGETS,
    states: Sequence[str] = STATES,
    contenders: Sequence[str] = CONTENDERS,
) -> list[timing.Record]:
    """All cells, the most telling first: the sum of the places in the lists above decides.

    The linear models of a size come before all else of it, since the others are held against them.
    """
    ranked = []
    for contender in contenders:
        for size in rows:
            for state, budget in _settings(contender, budgets, states):
                rank = (
                    2 * ROWS.index(size)
                    + (BUDGETS.index(budget) if contender not in LINEAR else -1)
                    + (3 if state == "cold" else 0)
                    + (1 if contender == "trainer" else 0)
                )
                cell = {"rows": size, "contender": contender, "state": state, "budget": budget}
                ranked += [
                    (rank, {"set": name, **cell})
                    for name in sets
                    if not (name in whole_sets.TAGGED and contender in NO_TAGS)
                ]
    return [cell for _, cell in sorted(ranked, key=lambda pair: pair[0])]


def _settings(
    contender: str, budgets: Sequence[float], states: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """State and budget: the linear models have no budget, and only weitiao has a cache."""
    if contender in LINEAR:
        yield "-", 0.0
        return
    for state in states if contender == "weitiao" else ("-",):
        for budget in budgets:
            if budget or contender != IN_TIME:
                yield state, budget


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    """Run a cell; of weitiao also the paired differences from the linear models."""
    rows = whole_sets.load(cell["set"], cell["rows"], 1, options.data)
    budget = cell["budget"] or None
    answers = answers_of(cell, store)
    settings = whole_runs.Settings(store, options.threads, budget, cell["state"] == "cold")
    about = {"train_rows": len(rows.train), "rows_fingerprint": rows.fingerprint}
    if cell["contender"] == "weitiao":
        if cell["state"] == "warm":
            whole_runs.warm_up(cell["set"], options.data, settings)
        record = whole_runs.fit(rows, settings, answers)
        others = {
            name: whole_runs.difference(answers, answers_of(linear_cell(cell, name), store))
            for name in LINEAR
        }
        in_time = {**linear_cell(cell, IN_TIME), "budget": cell["budget"]}
        others[IN_TIME] = whole_runs.difference(answers, answers_of(in_time, store))
        differences = {name: value for name, value in others.items() if value}
        return {**record, **about, "differences": differences}
    job = {"contender": cell["contender"], "seed": 1, "threads": options.threads,
           "seconds": budget, "answers": str(answers)}  # fmt: skip
    env = whole_runs.environment(settings, store / whole_runs.WARM)
    record = scorers.run([sys.executable, str(SCRIPT)], rows, job, env, store)
    return {**record, **about}


def linear_cell(cell: Mapping[str, Any], contender: str) -> timing.Record:
    """The cell of a linear model on the same rows."""
    return {"set": cell["set"], "rows": cell["rows"], "contender": contender, "state": "-",
            "budget": 0.0}  # fmt: skip


def answers_of(cell: Mapping[str, Any], store: Path) -> Path:
    """The folder of a cell's predictions."""
    names = ("set", "rows", "contender", "state", "budget")
    return store / "answers" / "-".join(str(cell[name]) for name in names)


# --- tables


def usable(records: Iterable[timing.Record]) -> list[timing.Record]:
    """One record a cell, those with a score: the last undisturbed one, else the last."""
    chosen: dict[tuple[Any, ...], timing.Record] = {}
    for record in records:
        if record.get("score") is None:
            continue
        key = tuple(record[name] for name in ("set", "rows", "contender", "state", "budget"))
        if key not in chosen or timing.is_good(record) or not timing.is_good(chosen[key]):
            chosen[key] = record
    return list(chosen.values())


def table(records: list[timing.Record]) -> str:
    """Markdown: means by budget, the cells below the linear models, every cell, who disturbed."""
    if not records:
        return "nothing is stored"
    good = usable(records)
    sections = [means(good), below(good), below_in_time(good), every_cell(good)]
    disturbed = sum(bool(record.get("disturbed")) for record in good)
    if disturbed:
        sections.append(f"{disturbed} of {len(good)} cells were disturbed by other processes (*).")
    without = [record for record in records if record.get("score") is None]
    sections += [f"{name_of(r)}: {reason(r)}" for r in without]
    return "\n\n".join(sections)


def reason(record: Mapping[str, Any]) -> str:
    """Why a cell has no score."""
    if "over_seconds" in record:
        return f"stopped after {record['over_seconds']:g} s"
    return str(record.get("refused") or record.get("failed") or "its score is undefined")


def means(records: Sequence[timing.Record]) -> str:
    """The mean score of each contender by rows and budget, on the sets that all of a line have."""
    by_place: dict[tuple[int, float], dict[str, dict[str, timing.Record]]] = {}
    linear: dict[tuple[int, str], dict[str, timing.Record]] = {}
    for record in records:
        name, size = column_of(record), record["rows"]
        if record["contender"] in LINEAR:
            linear.setdefault((size, name), {})[record["set"]] = record
        else:
            columns = by_place.setdefault((size, record["budget"]), {})
            columns.setdefault(name, {})[record["set"]] = record
    names = ["tfidf_linear", "frozen_linear", "weitiao warm", "weitiao cold", "trainer", IN_TIME]
    lines = [
        "**Mean score x 100 (mean seconds), whole processes**",
        "| rows | budget | sets | " + " | ".join(names) + " |\n" + "|---" * 9 + "|",
    ]
    for size, budget in sorted(by_place, key=lambda place: (place[0], place[1] or 1e9)):
        columns = {**by_place[size, budget]}
        columns.update({name: linear[size, name] for name in LINEAR if (size, name) in linear})
        common = set.intersection(*(set(column) for column in columns.values()))
        texts = [_mean(columns.get(name, {}), common) for name in names]
        lines.append(f"| {size} | {told_budget(budget)} | {len(common)} | {' | '.join(texts)} |")
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _mean(column: Mapping[str, timing.Record], common: set[str]) -> str:
    if not column or not common:
        return "-"
    scores = [100 * column[name]["score"] for name in common]
    seconds = [column[name]["seconds"] for name in common]
    return f"{np.mean(scores):.1f} ({np.mean(seconds):.0f} s)"


def column_of(record: Mapping[str, Any]) -> str:
    """weitiao is two columns, by the state of its cache."""
    contender = str(record["contender"])
    return f"{contender} {record['state']}" if contender == "weitiao" else contender


def told_budget(budget: float) -> str:
    return f"{budget:g} s" if budget else "none"


def below(records: Sequence[timing.Record]) -> str:
    """The cells of weitiao more than a point below the best linear model, beyond the interval."""
    compared = [(record, *verdict(record, records)) for record in records
                if record["contender"] == "weitiao"]  # fmt: skip
    compared = [one for one in compared if one[1]]
    listed = [one for one in compared if one[3]]
    title = f"**More than 1 point below the best linear model, beyond the interval:** {len(listed)}"
    lines = [f"{title} of {len(compared)} cells"]
    for record, name, text, _ in listed:
        lines.append(f"- {name_of(record)}: {text} points against {name}")
    return "\n".join(lines)


def below_in_time(records: Sequence[timing.Record]) -> str:
    """The cells of weitiao against the better of TF-IDF and of what the frozen encoder reaches in
    the same time, of cells where both are known."""
    known = {(r["set"], r["rows"], r["contender"], r["budget"]): r for r in records}
    lines = []
    for record in records:
        if record["contender"] != "weitiao":
            continue
        place = record["set"], record["rows"]
        rivals = {IN_TIME: known.get((*place, IN_TIME, record["budget"])),
                  "tfidf_linear": known.get((*place, "tfidf_linear", 0.0))}  # fmt: skip
        if not all(rivals.values()):
            continue
        figures = {name: float(one["score"]) for name, one in rivals.items() if one}
        name = max(figures, key=lambda one: figures[one])
        low, high = (record.get("differences", {}).get(name) or [0, float("nan"), float("nan")])[1:]
        gap = 100 * (record["score"] - figures[name])
        interval = f"({100 * low:+.1f} to {100 * high:+.1f})"
        lines.append(f"- {name_of(record)}: {gap:+.1f} {interval} against {name}")
    return "\n".join(["**Against the better linear model of the same time**", *lines])


def verdict(record: timing.Record, records: Sequence[timing.Record]) -> tuple[str, str, bool]:
    """The best linear model on the same rows, the difference in words, and whether it is listed.

    Without a paired difference weitiao's own interval stands for it.
    """
    rivals = [other for other in records if other["contender"] in LINEAR
              and (other["set"], other["rows"]) == (record["set"], record["rows"])]  # fmt: skip
    figures = {str(other["contender"]): float(other["score"]) for other in rivals}
    if not figures:  # those that the run itself has fitted in its time
        saved = record.get("saved_baselines", {})
        figures = {name: saved[name] for name in LINEAR if saved.get(name) is not None}
    if not figures:
        return "", "", False
    name = max(figures, key=lambda one: figures[one])
    gap = record["score"] - figures[name]
    paired = record.get("differences", {}).get(name)
    high = paired[2] if paired else (record.get("interval") or [0, 1])[1] - figures[name]
    low = paired[1] if paired else (record.get("interval") or [0, 1])[0] - figures[name]
    text = f"{100 * gap:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    return name, text, gap < MOST_BELOW and high < 0


def every_cell(records: Sequence[timing.Record]) -> str:
    """A line a cell."""
    lines = [
        "| set | rows | contender | budget | score | 95 % interval | seconds | processor seconds "
        "of others | against the best linear model |\n" + "|---" * 9 + "|"
    ]
    order = sorted(records, key=lambda r: (r["set"], r["rows"], column_of(r), r["budget"] or 1e9))
    for record in order:
        low, high = record.get("interval") or (float("nan"), float("nan"))
        star = "*" if record.get("disturbed") else ""
        name, text, _ = verdict(record, records)
        against = f"{text}, {name}" if name and record["contender"] not in LINEAR else "-"
        lines.append(
            f"| {record['set']} | {record.get('train_rows', record['rows'])} | {column_of(record)} "
            f"| {told_budget(record['budget'])} | {record['score']:.4f} | {low:.4f} to {high:.4f} "
            f"| {record['seconds']:.1f}{star} | {record.get('foreign_cpu_seconds', 0):.1f} "
            f"| {against} |"
        )
    return "\n".join(lines)


def name_of(record: Mapping[str, Any]) -> str:
    budget = told_budget(record["budget"])
    return f"{record['set']}, {record['rows']} rows, {column_of(record)}, budget {budget}"


def draw(options: argparse.Namespace) -> None:
    """Write the picture of what is stored."""
    path = options.results if options.results.exists() else timing.newest(options.results)
    records = usable(timing.read_records(path))
    options.picture.write_text(anytime_picture.drawn(records), encoding="utf-8")
    print(options.picture)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "anytime", rounds=1, days=True)
    parser.add_argument("--sets", nargs="+", default=whole_sets.ANYTIME, help="only these")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="only these sizes")
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS, help="0: none")
    parser.add_argument("--states", nargs="+", choices=STATES, default=STATES)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--picture", type=Path, help="draw what is stored into this SVG")
    options = parser.parse_args()
    if not (options.data or options.job or options.table or options.picture):
        parser.error("--data is needed")
    return options


if __name__ == "__main__":
    main()
