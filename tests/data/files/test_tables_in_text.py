"""Tables as tools print them: rulers, headers again, comments, long delimiters, empty rows."""

from __future__ import annotations

import pytest

from weitiao.data.files.open import open_source
from weitiao.errors import DataError

ROWS = [(f"the film number {n} was seen", ["pos", "neg"][n % 2]) for n in range(12)]


def read(tmp_path, lines, name="rows.csv"):
    path = tmp_path / name
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    source = open_source(str(path))
    table = source.table.to_pydict()
    table.pop("__line")
    return table, "\n".join(source.history)


def is_whole(table):
    texts = [cell.strip() for cell in table["text"]]
    return list(zip(texts, [cell.strip() for cell in table["label"]], strict=True)) == ROWS


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["text,label", *map(",".join, ROWS[:5]), "text,label", *map(",".join, ROWS[5:])], "1 line"),
        (["text|label", "----|-----", *map("|".join, ROWS)], "1 line"),
        (["| text | label |", "|---|:---:|", *(f"| {a} | {b} |" for a, b in ROWS)], "1 line"),
        (
            ["+---+---+", "| text | label |", "+---+---+", *(f"| {a} | {b} |" for a, b in ROWS), "+---+---+"],
            "2 lines",
        ),
        (["text\tlabel", "====\t=====", *map("\t".join, ROWS), "text\tlabel"], "2 lines"),
    ],
    ids=["again", "sqlplus", "markdown", "mysql", "tabs"],
)  # fmt: skip
def test_what_is_no_row_is_left_out_and_counted(tmp_path, lines, told):
    table, history = read(tmp_path, lines)
    assert is_whole(table)
    assert f"left out, repeated headers, rulers and counts of rows: {told}" in history


@pytest.mark.parametrize(
    "above", [["# made 2024"], ["# made 2024", "# by a tool, 3"], ["#", "# a; b; c", "#"]]
)
def test_comments_above_are_left_out(tmp_path, above):
    table, history = read(tmp_path, [*above, "text,label", *map(",".join, ROWS)])
    assert is_whole(table)
    assert "left out above the table" in history


def test_a_header_that_begins_with_a_sign_stays(tmp_path):
    table, _history = read(
        tmp_path, ["#id,text,label", *(f"{n},{a},{b}" for n, (a, b) in enumerate(ROWS))]
    )
    assert is_whole(table)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("#;text;label;score", "{n};{a}, so, it is;{b};3,{n}"),  # commas are in the texts, too
        ("#,text,label,score", '{n},"{a}, so",{b},3'),
        ("#ID\ttext\tlabel\tscore", "{n}\t{a}, or; so\t{b}\t3,7"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_number_sign_heads_the_column_of_numbers(tmp_path, mark, head, row):
    rows = [row.format(n=n, a=a, b=b) for n, (a, b) in enumerate(ROWS)]
    table, history = read(tmp_path, [mark + head, *rows])
    assert list(table)[1:4] == ["text", "label", "score"]
    assert "left out above" not in history


@pytest.mark.parametrize(
    "between", ["_!_", "|,|", "||", "::", "|||", " ||| ", "###", "<sep>", "@@", "\t|\t"]
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.txt", "rows.tsv"])
def test_delimiters_of_several_characters(tmp_path, between, name):
    table, _history = read(
        tmp_path, [between.join(one) for one in [("text", "label"), *ROWS]], name
    )
    assert is_whole(table)


@pytest.mark.parametrize(
    "text", ["see http://x.org/a", "well ... so", "a -- b", "oh!! no", "it''s, so"]
)
def test_signs_in_texts_are_no_delimiters(tmp_path, text):
    table, _history = read(
        tmp_path,
        ["text\tlabel", *(f"{text} {n}\t{b}" for n, (_, b) in enumerate(ROWS))],
        "rows.tsv",
    )
    assert table["text"][3] == f"{text} 3"
    quoted = [f'"{text} {n}","{b}"' for n, (_, b) in enumerate(ROWS)]
    assert read(tmp_path, ['"text","label"', *quoted])[0]["text"][3] == f"{text} 3"


def test_rows_of_other_widths_are_named(tmp_path):
    lines = ["\t".join([f"t{n}", "0.5", *["more"] * (n % 3)]) for n in range(12)]
    with pytest.raises(DataError, match=r"rows.csv:\d+: has \d fields for"):
        read(tmp_path, lines)


@pytest.mark.parametrize("empty", ["", '""', "   "])
def test_an_empty_row_of_one_column_is_a_row(tmp_path, empty):
    table, _history = read(
        tmp_path, ["text", "a lovely film", empty, empty, "an awful one", "", ""]
    )
    assert table["text"] == ["a lovely film", "", "", "an awful one"]


def word_rows(style):
    sentences = [("Anna sleeps .", "B-PER O O"), ("Oslo is far", "B-LOC O O")] * 5
    for number, (words, tags) in enumerate(sentences):
        for at, (word, tag) in enumerate(zip(words.split(), tags.split(), strict=True)):
            first = {"all": f"{number}", "first": "" if at else f"Sentence: {number}"}[style]
            yield f"{first},{word},{tag}"


@pytest.mark.parametrize(
    ("header", "style"),
    [
        ("Sentence #,Word,Tag", "first"),
        ("sentence_id,words,labels", "all"),
        ("sent_id,token,ner_tag", "all"),
        ("sentence,tokens,ner", "first"),
    ],
)
def test_words_with_the_number_of_their_sentence_are_sentences(tmp_path, header, style):
    table, history = read(tmp_path, [header, *word_rows(style)])
    _sentence, word, tag = header.split(",")
    assert table[word][:2] == ['["Anna", "sleeps", "."]', '["Oslo", "is", "far"]']
    assert table[tag][:2] == ['["B-PER", "O", "O"]', '["B-LOC", "O", "O"]']
    assert len(table[word]) == 10
    assert "a sentence is one row here" in history


def test_a_sentence_in_two_places_is_named(tmp_path):
    with pytest.raises(DataError, match="'0' stands in two places"):
        read(tmp_path, ["sent_id,word,tag", *word_rows("all"), "0,more,O"])


def test_sentences_and_their_labels_stay_rows(tmp_path):
    table, _history = read(tmp_path, ["sentence,label", *map(",".join, ROWS)])
    assert table["sentence"] == [text for text, _label in ROWS]
