"""The text of a script: its pieces in order, with the imports and constants that they need."""

from __future__ import annotations

import re

from weitiao.exporting.script import loop, pieces
from weitiao.exporting.script.pieces import Recipe, note
from weitiao.i18n.messages import _

IMPORTS = {
    "copy": "copy.",
    "csv": "csv.",
    "json": "json.",
    "math": "math.",
    "random": "random.",
}


def text_of(recipe: Recipe, title: str) -> str:
    """The script. title: what it trains, and from which plan."""
    listed = [
        pieces.reading(recipe),
        pieces.collating(recipe),
        pieces.modelling(recipe),
        pieces.optimizing(recipe),
        pieces.scoring(recipe),
        *([loop.probing(recipe)] if recipe.linear_start else []),
        loop.looping(recipe),
        loop.ending(recipe),
    ]
    listed = _numbered(listed)
    body = _spaced("\n".join(listed))
    head = _head(recipe, title)
    whole = (
        head + _imports(recipe, body + _constants(recipe)) + "\n" + _constants(recipe) + "\n" + body
    )
    return re.sub(r"\n{4,}", "\n\n\n", whole)


def _numbered(listed: list[str]) -> list[str]:
    """Number the pieces anew, since one may be left out."""
    number, numbered = 0, []
    for piece in listed:
        if re.match(r"# \d\. ", piece):
            number += 1
            piece = re.sub(r"^# \d\. ", f"# {number}. ", piece)
        numbered.append(piece)
    return numbered


def _spaced(body: str) -> str:
    """Two empty lines around functions and classes at the top level."""
    lines, result = body.split("\n"), list[str]()
    inside = False
    for line in lines:
        starts = line.startswith(("def ", "class ", "@"))
        if inside and line and not line.startswith((" ", ")")):
            inside = False
            _blank(result)
        elif starts and not inside and not (result and result[-1].startswith(("@", "#"))):
            _blank(result)
        if line.startswith(("def ", "class ")):
            inside = True
        result.append(line)
    return "\n".join(result)


def _blank(lines: list[str]) -> None:
    while lines and not lines[-1]:
        lines.pop()
    lines += ["", ""]


def _head(recipe: Recipe, title: str) -> str:
    text = note(title)
    if recipe.left_out:
        text += "#\n" + note(_("The plan says more than this script does:"))
        text += "".join(note(f"- {one}") for one in recipe.left_out)
    return text + "\n"


def _imports(recipe: Recipe, body: str) -> str:
    standard = [name for name, use in IMPORTS.items() if use in body]
    lines = [f"import {name}" for name in standard] + ["from pathlib import Path", ""]
    if "np." in body:
        lines.append("import numpy as np")
    lines.append("import torch")
    if recipe.mean:
        lines.append("from safetensors.torch import save_file")
    if recipe.metric == "spearman":
        lines.append("from scipy.stats import spearmanr")
    metrics = {pieces.METRICS[recipe.metric][0]} - {""}
    metrics |= {"precision_recall_curve"} if recipe.kind == "several" else set()
    if metrics:
        lines.append(f"from sklearn.metrics import {', '.join(sorted(metrics))}")
    lines += [
        "from torch import nn",
        "from torch.nn import functional",
        "from torch.utils.data import DataLoader",
    ]
    auto = "AutoModel" if recipe.mean else "AutoModelForSequenceClassification"
    auto = "AutoModelForTokenClassification" if recipe.kind == "tags" else auto
    lines.append(f"from transformers import {auto}, AutoTokenizer")
    return "\n".join(lines) + "\n"


def _constants(recipe: Recipe) -> str:
    lines = [f"{name} = {value}" for name, value in recipe.constants.items()]
    text = "\n".join(lines) + "\n"
    return (
        text
        + 'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"\n'
        + ("random.seed(SEED)\ntorch.manual_seed(SEED)\n")
    )
