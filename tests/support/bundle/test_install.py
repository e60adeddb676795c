"""The installer of a bundle: what stops it, and that it takes no folder of somebody else's."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from weitiao.support.bundle import install


@pytest.fixture
def unpacked(tmp_path, monkeypatch):
    """A folder as it stands on the other machine, with one file beside the scripts."""
    here = tmp_path / "bundle"
    here.mkdir()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = {"python": version, "requirement": "weitiao"}
    (here / "bundle.json").write_text(json.dumps(told), encoding="utf-8")
    (here / "a.whl").write_bytes(b"wheel")
    digest = hashlib.sha256(b"wheel").hexdigest()
    (here / "SHA256SUMS").write_text(f"{digest}  a.whl\n", encoding="utf-8")
    (here / "wheels").mkdir()
    (here / "wheels" / "pip-1-py3-none-any.whl").write_bytes(b"no wheel")
    monkeypatch.setattr(install, "HERE", here)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    return here


def test_a_damaged_file_stops_the_installation(unpacked, tmp_path, capsys):
    (unpacked / "a.whl").write_bytes(b"wheeI")
    assert install.main([str(tmp_path / "venv")]) == 2
    assert "a.whl：文件已损坏" in capsys.readouterr().err
    (unpacked / "a.whl").unlink()
    assert install.main([str(tmp_path / "venv")]) == 2
    assert "缺少该文件" in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


def test_another_python_and_a_folder_in_use_are_told(unpacked, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    assert install.main([str(tmp_path / "mine")]) == 2
    assert "目录非空" in capsys.readouterr().err
    (unpacked / "bundle.json").write_text('{"python": "3.5"}', encoding="utf-8")
    assert install.main([str(tmp_path / "venv")]) == 2
    assert "3.5" in capsys.readouterr().err


def test_a_virtual_environment_with_other_things_in_it_is_left_alone(unpacked, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    (mine / "src").mkdir(parents=True)
    for name in ("pyvenv.cfg", "thesis.txt", "src/a.py"):
        (mine / name).write_text("years")
    assert install.main([str(mine)]) == 2
    assert (mine / "thesis.txt").read_text() == (mine / "src" / "a.py").read_text() == "years"
    packages = other / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (other / "pyvenv.cfg").write_text("")
    (packages / "pip-24.dist-info").write_text("")
    assert install.replaceable(other)
    (packages / "numpy").write_text("")
    assert install.main([str(other)]) == 2
    assert (packages / "numpy").exists()


def test_a_folder_of_its_own_is_made_anew(unpacked, tmp_path, capfd):
    folder = tmp_path / "venv"
    for _ in range(2):
        assert install.main([str(folder)]) != 0, "there is no pip in this wheel"
        assert "pip 失败" in capfd.readouterr().err
        assert not (folder / "share").exists()
        (folder / "share").mkdir()
        (next(folder.glob("[Ll]ib/**/site-packages")) / "torch").mkdir()


def test_without_pip_nothing_is_touched(unpacked, tmp_path, capsys):
    (unpacked / "wheels" / "pip-1-py3-none-any.whl").unlink()
    assert install.main([str(tmp_path / "venv")]) == 2
    assert "缺少 pip" in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


def test_the_installer_needs_nothing_but_python():
    """It runs by itself, without site-packages."""
    code = Path(install.__file__).read_text(encoding="utf-8")
    assert "import weitiao" not in code
    assert "from weitiao" not in code
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code.replace("sys.exit(main", "(lambda x: x)(str")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "__file__" in done.stderr, "all imports went well; only the file's own name is missing"
