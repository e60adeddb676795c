"""Prompts are rendered in a sandbox; what a template or a chat template refuses is one message."""

import json

import pytest

import writing_networks as tiny
from weitiao.errors import PlanError
from weitiao.labels.texts.prompts import render

ROW = {"context": "A passage.", "text": "A {question} of 100%?"}


@pytest.fixture(scope="module")
def chatting(tmp_path_factory):
    import transformers

    folder = tmp_path_factory.mktemp("chat")
    tiny.tokenizer_in(folder, chat=True)
    return transformers.AutoTokenizer.from_pretrained(folder)


def test_templates():
    assert (
        render("Q: {{ text }}\n{{ context|upper }}", ROW) == "Q: A {question} of 100%?\nA PASSAGE."
    )
    assert render("{% if context %}yes{% endif %}", ROW) == "yes"
    assert render("{{ text }}", {"text": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"  # a row is no template


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ text.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ self._TemplateReference__context }}",
        "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
    ],
)
def test_the_sandbox_gives_nothing_away(template):
    try:
        found = render(template, ROW)
    except PlanError as error:
        assert "template" in str(error)
    else:  # what cannot be reached is empty, never an object of Python
        assert "class" not in found
        assert "object" not in found
        assert "module" not in found


@pytest.mark.parametrize(
    "template",
    [
        "{{ txt }}", "{{ text.nothing }}", "{{ text", "{% for %}", "{{ 1 / 0 }}", "{{ text + 1 }}",
        "{{ '{0} {1}'.format(text) }}", "{{ '{name}'.format(text) }}", "{{ text|nosuch }}",
        "{{ text() }}", "{% include 'a' %}", "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ [1].append(2) }}", "{{ '%d' % text }}",
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_one_message(template):
    with pytest.raises(PlanError) as error:
        render(template, ROW)
    assert "template" in str(error.value)


def test_the_message_names_the_texts_of_a_row():
    with pytest.raises(PlanError, match=r"'txt' is undefined.*context, text.*\{\{ text \}\}"):
        render("{{ txt }}", ROW)


def test_without_a_template(chatting):
    assert render("", ROW) == "A passage.\n\nA {question} of 100%?"
    assert render("", {"text": "a"}) == "a"
    assert render("", {"text": "the cat"}, chatting) == "<s> the cat and the"
    assert render("", {"context": "a", "text": "b"}, chatting) == "<s> a\n\nb and the"


def test_conversations(chatting):
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    text = json.dumps(turns)
    assert render("", {"text": text}, chatting) == "<s> one and <s> two and <s> three and the"
    assert render("", {"text": text}) == "user: one\nassistant: two\nuser: three\nassistant: "
    # What the question is about is not dropped.
    assert "user: about\n\nthree" in render("", {"text": text, "context": "about"})


@pytest.mark.parametrize("text", ['[{"role": broken', '[{"role": 1}]', "[1, 2]", '[{"role": "x"]'])
def test_texts_that_only_look_like_conversations(text):
    assert render("", {"text": text}) == text


def test_a_chat_template_that_refuses_is_one_message(tmp_path):
    import transformers

    tiny.tokenizer_in(tmp_path, chat=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(PlanError, match="refuses a row .*user.*: System role not supported"):
        render("", {"text": "the cat"}, tokenizer)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ messages[0]['content'] + 1 }}", "can only concatenate"),
        ("{{ '{0}'.format() }}", "index"),
        ("{{ '{name}'.format() }}", "name"),
        ("{% include 'x' %}", "no loader"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "Range too big"),
        ("{{ 'a' * 10 ** 12 }}", "MemoryError"),
        ("{{ 'a' * 10 ** 30 }}", "cannot fit"),
        ("{{ messages.nothing.more }}", "no attribute .nothing"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{{ [1] | first | tojson | map('nosuch') | list }}", "nosuch"),
        ("{{ messages[", "unexpected"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
@pytest.mark.parametrize("text", ["the cat", '[{"role": 1, "content": "the cat"}]'])
def test_a_chat_template_that_is_wrong_is_one_short_message(tmp_path, template, words, text):
    import transformers

    tiny.tokenizer_in(tmp_path, chat=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = template
    with pytest.raises(PlanError, match=words) as error:
        render("", {"text": text}, tokenizer)
    assert "chat template of this checkpoint" in str(error.value)
    assert len(str(error.value)) < 600


def test_a_long_error_is_cut(tmp_path):
    with pytest.raises(PlanError) as error:
        render("{{ '{" + "long" * 500 + "}'.format() }}", ROW)
    assert len(str(error.value)) < 600
