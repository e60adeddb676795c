import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.files.table import from_rows
from weitiao.data.infer.cells import split_labels
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.errors import DataError

EN = [f"the {w} film number {i} was watched by many people" for i, w in enumerate("abcdefghij" * 6)]
ZH = [f"这家酒店第{i}间房间的服务非常好下次还会再来" for i in range(60)]
TWO = ["pos", "neg"] * 30


def guess(columns, given=None):
    table = from_rows(columns).table
    roles = guess_roles(table, given or {}).roles
    return roles, guess_task(table, roles)[0]


@pytest.mark.parametrize(
    ("columns", "roles", "task"),
    [
        ({"text": EN, "label": TWO}, {"text": "text", "target": "label"}, "classification"),
        ({"内容": ZH, "情感": TWO}, {"text": "内容", "target": "情感"}, "classification"),
        (
            {"评论内容": ZH, "星级": ["5", "1"] * 30},
            {"text": "评论内容", "target": "星级"},
            "classification",
        ),
        ({"a": EN, "b": TWO}, {"text": "a", "target": "b"}, "classification"),
        (
            {
                "id": list(range(60)),
                "title": [t[:9] for t in EN],
                "body": EN,
                "stars": [1, 5] * 30,
            },
            {"text": "body", "target": "stars"},
            "classification",
        ),
        (
            {"text": EN, "price": [i / 7 for i in range(60)]},
            {"text": "text", "target": "price"},
            "regression",
        ),
        ({"text": EN, "score": list(range(60))}, {"text": "text", "target": "score"}, "regression"),
        (
            {"question1": EN, "question2": EN[::-1], "is_duplicate": [0, 1] * 30},
            {"text": "question1", "text_pair": "question2", "target": "is_duplicate"},
            "classification",
        ),
        (
            {"sentence_A": EN, "sentence_B": EN[::-1], "score": [i / 7 for i in range(60)]},
            {"text": "sentence_A", "text_pair": "sentence_B", "target": "score"},
            "regression",
        ),
        (
            {"句子1": ZH, "句子2": ZH[::-1], "标签": ["蕴含", "中立", "矛盾"] * 20},
            {"premise": "句子1", "hypothesis": "句子2", "target": "标签"},
            "nli",
        ),
        (
            {"句子１": ZH, "句子２：": ZH[::-1], "相似度（０～５）": [0, 1, 2, 3, 4, 5] * 10},
            {"text": "句子１", "text_pair": "句子２：", "target": "相似度（０～５）"},
            "regression",
        ),
        (
            {"前提：": ZH, "假设：": ZH[::-1], "关系（必填）": ["蕴含", "中立", "矛盾"] * 20},
            {"premise": "前提：", "hypothesis": "假设：", "target": "关系（必填）"},
            "nli",
        ),
        (
            {
                "问题？": [f"第{i}间怎么样" for i in range(60)],
                "文章内容": ZH,
                "答案：": ["服务非常好"] * 60,
            },
            {"question": "问题？", "context": "文章内容", "target": "答案："},
            "question_answering",
        ),
        (
            {"评论（译文）": [t[:9] for t in ZH], "评论": ZH, "＊标签": TWO},
            {"text": "评论", "target": "＊标签"},
            "classification",
        ),
        (
            {"premise": EN, "hypothesis": EN[::-1], "gold_label": ["e", "n", "c"] * 20},
            {"premise": "premise", "hypothesis": "hypothesis", "target": "gold_label"},
            "nli",
        ),
        (
            {"comment": EN, "toxic": ["0", "1"] * 30, "insult": ["1", "0"] * 30},
            {"text": "comment", "target": ["toxic", "insult"]},
            "multilabel",
        ),
        (
            {"text": EN, "tags": ["sport|money", "money", "sport", "art|sport"] * 15},
            {"text": "text", "target": "tags"},
            "multilabel",
        ),
        (
            {"text": EN, "tags": ['["a"]', '["a", "b"]', "[]"] * 20},
            {"text": "text", "target": "tags"},
            "multilabel",
        ),
        (
            {"text": EN, "topic": ["Arts, crafts", "Health, sport", "Money"] * 20},
            {"text": "text", "target": "topic"},
            "classification",
        ),
        (
            {"text": EN * 10, "label": [i % 30 for i in range(600)]},
            {"text": "text", "target": "label"},
            "classification",
        ),
    ],
)
def test_roles_and_task_are_guessed(columns, roles, task):
    assert guess(columns) == (roles, task)


def test_every_guess_has_its_reason_with_figures():
    table = from_rows({"text": EN, "label": TWO}).table
    found = guess_roles(table, {})
    assert "100% of the values are different" in found.reasons["text"]
    assert "2 different values in 60 rows (pos, neg)" in found.reasons["target"]
    assert guess_task(table, found.roles)[1] == "'label' holds 2 different labels: pos, neg"


def test_what_is_given_stands():
    table = from_rows({"text": EN, "other": EN[::-1], "label": TWO, "mood": TWO}).table
    found = guess_roles(table, {"text": "other", "target": "mood"})
    assert found.roles == {"text": "other", "target": "mood"}
    assert found.reasons == {"text": "given by you", "target": "given by you"}


def test_ordered_stars_hint_at_regression():
    table = from_rows({"text": EN, "stars": [1, 2, 3, 4, 5] * 12}).table
    assert "--task regression" in guess_task(table, {"text": "text", "target": "stars"})[1]


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        (
            {"text": EN, "label": TWO},
            {"text": "txt"},
            "no column called 'txt'. Did you mean 'tex",
        ),
        ({"text": EN, "label": TWO}, {"txt": "text"}, "no role called 'txt'. Did you mean 'tex"),
        ({"text": EN, "label": TWO}, {"text": ["text", "label"]}, "takes one column"),
        ({"text": EN, "level": TWO, "genre": TWO}, {}, "which column is the target"),
        ({"a": list(range(60)), "label": TWO}, {}, "which column is the text"),
        ({"text": EN}, {}, "there is only one column: text"),
    ],
)
def test_what_cannot_be_told_is_asked_for(columns, given, message):
    with pytest.raises(DataError, match=message):
        guess(columns, given)


def test_texts_as_target_are_refused():
    with pytest.raises(DataError, match="these are no labels"):
        guess({"text": EN, "answer": EN[::-1]}, {"text": "text", "target": "answer"})


SHORT = ["cat", "dog", "sun", "tea", "ice"] * 12


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("text", "text_pair"),
        ("sentence1", "sentence2"),
        ("Sentence_A", "Sentence_B"),
        ("premise", "hypothesis"),
        ("问题1", "问题2"),
        ("question 1", "question 2"),
    ],
)
@pytest.mark.parametrize("texts", [SHORT, ["早", "晚", "春", "秋"] * 15, ["a1", "b2", "c3"] * 20])
def test_names_of_a_pair_suffice_however_short_the_texts_are(first, second, texts):
    roles, task = guess({first: texts, second: texts[::-1], "label": [0, 1] * 30})
    assert list(roles.values()) == [first, second, "label"]
    assert task == "classification"


@pytest.mark.parametrize(
    "columns",
    [
        {"query": EN, "title": ["Mr", "Ms"] * 30, "label": TWO},  # title: may be a label
        {"text": EN, "text_pair": [None] * 55 + SHORT[:5], "label": TWO},  # mostly empty
        {"text1": list(range(60)), "text2": list(range(60)), "text": EN, "label": TWO},  # numbers
    ],
)
def test_other_short_columns_are_no_second_text(columns):
    assert "text_pair" not in guess(columns)[0]


@pytest.mark.parametrize("name", ["label", "Target", "class", "labels"])
@pytest.mark.parametrize("cells", [["yes"] * 60, [1, None] * 30, [True] * 60])
def test_a_target_of_one_value_does_not_give_way_to_a_column_that_looks_like_one(name, cells):
    with pytest.raises(DataError, match=f"'{name}' holds one value only"):
        guess({"text": EN, name: cells, "grade": [1, 2, 3] * 20})


LABEL = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(LABEL, min_size=1, unique=True), st.sampled_from("|;,，、；"))
def test_labels_between_separators_come_back(labels, separator):
    assert split_labels(separator.join(labels)) == labels
    assert split_labels(f" {separator} ".join(labels) + separator) == labels


@given(st.text(max_size=30))
def test_labels_are_never_empty_nor_twice(cell):
    labels = split_labels(cell)
    assert all(label.strip() == label != "" for label in labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("labels", [["yes", "no"], ["0", "1"], ["true", "false"]])
def test_yes_and_no_about_a_passage_are_labels(labels):
    passages = [f"{text}; it is known to be true, {i} of 10 say yes" for i, text in enumerate(EN)]
    questions = [f"is film {i} old" for i in range(60)]
    roles, task = guess({"question": questions, "passage": passages, "label": labels * 30})
    assert roles == {"text": "question", "text_pair": "passage", "target": "label"}
    assert task == "classification"


@pytest.mark.parametrize(
    "columns",
    [
        {"statement": EN, "claim": EN[::-1], "verdict": ["yes", "no"] * 30},
        {"原句": ZH, "改写": ZH[::-1], "结论": TWO},
        {"alpha": EN, "beta": EN[::-1], "gamma": EN, "label": TWO},
    ],
)
def test_of_texts_alike_none_is_taken_in_silence(columns):
    with pytest.raises(DataError, match=r"--roles '?text=\w+,text_pair=\w+"):
        guess(columns)
    first, second = list(columns)[:2]
    assert guess(columns, {"text": first})[0]["text"] == first
    both = guess(columns, {"text": first, "text_pair": second})[0]
    assert both["text_pair"] == second


def test_a_longer_text_is_taken_before_a_shorter_one_without_asking():
    columns = {"x": [text[:12] for text in EN], "y": EN, "label": TWO}
    assert guess(columns)[0]["text"] == "y"


DATES = [f"{1 + i % 28}.{1 + i % 9}.2026" for i in range(60)]


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        [f"{1 + i % 9:02}/{20 + i % 8}/2026 10:3{i % 9}" for i in range(60)],
        [f"2026-0{1 + i % 3}-01" for i in range(60)],
        [f"2026年{1 + i % 3}月" for i in range(60)],
    ],
)
def test_dates_are_neither_target_nor_text(dates):
    roles, _task = guess({"when": dates, "what they said": EN, "happy": TWO})
    assert roles == {"text": "what they said", "target": "happy"}
    reasons = guess_roles(from_rows({"when": dates, "a": EN, "happy": TWO}).table, {}).reasons
    assert "when" not in reasons["text"]


@pytest.mark.parametrize(
    "columns",
    [
        {"lesson": [i // 4 for i in range(60)], "English sentence": EN, "中文": ZH},
        {"passage_text": EN, "q": ZH, "pos": [i * 7 % 50 for i in range(60)]},
    ],
)
def test_numbers_beside_two_texts_are_no_target_in_silence(columns):
    with pytest.raises(DataError, match="cannot tell which column is the target"):
        guess(columns)


def test_labels_between_separators_are_the_target_also_under_another_name():
    """Their many combinations made them look like a second text."""
    names = ["财经", "体育", "科技", "娱乐", "社会", "教育", "房产"]
    cells = [
        names[i % 7] if i % 2 else "、；"[i % 4 // 2].join([names[i % 7], names[(i * 3 + 1) % 7]])
        for i in range(60)
    ]
    columns = {"标题": ZH, "所属栏目（可多选）": cells}
    assert guess(columns) == ({"text": "标题", "target": "所属栏目（可多选）"}, "multilabel")


DAYS = [f"2024年{1 + i % 12}月{1 + i % 28}日" for i in range(60)]


@pytest.mark.parametrize(
    "names", [("英文原文", "中文译文"), ("英文标题", "中文标题"), ("one", "other")]
)
def test_texts_in_two_languages_beside_numbers_and_dates_are_a_translation(names):
    one, other = names
    columns = {"序号": list(range(1, 61)), one: EN, other: ZH, "审校日期": DAYS}
    assert guess(columns) == ({"text": one, "target": other}, "translation")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("英文译文", "中文原文"), ("中文译文", "英文原文"), ("英文翻译", "中文"),
        ("German translation", "English source"), ("English", "中文源文"), ("en_target", "zh"),
        ("translated", "原文"), ("English target", "Chinese original"), ("译文", "原文"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("task", [None, "translation"])
def test_names_of_columns_say_the_direction_of_a_translation(first, second, task):
    for columns in ({first: EN, second: ZH}, {second: ZH, first: EN}):
        table = from_rows(columns).table
        roles = guess_roles(table, {}, task).roles
        assert roles == {"text": second, "target": first}
        assert guess_task(table, roles)[0] == "translation"


@pytest.mark.parametrize(
    "names",
    [("英文原文", "中文原文"), ("English target", "Chinese translation"), ("原文的译文", "中文")],
)
@pytest.mark.parametrize("task", [None, "translation"])
def test_names_that_contradict_each_other_are_asked_about(names, task):
    table = from_rows(dict(zip(names, (EN, ZH), strict=True))).table
    with pytest.raises(DataError, match="cannot tell which column is the target"):
        guess_roles(table, {}, task)


def test_reviews_in_two_languages_with_a_feeling_are_no_translation():
    columns = {"英文评论": EN, "中文评论": ZH, "情感": TWO}
    assert guess(columns)[0]["target"] == "情感"


def test_the_question_for_a_target_names_translation():
    with pytest.raises(DataError, match="--task translation"):
        guess({"a": ZH, "b": [f"{t}，谢谢您的光临" for t in ZH]})


@pytest.mark.parametrize("given", [{}, {"target": "实体"}])
def test_spans_under_other_keys_are_told_how_spans_are_written(given):
    """They were called a second text, or no labels, and nothing more."""
    cells = [f'[{{"起点": 0, "终点": {2 + i % 3}, "类型": "姓名{i}"}}]' for i in range(60)]
    with pytest.raises(DataError, match="start, end and label") as error:
        guess({"编号": list(range(60)), "正文": ZH, "实体": cells}, given)
    assert "Two texts" not in str(error.value)
