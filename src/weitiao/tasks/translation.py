"""Translation: a text in another language, by an encoder-decoder or a causal network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.core.script import has_han
from weitiao.data.infer.column_names import (
    TARGET_WORDS,
    TEXT_WORDS,
    by_plain_name,
    matches,
    plain,
)
from weitiao.data.infer.pairs import text_and_target
from weitiao.data.infer.roles import Guess
from weitiao.data.infer.unclear import unclear
from weitiao.errors import DataError, PlanError
from weitiao.i18n.messages import _, name_list, plural
from weitiao.labels.texts.glossary import read_glossary, require_terms
from weitiao.labels.texts.languages import (
    SOURCES,
    TARGETS,
    codes_of,
    is_code,
    language_behind,
    language_in,
    language_of,
    token_of,
)
from weitiao.labels.texts.parallel import describe, doubts
from weitiao.labels.texts.terms import Terms, held, placeholders
from weitiao.labels.texts.terms import plain as plain_text
from weitiao.tasks.answers.texts import Texts
from weitiao.tasks.texts.generative import Generative
from weitiao.tasks.texts.special_tokens import ids_of

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence
    from weitiao.data.rows import Rows

NEARLY_ALL, SOME = 0.95, 0.2  # of the cells have Chinese characters
SAMPLED = 100  # cells that are looked at for lists and objects
MOSTLY_DIFFERENT = 0.5  # of the cells; labels repeat
# Words of longer names, such as 英文译文 or German translation.
SOURCE_WORDS = (*SOURCES, "originals", "sources")
TARGET_SIDE_WORDS = (*TARGETS, "translated", "translations", "targets", "翻译")


class Translation(Generative):
    """A translation of each text. Marian, T5, BART, mBART, M2M100, NLLB and causal networks.

    A source longer than `model.max_length` is cut at the ends of its sentences, and its pieces are
    translated one by one. Best checkpoint by the validation loss; BLEU (Papineni et al. 2002) and
    chrF++ (Popović 2017) by sacrebleu.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("bleu", "chrf", "exact_match", "placeholders_kept", "glossary_kept"),
    )
    pipeline_tag: ClassVar[str] = "translation"
    windowed: ClassVar[bool] = True

    source_language: str = Field("", description="language of the text, e.g. en")
    target_language: str = Field("", description="language of the translation, e.g. zh")

    glossary: str | dict[str, str] = Field(
        "",
        description="terms whose translation is given: a .csv or .tsv file of source and target "
        "term, or a mapping; each answer contains the terms of its text",
    )
    placeholders: bool = Field(
        False,
        description="each answer contains the placeholders of its text: names in braces, printf "
        "codes, tags, addresses",
    )

    @property
    def default_metrics(self) -> tuple[str, ...]:
        kept = ("placeholders_kept",) if self.placeholders else ()
        return ("bleu", "chrf", *kept, *(("glossary_kept",) if self.glossary else ()))

    @property
    def special_settings(self) -> list[Any]:
        wanted = [self.placeholders, self.glossary] if self.placeholders or self.glossary else []
        return [self.source_language, self.target_language, *wanted]

    def required(self, text: str) -> list[str]:
        """The placeholders of a text, each as often as it comes, and the terms of the glossary."""
        marks = placeholders(text) if self.placeholders else []
        terms = self._terms.wanted_in(text)
        return [*marks, *(term for term in terms if term not in marks)]

    @cached_property
    def _terms(self) -> Terms:
        """The terms of the glossary; none while it is a file that was not read."""
        return Terms(self.glossary if isinstance(self.glossary, dict) else {})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        if copied.glossary is not self.glossary:
            copied.__dict__.pop("_terms", None)
        return copied

    def to_answers(self, gold: Any, scores: Any) -> Texts:
        """With the terms of the glossary that stand in each reference, and in its answer."""
        answers = super().to_answers(gold, scores)
        if not isinstance(self.glossary, dict):
            return answers
        known = {term: plain_text(term) for term in self.glossary.values()}
        targets = [plain_text(target or "") for target in answers.targets]
        wanted = [[t for t, short in known.items() if short in target] for target in targets]
        rows = [
            [len(terms), held(terms, text or "")]
            for terms, text in zip(wanted, answers.values, strict=True)
        ]
        more = np.array(rows, float).reshape(len(rows), 2)
        return replace(answers, counts=np.concatenate([answers.counts, more], 1))

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """Two columns of texts that are named by languages, or as source and target; or the only
        two columns but for ids and dates, one of them Chinese."""
        pair = None if evidence.roles else pair_of(evidence.texts)
        why = _("the names of the two columns")
        if pair is None and not evidence.roles and _stand_alone(evidence):
            first, second = (evidence.columns[name] for name in evidence.texts)
            pair = (first.name, second.name) if two_languages(*evidence.texts) else None
            if pair is None and two_writings(first, second):
                why = _("one column is Chinese, the other is not")
                pair = first.name, second.name
        if pair is None or evidence.annotated(pair):
            return _by_side(evidence, text_and_target(evidence)) if named else None
        source, target = _directed(evidence, *pair)
        return Guess({"text": source, "target": target}, {"text": why, "target": why})

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        text, target = evidence.roles.get("text"), evidence.target
        if target is None or not isinstance(text, str):
            return None
        named = pair_of([text, target.name]) is not None or two_languages(text, target.name)
        if not target.is_text or not (named or two_writings(evidence.columns[text], target)):
            return None
        return 1.0, _(
            "{first!r} and {second!r} are texts in two languages", first=text, second=target.name
        )

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        def pairs() -> Iterator[tuple[str, str]]:
            texts = (str(one.inputs["text"]) for batch in rows.batches() for one in batch)
            return zip(texts, targets, strict=True)

        for doubt, count in doubts(pairs).items():
            yield describe(doubt, plural(count, "row"))

    def learn(self, targets: Sequence[Any]) -> Self:
        require_codes(self.model_dump(include={"source_language", "target_language"}))
        # The file may be gone where the model is used: its terms are saved with the model.
        if isinstance(self.glossary, str) and self.glossary:
            languages = self.source_language, self.target_language
            return self.model_copy(update={"glossary": read_glossary(self.glossary, *languages)})
        if isinstance(self.glossary, dict):
            require_terms(self.glossary)
        return self

    def adapt(self, tokenizer: Any) -> None:
        """Set the languages of a multilingual tokenizer. Raises PlanError where they are missing
        or unknown: it would translate into whatever it was left at."""
        known = codes_of(tokenizer)
        if not known:
            return
        for name, attribute in (("source_language", "src_lang"), ("target_language", "tgt_lang")):
            code = getattr(self, name)
            token = token_of(code, known) if code else ""
            if not token:
                raise PlanError([_unknown_language(name, code, known)])
            setattr(tokenizer, attribute, token)

    def forced(self, tokenizer: Any) -> dict[str, Any]:
        """The token of the target language, with which multilingual decoders begin."""
        code = getattr(tokenizer, "tgt_lang", None)
        if self.causal or not code or not codes_of(tokenizer):
            return {}
        if (language := language_behind(tokenizer)) is not None:
            return {"decoder_start_token_id": language}
        number = tokenizer.convert_tokens_to_ids(code)
        if number in (None, tokenizer.unk_token_id):  # M2M100: __de__
            number = tokenizer.get_lang_id(code)
        return {"forced_bos_token_id": int(number)}

    def target_ids(self, targets: Sequence[str], tokenizer: Any) -> list[list[int]]:
        if self.causal:
            return [list(ids) for ids in ids_of(targets, tokenizer, add_special_tokens=False)]
        return without_ends(ids_of(targets, tokenizer, target=True), tokenizer)


def without_ends(rows: Sequence[Sequence[int]], tokenizer: Any) -> list[list[int]]:
    """Token ids of targets without the tokens that end them, which are added where they are
    whole."""
    ends = {tokenizer.eos_token_id, tokenizer.sep_token_id, language_behind(tokenizer)} - {None}
    targets = []
    for row in rows:
        ids = list(row)
        while ids and ids[-1] in ends:
            ids.pop()
        # BERT's tokenizer begins a text with [CLS], which a decoder gets from `decoder_start`.
        targets.append(ids[1:] if ids and ids[0] == tokenizer.cls_token_id else ids)
    return targets


def pair_of(names: Iterable[str]) -> tuple[str, str] | None:
    """The columns of source and target: named so, or two languages in the order of the file."""
    names = list(names)
    columns = by_plain_name(names)
    source = next((columns[name] for name in SOURCES if name in columns), None)
    target = next((columns[name] for name in TARGETS if name in columns), None)
    if source and target:
        return source, target
    languages = [name for name in names if language_of(name)]
    if len(languages) == 2 and language_of(languages[0]) != language_of(languages[1]):
        return in_order(*languages) or (languages[0], languages[1])
    return None


def in_order(first: str, second: str) -> tuple[str, str] | None:
    """Two columns as text and target by the words of their names, in the order of the file where
    these say nothing; None where they contradict each other.

    >>> in_order("英文译文", "中文原文"), in_order("German", "English")
    (('中文原文', '英文译文'), ('German', 'English'))
    >>> in_order("German source", "English source") is None
    True
    """
    forward = matches(first, SOURCE_WORDS) or matches(second, TARGET_SIDE_WORDS)
    backward = matches(first, TARGET_SIDE_WORDS) or matches(second, SOURCE_WORDS)
    if forward and backward:
        return None
    return (second, first) if backward else (first, second)


def _directed(evidence: Evidence, first: str, second: str) -> tuple[str, str]:
    """Raises DataError where the names of two columns contradict each other."""
    exact = plain(first) in SOURCES and plain(second) in TARGETS
    pair = (first, second) if exact else in_order(first, second)
    if pair is None:
        raise DataError(unclear(evidence.columns, text=False))
    return pair


def _by_side(evidence: Evidence, guess: Guess | None) -> Guess | None:
    """A guess of both columns, the other way round where their names say so."""
    if guess is None or guess.roles.keys() != {"text", "target"}:
        return guess
    source, target = _directed(evidence, str(guess.roles["text"]), str(guess.roles["target"]))
    return replace(guess, roles={"text": source, "target": target})


def two_languages(first: str, second: str) -> bool:
    """Whether the names of two columns begin with different languages.

    >>> two_languages("英文原文", "中文译文"), two_languages("中文标题", "中文正文")
    (True, False)
    """
    codes = {language_in(plain(name)) for name in (first, second)}
    return len(codes) == 2 and "" not in codes


def _stand_alone(evidence: Evidence) -> bool:
    """Whether two columns are texts, and the others ids, dates, or the same in every row."""
    others = (c for name, c in evidence.columns.items() if name not in evidence.texts)
    silent = all(one.is_id or one.is_date or one.distinct <= 1 for one in others)
    return len(evidence.texts) == 2 and silent


def two_writings(first: Column, second: Column) -> bool:
    """Whether one of two columns is Chinese and the other is not, and rows differ in both; a column
    whose name says what it is, or that holds lists or objects, is no translation."""
    if any(matches(column.name, (*TEXT_WORDS, *TARGET_WORDS)) for column in (first, second)):
        return False
    if any(value.lstrip()[:1] in "[{" for one in (first, second) for value in one.values[:SAMPLED]):
        return False
    shares = sorted(
        sum(map(has_han, column.values)) / max(1, len(column.values)) for column in (first, second)
    )
    differ = min(first.unique_share, second.unique_share) > MOSTLY_DIFFERENT
    return differ and shares[0] < SOME and shares[1] > NEARLY_ALL


def require_codes(settings: Mapping[str, Any]) -> None:
    """Raise PlanError where the language of the text or of the translation is none."""
    for name in ("source_language", "target_language"):
        code = str(settings.get(name) or "")
        if code and not is_code(code):
            raise PlanError(
                [
                    _(
                        "task.translation.{name}: {code!r} is no language code; write en, zh, "
                        "de, ..., or the checkpoint's own code.",
                        name=name,
                        code=code,
                    )
                ]
            )


def _unknown_language(name: str, code: str, known: Sequence[str]) -> str:
    if not code:
        return _(
            "task.translation.{name}: this checkpoint knows {count} languages: say which, e.g. "
            "--source-lang en --target-lang zh.",
            name=name,
            count=len(known),
        )
    return _(
        "task.translation.{name}: this checkpoint does not know {code!r}; it knows {known}.",
        name=name,
        code=code,
        known=name_list(known, 8),
    )
