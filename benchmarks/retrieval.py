"""Does tuning a bi-encoder find more answers among 5,000 distractors, and what does fusion add?

    python benchmarks/retrieval.py --data ../data
    python benchmarks/retrieval.py --table

A cell is (language, encoder): xquad, split by article: the questions of half of the articles are
judged; those of the others, in both languages, and of cmrc2018 train one bi-encoder. The documents
are all paragraphs of xquad in this language, and distractors (English: passages of bbc_news,
Chinese: paragraphs of cmrc2018, and reviews of hotels), at least 5,000 passages. Judged are BM25,
the vectors, both fused by ranks, and by the weight that 50 questions of the training articles
choose; for the tuned encoder also 200 questions re-ranked by a run that reads question and
paragraph together. Differences are paired by question (bootstrap).
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import timing

SCRIPT = Path(__file__).resolve()
LANGUAGES = ("en", "zh")
ENCODERS = ("untuned", "tuned")
CHECKPOINT = "e5-small"
DISTRACTORS = 5_000
DEPTH = 20
RATE, BATCH = 2e-5, 64  # of the bi-encoder
TUNING_QUESTIONS = 50
WORDS_A_PASSAGE, CHARACTERS_A_PASSAGE = 120, 250
NEGATIVES = 3  # of each question, for the re-ranker: the nearest wrong passages
RESAMPLES = 2_000
Asked = dict[str, str]  # question, passage


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {
            "language": language,
            "encoder": encoder,
            "epochs": given.epochs,
            "reranked": given.reranked,
        }
        for language in given.languages
        for encoder in ENCODERS
    ]
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: index with one encoder, and judge every way of search."""
    import weitiao

    epochs.use_threads(job["threads"])
    language, data = job["language"], Path(job["data"])
    store = timing.store_of(None) / "retrieval" / language
    train, test = articles_of(language, data)
    asked = [one["passage"] for one in [*train, *test]]
    folder = documents_in(store / "docs", language, data, asked)
    begin = timing.mark()
    encoder = CHECKPOINT if job["encoder"] == "untuned" else tuned(store.parent, data, job)
    trained = timing.mark()
    asker = weitiao.asker(None, folder, encoder=encoder, index=store / job["encoder"],
                          threads=job["threads"])  # fmt: skip
    indexed = timing.mark()
    index = asker.index
    draw = random.Random(f"{language} weight").sample(train, TUNING_QUESTIONS)
    index.tune([one["question"] for one in draw], lambda row, p: is_right(draw[row], p))
    weight = index.weight
    scores = index.scores([one["question"] for one in test])
    ranks = {
        "BM25": ranked(index, test, scores, lambda both: _only(both[0])),
        "vectors": ranked(index, test, scores, lambda both: _only(both[1])),
        "fused by ranks": ranked(index, test, scores, lambda both: _fused(both, None)),
        "fused, tuned": ranked(index, test, scores, lambda both: _fused(both, weight)),
    }
    if job["encoder"] == "tuned" and job["reranked"]:
        few = random.Random(f"{language} re-ranked").sample(range(len(test)), job["reranked"])
        ranks["fused, of these"] = [ranks["fused, tuned"][at] for at in few]
        some, found = [test[at] for at in few], [scores[at] for at in few]
        ranks["re-ranked"] = reranked(store, index, train, some, found, weight)
    return {
        **timing.between(begin, timing.mark()),
        "passages": len(index.store),
        "questions": len(test),
        "weight": weight,
        "train_seconds": round(trained.clock - begin.clock, 1),
        "index_seconds": round(indexed.clock - trained.clock, 1),
        "ranks": ranks,
        "figures": {way: figures(np.array(one)) for way, one in ranks.items()},
    }


def halves(language: str, data: Path) -> tuple[list[Any], list[Any]]:
    """The articles to train on and those that are judged."""
    file = data / "xquad_en_zh" / f"xquad.{language}.json"
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    order = sorted(range(len(articles)), key=lambda at: random.Random(f"xquad {at}").random())
    return [articles[at] for at in order[::2]], [articles[at] for at in order[1::2]]


def articles_of(language: str, data: Path) -> tuple[list[Asked], list[Asked]]:
    """Questions with their paragraphs, of the articles to train on and of those that are judged."""
    train, test = (
        [
            {"question": one["question"], "passage": paragraph["context"]}
            for article in articles
            for paragraph in article["paragraphs"]
            for one in paragraph["qas"]
        ]
        for articles in halves(language, data)
    )
    return train, test


def documents_in(
    folder: Path, language: str, data: Path, passages: Iterable[str], gone: Container[str] = ()
) -> Path:
    """A folder with a table of all paragraphs but those that are gone, and the distractors."""
    path = folder / "passages.csv"
    if not path.exists():
        paragraphs = list(dict.fromkeys(passages))
        own = {" ".join(one.split()) for one in paragraphs}
        others = [one for one in distractors(language, data) if " ".join(one.split()) not in own]
        random.Random(f"{language} distractors").shuffle(others)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text"])
            writer.writerows([one] for one in paragraphs if one not in gone)
            writer.writerows([one] for one in others[:DISTRACTORS])
    return folder


def distractors(language: str, data: Path) -> list[str]:
    """Passages of other sources in this language."""
    if language == "en":
        import sets

        rows = sets.pools("bbc_news", data)
        articles = [row["text"].split() for part in rows[:2] for row in part]
        return [
            " ".join(words[start : start + WORDS_A_PASSAGE])
            for words in articles
            for start in range(0, len(words), WORDS_A_PASSAGE)
            if len(words) - start >= WORDS_A_PASSAGE // 2
        ]
    found: dict[str, None] = {}
    for file in sorted((data / "cmrc2018").glob("*.json")):
        for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                text = paragraph["context"]
                for start in range(0, len(text), CHARACTERS_A_PASSAGE):
                    found[text[start : start + CHARACTERS_A_PASSAGE]] = None
    import sets

    rows = sets.pools("chnsenticorp", data)
    found |= dict.fromkeys(row["text"] for part in rows[:2] for row in part)
    return [one for one in found if len(one) >= 40]


def learned(data: Path) -> list[Any]:
    """Articles to learn from, in both languages: half of xquad, and cmrc2018."""
    articles = [one for language in LANGUAGES for one in halves(language, data)[0]]
    for file in sorted((data / "cmrc2018").glob("*.json")):
        articles += json.loads(file.read_text(encoding="utf-8"))["data"]
    return articles


def read_from(
    paragraphs: Sequence[Any], passages: dict[str, list[Any]]
) -> Iterator[tuple[str, Any]]:
    """(passage, question) where an answer stands inside one passage; all passages are noted."""
    from weitiao.search.passages import passages_of

    for paragraph in paragraphs:
        found = list(passages_of(paragraph["context"]))
        passages.update((one.text, []) for one in found)
        for qa in paragraph["qas"]:
            answer = qa["answers"][0]
            start, stop = answer["answer_start"], answer["answer_start"] + len(answer["text"])
            name = {"id": qa["id"], "question": qa["question"]}
            for one in found:
                at = start - one.start
                if at >= 0 and stop <= one.end and one.text[at:].startswith(answer["text"]):
                    yield one.text, {**name, "answers": [{**answer, "answer_start": at}]}


def tuned(store: Path, data: Path, job: Mapping[str, Any]) -> str:
    """The run of a bi-encoder of both languages; made once. Passages are cut as an index does."""
    import weitiao

    done = store / "bi-encoder.txt"
    if not done.exists():
        rows = [
            {"question": qa["question"], "passage": text}
            for article in learned(data)
            for text, qa in read_from(article["paragraphs"], {})
        ]
        path = _written(store / "train.csv", rows)
        fitted = weitiao.fit(
            str(path), task="retrieval", model=CHECKPOINT, out=store / "runs", progress=False,
            roles={"text": "question", "target": "passage"},
            changes={"train.epochs": job["epochs"], "train.learning_rate": RATE,
                     "train.batch_size": BATCH, "evaluate.findings": False},
        )  # fmt: skip
        done.write_text(str(fitted.run.folder), encoding="utf-8")
    return done.read_text(encoding="utf-8")


def reranked(
    store: Path,
    index: Any,
    train: Sequence[Asked],
    test: Sequence[Asked],
    scores: Any,
    weight: float | None,
) -> list[int]:
    """Ranks after a run of pairs has scored the first 20 passages of each question."""
    import weitiao

    done = store / "re-ranker.txt"
    if not done.exists():
        rows = []
        found = index.scores([one["question"] for one in train])
        for one, both in zip(train, found, strict=True):
            near = index.store.passages([n for n, _score in _fused(both, weight)[:DEPTH]])
            # Passages of the index for both labels: a whole paragraph would be told by its length.
            texts: dict[bool, list[str]] = {True: [], False: []}
            for passage in near:
                texts[is_right(one, passage)].append(passage.text)
            for label, some, most in (("yes", texts[True], 1), ("no", texts[False], NEGATIVES)):
                rows += [{**one, "passage": text, "label": label} for text in some[:most]]
        path = _written(store / "pairs.csv", rows)
        fitted = weitiao.fit(
            str(path), task="classification", model=CHECKPOINT, out=store / "runs", progress=False,
            roles={"text": "question", "text_pair": "passage", "target": "label"},
            changes={"train.epochs": 1, "model.max_length": 256, "evaluate.findings": False},
        )  # fmt: skip
        done.write_text(str(fitted.run.folder), encoding="utf-8")
    model = weitiao.load(done.read_text(encoding="utf-8"))
    ranks = []
    for one, both in zip(test, scores, strict=True):
        passages = index.store.passages([n for n, _score in _fused(both, weight)[:DEPTH]])
        pairs = [{"text": one["question"], "text_pair": p.text} for p in passages]
        relevant = [float(answer.scores["yes"]) for answer in model.predictions(pairs)]
        order = sorted(range(len(passages)), key=lambda at: -relevant[at])
        ranks.append(_rank(one, [passages[at] for at in order]))
    return ranks


def _written(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


# --- ranks and figures


def is_right(one: Asked, passage: Any) -> bool:
    """Whether a passage of the index holds a sentence of a question's paragraph."""
    from weitiao.search.judging import Question

    return Question(one["question"], None, one["passage"]).is_right(passage)


def ranked(index: Any, test: Sequence[Asked], scores: Any, order: Any) -> list[int]:
    """The rank of the right paragraph of each question, from 1; 0: not among the first 20."""
    ranks = []
    for one, both in zip(test, scores, strict=True):
        passages = index.store.passages([n for n, _score in order(both)[:DEPTH]])
        ranks.append(_rank(one, passages))
    return ranks


def _rank(one: Asked, passages: Sequence[Any]) -> int:
    places = (rank for rank, passage in enumerate(passages, 1) if is_right(one, passage))
    return next(places, 0)


def _only(scores: Mapping[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])


def _fused(both: Any, weight: float | None) -> list[tuple[int, float]]:
    from weitiao.search.index import fused

    return fused(*both, weight)


def figures(ranks: np.ndarray) -> dict[str, float]:
    """recall@1, 5, 20, MRR and nDCG@10; one passage is right."""
    found = ranks > 0
    gain = np.where(found & (ranks <= 10), 1 / np.log2(np.maximum(ranks, 1) + 1), 0.0)
    known = {f"recall@{depth}": float((found & (ranks <= depth)).mean()) for depth in (1, 5, 20)}
    mrr = float(np.where(found, 1 / np.maximum(ranks, 1), 0.0).mean())
    return {**known, "mrr": mrr, "ndcg@10": float(gain.mean())}


def gain(after: Sequence[int], before: Sequence[int], name: str) -> tuple[float, float, float]:
    """The paired difference of a figure, with its 95 % interval."""
    pairs = np.array([after, before])
    generator = np.random.default_rng(1)
    rows = generator.integers(0, pairs.shape[1], (RESAMPLES, pairs.shape[1]))
    differences = [
        figures(pairs[0, one])[name] - figures(pairs[1, one])[name] for one in rows
    ]  # fmt: skip
    low, high = np.quantile(differences, (0.025, 0.975))
    return figures(pairs[0])[name] - figures(pairs[1])[name], float(low), float(high)


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a language, encoder and way; then the paired differences."""
    names = ("recall@1", "recall@5", "recall@20", "mrr", "ndcg@10")
    lines = [f"| language | encoder | way | {' | '.join(names)} |", "|---" * 8 + "|"]
    by_place = {(r["language"], r["encoder"]): r for r in records if timing.has_figures(r)}
    for (language, encoder), one in sorted(by_place.items()):
        for way, found in one["figures"].items():
            values = " | ".join(f"{found[name]:.3f}" for name in names)
            lines.append(f"| {language} | {encoder} | {way} | {values} |")
    lines.append("")
    for language in LANGUAGES:
        if not all((language, encoder) in by_place for encoder in ENCODERS):
            continue
        before, after = (by_place[language, encoder]["ranks"] for encoder in ENCODERS)
        mixed = after["fused, tuned"]
        compared = {
            "vectors, tuned against untuned": (after["vectors"], before["vectors"]),
            "fused, tuned against BM25": (mixed, after["BM25"]),
            "fused, tuned against vectors": (mixed, after["vectors"]),
        }
        if "re-ranked" in after:
            pair = (after["re-ranked"], after["fused, of these"])
            compared["re-ranked against fused, on the same questions"] = pair
        for what, (one, other) in compared.items():
            for name in ("recall@1", "ndcg@10"):
                value, low, high = gain(one, other, name)
                lines.append(
                    f"- {language}, {what}: {name} {100 * value:+.1f} "
                    f"({100 * low:+.1f} to {100 * high:+.1f})"
                )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "retrieval", rounds=1, days=True)
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--epochs", type=int, default=3, help="of the bi-encoder")
    parser.add_argument("--reranked", type=int, default=200, help="questions to re-rank; 0: none")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
