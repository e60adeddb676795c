"""Of many rows only some are written and judged, and this is said."""

import json

import weitiao
import writing_networks as tiny


def test_a_large_test_set_is_judged_by_some_of_its_rows(tmp_path):
    for name, seed in (("train", 0), ("test", 5)):
        rows = tiny.pairs(80, seed)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    plan = tiny.plan_for(
        "translation",
        tiny.checkpoint_in(tmp_path / "checkpoint", "marian"),
        **{
            "data.path": str(tmp_path / "train.jsonl"),
            "data.test_path": str(tmp_path / "test.jsonl"),
            "task.translation.written_rows": 10,
        },
    )
    run = weitiao.train(plan, out=tmp_path / "runs").run.folder
    for rows in (None, str(tmp_path / "test.jsonl")):
        judged = weitiao.evaluate(run, rows, final=rows is None)
        assert judged.report.rows == 10
        left_out = judged.report.more["left_out"]
        assert any("10 of" in line and "task.translation.written_rows" in line for line in left_out)
    every = weitiao.train(plan.with_({"task.translation.written_rows": 0}), out=tmp_path / "runs")
    assert weitiao.evaluate(every.run.folder, final=True).report.rows > 60
