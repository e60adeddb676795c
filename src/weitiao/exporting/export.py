"""Export verb: a run's model for another engine, kept only if it writes as well as before."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.api.inputs import same_rows
from weitiao.api.predict import load
from weitiao.core import notice
from weitiao.core.atomic import replace_text, replacing
from weitiao.core.fields import near
from weitiao.data.prepare.load import load as load_data
from weitiao.errors import ModelError, RunError, WeitiaoError
from weitiao.exporting import ctranslate2
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.labels.texts import similarity
from weitiao.model.model import Model
from weitiao.model.writing import written
from weitiao.run import Run

FORMATS = ("ctranslate2",)
MAX_LOSS = 0.3  # BLEU points, of 100
JUDGED_ROWS = 500
ABOUT = "weitiao-export.json"  # in the folder: what it is, how the run decodes, the figures


@dataclass(frozen=True)
class Export:
    """An exported folder, and the figures of model and export on the same validation rows."""

    folder: Path
    quantization: str
    rows: int
    bleu: tuple[float, float]  # of the model, of the export
    same: float  # share of the rows for which both write the same text
    texts_per_second: tuple[float, float]
    megabytes: float

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "quantization": self.quantization,
            "rows": self.rows,
            "bleu": dict(zip(("model", "export"), self.bleu, strict=True)),
            "same": self.same,
            "texts_per_second": dict(zip(("model", "export"), self.texts_per_second, strict=True)),
            "megabytes": self.megabytes,
        }


def export(
    run: str | Path,
    form: str = "ctranslate2",
    output: str | Path | None = None,
    *,
    quantization: str = "int8",
    rows: int = JUDGED_ROWS,
    max_loss: float = MAX_LOSS,
    threads: int | None = None,
    force: bool = False,
    step: Callable[[int], None] | None = None,
) -> Export:
    """Export the best model of a run of texts for another engine, such as CTranslate2.

    Model and export write the translations of up to `rows` validation rows. If BLEU falls by more
    than `max_loss`, nothing is kept, and WeitiaoError has the figure. output: a folder; default:
    `RUN/ctranslate2-int8`. force: replace it.
    """
    check_names(form, quantization)
    if not (math.isfinite(max_loss) and max_loss >= 0):
        raise WeitiaoError(_("--max-loss: write a number of BLEU points, 0 or more."))
    opened = Run.open(run)
    folder = Path(output) if output else opened.folder / f"{form}-{quantization}"
    folder = folder.resolve()
    _check_place(folder, force)
    ctranslate2.require()
    set_threads(threads)
    model = load(run)
    if not isinstance(model, Model) or not model.task.writes:
        raise ModelError(_("ctranslate2 is for runs that write texts, such as translations."))
    plan = opened.plan()
    data = same_rows(opened, load_data(plan.data, plan.task_name))
    chosen = np.random.default_rng(plan.train.seed).permutation(len(data.validation))[:rows]
    judged = data.validation.take(np.sort(chosen))
    references = [str(target) for target in judged.targets()]
    encoded = model.encode(judged)
    with notice.during(_("writing with the model")):
        begun = time.perf_counter()
        own = [one.text for one in written(model, encoded, step=step)]
        own_seconds = time.perf_counter() - begun
    with replacing(folder) as new:
        with notice.during(_("converting")):
            ctranslate2.convert(model, new, quantization)
        engine = ctranslate2.Translator(new, model, threads or 0)
        with notice.during(_("writing with the export")):
            begun = time.perf_counter()
            texts = engine.written(encoded)
            seconds = time.perf_counter() - begun
        before, after = bleu(own, references), bleu(texts, references)
        _refuse_worse(before, after, max_loss, quantization, len(judged))
        about = {"quantization": quantization, "decoding": engine.decoding,
                 "bleu": {"model": before, "export": after, "rows": len(judged)}}  # fmt: skip
        replace_text(new / ABOUT, json.dumps(about, indent=1) + "\n")
        size = sum(file.stat().st_size for file in new.rglob("*") if file.is_file())
        _check_place(folder, force)  # again: much time has passed
        if folder.exists():
            shutil.rmtree(folder)
    same = sum(one == other for one, other in zip(own, texts, strict=True)) / len(judged)
    speed = (len(judged) / own_seconds, len(judged) / seconds)
    return Export(folder, quantization, len(judged), (before, after), same, speed, size / 1e6)


def check_names(form: str, quantization: str) -> None:
    """Raises WeitiaoError for an unknown format or quantization, with what there is."""
    for name, known in ((form, FORMATS), (quantization, ctranslate2.QUANTIZATIONS)):
        if name not in known:
            raise WeitiaoError(
                _(
                    "export: there is no {name!r}.{near}",
                    name=name,
                    near=near(name, known),
                )
            )


def bleu(texts: list[str], references: list[str]) -> float:
    """BLEU of texts, 0 to 100, with the tokenizer of the references' writing."""
    tokenizer = similarity.writing_of(references)
    return similarity.corpus_bleu(similarity.bleu_statistics(texts, references, tokenizer).sum(0))


def _refuse_worse(
    before: float, after: float, max_loss: float, quantization: str, rows: int
) -> None:
    if before - after > max_loss:
        raise RunError(
            _(
                "{quantization} loses {loss:.2f} BLEU ({before:.2f} to {after:.2f}, {rows} rows), "
                "more than {most:g}: nothing was exported. --quantization float32 loses least; "
                "--max-loss allows more.",
                quantization=quantization,
                loss=before - after,
                before=before,
                after=after,
                rows=rows,
                most=max_loss,
            )
        )


def _check_place(folder: Path, force: bool) -> None:
    """Raises WeitiaoError where a folder cannot take an export: it holds something else, or an
    export that `force` does not allow to replace. An empty folder can."""
    if not folder.exists():
        if not folder.parent.is_dir():
            raise WeitiaoError(_("{path}: there is no such folder.", path=folder.parent))
        return
    if folder == Path.cwd():  # it would be replaced, and every program in it left without one
        raise WeitiaoError(_("{path} is the current folder; name one in it.", path=folder))
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not (folder / ABOUT).is_file():
        raise WeitiaoError(
            _("{path} is no earlier export; it is left as it is. -o names another.", path=folder)
        )
    if not force:
        raise WeitiaoError(
            _("{path} is there already. --force replaces it; -o names another.", path=folder)
        )
