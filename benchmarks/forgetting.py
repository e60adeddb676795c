"""What does a translator forget when it is tuned to another domain, and does mixing help?

    python benchmarks/forgetting.py --data ../data
    python benchmarks/forgetting.py --table

tatoeba, English to Chinese: a Marian network from nothing learns statements for --seconds, and is
then tuned on 2,500 questions for a tenth of that, once alone and once mixed with 2,500 statements
it has seen. Told are BLEU and chrF of 500 statements and 300 questions after each step.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import epochs
import timing
import translation

SCRIPT = Path(__file__).resolve()
STATEMENTS, QUESTIONS, TUNED = 500, 300, 2_500
WAYS = ("before", "questions alone", "mixed")
RATE = 5e-4  # a quarter of the first training's
Pair = translation.Pair


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [{"way": way, "train_seconds": given.seconds} for way in WAYS]
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train what is missing, and judge both domains."""
    epochs.use_threads(job["threads"])
    store = timing.store_of(None) / f"forgetting-{job['train_seconds']:.0f}"
    train, validation, test = translation.rows_of("tatoeba en-zh", Path(job["data"]))
    rows = [*train, *validation, *test]
    random.Random("domains").shuffle(rows)
    asked = [pair for pair in rows if pair[0].rstrip().endswith("?")]
    stated = [pair for pair in rows if not pair[0].rstrip().endswith("?")]
    first = stated[STATEMENTS:]
    done = store / "first.txt"
    if not done.exists():
        store.mkdir(parents=True, exist_ok=True)
        run = translation.trained_by_weitiao(
            first[500:], first[:500], store / "first", job["train_seconds"],
            network=translation.NETWORK,
        )  # fmt: skip
        done.write_text(str(run), encoding="utf-8")
    run = Path(done.read_text(encoding="utf-8"))
    if job["way"] != "before":
        wanted = asked[QUESTIONS + 200 : QUESTIONS + 200 + TUNED]
        held = asked[QUESTIONS : QUESTIONS + 200]
        if job["way"] == "mixed":
            wanted, held = [*wanted, *first[500 : 500 + TUNED]], [*held, *first[:200]]
        run = tuned(run, wanted, held, store / job["way"], job["train_seconds"] / 10)
    figures = {
        name: judged(run, pairs)
        for name, pairs in (("statements", stated[:STATEMENTS]), ("questions", asked[:QUESTIONS]))
    }
    return {"figures": figures, "tuned_rows": 0 if job["way"] == "before" else len(wanted)}


def tuned(
    run: Path, rows: Sequence[Pair], validation: Sequence[Pair], folder: Path, seconds: float
) -> Path:
    """The run that goes on from another run's best network."""
    import weitiao
    from weitiao.planfile.plan import Plan

    folder.mkdir(parents=True, exist_ok=True)
    files = {"train": rows, "validation": validation}
    paths = {name: translation.written(pairs, folder / name) for name, pairs in files.items()}
    plan = Plan.parse(translation.settings(
        paths["train"], paths["validation"], str(run / "best"), seconds,
        learning_rate=RATE, evaluations=4,
    ))  # fmt: skip
    return Path(weitiao.train(plan, out=folder, progress=False).run.folder)


def judged(run: Path, pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU and chrF of what a run writes."""
    import weitiao

    texts = [str(one) for one in weitiao.load(run).predict([source for source, _t in pairs])]
    return translation.scores(texts, [target for _source, target in pairs])


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a way."""
    lines = ["| after | BLEU of statements, chrF | BLEU of questions, chrF |", "|---|---|---|"]
    for one in records:
        if timing.has_figures(one):
            both = [one["figures"][name] for name in ("statements", "questions")]
            cells = [f"{found['bleu']:.1f}, {found['chrf']:.1f}" for found in both]
            lines.append(f"| {one['way']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "forgetting", rounds=1, days=True)
    parser.add_argument("--seconds", type=float, default=600.0, help="of the first training")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
