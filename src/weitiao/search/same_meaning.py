"""Rows that say the same in other words, and outliers, by vectors of a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from weitiao.checkpoints.catalogue import default_for
from weitiao.checkpoints.sentence_encoder import is_e5
from weitiao.data.quality.finding import Finder, Finding, Inspected, texts_of
from weitiao.data.quality.repeats import pair_cases, pair_table
from weitiao.data.quality.scan import with_rows
from weitiao.data.quality.shingles import normal_form, text_similarity
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.words import text_of
from weitiao.search.encoder import encoder_of

MOST_ROWS = 10_000  # of more, so many at even distances are compared
MOST_PAIRS = 2_000  # that are listed, and that are read in each block
BLOCK = 500  # rows of the matrix of cosines at once
BATCH = 256  # texts that are encoded at once
COSINE, COSINE_E5 = 0.9, 0.96  # least cosine of two texts; vectors of E5 are all close together
NEIGHBOURS = 5
DEVIATIONS = 6.0  # robust standard deviations of the distance to the neighbours
MAD_TO_STD = 1.4826


def meaning_finder(checkpoint: str | None = None) -> Finder:
    """A finder by the vectors of a checkpoint, by default that of the rows' language."""

    def find(inspected: Inspected) -> Iterator[Finding]:
        if inspected.meaning and len(inspected.rows) > 1:
            name = checkpoint or default_for(inspected.language)
            yield from same_meaning(inspected, name)

    return find


def same_meaning(inspected: Inspected, checkpoint: str) -> Iterator[Finding]:
    """Pairs of rows whose vectors are close while their letters are not, and outliers."""
    n = len(inspected.rows)
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_ROWS)).astype(np.int64))
    texts = [" ".join(map(text_of, row)) for row in texts_of(inspected.rows, rows)]
    full = np.array([bool(text.strip()) for text in texts])
    rows, texts = rows[full], [text for text in texts if text.strip()]
    if len(rows) < 2:
        return
    first, place = _forms(texts)
    vectors = _vectors(
        [texts[at] for at in first],
        checkpoint,
        lambda done: inspected.advance(_("meaning"), done, len(first)),
    )[place]
    least = COSINE_E5 if is_e5(checkpoint) else COSINE

    def differs(one: int, other: int) -> bool:
        return text_similarity(texts[one], texts[other]) < inspected.similarity

    pairs, values, far = _compared(vectors, least, first, differs)
    some = (
        ""
        if len(rows) == n
        else _(" (of {rows:,} rows at even distances of {total:,})", rows=len(rows), total=n)
    )
    if len(pairs):
        links = rows[pairs]
        shown = [f"{value:.3f}" for value in values]
        yield Finding(
            "same_meaning",
            "note",
            np.unique(links),
            _(
                "{pairs} with the same meaning in other words: cosine of {cosine:g} and more by "
                "{model}{some}",
                pairs=plural(len(links), "pair"),
                cosine=least,
                model=checkpoint,
                some=some,
            ),
            _("read them: are they versions of one text, and are their targets the same?"),
            table=pair_table(inspected, links, shown, _("cosine")),
            cases=pair_cases(inspected, links, shown),
            figures={"pairs": len(links), "cosine": least, "model": checkpoint},
        )
    odd = _outlying(far)
    if len(odd):
        finding = Finding(
            "meaning_outliers",
            "note",
            rows[odd],
            _(
                "{rows} far from all others by their meaning ({model}){some}",
                rows=plural(len(odd), "row"),
                model=checkpoint,
                some=some,
            ),
            _("read them: do they belong to these rows?"),
        )
        distances = [f"{far[at]:.3f}" for at in odd]
        yield with_rows(finding, inspected, values=distances, about=_("distance"))


def _vectors(texts: list[str], checkpoint: str, advance: Callable[[int], None]) -> np.ndarray:
    encoder = encoder_of(checkpoint)
    made = []
    for start in range(0, len(texts), BATCH):
        made.append(encoder.questions(texts[start : start + BATCH]).astype(np.float32))
        advance(min(start + BATCH, len(texts)))
    vectors = np.concatenate(made)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _forms(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the first text of each normal form, and which of them each text is like."""
    known: dict[str, int] = {}
    place = np.array([known.setdefault(normal_form(text), len(known)) for text in texts])
    return np.unique(place, return_index=True)[1], place


def _compared(
    vectors: np.ndarray, least: float, first: np.ndarray, differs: Callable[[int, int], bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The closest pairs (m, 2) among the first texts of each form that differ by their letters,
    with their cosines, and (rows,) the distance of each row to its neighbours."""
    pairs, values = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    far = np.zeros(len(vectors))
    near = min(NEIGHBOURS, len(vectors) - 1)
    compared = np.zeros(len(vectors), bool)
    compared[first] = True
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -1
        far[start : start + BLOCK] = 1 - np.partition(cosines, -near, axis=1)[:, -near:].mean(1)
        close = (cosines >= least) & compared & compared[start : start + BLOCK, None]
        close &= np.arange(len(vectors)) > (start + own)[:, None]
        at = np.flatnonzero(close)
        at = at[np.argsort(-cosines.ravel()[at], kind="stable")[:MOST_PAIRS]]
        left, right = np.divmod(at, len(vectors))
        both = np.stack([left + start, right], 1)
        other = np.array([differs(*pair) for pair in both.tolist()], bool)
        pairs.append(both[other])
        values.append(cosines[left, right][other])
    every, cosine = np.concatenate(pairs), np.concatenate(values)
    order = np.argsort(-cosine, kind="stable")[:MOST_PAIRS]
    return every[order], cosine[order], far


def _outlying(far: np.ndarray) -> np.ndarray:
    """Positions of rows that are unusually far from their neighbours, the farthest first."""
    middle = float(np.median(far))
    std = max(MAD_TO_STD * float(np.median(np.abs(far - middle))), 1e-3)
    odd = np.flatnonzero(far > middle + DEVIATIONS * std)
    return odd[np.argsort(-far[odd], kind="stable")]
