"""One-time work of a machine, done now: `weitiao doctor --prepare`.

Kernels are compiled, packaged models converted, precisions and kernels measured, modules imported.
What is done already is found in the cache, so a second call takes seconds.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

from weitiao.checkpoints.catalogue import CATALOGUE, Entry
from weitiao.checkpoints.resolve import resolve
from weitiao.core.clock import awake
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.model.fast import compiler
from weitiao.support.doctor.finding import Finding, State

# What `fit` imports: torch, transformers and the rest, whose byte code Python then keeps.
MODULES = ("weitiao.api.fit", "weitiao.api.predict", "weitiao.reporting.page")

Result = tuple[str, State, str, dict[str, Any]]  # message, state, remedy, values


def findings() -> Iterator[Finding]:
    """Do it, a finding with its seconds for each piece of work. What is missing here is a note."""
    compiler.prepare()  # beside the imports
    yield _timed("prepared_imports", _("modules"), _import)
    yield _timed("prepared_kernels", _("own kernels"), _compile)
    for entry in CATALOGUE.values():
        yield _timed(f"prepared_{entry.name}", entry.name, partial(_convert, entry))
    yield _timed("prepared_precision", _("numeric precision"), _measure_precision)
    yield _timed("prepared_kernel_times", _("kernel speed"), _measure_kernels)


def _timed(key: str, subject: str, work: Callable[[], Result]) -> Finding:
    begun = awake()
    try:
        message, state, remedy, values = work()
    except WeitiaoError as error:
        message, state, remedy, values = str(error), "note", "", {}
    except OSError as error:  # e.g. a cache that cannot be written
        message, state, remedy, values = said(error), "note", "", {}
    seconds = awake() - begun
    message = _("{message} ({seconds} s)", message=message, seconds=f"{seconds:.1f}")
    return Finding(key, subject, message, state, remedy, values | {"seconds": round(seconds, 2)})


def _import() -> Result:
    for module in MODULES:
        importlib.import_module(module)
    return _("imported"), "ok", "", {}


def _compile() -> Result:
    library = compiler.library()
    if library is not None or os.environ.get(compiler.OFF) == "none":
        return compiler.described(), "ok", "", {**compiler.facts()}
    remedy = _("training is faster with g++ or clang++ installed")
    return compiler.described(), "note", remedy, {**compiler.facts()}


def _convert(entry: Entry) -> Result:
    if find_spec(entry.file.partition("/")[0]) is None:
        return _("not installed"), "ok", "", {"installed": False}
    source = resolve(entry.name)
    return str(source.path_or_name), "ok", "", {"installed": True}


def _measure_precision() -> Result:
    from weitiao.hardware import probe

    measured = probe.measured()
    message = _("auto takes {precision}", precision=probe.resolve("auto"))
    values = {"precision": probe.resolve("auto"), "busy": measured.busy}
    return message, *_unless_busy(measured.busy), values


def _measure_kernels() -> Result:
    from weitiao.hardware import probe
    from weitiao.model.fast import timing
    from weitiao.model.fast.fused import DTYPES

    library = compiler.library()
    if library is None:
        return _("nothing to compare: kernels run in PyTorch"), "ok", "", {}
    times = timing.measured(library, DTYPES[probe.resolve("auto", "cpu")])
    groups = ", ".join(times.in_torch)
    message = _("in PyTorch: {groups}", groups=groups) if groups else _("all compiled")
    values = {"kernels_in_torch": times.in_torch, "busy": times.busy}
    return message, *_unless_busy(times.busy), values


def _unless_busy(busy: float) -> tuple[State, str]:
    from weitiao.hardware.probe import BUSY

    if busy <= BUSY:
        return "ok", ""
    return "note", _("other programs disturbed the measurement: call it again without them")
