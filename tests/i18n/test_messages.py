"""What people are told: every text in both languages, and a stored one in the language of now."""

import dataclasses
import gettext
import importlib.util
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import toy_rows
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.profile import profile
from weitiao.errors import PlanError
from weitiao.i18n import messages
from weitiao.i18n.messages import (
    N_,
    _,
    in_english,
    joined,
    language,
    localized,
    name_list,
    pack,
    pieces,
    plural,
    restore,
    speaking,
    table_of,
    translated,
    use,
    with_messages,
)
from weitiao.planfile.plan import DataPlan, Plan
from weitiao.planning import advise, choices, lengths
from weitiao.planning.cost import Network, Speed
from weitiao.planning.facts import Facts

ROOT = Path(__file__).parents[2]
OTHER = {"en": "zh", "zh": "en"}
HAN = re.compile(r"[\u3400-\u9fff]")


def _loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


catalogue = _loaded(ROOT / "dev" / "messages.py")
TEXTS = {m.id: str(m.string) for m in catalogue.read() if m.id and m.string}


def without_gaps(text):
    return "".join(literal for literal, *_ in pieces(text))


# --- the catalogue


def test_texts_match_in_both_languages_and_none_is_left_over():
    found = catalogue.texts()
    assert len(found) > 200
    assert catalogue.problems(found, catalogue.read()) == []


@pytest.mark.parametrize(
    ("told", "complaint"),
    [("", "no Chinese for"), ("{rows} 行。", "other placeholders"),
     ("{count} 行，共 {rows:,} 行。", "other placeholders"), ("{count}，{count:,} 行。", "other")],
)  # fmt: skip
def test_a_text_in_one_language_or_with_other_placeholders_is_told(told, complaint):
    from babel.messages.catalog import Catalog

    known = Catalog(locale="zh")
    known.add("{count:,} rows.", told)
    (problem,) = catalogue.problems({"{count:,} rows.": "a.py"}, known)
    assert complaint in problem
    known.add("gone", "没有了")
    assert len(catalogue.problems({"{count:,} rows.": "a.py"}, known)) == 2


def test_the_compiled_catalogue_is_the_written_one():
    assert catalogue.compiled(catalogue.read()) == catalogue.MO.read_bytes()


def test_chinese_is_chinese():
    spoken = {english: without_gaps(chinese) for english, chinese in TEXTS.items()}
    for english, chinese in spoken.items():
        setting = re.match(r"[a-z.]+: |data\.", without_gaps(english))  # before a message
        if re.search(r"[a-z]{3}", without_gaps(english)[setting.end() if setting else 0 :]):
            assert HAN.search(chinese), english
    half = re.compile(r"[\u3400-\u9fff][,;:!?](?!\w+=)|[,;!?] ?[\u3400-\u9fff]")  # but a=甲,b=乙
    assert not [chinese for chinese in spoken.values() if half.search(chinese)]


def test_the_catalogue_comes_with_the_package():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["weitiao"]
    package = Path(messages.__file__).parents[1]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    assert {catalogue.PO, catalogue.MO} <= shipped


# --- which language


@pytest.fixture
def system(monkeypatch):
    def set_to(**variables):
        for name in ("WEITIAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        use(None)

    return set_to


@pytest.mark.parametrize(
    ("name", "spoken"),
    [("zh_CN.UTF-8", "zh"), ("zh_CN.GBK", "zh"), ("zh_CN", "zh"), ("zh-Hans", "zh"), ("zh", "zh"),
     ("ZH_TW.Big5", "zh"), ("zh_CN@stroke", "zh"), ("C", "en"), ("C.UTF-8", "en"),
     ("POSIX", "en"), ("en_US.UTF-8", "en"), ("de_DE", "en"), ("zhuang", "en"), ("§§§", "en"),
     ("_", "en")],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["WEITIAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"])
def test_the_system_says_the_language(system, variable, name, spoken):
    system(**{variable: name})
    assert language() == spoken


def test_the_nearer_wish_wins(system):
    system(WEITIAO_LANG="en", LC_ALL="zh_CN.UTF-8")
    assert language() == "en"
    system(LC_ALL="C", LANG="zh_CN.UTF-8")
    assert language() == "en"
    system(LC_ALL="", LANG="zh_CN.UTF-8")
    assert language() == "zh"


@pytest.mark.parametrize(
    ("found", "spoken"),
    [(("Chinese (Simplified)_China", "936"), "zh"), (("English_United States", "1252"), "en"),
     (("zh_CN", "UTF-8"), "zh"), ((None, None), "en")],
)  # fmt: skip
def test_without_variables_the_locale_says_it(system, monkeypatch, found, spoken):
    monkeypatch.setattr(messages.locale, "getlocale", lambda: found)
    system()
    assert language() == spoken


def test_a_language_in_use_stays_until_another_is_wanted():
    use("zh_CN.GBK")
    assert (language(), plural(3, "row")) == ("zh", "3 行")
    use("klingon")
    assert (language(), plural(3, "row")) == ("en", "3 rows")


def test_speaking_is_of_one_thread_and_ends():
    heard = []
    with speaking("zh"):
        thread = threading.Thread(target=lambda: heard.append(language()))
        thread.start()
        thread.join()
        with speaking("en"):
            heard.append(language())
        heard.append(language())
    assert [*heard, language()] == ["en", "en", "zh", "en"]


def test_speaking_ends_with_an_error_too():
    with pytest.raises(KeyError), speaking("zh"):
        raise KeyError
    assert language() == "en"


def test_an_error_speaks_the_language_of_its_moment():
    with speaking("zh"):
        error = PlanError([_("nesterov needs a momentum above 0.")])
    assert "方案有 1 处问题" in str(error)
    assert "momentum 大于 0" in str(error)


# --- stored, and shown in another language


def made_up(text):
    """A value for each placeholder, such as its format takes."""
    values = {}
    for number, (_text, name, shape, _conversion) in enumerate(pieces(text)):
        if name is not None:
            values[name] = 1234 + number if shape else f"Xq{number}"
    return values


def message_in(spoken, text, values):
    with speaking(spoken):
        if re.fullmatch(r"\{count\} [a-z -]+", text):
            return plural(int(values["count"]), text.removeprefix("{count} "))
        return _(text, **values) if values or "{{" in text else translated(text)


def through_a_file(text):
    return restore(json.loads(json.dumps(pack(text))))


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_every_stored_text_is_shown_in_the_other_language(spoken):
    counts = [{"count": n} for n in (0, 1, 2, 12_345)]
    other, wrong = OTHER[spoken], []
    for text in TEXTS:
        counted = re.fullmatch(r"\{count\} [a-z -]+", text)
        for values in counts if counted else [made_up(text)]:
            message = message_in(spoken, text, values)
            wanted = message_in(other, text, values)
            for stored in (message, through_a_file(message)):
                with speaking(other):
                    again = localized(stored)
                if again != wanted and again not in alike(text):
                    wrong.append((stored, wanted, again))
                with speaking(spoken):
                    assert localized(stored) == stored
    assert wrong == []


def alike(text):
    """Headings that are one word in Chinese, "Rows" and "rows": they are stored nowhere."""
    return {key for key in TEXTS if TEXTS[key] == TEXTS[text] and not made_up(key)}


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_a_text_inside_a_text_is_shown_in_the_other_language_too(spoken):
    def message():
        first = _("text: {text}; target: {target}", text=_("given by you"), target="Xq")
        return joined([first, plural(2, "row"), "as it is"], "; ")

    with speaking(spoken):
        stored = message()
    with speaking(OTHER[spoken]):
        assert localized(stored) == localized(through_a_file(stored)) == message()


def test_quoted_names_and_lists_follow_the_punctuation_of_the_language():
    def message():
        labels = name_list(["好评", "差评", "中评"], 2, quoted=True)
        return _("{name!r} holds {distinct} different labels: {labels}",
                 name="情感", distinct=3, labels=labels)  # fmt: skip

    with speaking("en"):
        english = message()
        assert english == "'情感' holds 3 different labels: '好评', '差评', ..."
        assert name_list(["a", "b"]) == "a, b"
    with speaking("zh"):
        chinese = message()
        assert chinese == "“情感”有 3 个不同的标签：“好评”、“差评”等"
        assert localized(through_a_file(english)) == chinese
        assert name_list(["a", "b", "c"], 2) == "a、b 等"
    with speaking("en"):
        assert localized(through_a_file(chinese)) == english


def test_the_name_of_a_column_is_no_text_of_ours():
    english = next(text for text in sorted(TEXTS) if text.isalpha() and len(text) > 3)
    with speaking("en"):
        stored = _("text: {text}; target: {target}", text="Xq", target=english)
    with speaking("zh"):
        assert localized(english) == TEXTS[english]
        assert localized(through_a_file(stored)) == "角色 text：Xq；角色 target：" + english


@pytest.mark.parametrize("spoken", ["en", "zh"])
@pytest.mark.parametrize(
    "text",
    ["", " ", "few rows, my own words", "我自己写的理由", "set this for Ann: {count} of {count}",
     "{count} row", "100%", "{", "}{", "a\nb", "\ud800", "。", ": ", "Ann: enough"],
)  # fmt: skip
def test_what_others_wrote_stays(text, spoken):
    with speaking(spoken):
        assert localized(text) == text


KNOWN = "{rows} without a text left out"


@pytest.mark.parametrize(
    "packed",
    [
        {"template": "{rows.__class__} is no template of ours", "values": {"rows": 1}},
        {"template": "{rows} nobody's words", "values": {"rows": "3 rows"}},
        {"template": KNOWN, "values": {"rows": "4 rows"}},  # the text was edited
        {"template": KNOWN, "values": {"other": 3}},
        {"template": KNOWN, "values": ["3 rows"]},
        {"template": KNOWN},
        {"template": [KNOWN], "values": {}},
        {"template": messages.PLURAL, "values": {"count": "3", "noun": "row"}},
        {"template": messages.PLURAL, "values": {"count": 3, "noun": 5}},
        {"template": messages.JOINED, "values": {"separator": "-", "items": ["a"]}},
        {"template": messages.JOINED, "values": {"separator": " ", "items": 3}},
        {},
    ],
)
def test_a_stored_text_whose_values_do_not_fit_it_stays_plain(packed):
    text = "3 rows without a text left out"
    with speaking("zh"):
        assert localized(restore({"text": text, **packed})) == text


def test_messages_nested_without_end_are_plain_text():
    packed = {"template": "given by you"}
    for _unused in range(100):
        packed = {"template": KNOWN, "values": {"rows": packed}}
    assert type(restore({"text": "x", **packed})) is str


@given(name=st.text(max_size=30), row=st.text(max_size=30))
def test_odd_values_come_through(name, row):
    with speaking("en"):
        stored = _("no sample called {name!r}.{hint}", name=name, hint="")
        number = _("{row}: the target {target!r} is not a number.", row=row, target=name)
        assert (localized(stored), localized(number)) == (stored, number)
    with speaking("zh"):
        assert localized(stored) == _("no sample called {name!r}.{hint}", name=name, hint="")
        again = _("{row}: the target {target!r} is not a number.", row=row, target=name)
        assert localized(number) == localized(restore(pack(number))) == again


@given(text=st.sampled_from(sorted(TEXTS)), value=st.text(max_size=20))
def test_any_value_is_shown_without_harm(text, value):
    values = {k: v if isinstance(v, int) else value for k, v in made_up(text).items()}
    if re.fullmatch(r"\{count\} [a-z -]+", text):
        values = {"count": len(value)}
    stored = message_in("en", text, values)
    with speaking("en"):
        assert localized(stored) == localized(restore(pack(stored))) == stored
    with speaking("zh"):
        assert isinstance(localized(stored), str)


def test_a_file_with_plain_texts_and_a_table_gives_messages():
    with speaking("en"):
        said = {"history": [plural(3, "row"), "mine", _("given by you")], "rows": 3}
        table = json.loads(json.dumps(table_of(said)))
        plain = json.loads(json.dumps(said))
    assert plain == {"history": ["3 rows", "mine", "given by you"], "rows": 3}
    again = with_messages(plain, table)
    with speaking("zh"):
        assert [localized(line) for line in again["history"]] == ["3 行", "mine", "由你指定"]
    assert with_messages(plain, None) == with_messages(plain, [1]) == plain


def test_numbers_of_numpy_are_stored_as_numbers():
    with speaking("en"):
        stored = _("mean of the token vectors, C={c:g}", c=np.float32(0.5))
    assert json.loads(json.dumps(pack(stored)))["values"] == {"c": 0.5}


# --- what is kept in plans and runs

NETWORK = Network("c", hidden_size=384, layers=6, encoder=10**7, parameters=10**8, max_length=512)


def facts(rows=10_000, tokens=(20, 30, 40), budget=None, **changed):
    source = from_rows(toy_rows("classification", 40))
    known = profile(source, {"text": "text", "target": "label"}, "classification")
    known = dataclasses.replace(known, **changed)
    return Facts(known, rows, np.array(tokens), NETWORK, Speed(1e11, 1e10, 2), budget)


def every_choice():
    """The reasons of many kinds of data."""
    torn = {"labels": {"a": 95, "b c": 5}, "shares": {"a": 0.95, "b c": 0.05}, "imbalance": 19.0}
    kinds = [facts(), facts(rows=300), facts(tokens=[9000] * 9), facts(**torn), facts(budget=20.0),
             facts(tokens=[200] * 100, budget=60.0)]  # fmt: skip
    for one in kinds:
        epochs = choices.epochs(one, choices.expected_epochs(one, 64))
        yield from [epochs, lengths.max_length(one), choices.batch_size(one),
                    choices.learning_rate(one), choices.warmup_ratio(one),
                    choices.evaluations(3), choices.validation_size(one),
                    choices.class_weights(one), choices.optimizer(one), choices.precision(one),
                    choices.metrics(one, ("accuracy", "macro_f1"))]  # fmt: skip
    for name in ("en", "zh", "other"):
        yield choices.checkpoint(name, {"en": 0.5, name: 0.5}, "x")


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_every_reason_is_told_again_as_it_would_be_told_today(spoken):
    def texts(language):
        with speaking(language):
            reasons = [reason for reason in every_choice() if reason is not None]
        return [text for r in reasons for text in (r.reason, r.evidence) if text]

    stored, today = texts(spoken), texts(OTHER[spoken])
    assert len(set(stored)) > 30
    with speaking(OTHER[spoken]):
        assert [localized(text) for text in stored] == today
        assert [localized(through_a_file(text)) for text in stored] == today


def english_in(text):
    """Three English words in a row, names and quoted values aside."""
    return re.findall(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", re.sub(r"'[^']*'|--\w+", "", text))


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "nli"])
@pytest.mark.parametrize("given", [{}, {"target": "label"}])
def test_a_plan_advised_in_english_is_shown_in_chinese(task, given, tiny_bert, tmp_path):
    rows = toy_rows(task)
    with speaking("en"):
        wish = advise.Wish("memory:x", model=tiny_bert, budget=30.0, roles=given)
        advice = advise.advise(wish, from_rows(rows))
        advice.plan.save(tmp_path / "plan.yaml", full=True)
    plan = Plan.load(tmp_path / "plan.yaml")
    with speaking("zh"):
        for path, reason in plan.why.items():
            for text in filter(None, (localized(reason.reason), localized(reason.evidence))):
                assert HAN.search(text), f"{path}: {text}"
                assert not english_in(text), f"{path}: {text}"


@pytest.mark.parametrize("deduplicate", [True, False])
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_what_was_done_to_the_rows_is_told_again(task, deduplicate, tmp_path):
    rows = [{"text": f"row number {i}", "label": "ab"[i % 2]} for i in range(60)]
    rows += [{"text": " ", "label": "a"}, {"text": "no label", "label": ""}]
    rows += [rows[0], {**rows[1], "label": "a"}, {"text": "in both", "label": "b"}]
    lines = "".join(f"{text},{label}\n" for text, label in [("in both", "a"), ("new", "c")])
    (tmp_path / "test.csv").write_text("text,label\n" + lines, encoding="utf-8")
    plan = DataPlan(
        path="unused", roles={"text": "text", "target": "label"}, max_rows=50,
        test_path=str(tmp_path / "test.csv"), deduplicate=deduplicate,
    )  # fmt: skip

    def history(spoken):
        with speaking(spoken):
            return load(plan, task, from_rows(rows)).history

    stored = history("en")
    assert len(stored) >= 8
    with speaking("zh"):
        assert tuple(map(localized, stored)) == history("zh")
        assert not [line for line in map(localized, stored) if english_in(line)]
    with speaking("en"):
        assert tuple(map(localized, history("zh"))) == stored


# --- costs

ONLY_MESSAGES = """
import sys, time
from weitiao.i18n import messages
begin = time.process_time()
messages.use("zh")
messages._("given by you")
print(time.process_time() - begin)
assert not {"torch", "babel", "pydantic", "numpy"} & set(sys.modules)
"""


def test_the_catalogue_loads_at_once():
    took = [
        float(subprocess.run([sys.executable, "-c", ONLY_MESSAGES], check=True, text=True,
                             capture_output=True).stdout)
        for _ in range(3)
    ]  # fmt: skip
    assert min(took) < 1e-5 * len(TEXTS)  # gettext takes 5 microseconds a text, twice where busy


def test_a_text_of_metrics_is_stored_in_english_and_shown_in_chinese():
    with speaking("zh"):
        stored = in_english(N_("words 1-2, C={c:g}"), c=10.0)
        assert stored == "words 1-2, C=10"
        assert localized(stored) == "单词 1-2 元组，C=10"


def test_without_a_catalogue_people_are_told_in_english(monkeypatch):
    monkeypatch.setattr(messages, "_catalogue", lambda name: gettext.NullTranslations())
    with speaking("zh"):
        assert _("no sample called {name!r}.{hint}", name="a", hint="") == "no sample called 'a'."


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_line_break_in_a_name_forges_no_line(language):
    forged = "x\nerror: the index is lost, run rm -rf\r.docx"
    with messages.speaking(language):
        for name in (forged, Path(forged)):
            assert "\n" not in _("{path}: {message}", path=name, message="broken")
        assert "\n" not in messages.name_list([forged, "b"])
        said = _(
            "{path}: {message}", path="a", message=_("{path}: {message}", path="b", message="c\nd")
        )
        assert said == ("a: b: c\nd" if language == "en" else str(said))
        assert "c\nd" in said
        assert messages.localized(messages.restore(messages.pack(said))) == said
