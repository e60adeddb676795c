"""Model card of a saved model: README.md with the YAML header of the Hugging Face hub.

Mitchell et al. 2019, "Model Cards for Model Reporting". Until the run is evaluated there are no
figures in it; then it is written again with them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.new_network import is_new
from weitiao.core.sanitize import shortened
from weitiao.i18n.messages import _, joined, plural
from weitiao.model import folding
from weitiao.model.saved import custom_parts
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task

NAME = "README.md"
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
MAX_LABELS = 50  # that are listed
# Our metrics as the hub calls them.
METRICS = {
    "macro_f1": "f1",
    "micro_f1": "f1",
    "weighted_f1": "f1",
    "entity_f1": "f1",
    "entity_precision": "precision",
    "entity_recall": "recall",
    "token_accuracy": "accuracy",
    "mcc": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
}


@dataclass(frozen=True)
class Figure:
    """A metric with its 95 % interval. name: as in a plan; title: as people write it."""

    name: str
    title: str
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Results:
    """What the evaluation of a run knows: figures on a split, rows of each, shares of languages."""

    name: str  # of the run
    split: str = ""
    rows: int = 0
    figures: Sequence[Figure] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, float] = field(default_factory=dict)
    refitted: bool = False  # the figures are of the model before it learned from validation too


@dataclass(frozen=True)
class Described:
    """The model that a card is about. head, folded: as in `weitiao.json`."""

    plan: Plan
    task: Task
    family: str
    head: Mapping[str, Any]
    folded: bool = False

    @property
    def data(self) -> str:
        """The name of the data: that of its first file, without its folder."""
        path = self.plan.data.path
        first = path if isinstance(path, str) else path[0]
        name = Path(first.replace(":", "-")).name.lstrip(".").split(".")[0]
        return re.sub(r"[^\w-]+", "-", name).strip("-") or "rows"

    @property
    def origin(self) -> str:
        """The pre-trained model: its name on the hub, or that of its folder."""
        checkpoint = self.plan.model.checkpoint
        entry = CATALOGUE.get(checkpoint)
        if entry:
            return entry.hub
        if is_new(checkpoint):
            return checkpoint
        return checkpoint if _is_of_hub(checkpoint) else Path(checkpoint).name


def _is_of_hub(checkpoint: str) -> bool:
    return bool(HUB_NAME.fullmatch(checkpoint)) and not Path(checkpoint).exists()


def write(folder: Path, about: Described, results: Results | None = None) -> None:
    """Write README.md into the folder of a saved model."""
    text = card(about, results)
    (folder / NAME).write_text(text, encoding="utf-8", errors="backslashreplace")


def card(about: Described, results: Results | None = None) -> str:
    """The whole card, in the current language."""
    return f"---\n{header(about, results)}\n---\n\n{body(about, results)}"


def header(about: Described, results: Results | None = None) -> str:
    """The metadata of the hub, as YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    entry = CATALOGUE.get(about.plan.model.checkpoint)
    known = results or Results("")
    figures = [one for one in known.figures if math.isfinite(one.value)]
    kinds = {one.name: METRICS.get(one.name, one.name) for one in figures}
    found = [
        EvalResult(
            task_type=about.task.pipeline_tag,
            dataset_type=about.data,
            dataset_name=about.data,
            dataset_split=known.split or "file",
            metric_type=kinds[one.name],
            metric_name=one.name,
            metric_value=round(one.value, 4),
        )
        for one in figures
    ]
    data = ModelCardData(
        language=[
            name for name, share in known.languages.items() if share >= 0.01 and name != "other"
        ]
        or None,
        license=entry.licence.lower() if entry else None,
        base_model=about.origin if entry or _is_of_hub(about.origin) else None,
        pipeline_tag=about.task.pipeline_tag,
        library_name="transformers",
        tags=["weitiao", about.plan.task_name, about.family],
        datasets=[about.data],
        metrics=list(dict.fromkeys(kinds.values())) or None,
        model_name=(known.name or about.data) if found else None,
        eval_results=found or None,
    )
    return str(data.to_yaml())


def body(about: Described, results: Results | None = None) -> str:
    """The text below the metadata."""
    plan, lines = about.plan, list[str]()
    lines += ["# " + _("A model for {task}, made with weitiao", task=plan.task_name), ""]
    lines += [
        _("- network: {family}, from {checkpoint}", family=about.family, checkpoint=about.origin),
        *([] if about.task.writes else [_("- head: {head}", head=next(iter(about.head)))]),
        _("- texts: at most {tokens} tokens", tokens=plan.model.max_length),
    ]
    if about.task.choices:
        more = len(about.task.choices) - MAX_LABELS
        # As code: a label may hold what Markdown or HTML would read.
        shown = (shortened(name, 60).replace("`", "'") for name in about.task.choices[:MAX_LABELS])
        names = [f"`{name}`" for name in shown]
        listed = joined([*names, *([_("({count} more)", count=more)] if more > 0 else [])], ", ")
        lines.append(_("- labels: {labels}", labels=listed))
    lines += ["", *_figures(results), *_data(about, results), *_limits(about, results)]
    return "\n".join([*lines, *_loading(about)])


def _figures(results: Results | None) -> list[str]:
    if results is None or not results.figures:
        return []
    splits = {"test": _("test"), "validation": _("validation")}
    title = _(
        "{rows} of {split}", rows=plural(results.rows, "row"), split=splits.get(results.split, "?")
    )
    lines = ["## " + _("Results"), "", f"| {title} | | {_('95 % interval')} |", "|---|---|---|"]
    for one in results.figures:
        if math.isnan(one.value):  # it has no value on these rows
            continue
        interval = _("unknown")
        if one.interval is not None and all(map(math.isfinite, one.interval)):
            low, high = (f"{end:.3f}" for end in one.interval)
            interval = _("{low} to {high}", low=low, high=high)
        lines.append(f"| {one.title} | {one.value:.3f} | {interval} |")
    if results.split == "validation":
        note = _(
            "Validation rows also chose the checkpoint: these figures are slightly optimistic."
        )
        lines += ["", note]
    if results.refitted:
        note = _(
            "They are of the model before it was trained once more on training and validation rows."
        )
        lines += ["", note]
    return [*lines, ""]


def _data(about: Described, results: Results | None) -> list[str]:
    lines = ["## " + _("Data"), "", _("- rows: {name}", name=about.data)]
    names = {"train": _("training"), "validation": _("validation"), "test": _("test")}
    if results and results.counts:
        counts = [
            f"{names[key]} {count:,}" for key, count in results.counts.items() if key in names
        ]
        lines.append(_("- split: {counts}", counts=joined(counts, ", ")))
    if results and results.languages:
        shares = [f"{name} {share:.0%}" for name, share in results.languages.items() if share]
        lines.append(_("- languages: {shares}", shares=joined(shares, ", ")))
    return [*lines, ""]


def _limits(about: Described, results: Results | None) -> list[str]:
    lines = ["## " + _("Limits"), ""]
    lines.append(
        _("- It has learned from the rows above; texts of another kind or time may differ.")
    )
    if about.task.writes:
        lines.append(_("- It may write what is not true, however fluent it is: read it over."))
    if about.plan.evaluate.unknown != "none":
        lines.append(
            _(
                "- weitiao answers `unknown` to texts that none of its labels fits (unknown.json); "
                "transformers alone, and exports, give the likeliest label instead."
            )
        )
    elif about.task.choices:
        lines.append(_("- It gives its own labels alone, also to texts that none of them fits."))
    reads_all = about.task.head == "spans" or getattr(about.task, "windowed", False)
    if list(about.plan.model.long_texts) != ["windows"] and not reads_all:
        tokens = about.plan.model.max_length
        lines.append(_("- Of longer texts it reads {tokens} tokens.", tokens=tokens))
    if results is None or not results.figures:
        lines.append(_("- It has not been evaluated yet."))
    return [*lines, ""]


def _loading(about: Described) -> list[str]:
    lines = ["## " + _("Use"), ""]
    reasons = custom_parts(about.plan, about.head, about.folded)
    if reasons:
        lines += [_("This is no plain folder of transformers:"), ""]
        lines += [*(f"- {reason}" for reason in reasons), ""]
    else:
        message = (
            _("sentence-transformers loads this folder, and transformers the network in it.")
            if about.task.contrasts
            else _(
                "A plain folder of transformers, which writes the same texts; `weitiao.json` holds "
                "what it has no place for."
            )
            if about.task.writes
            else _(
                "A plain folder of transformers, whose `pipeline` reads it; `weitiao.json` "
                "holds what it has no place for."
            )
        )
        lines += [message, ""]
    if about.folded:
        message = _(
            "The head reads the mean of all tokens: the last encoder layer and the layer before "
            "the output compute it, and learned nothing. So every engine gives the same answers "
            "in fp32 and bf16. fp16 would overflow: multiply the values of the last layer by "
            "{scale} before, which leaves {factor:,.0f} on their diagonal.",
            scale=f"2**{math.log2(folding.FP16_SCALE):.0f}",
            factor=folding.FACTOR * folding.FP16_SCALE,
        )
        lines += [message, ""]
    lines += ["```python", "import weitiao", "", 'model = weitiao.load(".")', "```", ""]
    if not reasons:
        lines += ["```python", *_transformers(about.task), "```", ""]
    return lines


def _transformers(task: Task) -> list[str]:
    """How transformers loads the folder."""
    if task.pipeline_tag == "question-answering":
        return [
            "from transformers import AutoModelForQuestionAnswering, AutoTokenizer",
            "",
            'tokenizer = AutoTokenizer.from_pretrained(".")',
            'model = AutoModelForQuestionAnswering.from_pretrained(".")',
        ]
    if task.contrasts:
        return [
            "from sentence_transformers import SentenceTransformer",
            "",
            'encoder = SentenceTransformer(".")',
            'question = encoder.encode("...", prompt_name="query")',
            'passages = encoder.encode(["..."], prompt_name="document")',
        ]
    if task.writes:
        auto = "AutoModelForCausalLM" if getattr(task, "causal", False) else "AutoModelForSeq2SeqLM"
        return [
            f"from transformers import {auto}, AutoTokenizer",
            "",
            'tokenizer = AutoTokenizer.from_pretrained(".")',
            f'model = {auto}.from_pretrained(".")',
            'ids = model.generate(**tokenizer("...", return_tensors="pt"))',
        ]
    cut = "" if task.pipeline_tag == "token-classification" else ", truncation=True"
    return [
        "from transformers import pipeline",
        "",
        f'classify = pipeline("{task.pipeline_tag}", model="."{cut})',
    ]
