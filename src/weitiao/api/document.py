"""The design document (技术方案) of a fine-tuning: plan.html and plan.docx from a plan or a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from weitiao.core import notice
from weitiao.errors import WeitiaoError
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.planfile import read
from weitiao.planfile.plan import Plan
from weitiao.reporting.design import page, word
from weitiao.reporting.design.document import document_of
from weitiao.reporting.design.trace import Trace
from weitiao.results.run_data import Material, gathered
from weitiao.run import Run

FACTS = ".facts.json"  # after the name of the first document
WRITERS = {".html": page.write, ".htm": page.write, ".docx": word.write}
Watch = Callable[[str, int, int], None]


def document(
    plan: Plan | str | Path,
    output: str | Path | Sequence[str | Path] | None = None,
    *,
    full: bool = False,
    rows: Any = None,
    targets: Any = None,
    label_seconds: float | None = None,
    force: bool = False,
    threads: int | None = None,
    watch: Watch = lambda what, done, total: None,
) -> list[Path]:
    """Write the design document of a plan, a plan file or a run's folder; returns what was written:
    the documents, then the file with the facts that their figures are from.

    output: .html and .docx files; default plan.html beside the plan. full: all chapters and
    tables. rows, targets: where the plan was made from rows in memory, these. label_seconds: what
    a person needs to label a row. force: overwrite a Word file, in which people may have written.
    Raises WeitiaoError.
    """
    set_threads(threads)
    paths = _paths(output, force)
    made, folder, run = _opened(plan)
    paths = paths or [folder / "plan.html"]
    facts_path = paths[0].with_name(paths[0].stem + FACTS)
    from weitiao.api.design_facts import Wanted, measured

    with notice.during(_("measuring for the document: rows, checkpoint, one row worked")):
        wanted = Wanted(made, rows, targets, label_seconds, strict=run is None)
        facts = measured(wanted, watch)
    facts.plan = made.model_dump(mode="json")  # short plan files leave out the defaults
    file = None if isinstance(plan, Plan) else run.run.plan_path if run else Path(plan)
    raw = read.read(file, strict=False).value if file else {}
    name = file.name if file else ""
    written = document_of(Trace(made, facts, name, facts_path.name, raw, run, full))
    facts.write(facts_path)
    return [*(WRITERS[path.suffix.lower()](written, path) for path in paths), facts_path]


def _opened(plan: Plan | str | Path) -> tuple[Plan, Path, Material | None]:
    """The plan, where its documents go, and the run that it is from."""
    if isinstance(plan, Plan):
        return plan, Path(), None
    path = Path(plan)
    if path.is_dir():
        material = gathered(Run.open(path))
        return material.plan, path, material
    return Plan.load(path), path.parent, None


def _paths(output: Any, force: bool) -> list[Path]:
    """The files to write, none where none is named. Raises WeitiaoError for other formats and for
    Word files that exist, before anything is read."""
    listed = [output] if isinstance(output, str | Path) else list(output or [])
    paths = [Path(one) for one in listed]
    for path in paths:
        if path.suffix.lower() not in WRITERS or path.is_dir():
            raise WeitiaoError(
                _("{path}: a document is an .html or a .docx file; name one.", path=path)
            )
        if path.suffix.lower() == ".docx":
            word.require_docx(path)
            if path.exists() and not force:
                raise WeitiaoError(
                    _("{file}: this file exists already. --force overwrites it.", file=path)
                )
    return paths
