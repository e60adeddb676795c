"""Special tokens that stand in the texts of users: they are text, and no ends of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def ids_of(texts: Sequence[str], tokenizer: Any, target: bool = False, **options: Any) -> Any:
    """Token ids of texts; "</s>" in one is written with other tokens. options: of the tokenizer.

    Where the vocabulary has such a text as a whole, it gets a blank behind its first character.
    """
    texts = list(texts)
    options = {"split_special_tokens": True, "verbose": False, **options}

    def encoded(some: Sequence[str]) -> Any:
        rows = tokenizer(text_target=some, **options) if target else tokenizer(some, **options)
        return rows["input_ids"]

    tokens = [one for one in tokenizer.all_special_tokens if len(one) > 1]
    found = [at for at, text in enumerate(texts) if any(one in text for one in tokens)]
    if found:
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        (usual,) = encoded(["a"])
        count = sum(one in special for one in usual)
        for at, ids in zip(found, encoded([texts[at] for at in found]), strict=True):
            if sum(one in special for one in ids) > count:
                texts[at] = _apart(texts[at], tokens)
    return encoded(texts)


def without_special(inputs: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """Texts for a template, whose own special tokens count: those in the texts get a blank. Else a
    document could end a prompt, or speak in the name of the system."""
    tokens = [one for one in tokenizer.all_special_tokens if len(one) > 1]
    return {
        name: _apart(text, tokens) if isinstance(text, str) else text
        for name, text in inputs.items()
    }


def _apart(text: str, tokens: Sequence[str]) -> str:
    """The text with a blank inside each of the tokens.

    >>> _apart("a</s>b", ["</s>"])
    'a< /s>b'
    """
    for token in tokens:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
