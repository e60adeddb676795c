"""How many tokens a second does weitiao learn from, and how many do the others?

    python benchmarks/train_speed.py --data ../data                  # whole epochs, three rounds
    python benchmarks/train_speed.py --data ../data --fraction 0.25  # a quarter of each epoch
    python benchmarks/train_speed.py --data ../data --laptop --sets sst2
    python benchmarks/train_speed.py --table                         # Markdown of what is stored

Timed is the training alone: from before the first update to after the last one, the texts
tokenised before, nothing judged or saved meanwhile. Tokens are real ones, never padding. Works:
sst2 (6,920 rows), long (articles, 299 tokens in the mean, a sample of 320 rows), e5 (e5-small on
Chinese reviews, a sample of 416 rows), tags (names in wnut17, 1,728 rows), tags_zh (e5-small on
cluener, 416 rows), reading (questions on
xquad's paragraphs, 320 rows); batches of 32 rows. `--laptop` hides AVX-512, bf16 and the
compiler from all contenders; `--avx2` leaves the compiler, for AVX2 code. Further plans:
`--variant NAME "train.layout=packed ..."`.

Share: the matrix products that the real tokens need (`planning/cost.py` counts them, padding not),
over what this machine's fastest accurate precision multiplies in the same seconds (`weitiao probe`,
before and after each contender, the better of both). weitiao's last layer computes the first tokens
alone where the head reads no others: those products are counted all the same. The file also has
`share_of_cpu_time`, in which time and rate are processor time: beside other programs, look there.
"""

from __future__ import annotations

import argparse
import statistics
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
    """Markdown: how many times as fast, and the share of the machine's product rate."""
    return ratios.table(records, ["weitiao", "weitiao, same recipe"], "tokens/s", "share")


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
            where = ", laptop" if given.laptop else ", AVX2" if given.avx2 else ""
            for contender in contenders:
                left_out = given.laptop and contender in NOT_ON_A_LAPTOP
                left_out |= given.avx2 and "bf16" in contender
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
    env = timing.home_env(store, given.threads)
    told = {**job, "threads": given.threads, "data": str(given.data)}
    if given.laptop or given.avx2:
        env |= timing.LAPTOP
        told["bf16"] = False
    if given.laptop:
        env["WEITIAO_CACHE"] = str(store / "cache-laptop")
    elif given.avx2:
        env["WEITIAO_CACHE"] = str(store / "cache-avx2")
        env["WEITIAO_COMPILER"] = str(compiler_for(timing.AVX2, store))
    env |= job.get("env", {})
    return timing.in_fresh_process([sys.executable, str(SCRIPT)], told, env)


def compiler_for(march: str, store: Path) -> Path:
    """A compiler that takes another processor's instructions for this one's."""
    script = store / f"g++-{march}"
    change = f'case $one in -march=native) one=-march={march};; esac; set -- "$@" "$one"'
    text = f'#!/bin/sh\nfor one in "$@"; do shift; {change}; done\nexec g++ "$@"\n'
    if not script.exists() or script.read_text(encoding="utf-8") != text:
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
    return script


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one contender's epoch, between two measurements of the products."""
    acts = {"trainer": peers.trainer, "loop": peers.loop, "weitiao": epochs.weitiao}
    epochs.use_threads(job["threads"])
    before = product_rates()
    found = acts[job["act"]](job)
    rate, cpu_rate = map(max, before, product_rates())
    needed = needed_operations(job["set"], found.pop("lengths"))
    return {
        **found,
        "operations": needed,
        "product_rate": rate,
        "product_rate_of_cpu_time": cpu_rate,
        "share": round(needed / found["seconds"] / rate, 3),
        "share_of_cpu_time": round(needed / found["own_cpu_seconds"] / cpu_rate, 3),
    }


def product_rates() -> tuple[float, float]:
    """Operations a second of the products in the precision that weitiao takes here: as
    `weitiao probe` measures them, and by a second of processor time (the median product)."""
    from weitiao.hardware import probe

    now = probe.measure()
    cpu_seconds = statistics.median(probe.cpu_seconds(now.best))
    return now.operations[now.best], probe.WORK / cpu_seconds


def needed_operations(name: str, lengths: list[int]) -> float:
    """Operations of the matrix products that training on rows of these lengths needs."""
    from weitiao.planning import cost, facts

    network = facts.network_of(epochs.kind_of(name).checkpoint, None)[0]
    return float(sum(n * cost.token_operations(network, n) for n in lengths))


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "train_speed", rounds=3)
    parser.add_argument("--sets", nargs="*", default=list(epochs.WORKS), choices=epochs.WORKS)
    parser.add_argument("--contenders", nargs="*", help="only these, by name")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the rows of each work")
    parser.add_argument("--laptop", action="store_true", help="AVX2, no bf16, no compiler")
    parser.add_argument("--avx2", action="store_true", help="AVX2, no bf16, kernels by g++ for it")
    parser.add_argument("--variant", nargs=2, action="append", default=[],
                        metavar=("NAME", "CHANGES"), help="a further plan of weitiao")  # fmt: skip
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
