from weitiao.data.readers.tsv import Tsv


def read(path):
    reading = Tsv().read(path)
    return [row for batch in reading.batches for row in batch], reading.notes


def test_quotation_marks_that_do_not_enclose_fields_are_text(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text(
        'text\tlabel\n"Yes" he said\t1\n"It begins here\t0\nand ends here"\t1\n', encoding="utf-8"
    )
    rows, notes = read(file)
    assert [row["text"] for _, row in rows] == [
        '"Yes" he said',
        '"It begins here',
        'and ends here"',
    ]
    assert notes == ("quotation marks are taken as part of the text: they do not enclose fields",)


def test_quotation_marks_that_enclose_fields_are_taken_off(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text('text\tlabel\n"two\nlines"\t1\nx\t0\n', encoding="utf-8")
    rows, notes = read(file)
    assert rows == [(2, {"text": "two\nlines", "label": "1"}), (4, {"text": "x", "label": "0"})]
    assert notes == ()
