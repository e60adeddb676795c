"""Language identification by py3langid (Lui and Baldwin 2012), and rows in unusual languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from weitiao.core.script import han_count, has_kana
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.quality.finding import Finding, Inspected
from weitiao.data.quality.repeats import SPAN
from weitiao.data.quality.scan import part_line, with_rows
from weitiao.i18n.messages import _, joined, plural

MOST_ROWS = 50_000  # of more, so many at even distances are identified
CHARACTERS = 400  # of a text
USUAL = 0.05  # share of the texts from which a language is a usual one
KNOWN = 0.8  # probability from which the language of a text is known
SURE = 0.99  # probability from which a text in another language is reported
FEWEST_LETTERS, FEWEST_HAN = 30, 8  # less is too little to identify a language by


@dataclass(frozen=True, eq=False)
class Identified:
    """Languages of some rows. rows: positions; codes: ISO 639-1, "" where it cannot be said."""

    rows: np.ndarray
    codes: list[str]
    sure: np.ndarray

    @property
    def shares(self) -> dict[str, float]:
        """Language -> its share of the texts whose language is known, the largest first."""
        counts = Counter(code for code in self.codes if code)
        return {code: count / counts.total() for code, count in counts.most_common()}


def identify(inspected: Inspected) -> Identified:
    """Identify the language of the first text of each row, or of some at even distances."""
    rows = inspected.rows
    n = len(rows)
    chosen = np.unique(np.linspace(0, max(n - 1, 0), min(n, MOST_ROWS)).astype(np.int64))
    chosen = chosen[:n]
    column = rows.table.column(str(rows.roles[rows.text_roles[0]]))
    codes: list[str] = []
    sure: list[float] = []
    for span in position_batches(chosen, SPAN):
        for text in cell_texts(column, rows.indices[span]):
            code, probability = language_of(text)
            codes.append(code)
            sure.append(probability)
        inspected.advance(_("languages"), len(codes), len(chosen))
    return Identified(chosen, codes, np.array(sure))


def language_of(text: str) -> tuple[str, float]:
    """Language (ISO 639-1) and its probability; ("", 0) for texts too short to say.

    >>> language_of("这家酒店的服务非常好，房间也很干净")[0], language_of("ok")
    ('zh', ('', 0.0))
    """
    head = text[:CHARACTERS]
    letters, han = sum(map(str.isalpha, head)), han_count(head)
    if letters < FEWEST_LETTERS and han < FEWEST_HAN:
        return "", 0.0
    if 2 * han > letters and not has_kana(head):
        return "zh", 1.0
    code, probability = _identifier().classify(head)
    return (str(code), float(probability)) if probability >= KNOWN else ("", 0.0)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def other_languages(inspected: Inspected, identified: Identified) -> Iterator[Finding]:
    """Rows in a language that few rows are in."""
    shares = identified.shares
    usual = {code for code, share in shares.items() if share >= USUAL}
    odd = [
        at
        for at, code in enumerate(identified.codes)
        if code and code not in usual and identified.sure[at] >= SURE
    ]
    if not odd or not usual:
        return
    rows = identified.rows[odd]
    codes = [identified.codes[at] for at in odd]
    counts = joined([f"{code} {count:,}" for code, count in Counter(codes).most_common(6)], ", ")
    names = joined(sorted(usual), ", ")
    n = len(inspected.rows)
    looked = "" if len(identified.rows) == n else _looked(len(identified.rows), n)
    finding = Finding(
        "other_languages",
        "note",
        rows,
        _(
            "{rows} in another language ({counts}) than most ({usual}){looked}",
            rows=plural(len(rows), "row"),
            counts=counts,
            usual=names,
            looked=looked,
        ),
        _("read them; short texts and names are easily mistaken"),
        part_line("steps", "language_filter", f"{{languages: [{names}]}}"),
        figures={"languages": {code: round(share, 4) for code, share in shares.items()}},
    )
    yield with_rows(finding, inspected, values=codes, about=_("language"))


def _looked(rows: int, total: int) -> str:
    return _(" (of {rows:,} rows at even distances of {total:,})", rows=rows, total=total)
