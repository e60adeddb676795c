"""How good are the answers of `weitiao ask` over documents, and does it know what they do not say?

    python benchmarks/asking.py --data ../data      # goes on where it stopped
    python benchmarks/asking.py --table

A cell is a language. xquad, split by article as in `retrieval.py`, whose encoder of --encoder is
taken. The documents are the paragraphs of the judged articles and 5,000 distractors, but every
second paragraph of an article is taken out: its questions have no answer, and near distractors
stay. One reader of both languages learned from the other articles, in both, and from the 4,221
questions of cmrc2018, whose paragraphs are among the Chinese distractors. Told are exact match and
F1 beside those of the right paragraph read, AUROC of "not found" for questions whose paragraph is
gone and for others (trec6, lcqmc), and how often a "supported" answer is right, with the mark by
words and by a run of inference (sick, ocnli). Weight and threshold are tuned on 60 questions of the
training articles.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import retrieval
import timing

SCRIPT = Path(__file__).resolve()
READER = "e5-small"
UNRELATED = {"en": "trec6", "zh": "lcqmc"}
INFERENCE = {"en": "sick", "zh": "ocnli"}
INFERENCE_MODELS = {"en": "minilm-l6", "zh": "e5-small"}
CHANGES: dict[str, Any] = {"train.learning_rate": 1e-4, "model.max_length": 256,
                           "data.test_size": 0.0, "evaluate.findings": False}  # fmt: skip
TUNED_BY, UNRELATED_ROWS, INFERENCE_ROWS = 60, 300, 2_500
UNANSWERED = 3
PASSAGES = 5
SURE = (0.2, 0.4, 0.6, 0.8)  # limits of the bins of the support
Paragraph = dict[str, Any]


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {"language": language, "encoder": given.encoder, "epochs": given.epochs}
        for language in given.languages
    ]
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train what is missing, index, and judge."""
    import weitiao
    from weitiao.api.ask_judged import judge
    from weitiao.search.judging import Question, auroc

    epochs.use_threads(job["threads"])
    language, data = job["language"], Path(job["data"])
    store = timing.store_of(None) / "retrieval" / language
    train, test = retrieval.halves(language, data)
    # Every second paragraph of an article.
    gone = {one["context"] for article in [*train, *test] for one in article["paragraphs"][1::2]}
    asked = [row["context"] for row in rows_of([*train, *test])]
    folder = retrieval.documents_in(store / "asked", language, data, asked, gone)
    encoder = retrieval.CHECKPOINT
    if job["encoder"] == "tuned":
        encoder = retrieval.tuned(store.parent, data, job)
    begin = timing.mark()
    reader = reader_of(store.parent, data, job)
    support = inference_of(store, language, data)
    trained = timing.mark()
    place = store / f"asked {job['encoder']}"
    asker = weitiao.asker(reader, folder, encoder=encoder, passages=PASSAGES, support=support,
                          index=place, threads=job["threads"])  # fmt: skip
    indexed = timing.mark()

    def question(row: Paragraph, there: bool = True) -> Question:
        answers = tuple(one["text"] for one in row["answers"])
        return Question(row["question"], answers if there else (), row["context"] if there else "")

    # The threshold needs both kinds: the paragraphs of some of these questions are gone.
    draw = random.Random(f"{language} tuning").sample(rows_of(train), TUNED_BY)
    tuned = judge(asker, [question(one, one["context"] not in gone) for one in draw], tune=True)
    rows = rows_of(test)
    answerable = [one for one in rows if one["context"] not in gone]
    removed = [one for one in rows if one["context"] in gone]
    questions = [question(one) for one in answerable]
    known = _judged(asker, questions, tuned["threshold"])
    silent = _judged(asker, [question(one, False) for one in removed], tuned["threshold"])
    others = [Question(text, ()) for text in unrelated(language, data)]
    foreign = _judged(asker, others, tuned["threshold"])
    answered = timing.mark()

    def not_found(other: Mapping[str, Any]) -> float:
        labels = np.array([True] * len(known["scores"]) + [False] * len(other["scores"]))
        return auroc(labels, np.array(known["scores"] + other["scores"]))

    return {
        **timing.between(begin, timing.mark()),
        "train_seconds": round(trained.clock - begin.clock, 1),
        "index_seconds": round(indexed.clock - trained.clock, 1),
        "answer_seconds": round(
            (answered.clock - indexed.clock)
            / (len(questions) + len(removed) + len(others) + TUNED_BY), 4),
        "passages": len(asker.index.store),
        "weight": tuned["weight"], "threshold": tuned["threshold"],
        "questions": len(questions), "removed": len(removed), "unrelated": len(others),
        "gold": gold_reading(asker, answerable),
        "without_threshold": known["free"], "with_threshold": known["limited"],
        "removed_silent": silent["silent"], "unrelated_silent": foreign["silent"],
        "auroc_removed": not_found(silent), "auroc_unrelated": not_found(foreign),
        "support": support_of(known, silent),
    }  # fmt: skip


def rows_of(articles: Sequence[Any]) -> list[Paragraph]:
    """Questions with their paragraph and answers."""
    return [
        {**qa, "context": paragraph["context"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def reader_of(store: Path, data: Path, job: Mapping[str, Any]) -> str:
    """The run that reads answers out of passages, in both languages; made once."""

    def make() -> Any:
        import weitiao

        path = reader_file(data, store / "reader.json")
        return weitiao.fit(
            str(path), task="question_answering", model=READER, progress=False, out=store / "runs",
            changes={**CHANGES, "train.epochs": job["epochs"]},
        )  # fmt: skip

    return _once(store / "reader.txt", make)


def reader_file(data: Path, path: Path) -> Path:
    """Questions beside the passages they are read from, as an index cuts them, as SQuAD 2; every
    UNANSWERED-th also beside another passage of its article."""
    draw, found = random.Random("reader"), []
    for article in retrieval.learned(data):
        passages: dict[str, list[Any]] = {}
        rows = list(retrieval.read_from(article["paragraphs"], passages))
        for text, qa in rows:
            passages[text].append({**qa, "is_impossible": False})
            others = [one for one in passages if one != text]
            if others and draw.random() < 1 / UNANSWERED:
                none = {**qa, "id": f"{qa['id']} elsewhere", "answers": [], "is_impossible": True}
                passages[draw.choice(others)].append(none)
        paragraphs = [{"context": text, "qas": qas} for text, qas in passages.items() if qas]
        found.append({"title": article.get("title", ""), "paragraphs": paragraphs})
    content = {"version": "v2.0", "data": found}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def inference_of(store: Path, language: str, data: Path) -> str:
    """The run that judges whether a sentence follows from a passage; made once."""

    def make() -> Any:
        import task_sets
        import weitiao

        train, _test, kind = task_sets.load(INFERENCE[language], 1, data, INFERENCE_ROWS)
        path = task_sets.write(train[:INFERENCE_ROWS], store / "inference.jsonl")
        return weitiao.fit(
            str(path), task="nli", model=INFERENCE_MODELS[language], out=store / "runs",
            progress=False, changes={"train.epochs": kind.epochs, "evaluate.findings": False,
                     "data.test_size": 0.0},
        )  # fmt: skip

    return _once(store / "inference.txt", make)


def _once(done: Path, make: Callable[[], Any]) -> str:
    if not done.exists():
        done.write_text(str(make().run.folder), encoding="utf-8")
    return done.read_text(encoding="utf-8")


def unrelated(language: str, data: Path) -> list[str]:
    """Questions of another set, which the documents do not answer."""
    import sets

    pool = sets.pools(UNRELATED[language], data)[0]
    texts = sorted({row["text"] for row in pool if language == "en" or "?" in row["text"]
                    or "？" in row["text"]})  # fmt: skip
    return random.Random("unrelated").sample(texts, UNRELATED_ROWS)


# --- judging


def _judged(asker: Any, questions: Sequence[Any], threshold: float) -> dict[str, Any]:
    """Figures of the chain without a threshold and with it; the score of each question, how many
    are silent, and of each answer its support, by words too, and its F1."""
    from dataclasses import replace

    from weitiao.labels.passages.agreement import agreement, by_characters
    from weitiao.search.judging import judged

    found = asker.search_all([one.text for one in questions], 20)
    passages = [[one.passage for one in row] for row in found]
    reader = replace(asker.reading, threshold=0.0)
    answers = [
        reader.answer(one.text, row[: asker.passages])
        for one, row in zip(questions, found, strict=True)
    ]
    limited = [
        one if one.score >= threshold else replace(one, text="", found=False, sentences=())
        for one in answers
    ]
    free, strict = (judged(questions, passages, some) for some in (answers, limited))
    for figures in (free, strict):
        figures.pop("curve", None)
    by = by_characters([text for one in questions for text in one.answers])
    own = replace(reader, support=None)
    marks = []
    for question, row, answer in zip(questions, found, answers, strict=True):
        if not answer.sentences:
            continue
        said = answer.sentences[0]
        by_reader = own.answer(question.text, row[: asker.passages]).sentences[0].support
        f1 = agreement(said.text, question.answers, by)[1] if question.answers else 0.0
        marks.append((said.support, by_reader, f1))
    return {
        "free": free,
        "limited": strict,
        "scores": [one.score for one in answers],
        "silent": float(np.mean([not one.found for one in limited])),
        "marks": marks,
    }


def gold_reading(asker: Any, rows: Sequence[Paragraph]) -> dict[str, float]:
    """Exact match and F1 if the right paragraph is read."""
    from weitiao.labels.passages.agreement import agreement, by_characters

    model = asker.reader.model
    first, second = model.row_reader.roles[:2]
    spans = asker.reader._spans([{first: one["question"], second: one["context"]} for one in rows])
    golds = [[answer["text"] for answer in one["answers"]] for one in rows]
    by = by_characters([text for gold in golds for text in gold])
    said = [agreement(text, gold, by) for (text, *_scores), gold in zip(spans, golds, strict=True)]
    exact, f1 = np.array(said).mean(axis=0).tolist()
    return {"exact_match": exact, "f1": f1}


def support_of(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """How often an answer is right (F1 of at least a half) by its support, of a run of inference
    and of the reader itself, and how well each tells right answers from wrong ones."""
    marks = np.array([one for part in parts for one in part["marks"]])
    right = marks[:, 2] >= 0.5
    return {"by_inference": _calibration(marks[:, 0], right),
            "by_reader": _calibration(marks[:, 1], right)}  # fmt: skip


def _calibration(support: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    from weitiao.search.judging import auroc

    bins = np.digitize(support, SURE)
    rows = [
        {"support": float(support[bins == at].mean()), "right": float(right[bins == at].mean()),
         "answers": int((bins == at).sum())}
        for at in sorted(set(bins.tolist()))
    ]  # fmt: skip
    gaps = [abs(one["support"] - one["right"]) * one["answers"] for one in rows]
    return {"auroc": auroc(right, support), "error": sum(gaps) / len(right), "bins": rows}


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a language; then the support."""
    lines = [
        "| language | gold paragraph EM, F1 | ask EM, F1 | with threshold | recall@5 | not found: "
        "paragraph gone | unrelated | silent: gone, unrelated | seconds a question |",
        "|---" * 9 + "|",
    ]
    shown = [one for one in records if timing.has_figures(one)]
    for one in shown:
        free, limited = one["without_threshold"], one["with_threshold"]
        lines.append(
            f"| {one['language']} | {_both(one['gold'])} | {_both(free)} | {_both(limited)} | "
            f"{free['recall_at5']:.3f} | {one['auroc_removed']:.3f} | "
            f"{one['auroc_unrelated']:.3f} | {one['removed_silent']:.2f}, "
            f"{one['unrelated_silent']:.2f} | {one['answer_seconds']:.2f} |"
        )
    for one in shown:
        for way, support in one["support"].items():
            bins = "; ".join(
                f"{b['support']:.2f} right {b['right']:.2f} ({b['answers']})"
                for b in support["bins"]
            )
            lines.append(
                f"\n{one['language']}: support {way.replace('_', ' ')}: AUROC "
                f"{support['auroc']:.3f}, calibration error {support['error']:.3f}: {bins}"
            )
    return "\n".join(lines)


def _both(figures: Mapping[str, float]) -> str:
    return f"{figures['exact_match']:.3f}, {figures['f1']:.3f}"


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "asking", rounds=1, days=True)
    parser.add_argument("--languages", nargs="*", default=list(retrieval.LANGUAGES))
    parser.add_argument("--encoder", choices=retrieval.ENCODERS, default="tuned")
    parser.add_argument("--epochs", type=int, default=3, help="of encoder and reader")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
