"""The house rules that a machine can check."""

import ast
import re
from pathlib import Path

import pytest

from weitiao import parts

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "weitiao"
FILES = sorted(SOURCE.rglob("*.py"))
OTHERS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "examples").glob("*.py")])
MOST_LINES = 300
LOOP_LINES = 110
HEAVY = {"torch", "transformers", "sklearn"}


def name_of(path):
    return str(path.relative_to(ROOT))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(call):
    """The name that a call calls: open, read_text, load."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_there_are_files():
    assert len(FILES) > 60


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_short_and_says_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "starts with a sentence saying what it is for"
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", OTHERS, ids=name_of)
def test_scripts_say_what_they_are_for(path):
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_command_line_prints(path):
    if path.parent == SOURCE and path.name in ("cli.py", "terminal.py", "tables.py"):
        return
    assert [call.lineno for call in calls(tree_of(path)) if called(call) == "print"] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_runs_what_others_wrote(path):
    tree = tree_of(path)
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for call in calls(tree):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        trusts = given.get("trust_remote_code")
        assert trusts is None or (isinstance(trusts, ast.Constant) and trusts.value is False)
        if ast.unparse(call.func) == "torch.load":
            assert ast.unparse(given["weights_only"]) == "True"
        assert called(call) not in ("eval", "exec") or isinstance(call.func, ast.Attribute)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_error_is_swallowed(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            kinds = "bare" if node.type is None else ast.unparse(node.type)
            wide = kinds in ("bare", "Exception", "BaseException")
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not wide or raises, f"line {node.lineno}: except {kinds} without raise"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_texts_are_read_and_written_in_a_named_encoding(path):
    for call in calls(tree_of(path)):
        if called(call) not in ("open", "read_text", "write_text", "fdopen"):
            continue
        if ast.unparse(call.func).startswith(
            (
                "os.",
                "webbrowser.",
                "Run.",
                "zipfile.",
                "how",
                "archive.",
                "dialect.",
                "encoding.",
                "found.",
            )  # an Encoding opens with its own name
        ):
            continue
        mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
        texts = [mode, *call.args]
        modes = [a.value for a in texts if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if any(re.fullmatch(r"[rwxa]\+?b\+?|[rwxa]b?\+?b", m) for m in modes):
            continue
        named = any(keyword.arg == "encoding" for keyword in call.keywords)
        assert named, f"line {call.lineno}: {ast.unparse(call)} names no encoding"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_class_has_one_base(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            assert len(node.bases) <= 1, f"line {node.lineno}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_name_says_something(path):
    assert not re.search(r"util|helper|manager|engine|common|misc", path.name)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"Manager|Helper|Util|Engine", node.name), node.name


def test_the_loop_stays_short():
    (loop,) = [
        node
        for node in tree_of(SOURCE / "train" / "fit.py").body
        if isinstance(node, ast.FunctionDef) and node.name == "fit"
    ]
    assert loop.end_lineno - loop.lineno + 1 <= LOOP_LINES


def part_files():
    for package in parts.KINDS.values():
        folder = SOURCE.parent / Path(*package.split("."))
        yield from sorted(folder.glob("*.py"))


def imported_at_once(body):
    """Modules that importing a file imports: nested blocks too, functions and type hints not."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imported_at_once(node.orelse)
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            for inner in ("body", "orelse", "finalbody"):
                yield from imported_at_once(getattr(node, inner, []))


@pytest.mark.parametrize("path", list(part_files()), ids=name_of)
def test_a_part_imports_nothing_heavy(path):
    heavy = {name for name in imported_at_once(tree_of(path).body)
             if name.partition(".")[0] in HEAVY}  # fmt: skip
    assert not heavy
