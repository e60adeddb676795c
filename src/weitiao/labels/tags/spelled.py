"""Examples whose text may be a list of words: read as one text, and where its words lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weitiao.errors import DataError, placed
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags import words


def read(example: Example) -> Example:
    """The example with its text as one text; where it lists words, meta["words"] has their
    places. Raises DataError where one of them is no word."""
    if "words" in example.meta:
        return example
    cell = str(example.inputs["text"])
    given = words.listed(cell)
    if given is None:
        if words.holed(cell):
            told = _("{cell!r} has a word that is neither a text nor a number.", cell=cell[:60])
            raise DataError(placed(example.id, told))
        return example
    text, spans = words.joined(given)
    return replace(
        example, inputs={**example.inputs, "text": text}, meta={**example.meta, "words": spans}
    )


def words_of(example: Example) -> np.ndarray:
    """(words, 2): the places of the words in the text as it came."""
    if "words" in example.meta:
        return words.places(example.meta["words"])
    return words.found_in(str(example.meta.get("raw", example.inputs)["text"]))


def cleaned(example: Example) -> np.ndarray:
    """(words, 2): where the words lie once the text is cleaned; words that are gone are empty."""
    found = words_of(example)
    if "origins" not in example.meta:
        return found
    origins = np.asarray(example.meta["origins"]["text"], np.int64)
    return np.asarray(np.searchsorted(origins, found, "left"))
