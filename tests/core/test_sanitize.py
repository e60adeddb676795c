"""What cannot be seen is shown, and long texts are cut."""

import unicodedata

import pytest

from weitiao.core.sanitize import quoted, shortened, visible


def test_every_control_and_mark_of_direction_is_shown():
    for code in range(0x110000):
        character = chr(code)
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cs", "Zl", "Zp") or (
            kind == "Cf" and unicodedata.bidirectional(character) in
            ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN", "R", "AL", "L")
            and not 0x600 <= code <= 0x8E2 and not 0x110BD <= code <= 0x1BCA3
            and not 0x13430 <= code <= 0x1343F
        ):  # fmt: skip
            assert character not in visible(f"a{character}b"), hex(code)


def test_pictures_made_of_several_stay_whole():
    family = "👨\u200d👩\u200d👧"
    assert visible(f"we {family}!") == f"we {family}!"
    assert visible("a\u200db") == "a⟨U+200D⟩b"


def test_a_quoted_word_cannot_leave_its_isolation():
    assert quoted("\u2069\u202eabc") == "\u2068⟨U+2069⟩⟨U+202E⟩abc\u2069"


@pytest.mark.parametrize("text", ["word " * 200, "字" * 1000])
def test_long_texts_lose_their_middle(text):
    found = shortened(text, 100)
    assert len(found) <= 103
    assert " … " in found
    assert set(found.replace(" … ", " ").split()) <= {"word"} or "字" in found
