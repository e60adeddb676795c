"""Bundles: what is in them, resuming, clear errors. pip runs for real, on packages made here."""

import hashlib
import json
import zipfile
from importlib import metadata

import pytest

from weitiao.errors import WeitiaoError
from weitiao.support.bundle import bundle, target, wheels
from weitiao.support.bundle.target import Target, target_of

HERE = target.here()


def make_wheel(folder, name, version="1.0", needs=(), licence="MIT", tag="py3-none-any"):
    """A tiny real wheel."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: {licence}\n"
    told += "Summary: made for a test\n" + "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": f"version = '{version}'\n",
        f"{info}/METADATA": told,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
        record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        wheel.writestr(f"{info}/RECORD", record)
    return path


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of wheels that is all pip can reach; weitiao's own wheel needs only those."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none.conf"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    version = metadata.version("weitiao")
    extra = 'tiny_extra>=1; extra == "offline"'
    make_wheel(folder, "weitiao", version, ["tiny_one", extra], "Apache-2.0")
    make_wheel(folder, "pip", metadata.version("pip"))
    make_wheel(folder, "tiny_one", needs=['tiny_two; sys_platform == "win32"', "tiny_three>=1"])
    make_wheel(folder, "tiny_two")
    make_wheel(folder, "tiny_three")
    make_wheel(folder, "tiny_extra")
    monkeypatch.setattr(wheels, "source_tree", lambda: None)
    return folder


def made(tmp_path, wanted=HERE, extras=(), said=None):
    return bundle.write(tmp_path / "out", wanted, extras, (said if said is not None else []).append)


def names(result):
    return {wheel.name for wheel in result.wheels}


def test_all_that_is_needed_is_there_with_sums_bill_and_scripts(shelf, tmp_path):
    result = made(tmp_path, extras=["offline"])
    assert names(result) == {"weitiao", "pip", "tiny_one", "tiny_three", "tiny_extra"}
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "README.txt", "SHA256SUMS", "bundle.json", "install.bat", "install.py", "install.sh",
        "sbom.cdx.json", "wheels",
    }  # fmt: skip
    lines = (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert sums.keys() == there
    for name, digest in sums.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    told = json.loads((out / "bundle.json").read_text(encoding="utf-8"))
    assert told["requirement"] == f"weitiao[offline]=={metadata.version('weitiao')}"
    page = (out / "README.txt").read_text(encoding="utf-8-sig")
    assert "离线安装包" in page
    assert "Install: sh install.sh" in page


def test_the_bill_of_materials_is_cyclonedx_with_versions_licences_hashes(shelf, tmp_path):
    from cyclonedx.model.bom import Bom

    result = made(tmp_path)
    told = json.loads((tmp_path / "out" / bundle.BILL).read_text(encoding="utf-8"))
    bom = Bom.from_json(told)  # type: ignore[attr-defined]
    found = {component.name: component for component in bom.components}
    assert found.keys() == names(result) - {"weitiao"}
    one = found["tiny_one"]
    assert str(one.purl) == "pkg:pypi/tiny-one@1.0"
    (wheel,) = (wheel for wheel in result.wheels if wheel.name == "tiny_one")
    assert [item.content for item in one.hashes] == [wheel.sha256]
    assert [licence.id for licence in one.licenses] == ["MIT"]
    assert told["metadata"]["component"]["name"] == "weitiao"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("License-Expression: Apache-2.0\nLicense: x", ["Apache-2.0"]),
        ("License: BSD", ["BSD"]),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", ["MIT License"]),
        ("License: " + "long " * 50 + "\nClassifier: License :: OSI Approved", []),
        ("Name: x", []),
    ],
)
def test_licences_come_from_the_surest_field(lines, found):
    from email.parser import Parser

    assert bundle.licences_of(Parser().parsestr(lines)) == found


def test_a_second_call_fetches_nothing_again(shelf, tmp_path, monkeypatch):
    first = made(tmp_path, extras=["offline"])
    asked = []
    real = wheels._pip
    monkeypatch.setattr(wheels, "_pip", lambda words: asked.append(words[-1]) or real(words))
    pinned = [f"{wheel.name}=={wheel.version}" for wheel in first.wheels]
    monkeypatch.setattr(
        wheels.WheelCollector, "_pinned",
        lambda self, wanted: next(p for p in pinned if p.startswith(wanted.name + "==")),
    )  # fmt: skip
    (tmp_path / "out" / "wheels" / "tiny_three-1.0-py3-none-any.whl").write_bytes(b"damaged")
    again = made(tmp_path)
    assert asked == ["tiny_three==1.0"]
    assert names(again) == names(first) - {"tiny_extra"}
    there = {path.name for path in (tmp_path / "out" / "wheels").iterdir()}
    assert there == {wheel.path.name for wheel in again.wheels}


def test_a_package_that_cannot_be_had_is_named_and_the_rest_stays(shelf, tmp_path):
    missing = shelf / "tiny_three-1.0-py3-none-any.whl"
    content = missing.read_bytes()
    missing.unlink()
    with pytest.raises(WeitiaoError, match=r"pip cannot get tiny_three>=1 for .*the same command"):
        made(tmp_path)
    left = {path.name for path in (tmp_path / "out" / "wheels").iterdir()}
    assert "tiny_one-1.0-py3-none-any.whl" in left
    assert not any(name.startswith(".new") for name in left)
    assert not (tmp_path / "out" / "SHA256SUMS").exists()
    missing.write_bytes(content)
    said = []
    assert "tiny_three" in names(made(tmp_path, said=said))
    assert any("tiny_three 1.0" in line for line in said)


def test_conditions_are_judged_for_the_machine_it_is_for(shelf, tmp_path):
    assert "tiny_two" in names(made(tmp_path, Target("win_amd64", "3.12")))


@pytest.mark.slow
def test_a_wheel_for_another_machine_is_not_taken(shelf, tmp_path):
    (shelf / "tiny_three-1.0-py3-none-any.whl").unlink()
    make_wheel(shelf, "tiny_three", tag="cp312-cp312-win_amd64")
    assert "tiny_three" in names(made(tmp_path, Target("win_amd64", "3.12")))
    with pytest.raises(WeitiaoError, match="pip cannot get tiny_three"):
        bundle.write(tmp_path / "other", Target("macosx_arm64", "3.12"), [], lambda text: None)


@pytest.mark.slow
def test_versions_that_do_not_fit_together_are_told(shelf, tmp_path):
    make_wheel(shelf, "tiny_extra", needs=["tiny_three<1"])
    with pytest.raises(WeitiaoError, match=r"tiny-extra needs tiny_three<1, but tiny-three 1\.0"):
        made(tmp_path, extras=["offline"])


def test_mistakes_are_told_before_anything_is_fetched(shelf, tmp_path):
    with pytest.raises(WeitiaoError, match=r"--extras: 'ofline' is none of .*'offline'"):
        made(tmp_path, extras=["ofline"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(WeitiaoError, match="holds other things"):
        made(tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_bundle_for_another_machine_is_not_mixed_in(shelf, tmp_path):
    made(tmp_path)
    with pytest.raises(WeitiaoError, match="a bundle for "):
        made(tmp_path, Target("win_amd64", "3.12"))


@pytest.mark.parametrize(
    ("platform", "python", "message"),
    [
        ("linux", None, r"--platform: 'linux' is none of"),
        ("win_amd46", None, r"Did you mean 'win_amd64'"),
        (None, "3.8", "--python: '3.8'"),
        (None, "three", "--python"),
    ],
)
def test_a_wrong_target_is_told(platform, python, message):
    with pytest.raises(WeitiaoError, match=message):
        target_of(platform, python)


def test_a_build_for_this_system_only_is_asked_for_without_its_mark(monkeypatch, tmp_path):
    from packaging.requirements import Requirement

    monkeypatch.setattr(wheels.metadata, "version", lambda name: "2.13.0+cpu")
    pinned = {
        name: wheels.WheelCollector(tmp_path, Target(name, "3.11"), {}, print, print)._pinned(
            Requirement("torch>=2")
        )
        for name in ("linux_x86_64", "win_amd64", "macosx_arm64")
    }
    assert pinned == {
        "linux_x86_64": "torch==2.13.0+cpu",
        "win_amd64": "torch==2.13.0",
        "macosx_arm64": "torch==2.13.0",
    }


def test_the_source_tree_is_left_as_it_was():
    tree = wheels.source_tree()
    assert tree is not None, "the tests run from a source tree"
    with wheels.copied(tree) as copy:
        assert (copy / "src" / "weitiao" / "py.typed").is_file()
        assert not list(copy.rglob("*.egg-info"))


@pytest.mark.parametrize("name", bundle.SCRIPTS)
def test_scripts_have_the_line_ends_and_letters_of_their_system(name):
    text = bundle.script_texts(Target("win_amd64", "3.12"), "weitiao==1", 3, 10**6)[name]
    windows = name in ("install.bat", "README.txt")
    assert ("\r\n" in text) == windows
    if name in ("install.bat", "install.sh"):
        assert text.isascii()
        assert "3.12" in text
