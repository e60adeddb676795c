"""weitiao from Python: rows in any usual form, answers in the order of the rows."""

import numpy as np
import pytest

import weitiao
from conftest import toy_rows
from weitiao.errors import DataError, WeitiaoError

QUICK = {
    "train.epochs": 2,
    "train.evaluations": 2,
    "train.learning_rate": 1e-3,
    "model.max_length": 32,
    "evaluate.bootstrap_samples": 20,
    "evaluate.baselines": False,
    "evaluate.findings": False,
    "train.refit": "never",
}


def fitted_on(rows, targets=None, *, checkpoint, out, **wishes):
    return weitiao.fit(rows, targets, model=checkpoint, out=out, changes=QUICK, **wishes)


def test_texts_and_labels(tiny_bert, tmp_path):
    rows = toy_rows("classification")
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    fitted = fitted_on(texts, labels, checkpoint=tiny_bert, out=tmp_path)
    assert fitted.split == "test"
    assert fitted.openings == 1
    assert set(fitted.metrics) == set(fitted.report.intervals)
    assert fitted.model.task.choices == ("bad", "good")
    answer = fitted("a good film")
    assert answer.value in ("good", "bad")
    assert answer.score == answer.scores[answer.value] == max(answer.scores.values())
    many = fitted(*texts[:7])
    assert [a.value for a in many] == [fitted(text).value for text in texts[:7]]
    chances = fitted.predict_proba(texts[:7])
    assert chances.shape == (7, 2)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    for row, answer in zip(chances, many, strict=True):
        assert answer.scores == pytest.approx({"bad": row[0], "good": row[1]}, abs=1e-5)

    loaded = weitiao.load(fitted.run.folder)
    assert loaded("a good film") == fitted("a good film")
    assert loaded({"text": "a good film"}) == loaded("a good film")
    with pytest.raises(DataError, match="no 'text'"):
        loaded({"txt": "a good film"})
    with pytest.warns(UserWarning, match="1 row without a text"):
        assert loaded({"text": None}).value is None
    report, split, openings = weitiao.evaluate(fitted.run.folder, final=True)
    assert (split, openings) == ("test", 2)
    assert report.metrics == pytest.approx(dict(fitted.metrics))


def test_a_list_of_dicts_and_their_own_columns(tiny_bert, tmp_path):
    rows = [{"review": row["text"], "stars": row["label"]} for row in toy_rows("classification")]
    fitted = fitted_on(rows, checkpoint=tiny_bert, out=tmp_path)
    model = weitiao.load(str(fitted.run.folder))
    one = model({"review": "a good film", "stars": None, "more": 3})
    assert one == model("a good film") == model({"text": "a good film"})
    with pytest.raises(DataError, match="column 'review'"):
        model({"stars": "a"})


def test_a_data_frame(tiny_bert, tmp_path):
    import pandas

    frame = pandas.DataFrame(toy_rows("regression"))
    fitted = fitted_on(frame, checkpoint=tiny_bert, out=tmp_path)
    assert fitted.plan.task_name == "regression"
    assert isinstance(fitted("good film").value, float)
    assert fitted.predict_proba(frame["text"][:3]).shape == (3, 1)
    series = fitted_on(frame["text"], frame["label"], checkpoint=tiny_bert, out=tmp_path)
    assert series.metrics == pytest.approx(dict(fitted.metrics))


def test_pairs_as_tuples(tiny_bert, tmp_path):
    rows = toy_rows("nli")
    pairs = [(row["premise"], row["hypothesis"]) for row in rows]
    labels = [row["label"] for row in rows]
    fitted = fitted_on(pairs, labels, checkpoint=tiny_bert, out=tmp_path)
    assert fitted.plan.task_name == "nli"
    answer = fitted({"premise": pairs[0][0], "hypothesis": pairs[0][1]})
    assert answer.value in ("entailment", "contradiction")
    with pytest.raises(DataError, match="hypothesis"):
        fitted("only one text")


@pytest.mark.parametrize("kind", ["generators", "Series", "dicts", "columns", "nested"])
def test_rows_to_learn_from_come_in_any_container(kind, tmp_path):
    import pandas

    rows = toy_rows("classification", 40)
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    given = {
        "generators": ((text for text in texts), iter(labels)),
        "Series": (pandas.Series(texts, dtype="string"), pandas.Series(labels, dtype="category")),
        "dicts": (iter(rows), None),
        "columns": ({"text": texts, "label": np.array(labels)}, None),
        "nested": (
            [{"text": r["text"], "label": r["label"], "by": {"id": 1, "n": 2}} for r in rows],
            None,
        ),
    }[kind]
    plan = weitiao.plan(*given, text="text", target="label", model="minilm-l6")
    assert plan.task_name == "classification"
    assert plan.data.roles == {"text": "text", "target": "label"}
    profile = weitiao.look(rows)
    assert profile.labels == {name: labels.count(name) for name in profile.labels}
    assert repr(profile).startswith("Profile('rows', classification, 40 rows")
    if kind == "nested":
        assert "by.id" in weitiao.look(given[0]).columns


def test_options_of_the_command_line(tiny_bert, tmp_path):
    import pandas

    rows = [
        {"tweet": r["text"], "score": r["label"], "more": r["text"]}
        for r in toy_rows("classification")
    ]
    frame = pandas.DataFrame(rows)
    fitted = fitted_on(
        frame[:100], checkpoint=tiny_bert, out=tmp_path, text="tweet", target="score", budget="5m",
        test=frame[100:110], validation=rows[110:], progress=True,
    )  # fmt: skip
    assert fitted.plan.data.roles == {"text": "tweet", "target": "score"}
    assert fitted.plan.train.budget == 300
    assert (fitted.split, fitted.report.rows) == ("test", 10)
    assert fitted.classes_.tolist() == ["bad", "good"]
    assert len(fitted.predict(frame[:3])) == 3
    for one in (fitted, fitted.plan, fitted.report, fitted.model, fitted.run,
                weitiao.evaluate(fitted.run.folder, frame[:20], say=[].append)):  # fmt: skip
        assert len(repr(one)) < 220
        assert "\n" not in repr(one)
    for one in (fitted, fitted.plan, fitted.report):
        assert one._repr_html_().startswith("<table>")
    with pytest.raises(WeitiaoError, match="is not a time"):
        fitted_on(frame, checkpoint=tiny_bert, out=tmp_path, budget="soon")


def test_mistakes_leave_no_run(tiny_bert, tmp_path):
    for rows, targets in ((["a", "b"], ["x"]), ([], None), (["a"], None), ([], []),
                          (["good"] * 5, ["x"] * 5)):  # fmt: skip
        with pytest.raises(DataError):
            fitted_on(rows, targets, checkpoint=tiny_bert, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
