"""The server as a process: SIGKILL while answers are posted; ports, hosts, missing packages."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from weitiao.annotation import journal as journals
from weitiao.errors import RunError, WeitiaoError
from weitiao.web import serve

pytest.importorskip("fastapi", reason="pip install 'weitiao[annotate]'")
OURS = {"X-Weitiao": "1", "Content-Type": "application/json"}


def test_a_kill_while_posting_loses_nothing_acknowledged(tmp_path):
    rows = "\n".join(json.dumps({"text": f"row {i}"}) for i in range(5_000))
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    path = tmp_path / "journal.jsonl"
    words = ["annotate", tmp_path / "rows.jsonl", "--labels", "a,b", "--journal", path,
             "--model", "none", "--no-browser", "--port", "0", "--json"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "weitiao", *map(str, words)], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, encoding="utf-8", env={**os.environ, "WEITIAO_LANG": "en"},
    )  # fmt: skip
    address = json.loads(process.stdout.readline())["address"]
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    acknowledged, enough = [], threading.Event()

    def annotate(name):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

        def post(place, **values):
            connection.request("POST", place, json.dumps({"annotator": name, **values}), OURS)
            return json.loads(connection.getresponse().read())

        try:
            row = post("/api/next")["row"]
            while row:
                found = post("/api/answer", ticket=row["ticket"], print=row["print"], value="a")
                acknowledged.append((name, row["print"]))
                row = found["row"]
                if len(acknowledged) > 40:
                    enough.set()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the server is gone
        finally:
            connection.close()

    threads = [threading.Thread(target=annotate, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    process.wait()
    process.stdout.close()
    book = journals.Journal(path)  # the lock went with the process
    written = {(one["annotator"], one["print"]) for one in book.records if one["kind"] == "answer"}
    book.close()
    assert set(acknowledged) <= written
    assert len(written) <= len(acknowledged) + 2, "at most the two that were under way"


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RunError, match=f"port {port} is in use"):
            serve._bound("127.0.0.1", port)
    with pytest.raises(RunError, match="cannot listen there"):
        serve._bound("203.0.113.7", 0)
    with pytest.raises(RunError, match="cannot listen there"):
        serve._bound("no.such.host.invalid", 0)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_hosts_that_need_no_token(host, local):
    assert serve.is_loopback(host) is local


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(serve, "PACKAGES", ("no_such_package",))
    with pytest.raises(WeitiaoError, match=r'no_such_package.*pip install "weitiao\[annotate\]"'):
        serve.require_packages()
