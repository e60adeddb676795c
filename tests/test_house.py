"""The house rules that a machine can check: each a loop over all source files."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

from weitiao import parts

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "weitiao"
FILES = sorted(SOURCE.rglob("*.py"))
OTHERS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "examples").glob("*.py")])
MOST_LINES = 450
MOST_AT_ROOT = 8
LOOP_LINES = 110
HEAVY = {"torch", "transformers", "sklearn"}
PICKLES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
# The files that may print.
PRINT = {
    "cli/show.py",
    "cli/show_choose.py",
    "cli/show_results.py",
    "cli/terminal.py",
    "api/progress.py",
}
MIXINS = {"api/estimators.py"}  # scikit-learn's classes are made of mixins
# Objects whose `open` or `read_text` is not that of a text file, or that opens with its own name.
NO_TEXT_FILES = ("os.", "webbrowser.", "Run.", "zipfile.", "how", "archive.", "dialect.",
                 "encoding.", "detected.", "opener.")  # fmt: skip


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(call):
    """The name that a call calls: open, read_text, load."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@cache
def trees():
    """Every source file parsed, which takes seconds: where these tests run, and once."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def faults(rule):
    """Every fault that `rule(path, tree)` yields, with its file."""
    return [f"{name_of(path)}: {fault}" for path, tree in trees().items()
            for fault in rule(path, tree)]  # fmt: skip


def test_there_are_files():
    assert len(FILES) > 60


def test_files_are_short_and_say_what_they_are_for():
    def rule(path, tree):
        if not ast.get_docstring(tree):
            yield "no docstring"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            yield f"{lines} lines"

    assert faults(rule) == []


def test_scripts_say_what_they_are_for():
    for path in OTHERS:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_the_root_stays_empty():
    assert len(list(SOURCE.glob("*.py"))) <= MOST_AT_ROOT


def test_only_the_command_line_prints():
    def rule(path, tree):
        if name_of(path) not in PRINT:
            yield from (f"line {call.lineno}" for call in calls(tree) if called(call) == "print")

    assert faults(rule) == []


def test_nothing_runs_what_others_wrote():
    def rule(path, tree):
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
        yield from imported & PICKLES
        for call in calls(tree):
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            trusts = keywords.get("trust_remote_code")
            if trusts is not None and not (isinstance(trusts, ast.Constant) and not trusts.value):
                yield f"line {call.lineno}: trust_remote_code"
            if ast.unparse(call.func) == "torch.load" and (
                "weights_only" not in keywords or ast.unparse(keywords["weights_only"]) != "True"
            ):
                yield f"line {call.lineno}: torch.load without weights_only"
            if called(call) in ("eval", "exec") and not isinstance(call.func, ast.Attribute):
                yield f"line {call.lineno}: {called(call)}"

    assert faults(rule) == []


def test_no_error_is_swallowed():
    def rule(path, tree):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                kinds = "bare" if node.type is None else ast.unparse(node.type)
                wide = kinds in ("bare", "Exception", "BaseException")
                if wide and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    yield f"line {node.lineno}: except {kinds} without raise"

    assert faults(rule) == []


def test_texts_are_read_and_written_in_a_named_encoding():
    def rule(path, tree):
        for call in calls(tree):
            if called(call) not in ("open", "read_text", "write_text", "fdopen"):
                continue
            if ast.unparse(call.func).startswith(NO_TEXT_FILES):
                continue
            mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
            texts = [mode, *call.args]
            modes = [a.value for a in texts
                     if isinstance(a, ast.Constant) and isinstance(a.value, str)]  # fmt: skip
            if any(re.fullmatch(r"[rwxa]\+?b\+?|[rwxa]b?\+?b", m) for m in modes):
                continue
            if not any(keyword.arg == "encoding" for keyword in call.keywords):
                yield f"line {call.lineno}: {ast.unparse(call)} names no encoding"

    assert faults(rule) == []


def test_classes_have_one_base_and_plain_names():
    def rule(path, tree):
        if re.search(r"util|helper|manager|engine|common|misc", path.name):
            yield "its name says nothing"
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                typed_dict = any(keyword.arg == "total" for keyword in node.keywords)
                if len(node.bases) > 1 and not typed_dict and name_of(path) not in MIXINS:
                    yield f"line {node.lineno}: {node.name} has several bases"
                if re.search(r"Manager|Helper|Util|Engine", node.name):
                    yield node.name

    assert faults(rule) == []


def test_the_loop_stays_short():
    (loop,) = [
        node
        for node in trees()[SOURCE / "training" / "loop.py"].body
        if isinstance(node, ast.FunctionDef) and node.name == "fit"
    ]
    assert loop.end_lineno - loop.lineno + 1 <= LOOP_LINES


def imported_at_once(body):
    """Modules that importing a file imports: nested blocks too, functions and type hints not."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imported_at_once(node.orelse)
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            for inner in ("body", "orelse", "finalbody"):
                yield from imported_at_once(getattr(node, inner, []))


def test_a_part_imports_nothing_heavy():
    for package in parts.KINDS.values():
        for path in sorted((SOURCE.parent / Path(*package.split("."))).glob("*.py")):
            heavy = {name for name in imported_at_once(trees()[path].body)
                     if name.partition(".")[0] in HEAVY}  # fmt: skip
            assert not heavy, path


def module_of(path):
    return ".".join(("weitiao", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


def every_import(tree):
    """Modules that a file imports anywhere, inside functions too; imports for type hints not."""
    hints = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in hints:
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import) and node not in hints:
            yield from (alias.name for alias in node.names)


def circles(graph):
    """Strongly connected modules, more than one (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_files_import_each_other_in_a_circle():
    modules = {module_of(path): tree for path, tree in trees().items()}
    graph = {name: {one for one in every_import(tree) if one in modules and one != name}
             for name, tree in modules.items()}  # fmt: skip
    assert circles(graph) == []
