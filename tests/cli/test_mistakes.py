"""Typical mistakes over all commands: each message names the thing and the remedy, in both
languages; exit code 2, no traceback, short."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys

import pytest

from conftest import make_checkpoint, toy_rows
from weitiao.i18n import messages
from weitiao.run import Run, now

LONGEST = 400  # characters of a message about one mistake
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

# What is typed -> the thing that is named, and the remedy in English and in Chinese.
MISTAKES = {
    # commands and options
    "fti good.csv": ("'fti'", "Did you mean 'fit'", "'fit'"),
    "finetune good.csv": ("'finetune'", "`weitiao fit good.csv`", "`weitiao fit good.csv`"),
    "good.csv": ("'good.csv'", "`weitiao fit good.csv`", "`weitiao fit good.csv`"),
    "good.yaml": ("'good.yaml'", "`weitiao train good.yaml`", "`weitiao train good.yaml`"),
    "evaluate nowhere-001": ("nowhere-001", "no such folder", "没有这个文件夹"),
    "help fti": ("'fti'", "Did you mean 'fit'", "'fit'"),
    "--vresion": ("--vresion", "Did you mean '--version'", "'--version'"),
    "fit good.csv --taks nli": ("--taks", "Did you mean '--task'", "'--task'"),
    "fit good.csv --model new:marian": ("new:marian", "--model takes another", "--model 另选模型"),
    "fit good.csv --label label": (
        "--label",
        "Write: weitiao fit good.csv --target label",
        "weitiao fit good.csv --target label",
    ),
    "fit good.csv --epochs 3 --lr=1e-4": (
        "--epochs, --lr",
        "Write: weitiao fit good.csv train.epochs=3 train.learning_rate=1e-4",
        "weitiao fit good.csv train.epochs=3 train.learning_rate=1e-4",
    ),
    "fit good.csv --per_device_train_batch_size 8 --model_name_or_path tiny": (
        "--per_device_train_batch_size",
        "Write: weitiao fit good.csv --model tiny train.batch_size=8",
        "weitiao fit good.csv --model tiny train.batch_size=8",
    ),
    "train good.yaml --output_dir x": (
        "--output_dir",
        "Write: weitiao train good.yaml --out x",
        "weitiao train good.yaml --out x",
    ),
    "look good.csv --table feedback": (
        "--table",
        "Write: weitiao look good.csv data.reader.sqlite.table=feedback",
        "weitiao look good.csv data.reader.sqlite.table=feedback",
    ),
    "fit good.csv --encoding gbk --header=false": (
        "--encoding, --header",
        "data.reader.csv.encoding=gbk data.reader.csv.header=false",
        "data.reader.csv.encoding=gbk data.reader.csv.header=false",
    ),
    "fit good.csv --sheet feedback": ("good.csv", "Leave them out", "--sheet"),
    "plan godo.csv": ("godo.csv", "Did you mean 'good.csv'", "'good.csv'"),
    "plan good.csv --target lable": ("'lable'", "Did you mean 'label'", "'label'"),
    "fit good.csv --task": ("--task", "needs a value", "需要一个值"),
    "fit good.csv --json=yes": ("--json", "takes no value", "不带值"),
    "fit": ("ROWS", "data file", "数据文件"),
    "predict RUN": ("", "Name a data file", "数据文件"),
    "fit good.csv train.epochs": ("train.epochs", "path=value", "路径=值"),
    "fit good.csv train.epoch=3": ("train.epoch", "Did you mean 'epochs'", "'epochs'"),
    "fit good.csv lr=3e-5": ("lr", "train.learning_rate", "train.learning_rate"),
    "fit good.csv --budget soon": ("--budget", "write 90s, 5m or 1h30m", "90s、5m 或 1h30m"),
    "fit good.csv --name a/b": ("'a/b'", "--out", "--out"),
    "train good.yaml --name done": ("done", "Take another name", "换个名字"),
    # files with rows
    "look godo.csv": ("godo.csv", "Did you mean 'good.csv'", "'good.csv'"),
    "look there/rows.csv": ("there/rows.csv", "The folder there does not exist", "there"),
    "look empty.csv": ("empty.csv", "Name one with rows", "换一个"),
    "look picture.png": ("picture.png", "csv, xlsx, jsonl", "csv、xlsx、jsonl"),
    "fit texts --model tiny": ("texts", "--folder-labels", "--folder-labels"),
    "fit good.csv --text txet": ("'txet'", "'text'", "'text'"),
    "fit good.csv --target lable": ("'lable'", "Did you mean 'label'", "'label'"),
    "fit good.csv --roles premise": ("'premise'", "role=column", "角色=列"),
    "fit good.csv --task clasification": ("'clasification'", "'classification'", "classification"),
    "fit good.csv --model tiny --task regression": (
        "good.csv:2",
        "--task classification",
        "--task classification",
    ),
    "fit few.csv --model tiny": ("few.csv", "label at least 10", "至少标注 10 行"),
    "fit good.csv --model minilm-l7": ("'minilm-l7'", "'minilm-l6'", "'minilm-l6'"),
    "fit good.csv --model ./nosuch": ("./nosuch", "name a folder", "文件夹"),
    "fit good.csv --model tiny --test gone.csv": ("gone.csv", "no such file", "没有这个文件"),
    "fit good.csv --model tiny --out good.csv": ("good.csv", "written", "写"),
    # plans
    "check gone.yaml": ("gone.yaml", "`weitiao plan ROWS.csv -o gone.yaml`", "gone.yaml`"),
    "check good.csv": ("good.csv", "`weitiao plan good.csv`", "`weitiao plan good.csv`"),
    "code gone.yaml": ("gone.yaml", "`weitiao plan ROWS.csv -o gone.yaml`", "gone.yaml`"),
    "fit good.csv --unknown-label oos": ("'oos'", "no row has the label", "没有哪一行"),
    "check tiny": ("tiny", "plan.yaml", "plan.yaml"),
    "check typo.yaml": ("trian", "Did you mean 'train'", "'train'"),
    "check backslash.yaml": ("line 3", "write / instead", "/"),
    "check newer.yaml": ("weitiao 99.0", "update it", "升级"),
    "train good.yaml train.loss=mse": ("mse", "it has cross_entropy", "cross_entropy"),
    "train": ("--resume", "name a plan to train", "--resume"),
    "choose good.csv --goal cheap": ("'cheap'", "accuracy, speed, small", "accuracy、speed、small"),
    "choose good.csv --latency soon": ("--latency", "write 20ms or 0.5s", "20ms 或 0.5s"),
    "choose good.csv --memory much": ("--memory", "write 5GB or 500MB", "5GB 或 500MB"),
    "choose good.csv --candidates ./nosuch": ("./nosuch", "name a folder", "文件夹"),
    "models minilm-l7": ("'minilm-l7'", "'minilm-l6'", "'minilm-l6'"),
    "models --task clasification": ("'clasification'", "'classification'", "classification"),
    "plan good.csv --model tiny -o gone/plan.yaml": ("gone", "written", "写"),
    "tune gone.yaml": ("gone.yaml", "`weitiao plan ROWS.csv -o gone.yaml`", "gone.yaml`"),
    "tune good.yaml --budget soon": ("--budget", "write 90s, 5m or 1h30m", "90s、5m 或 1h30m"),
    "tune good.yaml --space train.epochs": ("'train.epochs'", "setting=range", "设置=范围"),
    "tune good.yaml --space train.epoch=1..3": ("epoch", "'epochs'", "epochs"),
    "tune good.yaml --space train.seed=1,2": ("train.seed", "not searched", "不能搜索"),
    "tune good.yaml --latency fast": ("'fast'", "write 20ms", "20ms"),
    # runs
    "train --resume gone": ("gone", "`weitiao runs` lists them", "`weitiao runs`"),
    "train --resume RUN": (
        "runs/done",
        "`weitiao evaluate runs/done`",
        "`weitiao evaluate runs/done`",
    ),
    "train --resume runs/busy": ("runs/busy", "Wait, or stop it", "等"),
    "train --resume RUN --seed 3": ("--seed", "leave out", "去掉"),
    "evaluate gone": ("gone", "`weitiao runs` lists runs", "`weitiao runs`"),
    "evaluate runs/new": (
        "runs/new",
        "weitiao train --resume runs/new",
        "weitiao train --resume runs/new",
    ),
    "evaluate good.csv": ("good.csv", "`weitiao runs` lists runs", "`weitiao runs`"),
    "evaluate RUN numbers.csv": ("numbers.csv", "--text COLUMN", "--text 列名"),
    "evaluate runs/doen": ("runs/doen", "Did you mean 'runs/done'", "'runs/done'"),
    "calibrate runs/Done": ("runs/Done", "Did you mean 'runs/done'", "'runs/done'"),
    "explain runs/doen a": ("runs/doen", "Did you mean 'runs/done'", "'runs/done'"),
    "export runs/doen": ("runs/doen", "Did you mean 'runs/done'", "'runs/done'"),
    "evaluate RUN good.csv --target labe": ("'labe'", "Did you mean 'label'", "label"),
    "evaluate RUN --target label": ("--target", "give one, too", "文件"),
    "clean gone.csv": ("gone.csv", "no such file", "没有这个文件"),
    "clean good.csv --cleaner htm": ("htm", "Did you mean 'html'", "html"),
    "clean good.csv --try --plan good.yaml": ("--try", "takes no --plan", "不能与 --plan 同用"),
    "clean good.csv train.epochs=3": ("train.epochs", "data.cleaners.html", "data.cleaners.html"),
    "convert good.csv -o out.docx": ("out.docx", ".csv", ".csv"),
    "convert good.csv -o out.json --to labelstudio": (
        "labelstudio",
        "label-studio",
        "label-studio",
    ),
    "annotate good.csv --order margn": ("'margn'", "Did you mean 'margin'", "'margin'"),
    "annotate good.csv --labels": ("--labels", "needs a value", "需要一个值"),
    "review good.csv --target lable": ("'lable'", "Did you mean 'label'", "'label'"),
    "augment gone.csv --step aeda": ("gone.csv", "no such file", "没有这个文件"),
    "augment good.csv --step aed": ("'aed'", "Did you mean 'aeda'", "aeda"),
    "predict RUN gone.csv": ("gone.csv", "no such file", "没有这个文件"),
    "predict RUN good.csv -o out.docx": ("out.docx", ".csv", ".csv"),
    "predict good.csv RUN": ("good.csv", "The run comes first", "weitiao predict RUN good.csv"),
    "ask RUN what": ("--docs", "a folder of documents", "文档文件夹"),
    "ask RUN what --docs .": ("classification", "of question_answering", "question_answering"),
    "ask none what --docs nowhere --encoder bm25": (
        "nowhere",
        "no such folder",
        "没有这个文档文件夹",
    ),
    "export RUN onnx": ("'onnx'", "There are: ctranslate2", "ctranslate2"),
    "export RUN --quantization int9": ("'int9'", "Did you mean 'int8'", "'int8'"),
    "export RUN --max-loss nan": ("--max-loss", "0 or more", "0 或更大"),
    "export gone": ("gone", "no", "没有"),
    "explain RUN": ("TEXTS", "a text", "文本"),
    "explain RUN a b": ("2", "1 text", "1 段"),
    "calibrate runs/new": (
        "runs/new",
        "weitiao train --resume runs/new",
        "weitiao train --resume runs/new",
    ),
    "document gone.yaml": ("gone.yaml", "no such file", "没有这个文件"),
    "document plan.yaml -o plan.pdf": ("plan.pdf", ".docx", ".docx"),
    "report gone": ("gone", "`weitiao runs` lists them", "`weitiao runs`"),
    "compare RUN gone": ("gone", "`weitiao runs` lists runs", "`weitiao runs`"),
    "compare RUN": ("compare", "two things", "两"),
    "train good.yaml --executor spark": ("'spark'", "neither local nor ray", "既不是 local"),
    "train good.yaml --workers 4": ("--workers", "--executor ray", "--executor ray"),
    "predict runs/done good.csv --executor ray -o -": ("--executor ray", "-o as well", "也写明 -o"),
    "predict runs/done --text good --executor ray -o a.csv": (
        "--executor ray",
        "reads files",
        "ray",
    ),
    "experiment gone.yaml": ("gone.yaml", "no such file", "没有这个文件"),
    "runs rm": ("NAME", "weitiao runs rm NAME", "weitiao runs rm NAME"),
    "runs rm dnoe": ("dnoe", "Did you mean 'done'", "'done'"),
    "runs rm done": ("runs/done", "--yes", "--yes"),
    "runs rm busy --yes": ("runs/busy", "Wait, or stop it", "等"),
    "runs gone": ("gone", "no such folder", "没有这个文件夹"),
    # the rest
    "parts strategy": ("'strategy'", "Did you mean 'strategies'", "'strategies'"),
    "cache clear": ("'clear'", "`weitiao cache clean`", "`weitiao cache clean`"),
    "cache clean nosuch --yes": ("'nosuch'", "It is empty", "是空的"),
    "cache clean --older soon": ("--older", "30d", "30d"),
    "bundle": ("--out", "folder for the bundle", "目录"),
    "doctor --rows good.csv": ("--rows", "name a checkpoint", "检查点"),
    "fit good.csv --lang xx": ("'xx'", "en, zh", "zh"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with files that are right and wrong, and runs that are done, begun and busy."""
    import weitiao

    root = tmp_path_factory.mktemp("home")
    rows = toy_rows("classification", 40)
    good = "".join(f"{row['text']},{row['label']}\n" for row in rows)
    plan = (
        "task: classification\ndata:\n  path: good.csv\n  roles: {text: text, target: label}\n"
        "model: {checkpoint: tiny}\n"
    )
    files = {
        "good.csv": "text,label\n" + good,
        "few.csv": "text,label\na b,good\nc d,bad\n",
        "numbers.csv": "review,score\n" + "".join(f"a film {i},{i / 3:.2f}\n" for i in range(30)),
        "empty.csv": "",
        "good.yaml": plan,
        "typo.yaml": plan + "trian: {epochs: 3}\n",
        "backslash.yaml": plan.replace("good.csv", '"C:\\Users\\me\\rows.csv"'),
        "newer.yaml": "# made by weitiao 99.0\n" + plan + "train: {epoch: 3}\n",
        "texts/good/1.txt": "a good film",
        "texts/bad/1.txt": "a bad film",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    make_checkpoint(root / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        changes = {"train.epochs": 1, "evaluate.bootstrap_samples": 0, "evaluate.findings": False}
        fitted = weitiao.fit("good.csv", model="./tiny", name="done", changes=changes)
        shutil.rmtree(fitted.run.last, ignore_errors=True)
        Run.create("runs", "new", fitted.plan, exact=True)
        busy = Run.create("runs", "busy", fitted.plan, exact=True)
        busy.write("status", {"state": "running", "pid": os.getpid(), "started": now()})
    return root


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_names_the_thing_and_the_remedy(line, home, typed, monkeypatch):
    thing, english, chinese = MISTAKES[line]
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    words = [word.replace("RUN", "runs/done") for word in line.split()]
    for language, remedy in (("en", english), ("zh", chinese)):
        monkeypatch.setenv("WEITIAO_LANG", language)
        messages.use(None)
        code, out, err = typed(*words)
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert len(err) < LONGEST, err
        spelled = thing
        if language == "zh":  # “” for names
            spelled = re.sub(r"'([^']*)'", "“\\1”", thing.replace("line ", "第 "))
            remedy = re.sub(r"'([^']*)'", "“\\1”", remedy)
        assert spelled.replace("RUN", "runs/done") in err, err
        assert remedy in err, err


@pytest.mark.parametrize(
    ("typed_name", "meant"),
    [
        ("runs/reviews-001", "runs/reviews-002"),
        ("reviews-002", "runs/reviews-002"),
        ("reveiws-003", "runs/reviews-002"),
        ("runs/news-001", ""),  # shares nothing but the folder and the number
        ("runs/tweets-001", ""),
    ],
)
def test_only_a_run_with_a_near_name_is_suggested(typed_name, meant, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("reviews-002", "bbc-001", "spam-014"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "plan.yaml").touch()
    for words in (["predict", typed_name, "a film!"], ["runs", "rm", typed_name, "--yes"]):
        if words[-1] == "--yes" and typed_name == "reviews-002":
            continue  # that is its name there
        code, _, err = typed(*words)
        assert code == 2
        name = meant if words[0] == "predict" else meant.removeprefix("runs/")
        assert (f"Did you mean '{name}'?" in err) if meant else ("Did you mean" not in err), err
        assert "spam-014" not in err
        assert "`weitiao runs` lists" in err or meant


def test_there_are_many_mistakes_over_all_commands():
    from weitiao.cli.app import app

    commands = {one.callback.__name__ for one in app.registered_commands}
    assert len(MISTAKES) >= 45
    assert commands - {line.split()[0] for line in MISTAKES} <= {"schema", "probe"}
