"""The log of a run as TensorBoard events, for those who compare runs there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from weitiao.core import disk
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.run import Run

NAME = "tensorboard"
UPDATES = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "epoch": "train/epoch",
}


def available() -> bool:
    """Whether the package that writes events is installed; it is not imported."""
    return find_spec("tensorboard") is not None


def write(run: Run) -> Path:
    """The run's log as event files in its folder `tensorboard`, whole or not at all.

    The log holds no clock times (equal plans give equal logs), so events are spread evenly over
    the time that training took. Raises RunError when the package is missing.
    """
    if not available():
        raise RunError(
            _("TensorBoard events need a package more: pip install 'weitiao[tracking]'.")
        )
    # Not torch.utils.tensorboard: `weitiao report` needs no torch and should start fast.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    status = run.status()
    begun, seconds = status.started or 0.0, status.seconds or 0.0
    total = max(1, status.step or 1)
    with run.replacing(NAME) as folder:
        writer = EventFileWriter(disk.plain(folder), max_queue_size=1000, flush_secs=60)
        for step, summary in _summaries(run):
            event = Event(wall_time=begun + seconds * min(step, total) / total, step=step)
            event.summary.CopyFrom(summary)
            writer.add_event(event)
        writer.close()
    return run.folder / NAME


def _summaries(run: Run) -> Iterator[tuple[int, Any]]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    yield 0, _text("plan", run.plan_path.read_text(encoding="utf-8"))
    for line in run.log_after(0):
        values = {tag: line[name] for name, tag in UPDATES.items() if name in line}
        values |= {f"validation/{name}": v for name, v in (line.get("validation") or {}).items()}
        if values:
            made = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
            yield int(line["step"]), Summary(value=made)


def _text(tag: str, text: str) -> Any:
    """A text as TensorBoard's text page reads it: indented, so that it stays as it is."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.text.metadata import create_summary_metadata

    shown = "\n".join(f"    {line}" for line in text.splitlines())
    tensor = TensorProto(
        dtype="DT_STRING",
        string_val=[shown.encode("utf-8", "backslashreplace")],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
    )
    metadata = create_summary_metadata(display_name=tag, description="")
    return Summary(
        value=[Summary.Value(tag=f"{tag}/text_summary", metadata=metadata, tensor=tensor)]
    )
