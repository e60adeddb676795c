"""What users do wrong: exit code 2, one short message that names the place, and nothing harmed.

Every case is a folder with something wrong in it and the words of a command. It is run in English
and in Chinese: no traceback, no hang, the right place named, earlier runs and files untouched.
"""

import gzip
import io
import json
import pickle
import re
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass

import pytest

from conftest import make_checkpoint, toy_rows
from weitiao.cli.app import main
from weitiao.i18n import messages

SPOKEN = {"role=column": "角色=列", "path=value": "路径=值", "plan": "方案", "rows": "数据"}
HAN = re.compile(r"[\u3400-\u9fff]")
SECONDS = 10  # on a busy machine; each takes a fraction of one
TOYS = toy_rows("classification", 40)
GOOD = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in TOYS)
PLAN = """\
task: classification
data:
  path: good.csv
  roles: {text: text, target: label}
model:
  checkpoint: tiny
"""
NUMBERS = "text,score\n" + "".join(f"{row['text']},{i / 3:.2f}\n" for i, row in enumerate(TOYS))


@dataclass(frozen=True)
class Bad:
    """A mistake: what to type, what must be named, and the files it is about."""

    name: str
    words: str
    named: tuple[str, ...]
    files: dict  # name -> text or bytes


def bad(name, words, *named, **files):
    return Bad(name, words, named, {key.replace("__", "."): value for key, value in files.items()})


def rows_plus(line):
    """Good rows, then this one: it stands in line 42."""
    return GOOD + line + "\n"


def packed(names):
    """A zip with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return out.getvalue()


def workbook(rows, title="Sheet1"):
    """An Excel file with these rows."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def plan_with(**changes):
    """The plan with some lines replaced: {"task": "nosuch"}."""
    lines = PLAN.splitlines()
    for key, value in changes.items():
        at = next(i for i, line in enumerate(lines) if line.strip().startswith(key + ":"))
        lines[at] = lines[at][: lines[at].index(key)] + f"{key}: {value}"
    return "\n".join(lines) + "\n"


def added(text):
    return PLAN + text


LOOK, FIT, CHECK = "look bad.csv", "fit bad.csv --model tiny", "check bad.yaml"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} [{','.join('{<<: *' + a + '}' for _ in range(9))}]\n"
    if b == "b"
    else f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

ROWS = [
    bad("no such file", "look nosuch.csv", "nosuch.csv"),
    bad("nearly that name", "look godo.csv", "good.csv"),
    bad("no such folder", "look there/rows.csv", "there"),
    bad("empty file", LOOK, "bad.csv", bad__csv=""),
    bad("only blanks", LOOK, "bad.csv", bad__csv="\n\n  \n"),
    bad("only a byte order mark", LOOK, "bad.csv", bad__csv=b"\xef\xbb\xbf"),
    bad("header only", LOOK, "bad.csv", bad__csv="text,label\n"),
    bad("a picture", LOOK, "bad.csv", bad__csv=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20),
    bad("NUL bytes", LOOK, "bad.csv", bad__csv=GOOD.encode() + b"a\0b,good\n"),
    bad("open quote", LOOK, "bad.csv:42", bad__csv=rows_plus('"never closed,good\nx,bad')),
    bad("too many fields", LOOK, "bad.csv:42", "3", bad__csv=rows_plus("a,b,good")),
    bad("too few fields", LOOK, "bad.csv:42", "1", bad__csv=rows_plus("alone")),
    bad("text behind a quote", LOOK, "bad.csv:42", bad__csv=rows_plus('"a" b,good')),
    bad("a wrong byte", LOOK, "bad.csv:42", bad__csv=rows_plus("好").encode() + b"\xff\xfe,bad\n"),
    bad("two columns of one name", LOOK, "bad.csv:1", "label",
        bad__csv=GOOD.replace("text,label", "label,label")),
    bad("no such text column", "look good.csv --text txet", "text"),
    bad("no such target column", "look good.csv --target lable", "label"),
    bad("roles that are none", "look good.csv --roles text", "role=column"),
    bad("an unknown role", "look good.csv --roles sentence=text", "sentence"),
    bad("one label", LOOK, "label", bad__csv="text,label\n" + "a b c,good\n" * 30),
    bad("one label in fit", "fit bad.csv --model tiny --text text --target label", "good",
        bad__csv="text,label\n" + "".join(f"good film {i},good\n" for i in range(30))),
    bad("every label once", "look bad.csv --target label", "label",
        bad__csv="text,label\n" + "".join(f"film {i} good,name{i}\n" for i in range(60))),
    bad("too few rows", FIT, "bad.csv", "10", bad__csv="text,label\na b,good\nc d,bad\n"),
    bad("a text among numbers", "fit bad.csv --model tiny --task regression", "bad.csv:42", "good",
        bad__csv=NUMBERS + "a film,good\n"),
    bad("infinity as target", "fit bad.csv --model tiny --task regression", "bad.csv:42", "inf",
        bad__csv=NUMBERS + "a film,inf\n"),
    bad("targets that are NaN", "fit bad.csv --model tiny --target score", "score",
        bad__csv="text,score\n" + "".join(f"film {i} is good,NaN\n" for i in range(40))),
    bad("words as numbers", "fit good.csv --model tiny --task regression", "good.csv"),
    bad("equal numbers", "fit bad.csv --model tiny --task regression", "score",
        bad__csv="text,score\n" + "".join(f"film {i} is good,3\n" for i in range(40))),
    bad("a target without values", "look bad.csv --target label", "label",
        bad__csv="text,label\n" + "".join(f"film {i} is good,\n" for i in range(40))),
    bad("inference without a pair", "fit good.csv --model tiny --task nli", "hypothesis"),
    bad("an unknown task", "fit good.csv --model tiny --task clasification", "classification"),
    bad("an ending of nobody's", "look bad.docx", "bad.docx", bad__docx=b"PK\x03\x04 no workbook"),
    bad("our own column name", LOOK, "__line", bad__csv=GOOD.replace("text,label", "text,__line")),
    bad("no sample", "look sample:nosuch", "nosuch", "reviews-zh"),
    bad("an empty folder", "look empty", "empty", **{"empty/.hidden": ""}),
    bad("no file fits the pattern", "look data/*.csv", "data/*.csv"),
    bad("files that differ", "look good.csv bad.csv", "bad.csv", "score", bad__csv=NUMBERS),
]  # fmt: skip

FORMATS = [
    bad("broken json", "look bad.json", "bad.json:2", bad__json='[{"text": "a"},\n {"text": }]'),
    bad("json of one number", "look bad.json", "bad.json", bad__json="17"),
    bad("a broken line", "look bad.jsonl", "bad.jsonl:2", bad__jsonl='{"text": "a"}\n{"text"\n'),
    bad("a list as a line", "look bad.jsonl", "bad.jsonl:1", bad__jsonl='["a", "b"]\n'),
    bad("half a character", "look bad.jsonl", "bad.jsonl:2",
        bad__jsonl='{"text": "a", "label": "x"}\n{"text": "\\ud800", "label": "y"}\n'),
    bad("deep json", "look bad.jsonl", "bad.jsonl:1", bad__jsonl="[" * 100_000 + "\n"),
    bad("no workbook", "look bad.xlsx", "bad.xlsx", bad__xlsx=b"PK\x03\x04 no workbook"),
    bad("a workbook without rows", "look bad.xlsx", "bad.xlsx", bad__xlsx=workbook([])),
    bad("no such sheet", "look bad.xlsx --sheet May", "May", "Sheet1",
        bad__xlsx=workbook([["text", "label"], ["a", "x"], ["b", "y"]])),
    bad("broken parquet", "look bad.parquet", "bad.parquet", bad__parquet=b"PAR1 no more"),
    bad("a cut gzip", "look bad.csv.gz", "bad.csv.gz",
        bad__csv__gz=gzip.compress(GOOD.encode())[:-30]),
    bad("no gzip", "look bad.csv.gz", "bad.csv.gz", bad__csv__gz=b"text,label\n"),
    bad("broken zip", "look bad.zip", "bad.zip", bad__zip=packed({"a.csv": GOOD})[:-40]),
    bad("zip that climbs", "look bad.zip", "bad.zip", bad__zip=packed({"../a.csv": GOOD})),
    bad("zip without rows", "look bad.zip", "a.png", bad__zip=packed({"a.png": "x"})),
    bad("zip bomb", "look bad.zip", "bad.zip", bad__zip=packed({"a.csv": "a" * 300_000_000})),
    bad("empty zip", "look bad.zip", "bad.zip", bad__zip=packed({})),
]  # fmt: skip

PLANS = [
    bad("no plan", "check nosuch.yaml", "nosuch.yaml"),
    bad("a folder as plan", "check tiny", "tiny"),
    bad("an empty plan", CHECK, "bad.yaml", bad__yaml=""),
    bad("rows as plan", "check good.csv", "good.csv"),
    bad("a misspelt section", CHECK, "line 7", "train", bad__yaml=added("trian: {epochs: 3}\n")),
    bad("a misspelt setting", CHECK, "line 8", "learning_rate",
        bad__yaml=added("train:\n  learning_rat: 1e-3\n")),
    bad("transformers' name", CHECK, "train.epochs",
        bad__yaml=added("train:\n  num_train_epochs: 3\n")),
    bad("more of transformers' names", CHECK, "line 8", "train.batch_size", "line 9",
        "train.warmup_ratio", "line 10", "train.precision", "line 11", "--out",
        bad__yaml=added("train:\n  per_device_train_batch_size: 8\n  warmup_steps: 100\n"
                        "  fp16: true\n  output_dir: x\n")),
    bad("words as number", CHECK, "line 8", "learning_rate", "fast",
        bad__yaml=added("train:\n  learning_rate: fast\n")),
    bad("a number out of range", CHECK, "line 8", "warmup_ratio",
        bad__yaml=added("train:\n  warmup_ratio: 1.5\n")),
    bad("not a number", CHECK, "line 8", "learning_rate",
        bad__yaml=added("train:\n  learning_rate: .nan\n")),
    bad("half a row", CHECK, "line 8", "batch_size",
        bad__yaml=added("train:\n  batch_size: 2.5\n")),
    bad("two problems at once", CHECK, "line 8", "line 9",
        bad__yaml=added("train:\n  epochs: many\n  batch_size: -1\n")),
    bad("a strategy of nobody's", CHECK, "fgm", bad__yaml=added("train:\n  strategies: fmg\n")),
    bad("a setting of a strategy", CHECK, "epsilon",
        bad__yaml=added("train:\n  strategies: {fgm: {epsilom: 1}}\n")),
    bad("two tasks", CHECK, "line 1", "task",
        bad__yaml=plan_with(task="{classification: {}, regression: {}}")),
    bad("a task of nobody's", CHECK, "line 1", "classification",
        bad__yaml=plan_with(task="clasification")),
    bad("a metric of nobody's", CHECK, "macro_f1",
        bad__yaml=added("evaluate:\n  metrics: [macrof1]\n")),
    bad("a metric of another task", CHECK, "pearson",
        bad__yaml=added("evaluate:\n  metrics: [pearson]\n")),
    bad("a loss of another task", CHECK, "mse", bad__yaml=added("train:\n  loss: mse\n")),
    bad("no target", CHECK, "target", bad__yaml=plan_with(roles="{text: text}")),
    bad("no rows", CHECK, "path", bad__yaml=PLAN.replace("  path: good.csv\n", "")),
    bad("python in a plan", CHECK, "bad.yaml", "python",
        bad__yaml=plan_with(task="!!python/object/apply:os.system [ls]")),
    bad("a tag", CHECK, "line 1", "!secret", bad__yaml=plan_with(task="!secret x")),
    bad("an alias bomb", CHECK, "bad.yaml", bad__yaml=BOMB + PLAN),
    bad("an anchor that holds itself", CHECK, "bad.yaml", bad__yaml="a: &a [*a]\n" + PLAN),
    bad("deep nesting", CHECK, "bad.yaml", bad__yaml=added("why: " + "[" * 5000 + "]" * 5000)),
    bad("one key twice", CHECK, "line 7", bad__yaml=added("task: regression\n")),
    bad("a tab", CHECK, "line 8", bad__yaml=added("train:\n\tepochs: 3\n")),
    bad("a full-width colon", CHECK, "line 8", "：", bad__yaml=added("train:\n  epochs：3\n")),
    bad("a full-width quote", CHECK, "line 8", "“",
        bad__yaml=added("train:\n  precision: “fp32”\n")),
    bad("a full-width comma", CHECK, "line 4", "，",
        bad__yaml=plan_with(roles="{text: text，target: label}")),
    bad("full-width brackets", CHECK, "line 4", "[ ]",
        bad__yaml=plan_with(roles="｛text: text, target: label｝")),
    bad("a full-width blank", CHECK, "line 8", bad__yaml=added("train:\n　　epochs: 3\n")),
    bad("full-width digits", CHECK, "line 8", "train.epochs", "3",
        bad__yaml=added("train:\n  epochs: ３\n")),
    bad("a comma for a point", CHECK, "line 8", "0.1",
        bad__yaml=added("train:\n  warmup_ratio: 0,1\n")),
    bad("3e-5 with a long dash", CHECK, "line 8", "3e-05",
        bad__yaml=added("train:\n  learning_rate: 3e−5\n")),
    bad("a list of long dashes", CHECK, "line 9",
        bad__yaml=added("train:\n  strategies:\n  – fgm\n")),
    bad("no blank behind the colon", CHECK, "line 8", bad__yaml=added("train:\n  epochs:3\n")),
    bad("wrong indentation", CHECK, "line 9", bad__yaml=added("train:\n epochs: 3\n   seed: 1\n")),
    bad("a plan in GBK", CHECK, "GBK", bad__yaml=(PLAN + "# 说明：中文注释\n").encode("gbk")),
    bad("a plan with a column in GBK", CHECK, "line 4", "GBK",
        bad__yaml=plan_with(roles="{text: 评论, target: 标签}").encode("gbk")),
    bad("a plan in UTF-16", CHECK, "UTF-16", bad__yaml=PLAN.encode("utf-16")),
    bad("a python name", CHECK, "line 3", "!!python/name:os.system",
        bad__yaml=plan_with(path="!!python/name:os.system x")),
    bad("a bomb of mappings", CHECK, "bad.yaml", bad__yaml=MERGED + PLAN),
    bad("a plan of a megabyte", CHECK, "1 MB", bad__yaml=PLAN + "#" * 1_100_000),
    bad("a control character", CHECK, "line 7", bad__yaml=added("\x07\n")),
    bad("a list", CHECK, "bad.yaml", bad__yaml="- task\n- data\n"),
    bad("wrong change", "train good.yaml train.epochs", "path=value"),
    bad("change of nothing", "check good.yaml train.epoch=3", "epochs"),
    bad("a change below a value", "check good.yaml train.epochs.x=3", "train.epochs"),
    bad("a weight for no label", "train good.yaml train.class_weights={goood:2}", "goood", "good"),
    bad("nothing to train", "train", "plan"),
    bad("a plan whose rows are gone", "train bad.yaml", "gone.csv",
        bad__yaml=plan_with(path="gone.csv")),
    bad("a plan for another column", "train bad.yaml", "txt", "text",
        bad__yaml=plan_with(roles="{text: txt, target: label}")),
]  # fmt: skip

MODELS = [
    bad("a checkpoint of nobody's", "fit good.csv --model ./nosuch", "nosuch"),
    bad("nearly that checkpoint", "fit good.csv --model minilm-l7", "minilm-l6"),
    bad("no tokenizer", "fit good.csv --model ./broken", "tokenizer", broken="tokenizer"),
    bad("no config", "fit good.csv --model ./broken", "config.json", broken="config"),
    bad("no weights", "fit good.csv --model ./broken", "model.safetensors", broken="weights"),
    bad("cut weights", "fit good.csv --model ./broken", "broken", broken="cut"),
    bad("a config of something else", "fit good.csv --model ./broken", "broken", broken="odd"),
    bad("weights with code in them", "fit good.csv --model ./broken", "broken",
        broken="pickle"),
    bad("a file as checkpoint", "fit good.csv --model ./good.csv", "good.csv"),
    bad("a revision of a folder", "fit good.csv --model ./tiny --revision main", "main"),
]  # fmt: skip

WORDS = [
    bad("a verb of nobody's", "fti good.csv", "fti"),
    bad("an option of nobody's", "fit good.csv --taks nli", "--taks"),
    bad("no file given", "fit", "ROWS"),
    bad("a budget of words", "fit good.csv --budget soon", "--budget"),
    bad("a budget of nothing", "fit good.csv --budget 0s", "--budget"),
    bad("a negative budget", "fit good.csv --budget=-5m", "--budget"),
    bad("too small a sample", "fit good.csv --rows 3", "--rows"),
    bad("no threads", "fit good.csv --threads 0", "--threads"),
    bad("a negative seed", "fit good.csv --seed=-1", "--seed"),
    bad("a file as folder for runs", "fit good.csv --model tiny --out good.csv", "good.csv"),
    bad("a folder that cannot be made", "fit good.csv --model tiny --out /dev/null/runs",
        "/dev/null"),
    bad("a plan into a folder that is none", "plan good.csv --model tiny -o good.csv/plan.yaml",
        "good.csv"),
    bad("no run", "evaluate tiny", "tiny"),
    bad("no run to resume", "train --resume nosuch", "nosuch"),
    bad("no folder of runs", "runs nosuch", "nosuch"),
    bad("resume with a plan", "train good.yaml --resume runs/x", "plan"),
    bad("parts of no kind", "parts strategy", "strategies"),
    bad("no test rows", "fit good.csv --model tiny --test nosuch.csv", "nosuch.csv"),
    bad("test rows of other columns", "fit good.csv --model tiny --test bad.csv", "text",
        bad__csv="satz,marke\n" + "a b c,good\n" * 20),
    bad("test rows that are the rows", "fit good.csv --model tiny --test good.csv", "good.csv"),
]  # fmt: skip

CASES = [*ROWS, *FORMATS, *PLANS, *MODELS, *WORDS]


def break_checkpoint(folder, how):
    """A checkpoint with something missing or wrong."""
    make_checkpoint(folder)
    weights = folder / "model.safetensors"
    if how == "tokenizer":
        for file in folder.glob("*token*"):
            file.unlink()
    elif how == "config":
        (folder / "config.json").unlink()
    elif how == "weights":
        weights.unlink()
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif how == "odd":
        (folder / "config.json").write_text('{"model_type": "nosuch"}', encoding="utf-8")
    elif how == "pickle":
        weights.unlink()
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Runs("touch hacked")}))


class Runs:
    """What a hostile pickle does when it is opened."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def place(tmp_path, monkeypatch, tiny):
    """An empty folder to work in, with good rows, a good plan and a checkpoint."""
    folder = tmp_path / "工作 dir"
    folder.mkdir()
    (folder / "good.csv").write_text(GOOD, encoding="utf-8")
    (folder / "good.yaml").write_text(PLAN, encoding="utf-8")
    (folder / "tiny").symlink_to(tiny)
    monkeypatch.chdir(folder)
    return folder


def prepare(folder, case):
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "broken":
            break_checkpoint(path, content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def state_of(folder):
    """Every file with its content, the links not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def run(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["weitiao", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as done:
        main()
    out, err = capsys.readouterr()
    return done.value.code, out, err


def in_chinese(named):
    return SPOKEN.get(named, re.sub(r"^line (\d+)$", r"第 \1 行", named))


def without(case, err):
    """What was said, without the full-width marks that were in the file."""
    return err.translate({ord(c): None for c in str(case.files)})


def english_in(told):
    """Three English words in a row, names, quoted values and commands aside."""
    plain = re.sub(r"`[^`]*`|weitiao [a-z]+ [\w.]+|'[^']*'|“[^”]*”|\([^)]*\)|--\w+", "", told)
    return re.findall(r"[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", plain)


def test_there_are_many_cases():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_mistake_is_named(case, place, monkeypatch, capsys):
    prepare(place, case)
    before = state_of(place)
    for language in ("en", "zh"):
        monkeypatch.setenv("WEITIAO_LANG", language)
        messages.use(None)
        begun = time.monotonic()
        code, out, err = run(monkeypatch, capsys, case.words.split())
        assert code == 2, err
        assert time.monotonic() - begun < SECONDS
        assert out == ""
        assert "Traceback" not in err
        assert len(err) < 2500, "a message is short"
        for named in case.named:
            spoken = in_chinese(named) if language == "zh" else named
            assert spoken in err, err
        wrong = english_in(err) if language == "zh" else HAN.findall(without(case, err))
        assert not wrong, err
    after = state_of(place)
    assert {name: after[name] for name in before} == before, "nothing that was there has changed"
    assert not (place / "hacked").exists()
    assert not [name for name in after if name.startswith("runs/") and "best" in name]


def test_a_label_seen_once_is_named_and_the_run_goes_on(place, monkeypatch, capsys):
    (place / "bad.csv").write_text(rows_plus("a film of its own,strange"), encoding="utf-8")
    words = "fit bad.csv --model tiny train.epochs=1 evaluate.bootstrap_samples=0"
    monkeypatch.setattr(sys, "argv", ["weitiao", *words.split()])
    main()
    _, err = capsys.readouterr()
    assert "strange" in err
    assert "bad.csv:42" in err


def test_a_cell_of_a_megabyte_is_read(place, monkeypatch, capsys):
    (place / "bad.csv").write_text(rows_plus('"' + "film " * 200_000 + '",good'), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["weitiao", "look", "bad.csv", "--json"])
    main()
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 41
    assert told["lengths"]["text"]["max"] == 1_000_000


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
sys.argv = ["weitiao", *{words!r}]
from weitiao.cli.app import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [500, 20_000, 100_000, 300_000])
def test_a_full_disk_is_said_and_costs_nothing_that_was_there(size, place, tmp_path):
    """The limit on the size of a file stands in for the disk: each size stops at another file."""
    words = f"fit good.csv --model tiny --out {tmp_path}/runs train.epochs=1 train.save_seconds=0"
    before = state_of(place)
    script = LIMITED.format(size=size, words=words.split())
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "error:" in done.stderr
    assert state_of(place) == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.slow
def test_an_earlier_run_survives_a_full_disk(place, tmp_path, monkeypatch):
    import weitiao

    changes = {"train.epochs": 1, "evaluate.bootstrap_samples": 0}
    fitted = weitiao.fit("good.csv", model="./tiny", out=tmp_path / "runs", changes=changes)
    before = state_of(fitted.run.folder)
    words = f"fit good.csv --model tiny --out {tmp_path}/runs train.epochs=1".split()
    script = LIMITED.format(size=50_000, words=words)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120)
    assert done.returncode == 2
    assert state_of(fitted.run.folder) == before
    assert fitted("good film").value in ("good", "bad")


@pytest.mark.parametrize(
    "number", [28, 30, 13, 122, 5], ids=["full", "read-only", "denied", "quota", "io"]
)
def test_a_disk_that_fails_is_no_traceback(number, place, monkeypatch, capsys):
    import os

    error = OSError(number, os.strerror(number), "runs/x")
    monkeypatch.setattr(os, "replace", lambda *a, **k: (_ for _ in ()).throw(error))
    code, _, err = run(monkeypatch, capsys, "fit good.csv --model tiny train.epochs=1".split())
    assert code == 2
    assert "Traceback" not in err
    assert os.strerror(number) in err


def test_a_disk_without_room_is_said_before_training(place, monkeypatch, capsys):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 5000, 5000))
    code, _, err = run(monkeypatch, capsys, "fit good.csv --model tiny".split())
    assert code == 2
    assert "0 MB" in err
    assert "update" not in err


def test_a_cache_that_cannot_be_written(place, monkeypatch, capsys):
    monkeypatch.setenv("WEITIAO_CACHE", str(place / "good.csv"))
    code, _, err = run(monkeypatch, capsys, "look good.csv".split())
    assert code == 2
    assert "good.csv" in err


def test_the_folder_can_go_while_it_is_read(place, monkeypatch, capsys):
    shutil.rmtree(place)
    code, _, err = run(monkeypatch, capsys, "look good.csv".split())
    assert code == 2
    assert "good.csv" in err
