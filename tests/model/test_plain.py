"""What is saved is what transformers reads: its pipeline gives weitiao's labels and scores."""

import pytest

from conftest import toy_data, toy_plan
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.run import train

TASKS = ["classification", "multilabel", "nli", "regression"]


def pipeline_scores(folder, model, examples):
    from transformers import pipeline

    pipe = pipeline("text-classification", model=str(folder), truncation=True, top_k=None)
    texts = model.task.texts(examples)
    inputs = [
        {"text": row[0], "text_pair": row[1]} if len(row) == 2 else row[0]
        for row in zip(*texts, strict=True)
    ]
    found = [pipe(one) for one in inputs]
    flat = [items[0] if isinstance(items[0], list) else items for items in found]
    return [{item["label"]: item["score"] for item in items} for items in flat]


def assert_same(model, examples, found):
    for answer, scores in zip(model.predictions(examples), found, strict=True):
        if model.task.answers.numeric:
            assert scores["LABEL_0"] == pytest.approx(answer.value, abs=1e-5)
        else:
            assert scores == pytest.approx(dict(answer.scores), abs=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_the_pipeline_of_transformers_gives_the_same(task, tiny_bert, tmp_path):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan)
    run = Run.create(tmp_path, "run", plan)
    train(plan, data, run)
    model = Model.load(run.best)
    examples = data.validation.examples()
    assert_same(model, examples, pipeline_scores(run.best, model, examples))
    assert not list(run.folder.rglob("*.bin"))  # no pickle anywhere
    assert not list(run.folder.rglob("*.pt"))


def test_the_last_line_of_the_known_recipe_loads_it(tiny_bert, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    plan = toy_plan("classification", tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    model.save(tmp_path)
    native = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert native.config.id2label == {0: "bad", 1: "good"}
    assert native.config.problem_type == "single_label_classification"
    assert AutoTokenizer.from_pretrained(tmp_path).model_max_length == 32


def test_cleaners_travel_with_the_model(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{"data.cleaners": {"whitespace": {}}})
    data = toy_data(plan)
    Model.start(plan, data.train).save(tmp_path)
    model = Model.load(tmp_path)
    assert model("good   film\n").scores == pytest.approx(model("good film").scores)


def test_families_with_the_same_words_do_not_share_encodings(tiny_checkpoints):
    """DistilBERT's tokenizer gives no segments; BERT needs them for pairs."""
    for family in ("distilbert", "bert"):
        plan = toy_plan("nli", tiny_checkpoints[family])
        data = toy_data(plan, 40)
        encoded = Model.start(plan, data.train).encode(data.train)
    assert "token_type_ids" in encoded.values


def test_a_decoder_without_padding_borrows_the_end_token(tmp_path):
    import transformers

    from conftest import make_tokenizer

    size = make_tokenizer(tmp_path, roberta=True)
    config = transformers.GPT2Config(
        vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=64, eos_token_id=3
    )
    transformers.GPT2Model(config).save_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
    tokenizer.save_pretrained(tmp_path)
    plan = toy_plan("classification", str(tmp_path))
    data = toy_data(plan, 60)
    run = Run.create(tmp_path, "run", plan)
    outcome = train(plan, data, run)
    assert not outcome.model.packs
    examples = data.validation.examples()
    assert_same(outcome.model, examples, pipeline_scores(run.best, outcome.model, examples))
