"""The table of all rows in report.html: its columns, its limit, and that texts stay texts."""

import base64
import gzip
import json
import random
import re

import numpy as np
import pytest

from judged_runs import judged_run
from weitiao.reporting import page, row_table
from weitiao.results.run_data import gathered

EVIL = "</script><script>alert(1)</script>"


def table_of(path):
    """What the page's script unpacks."""
    text = path.read_text(encoding="utf-8")
    packed = re.search(r'id="rows-packed">([A-Za-z0-9+/=]*)</script>', text)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def run_of(root, task, count=60, **more):
    rng = random.Random(0)
    texts = [f"row {i} {EVIL} " + "word " * (i % 7) for i in range(count)]
    targets = {
        "classification": [rng.choice(["good", "bad", EVIL]) for _ in texts],
        "multilabel": [rng.sample(["food", "price", EVIL], rng.randint(0, 3)) for _ in texts],
        "regression": [rng.gauss(0, 1e-9) for _ in texts],
    }[task]
    return judged_run(root, texts, targets, task=task, **more)


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_every_row_is_in_it_with_label_prediction_and_text(task, tmp_path):
    run = run_of(tmp_path, task)
    stored = gathered(run).stored
    table = table_of(page.write(run))
    columns = {column["key"]: column for column in table["columns"]}
    assert table["rows"] == len(stored) == 60
    assert all(len(one.get("values") or one["codes"]) == 60 for one in table["columns"])
    cells = [row_table.columns_cells(table["columns"], row) for row in range(60)]
    assert [row[0] for row in cells] == stored.ids(np.arange(60))
    if task == "regression":
        assert columns["error"]["values"][0] == pytest.approx(
            stored.answers.values[0] - stored.answers.targets[0], rel=1e-4
        )
        assert "right" not in columns
        assert "confidence" not in columns
    else:
        assert columns["right"]["codes"] == stored.answers.right().astype(int).tolist()
        assert columns["confidence"]["values"][3] == round(1000 * stored.confidence[3])
    if task == "classification":
        assert columns["target"]["codes"] == stored.answers.targets.tolist()
    assert columns["text0"]["values"][0].startswith(f"row 0 {EVIL}")
    assert columns["length"]["values"][1] > 30


def test_the_script_of_the_page_cannot_be_left(tmp_path):
    text = page.write(run_of(tmp_path, "classification")).read_text(encoding="utf-8")
    assert EVIL not in text
    assert text.count("<script") == text.count("</script") == 5


def test_of_very_many_rows_the_wrong_ones_are_shown_and_a_sample(tmp_path, monkeypatch):
    run = run_of(tmp_path, "classification")
    monkeypatch.setattr(row_table, "MAX_ROWS", 30)
    stored = gathered(run).stored
    picked = row_table.picked_rows(stored, 30)
    assert len(picked) == len(set(picked.tolist())) == 30
    assert set(np.flatnonzero(~stored.answers.right())) <= set(picked.tolist())
    assert list(stored.positions[picked]) == sorted(stored.positions[picked])
    assert len(row_table.picked_rows(stored, 3)) == 3


def test_personal_data_at_the_end_of_an_excerpt_is_masked_whole():
    text = "x" * (row_table.MAX_EXCERPT - 8) + " call 13812345678 now"
    assert "138" not in row_table._excerpt(text, row_table.MAX_EXCERPT, unmasked=False)
    assert "13…" in row_table._excerpt(text, row_table.MAX_EXCERPT, unmasked=True)
    many = "13812345678 " * 30
    assert "138" not in row_table._excerpt(many, 100, unmasked=False)


def test_the_slices_of_a_row_can_be_filtered(tmp_path):
    table = table_of(page.write(run_of(tmp_path, "classification")))
    slices = next(one for one in table["columns"] if one["key"] == "slices")
    lengths = next(one for one in table["columns"] if one["key"] == "length")["values"]
    at = slices["names"].index("length: shortest quarter")
    inside = [at in slices["sets"][code] for code in slices["codes"]]
    assert max(n for n, one in zip(lengths, inside, strict=True) if one) < max(lengths)
    assert 0 < sum(inside) < 60


def test_without_the_file_ids_and_labels_remain(tmp_path):
    run = run_of(tmp_path, "classification")
    (tmp_path / "rows.jsonl").unlink()
    keys = [one["key"] for one in table_of(page.write(run))["columns"]]
    assert keys == ["id", "target", "answer", "right", "confidence"]
