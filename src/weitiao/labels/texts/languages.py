"""Languages of translations: their codes in files, in tokenizers, and in names of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from weitiao.labels.texts.language_table import FURTHER, LANGUAGES

# How columns of a text and of its translation are called.
SOURCES = ("source", "src", "source_text", "original", "原文", "源文", "源语言")
TARGETS = ("target", "tgt", "target_text", "translation", "译文", "目标", "目标语言")
_CODES = {
    name: code for code, (codes, names) in LANGUAGES.items() for name in (code, *codes, *names)
}
_ALIKE = {"no": ("nb",), "nb": ("no",)}  # Norwegian is called by either code
# What stands behind a code: a script, a region, what the column holds; is_spam is no Icelandic.
_BEHIND = re.compile(
    r"(?:(?:latn|cyrl|arab|hans|hant|jpan|deva|beng|grek|hang|kore|hebr|thai|geor|armn|ethi|khmr"
    r"|mymr|taml|telu|knda|mlym|gujr|guru|sinh|tibt|laoo|orya|olck|mtei|tfng)(?:-[a-z]{2})?"
    r"|[a-z]{2}|\d{3}|texts?|sentences?|source|src|target|tgt|translation|translated|original)"
)


def language_of(name: str) -> str:
    """The two-letter code that a name, or a column called like it, stands for; empty for none.

    >>> language_of("EN"), language_of("zh-CN"), language_of("German"), language_of("中文")
    ('en', 'zh', 'de', 'zh')
    """
    short = name.strip().lower().replace("_", "-")
    first, _, rest = short.partition("-")
    return _CODES.get(short, "") or (_CODES.get(first, "") if _BEHIND.fullmatch(rest) else "")


def language_in(name: str) -> str:
    """The code of the language that a column's name is or begins with, in words; empty for none.

    >>> language_in("英文原文"), language_in("中文"), language_in("English_text")
    ('en', 'zh', 'en')
    >>> language_in("it"), language_in("it_staff"), language_in("内容")
    ('it', '', '')
    """
    if code := language_of(name):
        return code
    first = re.split(r"[\s_-]", name.strip().lower())[0]
    for word, code in _CODES.items():
        if (first == word and len(word) > 3) or (not word.isascii() and first.startswith(word)):
            return code
    return ""


def columns_in(names: Iterable[str], source: str, target: str) -> dict[str, str]:
    """Text and target of a translation among columns called by languages, where each of the two
    languages is one column; empty where they do not say which.

    >>> columns_in(["en", "de", "fr"], "de", "fr"), columns_in(["en", "text"], "en", "de")
    ({'text': 'de', 'target': 'fr'}, {})
    >>> columns_in(["en", "zh-CN", "zh-TW"], "en", "zh-Hant"), columns_in(["en", "no"], "nb", "en")
    ({'text': 'en', 'target': 'zh-TW'}, {'text': 'no', 'target': 'en'})
    """
    names = list(names)
    found = [_columns_of(side, names) for side in (source, target)]
    if any(len(some) != 1 for some in found) or found[0] == found[1]:
        return {}
    return {"text": found[0][0], "target": found[1][0]}


def _columns_of(language: str, names: Sequence[str]) -> list[str]:
    """The columns of a language: called just like it, else of its script and region, else of its
    code, or of another code of the same language."""
    if not (code := language_of(language)):
        return []
    if same := [name for name in names if _parts(name) == _parts(language)]:
        return same
    for alike in (code, *_ALIKE.get(code, ())):
        fitting = [name for name in names if language_in(name) == alike]
        if len(fitting) > 1:
            shared = [len(_subtags(language) & _subtags(name)) for name in fitting]
            pairs = zip(fitting, shared, strict=True)
            fitting = [name for name, count in pairs if count == max(shared)]
        if fitting:
            return fitting
    return []


def same_language(first: str, second: str) -> bool:
    """Whether two codes may stand for one language: one is unknown, or Norwegian is one of both
    kinds.

    >>> same_language("no", "nb"), same_language("", "de"), same_language("en", "de")
    (True, True, False)
    """
    kinds = {"no", "nb", "nn"}
    return not first or not second or first == second or {first, second} <= kinds


def is_code(code: str) -> bool:
    """Whether a code may stand for a language: of ISO 639-1, by name, or of a checkpoint.

    >>> is_code("sk"), is_code("zh-TW"), is_code("ceb"), is_code("eng_Latn"), is_code("klingon")
    (True, True, True, True, False)
    """
    return bool(language_of(code)) or code.strip().lower() in FURTHER or "_" in code


def token_of(language: str, tokens: Iterable[str]) -> str:
    """The code by which a multilingual tokenizer knows a language; empty where it does not.

    >>> token_of("zh", ["eng_Latn", "zho_Hans", "zho_Hant"]), token_of("de", ["en_XX", "de_DE"])
    ('zho_Hans', 'de_DE')
    >>> token_of("zh-TW", ["zho_Hans", "zho_Hant"]), token_of("sr-Latn", ["srp_Cyrl", "srp_Latn"])
    ('zho_Hant', 'srp_Latn')
    """
    names = list(tokens)
    if language in names:
        return language
    code = language_of(language) or language.strip().lower()
    wanted = _subtags(language)

    def rank(name: str) -> tuple[int, bool, int]:
        own = _subtags(name)
        # zho_Hans and zho_Hant: simplified where nobody says, as nearly all rows are.
        return -len(wanted & own), "hant" in own, names.index(name)

    for alike in (code, *_ALIKE.get(code, ())):
        known = (alike, *LANGUAGES.get(alike, ((), ()))[0])
        fitting = [one for one in names if _parts(one)[0] in known]
        if fitting:
            return min(fitting, key=rank)
    return ""


def _parts(name: str) -> list[str]:
    return name.strip().lower().replace("-", "_").split("_")


def _subtags(name: str) -> set[str]:
    """Script and region of a code; the script of Chinese also by its region or its name."""
    found = set(_parts(name)[1:])
    if "hans" not in found and language_of(name) == "zh":
        traditional = found & {"tw", "hk", "mo"} or re.search("繁|traditional", name.lower())
        return found | {"hant"} if traditional else found
    return found


def language_behind(tokenizer: Any) -> int | None:
    """The token of the target language where it ends targets and begins the decoder, as in mBART's
    first version; None where it stands in front of them, or there is none."""
    code = getattr(tokenizer, "tgt_lang", None)
    if not code or not codes_of(tokenizer):
        return None
    number = tokenizer.convert_tokens_to_ids(code)
    return int(number) if tokenizer(text_target="a")["input_ids"][-1] == number else None


def codes_of(tokenizer: Any) -> Sequence[str]:
    """The language codes of a multilingual tokenizer; empty for one of a single pair."""
    ids = getattr(tokenizer, "lang_code_to_id", None)
    if isinstance(ids, dict) and ids:
        return list(ids)
    if not hasattr(tokenizer, "src_lang"):
        return []
    special = [str(token) for token in getattr(tokenizer, "additional_special_tokens", ())]
    special = special or [str(token) for token in getattr(tokenizer, "extra_special_tokens", ())]
    return [token.strip("_") if token.startswith("__") else token for token in special]
