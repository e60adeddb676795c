import gc
import json
import os
import random
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import is_hypothesis_test, settings

HERE = Path(__file__).parent

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["WEITIAO_LANG"] = "en"  # whatever the system speaks
os.environ.setdefault("WEITIAO_COMPILER", "none")  # 5 s each time; see the fixture `compiled`

WORDS = {
    "good": "good great fine lovely superb happy 好 棒 美".split(),
    "bad": "bad awful poor dirty sad cold 差 坏 脏".split(),
    "other": "the a film room hotel staff food was is very we it 我 们 很 的 酒 店 了".split(),
}


settings.register_profile("all")  # examples; `make slow` asks for it


def pytest_collection_modifyitems(items):
    """Properties are tried on a third of their examples (20 at least), on all by `make slow`."""
    if settings.get_current_profile_name() == "all":
        return
    kind = "_hypothesis_internal_use_settings"  # as hypothesis' own plugin sets them
    for test in {item.obj for item in items if is_hypothesis_test(item.obj)}:
        wanted = getattr(test, kind)
        fewer = min(wanted.max_examples, max(20, wanted.max_examples // 3))
        setattr(test, kind, settings(wanted, max_examples=fewer))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """No test touches the user's cache, and none sees another's."""
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WEITIAO_STATE", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def _no_notices(monkeypatch):
    """What is said does not depend on how busy the machine is."""
    from weitiao.core import notice

    monkeypatch.setattr(notice, "SECONDS", 1e6)


@pytest.fixture(autouse=True)
def _spoken_to_in_english():
    """A test that asks for Chinese, or remarks that nobody read, do not last beyond it."""
    from weitiao.data.cache import checked
    from weitiao.i18n import messages

    yield
    messages.use("en")  # not None: a test's own WEITIAO_LANG may still be set
    checked.remarks()


@pytest.fixture(autouse=True, scope="session")
def _two_threads():
    """Small tensors gain nothing from many threads; equal logs need an equal number."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def _few_objects_to_collect():
    """Each training collects garbage: not among the million objects that libraries and collected
    tests have made, which took it a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _no_power_cuts():
    """What is written need not survive a power cut; a save of ten files waited a tenth of a second
    for the disk. Tests that end a process by a kill see the same files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def compiled_once(tmp_path_factory):
    """The cache that holds the C++ kernels, compiled once for all tests (of all workers); None
    without a compiler. This process keeps them loaded, whatever its cache is by then."""
    from filelock import FileLock

    from weitiao.model.fast import compiler

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(compiler.OFF)
        base = tmp_path_factory.getbasetemp()
        folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
        patch.setenv("WEITIAO_CACHE", str(folder))
        if compiler.find() is None:
            return None
        with FileLock(f"{folder}.lock"):
            assert compiler.library() is not None, compiler.why_not()
        return folder


@pytest.fixture
def typed(monkeypatch, capsys):
    """Type a command: its exit code, stdout and stderr."""
    from weitiao.cli.app import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["weitiao", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main()
            sys.exit(0)
        return done.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def compiled(compiled_once, monkeypatch):
    """Lets a test run with the C++ kernels. Gives the cache where they lie: a test that starts
    other processes gives them a copy of it."""
    if compiled_once is None:
        pytest.skip("no C++ compiler here")
    from weitiao.model.fast.select import pinned

    monkeypatch.setenv("WEITIAO_COMPILER", "")  # not "none", in processes of the test's, too
    with pinned("c++"):  # all of them, whichever is faster here
        yield compiled_once


@pytest.fixture(params=["torch", "c++"])
def own_kernels(request):
    """Both ways in which own kernels are made."""
    if request.param == "c++":
        request.getfixturevalue("compiled")
    return request.param


class Tier(NamedTuple):
    """How rows run, and through which kernels; compiled: the cache that holds them."""

    layout: str
    own: str
    compiled: Path | None


@pytest.fixture(params=["padded", "packed", "fused, torch", "fused, c++"])
def tier(request):
    """Every way in which a network runs."""
    layout, _, own = request.param.partition(", ")
    return Tier(layout, own, request.getfixturevalue("compiled") if own == "c++" else None)


def sentence(label, rng):
    words = [rng.choice(WORDS["other"]) for _ in range(rng.randint(2, 9))]
    words.insert(rng.randint(0, len(words)), rng.choice(WORDS[label]))
    return " ".join(words)


def make_tokenizer(folder, roberta=False):
    """A word-level tokenizer over the words above, saved as transformers reads it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *WORDS["good"], *WORDS["bad"], *WORDS["other"]]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pair = "[CLS] $A [SEP] $B [SEP]" if roberta else "[CLS] $A:0 [SEP]:0 $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ["input_ids", "attention_mask"] + ([] if roberta else ["token_type_ids"])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, model_input_names=names,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip
    fast.save_pretrained(folder)
    return len(words)


def make_checkpoint(folder, family="bert", dropout=0.1):
    """A tiny random encoder with a tokenizer: what a user's local checkpoint looks like."""
    import torch
    import transformers

    size = make_tokenizer(folder, roberta=family == "roberta")
    shared = dict(vocab_size=size, pad_token_id=0, initializer_range=0.2)
    encoder = dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=80, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    configs = {
        "bert": lambda: transformers.BertConfig(**shared, **encoder),
        "roberta": lambda: transformers.RobertaConfig(
            **shared, **encoder, type_vocab_size=1, bos_token_id=2, eos_token_id=3
        ),
        "distilbert": lambda: transformers.DistilBertConfig(
            **shared,
            dim=32,
            n_layers=2,
            n_heads=4,
            hidden_dim=64,
            max_position_embeddings=80,
            dropout=dropout,
            attention_dropout=dropout,
            seq_classif_dropout=dropout,
        ),
    }
    torch.manual_seed(7)
    transformers.AutoModel.from_config(configs[family]()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    return str(make_checkpoint(tmp_path_factory.mktemp("tiny-bert")))


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory):
    """One tiny checkpoint a family."""
    root = tmp_path_factory.mktemp("tiny")
    return {f: str(make_checkpoint(root / f, f)) for f in ("bert", "roberta", "distilbert")}


# A network that writes, for tasks whose answer is a text: encoders cannot be trained for them.
TINY_WRITER = "new:marian(d_model=16, layers=1, heads=2, vocabulary=300)"
WRITING = ("generation", "translation")


def tiny_of(task, encoder):
    """A tiny checkpoint for a task: the encoder, or one that writes."""
    return TINY_WRITER if task in WRITING else encoder


def toy_rows(task, count=120, seed=0):
    """Rows that a tiny network can learn, for every task."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        first, second = rng.choice(["good", "bad"]), rng.choice(["good", "bad"])
        row = {"text": sentence(first, rng)}
        if task == "nli":
            row = {"premise": row["text"], "hypothesis": sentence(second, rng)}
            row["label"] = "entailment" if first == second else "contradiction"
        elif task == "similarity":
            row["text_pair"] = sentence(second, rng)
            row["label"] = (4 if first == second else 1) + rng.random()
        elif task == "classification":
            row["label"] = first
        elif task == "retrieval":
            row["label"] = f"{row['text']} today"
        elif task in WRITING:
            row["label"] = " ".join(reversed(row["text"].split()))
        elif task == "regression":
            row["label"] = (10 if first == "good" else -10) + rng.random()
        elif task == "question_answering":
            words = row["text"].split()
            row = {"question": f"which is {first}", "context": " ".join(dict.fromkeys(words))}
            found = [word for word in row["context"].split() if word in WORDS[first]]
            start = (" " + row["context"]).index(" " + found[0])
            held = [{"text": found[0], "answer_start": start}]
            row["label"] = json.dumps(held if rng.random() < 0.8 else [])
        elif task == "multilabel":
            row["label"] = json.dumps([first] + (["long"] if len(row["text"]) > 25 else []))
        elif task == "token_classification":
            words = row["text"].split()
            at = next(i for i, word in enumerate(words) if word in WORDS[first])
            tags = ["O"] * len(words)
            tags[at : at + 2] = [f"B-{first}", f"I-{first}"][: len(words) - at]
            row = {"text": words, "label": tags}
        rows.append(row)
    return rows


def toy_plan(task, checkpoint, **changes):
    """A small plan for toy_rows(task)."""
    from weitiao.planfile.plan import Plan

    pairs = {
        "nli": ("premise", "hypothesis"),
        "question_answering": ("question", "context"),
        "similarity": ("text", "text_pair"),
    }
    roles = {name: name for name in pairs.get(task, ("text",))}
    plan = Plan.parse({
        "task": task,
        "data": {"path": "toy", "roles": {**roles, "target": "label"}, "validation_size": 0.2},
        "model": {"checkpoint": tiny_of(task, checkpoint), "max_length": 32},
        "train": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "evaluations": 2,
                  "save_seconds": 1e9, "precision": "fp32", "micro_batch_tokens": 8192,
                  "refit": "never"},
        "evaluate": {"bootstrap_samples": 50},
    })  # fmt: skip
    return plan.with_(changes)


def toy_data(plan, count=120, seed=0):
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load

    return load(plan.data, plan.task_name, from_rows(toy_rows(plan.task_name, count, seed)))
