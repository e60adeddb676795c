"""Does a fast tier learn as well as the general path in fp32?

    python benchmarks/tiers_quality.py --data ../data --minutes 60    # goes on where it stopped
    python benchmarks/tiers_quality.py --data ../data --list          # the cells still to run
    python benchmarks/tiers_quality.py --table                        # the pooled paired difference

A cell is (set, rows, seed, tier): the sets and sizes of quality_weitiao.py and 2,000 rows of mrpc,
five seeds. All tiers of a cell see the same rows by the same plan but for the changes named here.
Seed by seed, cheap ones first, so that stopping early leaves whole pairs. The difference of a tier
is pooled over (set, rows, seed), with a 95 % bootstrap interval over these pairs; the limit is a
lower end of -0.5 points. Another tier: `--tier NAME "train.layout=packed ..."`.
"""

from __future__ import annotations

import argparse
import sys
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
SMALL_ROWS = 200
LIMIT = -0.5  # points
FEW = 5  # pairs: an interval of fewer says nothing
SHARE_OF_E5 = 8  # times as dear a row as minilm-l6's
GENERAL = "general"
# Tier -> the plan's changes and the environment. The first is what the others are held against.
TIERS: dict[str, dict[str, Any]] = {
    GENERAL: {
        "changes": {"train.layout": "padded", "train.precision": "fp32", **epochs.SAME_RECIPE}
    },
    "default": {"changes": {}},
    "fused bf16": {"changes": {"train.layout": "fused", "train.precision": "bf16"}},
    "fused bf16, no compiler": {
        "changes": {"train.layout": "fused", "train.precision": "bf16"},
        "env": {"WEITIAO_COMPILER": "none"},
    },
    "packed onednn": {"changes": {"train.layout": "packed", "train.precision": "onednn"}},
    "packed bf16": {"changes": {"train.layout": "packed", "train.precision": "bf16"}},
}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, compare):
        return
    further = {n: {"changes": timing.changes_of(c)} for n, c in given.tier}
    tiers = {**TIERS, **further}
    store = timing.store_of(given.store)
    env = timing.home_env(store, given.threads)

    def run(cell: timing.Record) -> timing.Record:
        tier = tiers[cell["tier"]]
        job = {**cell, "changes": tier["changes"], "threads": given.threads,
               "data": str(given.data)}  # fmt: skip
        own = {**env, **tier.get("env", {})}
        return timing.in_fresh_process([sys.executable, str(SCRIPT)], job, own)

    wanted = [cell for cell in cells(list(tiers)) if _is_asked(cell, given)]
    if given.list:
        done = timing.read_records(given.results)
        keys = {_key(r) for r in done if timing.is_good(r)}
        print("\n".join(str(cell) for cell in wanted if _key(cell) not in keys))
        return
    print(compare(timing.run_cells(wanted, given.results, run, given.minutes)))


def cells(tiers: list[str]) -> Iterator[timing.Record]:
    """Seed by seed, cheap ones first, the tiers of a pair one after the other."""
    kinds = {**sets.SETS, "mrpc": sets.FURTHER["mrpc"]}
    sizes = [(name, SMALL_ROWS) for name in sets.SETS]
    sizes += [(name, kind.full_rows) for name, kind in kinds.items()]
    sizes.sort(key=lambda one: one[1] * (SHARE_OF_E5 if kinds[one[0]].language == "zh" else 1))
    for seed in SEEDS:
        for name, rows in sizes:
            for tier in tiers:
                yield {"set": name, "rows": rows, "seed": seed, "tier": tier}


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: plan, train and judge one cell."""
    import quality_weitiao

    epochs.use_threads(job["threads"])
    cell = (job["set"], job["rows"], job["seed"])
    found = quality_weitiao.run(cell, Path(job["data"]), job["changes"])
    return {**found, "threads": job["threads"]}


def compare(records: list[timing.Record]) -> str:
    """Markdown: how far each tier is from the general path, in points (x 100)."""
    good = {_key(r): r for r in records if timing.is_good(r)}
    lines = [
        f"| tier against {GENERAL} | pairs | difference, points | 95 % interval | limit {LIMIT} |",
        "|---|---|---|---|---|",
    ]
    for tier in dict.fromkeys(r["tier"] for r in records if r["tier"] != GENERAL):
        gains = []
        for record in (r for r in good.values() if r["tier"] == tier):
            other = good.get((*_key(record)[:3], GENERAL))
            if other is None:
                continue
            assert other["rows_fingerprint"] == record["rows_fingerprint"], "other rows"
            gains.append(100 * (record["score"] - other["score"]))
        lines.append(_line(tier, gains, [r for r in records if r["tier"] == tier]))
    return "\n".join(lines)


def _line(tier: str, gains: list[float], records: list[timing.Record]) -> str:
    if not gains:
        reasons = {ratios.reason(r) for r in records if not timing.has_figures(r)}
        return f"| {tier} | 0 | {'; '.join(sorted(reasons)) or '-'} | - | - |"
    draws = np.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    verdict = "within" if low > LIMIT else "cannot tell" if high > LIMIT else "below"
    if len(gains) < FEW:
        verdict = "too few pairs"
    return (
        f"| {tier} | {len(gains)} | {np.mean(gains):+.2f} | {low:+.2f} to {high:+.2f} | {verdict} |"
    )


def _key(record: Mapping[str, Any]) -> tuple[str, int, int, str]:
    return record["set"], record["rows"], record["seed"], record["tier"]


def _is_asked(cell: timing.Record, given: argparse.Namespace) -> bool:
    wanted = {"set": given.sets, "rows": given.rows, "seed": given.seeds, "tier": given.tiers}
    return all(chosen is None or cell[key] in chosen for key, chosen in wanted.items())


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "tiers_quality", rounds=1, days=True)
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--rows", type=int, nargs="*", help="only these sizes")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    parser.add_argument("--tiers", nargs="*", help="only these tiers")
    parser.add_argument("--tier", nargs=2, action="append", default=[],
                        metavar=("NAME", "CHANGES"), help="a further tier")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="show what is still to run")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
