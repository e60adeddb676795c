"""Languages of translations: their codes in files, in tokenizers, and in names of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

# Two letters (ISO 639-1), three (639-3), names. NLLB writes eng_Latn, mBART en_XX, M2M100 en.
LANGUAGES = {
    "ar": ("arb", "arabic"),
    "bg": ("bul", "bulgarian"),
    "bn": ("ben", "bengali"),
    "cs": ("ces", "czech"),
    "da": ("dan", "danish"),
    "de": ("deu", "german", "deutsch", "德语", "德文"),
    "el": ("ell", "greek"),
    "en": ("eng", "english", "英语", "英文"),
    "es": ("spa", "spanish", "西班牙语"),
    "et": ("est", "estonian"),
    "fa": ("pes", "persian"),
    "fi": ("fin", "finnish"),
    "fr": ("fra", "french", "法语", "法文"),
    "he": ("heb", "hebrew"),
    "hi": ("hin", "hindi"),
    "hu": ("hun", "hungarian"),
    "id": ("ind", "indonesian"),
    "it": ("ita", "italian", "意大利语"),
    "ja": ("jpn", "japanese", "日语", "日文"),
    "ko": ("kor", "korean", "韩语", "韩文"),
    "lt": ("lit", "lithuanian"),
    "lv": ("lvs", "latvian"),
    "ms": ("zsm", "malay"),
    "nl": ("nld", "dutch"),
    "no": ("nob", "norwegian"),
    "pl": ("pol", "polish"),
    "pt": ("por", "portuguese", "葡萄牙语"),
    "ro": ("ron", "romanian"),
    "ru": ("rus", "russian", "俄语", "俄文"),
    "sv": ("swe", "swedish"),
    "th": ("tha", "thai", "泰语"),
    "tr": ("tur", "turkish"),
    "uk": ("ukr", "ukrainian"),
    "vi": ("vie", "vietnamese", "越南语"),
    "zh": ("zho", "chinese", "中文", "汉语", "cmn"),
}
# How columns of a text and of its translation are called.
SOURCES = ("source", "src", "source_text", "original", "原文", "源文", "源语言")
TARGETS = ("target", "tgt", "target_text", "translation", "译文", "目标", "目标语言")
_CODES = {name: code for code, names in LANGUAGES.items() for name in (code, *names)}
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


def same_language(first: str, second: str) -> bool:
    """Whether two codes may stand for one language: one is unknown, or Norwegian is one of both
    kinds.

    >>> same_language("no", "nb"), same_language("", "de"), same_language("en", "de")
    (True, True, False)
    """
    norwegian = {"no", "nb", "nn"}
    return not first or not second or first == second or {first, second} <= norwegian


def token_of(language: str, tokens: Iterable[str]) -> str:
    """The code by which a multilingual tokenizer knows a language; empty where it does not.

    >>> token_of("zh", ["eng_Latn", "zho_Hans", "zho_Hant"]), token_of("de", ["en_XX", "de_DE"])
    ('zho_Hans', 'de_DE')
    """
    names = list(tokens)
    if language in names:
        return language
    code = language_of(language) or language
    known = (code, *LANGUAGES.get(code, ())[:1])
    fitting = [one for one in names if one.lower().replace("-", "_").split("_")[0] in known]
    # zho_Hans and zho_Hant: simplified, as nearly all rows are.
    return min(
        fitting, key=lambda one: ("Hant" in one or "TW" in one, names.index(one)), default=""
    )


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
