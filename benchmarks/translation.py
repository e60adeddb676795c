"""BLEU and chrF of a translator from nothing, beside Seq2SeqTrainer given the same seconds.

    python benchmarks/translation.py --data ../data --seconds 2400    # goes on where it stopped
    python benchmarks/translation.py --table

A cell is (pair, contender, seconds): multi30k English-German and back (test 2016), tatoeba
English-Chinese (2,000 rows drawn by a seed are judged). Both contenders get the same folder (a
Marian network with random weights and the vocabulary of the training rows), the same rows, batches
of as many rows, and the same wall-clock for training; both write with four beams. Vocabulary and
writing are outside the seconds.
"""

from __future__ import annotations

import argparse
import gzip
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import timing

SCRIPT = Path(__file__).resolve()
PAIRS = ("multi30k en-de", "multi30k de-en", "tatoeba en-zh")
CONTENDERS = ("weitiao", "trainer")
NETWORK = "new:marian(d_model=128, layers=3, vocabulary=8000)"
RATE, BATCH, LONGEST, BEAMS = 2e-3, 128, 64, 4
RESAMPLES = 1000
JUDGED, HELD_OUT = 2000, 500  # rows of tatoeba
Pair = tuple[str, str]


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {
            "pair": pair,
            "contender": name,
            "train_seconds": given.seconds,
            "judged": given.judged,
            "network": given.network,
            "threads": given.threads,
            "rate": given.rate,
        }
        for pair in given.pairs
        for name in given.contenders
    ]
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    epochs.use_threads(job["threads"])
    train, validation, test = rows_of(job["pair"], Path(job["data"]))
    test = test[: job["judged"]] if job["judged"] else test
    contender = _by_weitiao if job["contender"] == "weitiao" else _by_trainer
    begun = time.perf_counter()
    network_of(train, job["network"])
    texts, more = contender(train, validation, [source for source, _target in test], job)
    return {
        **scores(texts, [target for _source, target in test]),
        "rows": len(test),
        "process_seconds": round(time.perf_counter() - begun, 1),
        **more,
    }


def scores(texts: Sequence[str], references: Sequence[str]) -> timing.Record:
    """BLEU and chrF of the corpus, with 95 % intervals (bootstrap of the rows)."""
    from weitiao.labels.texts import similarity

    tokenizer = similarity.writing_of(references)
    bleu = np.asarray(similarity.bleu_statistics(texts, references, tokenizer))
    chrf = np.asarray(similarity.chrf_statistics(texts, references, tokenizer))
    draws = np.random.default_rng(1).integers(0, len(texts), (RESAMPLES, len(texts)))
    bleus = [similarity.corpus_bleu(bleu[one].sum(0)) for one in draws]
    chrfs = [similarity.corpus_chrf(chrf[one].sum(0), tokenizer) for one in draws]
    return {
        "bleu": similarity.corpus_bleu(bleu.sum(0)),
        "bleu_interval": np.quantile(bleus, (0.025, 0.975)).tolist(),
        "chrf": similarity.corpus_chrf(chrf.sum(0), tokenizer),
        "chrf_interval": np.quantile(chrfs, (0.025, 0.975)).tolist(),
    }


def rows_of(pair: str, data: Path) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training, validation and judged pairs of (source, target)."""
    name, _blank, languages = pair.partition(" ")
    source, _dash, target = languages.partition("-")
    if name == "multi30k":

        def lines(part: str, language: str) -> list[str]:
            with gzip.open(data / name / f"{part}.{language}.gz", "rt", encoding="utf-8") as file:
                return [line.rstrip("\n") for line in file]

        parts = ("train", "val", "test_2016_flickr")
        train, validation, test = (
            list(zip(lines(part, source), lines(part, target), strict=True)) for part in parts
        )
        return train, validation, test
    text = (data / "tatoeba_en_zh" / "cmn.txt").read_text(encoding="utf-8")
    rows = [tuple(line.split("\t")[:2]) for line in text.splitlines() if line.count("\t")]
    # One translation of a sentence on one side only: the same English stands there several times.
    by_source: dict[str, Pair] = {one: (one, other) for one, other in rows}
    unique = list(by_source.values())
    random.Random("tatoeba").shuffle(unique)
    held = JUDGED + HELD_OUT
    return unique[held:], unique[JUDGED:held], unique[:JUDGED]


def network_of(train: Sequence[Pair], network: str = NETWORK) -> str:
    """The folder of the network with random weights, made once for both contenders."""
    from weitiao.checkpoints.resolve import resolve

    return str(resolve(network, texts=[text for pair in train for text in pair]).path_or_name)


def _by_weitiao(
    train: Sequence[Pair],
    validation: Sequence[Pair],
    sources: Sequence[str],
    job: Mapping[str, Any],
) -> tuple[list[str], timing.Record]:
    import weitiao
    from weitiao.run import Run

    with tempfile.TemporaryDirectory() as folder:
        run = trained_by_weitiao(
            train,
            validation,
            Path(folder),
            job["train_seconds"],
            network=job["network"],
            learning_rate=job["rate"],
        )
        status = Run.open(run).status()
        begun = time.perf_counter()
        texts = list(weitiao.load(run).predict(list(sources)))
        writing = round(time.perf_counter() - begun, 1)
    return texts, {"updates": status.step, "writing_seconds": writing}


def trained_by_weitiao(
    train: Sequence[Pair],
    validation: Sequence[Pair],
    folder: Path,
    seconds: float,
    beams: int = BEAMS,
    network: str = NETWORK,
    **changes: Any,
) -> Path:
    """The run of a translator that was trained for so many seconds."""
    import weitiao
    from weitiao.planfile.plan import Plan

    folder.mkdir(parents=True, exist_ok=True)
    files = {"train": train, "validation": validation}
    paths = {name: written(rows, folder / name) for name, rows in files.items()}
    checkpoint = network_of(train, network)
    plan = Plan.parse(
        settings(paths["train"], paths["validation"], checkpoint, seconds, beams, **changes)
    )
    return Path(weitiao.train(plan, out=folder, progress=False).run.folder)


def settings(
    train: Path,
    validation: Path,
    checkpoint: str,
    seconds: float,
    beams: int = BEAMS,
    **changes: Any,
) -> dict[str, Any]:
    """The plan of a translator. changes: of the part `train`."""
    return {
        "task": {"translation": {"max_new_tokens": LONGEST, "num_beams": beams}},
        "data": {"path": str(train), "validation_path": str(validation),
                 "roles": {"text": "source", "target": "target"}, "test_size": 0.0},
        "model": {"checkpoint": checkpoint, "max_length": LONGEST},
        "train": {"epochs": 200, "batch_size": BATCH, "learning_rate": RATE,
                  "warmup_ratio": 0.05, "evaluations": 8, "budget": seconds,
                  "optimizer": {"muon": {}},
                  "loss": {"cross_entropy": {"label_smoothing": 0.1}}, "refit": "never",
                  **changes},
        "evaluate": {"baselines": False, "bootstrap_samples": 0, "findings": False},
    }  # fmt: skip


def written(rows: Sequence[Pair], path: Path) -> Path:
    import json

    path = path.with_suffix(".jsonl")
    lines = (json.dumps({"source": one, "target": other}) for one, other in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _by_trainer(
    train: Sequence[Pair],
    validation: Sequence[Pair],
    sources: Sequence[str],
    job: Mapping[str, Any],
) -> tuple[list[str], timing.Record]:
    """Seq2SeqTrainer as its example uses it, stopped by the clock."""
    import torch
    import transformers

    folder = network_of(train, job["network"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)

    def encoded(rows: Sequence[Pair]) -> list[dict[str, Any]]:
        grid = tokenizer([one for one, _other in rows], truncation=True, max_length=LONGEST)
        wanted = tokenizer([other for _one, other in rows], truncation=True, max_length=LONGEST)
        pairs = zip(grid["input_ids"], wanted["input_ids"], strict=True)
        return [{"input_ids": ids, "labels": labels} for ids, labels in pairs]

    begun = time.perf_counter()

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
            if time.perf_counter() - begun > job["train_seconds"]:
                control.should_training_stop = True
            return control

    rows, collate = encoded(train), transformers.DataCollatorForSeq2Seq(tokenizer, network)
    steps = int(job["train_seconds"] / _seconds_a_step(network, rows, collate))
    begun = time.perf_counter()
    settings = transformers.Seq2SeqTrainingArguments(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=BATCH, learning_rate=job["rate"],
        max_steps=steps, warmup_steps=round(0.05 * steps), label_smoothing_factor=0.1,
        save_strategy="no", eval_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
        logging_strategy="no", train_sampling_strategy="group_by_length",
    )  # fmt: skip
    trainer = transformers.Seq2SeqTrainer(
        model=network, args=settings, train_dataset=rows, processing_class=tokenizer,
        data_collator=collate, callbacks=[Clock()],
    )  # fmt: skip
    trainer.train()
    updates, network = trainer.state.global_step, network.eval()
    texts: list[str] = []
    writing = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(sources), 32):
            part = list(sources[start : start + 32])
            grid = tokenizer(part, return_tensors="pt", padding=True, truncation=True,
                             max_length=LONGEST)  # fmt: skip
            ids = network.generate(**grid, num_beams=BEAMS, max_new_tokens=LONGEST)
            texts += tokenizer.batch_decode(ids, skip_special_tokens=True)
    took = round(time.perf_counter() - writing, 1)
    return texts, {"updates": updates, "writing_seconds": took}


def _seconds_a_step(network: Any, rows: Sequence[Any], collate: Any) -> float:
    """The mean of some steps, rows of like length together as in training, whose gradients are
    dropped: the schedule needs a length."""
    import torch

    some = sorted(rows[: 12 * BATCH], key=lambda row: len(row["input_ids"]))
    took = []
    for step in (6, *range(12)):  # the first one is slower than all others
        begun = time.perf_counter()
        batch = collate([dict(row) for row in some[step * BATCH : (step + 1) * BATCH]])
        network(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        took.append(time.perf_counter() - begun)
        network.zero_grad()
    return float(np.mean(took[1:]))


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a pair and contender."""
    lines = [
        "| pair | contender | seconds, threads | updates | BLEU | chrF | rows | writing, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in records:
        if timing.has_figures(one):
            lines.append(
                f"| {one['pair']} | {one['contender']} | "
                f"{one['train_seconds']:.0f}, {one['threads']} | "
                f"{one['updates']:,} | {_told(one, 'bleu')} | {_told(one, 'chrf')} | "
                f"{one['rows']:,} | "
                f"{one['writing_seconds']:.0f} |"
            )
    return "\n".join(lines)


def _told(record: Mapping[str, Any], name: str) -> str:
    """A figure with its interval, which records of before December 2026 lack."""
    low, high = record.get(f"{name}_interval") or (None, None)
    interval = f" ({low:.1f} to {high:.1f})" if low is not None else ""
    return f"{record[name]:.1f}{interval}"


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "translation", rounds=1, days=True)
    parser.add_argument("--pairs", nargs="*", default=list(PAIRS))
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS))
    parser.add_argument("--seconds", type=float, default=2400.0, help="of training")
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate of both")
    parser.add_argument("--network", default=NETWORK, help="with random weights")
    parser.add_argument("--judged", type=int, default=0, help="rows to judge; 0: all")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
