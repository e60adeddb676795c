"""How many tokens a second does weitiao learn from, and how many do the others?

    python benchmarks/train_speed.py --data ../data                  # whole epochs, three rounds
    python benchmarks/train_speed.py --data ../data --fraction 0.25  # a quarter of each epoch
    python benchmarks/train_speed.py --data ../data --laptop --sets sst2
    python benchmarks/train_speed.py --table                         # Markdown of what is stored

Timed is the training alone: from before the first update to after the last one, the texts
tokenised before, nothing judged or saved meanwhile. Tokens are real ones, never padding. Works:
sst2 (6,920 rows), long (articles, 299 tokens in the mean, a sample of 320 rows), e5 (e5-small on
Chinese reviews, a sample of 416 rows), tags (names in wnut17, 1,728 rows), reading (questions on
xquad's paragraphs, 320 rows); batches of 32 rows. `--laptop` hides AVX-512, bf16 and the
compiler from all contenders. Further plans: `--variant NAME "train.layout=packed ..."`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import epochs
import peers
import ratios
import timing

SCRIPT = Path(__file__).resolve()
FIRST_ROWS = 64  # of the first, untimed call of each plan: compiles, probes, converts weights

# Contender -> who does it, and how.
PEERS: dict[str, dict[str, Any]] = {
    "Trainer": {"act": "trainer"},
    "Trainer, padded to 128": {"act": "trainer", "padded": True},
    "Trainer, bf16, grouped by length": {"act": "trainer", "bf16": True, "grouped": True},
    "loop from parts": {"act": "loop", "bf16": True},
}
WEITIAO: dict[str, dict[str, Any]] = {
    "weitiao": {},
    "weitiao, same recipe": {"changes": epochs.SAME_RECIPE},
    "weitiao, no compiler": {"env": {"WEITIAO_COMPILER": "none"}},
    "weitiao, packed": {"changes": {"train.layout": "packed"}},
    "weitiao, padded": {"changes": {"train.layout": "padded"}},
}
ONLY_SST2 = ("Trainer, padded to 128", "Trainer, bf16, grouped by length")
NOT_ON_A_LAPTOP = ("Trainer, bf16, grouped by length", "weitiao, no compiler")


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    begin(given)


def table(records: list[timing.Record]) -> str:
    """Markdown: how many times as fast."""
    return ratios.table(records, ["weitiao", "weitiao, same recipe"], "tokens/s")


def begin(given: argparse.Namespace) -> None:
    """Run the cells that are missing."""
    variants = {**WEITIAO, **{n: {"changes": timing.changes_of(c)} for n, c in given.variant}}
    jobs = {**PEERS, **{name: {"act": "weitiao", **one} for name, one in variants.items()}}
    ready: set[tuple[str, str]] = set()

    def run(cell: timing.Record) -> timing.Record:
        job = {**jobs[cell["contender"]], "set": cell["set"], "rows": cell["rows"]}
        key = (cell["set"], cell["contender"])
        if job["act"] == "weitiao" and key not in ready:
            ready.add(key)
            _ask({**job, "rows": min(FIRST_ROWS, cell["rows"])}, given)
        return _ask(job, given)

    timing.run_cells(cells(given, list(jobs)), given.results, run, given.minutes)


def cells(given: argparse.Namespace, contenders: list[str]) -> Iterator[timing.Record]:
    """Round by round, in each all works, in each all contenders."""
    for number in range(1, given.rounds + 1):
        for name in given.sets:
            rows, epoch = epochs.count_of(name, given.fraction, given.data)
            where = ", laptop" if given.laptop else ""
            for contender in contenders:
                left_out = contender in NOT_ON_A_LAPTOP if given.laptop else False
                left_out |= contender in ONLY_SST2 and name != "sst2"
                if left_out or contender not in (given.contenders or [contender]):
                    continue
                yield {
                    "work": f"{name}, {rows:,} of {epoch:,} rows, {given.threads} threads{where}",
                    "set": name,
                    "rows": rows,
                    "round": number,
                    "contender": contender,
                }


def _ask(job: Mapping[str, Any], given: argparse.Namespace) -> timing.Record:
    store = timing.store_of(given.store)
    laptop = given.laptop
    env = {
        **timing.home_env(store, given.threads, "cache-laptop" if laptop else "cache"),
        **(timing.LAPTOP if laptop else {}),
        **job.get("env", {}),
    }
    told = {**job, "threads": given.threads, "data": str(given.data)}
    if laptop:
        told["bf16"] = False
    return timing.in_fresh_process([sys.executable, str(SCRIPT)], told, env)


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one contender's epoch."""
    return {"trainer": peers.trainer, "loop": peers.loop, "weitiao": epochs.weitiao}[job["act"]](
        job
    )


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "train_speed", rounds=3)
    parser.add_argument("--sets", nargs="*", default=list(epochs.WORKS), choices=epochs.WORKS)
    parser.add_argument("--contenders", nargs="*", help="only these, by name")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the rows of each work")
    parser.add_argument("--laptop", action="store_true", help="AVX2, no bf16, no compiler")
    parser.add_argument("--variant", nargs=2, action="append", default=[],
                        metavar=("NAME", "CHANGES"), help="a further plan of weitiao")  # fmt: skip
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
