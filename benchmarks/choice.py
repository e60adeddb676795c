"""Does measuring frozen encoders choose the one that is best once it is fine-tuned?

    python benchmarks/choice.py --data ../data --minutes 15    # goes on where it stopped
    python benchmarks/choice.py --data ../data --what choose   # the measuring alone, all sets
    python benchmarks/choice.py --mpnet FOLDER                 # all-mpnet-base-v2, a folder
    python benchmarks/choice.py --table

Four English and four Chinese sets, a sample of each. Candidates: minilm-l6, e5-small, both cut to
half of their layers, all-mpnet-base-v2, and two networks of random weights (decoys). `choose`
measures them on the training rows; `tune` fine-tunes one and judges it on other rows. The regret of
a rule is the score of the best tuned candidate less that of the one it picks; rules: `weitiao
choose` by its goals, the language (mpnet for English, e5 for Chinese), the size of the classes (as
OpenAutoNLU: below 80 rows the small sentence encoder, else the largest that speaks the language),
and a retrieval score (as AutoIntent: neighbours of the same label, on the last layer).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
ENGLISH = ("trec6", "sst2", "mrpc", "banking77")
CHINESE = ("thucnews_titles", "lcqmc", "stsb_zh", "chnsenticorp_htl")
SETS = (*ENGLISH, *CHINESE)
ROWS = 300
REAL = ("minilm-l6", "e5-small", "minilm-3", "e5-small-6", "mpnet-base")
DECOYS = ("random-minilm", "random-e5")
CANDIDATES = (*REAL, *DECOYS)
# In the order in which fine-tuning says most: the quick ones first.
TUNED = ("minilm-3", "minilm-l6", "e5-small-6", "e5-small", "mpnet-base")
CHANGES = {"model.max_length": 64, "train.epochs": 4, "train.refit": "never"}
SMALL_CLASS = 80  # rows, of OpenAutoNLU's rule
NEIGHBOURS = 5
GOALS = ("accuracy", "speed", "small")
RULES = (*GOALS, "language", "class size", "retrieval")


def main() -> None:
    options = parse()
    if timing.is_served(options, act, table):
        return
    store = timing.store_of(options.store)
    made = weights(store / "choice", options.mpnet)
    records = timing.run_cells(
        cells(options.sets, options.seeds, options.what, made),
        options.results,
        lambda cell: run(cell, options, store, made),
        options.minutes,
    )
    print(table(records))


def cells(
    sets: Sequence[str], seeds: Sequence[int], what: Sequence[str], made: Mapping[str, str]
) -> Iterator[timing.Record]:
    """All choices first, then fine-tuning set by set, English and Chinese by turns."""
    turns = [name for pair in zip(ENGLISH, CHINESE, strict=True) for name in pair if name in sets]
    for seed in seeds:
        if "choose" in what:
            for name in turns:
                yield {"set": name, "rows": ROWS, "seed": seed, "what": "choose", "model": ""}
        if "tune" in what:
            for name in turns:
                for model in TUNED:
                    # An English vocabulary has no Chinese words: it wins no Chinese set.
                    chinese = name in CHINESE and not model.startswith("e5")
                    if model in made and not chinese:
                        yield {"set": name, "rows": ROWS, "seed": seed, "what": "tune",
                               "model": model}  # fmt: skip


def run(
    cell: timing.Record, options: argparse.Namespace, store: Path, made: Mapping[str, str]
) -> timing.Record:
    rows = whole_sets.load(cell["set"], cell["rows"], cell["seed"], options.data)
    job = {
        "what": cell["what"],
        "files": [str(path) for path in rows.write(store / "rows")],
        "task": rows.task,
        "roles": rows.roles,
        "checkpoint": made.get(cell["model"], ""),
        "candidates": dict(made),
        "seed": cell["seed"],
        "threads": options.threads,
        "changes": CHANGES,
    }
    env = timing.home_env(store, options.threads, whole_runs.WARM)
    record = timing.in_fresh_process([sys.executable, str(SCRIPT)], job, env)
    return {**record, "train_rows": len(rows.train), "rows_fingerprint": rows.fingerprint}


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: choose among all candidates, or fine-tune one."""
    return choose_here(job) if job["what"] == "choose" else whole_runs.fit_here(job)


def choose_here(job: Mapping[str, Any]) -> timing.Record:
    """The figures of each candidate, the pick by each goal, and the seconds of measuring.

    Names of candidates are those of this script, so that no folder stands in the results.
    """
    import weitiao
    from weitiao.planning.choice import pick

    names = {folder: name for name, folder in job["candidates"].items()}
    begin = timing.mark()
    choice = weitiao.choose(
        job["files"][0],
        candidates=list(names),
        task=job["task"],
        roles=job["roles"],
        threads=job["threads"],
        changes={"model.max_length": job["changes"]["model.max_length"]},
    )
    figures = timing.between(begin, timing.mark())
    del figures["disturbed"]  # scores do not depend on it
    metric = _metric(choice.metric)
    plain = choice.plain()
    for one in (*plain["candidates"], *plain["refused"]):
        one["model"] = names.get(one["model"], one["model"])
    picks = {
        goal: names[pick(choice.table, goal, metric, choice.metric).one.name] for goal in GOALS
    }
    smallest = _smallest_label(job["files"][0], choice)
    return {
        **figures,
        "metric": choice.metric,
        "candidates": plain["candidates"],
        "refused": [one["model"] for one in plain["refused"]],
        "picks": picks,
        "tied": [names[one.name] for one in choice.picked.tied],
        "retrieval": {names[one.name]: retrieval(one, job) for one in choice.table},
        "smallest_label": smallest,
        "expected_seconds": plain["expected_seconds"],
        "tuning_seconds": plain["tuning_seconds"],
        "method": choice.method,
    }


def _metric(name: str) -> Any:
    from weitiao import parts

    return parts.build("metrics", name)


def _smallest_label(path: str, choice: Any) -> int | None:
    import json
    from collections import Counter

    column = choice.plan.data.roles["target"]
    targets = [json.loads(line)[column] for line in Path(path).read_text("utf-8").splitlines()]
    return min(Counter(targets).values()) if isinstance(targets[0], str) else None


def retrieval(one: Any, job: Mapping[str, Any]) -> float:
    """How like the targets of the nearest rows are, by the cosine of the last layer's means."""
    from weitiao.data.files.open import open_source
    from weitiao.data.rows import Rows, everything
    from weitiao.evaluation.layer_features import layer_means

    source = open_source(job["files"][0])
    rows = Rows(source.table, everything(source.table), job["roles"], source.name, job["task"])
    read = layer_means(rows, one.name, most=job["changes"]["model.max_length"])
    vectors = read.vectors[:, -1].astype(float)
    vectors -= vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1)[:, :NEIGHBOURS]
    targets = np.array(rows.targets())
    if targets.dtype.kind in "OU":
        return float((targets[nearest] == targets[:, None]).mean())
    return -float(np.abs(targets[nearest] - targets[:, None]).mean())


# --- the candidates


def weights(folder: Path, mpnet: Path | None) -> dict[str, str]:
    """Name -> what a plan takes; the cut and the random networks are made once."""
    made = {"minilm-l6": "minilm-l6", "e5-small": "e5-small"}
    for name, base, layers in (("minilm-3", "minilm-l6", 3), ("e5-small-6", "e5-small", 6)):
        made[name] = str(_once(folder / name, lambda to, b=base, n=layers: _cut(b, n, to)))
    for name, base, seed in (("random-minilm", "minilm-l6", 1), ("random-e5", "e5-small", 2)):
        made[name] = str(_once(folder / name, lambda to, b=base, s=seed: _random(b, s, to)))
    if mpnet is not None:
        _once(folder / "mpnet-base", lambda to: shutil.copytree(mpnet, to, dirs_exist_ok=True))
    if (folder / "mpnet-base").is_dir():
        made["mpnet-base"] = str(folder / "mpnet-base")
    return made


def _once(folder: Path, fill: Any) -> Path:
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            fill(Path(work) / "new")
            (Path(work) / "new").replace(folder)
    return folder


def _cut(name: str, layers: int, to: Path) -> None:
    """The lowest layers of a network."""
    from transformers import AutoModel, AutoTokenizer

    from weitiao.checkpoints.resolve import resolve

    source = resolve(name).path_or_name
    network = AutoModel.from_pretrained(source)
    network.encoder.layer = network.encoder.layer[:layers]
    network.config.num_hidden_layers = layers
    network.save_pretrained(to)
    AutoTokenizer.from_pretrained(source).save_pretrained(to)


def _random(name: str, seed: int, to: Path) -> None:
    """A network of the same shape and tokenizer with random weights."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    from weitiao.checkpoints.resolve import resolve

    source = resolve(name).path_or_name
    torch.manual_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(to)
    AutoTokenizer.from_pretrained(source).save_pretrained(to)


# --- the tables


def table(records: list[timing.Record]) -> str:
    """Markdown: regret of each rule, tuned scores, measured scores, and the cost."""
    if not records:
        return "nothing is stored"
    choices = [r for r in records if r["what"] == "choose" and r.get("candidates")]
    tuned = [r for r in records if r["what"] == "tune" and r.get("score") is not None]
    sections = [regrets(choices, tuned), bounded(choices, tuned), tuned_scores(tuned),
                measured_scores(choices), cost(choices, tuned)]  # fmt: skip
    return "\n\n".join(section for section in sections if section)


def picks_of(record: timing.Record) -> dict[str, str]:
    """Rule -> the candidate it picks."""
    english = record["set"] in ENGLISH
    language = "mpnet-base" if english else "e5-small"
    smallest = record["smallest_label"]
    few = smallest is not None and smallest < SMALL_CLASS
    retrieved = record["retrieval"]
    return {
        **record["picks"],
        "language": language,
        "class size": ("minilm-l6" if english else "e5-small") if few else language,
        "retrieval": max(retrieved, key=lambda name: retrieved[name]),
    }


def regrets(choices: Sequence[timing.Record], tuned: Sequence[timing.Record]) -> str:
    """Points below the best tuned candidate, by set and rule; sets that are tuned alone."""
    scores = _scores(tuned)
    lines = [
        "**Regret, points: the best tuned candidate less the one that a rule picks**\n",
        "| set | best tuned | " + " | ".join(RULES) + " |",
        "|---" * (2 + len(RULES)) + "|",
    ]
    below: dict[str, list[float]] = {rule: [] for rule in RULES}
    for record in choices:
        known = scores.get((record["set"], record["seed"]), {})
        if len(known) < 2:
            continue
        best = max(known, key=lambda name: known[name])
        cells = []
        for rule, name in picks_of(record).items():
            regret = 100 * (known[best] - known[name]) if name in known else float("nan")
            below[rule].append(regret)
            cells.append(f"{regret:.1f} ({name})")
        lines.append(f"| {record['set']} | {best} {100 * known[best]:.1f} | {' | '.join(cells)} |")
    if not any(below.values()):
        return ""
    means = [f"{np.nanmean(v):.2f}; {sum(r <= 1 for r in v)} of {len(v)} at most 1"
             for v in below.values()]  # fmt: skip
    lines.append(f"| mean | | {' | '.join(means)} |")
    return "\n".join(lines)


def bounded(choices: Sequence[timing.Record], tuned: Sequence[timing.Record]) -> str:
    """Regret where a text may take half of the time of the slowest candidate, among those that
    keep the bound."""
    scores, lines = _scores(tuned), []
    for record in choices:
        known = scores.get((record["set"], record["seed"]), {})
        times = {one["model"]: one["row_ms"] for one in record["candidates"]}
        bound = max(times.values()) / 2
        allowed = [one for one in record["candidates"] if times[one["model"]] <= bound]
        judged = {m: score for m, score in known.items() if times.get(m, bound + 1) <= bound}
        if len(judged) < 2 or not allowed:
            continue
        name = max(allowed, key=lambda one: one["score"])["model"]
        best = max(judged, key=lambda model: judged[model])
        regret = 100 * (judged[best] - judged[name]) if name in judged else float("nan")
        lines.append(f"| {record['set']} | {bound:.1f} | {name} | {best} | {regret:.1f} |")
    head = [
        "**Under a bound: half of the milliseconds a row of the slowest**\n",
        "| set | bound, ms | pick | best tuned | regret, points |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines]) if lines else ""


def _scores(tuned: Sequence[timing.Record]) -> dict[tuple[str, int], dict[str, float]]:
    found: dict[tuple[str, int], dict[str, float]] = {}
    for record in tuned:
        found.setdefault((record["set"], record["seed"]), {})[record["model"]] = record["score"]
    return found


def tuned_scores(tuned: Sequence[timing.Record]) -> str:
    if not tuned:
        return ""
    lines = ["**Fine-tuned, score on the judged rows x 100 (seconds)**\n",
             "| set | metric | rows | " + " | ".join(TUNED) + " |",
             "|---" * (3 + len(TUNED)) + "|"]  # fmt: skip
    for name in dict.fromkeys(r["set"] for r in tuned):
        own = {r["model"]: r for r in tuned if r["set"] == name}
        first = next(iter(own.values()))
        cells = [f"{100 * own[m]['score']:.1f} ({own[m]['seconds']:.0f})" if m in own else "-"
                 for m in TUNED]  # fmt: skip
        lines.append(f"| {name} | {first['metric']} | {first['train_rows']} | "
                     f"{' | '.join(cells)} |")  # fmt: skip
    return "\n".join(lines)


def measured_scores(choices: Sequence[timing.Record]) -> str:
    if not choices:
        return ""
    lines = [
        "**Measured on the training rows: leave-one-out score x 100 (retrieval x 100)**\n",
        "| set | " + " | ".join(CANDIDATES) + " |",
        "|---" * (1 + len(CANDIDATES)) + "|",
    ]
    for record in choices:
        own = {one["model"]: one["score"] for one in record["candidates"]}
        near = record["retrieval"]
        cells = [f"{100 * own[m]:.1f} ({100 * near[m]:.0f})" if m in own else "refused"
                 for m in CANDIDATES]  # fmt: skip
        lines.append(f"| {record['set']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cost(choices: Sequence[timing.Record], tuned: Sequence[timing.Record]) -> str:
    """Seconds of choosing beside those of tuning; both are processor time of this process."""
    if not choices:
        return ""
    lines = [
        "**Processor seconds: choosing among all, and tuning those that were tuned**\n",
        "| set | choosing (said before) | tuning (candidates) | share |",
        "|---|---|---|---|",
    ]
    for record in choices:
        own = [r for r in tuned if (r["set"], r["seed"]) == (record["set"], record["seed"])]
        all_of = sum(r["own_cpu_seconds"] for r in own)
        share = f"{record['own_cpu_seconds'] / all_of:.0%}" if own else "-"
        lines.append(
            f"| {record['set']} | {record['own_cpu_seconds']:.0f} "
            f"({record['expected_seconds']:.0f}) | {all_of:.0f} ({len(own)}) | {share} |"
        )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "choice", rounds=1, days=True)
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--seeds", nargs="+", type=int, default=(1,), help="samples of rows")
    parser.add_argument("--what", nargs="+", choices=("choose", "tune"), default=("choose", "tune"))
    parser.add_argument("--mpnet", type=Path, default=None, help="folder of all-mpnet-base-v2")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
