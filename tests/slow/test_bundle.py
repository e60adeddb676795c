"""From a bundle to a report on a machine without a network: a bare Python and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def alone():
    """The command before a command that takes its network away; None where that is not allowed."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            return command
    return None


WITHOUT_NETWORK = alone()
needs_unshare = pytest.mark.skipif(
    WITHOUT_NETWORK is None, reason="a network namespace cannot be made here (unshare -n)"
)


def bare_python():
    """The Python below the virtual environment of the tests."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.base_prefix) / "bin" / name)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "weitiao 离线"
    done = subprocess.run(
        [sys.executable, "-m", "weitiao.cli.app", "bundle", "--out", str(folder), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "pip cannot get" in done.stderr:
        pytest.skip(f"the packages cannot be had here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@needs_unshare
def test_install_fit_and_report_without_a_network_from_a_bare_python(bundle, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHON": bare_python(), "LANG": "C.UTF-8"}

    def run(*command):
        return subprocess.run(
            [*WITHOUT_NETWORK, *map(str, command)],
            capture_output=True, text=True, env=env, cwd=home, check=False,
        )  # fmt: skip

    look = "import socket; socket.create_connection(('127.0.0.1', 9), 2)"
    assert "Network is unreachable" in run(bare_python(), "-c", look).stderr
    installed = run("sh", bundle / "install.sh", "venv")
    assert installed.returncode == 0, installed.stderr[-3000:]
    assert "this machine" in installed.stderr
    weitiao = home / "venv" / "bin" / "weitiao"
    looked = run(weitiao, "doctor", "e5-small", "--offline", "--json")
    assert looked.returncode == 0, looked.stderr[-3000:]
    found = {one["check"]: one for one in json.loads(looked.stdout)["findings"]}
    assert found["extra_offline"]["state"] == found["extra_samples"]["state"] == "ok"
    assert found["selftest"]["passed"]
    fitted = run(weitiao, "fit", "sample:reviews-zh", "--rows", "300", "--budget", "60s", "--json")
    assert fitted.returncode == 0, fitted.stderr[-3000:]
    told = json.loads(fitted.stdout.splitlines()[-1])
    assert told["state"] in ("finished", "early")
    again = run(weitiao, "report", told["run"], "-o", "page.html")
    assert again.returncode == 0, again.stderr[-2000:]
    assert (home / "page.html").stat().st_size > 100_000
    print({"bundle": size(bundle), "venv": size(home / "venv"), "metrics": told["metrics"],
           "seconds": told["seconds"], "cache": size(home / ".cache")})  # fmt: skip


@needs_unshare
def test_a_bundle_with_a_damaged_wheel_installs_nothing(bundle, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy, copy_function=os.link)
    wheel = next(copy.glob("wheels/snownlp*.whl"))
    content = wheel.read_bytes()
    wheel.unlink()  # a file of its own now, not the bundle's
    wheel.write_bytes(content[:-1] + b"x")
    done = subprocess.run(
        ["sh", str(copy / "install.sh"), str(tmp_path / "venv")], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHON": bare_python()}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "damaged on the way" in done.stderr
    assert not (tmp_path / "venv").exists()


def size(folder):
    total = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file())
    return f"{total / 1e6:.0f} MB"
