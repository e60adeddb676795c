"""How long does `weitiao ask` take to index 100,000 passages, and then to search them?

    python benchmarks/big_index.py --data ../data
    python benchmarks/big_index.py --table

Cells: `index` (tables of 1,000 rows each; a row is three sentences of bbc_news, xquad, sst2 and
trec6, drawn by a seed, some 50 words), with minilm-l6: passages a second, peak memory of the
process, the start with nothing to do, and of 40 questions the milliseconds of the search and of
reading five passages by a run of `asking.py`, if it is there. `killed`: 3,000 passages in six
tables, SIGKILL at ten random moments of indexing; then what is there is held against an unbroken
index (texts equal, cosine of the vectors at least 0.999), and told is how often a passage was
encoded.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import timing

SCRIPT = Path(__file__).resolve()
ENCODER = "minilm-l6"
PASSAGES, ROWS_A_TABLE, QUESTIONS = 100_000, 1_000, 40
KILLED_PASSAGES, KILLED_ROWS, KILLS = 3_000, 500, 10


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [{"work": "index", "passages": given.passages},
             {"work": "killed", "passages": KILLED_PASSAGES}]  # fmt: skip
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one cell."""
    if "index" in job:  # the process that is killed
        _indexed(Path(job["docs"]), Path(job["index"]), job["threads"])
        return {}
    epochs.use_threads(job["threads"])
    with tempfile.TemporaryDirectory() as name:
        if job["work"] == "killed":
            return killed(Path(name), job)
        return indexed(Path(name), job)


def documents_in(folder: Path, data: Path, passages: int, rows: int) -> list[str]:
    """Tables of so many rows; returns questions."""
    sentences, questions = sentences_in(data)
    draw = random.Random("passages")
    folder.mkdir(parents=True)
    for start in range(0, passages, rows):
        with (folder / f"{start:06}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text"])
            for at in range(start, min(start + rows, passages)):
                writer.writerow([f"{' '.join(draw.sample(sentences, 3))} ({at})"])
    return draw.sample(questions, QUESTIONS)


def sentences_in(data: Path) -> tuple[list[str], list[str]]:
    """English sentences, and questions."""
    import sets
    from weitiao.labels.texts.pieces import SENTENCE_END

    texts = [row["text"] for name in ("bbc_news", "sst2", "trec6")
             for part in sets.pools(name, data)[:2] for row in part]  # fmt: skip
    file = data / "xquad_en_zh" / "xquad.en.json"
    paragraphs = [
        paragraph
        for article in json.loads(file.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
    ]
    texts += [paragraph["context"] for paragraph in paragraphs]
    parts = (part.strip() for text in texts for part in SENTENCE_END.split(text))
    sentences = sorted({part for part in parts if 5 <= len(part.split()) <= 40})
    return sentences, [qa["question"] for paragraph in paragraphs for qa in paragraph["qas"]]


def indexed(folder: Path, job: Mapping[str, Any]) -> timing.Record:
    """Index, start again, ask."""
    import weitiao

    docs = folder / "docs"
    questions = documents_in(docs, Path(job["data"]), job["passages"], ROWS_A_TABLE)
    begin = timing.mark()
    opened = weitiao.asker(None, docs, encoder=ENCODER, index=folder / "index",
                           threads=job["threads"])  # fmt: skip
    done = timing.mark()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count, added = len(opened.index.store), opened.changes.added
    reader = timing.store_of(None) / "retrieval" / "reader.txt"
    run = reader.read_text(encoding="utf-8") if reader.exists() else None
    begun = time.perf_counter()
    opened = weitiao.asker(run, docs, encoder=ENCODER, index=folder / "index",
                           threads=job["threads"])  # fmt: skip
    again = time.perf_counter() - begun
    searches, answers = [], []
    for at, question in enumerate(questions):
        begun = time.perf_counter()
        opened.search(question)
        searched = time.perf_counter()
        opened(question)
        if at:  # the first one reads the vectors
            searches.append(searched - begun)
            answers.append(time.perf_counter() - searched)
        else:
            first = searched - begun
    size = sum(path.stat().st_size for path in (folder / "index").iterdir())
    return {
        **timing.between(begin, done),
        "documents": count, "files": added, "rate": round(count / (done.clock - begin.clock), 1),
        "peak_megabytes": round(peak), "index_megabytes": round(size / 2**20),
        "nothing_to_do_seconds": round(again, 2), "first_search_ms": round(1e3 * first),
        "search_ms": _middle(searches), "search_p95_ms": round(1e3 * np.quantile(searches, 0.95)),
        "with_reading_ms": _middle(answers), "reader": bool(run),
        "peak_megabytes_asking": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def _middle(seconds: list[float]) -> int:
    return round(1e3 * float(np.median(seconds)))


def killed(folder: Path, job: Mapping[str, Any]) -> timing.Record:
    """Index in a process that is killed again and again."""
    docs, draw = folder / "docs", random.Random(job["passages"])
    documents_in(docs, Path(job["data"]), job["passages"], KILLED_ROWS)
    begun = time.perf_counter()
    whole = _indexed(docs, folder / "unbroken", job["threads"])
    seconds = time.perf_counter() - begun
    one = {**job, "docs": str(docs), "index": str(folder / "index")}
    counts, kills = [], 0
    while kills < KILLS:
        # A process group of its own: what it starts ends with it.
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "--job", json.dumps(one)], start_new_session=True
        )
        try:
            process.wait(timeout=4 + draw.uniform(0, seconds / 2))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            counts.append(_rows_in(folder / "index"))
        else:
            counts.append(_rows_in(folder / "index"))
            shutil.rmtree(folder / "index")  # it was through
    _indexed(docs, folder / "index", job["threads"])
    same, cosine = _compared(folder / "unbroken", folder / "index")
    return {"kills": kills, "passages_seen": counts, "equal_texts": same, "least_cosine": cosine,
            "indexed": whole, "seconds_unbroken": round(seconds, 1)}  # fmt: skip


def _indexed(docs: Path, index: Path, threads: int) -> int:
    import weitiao

    return len(weitiao.asker(None, docs, encoder=ENCODER, index=index, threads=threads).index.store)


def _rows_in(folder: Path) -> list[int]:
    """Passages in the index, and vectors of an unfinished file."""
    import sqlite3

    if not (folder / "index.sqlite").exists():
        return [0, 0]
    with sqlite3.connect(folder / "index.sqlite") as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        return [
            int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
            if name in tables else 0
            for name in ("passages", "computed")
        ]  # fmt: skip


def _compared(one: Path, other: Path) -> tuple[bool, float]:
    """Whether two indices hold the same passages once each; the least cosine of their vectors."""
    from weitiao.search.store import Store

    texts, vectors = [], []
    for folder in (one, other):
        store = Store(folder)
        numbers, found = store.vectors()
        passages = store.passages([int(n) for n in numbers])
        order = sorted(range(len(passages)), key=lambda at: passages[at].text)
        texts.append([passages[at].text for at in order])
        vectors.append(found[order])
    same = texts[0] == texts[1] and len(set(texts[0])) == len(texts[0])
    return same, float((vectors[0] * vectors[1]).sum(1).min()) if same else 0.0


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a cell."""
    lines = []
    for one in records:
        if one.get("work") == "index" and timing.has_figures(one):
            lines.append(
                f"{one['documents']:,} passages: {one['seconds']:.0f} s ({one['rate']:.0f} a "
                f"second), peak {one['peak_megabytes']:,} MB, on disk {one['index_megabytes']} MB; "
                f"nothing to do {one['nothing_to_do_seconds']} s; a search {one['search_ms']} ms "
                f"(95 %: {one['search_p95_ms']}, first {one['first_search_ms']}), with "
                f"{'reading' if one['reader'] else 'no reader'} {one['with_reading_ms']} ms"
            )
        elif one.get("work") == "killed" and "kills" in one:
            lines.append(
                f"{one['kills']} kills of {one['indexed']:,} passages: equal texts "
                f"{one['equal_texts']}, least cosine {one['least_cosine']:.5f}; seen "
                f"{one['passages_seen']}"
            )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "big_index", rounds=1, days=True)
    parser.add_argument("--passages", type=int, default=PASSAGES)
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
