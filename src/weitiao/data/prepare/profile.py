"""Data profile: label balance, text lengths, languages, duplicates and leakage, for the planner."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.core.script import han_count
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.files.table import Source
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import check_role
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.declared import declared_parts, without_refused
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.prepare.label_rules import with_label_rules
from weitiao.data.prepare.load import alike_labels
from weitiao.data.rows import Rows, everything
from weitiao.data.targets import comparable, reader_of
from weitiao.i18n.messages import _
from weitiao.labels.tags.words import text_of
from weitiao.planfile.sections import LabelsPlan

if TYPE_CHECKING:
    from weitiao.data.quality.finding import Finding

LANGUAGE_ROWS = 20_000
LANGUAGE_CHARACTERS = 400
MOST_TOKENS = 512  # positions of BERT and its like
CHARACTERS_A_TOKEN = {"en": 4.5, "zh": 1.2}  # of sst2 and chnsenticorp, about
_KANA = re.compile(r"[\u3040-\u30ff]")
_LATIN = re.compile(r"[A-Za-z]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, repr=False)
class Profile:
    """A data profile. `labels` is empty for regression, `numbers` for classification."""

    name: str
    task: str
    rows: int
    unlabelled: int
    empty_texts: int
    columns: Mapping[str, str]  # column -> an example value
    roles: Mapping[str, str | list[str]]
    reasons: Mapping[str, str]
    labels: Mapping[str, int]  # label -> rows, the most frequent first
    shares: Mapping[str, float]
    imbalance: float  # rows of the largest label for each of the smallest
    numbers: Mapping[str, float]  # lowest, highest, mean, median
    lengths: Mapping[str, Mapping[str, int]]  # role -> characters: p50, p90, p99, max
    languages: Mapping[str, float]  # share of rows in "zh", "en" (Latin script), "other"
    language: str
    duplicates: int  # rows that an earlier row equals, texts and target
    conflicts: int  # texts that stand with more than one target
    leaks: int | None  # rows whose text also stands in the test file; None without one
    history: Sequence[str] = field(default=())
    bad: int = 0  # rows set aside because they cannot be read or used
    separator: str = ""  # between the levels of labels that are paths
    findings: Sequence[Finding] = ()  # faults in the rows, the gravest first: `look` alone
    identified: Mapping[str, float] = field(default_factory=dict)  # language (ISO 639-1) -> share
    tokens: Mapping[str, Any] = field(default_factory=dict)  # lengths and cost of truncation
    parts: Mapping[str, int] = field(default_factory=dict)  # rows of each declared part

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, {self.task}, {self.rows} rows, {dict(self.roles)})"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values for json.dumps."""
        plain = asdict(replace(self, findings=()))
        return plain | {"findings": [one.to_json() for one in self.findings]}


def profile(
    source: Source,
    roles: Mapping[str, str | list[str]],
    task: str,
    reasons: Mapping[str, str] | None = None,
    test: Source | None = None,
    *,
    skip_bad: bool = False,
    labels: LabelsPlan | None = None,
) -> Profile:
    """Profile a file's rows, and their leakage into a test file. Streams over the rows.

    labels: rules by which labels are renamed, merged or dropped.
    """
    for role, column in roles.items():
        check_role(role, column, source.columns)
    rows = Rows(source.table, everything(source.table), roles, source.name, task)
    history = list(source.history)
    rows = without_refused(rows, history)
    rows = without_misfits(rows, skip_bad, history, bad := list(source.bad))
    rows = with_label_rules(rows, labels, history) if labels else rows
    lengths, empty, languages, long = _texts(rows)
    history += long if reader_of(task).head == "sequence" else []
    targets = rows.targets() if "target" in roles else [None] * len(rows)
    usable = np.flatnonzero(~empty)
    labelled = [int(i) for i in usable if targets[i] is not None]
    known: list[Any] = [targets[i] for i in labelled]
    texts = _keys(source, rows, rows.indices)
    declared = declared_parts(rows, history)
    reader = reader_of(task)
    history += reader.problems(rows.take(labelled), known)
    labelled_texts = texts[labelled]
    whole = duplicates.row_keys(labelled_texts, comparable(known, reader.label_sets))
    by_label = reader.label_counts(known)
    history += alike_labels(by_label)
    return Profile(
        name=source.name,
        task=task,
        rows=len(rows),
        unlabelled=len(usable) - len(labelled),
        empty_texts=int(empty.sum()),
        columns={name: column.example for name, column in columns_of(source.table).items()},
        roles=dict(roles),
        reasons=dict(reasons or {}),
        labels=by_label,
        shares={label: count / len(known) for label, count in by_label.items()},
        imbalance=max(by_label.values()) / min(by_label.values()) if by_label else 1.0,
        numbers=_figures(known) if reader.numeric and known else {},
        lengths=lengths,
        languages=languages,
        language=max(languages, key=lambda language: languages[language]),
        duplicates=len(whole) - len(duplicates.first_of_each(whole)),
        conflicts=duplicates.conflicts(labelled_texts, whole) if reader.one_target else 0,
        leaks=None if test is None else _leaks(texts[usable], test, rows),
        history=tuple(history),
        bad=len(bad),
        separator=reader.level_separator(list(by_label)),
        parts=declared.counts() if declared else {},
    )


def language_of(text: str) -> str:
    """Language identification by script: "zh", "en" (any Latin script) or "other".

    >>> language_of("好电影"), language_of("a good film"), language_of("いい映画")
    ('zh', 'en', 'other')
    """
    head = text[:LANGUAGE_CHARACTERS]
    if head.isascii():  # the rest would find the same, slowly
        return "en" if _LATIN.search(head) else "other"
    # Japanese has Han characters as well; kana tell it from Chinese.
    if _KANA.search(head):
        return "other"
    han, latin, letters = han_count(head), *(len(p.findall(head)) for p in (_LATIN, _LETTER))
    if han and 3 * han >= latin:  # a Chinese character says about as much as three letters
        return "zh"
    return "en" if latin and 2 * latin >= letters else "other"


def _texts(
    rows: Rows,
) -> tuple[dict[str, dict[str, int]], np.ndarray, dict[str, float], list[str]]:
    """Length percentiles (characters) by role, (rows,) which lack a text, shares of languages; and
    what is said of long texts."""
    empty = np.zeros(len(rows), bool)
    every = max(1, len(rows) // LANGUAGE_ROWS)
    languages: Counter[str] = Counter()
    lengths, characters = {}, np.zeros(len(rows), np.int64)
    per_token = reader_of(rows.task).head == "tokens"
    for role in rows.text_roles:
        counted = np.zeros(len(rows), np.int32)
        column = rows.table.column(str(rows.roles[role]))
        done = 0
        for span in position_batches(rows.indices, duplicates.SPAN):
            texts = cell_texts(column, span)
            if per_token:
                texts = [text_of(cell) for cell in texts]
            counted[done : done + len(span)] = [len(text) for text in texts]
            empty[done : done + len(span)] |= np.array([not text.strip() for text in texts])
            # Every `every`th row of the table, across spans: (-done) % every is the first of them
            # in this span.
            languages.update(language_of(text) for text in texts[(-done) % every :: every])
            done += len(span)
        lengths[role] = _percentiles(counted)
        characters += counted
    total = max(1, languages.total())
    shares = {name: languages[name] / total for name in ("zh", "en", "other")}
    return lengths, empty, shares, list(_long(characters, shares))


def _long(characters: np.ndarray, languages: Mapping[str, float]) -> Iterator[str]:
    """What most networks do not read of the texts; tokens are estimated, without a network."""
    a_token = CHARACTERS_A_TOKEN["zh" if languages["zh"] > 0.5 else "en"]
    room = int(MOST_TOKENS * a_token)
    cut = float((characters > room).mean()) if len(characters) else 0.0
    if cut > 0.01:
        yield _(
            "about {cut:.0%} of the texts are longer than the {tokens} tokens that most networks "
            "read ({characters:,} characters): {lost:.0%} of all characters stand behind, and are "
            "not read unless model.long_texts says so",
            cut=cut,
            tokens=MOST_TOKENS,
            characters=room,
            lost=float(np.maximum(characters - room, 0).sum() / characters.sum()),
        )


def _percentiles(lengths: np.ndarray) -> dict[str, int]:
    if len(lengths) == 0:
        return {"p50": 0, "p90": 0, "p99": 0, "max": 0}
    points = np.percentile(lengths, [50, 90, 99, 100], method="higher")
    return dict(zip(("p50", "p90", "p99", "max"), map(int, points), strict=True))


def _leaks(texts: np.ndarray, test: Source, rows: Rows) -> int:
    return int(duplicates.is_in(texts, _keys(test, rows, everything(test.table))).sum())


def _keys(source: Source, rows: Rows, indices: np.ndarray) -> np.ndarray:
    for role in (*rows.text_roles, "columns"):
        check_role(role, rows.roles.get(role, []), source.columns)
    return duplicates.text_keys(source.table, rows.text_columns, indices)


def _figures(targets: Sequence[float]) -> dict[str, float]:
    values = np.asarray(targets)
    return {
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
    }
