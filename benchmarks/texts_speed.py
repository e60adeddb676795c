"""How fast does weitiao train a translator and a bi-encoder, and write, beside the usual ways?

    python benchmarks/texts_speed.py --data ../data           # three rounds
    python benchmarks/texts_speed.py --table

Works: `translator` (3 + 3 layers, width 128, random weights, 5,120 pairs of multi30k, batches of
128; Seq2SeqTrainer), `bi-encoder` (minilm-l6 on 768 questions and paragraphs of xquad, batches of
32, no mined negatives; the trainer of sentence-transformers with MultipleNegativesRankingLoss), and
`writing` (1,000 sources of multi30k's test, greedy; `generate` one by one and in batches of 32 in
the order of the file, CTranslate2 in 8 bits). Training is timed from the first update to the last;
the rate is pairs a second. The translator that writes was trained for --seconds by weitiao.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import epochs
import task_sets
import timing
import translation

SCRIPT = Path(__file__).resolve()
PAIRS, BATCH = 5_120, 128
QUESTIONS, QUESTION_BATCH = 768, 32
SENTENCES = 1_000
CONTENDERS = {
    "translator": ("Seq2SeqTrainer", "weitiao"),
    "bi-encoder": ("sentence-transformers", "weitiao"),
    "writing": ("generate, one by one", "generate, batches of 32", "weitiao", "CTranslate2, int8"),
}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {"set": work, "contender": name, "round": turn, "train_seconds": given.seconds}
        for work in given.works
        for turn in range(1, given.rounds + 1)
        for name in CONTENDERS[work]
    ]
    if "writing" in given.works:
        writer_of(given)
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one cell."""
    epochs.use_threads(job["threads"])
    data, name = Path(job["data"]), job["contender"]
    if job["set"] == "writing":
        return _writing(name, data, job)
    if job["set"] == "translator":
        rows = translation.rows_of("multi30k en-de", data)[0][:PAIRS]
        timed = _translator_by_weitiao if name == "weitiao" else _translator_by_trainer
    else:
        rows = questions_of(data)
        timed = _encoder_by_weitiao if name == "weitiao" else _encoder_by_sentences
    begin, end = timed(rows)
    seconds = end.clock - begin.clock
    return {**timing.between(begin, end), "rate": len(rows) / seconds,
            "about": {"rows": len(rows), "threads": job["threads"]}}  # fmt: skip


def questions_of(data: Path) -> list[translation.Pair]:
    """Questions and their paragraphs."""
    rows, _test, _kind = task_sets.load("xquad", 1, data)
    return [(row["question"], row["context"]) for row in rows][:QUESTIONS]


Marks = tuple[timing.Mark, timing.Mark]


def _by_weitiao(rows: Sequence[translation.Pair], plan: Mapping[str, Any]) -> Marks:
    """One epoch by the loop of weitiao."""
    import weitiao
    from weitiao.planfile.plan import Plan

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = translation.written(rows, Path(folder) / "train")
        few = translation.written(rows[:64], Path(folder) / "few")
        whole = Plan.parse({
            **plan,
            "data": {"path": str(path), "validation_path": str(few), "test_size": 0.0,
                     "roles": {"text": "source", "target": "target"}, "deduplicate": "off"},
            "evaluate": {"baselines": False, "bootstrap_samples": 0, "findings": False},
        })  # fmt: skip
        with epochs.timed(found):
            weitiao.train(whole, out=folder, progress=False)
    return found["begin"], found["end"]


def _translator_by_weitiao(rows: Sequence[translation.Pair]) -> Marks:
    return _by_weitiao(rows, {
        "task": {"translation": {"max_new_tokens": translation.LONGEST}},
        "model": {"checkpoint": translation.network_of(rows), "max_length": translation.LONGEST},
        "train": {"epochs": 1, "batch_size": BATCH, "learning_rate": translation.RATE,
                  "evaluations": 1, "save_seconds": 1e6, "refit": "never",
                  "loss": {"cross_entropy": {"label_smoothing": 0.1}}},
    })  # fmt: skip


def _encoder_by_weitiao(rows: Sequence[translation.Pair]) -> Marks:
    return _by_weitiao(rows, {
        "task": {"retrieval": {"hard_negatives": 0}},
        "model": {"checkpoint": "minilm-l6", "max_length": 256},
        "train": {"epochs": 1, "batch_size": QUESTION_BATCH, "learning_rate": 5e-5,
                  "evaluations": 1, "save_seconds": 1e6, "refit": "never"},
    })  # fmt: skip


def _clock(marks: list[timing.Mark]) -> Any:
    """A callback that notes the first and the last update."""
    import transformers

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step == 0:
                marks.append(timing.mark())

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            marks[1:] = [timing.mark()]

    return Clock()


def _translator_by_trainer(rows: Sequence[translation.Pair]) -> Marks:
    """Seq2SeqTrainer as its example uses it, rows of like length together."""
    import transformers

    folder, marks = translation.network_of(rows), list[timing.Mark]()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    encoded = [
        {**tokenizer(one, truncation=True, max_length=translation.LONGEST),
         "labels": tokenizer(other, truncation=True, max_length=translation.LONGEST)["input_ids"]}
        for one, other in rows
    ]  # fmt: skip
    settings = transformers.Seq2SeqTrainingArguments(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=BATCH, num_train_epochs=1,
        learning_rate=translation.RATE, label_smoothing_factor=0.1, save_strategy="no",
        report_to=[], use_cpu=True, disable_tqdm=True, logging_strategy="no",
        train_sampling_strategy="group_by_length",
    )  # fmt: skip
    transformers.Seq2SeqTrainer(
        model=network, args=settings, train_dataset=encoded, processing_class=tokenizer,
        data_collator=transformers.DataCollatorForSeq2Seq(tokenizer, network),
        callbacks=[_clock(marks)],
    ).train()  # fmt: skip
    return marks[0], marks[1]


def _encoder_by_sentences(rows: Sequence[translation.Pair]) -> Marks:
    """The trainer of sentence-transformers, with the negatives of a batch."""
    import datasets
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, losses
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

    from weitiao.checkpoints.resolve import resolve

    marks: list[timing.Mark] = []
    model = SentenceTransformer(str(resolve("minilm-l6").path_or_name), device="cpu")
    model.max_seq_length = 256
    SentenceTransformerTrainer(
        model=model,
        args=Arguments(
            output_dir=tempfile.mkdtemp(), per_device_train_batch_size=QUESTION_BATCH,
            num_train_epochs=1, learning_rate=5e-5, save_strategy="no", report_to=[],
            use_cpu=True, disable_tqdm=True, logging_strategy="no",
        ),
        train_dataset=datasets.Dataset.from_dict(
            {"anchor": [one for one, _ in rows], "positive": [other for _, other in rows]}
        ),
        loss=losses.MultipleNegativesRankingLoss(model),
        callbacks=[_clock(marks)],
    ).train()  # fmt: skip
    return marks[0], marks[1]


# --- writing


def writer_of(given: argparse.Namespace) -> Path:
    """The run of the translator that writes, trained once; its export lies beside."""
    import shutil

    import weitiao

    store = timing.store_of(given.store) / f"writer-{given.seconds:g}"
    if not (store / "export" / "model.bin").exists():
        shutil.rmtree(store, ignore_errors=True)
        train, validation, _test = translation.rows_of("multi30k en-de", given.data)
        run = translation.trained_by_weitiao(train, validation, store, given.seconds, beams=1)
        weitiao.export(run, output=store / "export", max_loss=100)
        (store / "run.txt").write_text(str(run), encoding="utf-8")
    return store


def _writing(name: str, data: Path, job: Mapping[str, Any]) -> timing.Record:
    store = timing.store_of(None) / f"writer-{job['train_seconds']:g}"
    run = Path((store / "run.txt").read_text(encoding="utf-8"))
    rows = translation.rows_of("multi30k en-de", data)[2][:SENTENCES]
    sources = [one for one, _target in rows]
    write = _writer(name, run, store / "export", job["threads"])
    write(sources[:64])  # untimed: loads and compiles
    begin = timing.mark()
    texts = write(sources)
    end = timing.mark()
    from weitiao.exporting.export import bleu

    return {
        **timing.between(begin, end),
        "rate": len(sources) / (end.clock - begin.clock),
        "about": {"rows": len(sources), "threads": job["threads"],
                  "bleu": round(bleu(texts, [target for _one, target in rows]), 2)},
    }  # fmt: skip


def _writer(name: str, run: Path, export: Path, threads: int) -> Callable[[Any], list[str]]:
    import weitiao

    if name == "weitiao":
        model = weitiao.load(run)
        return lambda texts: list(model.predict(list(texts)))
    if name.startswith("CTranslate2"):
        return _exported(export, threads)
    import torch
    import transformers

    best = next(path for path in (run / "best", run) if (path / "config.json").exists())
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(best).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(best)
    count = 32 if "32" in name else 1

    def write(texts: Sequence[str]) -> list[str]:
        found: list[str] = []
        with torch.inference_mode():
            for start in range(0, len(texts), count):
                grid = tokenizer(list(texts[start : start + count]), return_tensors="pt",
                                 padding=True)  # fmt: skip
                found += tokenizer.batch_decode(network.generate(**grid), skip_special_tokens=True)
        return found

    return write


def _exported(folder: Path, threads: int) -> Callable[[Any], list[str]]:
    import ctranslate2
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    engine = ctranslate2.Translator(str(folder), intra_threads=threads)

    def write(texts: Sequence[str]) -> list[str]:
        tokens = [tokenizer.convert_ids_to_tokens(tokenizer(one)["input_ids"]) for one in texts]
        answers = engine.translate_batch(
            tokens, beam_size=1, max_decoding_length=translation.LONGEST,
            batch_type="tokens", max_batch_size=4096,
        )  # fmt: skip
        ids = [tokenizer.convert_tokens_to_ids(one.hypotheses[0]) for one in answers]
        return tokenizer.batch_decode(ids, skip_special_tokens=True)

    return write


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a work and contender: median of the rounds, and the ratio to weitiao."""
    lines = [
        "| work | contender | pairs or texts a second | weitiao / it | rounds |",
        "|---" * 5 + "|",
    ]
    for work, names in CONTENDERS.items():
        rates = {
            name: {r["round"]: r["rate"] for r in records
                   if (r["set"], r["contender"]) == (work, name) and timing.is_good(r)}
            for name in names
        }  # fmt: skip
        for name, found in rates.items():
            if found:
                shared = [rates["weitiao"][turn] / rate for turn, rate in found.items()
                          if turn in rates["weitiao"]]  # fmt: skip
                ratio = f"{median(shared):.2f}" if shared else "-"
                lines.append(f"| {work} | {name} | {median(list(found.values())):.1f} "
                             f"| {ratio} | {len(found)} |")  # fmt: skip
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "texts_speed", rounds=3)
    parser.add_argument("--works", nargs="*", default=list(CONTENDERS))
    parser.add_argument("--seconds", type=float, default=240.0, help="of the writer's training")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
