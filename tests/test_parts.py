"""The folder is the registry: the contract of every part, and that a new one is one new file."""

import importlib
import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import PartError, PlanError
from weitiao.model.model import Model
from weitiao.parts import Part
from weitiao.run import Run
from weitiao.training.run import train

# Settings that a part cannot do without.
NEEDED = {
    "language_filter": {"languages": ["en"]},
    "at_recall": {"label": "spam"}, "at_precision": {"label": "spam"},
    "back_translation": {"there": "a", "back": "b"}, "round_trip": {"there": "a", "back": "b"},
    "contextual_words": {"checkpoint": "a"}, "language_model": {"checkpoint": "a"},
    "rewriting": {"model": "a"}, "chat": {"model": "a"},
    "abstain": {"coverage": 0.9}, "costs": {"matrix": {"spam": {"ham": 5}}},
}  # fmt: skip
EVERY = [(kind, name) for kind in parts.KINDS for name in parts.names(kind)]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_the_contract(kind, name):
    part = parts.find(kind, name)
    base = importlib.import_module(f"{parts.KINDS[kind]}.base")
    assert issubclass(part, Part)
    assert part.__module__.rpartition(".")[0] == parts.KINDS[kind]
    assert part.__module__ != base.__name__
    assert part.__name__.lower() == name.replace("_", "")
    assert part.__dict__["__doc__"], "says what it is for"
    assert not getattr(part, "__abstractmethods__", None)
    made = parts.build(kind, name, NEEDED.get(name))
    assert parts.build(kind, name, made.model_dump()) == made
    json.dumps(part.model_json_schema())
    assert parts.origin(kind, name) is None


@pytest.mark.parametrize("kind", parts.KINDS)
def test_every_file_of_a_folder_holds_a_part(kind):
    folder = Path(importlib.import_module(parts.KINDS[kind]).__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    homes = {parts.find(kind, name).__module__.rpartition(".")[2] for name in parts.names(kind)}
    assert homes == files


def test_a_near_name_is_offered():
    with pytest.raises(PartError, match=r"no 'fmg' among the strategies. Did you mean 'fgm'\?"):
        parts.find("strategies", "fmg")
    with pytest.raises(PartError, match="There are: adam, adamw, muon, sgd"):
        parts.find("optimizers", "zzzzz")
    for name in ("base", "__init__", "fgm.FGM", "../fgm", "", "FGM"):
        with pytest.raises(PartError):
            parts.find("strategies", name)


def test_every_wrong_setting_is_told_with_its_path():
    with pytest.raises(PartError) as caught:
        parts.build("optimizers", "sgd", {"momentum": 2, "nestrov": True, "x": 1})
    assert dict(caught.value.problems).keys() == {"sgd.momentum", "sgd.nestrov", "sgd.x"}
    assert "Did you mean 'nesterov'?" in dict(caught.value.problems)["sgd.nestrov"]
    assert "less than 1" in dict(caught.value.problems)["sgd.momentum"]


# --- a new part is one new file

NEW = {
    "strategies": ("counted", """
        from weitiao.training.strategies.base import Strategy
        STEPS = []
        class Counted(Strategy):
            "Counts updates."
            every: int = 1
            def after_step(self, net, progress):
                STEPS.append(progress)
    """),
    "optimizers": ("signed", """
        from weitiao.training.optimizers.base import Recipe
        class Signed(Recipe):
            "Plain steps."
            def optimizer(self, groups):
                from torch.optim import SGD
                return SGD(groups, lr=0.0)
    """),
    "schedules": ("halved", """
        from weitiao.training.schedules.base import Schedule
        class Halved(Schedule):
            "Half of the rate."
            def factor(self, progress):
                return 0.5
    """),
    "losses": ("doubled", """
        from weitiao.losses.standard import CrossEntropy
        class Doubled(CrossEntropy):
            "Twice the cost."
            def value(self, logits, labels):
                return 2 * super().value(logits, labels)
    """),
    "metrics": ("wrongness", """
        from weitiao.evaluation.metrics.base import Metric, once
        from weitiao.tasks.answers.labels import Labels
        class Wrongness(Metric):
            "The share of wrong answers."
            higher_is_better = False
            answers = (Labels,)
            def value(self, judged, weights=None):
                wrong = judged.targets != judged.values
                return float((once(judged, weights)[0] * wrong).sum()
                             / once(judged, weights)[0].sum())
    """),
    "cleaners": ("shouting", """
        from weitiao.data.cleaners.base import Cleaner
        SEEN = []
        class Shouting(Cleaner):
            "GOOD becomes good, FINE too."
            words: tuple[str, ...] = ()
            def learn(self, texts):
                words = tuple(sorted(set(" ".join(texts).split())))
                return self.model_copy(update={"words": words})
            def clean(self, text):
                SEEN.append(text)
                return text.replace("xqz", "bad"), list(range(len(text)))
    """),
    "steps": ("first_ones", """
        from weitiao.data.steps.base import Step
        class FirstOnes(Step):
            "Only the first rows."
            rows: int = 16
            def __call__(self, examples, rng):
                for number, example in enumerate(examples):
                    if number < self.rows:
                        yield example
    """),
    "readers": ("lined", """
        from weitiao.data.readers.base import Reader, Reading, batched
        from weitiao.data.files.cells import TEXT
        class Lined(Reader):
            "label|text, a row a line."
            def read(self, path):
                lines = path.read_text(encoding="utf-8").splitlines()
                rows = ((i, dict(zip(("label", "text"), line.split("|"))))
                        for i, line in enumerate(lines, 1))
                return Reading({"label": TEXT, "text": TEXT}, batched(rows))
    """),
    "tasks": ("yes_no", """
        import numpy as np
        from weitiao.example import Prediction
        from weitiao.tasks.answers.labels import Labels
        from weitiao.tasks.base import Task
        class YesNo(Task):
            "Two labels, one number: is it the second?"
            roles = ("text",)
            metrics = ("accuracy",)
            losses = ("cross_entropy", "doubled")
            answers = Labels
            problem_type = "single_label_classification"
            names: tuple[str, ...] = ()
            @property
            def outputs(self):
                return 2
            @property
            def choices(self):
                return self.names
            def learn(self, targets):
                names = self.names or tuple(sorted(set(targets)))
                return self.model_copy(update={"names": names})
            def indices(self, targets, ids):
                return np.array([self.names.index(target) for target in targets], dtype=np.int64)
            def divergence(self, first, second, batch):
                return (first - second).pow(2).sum()
            def score(self, logits):
                chance = 1 / (1 + np.exp(logits[:, :1] - logits[:, 1:]))
                return np.concatenate([1 - chance, chance], 1)
            def decide(self, scores, examples=()):
                return [Prediction(self.names[int(s[1] > 0.5)], float(s.max()),
                                   dict(zip(self.names, s.tolist()))) for s in scores]
            def to_answers(self, labels, scores):
                return Labels(labels, scores.argmax(-1), scores, self.names)
    """),
}  # fmt: skip


@pytest.fixture
def new_parts(tmp_path, monkeypatch):
    """One file a kind, in folders that stand for ours."""
    import sys
    import textwrap

    for kind, (name, code) in NEW.items():
        folder = tmp_path / "parts" / kind
        folder.mkdir(parents=True)
        text = f'"""A part of a test."""\n{textwrap.dedent(code)}'
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        package = importlib.import_module(parts.KINDS[kind])
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    importlib.invalidate_caches()
    yield {kind: name for kind, (name, _) in NEW.items()}
    for kind, (name, _) in NEW.items():
        sys.modules.pop(f"{parts.KINDS[kind]}.{name}", None)
        vars(importlib.import_module(parts.KINDS[kind])).pop(name, None)


def test_a_new_part_is_one_new_file(new_parts, tiny_bert, tmp_path):
    for kind, name in new_parts.items():
        assert name in parts.names(kind)
        parts.build(kind, name)
    plan = toy_plan("classification", tiny_bert).model_dump()
    plan["task"] = "yes_no"
    plan["data"] |= {"cleaners": ["shouting"], "steps": {"first_ones": {"rows": 16}}}
    plan["train"] |= {"epochs": 1, "evaluations": 1, "loss": "doubled", "optimizer": "signed",
                      "schedule": "halved", "strategies": {"counted": {"every": 2}},
                      "warmup_ratio": 0}  # fmt: skip
    plan["evaluate"] |= {"metrics": ["wrongness", "accuracy"]}
    plan = type(toy_plan("classification", tiny_bert)).parse(plan)
    plan.save(tmp_path / "plan.yaml")
    assert type(plan).load(tmp_path / "plan.yaml") == plan
    with pytest.raises(PlanError, match=r"first_ones\.row.*Did you mean 'rows'"):
        plan.with_({"data.steps.first_ones.row": 3})

    data = load(plan.data, "yes_no", from_rows(toy_rows("classification")))
    run = Run.create(tmp_path / "runs", "new", plan)
    outcome = train(plan, data, run)
    assert outcome.total == 2  # 16 rows of the step, 8 in an update
    steps = importlib.import_module("weitiao.training.strategies.counted").STEPS
    assert steps == [0.5, 1.0]
    updates = [line for line in run.history() if "loss" in line]
    assert [line["learning_rate"] for line in updates] == pytest.approx([5e-4, 5e-4])
    judged = [line["validation"] for line in run.history() if "validation" in line]
    assert list(judged[-1]) == ["wrongness", "accuracy"]
    assert judged[-1]["wrongness"] == pytest.approx(1 - judged[-1]["accuracy"])

    model = Model.load(run.best)
    assert type(model.task).__name__ == "YesNo"
    assert model.task.choices == ("bad", "good")
    assert model.cleaners[0].words  # what it learned has travelled
    assert model("the xqz room") == model("the bad room")
    assert "the xqz room" in importlib.import_module("weitiao.data.cleaners.shouting").SEEN


def test_a_new_reader_is_one_new_file(new_parts, tmp_path):
    rows = toy_rows("classification", 20)
    path = tmp_path / "rows.lined"
    path.write_text("\n".join(f"{r['label']}|{r['text']}" for r in rows), encoding="utf-8")
    source = open_source(str(path))
    assert source.columns == ["label", "text"]
    assert source.table.column("text").to_pylist() == [row["text"] for row in rows]


# --- parts of other packages

FOREIGN = '''"""A package of somebody else's."""
from weitiao.training.strategies.base import Strategy
class Theirs(Strategy):
    "From elsewhere."
    strength: float = 1.0
'''


class Distribution:
    name = "weitiao-theirs"
    version = "1.2.3"


class Point(EntryPoint):
    dist = Distribution()


def test_parts_of_others_come_through_entry_points(tmp_path, monkeypatch):
    (tmp_path / "theirs_package.py").write_text(FOREIGN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    group = "weitiao.strategies"
    points = [Point(name, "theirs_package:Theirs", group) for name in ("theirs", "fgm")]
    monkeypatch.setattr(
        parts, "entry_points", lambda group: points if group == "weitiao.strategies" else []
    )
    assert "theirs" in parts.names("strategies")
    assert parts.build("strategies", "theirs", {"strength": 2}).strength == 2
    assert parts.find("strategies", "fgm").__module__ == "weitiao.training.strategies.fgm"
    assert parts.origin("strategies", "theirs") == {
        "distribution": "weitiao-theirs", "version": "1.2.3"}  # fmt: skip
    assert parts.origin("strategies", "fgm") is None
    plan = toy_plan("classification", "c", **{"train.strategies": {"theirs": {"strength": 3}}})
    assert plan.get("train.strategies.theirs.strength") == 3
    with pytest.raises(PlanError, match=r"theirs\.strenth.*Did you mean 'strength'"):
        plan.with_({"train.strategies.theirs.strenth": 1})
