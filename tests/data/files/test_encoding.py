import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from weitiao.data.files import encoding
from weitiao.errors import DataError

SIMPLIFIED = [
    "这家酒店很好", "房间太小了", "服务员态度不错，下次还来", "价格有点贵", "我不会再买了",
    "手机屏幕坏了，退货太麻烦", "怎么办理信用卡？", "今天天气真好", "物流很快", "给五星好评！",
    "请问这个多少钱", "一般般吧", "早餐种类少", "电池用两天就没电", "他们说明天发货",
    "质量太差，大家不要买", "孩子很喜欢这本书", "前台小姐非常热情", "地铁站就在旁边", "再也不来了",
]  # fmt: skip
TRADITIONAL = [
    "這家飯店很好", "房間太小了", "服務員態度不錯，下次還來", "價格有點貴", "我不會再買了",
    "手機螢幕壞了，退貨太麻煩", "怎麼辦理信用卡？", "今天天氣真好", "物流很快嗎", "給五星好評！",
    "請問這個多少錢", "還可以吧", "早餐種類少", "電池用兩天就沒電", "他們說明天發貨",
]  # fmt: skip
LATIN = [
    "Das Café in Zürich war schön", "Größe und Straße", "Le garçon a mangé une pêche à l’école",
    "El niño comió piñata mañana", "“A great film” – it’s a must…", "naïve", "Ça va très bien",
    "Señor Peña pagó £5", "São João às três", "über alles gut", "It’s 20°C outside",
]  # fmt: skip
POOLS = {"gb18030": SIMPLIFIED, "big5hkscs": TRADITIONAL, "cp1252": LATIN}
CASES = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def table(sentences):
    return "text,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(sentences))


@settings(max_examples=300, **CASES)
@given(st.data())
def test_sentences_of_any_number_are_read_in_the_encoding_they_were_written_in(tmp_path, data):
    name = data.draw(st.sampled_from(list(POOLS)))
    sentences = data.draw(st.lists(st.sampled_from(POOLS[name]), min_size=1, max_size=30))
    text = table(sentences)
    (tmp_path / "a.csv").write_bytes(text.encode(name))
    found = encoding.detect(tmp_path / "a.csv")
    assert found.name == name
    assert found.clean
    with found.open(tmp_path / "a.csv") as file:
        assert file.read() == text


@settings(max_examples=60, **CASES)
@given(st.lists(st.sampled_from(TRADITIONAL), min_size=2, max_size=30))
def test_traditional_characters_in_gbk_are_no_big5(tmp_path, sentences):
    (tmp_path / "a.csv").write_bytes(table(sentences).encode("gbk"))
    assert encoding.detect(tmp_path / "a.csv").name == "gb18030"


@settings(max_examples=100, **CASES)
@example(["手机屏幕坏了，退货太麻烦"] * 2, "utf-16-le")  # one character ends in a NUL byte
@given(
    st.lists(st.sampled_from(SIMPLIFIED + LATIN), min_size=1, max_size=20),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
)
def test_unicode_is_found_with_and_without_its_mark(tmp_path, sentences, name):
    text = table(sentences)
    (tmp_path / "a.csv").write_bytes(text.encode(name))
    with encoding.detect(tmp_path / "a.csv").open(tmp_path / "a.csv") as file:
        assert file.read().removeprefix("\ufeff") == text


@settings(max_examples=200, **CASES)
@given(st.text(min_size=1))
def test_what_is_utf_8_is_read_as_utf_8(tmp_path, text):
    raw = text.encode("utf-8", "ignore") or b"x"
    if raw.count(0) or raw.startswith((b"\xff", b"\xfe")):
        return
    (tmp_path / "a.csv").write_bytes(raw)
    assert encoding.detect(tmp_path / "a.csv").name == "utf-8-sig"


def test_a_few_foreign_bytes_in_utf_8_are_marked_and_not_another_encoding(tmp_path):
    raw = table(SIMPLIFIED).encode() + "错的,1\n".encode("gbk")
    (tmp_path / "a.csv").write_bytes(raw)
    found = encoding.detect(tmp_path / "a.csv")
    assert (found.name, found.clean) == ("utf-8-sig", False)
    with found.open(tmp_path / "a.csv") as file:
        last = file.readlines()[-1]
    assert "0xb4" in encoding.wrong_byte(last)
    assert encoding.readable(last).endswith(",1\n")


def test_a_late_line_decides(tmp_path):
    raw = b"plain,1\n" * 500_000 + "这家酒店很好,1\n".encode("gbk")
    (tmp_path / "a.csv").write_bytes(raw)
    assert encoding.detect(tmp_path / "a.csv").name == "gb18030"


def test_doubt_is_said_with_the_remedy(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,label\né,1\n".encode("cp1252"))
    found = encoding.detect(tmp_path / "a.csv")
    assert found.name == "cp1252"
    (tmp_path / "b.csv").write_bytes("a,b\n©½,1\n".encode("cp1252"))
    notes = encoding.detect(tmp_path / "b.csv").notes
    assert "data.reader.csv.encoding=" in notes[0]


def test_an_encoding_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\n")
    for name in ("gbkk", "idna", "rot13", "hex", ""):
        if name:
            with pytest.raises(DataError, match=f"no encoding called '{name}'"):
                encoding.detect(tmp_path / "a.csv", name)
