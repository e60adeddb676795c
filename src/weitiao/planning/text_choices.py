"""Hyperparameter heuristics for tasks that write texts: lengths, decoding, training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.checkpoints import hub, new_network
from weitiao.core.script import has_han
from weitiao.data.infer.column_names import plain
from weitiao.data.infer.column_stats import Column
from weitiao.errors import ModelError, PlanError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.texts.languages import columns_in, language_in, language_of, same_language
from weitiao.labels.texts.similarity import writing_of
from weitiao.planfile.plan import Reason
from weitiao.planning import choices
from weitiao.planning.facts import Facts
from weitiao.tasks.texts.generative import PART, REQUIRED, SOURCE, Generative
from weitiao.tasks.translation import require_codes

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
COVERAGE = 0.99  # proportion of sources, and of targets, that are held whole
HELD_OUT = 2_000  # rows at most for validation, and for the test: writing takes its time
BEAMS = 4
SAMPLED = 100  # cells that are looked at for Chinese
NEW_NETWORK = "new:marian(d_model=128, layers=4, ffn=256, dropout=0.2)"
NEW_EPOCHS, NEW_BATCH, NEW_RATE = 40, 128, 2e-3  # of a network from nothing
NARROW, WIDE_RATE = 128, 1e-3  # the rate of wider ones
SEEN = 30_000  # rows that fine-tuning of few rows goes through
PAIRS = {  # of Helsinki-NLP's opus-mt, which are on the hub
    *("en-de", "de-en", "en-zh", "zh-en", "en-fr", "fr-en", "en-es", "es-en", "en-ru", "ru-en"),
    *("en-it", "it-en", "en-nl", "nl-en", "en-ar", "ar-en", "en-vi", "vi-en", "ja-en", "ko-en"),
}


def checkpoint(task: str, languages: tuple[str, str], language: str) -> Reason:
    """The default network. languages: of source and target, empty where not known; language: that
    most rows are in."""
    if task != "translation":
        name = "smollm2-135m" if language == "en" else "Qwen/Qwen2.5-0.5B-Instruct"
        return Reason(value=name, reason=_("a small network that follows instructions"))
    pair = "-".join(languages)
    name = f"Helsinki-NLP/opus-mt-{pair}"
    if pair in PAIRS and _reachable(name):
        return Reason(
            value=name, reason=_("a translator of this pair, trained on millions of rows")
        )
    return Reason(
        value=NEW_NETWORK,
        reason=_(
            "no translator of this pair can be reached from here: one is trained from nothing, on "
            "these rows alone; --model names a better beginning"
        ),
        evidence=_(
            "29,000 pairs of multi30k, English to German, 80 minutes of one core: BLEU {bleu}; of "
            "millions of pairs new:marian, which is wider, learns more",
            bleu=37.5,
        ),
    )


def _reachable(name: str) -> bool:
    from huggingface_hub import constants, try_to_load_from_cache

    if constants.HF_HUB_OFFLINE:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    try:
        hub.require(name)
    except ModelError:
        return False
    return True


def languages_of(settings: dict[str, Any], roles: dict[str, Any]) -> tuple[str, str]:
    """The languages of source and target: of the task's settings, or the names of the columns."""
    source = settings.get("source_language") or str(roles.get("text", ""))
    target = settings.get("target_language") or str(roles.get("target", ""))
    return language_in(plain(source)), language_in(plain(target))


def roles_of(
    roles: Mapping[str, Any], settings: Mapping[str, Any], columns: Iterable[str]
) -> dict[str, Any]:
    """The given roles, and the columns that are called by the languages of the settings."""
    sides = (str(settings.get(f"{side}_language") or "") for side in ("source", "target"))
    return {**columns_in(columns, *sides), **roles}


def in_direction(
    roles: Mapping[str, Any],
    settings: Mapping[str, Any],
    columns: Mapping[str, Column],
    named: bool,
) -> dict[str, Any]:
    """The roles of a translation in the direction of its settings: columns that were found the
    other way round change places.

    named: the user named the columns. Raises PlanError where these contradict the languages,
    where the columns' names say other languages, and for a code that is none.
    """
    require_codes(settings)
    text, target = roles.get("text"), roles.get("target")
    if not (isinstance(text, str) and isinstance(target, str)):
        return dict(roles)
    source = language_of(str(settings.get("source_language") or ""))
    into = language_of(str(settings.get("target_language") or ""))
    read, written = _language_in(text, columns), _language_in(target, columns)
    wrong = bool(source and source == written != read) or bool(into and into == read != written)
    if not wrong:
        _require_languages({text: source, target: into})
        return dict(roles)
    if named:
        message = _(
            "the text is {text!r} and the target {target!r}, but the translation is to be from "
            "{source} into {into}. Name the columns, or the languages, the other way round.",
            text=text,
            target=target,
            source=source or written or "?",
            into=into or read or "?",
        )
        raise PlanError([message])
    _require_languages({target: source, text: into})
    return {**roles, "text": target, "target": text}


def _require_languages(wanted: Mapping[str, str]) -> None:
    """Raise PlanError where a column's name says another language than it is to be in.

    wanted: of text and target; empty where nobody said.
    """
    (text, source), (target, into) = wanted.items()
    if all(same_language(language_in(plain(name)), code) for name, code in wanted.items()):
        return
    raise PlanError(
        [
            _(
                "the translation is to be from {source} into {into}, but by their names the text "
                "{text!r} is in {read} and the target {target!r} in {written}. Correct the "
                "languages (--source-lang, --target-lang), or name the columns (--text, --target).",
                source=source or "?",
                into=into or "?",
                text=text,
                target=target,
                read=language_in(plain(text)) or "?",
                written=language_in(plain(target)) or "?",
            )
        ]
    )


def _language_in(name: str, columns: Mapping[str, Column]) -> str:
    """The language of a column by its name, or Chinese by its writing; else empty."""
    if code := language_in(plain(name)):
        return code
    values = columns[name].values[:SAMPLED] if name in columns else ()
    return "zh" if values and 2 * sum(map(has_han, values)) > len(values) else ""


def hyperparameters(
    facts: Facts, examples: Sequence[Example], tokenizer: Any, max_new_tokens: int
) -> dict[str, Reason]:
    """Every hyperparameter that is chosen, but the task's settings."""
    sources, _targets = lengths_of(facts, examples, tokenizer)
    new = new_network.is_new(facts.network.checkpoint)
    held_out = Reason(
        value=round(min(choices.validation_size(facts).value, HELD_OUT / max(facts.rows, 1)), 4),
        reason=_("enough rows to tell better weights from worse ones"),
        evidence=_("{rows:,} labelled rows", rows=facts.rows),
    )
    # A causal network writes into the positions behind its source.
    answers = max_new_tokens if facts.network.causal else 0
    longest = max_length(sources, facts.network.max_length - answers)
    return {
        "data.validation_size": held_out,
        "data.test_size": Reason(value=held_out.value, reason=_("sealed until the very end")),
        "model.max_length": longest,
        "train.epochs": _epochs(facts, new),
        "train.batch_size": _batch_size(facts, new),
        "train.learning_rate": _learning_rate(facts, new),
        "train.warmup_ratio": choices.warmup_ratio(facts),
        "train.evaluations": Reason(
            value=10, reason=_("the loss on validation, which picks the best model, is soon told")
        ),
        "train.loss": Reason(
            value={"cross_entropy": {"label_smoothing": 0.1}},
            reason=_("a text can be said in several ways: no token is wholly sure"),
            evidence=_("Szegedy et al. 2016, Vaswani et al. 2017"),
        ),
        "train.optimizer": _optimizer(new),
        "train.refit": Reason(
            value="never", reason=_("the length of training was chosen by the validation rows")
        ),
        "train.precision": choices.precision(facts),
    }


def lengths_of(
    facts: Facts, examples: Sequence[Example], tokenizer: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of sources and of targets of some rows, whole."""
    task: Generative = parts.build("tasks", facts.profile.task)
    task = task.model_copy(update={"max_new_tokens": 100_000, "causal": facts.network.causal})
    encoded = task.encode(examples, tokenizer, 1_000_000)
    kinds = [np.asarray(part) for part in encoded[PART]]
    sources = np.array([(part == SOURCE).sum() for part in kinds])
    return sources, np.array([((part > SOURCE) & (part < REQUIRED)).sum() for part in kinds])


def task_settings(
    facts: Facts, examples: Sequence[Example], tokenizer: Any, given: dict[str, Any], reason: str
) -> Reason:
    """Decoding: the longest answer by the references, beams where one text is right."""
    _sources, targets = lengths_of(facts, examples, tokenizer)
    known = targets[targets > 0]
    most = int(np.quantile(known, COVERAGE)) if len(known) else 64
    # A translation may be longer than any reference: a third more.
    room = facts.network.max_length
    longest = min(max(16, -(-most * 4 // 3)), 1024, room // 2 if facts.network.causal else room)
    translation = facts.profile.task == "translation"
    settings = {"max_new_tokens": longest, "num_beams": BEAMS if translation else 1, **given}
    return Reason(
        value={facts.profile.task: settings},
        reason=reason,
        evidence=_("99 % of the targets have at most {most} tokens", most=most),
    )


def max_length(sources: np.ndarray, room: int) -> Reason:
    """The shortest usual length that holds nearly all sources whole."""
    lengths = [n for n in LENGTHS if n <= room] or [room]
    chosen = next((n for n in lengths if (sources <= n).mean() >= COVERAGE), lengths[-1])
    return Reason(
        value=chosen,
        reason=_(
            "holds {share:.1%} of the texts whole; rows with longer ones teach nothing",
            share=float((sources <= chosen).mean()),
        ),
        evidence=_("half have at most {half} tokens", half=int(np.median(sources))),
    )


def metrics(task: str, targets: Sequence[str], usual: Sequence[str]) -> Reason | None:
    """Metrics by the writing: BLEU counts characters where no blanks separate words."""
    if task != "translation":
        return None
    return Reason(
        value=list(usual),
        reason=_(
            "sacrebleu's figures, with the tokenizer {name}; the loss on validation picks the best "
            "model",
            name=writing_of(list(targets)),
        ),
    )


def _epochs(facts: Facts, new: bool) -> Reason:
    rows = facts.train_rows
    if new:
        value = max(10, min(NEW_EPOCHS, round(2_000_000 / rows)))
        return Reason(value=value, reason=_("a network from nothing needs many"))
    value = max(2, min(10, round(SEEN / rows)))
    return Reason(
        value=value,
        reason=_("enough for so many rows; the best weights are kept"),
        evidence=_("about {rows:,} training rows", rows=rows),
    )


def _batch_size(facts: Facts, new: bool) -> Reason:
    if new:
        size = NEW_BATCH if facts.train_rows >= 2_000 else 32
        return Reason(value=size, reason=_("random weights need steady gradients"))
    return Reason(value=16 if facts.train_rows < 5_000 else 32, reason=_("the usual size"))


def _optimizer(new: bool) -> Reason:
    if new:
        return Reason(
            value={"muon": {}},
            reason=_("matrices that start from nothing learn faster by orthogonal updates"),
            evidence=_(
                "multi30k, German of English, 3 minutes of one core: BLEU {muon} by Muon, {adamw} "
                "by AdamW; Jordan et al. 2024",
                muon=13.1,
                adamw=1.9,
            ),
        )
    return Reason(value={"adamw": {}}, reason=_("the vectors of words are the last layer, too"))


def _learning_rate(facts: Facts, new: bool) -> Reason:
    if new:
        rate = NEW_RATE if facts.network.hidden_size <= NARROW else WIDE_RATE
        return Reason(value=rate, reason=_("random weights take far larger steps"))
    width = facts.network.hidden_size
    rate = 1e-4 if width <= 512 else 5e-5 if width <= 1024 else 2e-5
    if facts.adapter:
        times = parts.find("adapters", facts.adapter).rate_factor
        rate = float(f"{rate * times:.2g}")
    return Reason(
        value=rate,
        reason=_("the narrower the network, the higher the rate that stays stable"),
        evidence=_("hidden size {width}", width=width),
    )
