"""The index on disk: what changes, what is damaged, two processes, kills, the fusion."""

import os
import random
import signal
import sqlite3
import sys
import time

import numpy as np
import pytest

from weitiao.errors import RunError
from weitiao.search import documents
from weitiao.search.encoder import Encoder
from weitiao.search.index import Changes, Index, fused
from weitiao.search.store import FILE, Store, words_of

TEXTS = {
    "towers.txt": "The Eiffel tower was built in 1889. It stands in Paris.",
    "bells.md": "# Big Ben\nThe clock in London rings every hour.",
    "塔.txt": "东方明珠塔位于上海。它建于一九九四年。",
}


class Letters(Encoder):
    """An encoder without a network: how often each letter occurs."""

    def __init__(self, name, letters="abcdefghijklmnopqrstuvwxyz"):
        super().__init__(None, name)
        object.__setattr__(self, "letters", letters)

    def questions(self, texts):
        counts = np.array([[1 + text.lower().count(c) for c in self.letters] for text in texts])
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    passages = questions


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def index(tmp_path):
    return Index.at(tmp_path / "index", Letters("one"))


def best(index, question):
    return index.search(question)[0].passage.document


def content(folder):
    """All passages with their words and vectors, without their numbers."""
    with sqlite3.connect(folder / FILE) as database:
        database.execute("INSERT INTO words(words) VALUES ('integrity-check')")
        return sorted(database.execute(
            "SELECT f.name, f.size, f.problem, p.document, p.start, p.title, p.text, p.vector, "
            "w.terms FROM files f LEFT JOIN passages p ON p.file = f.id "
            "LEFT JOIN words w ON w.rowid = p.id"
        ).fetchall(), key=repr), [
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("passages", "words")
        ]  # fmt: skip


def unbroken(docs, folder):
    index = Index.at(folder, Letters("one"))
    index.update(docs)
    return content(folder)


def test_new_changed_renamed_and_deleted_files(docs, index, tmp_path):
    assert index.update(docs) == Changes(3, 0)
    assert index.update(docs) == Changes(0, 0)
    assert best(index, "When was the Eiffel tower built?") == "towers.txt"
    assert best(index, "东方明珠塔在哪里？") == "塔.txt"
    (docs / "towers.txt").write_text("It is about cheese and nothing else.")
    (docs / "bells.md").rename(docs / "clocks.md")
    assert index.update(docs) == Changes(2, 1)
    assert best(index, "London clock") == "clocks.md"
    assert best(index, "cheese") == "towers.txt"
    assert not index.store.bm25("eiffel", 5)
    (docs / "塔.txt").unlink()
    (docs / "sub").mkdir()
    (docs / "sub" / "a.csv").write_text("name,where\nBig Ben,London\nLouvre,Paris\n")
    assert index.update(docs) == Changes(1, 1)
    assert best(index, "Louvre") == "sub/a.csv:3"
    assert content(index.store.folder) == unbroken(docs, tmp_path / "again")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_there(docs, index, monkeypatch):
    (docs / "a.docx").write_bytes(b"no zip")
    monkeypatch.setattr(documents, "MOST_BYTES", 100)
    (docs / "b.txt").write_text("long " * 30)
    changes = index.update(docs)
    assert changes.added == 5
    assert [problem.split(":")[0] for problem in changes.problems] == ["a.docx", "b.txt"]
    assert best(index, "Eiffel") == "towers.txt"
    again = index.update(docs)
    assert (again.added, again.problems) == (0, changes.problems)  # named again, not read again
    (docs / "b.txt").write_text("short")
    assert len(index.update(docs).problems) == 1


def test_another_encoder_gives_other_vectors_and_forgets_what_was_tuned(docs, index):
    index.update(docs)
    index.tune(["tower"], lambda _row, passage: "tower" in passage.text)
    assert index.weight is not None
    vectors = index.store.vectors()[1]
    other = Index(index.store, Letters("two", "etaoin"))
    assert other.update(docs) == Changes(3, 0)
    assert other.store.vectors()[1].shape == (len(vectors), 6)
    assert other.weight is None
    assert other.update(docs) == Changes(0, 0)
    without = Index(index.store, None)
    assert without.update(docs).added == 3
    assert not len(without.store.vectors()[0])


def test_chinese_beside_numbers_and_letters_is_found(tmp_path):
    docs = tmp_path / "docs"
    table_in(docs, ["2023年公司营收增长了百分之十。", "USB接口在机身右侧。", "办公室在伯尔尼。"])
    index = Index.at(tmp_path / "index")
    index.update(docs)
    for question, text in (
        ("公司营收", "营收"),
        ("2023", "2023"),
        ("usb", "USB"),
        ("机身右侧", "USB"),
    ):
        assert text in index.search(question)[0].passage.text


def test_in_a_small_index_a_frequent_word_counts(tmp_path):
    docs = tmp_path / "docs"
    table_in(docs, ["the bulb lasts", "a bulb glows", "a warranty", "the room", "the door"])
    index = Index.at(tmp_path / "index")
    index.update(docs)
    found = {one.passage.text[6:] for one in index.search("bulb lifetime warranty")}
    assert found == {"the bulb lasts", "a bulb glows", "a warranty"}


class Counting(Letters):
    """Remembers what it encoded; stops before a text with `stop` in it."""

    def __init__(self, name, stop="-"):
        super().__init__(name)
        object.__setattr__(self, "stop", stop)
        object.__setattr__(self, "encoded", [])

    def passages(self, texts):
        if any(self.stop in text for text in texts):
            raise KeyboardInterrupt
        self.encoded.extend(texts)
        return super().passages(texts)


def table_in(folder, texts):
    folder.mkdir(exist_ok=True)
    (folder / "rows.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts))


def test_a_changed_row_of_a_large_table_is_encoded_alone(tmp_path):
    docs, texts = tmp_path / "docs", [f"row number {at}" for at in range(700)]
    table_in(docs, texts)
    Index.at(tmp_path / "index", Letters("one")).update(docs)
    texts[5] = "another text altogether"
    table_in(docs, texts)
    encoder = Counting("one")
    assert Index.at(tmp_path / "index", encoder).update(docs) == Changes(1, 0)
    assert len(encoder.encoded) == 1
    assert content(tmp_path / "index") == unbroken(docs, tmp_path / "again")


def test_a_killed_large_table_goes_on_with_the_vectors_it_has(tmp_path):
    docs = tmp_path / "docs"
    table_in(docs, [f"row number {at}" for at in range(700)])
    done = []
    with pytest.raises(KeyboardInterrupt):
        Index.at(tmp_path / "index", Counting("one", "number 600")).update(
            docs, lambda *step: done.append(step)
        )
    assert len(done) == 2  # two batches of 256
    assert 0.7 < done[1][0] / done[1][1] < 0.75
    encoder = Counting("one")
    index = Index.at(tmp_path / "index", encoder)
    index.update(docs, lambda *step: done.append(step))
    assert len(encoder.encoded) == 700 - 512
    assert done[-1][0] == done[-1][1] == (docs / "rows.csv").stat().st_size
    assert index.store.known_vectors("another file") == {}
    assert content(tmp_path / "index") == unbroken(docs, tmp_path / "again")


def test_another_file_leaves_the_vectors_of_a_killed_one(tmp_path):
    docs = tmp_path / "docs"
    table_in(docs, [f"row number {at}" for at in range(700)])
    with pytest.raises(KeyboardInterrupt):
        Index.at(tmp_path / "index", Counting("one", "number 600")).update(docs)
    (docs / "a.txt").write_text("It comes first.")
    encoder = Counting("one")
    index = Index.at(tmp_path / "index", encoder)
    index.update(docs)
    assert len(encoder.encoded) == 1 + 700 - 512
    assert index.store.known_vectors("another file") == {}


def test_vectors_of_another_encoder_are_not_taken(tmp_path):
    docs = tmp_path / "docs"
    table_in(docs, [f"row number {at}" for at in range(700)])
    with pytest.raises(KeyboardInterrupt):
        Index.at(tmp_path / "index", Counting("one", "number 600")).update(docs)
    encoder = Counting("two")
    Index.at(tmp_path / "index", encoder).update(docs)
    assert len(encoder.encoded) == 700


def test_a_kill_while_the_encoder_changes_mixes_no_vectors(docs, index):
    index.update(docs)

    class Killed(Letters):
        def passages(self, texts):
            if index.store.vectors()[0].size:  # a file is through
                raise KeyboardInterrupt
            return self.questions(texts)

    with pytest.raises(KeyboardInterrupt):
        Index(index.store, Killed("two", "etaoin")).update(docs)
    assert len(index.store.vectors()[0]) == 1
    after = Index(index.store, Letters("two", "etaoin"))
    assert after.update(docs).added == 2
    assert after.store.vectors()[1].shape == (3, 6)


def test_a_second_writer_gets_one_message_and_a_reader_none(docs, index, tmp_path):
    index.update(docs)
    with Store(index.store.folder).writing():
        assert index.update(docs) == Changes(0, 0)  # there is nothing to write
        assert best(index, "Eiffel") == "towers.txt"
        (docs / "new.txt").write_text("new")
        with pytest.raises(RunError, match="another process is indexing"):
            index.update(docs)
    assert index.update(docs).added == 1


@pytest.mark.parametrize(
    "damage", [b"no database at all" * 100, b"SQLite format 3\x00" + b"x" * 99]
)
def test_a_damaged_index_is_one_message(docs, tmp_path, damage):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / FILE).write_bytes(damage)
    with pytest.raises(RunError, match="damaged"):
        Index.at(tmp_path / "index")


def test_damage_that_shows_later_is_one_message(docs, index):
    index.update(docs)
    index.store.close()
    path = index.store.folder / FILE
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(RunError, match="damaged|cannot be used"):
        again = Index.at(index.store.folder, Letters("one"))
        again.update(docs)
        again.search("Eiffel")
        again.store.vectors()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE passages SET vector = x'00'", "UPDATE passages SET vector = x''",
        "UPDATE passages SET vector = x'003c003c' WHERE id = 1",
        "UPDATE passages SET vector = x'003c003c'", "UPDATE passages SET vector = 'a text'",
        "UPDATE passages SET vector = 5 WHERE id = 1", "UPDATE passages SET text = NULL",
        "UPDATE passages SET document = x'ff'", "UPDATE files SET size = 'x'",
        f"UPDATE passages SET vector = x'{'007e' * 26}' WHERE id = 1",  # not a number
        "UPDATE files SET name = x'ff' WHERE id = 1",
        *(f"INSERT OR REPLACE INTO about VALUES ('weight', '{value}')" for value in
          ("abc", "nan", "inf", "-1", "7")),
    ],
)  # fmt: skip
def test_an_edited_index_is_one_message(docs, index, edit):
    index.update(docs)
    index.store._database.execute(edit)
    index.store.close()
    with pytest.raises(RunError, match="this index is damaged"):
        again = Index.at(index.store.folder, Letters("one"))
        again.update(docs)
        again.search("Eiffel")


def test_an_index_whose_tables_are_views_or_have_triggers_is_refused(docs, index):
    index.update(docs)
    index.store.close()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    path = index.store.folder / FILE
    whole = path.read_bytes()
    for edit in (
        f"DROP TABLE files; CREATE VIEW files AS {endless}",
        f"CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM passages WHERE id IN ({endless})"
        "; END",
    ):
        path.write_bytes(whole)
        with sqlite3.connect(path) as database:
            database.executescript(edit)
        database.close()
        with pytest.raises(RunError, match=r"this index is damaged \(files is no table\)"):
            Index.at(index.store.folder, Letters("one"))


def test_the_database_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "index").mkdir()
    with sqlite3.connect(tmp_path / "index" / FILE) as database:
        database.execute("CREATE TABLE files (mine TEXT)")
    before = (tmp_path / "index" / FILE).read_bytes()
    with pytest.raises(RunError, match="not an index"):
        Index.at(tmp_path / "index")
    assert (tmp_path / "index" / FILE).read_bytes() == before


def test_an_index_of_another_version_is_built_again(docs, index, tmp_path):
    index.update(docs)
    index.store._database.execute("PRAGMA user_version=99")
    index.store.close()
    again = Index.at(index.store.folder, Letters("one"))
    assert len(again.store) == 0
    assert again.update(docs) == Changes(3, 0)


def test_a_question_may_hold_anything(docs, index):
    index.update(docs)
    for question in ('"', "' OR 1=1 --", "NEAR(a b)", "*", "a AND", "-", "", "\x00", "^x", "😀"):
        assert isinstance(index.search(question), list)
        assert isinstance(Index(index.store).search(question), list)


def test_words_are_found_however_they_are_written(docs, index):
    (docs / "cafe.txt").write_text("Le cafe\u0301 ＡＢＣ, naïve İstanbul Straße")
    index.update(docs)
    for word in ("café", "abc", "naïve", "İstanbul", "Straße", "STRASSE"[:5] + "e"):
        found = index.store.bm25(word, 5)
        assert bool(found) == (words_of(word)[0] in words_of("Le café ABC, naïve İstanbul Straße"))
    assert index.store.bm25("café", 5)


def test_an_empty_folder_is_an_empty_index(tmp_path, index):
    (tmp_path / "empty").mkdir()
    assert index.update(tmp_path / "empty") == Changes(0, 0)
    assert index.search("anything") == []


def test_the_fusion_is_a_convex_combination_or_reciprocal_ranks():
    lexical, near = {1: 4.0, 2: 2.0, 3: 0.0}, {1: 0.2, 2: 0.6, 4: 1.0}
    assert dict(fused(lexical, near, 0.25)) == pytest.approx(
        {1: 0.75, 2: 0.375 + 0.125, 3: 0.0, 4: 0.25}
    )
    assert dict(fused(lexical, near, None)) == pytest.approx(
        {1: 1 / 61 + 1 / 63, 2: 2 / 62, 3: 1 / 63, 4: 1 / 61}
    )
    assert [n for n, _ in fused(lexical, near, 1.0)][:2] == [4, 2]
    assert [n for n, _ in fused(lexical, near, 0.0)][:2] == [1, 2]
    assert fused({}, near, 0.5)[0] == (4, 1.0)
    assert fused({}, {}, None) == []


def test_tuning_chooses_the_side_that_is_right(docs, index):
    index.update(docs)

    def right(_row, passage):
        return passage.document == "towers.txt"

    # The letters of the question are those of the bells, its rare word that of the tower.
    assert index.tune(["eiffel ring rings ringing hour clock"] * 3, right) < 1.0
    assert index.tune(["zzz " + TEXTS["towers.txt"].replace(" ", "")] * 3, right) > 0.0


class Slow(Letters):
    """Tells of each document that it begins with."""

    def __init__(self, name, begun):
        super().__init__(name)
        object.__setattr__(self, "begun", begun)

    def passages(self, texts):
        os.write(self.begun, b".")
        time.sleep(0.004)
        return self.questions(texts)


def in_another_process(docs, folder):
    """Index in a fork, slowly; its process id, and a file with a byte for each document begun."""
    begun, telling = os.pipe()
    pid = os.fork()
    if pid:
        os.close(telling)
        return pid, open(begun, "rb", buffering=0)
    try:
        Index.at(folder, Slow("one", telling)).update(docs)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)


def test_killed_ten_times_nothing_is_lost_and_nothing_twice(tmp_path):
    docs, folder, rng = tmp_path / "docs", tmp_path / "index", random.Random(3)
    docs.mkdir()
    for number in range(150):
        words = " ".join(rng.choice(["tower", "bell", "clock", "塔"]) for _ in range(150))
        (docs / f"{number}.txt").write_text(f"number {number}. {words}")
    kills, seen = 0, []
    while kills < 10:
        pid, begun = in_another_process(docs, folder)
        with begun:
            for _ in range(rng.randint(1, 40)):
                begun.read(1)
            time.sleep(rng.uniform(0, 0.006))
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):  # it was through
            assert os.WEXITSTATUS(status) == 0
            for path in docs.iterdir():
                path.write_text(path.read_text() + " more")
            continue
        kills += 1
        seen.append(Index.at(folder).store.files())
        (docs / f"{kills}.txt").write_text(f"changed after {kills} kills")
        (docs / f"{kills + 50}.txt").unlink()
    assert len({len(files) for files in seen}) > 3  # it was killed at different places
    pid, begun = in_another_process(docs, folder)
    with begun:
        assert os.waitpid(pid, 0)[1] == 0
    assert content(folder) == unbroken(docs, tmp_path / "again")
