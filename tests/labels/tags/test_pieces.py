"""Words and the pieces that speak for them, with tokenizers of several kinds."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from weitiao.example import WINDOWS
from weitiao.labels.tags import pieces
from weitiao.labels.tags.words import joined, split_words

TEXT = "浙商银行 ①ﬁne Ｈello 叶老桂vs Rid"


def wrapped(backend, **special):
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>", model_max_length=64,
    )  # fmt: skip


def unigram():
    """Like XLM-R: NFKC, a mark before words, and pieces of several Chinese characters."""
    words = ["<s>", "</s>", "<unk>", "<pad>", "▁", "银行", "浙", "商", "银", "行", "叶", "老", "桂",
             "老桂", "▁1", "fine", "▁Hello", "vs", "▁Rid", "f", "i", "n", "e", "v", "s"]  # fmt: skip
    backend = Tokenizer(models.Unigram([(w, -float(i > 3)) for i, w in enumerate(words)], 2))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")
    ])  # fmt: skip
    return wrapped(backend)


def bytewise():
    """Like GPT-2: pieces of bytes, with the blank before a word inside its piece."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {w: i for i, w in enumerate(["<s>", "</s>", "<unk>", "<pad>", *letters])}
    backend = Tokenizer(models.BPE(vocab, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    backend.decoder = decoders.ByteLevel()
    return wrapped(backend)


KINDS = {"unigram": unigram, "bytewise": bytewise}


def spoken(tokenizer, text, max_length=64, words=None):
    """Word -> its piece, and how many more it covers; and the windows."""
    words = split_words(text) if words is None else words
    told = pieces.encoded([text], [words], tokenizer, max_length)
    assert told[WINDOWS] == [len(told["input_ids"])]
    found = {}
    for ids, units, more in zip(told["input_ids"], told["unit"], told["more"], strict=True):
        assert len(ids) == len(units) == len(more)
        for piece, unit, further in zip(ids, units, more, strict=True):
            if unit >= 0:
                assert unit not in found, "one piece speaks for a word"
                found[int(unit)] = (tokenizer.convert_ids_to_tokens(piece), int(further))
    return found, told["input_ids"]


def test_chinese_offsets_of_a_unigram_tokenizer():
    """NFKC changes lengths, a mark without a character stands before words, pieces hold several
    characters: each character has its own piece all the same."""
    tokenizer = unigram()
    pieces.adapt(tokenizer)
    found, _ = spoken(tokenizer, TEXT)
    words = [TEXT[a:b] for a, b in split_words(TEXT).tolist()]
    assert words == [*"浙商银行", "①ﬁne", "Ｈello", *"叶老桂", "vs", "Rid"]
    told = {word: found[at][0] for at, word in enumerate(words)}
    assert {word: piece for word, piece in told.items() if word in "浙商银行叶老桂"} == {
        word: word for word in "浙商银行叶老桂"
    }
    assert (told["①ﬁne"], told["Ｈello"], told["vs"], told["Rid"]) == ("▁1", "▁Hello", "vs", "▁Rid")


def test_the_adapted_tokenizer_is_saved(tmp_path):
    from transformers import AutoTokenizer

    tokenizer = unigram()
    pieces.adapt(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(TEXT)["input_ids"] == tokenizer(TEXT)["input_ids"]
    before = str(again.backend_tokenizer.pre_tokenizer)
    pieces.adapt(again)
    assert str(again.backend_tokenizer.pre_tokenizer) == before


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@example(text="aﬁ1，", length=6)  # one piece for the end of a word and the next one
@given(text=st.text("ab 1中国。，①ﬁ\n", max_size=30), length=st.integers(6, 24))
def test_every_word_has_one_piece_however_long_the_text(kind, text, length):
    tokenizer = KINDS[kind]()
    pieces.adapt(tokenizer)
    words = split_words(text)
    found, windows = spoken(tokenizer, text, length)
    covered = {at + more for at, (_, n) in found.items() for more in range(n + 1)}
    assert covered == set(range(len(words)))
    assert all(len(window) <= length for window in windows)
    whole, (_,) = spoken(tokenizer, text, 10_000)
    assert {at + more for at, (_, n) in whole.items() for more in range(n + 1)} == covered


def test_a_piece_that_covers_several_words_speaks_for_all():
    tokenizer = unigram()  # not adapted: 老桂 is one piece
    found, _ = spoken(tokenizer, "叶老桂")
    assert found == {0: ("叶", 0), 1: ("老桂", 1)}


@pytest.mark.parametrize("text", ["", "ab"])
def test_a_text_without_pieces_has_one_of_padding_that_speaks_for_no_word(text):
    tokenizer = bytewise()
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel()  # it adds nothing
    found, windows = spoken(tokenizer, text)
    assert windows == ([[3]] if not text else [tokenizer(text)["input_ids"]])
    assert len(found) == len(text) // 2


def test_a_tokenizer_without_offsets_is_asked_word_by_word():
    class Slow:
        is_fast, unk_token_id = False, 2

        def num_special_tokens_to_add(self):
            return 2

        def tokenize(self, word):
            return list(word)

        def convert_tokens_to_ids(self, tokens):
            return [ord(token[0]) + 10 for token in tokens]

        def convert_ids_to_tokens(self, piece):
            return chr(piece - 10)

        def build_inputs_with_special_tokens(self, ids):
            return [0, *ids, 1]

    text, spans = joined(["ab", "c", "def", "g"])
    found, windows = spoken(Slow(), text, 6, np.array(spans))
    assert {word: piece for word, (piece, _) in found.items()} == dict(enumerate("acdg"))
    assert len(windows) > 1
    assert all(len(window) <= 6 for window in windows)
