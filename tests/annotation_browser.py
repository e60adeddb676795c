"""A server of `weitiao annotate` in a process of its own, and a chromium that shows its page."""

import json
import os
import signal
import subprocess
import sys
import threading

from report_browser import AXE, CHROMIUM, FLAGS, expect, needs_axe, playwright, pytestmark

__all__ = [
    "CHROMIUM",
    "FLAGS",
    "Server",
    "Window",
    "expect",
    "needs_axe",
    "playwright",
    "pytestmark",
]


class Server:
    """The command line in a process; `kill` ends it at once, `start` begins again."""

    def __init__(self, folder, rows, *options, lang="en"):
        self.folder, self.journal = folder, folder / "journal.jsonl"
        self.rows = folder / "rows.jsonl"
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        self.rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.options, self.lang, self.port = options, lang, 0
        self.start()

    def start(self):
        words = [sys.executable, "-m", "weitiao", "annotate", self.rows, "--journal", self.journal,
                 "--no-browser", "--port", self.port, "--json", *self.options]  # fmt: skip
        env = {**os.environ, "WEITIAO_LANG": self.lang}
        self.process = subprocess.Popen(
            [str(word) for word in words], env=env, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.stderr.read())
        self.drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.drain.start()
        self.address = json.loads(line)["address"]
        self.port = int(self.address.rstrip("/").rsplit(":", 1)[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def records(self, kind="answer"):
        if not self.journal.exists():
            return []
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        return [one for one in map(json.loads, lines) if one["kind"] == kind]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
        self._ended()

    def _ended(self):
        self.process.wait()
        self.drain.join()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


class Window:
    """A page of an annotator, with all that it said and asked for."""

    def __init__(self, browser, server, annotator="ann", path="", **settings):
        self.server, self.said, self.asked = server, [], []
        context = browser.new_context(**settings)
        self.view = context.new_page()
        self.view.on("console", lambda message: self.said.append(message.text))
        self.view.on("pageerror", lambda error: self.said.append(str(error)))
        self.view.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.view.on("request", lambda request: self.asked.append(request.url))
        if annotator:
            self.view.add_init_script(f"localStorage.setItem('weitiao-annotator', '{annotator}')")
        self.view.goto(server.address + path)
        self.view.wait_for_selector("html[data-ready]", timeout=20_000)

    def text(self, role="text"):
        return self.view.locator(f"#text-{role}").text_content()

    @property
    def row(self):
        return self.view.get_attribute("html", "data-row")

    def press(self, *keys):
        for key in keys:
            self.view.keyboard.press(key)

    def next(self, act):
        """Do something after which another row is shown; how many milliseconds it took."""
        before = self.row
        start = self.view.evaluate("performance.now()")
        act()
        self.view.wait_for_function(
            "before => document.documentElement.dataset.row !== before"
            " || !document.getElementById('done').hidden", arg=before, timeout=20_000,
        )  # fmt: skip
        return self.view.evaluate("performance.now()") - start

    def serious(self):
        """What axe calls serious or critical: the rule, the place and the reason."""
        self.view.evaluate(AXE.read_text(encoding="utf-8"))
        return [
            (one["id"], one["nodes"][0]["target"], one["nodes"][0]["failureSummary"])
            for one in self.view.evaluate("axe.run()")["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def check(self):
        """Nothing was complained about, and nothing but this server was asked."""
        assert self.said == []
        assert all(url.startswith(self.server.address.rstrip("/")) for url in self.asked)
        assert self.view.evaluate("window.hurt") is None

    def close(self):
        self.view.context.close()
