"""A process that computes beside the server: vectors of the rows, or predictions of a run.

    python -m weitiao.annotation.worker    # a job as JSON on stdin

So the server imports no PyTorch, and no computation delays a page. Texts come as JSON lines, a list
of the roles' texts each; vectors go to a file of float32, and a line of JSON on stdout says how far
it is. It ends when its parent does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from weitiao.errors import WeitiaoError

CHUNK_ROWS = 64
MAX_TOKENS = 128  # of a text; the beginning says what it is about


def main() -> None:
    """Read the job from stdin and do it; errors are a line {"error": ...}."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    try:
        (_vectors if job["kind"] == "vectors" else _predictions)(job)
    except WeitiaoError as error:
        _say(error=str(error))


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the parent does, whatever killed it
    os._exit(0)


def _say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=True, default=float) + "\n")
    sys.stdout.flush()


def _chunks(job: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    with Path(job["texts"]).open(encoding="utf-8") as file:
        while lines := list(islice(file, CHUNK_ROWS)):
            yield [json.loads(line) for line in lines]


def _vectors(job: Mapping[str, Any]) -> None:
    from weitiao.evaluation.frozen_encoder import Encoder

    encoder = Encoder.of_checkpoint(job["checkpoint"], MAX_TOKENS)
    if job["names"]:
        names = encoder.features([job["names"]])
        _say(names=names.tolist())
    done = 0
    with Path(job["vectors"]).open("wb") as out:
        for chunk in _chunks(job):
            features = encoder.features([list(role) for role in zip(*chunk, strict=True)])
            out.write(features.astype("float32").tobytes())
            out.flush()
            done += len(chunk)
            _say(done=done, width=features.shape[1])


def _predictions(job: Mapping[str, Any]) -> None:
    from weitiao.api.predict import load

    model = load(job["run"])
    roles: list[str] = job["roles"]
    read: Callable[[list[str]], Any] = _rows_for(model.task.roles, roles)
    at = 0
    for chunk in _chunks(job):
        for prediction in model.predictions([read(texts) for texts in chunk]):
            _say(at=at, value=_plain(prediction.value), places=dict(prediction.places))
            at += 1


def _rows_for(wanted: tuple[str, ...], roles: list[str]) -> Callable[[list[str]], Any]:
    """Rows as the run's task calls them: its roles in their order, whatever ours are called."""
    names = [*wanted, *roles[len(wanted) :]]

    def row(texts: list[str]) -> Any:
        return texts[0] if len(texts) == 1 else dict(zip(names, texts, strict=False))

    return row


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


if __name__ == "__main__":
    main()
