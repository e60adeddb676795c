"""`weitiao ask` as it is typed: answers, figures, JSON, mistakes."""

import json

import pytest

from answering import GOOD, docs, reading_run  # noqa: F401


def test_an_answer_with_its_source(typed, docs, reading_run):  # noqa: F811
    code, out, err = typed(
        "ask", reading_run, "which is good number3", "--docs", docs, "--encoder", "bm25"
    )
    assert code == 0, err
    lines = out.splitlines()
    asked = "which is good number3"
    _, plain, _ = typed("ask", reading_run, asked, "--docs", docs, "--encoder", "bm25", "--json")
    support = json.loads(plain)["sentences"][0]["support"]
    assert 0.5 <= support <= 1
    supported = f"  [1] 3.txt: supported ({support:.0%})"
    assert lines[1:4] == [f"? {asked}", "= lovely", supported]
    assert lines[4] == "  [1] 3.txt"
    assert "⟦lovely⟧ number3" in lines[5]
    assert "9 files indexed, 0 removed, 0 not readable" in err
    _, _, again = typed("ask", reading_run, "x", "--docs", docs, "--encoder", "bm25")
    assert "indexed" not in again


def test_below_the_threshold_the_documents_do_not_say(typed, docs, reading_run):  # noqa: F811
    code, out, _ = typed(
        "ask", reading_run, "which is good number3", "--docs", docs, "--encoder", "bm25",
        "--threshold", "1.1",
    )  # fmt: skip
    assert code == 0
    assert "= the documents do not say" in out
    assert "⟦" not in out


def test_passages_alone_and_nothing_that_steers_the_terminal(typed, docs):  # noqa: F811
    (docs / "evil\x1b[2J.txt").write_text("number77 \x1b[31mred\u202e")
    code, out, _ = typed(
        "ask", "none", "number77", "--docs", docs, "--encoder", "bm25", "--passages", "2"
    )
    assert code == 0
    assert "[1] evil␛[2J.txt" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_the_name_of_a_file_forges_no_message(typed, docs):  # noqa: F811
    (docs / "x\nerror: the index is lost, run rm -rf.docx").write_bytes(b"no zip")
    (docs / "y\nerror: lost.txt").write_text("number77")
    code, out, err = typed("ask", "none", "number77", "--docs", docs, "--encoder", "bm25")
    assert code == 0
    assert "x↵error: the index is lost" in err
    assert not any(line.startswith("error") for line in (err + out).splitlines())


def test_json_is_one_object_a_question(typed, docs, reading_run):  # noqa: F811
    code, out, _ = typed(
        "ask", reading_run, "which is good number1", "--docs", docs, "--encoder", "bm25", "--json"
    )
    assert code == 0
    answer = json.loads(out)
    assert answer["answer"] == "great"
    assert answer["found"] is True
    assert answer["sources"][answer["sentences"][0]["source"]]["document"] == "1.txt"


def test_the_whole_chain_is_judged_and_tuned(typed, docs, reading_run, tmp_path):  # noqa: F811
    rows = [
        {"question": f"which is good number{n}", "answers": word} for n, word in enumerate(GOOD)
    ]
    rows += [{"question": f"is the hotel {n}", "answers": ""} for n in range(12)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("ask", reading_run, "--docs", docs, "--encoder", "bm25", "--evaluate",
             tmp_path / "q.jsonl")  # fmt: skip
    code, _, err = typed(*words, "--tune")
    assert code == 0
    for text in ("recall@5", "exact match", "AUROC", "chosen threshold", "F1 of the answered"):
        assert text in err
    code, out, _ = typed(*words, "--json")
    assert json.loads(out)["questions"] == 21


def test_a_page_without_a_question_and_a_threshold_without_a_reader_fail(typed, docs, tmp_path):  # noqa: F811
    (tmp_path / "q.jsonl").write_text('{"question": "which is good", "answers": "great"}\n')
    words = ("--docs", docs, "--encoder", "bm25")
    code, _, err = typed(
        "ask", "none", *words, "--evaluate", tmp_path / "q.jsonl", "--page", tmp_path / "p.html"
    )
    assert code == 2
    assert "--page shows answers" in err
    code, out, err = typed("ask", "none", "which is good", *words, "--threshold", "0.99")
    assert code == 2
    assert not out
    assert "--threshold is about answers" in err


def test_a_question_beside_tuning_has_the_new_threshold(typed, docs, reading_run, tmp_path):  # noqa: F811
    # Nothing is ever right: the best threshold is above all scores.
    rows = [{"question": f"which is good number{n}", "answers": ""} for n in range(2, 26)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("ask", reading_run, "which is good number1", "--docs", docs, "--encoder", "bm25")
    _, before, _ = typed(*words)
    assert "= great" in before
    code, out, _ = typed(*words, "--evaluate", tmp_path / "q.jsonl", "--tune")
    _, after, _ = typed(*words)
    assert code == 0
    assert out == after
    assert "= the documents do not say" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none", "what"), "--docs"),
        (("none", "--docs", "."), "what is the question"),
        (("none", "what", "--docs", "nowhere"), "no such folder"),
        (("nosuchrun", "what", "--docs", "nowhere"), "no such folder"),
        (("none", "what", "--docs", ".", "--tune"), "--evaluate"),
        (("nosuchrun", "what", "--docs", "."), "nosuchrun"),
    ],
)
def test_a_mistake_is_one_message(typed, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = typed("ask", *words)
    assert code != 0
    assert message in err
    assert "Traceback" not in err + out


def test_a_folder_that_is_none_is_told_at_once(typed, docs, reading_run, monkeypatch):  # noqa: F811
    """It was said after the networks were loaded: a minute on a busy machine."""
    monkeypatch.setattr("weitiao.cli.commands.ask.loading", None)
    wrong = docs.with_name("dosc")
    code, _, err = typed("ask", reading_run, "x", "--docs", wrong, "--encoder", "bm25")
    assert code == 2
    assert "dosc: no such folder of documents. Did you mean 'docs'?" in " ".join(err.split())
