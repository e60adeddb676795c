"""The server of `weitiao annotate`: its interface, and what it refuses."""

import errno
import json
import os

import pytest

import weitiao
from weitiao.annotation.choose.uncertainty import Margin
from weitiao.annotation.queue import Shares
from weitiao.annotation.ranking import Ranking

pytest.importorskip("fastapi", reason="pip install 'weitiao[annotate]'")
from starlette.testclient import TestClient

from weitiao.web.app import application

OURS = {"X-Weitiao": "1", "Content-Type": "application/json"}
EVIL = "</script><script>window.hurt=1</script><img src=x onerror=alert(1)>"
ROWS = [{"text": f"{EVIL} row {i}"} for i in range(8)]


@pytest.fixture
def made(tmp_path):
    """A client of the server; the annotation; closed at the end."""
    opened = []

    def start(rows=ROWS, token="", host="127.0.0.1:8765", **options):
        options = {"labels": "good,bad", "shares": Shares(0.2, 0, 0, 0), **options}
        one = weitiao.annotate(rows, journal=tmp_path / "j.jsonl", **options)
        opened.append(one)
        app = application(one.session, Ranking(one.session, Margin()), token=token)
        return TestClient(app, base_url=f"http://{host}", follow_redirects=False), one

    yield start
    for one in opened:
        one.close()


def post(client, path, **values):
    headers = {**OURS, **values.pop("headers", {})}
    return client.post(path, content=json.dumps(values), headers=headers)


def answer_of(row, value="good", annotator="ann", **more):
    return {
        "annotator": annotator,
        "ticket": row["ticket"],
        "print": row["print"],
        "value": value,
    } | more


def test_rows_are_labelled_one_after_the_other(made):
    client, one = made()
    row = post(client, "/api/next", annotator="ann").json()["row"]
    for number in range(8):
        found = post(client, "/api/answer", **answer_of(row, seconds=1.5)).json()
        assert found["saved"] == number + 2
        assert found["progress"]["mine"] == number + 1
        row = found["row"]
    assert row is None
    assert one.session.journal.records[-1]["seconds"] == 1.5
    back = post(client, "/api/undo", annotator="ann").json()
    assert back["row"]["row"] == one.session.journal.records[-2]["row"]
    assert (
        post(
            client, "/api/skip", **{k: v for k, v in answer_of(back["row"]).items() if k != "value"}
        ).json()["row"]
        is None
    )


def test_an_undo_whose_response_was_lost_can_be_sent_again(made):
    client, one = made()
    row = post(client, "/api/next", annotator="ann").json()["row"]
    for _answer in range(3):
        found = post(client, "/api/answer", **answer_of(row)).json()
        row = found["row"]
    number = found["progress"]["undo"]
    first = post(client, "/api/undo", annotator="ann", number=number).json()
    assert post(client, "/api/undo", annotator="ann", number=number).json() == first
    assert len(one.session.standing.answers) == 2


def test_pages_hold_no_data_and_no_inline_script(made):
    client, _ = made([{"text": EVIL}, {"text": "b"}])
    for path in ("/", "/figures", "/decide", "/?lang=zh"):
        page = client.get(path)
        assert page.status_code == 200
        assert "window.hurt" not in page.text
        assert page.text.count("<script") == page.text.count('<script type="module" src="/static/')
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
    assert "标注" in client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert 'lang="en"' in client.get("/").text


def test_static_files_ask_for_nothing_elsewhere(made):
    client, _ = made()
    from weitiao.web import app

    for file in sorted((app.HERE / "static").iterdir()):
        text = client.get(f"/static/{file.name}").text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        assert "eval(" not in text
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_the_language_is_that_of_the_address_and_is_kept(made):
    client, _ = made()
    assert "简" not in client.get("/?lang=zh").text
    assert "按键" in client.get("/").text, "the cookie"
    wrong = post(client, "/api/answer", **answer_of({"ticket": "t", "print": "x"}))
    assert "没有这一行" in wrong.json()["error"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "", "a b", "[::1"]
)
def test_other_names_of_this_server_are_refused(made, host):
    client, _ = made()
    assert client.get("/api/scheme", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "127.0.0.2:80", "[::1]:8765", "LOCALHOST"]
)
def test_names_of_loopback_are_served(made, host):
    client, _ = made()
    assert client.get("/api/scheme", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Weitiao": "0"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Length": "99999999"}, 413),
        ({"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_change_nothing(made, headers, status):
    client, one = made()
    found = client.post("/api/next", content=b'{"annotator": "ann"}', headers={**OURS, **headers})
    assert found.status_code == status
    assert len(one.session.journal.records) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"annotator": 3}', b'{"annotator": "a", "more": 1}', b"\xff\xfe",
     b'{"annotator": "a"}}', b"[" * 3000, b'{"annotator": "' + b"x" * 500 + b'"}'],
)  # fmt: skip
def test_malformed_requests_are_refused_in_a_sentence(made, body):
    client, one = made()
    for path in (
        "/api/next",
        "/api/answer",
        "/api/skip",
        "/api/undo",
        "/api/guideline",
        "/api/decide",
    ):
        found = client.post(path, content=body, headers=OURS)
        assert 400 <= found.status_code < 500
        assert found.json()["error"]
    assert len(one.session.journal.records) == 1


@pytest.mark.parametrize("value", ["other", None, 3, [], {}, "good " * 9, True, ["good"]])
def test_answers_that_do_not_fit_are_refused(made, value):
    client, one = made()
    row = post(client, "/api/next", annotator="ann").json()["row"]
    assert post(client, "/api/answer", **answer_of(row, value)).status_code == 400
    for wrong in (["-1"], "999999", "../../x", "0" * 16):
        sent = {**answer_of(row), "print": wrong}
        assert post(client, "/api/answer", **sent).status_code in (400, 422)
    for wrong in ("x", float("nan"), None):
        assert post(client, "/api/answer", **answer_of(row, seconds=wrong)).status_code in (
            400,
            422,
        )
    assert len(one.session.journal.records) == 1


def test_bodies_are_limited_whatever_their_header_says(made):
    client, _ = made()

    def chunks():
        for _ in range(40):
            yield b"x" * 100_000

    assert client.post("/api/next", content=chunks(), headers=OURS).status_code == 413
    assert client.get("/api/scheme").status_code == 200


def test_a_full_disk_is_said_and_the_answer_can_be_sent_again(made, monkeypatch):
    client, one = made()
    row = post(client, "/api/next", annotator="ann").json()["row"]

    def full(descriptor, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        found = post(client, "/api/answer", **answer_of(row))
    assert found.status_code == 507
    assert "the disk is full" in found.json()["error"]
    assert post(client, "/api/answer", **answer_of(row)).json()["saved"] == 2
    assert len(one.session.journal.records) == 2


def test_elsewhere_a_token_is_needed(made):
    client, _ = made(token="s3cret-token", host="10.0.0.5:8765")
    assert client.get("/").status_code == 401
    assert client.get("/static/page.js").status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    assert client.get("/?token=%F0%9F%98%80").status_code == 401
    login = client.get("//evil.example/?token=s3cret-token")
    assert login.status_code in (303, 404, 401)
    login = client.get("/?token=s3cret-token")
    assert (login.status_code, login.headers["location"]) == (303, "/")
    cookie = login.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200
    assert post(client, "/api/next", annotator="ann").status_code == 200
    assert (
        client.post(
            "/api/next", content=b"{}", headers={"Content-Type": "application/json"}
        ).status_code
        == 403
    )


def test_adjudication_takes_numbers_as_javascript_writes_them(made):
    client, one = made(labels=None, scale="1-5", shares=Shares(0, 1, 0, 0))
    for annotator, value in (("ann", "3"), ("bob", 4)):
        row = post(client, "/api/next", annotator=annotator).json()["row"]
        post(client, "/api/answer", **answer_of(row, value, annotator))
    (dispute,) = client.get("/api/disagreements").json()
    assert {each["shown"] for each in dispute["answers"]} == {"3", "4"}
    found = post(client, "/api/decide", annotator="eve", print=dispute["print"], value=3)
    assert found.json() == {"left": 0}
    assert one.session.standing.decisions == {one.session.standing.order[0]: 3.0}


def test_a_text_of_a_megabyte_is_shown_whole(made):
    client, _ = made([{"text": "长😀" * 250_000}, {"text": "b"}], shares=Shares(0, 0, 0, 0))
    rows = [post(client, "/api/next", annotator=name).json()["row"] for name in ("ann", "bob")]
    assert max(len(row["texts"][0]["text"]) for row in rows) == 500_000


def test_figures_are_json_without_odd_numbers(made):
    client, _ = made()
    found = client.get("/api/figures").json()
    assert found["meter"] is None
    assert found["labelled"] == 0
    assert client.get("/api/meter").json()["meter"] is None
