"""Two text files whose lines are translations of each other, as one table."""

import bz2
import gzip
import lzma

import pytest

import weitiao
from conftest import TINY_WRITER
from weitiao.data.files.find import find
from weitiao.data.files.open import open_source
from weitiao.data.prepare.load import load
from weitiao.errors import DataError, PlanError
from weitiao.labels.texts.languages import columns_in

EN = ["A house.", "", "Two cats, and\ta dog.", "The end."]
DE = ["Ein Haus.", "Nichts.", "Zwei Katzen und ein Hund.", "Schluss."]
PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def write(folder, name, lines, packed="", end="\n", encoding="utf-8"):
    raw = "".join(line + end for line in lines).encode(encoding)
    (folder / f"{name}{packed}").write_bytes(PACK[packed](raw))


def cells(source):
    return [tuple(row[name] for name in source.columns) for row in source.table.to_pylist()]


def sentences(count, word):
    return [f"{word} sentence number {n} of many that are here" for n in range(count)]


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_files_are_one_table(tmp_path, packed, end):
    write(tmp_path, "a.en", EN, packed, end)
    write(tmp_path, "a.de", DE, packed, end)
    source = open_source(f"{tmp_path}/a.{{en,de}}{packed}")
    assert source.columns == ["en", "de"]
    assert cells(source) == list(zip(EN, DE, strict=True))
    listed = open_source([f"{tmp_path}/a.de{packed}", f"{tmp_path}/a.en{packed}"])
    assert listed.columns == ["de", "en"]


@pytest.mark.parametrize("names", [("en.txt", "de.txt"), ("EN", "DE"), ("en-US", "zh_CN")])
def test_how_the_files_may_be_called(tmp_path, names):
    for name in names:
        write(tmp_path, f"corpus.{name}", EN)
    source = open_source(f"{tmp_path}/corpus.{{{names[0]},{names[1]}}}")
    assert source.columns == [name.removesuffix(".txt") for name in names]


def test_the_languages_of_opus_downloads(tmp_path):
    write(tmp_path, "Tatoeba.de-en.de", DE)
    write(tmp_path, "Tatoeba.de-en.en", EN)
    assert open_source(f"{tmp_path}/Tatoeba.de-en.*").columns == ["de", "en"]


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_lines_are_what_wc_counts(tmp_path, packed):
    """A carriage return or a line separator inside a text would put all that follows out of step."""
    odd = ["one\rtwo", "three\u2028four", "five\x0bsix", "seven\x85eight"]
    write(tmp_path, "a.en", odd, packed)
    write(tmp_path, "a.de", DE, packed)
    assert cells(open_source(f"{tmp_path}/a.{{en,de}}{packed}")) == list(zip(odd, DE, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    write(tmp_path, "a.en", EN, encoding=encoding)
    write(tmp_path, "a.zh", ["你好。"] * 4, encoding="gb18030")
    assert cells(open_source(f"{tmp_path}/a.{{en,zh}}"))[0] == ("A house.", "你好。")
    write(tmp_path, "b.en", EN, ".gz", encoding="utf-8-sig")
    write(tmp_path, "b.de", DE, ".gz")
    assert cells(open_source(f"{tmp_path}/b.{{en,de}}.gz"))[0] == ("A house.", "Ein Haus.")


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_files_of_different_length_are_refused(tmp_path, packed):
    write(tmp_path, "a.en", EN[:2], packed)
    write(tmp_path, "a.de", DE, packed)
    with pytest.raises(DataError) as error:
        open_source(f"{tmp_path}/a.{{en,de}}{packed}")
    assert f"a.de{packed} has more lines than a.en{packed} (2)" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "harmed", [lambda raw: raw[:-9], lambda raw: raw[:12] + b"\xff" * 9 + raw[21:]]
)
def test_a_torn_packed_file_is_refused(tmp_path, harmed):
    write(tmp_path, "a.en", EN * 225, ".gz")
    (tmp_path / "a.de.gz").write_bytes(harmed(gzip.compress(b"Ein Haus.\n" * 900)))
    with pytest.raises(DataError, match=r"a\.de\.gz: this file cannot be read"):
        open_source(f"{tmp_path}/a.{{en,de}}.gz")


def test_braces(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        find(f"{tmp_path}/a.{{en,de}}")
    (tmp_path / "b{1,2}.csv").write_text("text,label\na,b\n")
    assert [file.name for file in find(f"{tmp_path}/b{{1,2}}.csv")] == ["b{1,2}.csv"]
    for name in ("x" * 300 + "{en,de}", "a\0.{en,de}"):
        with pytest.raises(DataError, match="is no name of a file|no such file"):
            find(name)


def test_two_tables_and_one_language_are_no_pair(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\na good one,x\nbad,y\n")
    assert open_source(f"{tmp_path}/{{a,b}}.csv").columns == ["text", "label"]
    with pytest.raises(DataError, match="no such file"):
        open_source(f"{tmp_path}/a.{{csv,tsv}}")


def test_look_and_plan_with_a_test_of_its_own(tmp_path):
    write(tmp_path, "train.en", [*sentences(80, "english"), ""])
    write(tmp_path, "train.de", [*sentences(80, "deutsch"), "leer"])
    write(tmp_path, "test.en", sentences(9, "another english"))
    write(tmp_path, "test.de", sentences(9, "noch ein deutsch"))
    train, test = f"{tmp_path}/train.{{en,de}}", f"{tmp_path}/test.{{en,de}}"
    seen = weitiao.look(train, test=test)
    assert (seen.task, seen.roles) == ("translation", {"text": "en", "target": "de"})
    assert (seen.rows, seen.empty_texts, seen.leaks) == (81, 1, 0)
    assert weitiao.look(train, target="en", text="de").roles == {"text": "de", "target": "en"}
    plan = weitiao.plan(train, test=test, model=TINY_WRITER)
    assert plan.task_name == "translation"
    data = load(plan.data, plan.task_name)
    assert len(data.sealed_test) == 9
    assert len(data.train) + len(data.validation) == 80
    example = data.sealed_test.examples([0])[0]
    assert example.inputs == {"text": "another english sentence number 0 of many that are here"}
    assert example.target == "noch ein deutsch sentence number 0 of many that are here"
    assert example.id == "test.en:1"


@pytest.mark.parametrize(
    ("wanted", "roles"),
    [
        ({"source_lang": "de", "target_lang": "en"}, ("de", "en")),
        ({"source_lang": "de"}, ("de", "en")),
        ({"target_lang": "en"}, ("de", "en")),
        ({"source_lang": "en", "target_lang": "de"}, ("en", "de")),
        ({"target_lang": "German"}, ("en", "de")),
    ],
)
def test_the_languages_that_are_named_say_the_direction(tmp_path, wanted, roles):
    """Columns in the order of the file were learned from en to de, and called de to en."""
    write(tmp_path, "a.en", sentences(40, "english"))
    write(tmp_path, "a.de", sentences(40, "deutsch"))
    found = weitiao.plan(f"{tmp_path}/a.{{en,de}}", model=TINY_WRITER, **wanted)
    assert (found.data.roles["text"], found.data.roles["target"]) == roles


def test_chinese_is_known_by_its_writing_where_no_name_tells(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text("phrase,meaning\n" + "".join(f"it is {n} now,现在{n}点了\n" for n in range(40)))
    for wanted, roles in (("zh", ("meaning", "phrase")), ("en", ("phrase", "meaning"))):
        into = {"zh": "en", "en": "zh"}[wanted]
        found = weitiao.plan(str(path), model=TINY_WRITER, source_lang=wanted, target_lang=into)
        assert (found.data.roles["text"], found.data.roles["target"]) == roles


def test_columns_and_languages_that_contradict_are_refused(tmp_path):
    write(tmp_path, "a.en", sentences(40, "english"))
    write(tmp_path, "a.de", sentences(40, "deutsch"))
    named = {"text": "en", "target": "de", "source_lang": "de", "target_lang": "en"}
    with pytest.raises(PlanError, match="from de into en"):
        weitiao.plan(f"{tmp_path}/a.{{en,de}}", model=TINY_WRITER, **named)


@pytest.mark.parametrize("named", [{}, {"text": "en", "target": "de"}])
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"source_lang": "en", "target_lang": "fr"}, "from en into fr, but.*'de' in de"),
        ({"target_lang": "zh"}, r"from \? into zh, but"),
        ({"source_lang": "fr", "target_lang": "de"}, "from fr into de, but.*'en' is in en"),
        ({"source_lang": "zh", "target_lang": "fr"}, "--source-lang.*--text"),
    ],
)
def test_languages_that_no_column_is_in_are_refused(tmp_path, named, wanted, message):
    write(tmp_path, "a.en", sentences(40, "english"))
    write(tmp_path, "a.de", sentences(40, "deutsch"))
    with pytest.raises(PlanError, match=message):
        weitiao.plan(f"{tmp_path}/a.{{en,de}}", model=TINY_WRITER, **named, **wanted)


@pytest.mark.parametrize(("source", "target"), [("de", "fr"), ("fr", "en"), ("en", "German")])
def test_of_three_languages_two_are_named(tmp_path, source, target, typed):
    path = tmp_path / "book.csv"
    rows = "".join(f"it is {n} now,jetzt ist es {n},il est {n}\n" for n in range(40))
    path.write_text("en,German text,fr\n" + rows)
    columns = {"en": "en", "de": "German text", "German": "German text", "fr": "fr"}
    found = weitiao.plan(str(path), model=TINY_WRITER, source_lang=source, target_lang=target)
    assert (found.data.roles["text"], found.data.roles["target"]) == (
        columns[source],
        columns[target],
    )
    named = ["--source-lang", source, "--target-lang", target, "--model", TINY_WRITER]
    code, _out, error = typed("plan", path, *named, "-o", tmp_path / "plan.yaml")
    assert code == 0, error


@pytest.mark.parametrize(
    ("names", "source", "target", "found"),
    [
        (["en", "zh-CN", "zh-TW"], "en", "zh-TW", ("en", "zh-TW")),
        (["en", "zh_CN", "zh_TW"], "zh-CN", "zh-tw", ("zh_CN", "zh_TW")),
        (["en", "zh", "zh-TW"], "zh", "en", ("zh", "en")),
        (["en", "zh", "繁體中文"], "en", "zh-TW", ("en", "繁體中文")),
        (["en", "pt-PT", "pt-BR"], "pt-BR", "en", ("pt-BR", "en")),
        (["en", "de", "no"], "de", "nb", ("de", "no")),
        (["en", "de", "nb"], "no", "de", ("nb", "de")),
        (["en", "nb", "nn"], "nn", "nb", ("nn", "nb")),
        (["en", "pt-PT", "pt-BR"], "pt", "en", None),  # either may be meant
        (["en", "de", "fr"], "de", "de", None),
    ],
)
def test_of_columns_of_one_language_that_of_the_region_is_taken(names, source, target, found):
    wanted = dict(zip(("text", "target"), found, strict=True)) if found else {}
    assert columns_in(names, source, target) == wanted


def test_a_region_among_three_columns_is_planned(tmp_path, typed):
    path = tmp_path / "book.csv"
    rows = "".join(f"it is {n} now,现在是{n}点钟了,現在是{n}點鐘了\n" for n in range(40))
    path.write_text("en,zh-CN,zh-TW\n" + rows, encoding="utf-8")
    named = ["--source-lang", "en", "--target-lang", "zh-TW", "--model", TINY_WRITER]
    code, _out, error = typed("plan", path, *named, "-o", tmp_path / "plan.yaml")
    assert code == 0, error
    assert "zh-TW" in (tmp_path / "plan.yaml").read_text(encoding="utf-8").split("roles")[1]


def test_a_column_that_changes_places_is_in_the_other_language(tmp_path):
    path = tmp_path / "book.csv"
    rows = "".join(f"it is {n} now,jetzt ist es {n}\n" for n in range(40))
    path.write_text("English text,German text\n" + rows)
    with pytest.raises(PlanError, match="from de into fr, but.*'English text' in en"):
        weitiao.plan(str(path), model=TINY_WRITER, source_lang="de", target_lang="fr")
    found = weitiao.plan(str(path), model=TINY_WRITER, source_lang="de")
    assert found.data.roles["text"] == "German text"
    assert found.task["translation"]["target_language"] == "en"


@pytest.mark.parametrize("code", ["sk", "hr", "sr", "ca", "ur", "sw", "sl", "nb"])
def test_files_of_further_languages_are_a_pair(tmp_path, code):
    write(tmp_path, "train.en", sentences(40, "english"))
    write(tmp_path, f"train.{code}", sentences(40, "other"))
    path = f"{tmp_path}/train.{{en,{code}}}"
    assert open_source(path).columns == ["en", code]
    found = weitiao.plan(path, model=TINY_WRITER, target_lang=code)
    assert found.task["translation"]["target_language"] == code


def test_a_code_of_no_language_is_told_when_planning(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text("source,target\n" + "".join(f"it is {n},now {n}\n" for n in range(40)))
    with pytest.raises(PlanError, match="target_language: 'klingon' is no language code"):
        weitiao.plan(str(path), model=TINY_WRITER, target_lang="klingon")
    found = weitiao.plan(str(path), model=TINY_WRITER, source_lang="en", target_lang="zh-TW")
    assert found.task["translation"]["target_language"] == "zh-TW"
