import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.augmentation import sounds, synonym_tables
from weitiao.data.augmentation.words import WordsOf, is_protected, word_offsets
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.augmentation import Aeda, RandomEdits, Synonyms, Typos
from weitiao.data.steps.entity_swap import EntitySwap
from weitiao.errors import DataError, PartError, PlanError
from weitiao.example import Example

STEPS = {
    "random_edits": RandomEdits(times=3, share=0.4),
    "aeda": Aeda(times=3),
    "typos": Typos(times=3, share=0.5),
}
WORDS = (
    "Paris",
    "is",
    "not",
    "cold",
    "we",
    "flew",
    "42",
    "上海",
    "不好",
    "很漂亮",
    "👍",
    "—",
    "O'Neil",
)


def made_by(step, examples, task="classification", seed=1):
    return list(step.for_task(task)(examples, random.Random(seed)))


def synonyms(tmp_path, **settings):
    file = tmp_path / "same.txt"
    file.write_text("cold chilly icy\n漂亮 美丽 好看\nflew travelled\n", encoding="utf-8")
    return Synonyms(file=str(file), **settings)


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8), max_size=5), st.integers(0, 9))
def test_copies_follow_their_rows_are_marked_and_no_text_comes_twice(name, texts, seed):
    examples = [Example({"text": " ".join(t)}, "ab"[i % 2], f"f:{i}") for i, t in enumerate(texts)]
    made = made_by(STEPS[name], examples, seed=seed)
    assert [one for one in made if not one.meta] == examples
    known, originals = {one.id: one for one in examples}, {one.inputs["text"] for one in examples}
    copies = [one for one in made if one.meta]
    assert len({one.inputs["text"] for one in copies} | originals) == len(copies) + len(originals)
    for one in copies:
        source = known[one.meta["made_from"]]
        assert one.meta["made_by"] == name
        assert one.id.startswith(f"{source.id}#{name}")
        assert one.target == source.target
    assert max(Counter(one.meta["made_from"] for one in copies).values(), default=0) <= 3
    assert made == made_by(STEPS[name], examples, seed=seed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=9), st.integers(0, 99))
def test_negations_and_numbers_stay(words, seed):
    text = " ".join(words)
    protected = Counter(text[a:b] for a, b in word_offsets(text) if is_protected(text[a:b]))
    for step in STEPS.values():
        for one in made_by(step, [Example({"text": text}, "a", "f:0")], seed=seed):
            now = one.inputs["text"]
            assert protected == Counter(
                now[a:b] for a, b in word_offsets(now) if is_protected(now[a:b])
            ), now


@st.composite
def spanned(draw):
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
    text, spans = "", []
    for word in words:
        text += draw(st.sampled_from(("", " ", ", ")))
        if draw(st.booleans()):
            kind = draw(st.sampled_from("xy"))
            span = (len(text), len(text) + len(word), kind)
            spans.append((*span, word) if draw(st.booleans()) else span)
        text += word
    return text, spans


@pytest.mark.parametrize("name", [*STEPS, "entity_swap"])
@settings(max_examples=60, deadline=None)
@given(st.lists(spanned(), min_size=1, max_size=4), st.integers(0, 9))
def test_every_span_of_a_copy_has_the_text_it_claims(name, rows, seed):
    step = STEPS.get(name) or EntitySwap(times=3)
    examples = [Example({"text": t}, spans, f"f:{i}") for i, (t, spans) in enumerate(rows)]
    known = {one.id: one for one in examples}
    names = {(t[s[0] : s[1]], s[2]) for t, spans in rows for s in spans}
    for one in made_by(step, examples, "token_classification", seed):
        before, text = known[one.meta.get("made_from", one.id)], one.inputs["text"]
        assert [span[2] for span in one.target] == [span[2] for span in before.target]
        for span, old in zip(one.target, before.target, strict=True):
            piece = text[span[0] : span[1]]
            assert len(span) == len(old)
            assert span[3:] in ((), (piece,))
            if name == "entity_swap":
                assert (piece, span[2]) in names
            else:
                assert piece == before.inputs["text"][old[0] : old[1]]


@st.composite
def tagged(draw):
    words, tags = [], []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(("O", "x", "y")))
        if kind == "O":
            words.append(draw(st.sampled_from(WORDS)))
            tags.append("O")
        else:
            size = draw(st.integers(1, 3))
            words += [draw(st.sampled_from(WORDS)) for _ in range(size)]
            tags += [f"B-{kind}", *[f"I-{kind}"] * (size - 1)]
    return words, tags


def entities(words, tags):
    found = []
    for word, tag in zip(words, tags, strict=True):
        if tag[0] == "B":
            found.append((tag[2:], [word]))
        elif tag[0] == "I":
            assert found[-1][0] == tag[2:]
            found[-1][1].append(word)
    return [(kind, tuple(some)) for kind, some in found]


@pytest.mark.parametrize("name", [*STEPS, "entity_swap"])
@settings(max_examples=60, deadline=None)
@given(st.lists(tagged(), min_size=1, max_size=4), st.integers(0, 9))
def test_tags_of_a_copy_name_the_same_entities(name, rows, seed):
    step = STEPS.get(name) or EntitySwap(times=3)
    examples = [
        Example({"text": json.dumps(words)}, tags, f"f:{i}") for i, (words, tags) in enumerate(rows)
    ]
    known = {f"f:{i}": entities(*row) for i, row in enumerate(rows)}
    pool = {name for some in known.values() for name in some}
    for one in made_by(step, examples, "token_classification", seed):
        now = entities(json.loads(one.inputs["text"]), one.target)
        before = known[one.meta.get("made_from", one.id)]
        if name == "entity_swap":
            assert [kind for kind, _ in now] == [kind for kind, _ in before]
            assert set(now) <= pool
        else:
            assert now == before


def test_parts_of_speech_stay_with_their_words():
    words, tags = ["We", "flew", "to", "Paris"], ["PRON", "VERB", "ADP", "PROPN"]
    row = Example({"text": json.dumps(words)}, tags, "f:0")
    for step in STEPS.values():
        for one in made_by(step, [row], "token_classification"):
            assert one.target == tags
            assert len(json.loads(one.inputs["text"])) == 4


@pytest.mark.parametrize("operation", ["swap", "delete", "insert"])
def test_words_of_parts_of_speech_change_no_places(operation):
    words = ["we", "saw", "her", "red", "duck", "there"]
    tags = ["PRON", "VERB", "PRON", "ADJ", "NOUN", "ADV"]
    tag_of = dict(zip(words, tags, strict=True))
    step = RandomEdits(times=5, share=0.5, operations=[operation])
    example = Example({"text": json.dumps(words)}, tags, "f:1")
    for one in made_by(step, [example], "token_classification"):
        assert [tag_of[word] for word in json.loads(one.inputs["text"])] == one.target


def test_tags_of_a_plain_text_become_a_list_of_words():
    row = Example({"text": "We flew to Paris."}, ["O", "O", "O", "B-x", "O"], "f:0")
    copies = made_by(Aeda(times=4), [row], "token_classification")[1:]
    assert copies
    for one in copies:
        words = json.loads(one.inputs["text"])
        assert len(words) == len(one.target) > 5
        assert one.target[words.index("Paris")] == "B-x"


def test_a_pair_has_one_text_changed_and_a_passage_none():
    pair = Example({"premise": "we flew home", "hypothesis": "we are home"}, "yes", "f:0")
    for one in made_by(RandomEdits(times=9), [pair], "nli")[1:]:
        assert sum(one.inputs[role] != pair.inputs[role] for role in pair.inputs) == 1
    question = Example({"question": "who flew home", "context": "we flew"}, [(0, "we")], "f:0")
    copies = made_by(Aeda(times=5), [question], "question_answering")[1:]
    assert copies
    assert all(one.inputs["context"] == "we flew" for one in copies)
    assert all(one.target == [(0, "we")] for one in copies)


@pytest.mark.parametrize("text", ["", " ", "a", "好", "👍", "…", "7", "不"])
def test_texts_with_hardly_a_word_are_counted_or_changed(text):
    for step in STEPS.values():
        step = step.for_task("classification")
        made = list(step([Example({"text": text}, "a", "f:0")], random.Random(1)))
        assert len(made) > 1 or step.notes(), (step, text)
        assert all(one.inputs["text"].strip() for one in made[1:])


def test_a_copy_equal_to_a_row_of_another_label_is_left_out_and_counted():
    rows = [Example({"text": "a b"}, "x", "f:0"), Example({"text": "b a"}, "y", "f:1")]
    step = RandomEdits(operations=("swap",)).for_task("classification")
    assert list(step(rows, random.Random(1))) == rows
    assert "2" in step.notes()[0]


@pytest.mark.parametrize("seed", range(8))
def test_half_of_the_words_stay_however_large_the_share(seed):
    text = "we flew over the old town until late evening came"
    step = RandomEdits(share=1.0, operations=("delete",))
    _row, copy = made_by(step, [Example({"text": text}, "a", "f:1")], seed=seed)
    assert len(text.split()) > len(copy.inputs["text"].split()) >= len(text.split()) // 2


def test_rows_of_other_steps_are_passed_on():
    rows = from_rows([{"text": "we flew to Paris", "label": "a"}], "a.csv").table
    rows = Rows(rows, everything(rows), {"text": "text", "target": "label"}, "a.csv", "classification")  # fmt: skip
    made = run_steps(rows, {"aeda": {"times": 2}, "random_edits": {"times": 3}}, 1)
    kinds = Counter(one.meta.get("made_by") for one in made.examples())
    assert kinds[None] == 1
    assert 0 < kinds["aeda"] <= 2
    assert 0 < kinds["random_edits"] <= 3


def test_synonyms_come_from_the_table_with_their_capitals(tmp_path):
    rows = [Example({"text": "Cold, 42 cold days. 房间漂亮"}, "a", "f:0")]
    copies = made_by(synonyms(tmp_path, times=9, share=1.0), rows)[1:]
    assert {one.inputs["text"].split(",")[0] for one in copies} == {"Chilly", "Icy"}
    assert all("42" in one.inputs["text"] for one in copies)
    assert {one.inputs["text"].split()[-1] for one in copies} <= {"房间美丽", "房间好看"}


def test_without_a_table_synonyms_say_what_to_install(monkeypatch):
    monkeypatch.setattr(synonym_tables, "wordnet", lambda: None)
    monkeypatch.setattr(synonym_tables, "cilin", dict)
    with pytest.raises(PlanError, match="wordnet"):
        Synonyms().for_task("classification")


def test_wordnet_gives_the_words_of_the_first_sense(tmp_path, monkeypatch):
    line = b"00000000 00 n 03 movie 0 film 0 moving_picture 0 000 | a show\n"
    for part in synonym_tables.PARTS_OF_SPEECH:
        (tmp_path / f"data.{part}").write_bytes(line)
        index = b"  1 license\n" + (b"movie n 1 1 @ 1 1 00000000  \n" if part == "noun" else b"")
        (tmp_path / f"index.{part}").write_bytes(index)
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    synonym_tables.wordnet.cache_clear()
    assert synonym_tables.wordnet().get("movie") == ["film"]
    assert synonym_tables.wordnet().get("xyz") == ()
    synonym_tables.wordnet.cache_clear()


def test_slips_keep_the_first_letter_and_characters_the_sound():
    rng = random.Random(1)
    slips = {sounds.misspelt("Weather", rng) for _ in range(200)}
    assert all(one[0] == "W" and abs(len(one) - 7) < 2 for one in slips)
    assert len(slips) > 20
    pytest.importorskip("pypinyin")
    assert "时" in sounds.same_sound()["石"]
    assert "是" not in sounds.same_sound()["石"]


def test_without_pypinyin_chinese_typos_say_what_to_install(monkeypatch):
    monkeypatch.setattr(sounds, "has_sounds", lambda: False)
    step = Typos().for_task("classification")
    assert len(list(step([Example({"text": "很漂亮"}, "a", "f:0")], random.Random(1)))) == 1
    assert any("augmentation" in line for line in step.notes())


def test_typos_take_similar_shapes_from_a_file(tmp_path):
    file = tmp_path / "shapes.txt"
    file.write_text("己 已 巳\n", encoding="utf-8")
    copies = made_by(Typos(times=9, file=str(file)), [Example({"text": "己"}, "a", "f:0")])[1:]
    assert {one.inputs["text"] for one in copies} == {"已", "巳"}


def test_entity_swap_wants_tags_and_times_have_a_limit():
    with pytest.raises(DataError, match="entity_swap"):
        EntitySwap().for_task("classification")
    rows = from_rows([{"text": "a b", "label": "a"}], "a.csv").table
    rows = Rows(rows, everything(rows), {"text": "text", "target": "label"}, "a.csv", "classification")  # fmt: skip
    with pytest.raises(PartError, match="100"):
        run_steps(rows, {"aeda": {"times": 1000}}, 1)


@pytest.mark.parametrize("step", [Aeda(share=1.0), RandomEdits(share=1.0)])
def test_numbers_addresses_and_abbreviations_are_not_taken_apart(step):
    wholes = ["192.168.1.1", "U.S.", "a.b@example.com", "http://x.io/a?b=1", "1,000", "10:30"]
    text = " alpha beta ".join(wholes) + " gamma"
    for seed in range(20):
        edited = text
        for edit in reversed(step.edits(WordsOf.find(text), random.Random(seed))):
            edited = edited[: edit.start] + edit.put + edited[edit.end :]
        assert [one for one in wholes if one not in edited] == []


def test_parts_of_words_with_a_hyphen_and_chinese_words_are_free():
    assert WordsOf.find("a well-known film").free == [(0, 1), (2, 6), (7, 12), (13, 17)]
    assert WordsOf.find("a well-known film").gaps == [0, 2, 13]
    assert len(WordsOf.find("电影.好看").free) == 2
