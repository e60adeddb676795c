"""What worker processes say, as the server takes it."""

import sys

import numpy as np
import pytest

import weitiao
from weitiao.annotation import processes
from weitiao.annotation.choose.uncertainty import Margin
from weitiao.annotation.ranking import Ranking
from weitiao.errors import DataError

ROWS = [{"text": f"row {i}"} for i in range(30)]


class Said:
    """A worker that has said all it says."""

    def __init__(self, folder, lines, vectors=None):
        self.said, self.vectors = lines, folder / "vectors"
        if vectors is not None:
            self.vectors.write_bytes(vectors.astype("float32").tobytes())

    def lines(self):
        for line in self.said:
            if "error" in line:
                raise DataError(line["error"])
            yield line


@pytest.fixture
def annotation(tmp_path):
    with weitiao.annotate(ROWS, labels="a,b", journal=tmp_path / "j.jsonl") as one:
        yield one


def test_vectors_are_handed_on_and_names_give_pre_labels(annotation, tmp_path):
    ranking = Ranking(annotation.session, Margin())
    assert len(ranking.positions) == 30
    vectors = np.stack([np.arange(30) % 2, np.arange(30) % 2 == 0], 1)
    lines = [{"names": [[1, 0], [0, 1]]}, {"done": 10, "width": 2}, {"done": 30, "width": 2}]
    processes.read_vectors(Said(tmp_path, lines, vectors), ranking, ["a", "b"], print)
    assert ranking.vectors.shape == (30, 2)
    assert "30 of 30" in ranking.state
    given = [annotation.session.suggestions[at] for at in ranking.positions.tolist()]
    assert given == ["b", "a"] * 15


def test_an_error_of_the_worker_is_said_and_rows_come_at_random(annotation, tmp_path):
    ranking, said = Ranking(annotation.session, Margin()), []
    worker = Said(tmp_path, [{"error": "no such checkpoint"}])
    processes.read_vectors(worker, ranking, [], said.append)
    assert said == ["random order: no such checkpoint"]
    assert annotation.next("ann") is not None


def test_predictions_that_do_not_fit_are_counted(annotation, tmp_path):
    said = []
    lines = [{"at": 0, "value": "a", "places": {}}, {"at": 1, "value": "c", "places": {}}]
    positions = np.arange(30)
    processes.read_predictions(Said(tmp_path, lines), annotation.session, positions, said.append)
    assert annotation.session.suggestions == {0: "a"}
    assert said == ["1 predictions are no pre-labels: they do not fit the labels."]


def test_a_process_is_started_heard_and_stopped(annotation, tmp_path, monkeypatch):
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, sys\njob = json.loads(sys.stdin.readline())\n"
        "print(json.dumps({'done': sum(1 for _ in open(job['texts']))}), flush=True)\n"
        "sys.stdin.read()\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(processes, "COMMAND", [sys.executable, str(script)])
    pool = annotation.session.pool
    worker = processes.Worker({"kind": "vectors"}, pool, np.arange(30))
    lines = worker.lines()
    assert next(lines) == {"done": 30}
    worker.stop()
    assert list(lines) == [], "ended on purpose: no error"
    assert worker.process.returncode is not None
