"""`weitiao check` finds everything at once: settings, rows, columns, task and checkpoint."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from conftest import toy_plan, toy_rows
from weitiao.checkpoints.families import NO_RECOMPUTATION, TRIED
from weitiao.errors import PlanError
from weitiao.i18n import messages
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.planning.full_check import problems_of

# Every line with a mistake, and what is said of it.
PLANTED = """\
task: classification
data:
  path: "no\\Such\\rows.csv"           # line 3: .*backslash
  test_path: test.csv                  # 'txet'.*Did you mean 'text'
  validation_path: gone.csv            # line 5, data.validation_path: gone.csv: no such file
  roles: {text: txet, target: label, premis: text}  # line 6, data.roles: .*no role 'premis'
  max_row: 100                         # line 7, data.max_row: .*Did you mean 'max_rows'
  validation_size: 0.6                 # validation_size and test_size leave too few
  test_size: 0.5
model:
  checkpoint: tiny
  max_length: 1024                     # line 12, model.max_length: 1024 .* at most 80
  dropout: 0.9                         # line 13, model.dropout: 0.9
  attention: full                      # line 14, model.attention: full is for decoders
train:
  epochs: 0                            # line 16, train.epochs: 0 is too small
  batch_size: 2.5                      # line 17, train.batch_size: 2.5
  learning_rate: 0.5                   # line 18, train.learning_rate: 0.5 .* 1e-5 to 1e-3
  warmup_ratio: 0.8                    # line 19, train.warmup_ratio: 0.8
  weight_decay: 10                     # line 20, train.weight_decay: 10
  patience: 10                         # line 21, train.patience: 10 of 10
  loss: mse                            # line 22, train.loss: mse does not fit
  strategies: {fgm: {epsilom: 1}}      # line 23, .*Did you mean 'epsilon'
  num_train_epochs: 3                  # line 24, .*train.epochs
evaluate:
  metrics: [pearson]                   # line 26, evaluate.metrics: pearson does not fit
  decisions: [at_recal]                # line 27, .*Did you mean 'at_recall'
acceptance:
  mcc: {at_leest: 0.5}                 # line 29, acceptance.mcc.*at_least
trian: {epochs: 3}                     # line 30, trian: no such setting. Did you mean 'train'
"""


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_bert):
    """A folder with rows, test rows and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "test.csv"):
        rows = toy_rows("classification", 40, seed=len(name))
        text = "".join(f"{row['text']} {i},{row['label']}\n" for i, row in enumerate(rows))
        (tmp_path / name).write_text("text,label\n" + text, encoding="utf-8")
    (tmp_path / "tiny").symlink_to(tiny_bert)
    return tmp_path


def checked(text, *, files=True, **changes):
    """The problems of a plan of this text."""
    Path("plan.yaml").write_text(text, encoding="utf-8")
    return problems_of(Plan.draft("plan.yaml", changes), files=files)


GOOD = """\
task: classification
data: {path: rows.csv, roles: {text: text, target: label}}
model: {checkpoint: tiny, max_length: 32}
train: {batch_size: 8}
"""


def test_a_plan_without_mistakes_has_no_problems(place):
    assert checked(GOOD) == []
    assert checked(GOOD, files=False) == []


def test_all_planted_problems_are_found_at_once(place):
    wanted = [line.partition(" # ")[2] for line in PLANTED.splitlines() if " # " in line]
    found = checked(PLANTED)
    missing = [one for one in wanted if not any(re.search(one, said) for said in found)]
    assert missing == []
    assert len(wanted) >= 20
    assert len(found) <= len(wanted) + 3, "and nothing is made up"
    lines = [int(match[1]) for said in found if (match := re.match(r"line (\d+)", said))]
    assert lines == sorted(lines)


def test_problems_in_chinese_have_their_lines_too(place):
    english = [said.startswith("line ") for said in checked(PLANTED)]
    messages.use("zh")
    assert [said.startswith("第 ") for said in checked(PLANTED)] == english


def test_without_files_the_plan_alone_is_checked(place):
    text = GOOD.replace("rows.csv", "gone.csv").replace("tiny", "nobody/nothing")
    assert checked(text, files=False) == []
    assert checked(text + "trian: 1\n", files=False) == [
        "line 5, trian: no such setting. Did you mean 'train'?"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "regression"}, "data: .*not a finite number"),
        ({"data.path": "test_of_nobody.csv"}, "line 2, data.path: .*no such file"),
        ({"data.roles.target": "labl"}, "rows.csv has no column 'labl'. Did you mean 'label'"),
        ({"data.roles.target": "text", "data.roles.text": "label"}, "task: .*different labels"),
        ({"train.batch_size": 64}, "train.batch_size: 64 is more than the 32 training rows"),
        ({"train.class_weights": {"goood": 2.0}}, "no label 'goood'. Did you mean 'good'"),
        ({"acceptance": {"recall": {"label": "gud", "at_least": 0.5}}}, "label 'gud'"),
        ({"model.checkpoint": "minilm-l7"}, "there is no 'minilm-l7'. Did you mean 'minilm-l6'"),
        ({"model.checkpoint": "./nosuch"}, "model.checkpoint: ./nosuch: no such folder"),
        ({"model.checkpoint": "rows.csv"}, "model.checkpoint: rows.csv: this is a file"),
        ({"model.checkpoint": "minilm-l6", "model.max_length": 600}, "max_length: 600 .* 512"),
        ({"train.optimizer": {"sgd": {}}, "train.learning_rate": 2.0}, "learning_rate: 2"),
    ],
)
def test_what_rows_and_checkpoint_say(change, said, place):
    found = checked(GOOD, **change)
    assert [one for one in found if re.search(said, one)], found
    assert len(found) == 1


def test_rates_of_sgd_and_of_soft_prompts_may_be_high(place):
    assert checked(GOOD, **{"train.optimizer": "sgd", "train.learning_rate": 0.1}) == []
    assert checked(GOOD, **{"model.adapter": "prompt_tuning", "train.learning_rate": 0.03}) == []


def called(family):
    """The tiny checkpoint, whose config.json names another family."""
    shutil.copytree("tiny", family)
    config = json.loads(Path(family, "config.json").read_text(encoding="utf-8"))
    Path(family, "config.json").write_text(
        json.dumps({**config, "model_type": family}), encoding="utf-8"
    )


def test_an_unknown_family_is_named(place):
    called("nosuch")
    (problem,) = checked(GOOD, **{"model.checkpoint": "nosuch"})
    assert "no family 'nosuch'" in problem


@pytest.mark.parametrize("family", sorted(NO_RECOMPUTATION))
def test_families_that_cannot_recompute_are_refused_before_anything_is_loaded(family, place):
    called(family)
    change = {"model.checkpoint": family, "train.gradient_checkpointing": True}
    (problem,) = checked(GOOD, **change)
    assert f"train.gradient_checkpointing: {family} cannot do it" in problem


def test_the_families_that_cannot_recompute_are_those_of_transformers():
    from transformers import AutoConfig, AutoModel

    unable = set()
    for family in TRIED:
        network = AutoModel._model_mapping[type(AutoConfig.for_model(family))]
        if not network.supports_gradient_checkpointing:
            unable.add(family)
    assert unable == NO_RECOMPUTATION


def test_training_cannot_read_more_than_predictions(tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"train.truncate_to": 64})
    with pytest.raises(PlanError, match="train.truncate_to: 64 tokens are more than the 32"):
        check(plan)


def test_a_glossary_that_is_missing_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("en,de\n" + "a cat,eine katze\nthe dog,der hund\n" * 20, "utf-8")
    Path("plan.yaml").write_text(
        "task: {translation: {glossary: terms.csv, source_language: en, target_language: de}}\n"
        "data: {path: rows.csv, roles: {text: en, target: de}}\n"
        "model: {checkpoint: 'new:marian'}\n",
        "utf-8",
    )
    found = problems_of(Plan.draft("plan.yaml"))
    assert any("task.translation.glossary: terms.csv: cannot be read" in one for one in found)
