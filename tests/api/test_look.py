import codecs
import csv
import io
import json
import re

import numpy as np
import pytest

import weitiao
from weitiao.errors import WeitiaoError

WORDS = "the a film was room staff with price food in view of night and table garden".split()


def write_rows(path, extra=(), count=60):
    rng = np.random.default_rng(5)
    rows = [
        [" ".join(rng.choice(WORDS, 14)) + f" {at * 7919}", "ab"[at % 2]] for at in range(count)
    ]
    rows += extra
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    return rows


@pytest.fixture
def faulty(tmp_path):
    path = tmp_path / "rows.csv"
    rows = write_rows(path)
    write_rows(path, [
        [rows[0][0].upper(), "a"], [rows[1][0] + " x", "a"], ["=1+2 <script>alert(1)</script> in a text", "a"],
        ["write to li.wei@example.com or 13812345678 now", "b"], ["the cafÃ© was nice", "B"],
    ])  # fmt: skip
    return path


def test_a_page_with_a_csv_for_each_finding(faulty, tmp_path, tiny_bert):
    page = tmp_path / "out" / "look.html"
    known = weitiao.look(str(faulty), page=page, model=tiny_bert)
    kinds = {one.kind for one in known.findings}
    assert {
        "exact_duplicates",
        "near_duplicates",
        "personal_data",
        "mojibake",
        "label_names",
    } <= kinds
    html = page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert "Content-Security-Policy" in html
    for kind in kinds:
        file = page.with_name(f"look-{kind}.csv")
        assert f'href="{file.name}"' in html
        assert file.read_bytes().startswith(codecs.BOM_UTF8)
        for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    everything = html + "".join(one.read_text("utf-8") for one in page.parent.glob("*.csv"))
    assert "li.wei@example.com" not in everything
    assert "13812345678" not in everything


def test_no_kind_of_personal_data_is_shown(tmp_path, typed, tiny_bert):
    path, page = tmp_path / "rows.csv", tmp_path / "look.html"
    secrets = ["123454321", "lilei_88x", "沪AD12345", "078-05-1120", "192.168.1.20",
               "DE89370400440532013000", "li.wei@example.com"]  # fmt: skip
    said = "QQ {} 微信 {} 车牌 {} ssn {} ip {} iban {} mail {}".format(*secrets)
    cut = "a word " * 150 + said  # beyond what is shown, but for its begin
    write_rows(path, [[said, "a"], [said + "!", "b"], [cut, "a"]])
    code, out, err = typed("look", str(path), "--model", tiny_bert, "--page", str(page))
    assert code == 0, err
    files = "".join(one.read_text("utf-8") for one in (page, *tmp_path.glob("look-*.csv")))
    assert "look-personal_data.csv" in files
    for secret in secrets:
        assert secret not in files
        assert secret not in out + err


def test_the_page_is_written_in_chinese(faulty, tmp_path, tiny_bert):
    from weitiao.i18n.messages import speaking

    page = tmp_path / "look.html"
    with speaking("zh"):
        weitiao.look(str(faulty), page=page, model=tiny_bert)
    html = page.read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in html
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    assert "重复" in text
    assert "Near duplicates" not in text


def test_lengths_in_tokens_and_what_truncation_costs(faulty, tiny_bert):
    tokens = weitiao.look(str(faulty), model=tiny_bert).tokens
    assert tokens["rows"] == tokens["of"] == 65
    assert sum(tokens["histogram"]) == 65
    assert tokens["cut"][0]["limit"] == 32
    assert tokens["cut"][-1]["rows"] == 0


def test_the_findings_as_json(typed, faulty, tiny_bert):
    code, out, err = typed("look", str(faulty), "--model", tiny_bert, "--json")
    assert code == 0, err
    known = json.loads(out.splitlines()[-1])
    finding = next(one for one in known["findings"] if one["kind"] == "exact_duplicates")
    assert finding["count"] == 1
    assert finding["rows"] == ["rows.csv:62"]
    assert finding["plan_line"] == "data.steps.deduplicate={}"


def test_the_terminal_says_what_mends_it(typed, faulty, tiny_bert):
    code, out, err = typed("look", str(faulty), "--model", tiny_bert)
    assert code == 0, err
    assert "findings:" in err
    assert "data.steps.deduplicate={}" in err
    assert "example.com" not in out + err


def test_every_plan_line_is_one_that_a_plan_takes(faulty, tiny_bert):
    from weitiao.cli.options import changes_of

    known = weitiao.look(str(faulty), model=tiny_bert)
    lines = [one.plan_line for one in known.findings if one.plan_line]
    assert len(lines) > 3
    plan = weitiao.Plan.parse({
        "task": "classification", "data": {"path": str(faulty), "roles": dict(known.roles)},
        "model": {"checkpoint": tiny_bert},
    })  # fmt: skip
    for line in lines:
        plan = plan.with_(changes_of([line]))
    again = weitiao.look(
        str(faulty), model=tiny_bert, changes=changes_of(["data.near_duplicates=0.8"])
    )
    assert not {"leaks_validation", "leaks_test"} & {one.kind for one in again.findings}


def test_a_page_over_something_else_is_refused(typed, faulty, tmp_path):
    code, _out, err = typed("look", str(faulty), "--page", str(tmp_path))
    assert code == 2
    assert "folder" in err
    code, _out, err = typed("look", str(faulty), "--page", str(faulty))
    assert code == 2
    assert "no page" in err


def test_a_similarity_must_be_one(faulty):
    with pytest.raises(WeitiaoError, match="similarity"):
        weitiao.look(str(faulty), similarity=0)


def test_rows_from_python_and_no_target(tiny_bert):
    rows = [
        {"text": f"a plain text of number {at * 7919} here", "label": "ab"[at % 2]}
        for at in range(30)
    ]
    known = weitiao.look([*rows, rows[0]], model=tiny_bert)
    assert [one.kind for one in known.findings] == ["exact_duplicates"]
    assert known.findings[0].ids == ["rows:30"]
