"""Generation: a free text that answers, summarises or rewrites, or an object of fields as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from weitiao.data.infer.pairs import text_and_target
from weitiao.data.infer.roles import Guess
from weitiao.data.targets import Locate, Roles, parse_cells, target_columns
from weitiao.i18n.messages import _
from weitiao.labels.texts.fields import NUMBER
from weitiao.tasks.texts.generative import Generative
from weitiao.tasks.texts.special_tokens import ids_of
from weitiao.tasks.translation import without_ends

if TYPE_CHECKING:
    from weitiao.data.infer.roles import Evidence

# Columns of public sets of instructions: what is asked, what it is about, what is answered.
PAIRS = (
    ("instruction", "output"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "response"),
    ("instruction", "response"),
    ("query", "response"),
    ("article", "highlights"),
    ("document", "summary"),
    ("dialogue", "summary"),
    ("text", "summary"),
    ("content", "summary"),
    ("指令", "回答"),
    ("问题", "回复"),
    ("正文", "摘要"),
)
CONTEXTS = ("input", "context", "passage", "上下文")


class Generation(Generative):
    """A text for each text: replies, summaries, rewritten sentences; by causal networks (GPT-2,
    Llama, Qwen, SmolLM, Gemma) and encoder-decoders (T5, BART).

    Several target columns make one answer, a JSON object with a field for each. Best checkpoint by
    the validation loss; ROUGE (Lin 2004), chrF and exact match.
    """

    optional_roles: ClassVar[tuple[str, ...]] = ("context",)
    metrics: ClassVar[tuple[str, ...]] = (
        *("rougel", "chrf", "exact_match", "rouge1", "rouge2", "bleu", "valid_json"),
    )
    field_columns: ClassVar[bool] = True
    pipeline_tag: ClassVar[str] = "text-generation"

    @property
    def default_metrics(self) -> tuple[str, ...]:
        return ("rougel", "chrf", "exact_match")

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """Columns that are called as in public sets of instructions."""
        if evidence.roles:
            return text_and_target(evidence) if named else None
        lower = {name.strip().lower(): name for name in evidence.columns}
        pair = next((pair for pair in PAIRS if all(name in lower for name in pair)), None)
        if pair is None or not evidence.columns[lower[pair[1]]].is_text:
            return text_and_target(evidence) if named else None
        if evidence.annotated(lower[name] for name in pair):
            return text_and_target(evidence) if named else None
        roles: dict[str, Any] = {"text": lower[pair[0]], "target": lower[pair[1]]}
        context = next((lower[name] for name in CONTEXTS if name in lower), None)
        if context:
            roles["context"] = context
        return Guess(roles, dict.fromkeys(roles, _("its name")))

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        text, target = evidence.roles.get("text"), evidence.target
        if target is None or not isinstance(text, str):
            return None
        names = (text.strip().lower(), target.name.strip().lower())
        if names not in PAIRS or not target.is_text:
            return None
        return 0.9, _(
            "{first!r} and {second!r} are a prompt and the text that answers it",
            first=text,
            second=target.name,
        )

    @classmethod
    def read_targets(
        cls,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]:
        """The reference of each row; of several columns a JSON object, None where all are blank."""
        columns = target_columns(roles)
        if len(columns) == 1:
            return super().read_targets(table, roles, positions, locate, wrong)

        def parse(*cells: str) -> Any:
            fields = dict(zip(columns, cells, strict=True))
            return as_json(fields) if any(cell.strip() for cell in cells) else None

        return parse_cells(table, columns, positions, parse, locate, wrong, memo_size=0)

    def target_ids(self, targets: Sequence[str], tokenizer: Any) -> list[list[int]]:
        rows = ids_of(targets, tokenizer, add_special_tokens=not self.causal)
        rows = [list(ids) for ids in rows]
        return rows if self.causal else without_ends(rows, tokenizer)


def as_json(fields: Mapping[str, str]) -> str:
    """Fields as a JSON object on one line; numbers and blank cells as such.

    >>> as_json({"name": "Li", "age": "31", "city": ""})
    '{"name": "Li", "age": 31, "city": null}'
    """
    return json.dumps({name: _value(cell) for name, cell in fields.items()}, ensure_ascii=False)


def _value(cell: str) -> Any:
    text = cell.strip()
    if not text:
        return None
    # Only what is written the same: 007 and 1e5 stay texts.
    return int(text) if NUMBER.fullmatch(text) and text != "-0" else cell
