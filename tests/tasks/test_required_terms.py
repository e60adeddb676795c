"""Placeholders and terms of a glossary stand in every answer, whatever the network would write."""

import json

import numpy as np
import pytest
import torch

import weitiao
import writing_networks as tiny
from conftest import TINY_WRITER
from weitiao.core.ragged import Ragged
from weitiao.errors import WeitiaoError
from weitiao.evaluation.metrics.texts import GlossaryKept, PlaceholdersKept
from weitiao.example import Written
from weitiao.model.constraints import Required
from weitiao.model.model import Model
from weitiao.tasks.answers.texts import Texts
from weitiao.tasks.base import IGNORED
from weitiao.tasks.texts.generative import PART, REQUIRED
from weitiao.training.run import training_feed

FAMILIES = ("marian", "t5", "mbart", "llama", "gpt2")
GLOSSARY = {"cat": "kater", "big house": "gross haus", "runs": "rennt rennt", "tree": "nosuchword"}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terms")
    return {family: tiny.checkpoint_in(folder / family, family) for family in FAMILIES}


def started(checkpoint, settings, **changes):
    plan = tiny.plan_for("translation", checkpoint, settings, **changes)
    data = tiny.data_for(plan, tiny.pairs())
    return Model.start(plan, data.train, data.validation), data


TEXTS = [
    ("the cat sees a dog", ["kater"]),
    ("the dog likes a dog", []),
    ("a cat runs and a big house sleeps", ["kater", "gross haus", "rennt rennt"]),
    ("the big house", ["gross haus"]),
    ("a tree runs", ["rennt rennt"]),  # the tokenizer cannot write the term of the tree
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("beams", [1, 3])
def test_required_terms_stand_in_every_answer(family, beams, checkpoints):
    """In one batch, each row with its own; rows without terms are written as ever."""
    settings = {"num_beams": beams}
    model, _data = started(checkpoints[family], {**settings, "glossary": GLOSSARY})
    texts = [text for text, _ in TEXTS]
    found = list(model.predict(texts))
    for answer, (text, terms) in zip(found, TEXTS, strict=True):
        assert all(term in answer for term in terms), (text, answer)
    free, _data = started(checkpoints[family], settings)
    plain = list(free.predict(texts))
    assert found[1] == plain[1]
    assert any(term not in plain[2] for term in TEXTS[2][1])  # the network alone does not
    assert found == [model.predict([text])[0] for text in texts]


@pytest.mark.parametrize("beams", [1, 3])
def test_answers_of_a_few_tokens_hold_them_too(beams, checkpoints):
    settings = {"num_beams": beams, "max_new_tokens": 7, "glossary": GLOSSARY}
    for family in ("marian", "llama"):
        model, _data = started(checkpoints[family], settings)
        (answer,) = model.predict([TEXTS[2][0]])
        assert all(term in answer for term in TEXTS[2][1])
        assert len(answer.split()) <= 7


def test_terms_that_do_not_fit_end_nothing(checkpoints):
    model, _data = started(checkpoints["marian"], {"max_new_tokens": 3, "glossary": GLOSSARY})
    assert len(model.predict([TEXTS[2][0]])[0].split()) <= 3


class Letters:
    """A tokenizer of one letter a token, 0 ends."""

    def decode(self, ids, skip_special_tokens=True):
        return "".join(chr(96 + one) for one in ids if one)


def test_the_network_writes_freely_until_it_would_end():
    required = Required([[[1, 2], [3]], []], Letters(), 1, 9, [0])
    scores = torch.zeros(2, 5)
    scores[:, 4] = 2.0
    free = required(torch.tensor([[9], [9]]), scores)
    assert free.argmax(1).tolist() == [4, 4]
    assert free[0, 0] == -torch.inf
    assert free[1, 0] == 0
    scores[:, 0] = 3.0
    ids, written = torch.tensor([[9, 4], [9, 4]]), []
    for _ in range(4):
        ids = torch.cat([ids, required(ids, scores).argmax(1)[:, None]], 1)
        written.append(ids[:, -1].tolist())
    assert written == [[1, 0], [2, 0], [3, 0], [0, 0]]


def test_what_comes_twice_is_written_twice():
    required = Required([[[1, 2], [1, 2]]], Letters(), 0, 9, [0])
    assert len(required._missing(0, [])) == 2
    assert len(required._missing(0, [1, 2, 4])) == 1
    assert required._missing(0, [1, 2, 1, 2]) == []


def test_longest_room_is_kept_for_terms():
    """A network that never ends is made to write them in time."""
    required = Required([[[1, 2], [3]]], Letters(), 0, 6, [0])
    scores = torch.zeros(1, 5)
    scores[:, 4] = 2.0
    ids = torch.zeros(1, 0, dtype=torch.long)
    for _ in range(6):
        ids = torch.cat([ids, required(ids, scores).argmax(1)[:, None]], 1)
    assert ids.tolist()[0][2:5] == [1, 2, 3]


@pytest.mark.parametrize("family", ["marian", "llama"])
def test_what_answers_must_contain_is_no_part_of_what_is_learned(family, checkpoints):
    batches = []
    for settings in ({}, {"glossary": GLOSSARY}):
        model, data = started(checkpoints[family], settings)
        feed = training_feed(model, data.train)
        assert isinstance(feed.labels, Ragged)
        batches.append(model.batch(feed.encoded, range(12), feed.labels))
        kinds = np.asarray(feed.encoded.values[PART])
        assert (kinds >= REQUIRED).any() == bool(settings)
    plain, required = batches
    assert plain.tensors.keys() == required.tensors.keys()
    for name, tensor in plain.tensors.items():
        assert torch.equal(tensor, required.tensors[name])
    assert torch.equal(plain.labels, required.labels)
    assert (plain.labels != IGNORED).any()


def test_a_run_reports_what_was_kept(checkpoints, tmp_path):
    """Answers of validation hold every term, and so the metric of the glossary is 1."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(map(json.dumps, tiny.pairs(60))))
    (tmp_path / "terms.csv").write_text("cat,kater\nruns,rennt\n")
    plan = tiny.plan_for("translation", checkpoints["marian"]).with_(
        {
            "data.path": str(rows),
            "train.epochs": 1,
            "task.translation.glossary": str(tmp_path / "terms.csv"),
            "task.translation.placeholders": True,
        }
    )
    fitted = weitiao.train(plan, out=tmp_path / "runs")
    assert fitted.report.metrics["glossary_kept"] == 1.0
    assert fitted.report.metrics["placeholders_kept"] == 1.0
    page = next(fitted.run.folder.glob("*.html")).read_text()
    assert "glossary_kept" in page


def test_pieces_of_a_long_text_hold_their_own_terms(checkpoints):
    model, _data = started(checkpoints["marian"], {"glossary": GLOSSARY}, **{"model.max_length": 8})
    text = "the cat sleeps. a dog sees. the big house is. a tree is red"
    (answer,) = model.predict([text])
    assert "kater" in answer
    assert answer.count("gross haus") == 1


def test_the_terms_of_a_file_are_saved_with_the_model(checkpoints, tmp_path):
    file = tmp_path / "terms.csv"
    file.write_text("source,target\ncat,kater\n")
    model, _data = started(checkpoints["marian"], {"glossary": str(file)})
    model.save(tmp_path / "saved")
    file.unlink()
    assert "kater" in Model.load(tmp_path / "saved").predict(["a cat sleeps"])[0]


def test_metrics(checkpoints):
    model, _data = started(checkpoints["marian"], {"glossary": {"cat": "kater", "dog": "hund"}})
    gold = np.array(["ein kater", "ein hund und kater", "nichts"], object)
    scores = [Written("ein kater"), Written("hund"), Written("hund")]
    answers = model.task.to_answers(gold, scores)
    weights = np.array([[1, 1, 1], [0, 2, 0], [0, 0, 3]])
    assert GlossaryKept().values(answers, weights).tolist() == [2 / 3, 0.5, 1.0]
    assert answers.constant().counts.shape == (3, 1)
    assert GlossaryKept().values(answers.constant(), weights).tolist() == [0, 0, 0]
    gold = np.array(["{a} {a} <b>", "x"], object)
    answers = Texts.of(gold, ["{a} <b>", "y"], np.ones(2))
    assert PlaceholdersKept().values(answers, np.array([[1, 1], [0, 1]])).tolist() == [2 / 3, 1.0]
    assert model.task.default_metrics == ("bleu", "chrf", "glossary_kept")


def test_placeholders_survive(tmp_path):
    """A new network with a tokenizer of its own, trained on nothing but noise."""
    rows = [
        {"text": f"the {word} {{name}} %d <b> runs", "label": f"das {{name}} %d <b> {word}"}
        for word in "abcdefghijklmnopqrst"
    ]
    plan = tiny.plan_for("translation", TINY_WRITER, {"placeholders": True, "max_new_tokens": 40})
    data = tiny.data_for(plan, rows)
    model = Model.start(plan, data.train, data.validation)
    found = list(model.predict(["a {name} <b> runs", "no placeholder", "%d <b> %d"]))
    assert "{name}" in found[0].replace(" ", "")
    assert "<b>" in found[0].replace(" ", "")
    assert found[2].replace(" ", "").count("%d") == 2


def test_the_plan_names_the_metrics_of_what_must_be_kept(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "\n".join(json.dumps({"en": r["text"], "de": r["label"]}) for r in tiny.pairs(60))
    )
    changes = {"task.translation.placeholders": True, "task.translation.glossary": {"cat": "kater"}}
    plan = weitiao.plan(str(rows), model=TINY_WRITER, changes=changes)
    assert list(plan.evaluate.metrics) == ["bleu", "chrf", "placeholders_kept", "glossary_kept"]
    assert plan.task["translation"]["glossary"] == {"cat": "kater"}
    with pytest.raises(WeitiaoError, match=r"no\.csv: cannot be read"):
        weitiao.fit(
            str(rows), model=TINY_WRITER, out=tmp_path,
            changes={"task.translation.glossary": str(tmp_path / "no.csv")},
        )  # fmt: skip
