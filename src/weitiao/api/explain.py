"""explain: a run and one row in, the answer and its words out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from weitiao.api.evaluate import load_run
from weitiao.errors import DataError
from weitiao.evaluation.explain import Explanation, explain
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.model.model import Model


def explain_row(
    run: str | Path | Model,
    row: str | Sequence[str] | Mapping[str, str],
    *,
    label: str | None = None,
) -> Explanation:
    """Answer a row and say which words the answer hangs on.

    row: a text, the texts in the order of the model's roles, or a mapping as for `model(...)`.
    label: explain this label's score instead of the answer's. Raises WeitiaoError.
    """
    model = run if isinstance(run, Model) else load_run(run)
    if model.task.per_token:
        told = _("explain is about labels and numbers; here the answer is a place in the text.")
        raise DataError(told)
    return explain(model, _example(model, row), label)


def _example(model: Model, row: str | Sequence[str] | Mapping[str, str]) -> Example:
    if isinstance(row, Mapping):
        return model.example(row)
    texts = [row] if isinstance(row, str) else list(row)
    known = model.plan.data.roles
    roles = [r for r in model.task.roles + model.task.optional_roles if r in known]
    if len(texts) != len(roles):
        raise DataError(
            _("this model reads {count} texts ({roles}), {given} were given.",
                 count=len(roles), roles=", ".join(roles), given=len(texts))
        )  # fmt: skip
    return model.example(dict(zip(roles, texts, strict=True)))
