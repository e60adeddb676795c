"""The model card is one that the hub reads, in both languages, for every task."""

import math
import re

import pytest
from huggingface_hub import ModelCard, metadata_load

from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.i18n.messages import speaking
from weitiao.model.card import Described, Figure, Results, card, write

HAN = re.compile(r"[\u4e00-\u9fff]")
TAGS = {"token_classification": "token-classification", "question_answering": "question-answering",
        "translation": "translation", "generation": "text-generation",
        "retrieval": "sentence-similarity"}  # fmt: skip


def described(name, checkpoint="minilm-l6", path="data/hotel reviews.csv.gz"):
    plan = toy_plan(name, checkpoint, **{"model.checkpoint": checkpoint})
    task = parts.build("tasks", name).learn(toy_data(plan, 40).train.targets())
    return Described(plan.with_({"data.path": path}), task, "bert", {"native": {}})


def results(task, split="test"):
    figures = [Figure(name, name, 0.87654321, (0.8, 0.9)) for name in task.metrics]
    figures.append(Figure("mcc", "MCC", math.nan))
    return Results("reviews-001", split, 120, figures, {"train": 900, "validation": 100, "test": 120},
                   {"zh": 0.9, "en": 0.09, "other": 0.01}, split == "validation")  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", parts.names("tasks"))
def test_the_hub_reads_it(name, language, tmp_path):
    about = described(name)
    with speaking(language):
        write(tmp_path, about, results(about.task))
    path = tmp_path / "README.md"
    loaded = ModelCard.load(path)
    data, raw = loaded.data, metadata_load(path)
    assert data.language == ["zh", "en"]
    assert (data.license, data.base_model) == (
        "apache-2.0",
        "sentence-transformers/all-MiniLM-L6-v2",
    )
    assert data.pipeline_tag == TAGS.get(name, "text-classification")
    assert set(data.tags) == {"weitiao", name, "bert"}
    assert data.datasets == ["hotel-reviews"]
    assert raw["model-index"][0]["name"] == data.model_name == "reviews-001"
    assert len(data.eval_results) == len(about.task.metrics), "what has no value is left out"
    first = data.eval_results[0]
    assert first.metric_value == 0.8765
    assert first.dataset_split == "test"
    assert {one.metric_type for one in data.eval_results} == set(data.metrics)
    assert "| 0.877 |" in loaded.text
    for label in about.task.choices:
        assert label in loaded.text
    assert 'weitiao.load(".")' in loaded.text
    library = "sentence_transformers" if name == "retrieval" else "transformers"
    assert f"from {library} import" in loaded.text
    lines = [line for line in loaded.text.splitlines() if line.startswith(("#", "- "))]
    assert all(bool(HAN.search(line)) == (language == "zh") for line in lines)


def test_figures_of_validation_say_so():
    about = described("classification")
    text = card(about, results(about.task, "validation"))
    assert "slightly optimistic" in text
    assert "before it was trained once more" in text
    assert "dataset" not in card(about).split("---")[1].replace("datasets", "")
    assert "has not been evaluated yet" in card(about)


@pytest.mark.parametrize(("checkpoint", "base"), [
    ("/home/me/secret/my-bert", None), ("owner/name", "owner/name"),
    ("e5-small", "intfloat/multilingual-e5-small"),
])  # fmt: skip
def test_a_folder_of_the_user_is_not_told(checkpoint, base):
    text = card(described("classification", checkpoint, "/home/me/secret/rows.csv"))
    assert "secret" not in text
    assert ModelCard(text).data.base_model == base


def test_odd_labels_are_text_and_many_are_cut():
    about = described("classification")
    labels = ["a: b", "---", "<b>", "# x", *(f"label {i}" for i in range(100))]
    task = about.task.model_copy(update={"labels": tuple(labels)})
    loaded = ModelCard(card(Described(about.plan, task, "bert", {"native": {}})))
    assert loaded.data.pipeline_tag == "text-classification"
    assert "(54 more)" in loaded.text
