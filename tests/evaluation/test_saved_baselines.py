"""Saved baselines give the scores of the fitted ones, and damaged files one clear error."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from conftest import toy_data, toy_plan
from weitiao.errors import ModelError
from weitiao.evaluation.baselines import Baseline, fit_baselines, load, save
from weitiao.evaluation.baselines.base import Constant
from weitiao.evaluation.baselines.of_model import fit_for, save_for, validation_report
from weitiao.model.model import Model
from weitiao.model.saved import Metadata

SINGLE, SEVERAL, NUMBER = (
    "single_label_classification", "multi_label_classification", "regression"
)  # fmt: skip
WORDS = [
    "good",
    "bad",
    "a",
    "Film",
    "naïve",
    "好",
    "坏",
    "酒店很好",
    "房间脏",
    "😀",
    "1.5",
    ",",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
CHINESE_TEXT = st.text(alphabet="好坏酒店房间脏很，。a ", max_size=20)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("STRENGTHS", "RIDGE_STRENGTHS"):  # one is as good as three, and faster
        monkeypatch.setattr(f"weitiao.evaluation.baselines.tfidf.{name}", ((10.0, 1e-3),))


@st.composite
def problems(draw):
    """(problem type, texts of each role, labels, outputs), of 4 to 14 rows."""
    kind = draw(st.sampled_from([SINGLE, SEVERAL, NUMBER]))
    rows, text = draw(st.integers(4, 14)), draw(st.sampled_from([TEXT, CHINESE_TEXT]))
    texts = [
        draw(st.lists(text, min_size=rows, max_size=rows)) for _ in range(draw(st.integers(1, 2)))
    ]
    outputs = 1 if kind == NUMBER else draw(st.integers(2, 4))
    shape = rows * (outputs if kind == SEVERAL else 1)
    most = {SINGLE: outputs - 1, SEVERAL: 1, NUMBER: 9}[kind]
    labels = np.array(draw(st.lists(st.integers(0, most), min_size=shape, max_size=shape)))
    if kind == SEVERAL:
        labels = labels.reshape(rows, outputs).astype(float)
    return kind, texts, labels.astype(float) if kind == NUMBER else labels, outputs


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=problems(), new=st.lists(TEXT | CHINESE_TEXT, max_size=4))
def test_a_loaded_baseline_scores_like_the_fitted_one(tmp_path, problem, new):
    kind, texts, labels, outputs = problem
    fitted = fit_baselines(kind, texts, labels, texts, labels, outputs, 0)
    assert save(tmp_path / "baseline", fitted) == list(fitted)
    loaded = load(tmp_path / "baseline")
    assert list(loaded) == list(fitted)
    for name, baseline in fitted.items():
        rows = [[*role, *new] for role in texts]
        assert np.array_equal(loaded[name].score(rows), baseline.score(rows))
        assert json.dumps(loaded[name].detail) == json.dumps(baseline.detail)
    assert sorted(path.name for path in (tmp_path / "baseline").iterdir()) == [
        "baseline.json", "baseline.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "task", ["classification", "multilabel", "regression", "nli", "token_classification"]
)
def test_a_folder_holds_all_that_predicting_takes(task, tiny_bert, tmp_path):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, 120)
    model = Model.start(plan, data.train, data.validation)
    fitted = fit_for(model, data.train, data.validation)
    best = list(fitted)[-1]
    save_for(model, tmp_path / "baseline", fitted)
    loaded = load(tmp_path / "baseline")
    first, second = (
        validation_report(model, one[best], data.validation) for one in (fitted, loaded)
    )
    assert first.metrics == second.metrics
    assert first.metrics[first.primary] > (0.1 if task == "token_classification" else 0.5)
    metadata = Metadata.read(tmp_path / "baseline")
    assert (metadata.task, metadata.plan.task_name) == (model.task, task)
    if task != "token_classification":  # selected by the metric that the network is judged by
        assert fitted[best].detail["metric"] == first.primary
        assert fitted[best].detail["validation"] == pytest.approx(first.metrics[first.primary])


def test_what_cannot_be_saved_is_left_out(tmp_path):
    frozen = Baseline("frozen_linear", {}, lambda texts: np.zeros((1, 2)))
    constant = Baseline("majority", {}, Constant(np.array([0.5, 0.5])))
    assert save(tmp_path / "one", {"frozen_linear": frozen, "majority": constant}) == ["majority"]
    assert list(load(tmp_path / "one")) == ["majority"]


@pytest.fixture
def folder(tmp_path):
    texts, labels = [["good film", "bad film", "so so", "good"]], np.array([0, 1, 2, 0])
    save(tmp_path / "baseline", fit_baselines(SINGLE, texts, labels, texts, labels, 3, 0))
    return tmp_path / "baseline"


def changed(content, path, value):
    """The content with the value at a path of keys and positions replaced."""
    *way, last = path
    for key in way:
        content = content[key]
    content[last] = value


MODEL = ("baselines", 1, "tfidf_linear")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("surprise",), 1),
        ((*MODEL, "outputs"), 0),
        ((*MODEL, "outputs"), 10**12),
        ((*MODEL, "outputs"), 2),
        ((*MODEL, "places"), [0, 1]),
        ((*MODEL, "places"), [0, 1, 1]),
        ((*MODEL, "places"), [-1, 1, 2]),
        ((*MODEL, "roles"), 2),
        ((*MODEL, "problem_type"), "other"),
        ((*MODEL, "views"), []),
        ((*MODEL, "views", 0, "ngrams"), [1, 100]),
        ((*MODEL, "views", 0, "ngrams"), [2, 1]),
        ((*MODEL, "views", 0, "longest"), -5),
        ((*MODEL, "views", 0, "columns"), ["good"]),
        ((*MODEL, "views", 0, "columns", 0), "so so"),
        ((*MODEL, "views", 0, "columns", 0), 7),
        ((*MODEL, "views", 0, "analyzer"), "__import__"),
        (("baselines", 0, "constant"), [float("nan")]),
        (("baselines", 0, "constant"), None),
    ],
)
def test_absurd_settings_give_one_clear_error(folder, path, value):
    file = folder / "baseline.json"
    content = json.loads(file.read_text("utf-8"))
    changed(content, path, value)
    file.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ModelError, match="saved baseline is damaged"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: {**one, "coefficients": one["coefficients"][:-1]},
        lambda one: {**one, "coefficients": one["coefficients"].astype(np.float64)},
        lambda one: {**one, "intercepts": one["intercepts"] * np.float32("nan")},
        lambda one: {name: array for name, array in one.items() if name != "idf_0"},
        lambda one: {**one, "idf_0": one["idf_0"].reshape(1, -1)},
    ],
)
def test_absurd_weights_give_one_clear_error(folder, change):
    file = folder / "baseline.safetensors"
    save_file(change(load_file(file)), file)
    with pytest.raises(ModelError, match=r"saved baseline is damaged.*baseline.safetensors"):
        load(folder)


@pytest.mark.parametrize("name", ["baseline.json", "baseline.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 40, b"[" * 100_000, b"null"])
def test_damaged_files_give_one_clear_error(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match="saved baseline is damaged"):
        load(folder)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_files_cut_or_with_a_byte_changed_never_give_a_traceback(folder, data):
    name = data.draw(st.sampled_from(["baseline.json", "baseline.safetensors"]))
    whole = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.none() | st.integers(0, 255))
    (folder / name).write_bytes(
        whole[:at] + (b"" if byte is None else bytes([byte]) + whole[at + 1 :])
    )
    try:
        loaded = load(folder)
    except ModelError:
        pass
    else:
        assert loaded
    finally:
        (folder / name).write_bytes(whole)


def test_a_missing_baseline_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no saved baseline here \(baseline.json is missing\)"):
        load(tmp_path)
