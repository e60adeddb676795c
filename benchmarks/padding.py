"""How much is filled up when each update of sst2 is one padded batch: by length, and at random?

    python benchmarks/padding.py --data ../data

Seconds; no network is run. A cell is how the rows of an update are chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import sets
import timing

SCRIPT = Path(__file__).resolve()
ROWS, BATCH_SIZE, EPOCHS, SEED = 6_900, 32, 3, 1
CHECKPOINT = "minilm-l6"


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [{"set": "sst2", "rows": ROWS, "chosen": how} for how in ("by length", "at random")]
    found = timing.run_cells(cells, given.results, timing.runner(SCRIPT, given), given.minutes)
    print(table(found))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: the lengths of the rows, and what filling them up adds."""
    from transformers import AutoTokenizer

    from weitiao.checkpoints.resolve import resolve
    from weitiao.training.batches import Stream

    rows, _, _ = sets.load(job["set"], job["rows"], SEED, Path(job["data"]))
    tokenizer = AutoTokenizer.from_pretrained(resolve(CHECKPOINT).path_or_name)
    encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=128)
    lengths = np.array([len(ids) for ids in encoded["input_ids"]])
    order = Stream(lengths, SEED, BATCH_SIZE, 1 << 20, False, job["chosen"] == "by length")
    updates = range(EPOCHS * len(lengths) // BATCH_SIZE)
    sizes = lengths[np.stack([order.rows_of(update) for update in updates])]
    filled = (sizes.max(1) * BATCH_SIZE).sum() / sizes.sum() - 1
    return {"padding": round(float(filled), 4), "batch_size": BATCH_SIZE, "epochs": EPOCHS}


def table(records: list[timing.Record]) -> str:
    """Markdown: padding as a share of the real tokens."""
    lines = ["| rows of an update | padding, share of the real tokens |", "|---|---|"]
    good = [r for r in records if timing.has_figures(r)]
    return "\n".join([*lines, *(f"| {r['chosen']} | {r['padding']:.1%} |" for r in good)])


def _options() -> argparse.Namespace:
    return timing.parsed(timing.options(__doc__, "padding", rounds=1, days=True))


if __name__ == "__main__":
    main()
