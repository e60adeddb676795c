"""Trial of a tokenizer before use: a tokenizer.json is a program, and its rules may multiply a text
until the memory is full.

A file that holds well-known rules only is read. Any other is tried in a process with limits of
memory and time (tokenizer_child.py). What passed is remembered by its hash.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from weitiao.checkpoints import bounds, verify
from weitiao.core import disk, fingerprint
from weitiao.data.cache import checked, store
from weitiao.errors import ModelError
from weitiao.i18n.messages import _

FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
VERSION = 1  # of the trial: raised when it asks for more
MAX_BYTES = 500_000_000
SECONDS = 60  # for the trial; about 1 s is usual
MEGABYTES, MEGABYTES_A_MEGABYTE = 500, 40  # memory of the trial, and for each MB of the file
MAX_GROWTH = 40  # tokens or characters for each character of a text
MAX_ADDED = 500_000  # tokens beside the vocabulary
# Rules that cannot lengthen a text by more than a constant factor.
HARMLESS = {
    "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Strip", "StripAccents", "Nmt",
    "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Digits", "Punctuation", "ByteLevel",
    "BertProcessing", "RobertaProcessing", "WordPiece", "Fuse", "ByteFallback",
}  # fmt: skip
MAX_TEMPLATE = 64  # special tokens that a template adds
TEXTS = (
    "The room was clean and quiet, but breakfast is overpriced. aaaa AAAA 0123456789",
    "这家酒店的房间干净安静，不过早餐偏贵，性价比一般。",
    " \t\n  !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ …—“”‘’《》、。",
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ äöüßéèñçøå ÄÖÜ ŁŻ",
    "русский текст ελληνικά العربية עברית हिन्दी ไทย 日本語のテキスト 한국어 😀👍🏽",
    "",
)


def check(folder: Path) -> None:
    """Raise ModelError for a tokenizer that takes too much memory or time, or that has ids which
    the network does not know (`vocab_size` of config.json)."""
    for name, most in ((FILE, MAX_BYTES), (CONFIG, bounds.MAX_TOKENIZER_CONFIG_BYTES)):
        if (folder / name).is_file() and (folder / name).stat().st_size > most:
            raise _refused(folder / name, _("more than {limit:,} bytes", limit=most))
    path = folder / FILE
    if not path.is_file():
        return
    memo = _memo(path)
    try:
        highest = int(checked.read_json(memo)["highest"])
        store.touch(memo)
    except (OSError, ValueError, KeyError, TypeError):
        highest = _tried(path)
        with suppress(OSError):  # a full disk: tried again the next time
            checked.write_json(memo, {"highest": highest})
    check_ids(folder, [highest])


def check_ids(folder: Path, ids: Sequence[int]) -> None:
    """Raise ModelError for token ids that the network does not know (`vocab_size`)."""
    size, highest = _vocabulary(folder / "config.json"), max(ids, default=-1)
    if size is not None and highest >= size:
        raise ModelError(
            _(
                "{path}: has the id {id:,}, but the network knows {size:,} tokens only "
                "(vocab_size). Is it the tokenizer of this network?",
                path=folder / FILE,
                id=highest,
                size=size,
            )
        )


def trust(folder: Path) -> None:
    """Remember a tokenizer that this process has used and saved."""
    path = folder / FILE
    if path.is_file():
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if not (memo := _memo(path)).exists():  # 17 MB of JSON take most of a second
                highest = _highest(json.loads(path.read_text(encoding="utf-8")))
                checked.write_json(memo, {"highest": highest})


def _memo(path: Path) -> Path:
    name = fingerprint.of_texts("tokenizer", str(VERSION), verify.sha256_of(path))
    return store.folder("hashes") / f"{name}.json"


def _vocabulary(config: Path) -> int | None:
    try:
        settings = bounds.read_json(config, bounds.MAX_CONFIG_BYTES)
        value = settings.get("vocab_size")
    except (OSError, ValueError, AttributeError):
        return None
    return value if type(value) is int and value > 0 else None


def _tried(path: Path) -> int:
    """The highest id of a tokenizer that passes."""
    try:
        rules = bounds.read_json(path, MAX_BYTES)
        highest = _highest(rules)
        added = len(rules.get("added_tokens") or ())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise verify.broken(path, error) from error
    if highest < 0:
        raise _refused(path, _("its vocabulary is empty"))
    if added > MAX_ADDED:
        raise _refused(path, _("{count:,} added tokens", count=added))
    if _is_harmless(rules):
        return highest
    told = _of_child(path, [*TEXTS, *_own_texts(rules)])
    if told["grown"] > MAX_GROWTH:
        why = _("it makes {factor:,.0f} tokens of a character", factor=told["grown"])
        raise _refused(path, why)
    return max(highest, int(told["highest"]))


def _highest(rules: Any) -> int:
    """The highest id in the vocabulary of a tokenizer.json; -1 without any.

    Added tokens do not count: a [PAD] behind the table of the network is usual.
    """
    vocabulary = rules["model"].get("vocab") or ()
    if not isinstance(vocabulary, dict):  # a list of pieces with their scores
        return len(vocabulary) - 1
    return max(map(int, vocabulary.values()), default=-1)


def _is_harmless(rules: Any) -> bool:
    if rules["model"].get("type") not in ("WordPiece", "WordLevel", "BPE"):
        return False
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        for rule in _rules(rules.get(name)):
            if rule.get("type") == "TemplateProcessing":
                tokens = rule.get("special_tokens") or {}
                ids = sum(len(one.get("ids") or ()) for one in tokens.values())
                pieces = len(rule.get("single") or ()) + len(rule.get("pair") or ())
                if max(ids, pieces) > MAX_TEMPLATE:
                    return False
            elif rule.get("type") not in HARMLESS:
                return False
    return True


def _rules(rule: Any) -> Iterator[dict[str, Any]]:
    """A rule, or the rules of a sequence."""
    if not isinstance(rule, dict):
        return
    inner = [
        one
        for key in ("normalizers", "pretokenizers", "processors", "decoders")
        for one in rule.get(key) or ()
    ]
    if rule.get("type") == "Sequence":
        for one in inner:
            yield from _rules(one)
    else:
        yield rule


def _own_texts(rules: Any) -> list[str]:
    """What the rules look for: a rule may multiply one rare character."""
    found = []
    for name in ("normalizer", "pre_tokenizer", "decoder"):
        for rule in _rules(rules.get(name)):
            pattern = rule.get("pattern")
            values = pattern.values() if isinstance(pattern, dict) else ()
            found += [str(value)[:1000] for value in values]
    return [" ".join(found)[:20_000], *found[:100]] if found else []


def _of_child(path: Path, texts: list[str]) -> dict[str, Any]:
    megabytes = MEGABYTES + MEGABYTES_A_MEGABYTE * path.stat().st_size // 1_000_000
    child = Path(__file__).with_name("tokenizer_child.py")
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), disk.plain(path), str(megabytes)],
            input=json.dumps(texts),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise _refused(path, _("a few lines of text take it more than {n} s", n=SECONDS)) from None
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        limit = _("a few lines of text take it more than {n:,} MB", n=megabytes)
        said = lines[-1][:120] if lines and done.returncode == 1 else limit
        raise _refused(path, said) from None
    return told


def _refused(path: Path, reason: str) -> ModelError:
    return ModelError(
        _(
            "{path}: this tokenizer is refused: {reason}. Take it from another source.",
            path=path,
            reason=reason.rstrip("."),
        )
    )
