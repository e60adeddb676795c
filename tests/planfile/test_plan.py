"""Plans: every problem at once, each with its line; what is saved is what is read."""

import json
import string

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.planfile.aliases import ALIASES, INSTEAD, NOTES
from weitiao.planfile.plan import Plan, TrainPlan

MINIMAL = {
    "task": "classification",
    "data": {"path": "reviews.csv", "roles": {"text": "review", "target": "stars"}},
    "model": {"checkpoint": "minilm-l6"},
}
TEXT = """\
task: classification
data:
  path: reviews.csv
  roles: {text: review, target: stars}
model:
  checkpoint: minilm-l6
"""


def parsed(**sections):
    return Plan.parse({**MINIMAL, **sections})


def load(tmp_path, text, changes=None):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return Plan.load(path, changes)


def problems(tmp_path, text):
    with pytest.raises(PlanError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "plan.yaml") in str(caught.value)
    return caught.value.problems


def test_a_fold_that_is_misspelt_says_how_one_is_written():
    with pytest.raises(PlanError, match=r"data\.fold: '2' cannot be used here; write 2/5\."):
        parsed(data={**MINIMAL["data"], "fold": "2"})


def test_a_small_plan_gets_every_default(tmp_path):
    plan = load(tmp_path, TEXT)
    assert plan.task_name == "classification"
    assert plan.train.optimizer == {"adamw": {}}
    assert plan.get("train.schedule") == {"linear": {}}
    assert plan.evaluate.baselines


def test_every_problem_is_told_at_once_with_its_line(tmp_path):
    text = TEXT + (
        "train:\n"  # line 7
        "  epoch: 3\n"
        "  learning_rate: fast\n"
        "  batch_size: 0\n"
        "  strategies:\n"  # 11
        "    fgm: {epsilon: -1}\n"
        "    emma: {}\n"
        "    ema: {deccay: 0.9}\n"
        "  optimizer: {adamw: {}, sgd: {}}\n"
        "evaluate:\n"
        "  metrics: [acuracy]\n"
        "serve: {}\n"
    )
    found = problems(tmp_path, text)
    expected = {
        "line 8, train.epoch": "Did you mean 'epochs'?",
        "line 9, train.learning_rate": "number",
        "line 10, train.batch_size": "greater than 0",
        "line 12, train.strategies.fgm.epsilon": "greater than 0",
        "line 13, train.strategies.emma": "no 'emma' among the strategies. Did you mean 'ema'?",
        "line 14, train.strategies.ema.deccay": "Did you mean 'decay'?",
        "line 15, train.optimizer": "names 2 parts",
        "line 17, evaluate.metrics": "no metric called 'acuracy'. Did you mean 'accuracy'?",
        "line 18, serve": "no such setting",
    }
    for where, what in expected.items():
        assert [p for p in found if p.startswith(where + ":") and what in p], (where, found)
    assert len(found) == len(expected)
    lines = [int(told.split(",")[0].removeprefix("line ")) for told in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize("name", ALIASES)
def test_names_of_transformers_are_translated(name, tmp_path):
    (told,) = problems(tmp_path, f"{TEXT}train:\n  {name}: 1\n")
    called = f"line 8, train.{name}: transformers' {name} is called {ALIASES[name]} here."
    assert told == f"{called} {NOTES.get(name, '')}".rstrip()
    parsed().get(ALIASES[name])  # it exists


@pytest.mark.parametrize("name", INSTEAD)
def test_what_has_no_counterpart_is_told_what_happens_instead(name, tmp_path):
    (told,) = problems(tmp_path, f"{TEXT}{name}: 1\n")
    assert told == f"line 7, {name}: weitiao has no {name}. {INSTEAD[name]}"


def test_every_setting_of_transformers_is_refused_once_and_at_its_line(tmp_path):
    from dataclasses import fields

    from transformers import TrainingArguments

    names = {field.name for field in fields(TrainingArguments)} - TrainPlan.model_fields.keys()
    assert len(names & (ALIASES.keys() | INSTEAD.keys())) > 80
    for name in sorted(names - ALIASES.keys() - INSTEAD.keys()):
        (message,) = problems(tmp_path, f"{TEXT}train:\n  {name}: 1\n")
        assert message.startswith(f"line 8, train.{name}: no such setting")
    assert not ALIASES.keys() & INSTEAD.keys()
    assert NOTES.keys() <= ALIASES.keys()


def test_the_old_name_of_lazy_embeddings_is_accepted():
    old = parsed().with_({"train.optimizer": {"adamw": {"touched_rows": True}}})
    assert parts.build("optimizers", "adamw", old.train.optimizer["adamw"]).lazy_embeddings


def test_a_setting_in_the_wrong_section_is_told_its_own(tmp_path):
    (told,) = problems(tmp_path, TEXT + "batch_size: 8\n")
    assert told == "line 7, batch_size: no such setting here: it is train.batch_size."
    (told,) = problems(tmp_path, TEXT + "train: {max_length: 8}\n")
    assert told.endswith("it is model.max_length.")


def test_numbers_and_words_are_those_of_yaml_1_2(tmp_path):
    text = TEXT.replace(
        "task: classification", "task: {classification: {labels: [no, on, y, '1']}}"
    )
    plan = load(tmp_path, text + "train:\n  learning_rate: 3e-5\n  weight_decay: 1E-2\n")
    assert plan.train.learning_rate == 3e-5
    assert plan.train.weight_decay == 0.01
    assert plan.task["classification"]["labels"] == ["no", "on", "y", "1"]
    path = tmp_path / "again.yaml"
    plan.save(path)
    assert Plan.load(path) == plan


BROKEN = {
    "a tag": ("task: !foo x\n", "line 1, task: the tag !foo is not allowed"),
    "a tag of a mapping": (TEXT + "train: !new {epochs: 3}\n", "line 7, train: the tag !new"),
    "a python object": ("task: !!python/object/apply:os.system [ls]\n", "line 1, task: "),
    "a python name": ("task: !!python/name:os.system x\n", "line 1, task: "),
    "bytes": ("task: !!binary aGVsbG8=\n", "line 1, task: "),
    "a set": ("task: !!set {a, b}\n", "line 1, task: "),
    "a tab": ("task: classification\ndata:\n\tpath: x\n", "line 3: "),
    "a name twice": (
        TEXT + "model: {checkpoint: b}\n",
        "line 7, model: model stands here a second time, first on line 5.",
    ),
    "a wide colon": ("task：classification\n", "line 1: "),
    "a wide colon inside": (TEXT + "train:\n  epochs： 3\n", "line 7, train: "),
    "a wide colon and more": (TEXT + "train:\n  epochs： 3\n  seed: 1\n", "full-width colon"),
    "a list": ("- task\n- data\n", "a plan is a mapping"),
    "a word": ("hello\n", "a plan is a mapping"),
    "nothing": ("", "the file is empty"),
    "an open quote": (TEXT + "train: {epochs: '3\n", "line "),
    "a control character": (TEXT + "train:\n  epochs: \x01\n", "line 8: "),
    "an anchor that is not there": ("task: *a\n", "line 1: *a is used, but no &a stands above."),
    "two documents": (TEXT + "---\na: 1\n", "line 7: "),
    "no date": ("task: 2020-99-99\n", "line 1, task.2020-99-99: there is no"),
    "a number too long": (f"task: {'9' * 6000}\n", "is not what its form or tag says"),
    "no bool": ("task: !!bool perhaps\n", "line 1, task: perhaps is not what its form or tag says"),
    "no character": ('task: "\\U00110000"\n', "a character that does not exist"),
    "half a character": ('task: "\\ud800"\n', "line 1, task: holds half a character"),
    "deep lists": ("task: " + "[" * 1500, "nested too deeply"),
    "deep mappings": ("task: " + "{a: " * 3000, "nested too deeply"),
    "rather deep": ("task: " + "[" * 30 + "]" * 30, "nested too deeply"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_message_at_the_place(name, tmp_path):
    text, told = BROKEN[name]
    found = problems(tmp_path, text)
    assert told in "\n".join(found)


@pytest.mark.parametrize("kind", ["lists", "mappings"])
def test_anchors_cannot_blow_up(kind, tmp_path):
    """Nine anchors, each nine times the one before: 9 ** 9 values from one kilobyte."""

    def holds(names):
        return f"[{', '.join(names)}]" if kind == "lists" else (
            "{" + ", ".join(f"k{i}: {name}" for i, name in enumerate(names)) + "}")  # fmt: skip

    lines = [f"a0: &a0 {holds(['x'] * 9)}"]
    lines += [f"a{i}: &a{i} {holds([f'*a{i - 1}'] * 9)}" for i in range(1, 10)]
    assert any("repeats itself" in line for line in problems(tmp_path, "\n".join(lines)))


def test_what_is_no_file_or_no_text(tmp_path):
    for path, told in {
        tmp_path / "no.yaml": "no such file. `weitiao plan ROWS.csv -o no.yaml` writes one.",
        tmp_path: "folder",
        tmp_path / "x" / "no.yaml": "no such file",
    }.items():
        with pytest.raises(PlanError, match=told):
            Plan.load(path)
    (tmp_path / "binary").write_bytes(b"task: a\n\xff\xfe\x81")
    with pytest.raises(PlanError, match="line 2: not UTF-8"):
        Plan.load(tmp_path / "binary")
    (tmp_path / "large").write_bytes(b"# x\n" * 500_001)
    with pytest.raises(PlanError, match="larger than 1 MB"):
        Plan.load(tmp_path / "large")


def test_a_mark_at_the_beginning_is_no_part_of_the_plan(tmp_path):
    (tmp_path / "plan.yaml").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert Plan.load(tmp_path / "plan.yaml") == parsed()


ODD = [
    None, [], [1], {}, 3, "x", True, {"a": None}, [{}], [[1]], {"x": [1]}, {1: 2}, -1, 1e400,
    {"fgm": 3}, [{"fgm": {}}, "ema"], [["fgm"]], "", {"": {}}, {"fgm": {"epsilon": "x"}},
]  # fmt: skip
PATHS = [
    "task", "data", "model", "train", "evaluate", "why", "expect", "data.roles", "data.cleaners",
    "data.steps", "data.path", "data.roles.text", "train.strategies", "train.optimizer",
    "train.loss", "train.schedule", "train.epochs", "train.class_weights", "evaluate.metrics",
    "model.checkpoint", "train.budget", "why.train", "model.revision",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_odd_values_are_plan_errors_or_fit(path, tmp_path):
    for value in ODD:
        raw = json.loads(json.dumps(MINIMAL))
        node = raw
        *above, last = path.split(".")
        for key in above:
            node = node.setdefault(key, {})
        node[last] = value
        try:
            plan = Plan.parse(raw)
        except PlanError as error:
            assert error.problems
            continue
        assert plan.task_name in parts.names("tasks")
        assert len(plan.train.optimizer) == len(plan.train.schedule) == 1
        plan.save(tmp_path / "plan.yaml")
        assert Plan.load(tmp_path / "plan.yaml") == plan


@pytest.mark.parametrize("section", ["task", "data", "model", "train", "evaluate"])
def test_a_section_without_content_is_a_problem(section, tmp_path):
    lines = {key: f"{key}: {json.dumps(value)}" for key, value in MINIMAL.items()}
    found = problems(tmp_path, "\n".join({**lines, section: f"{section}:"}.values()))
    assert any(section in told for told in found)


def test_parts_are_written_in_any_usual_form():
    wanted = {"fgm": {"epsilon": 0.5}, "ema": {}}
    for form in (wanted, {"fgm": {"epsilon": 0.5}, "ema": None}, [{"fgm": {"epsilon": 0.5}}, "ema"],
                 [{"fgm": {"epsilon": 0.5}, "ema": None}]):  # fmt: skip
        assert parsed(train={"strategies": form}).train.strategies == wanted
    assert list(parsed(train={"strategies": ["ema", "fgm"]}).train.strategies) == ["ema", "fgm"]
    assert parsed(train={"optimizer": "sgd"}).train.optimizer == {"sgd": {}}


# --- with_


def test_with_leaves_the_original_alone():
    plan = parsed(train={"strategies": {"fgm": {"epsilon": 1.0}}})
    before = plan.model_dump_json()
    other = plan.with_({"train.strategies.fgm.epsilon": 0.5, "train.epochs": 7,
                        "data.roles.target": "label"})  # fmt: skip
    assert plan.model_dump_json() == before
    assert other.get("train.strategies.fgm.epsilon") == 0.5
    assert (other.train.epochs, other.data.roles["target"]) == (7, "label")
    assert other.with_({}) == other


def test_with_reaches_into_parts_however_they_were_written():
    for form in (["fgm"], "fgm", {"fgm": None}, {}):
        plan = parsed(train={"strategies": form})
        plan = plan.with_({"train.strategies.fgm.epsilon": 0.25})
        assert plan.train.strategies == {"fgm": {"epsilon": 0.25}}


def test_changes_of_a_file_reach_into_parts(tmp_path):
    text = TEXT + "train:\n  strategies: [fgm]\n"
    plan = load(tmp_path, text, {"train.strategies.fgm.epsilon": 0.5, "evaluate.baselines": False})
    assert plan.train.strategies == {"fgm": {"epsilon": 0.5}}
    assert plan.evaluate.baselines is False


@pytest.mark.parametrize(
    "path", ["train.epoch", "x", "train.epochs.x", "data.roles", "", ".", "a..b"]
)
def test_with_refuses_what_does_not_fit(path):
    with pytest.raises(PlanError):
        parsed().with_({path: 3})


def test_a_plan_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        parsed().train.epochs = 5


# --- save and load


def test_reasons_about_nothing_are_a_problem():
    for path in ("train.epoch", "nope", "train.epochs.deeper", ""):
        with pytest.raises(PlanError, match="no setting called"):
            parsed(why={path: {"value": 1, "reason": "r"}})


def test_reasons_cannot_break_the_file(tmp_path):
    path = tmp_path / "plan.yaml"
    odd = "a\nb: c\rtask: evil\u2028x\x85y\x07\x00\ttab 微调 😀"
    plan = parsed(why={"train.epochs": {"value": 3, "reason": odd, "evidence": odd}})
    plan.save(path)
    assert Plan.load(path) == plan


def test_a_plan_that_cannot_be_written_is_a_message(tmp_path):
    with pytest.raises(PlanError, match="cannot be written"):
        parsed().save(tmp_path / "no" / "folder" / "plan.yaml")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(string.ascii_lowercase + "标签 :#-'\"{[.!&*\n", min_size=1, max_size=12)


def test_a_path_with_a_line_break_is_read_again_and_one_typed_so_is_told(tmp_path):
    for name in ("a\nb\tc.csv", "Z\x17.csv", "a\\b.csv", "a\x1bb", "new\r"):
        plan = parsed(data={**MINIMAL["data"], "path": name})
        plan.save(tmp_path / "plan.yaml")
        assert Plan.load(tmp_path / "plan.yaml") == plan
    for name in (r"C:\new.csv", r"data\table.csv", r"..\\\reviews.csv"):
        found = problems(tmp_path, TEXT.replace("path: ", f'path: "{name}" #'))
        assert any("a backslash in double quotes" in line for line in found), name


@pytest.mark.parametrize("label", ["?Ä", "?x", "?", "? x", ":x", "-x", "!x", "x?"])
def test_marks_of_yaml_before_a_label_stay_part_of_it(label, tmp_path):
    plan = Plan.parse({
        "task": {"classification": {"labels": ["a", label]}},
        "data": {"path": label, "roles": {"text": label, "target": [label, "b"]}},
        "model": {"checkpoint": "c"},
    })  # fmt: skip
    plan.save(tmp_path / "plan.yaml")
    assert Plan.load(tmp_path / "plan.yaml") == plan


@settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    path=WORDS,
    roles=st.dictionaries(NAMES, NAMES | st.lists(NAMES, min_size=1, max_size=3), max_size=3),
    epochs=st.floats(0.01, 1000),
    rate=st.floats(1e-8, 10),
    weights=st.sampled_from(["none", "balanced"]) | st.dictionaries(NAMES, st.floats(0, 9)),
    chosen=st.dictionaries(
        st.sampled_from(["ema", "rdrop", "layer_decay"]), st.just({}), max_size=3
    ),
    labels=st.lists(WORDS, max_size=3),
    reason=WORDS,
    evidence=WORDS,
    value=st.none() | st.booleans() | st.integers(-9, 9) | WORDS | st.lists(WORDS, max_size=2),
    metrics=st.lists(st.sampled_from(["accuracy", "macro_f1"]), max_size=2, unique=True),
)
def test_what_is_saved_is_what_is_read(
    path, roles, epochs, rate, weights, chosen, labels, reason, evidence, value, metrics, tmp_path
):
    plan = Plan.parse({
        "task": {"classification": {"labels": labels}},
        "data": {"path": path, "roles": roles},
        "model": {"checkpoint": path},
        "train": {"epochs": epochs, "learning_rate": rate, "class_weights": weights,
                  "strategies": chosen},
        "evaluate": {"metrics": metrics},
        "why": {"train.epochs": {"value": value, "reason": reason, "evidence": evidence}},
        "expect": {"train_seconds": epochs, "note": value},
    })  # fmt: skip
    file = tmp_path / "plan.yaml"
    plan.save(file)
    again = Plan.load(file)
    assert again == plan
    assert list(again.train.strategies) == list(chosen)
    assert again.model_dump_json() == plan.model_dump_json()


def test_the_schema_is_json_and_knows_every_section():
    schema = json.loads(json.dumps(Plan.json_schema()))
    assert set(schema["properties"]) >= {"task", "data", "model", "train", "evaluate"}
    assert schema["additionalProperties"] is False
    assert "learning_rate" in schema["$defs"]["TrainPlan"]["properties"]
