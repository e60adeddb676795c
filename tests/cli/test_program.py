"""The program leaves out what no command needs and takes seconds to import."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
sys.argv = ["weitiao", {word!r}, {file!r}]
from weitiao.cli.program import main
try:
    main()
finally:
    import pyarrow, sklearn.feature_extraction.text
    print("pandas" in sys.modules and hasattr(sys.modules["pandas"], "DataFrame"))
"""


def test_pandas_is_not_imported(tmp_path):
    pytest.importorskip("pandas")
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "good film,good\nbad film,bad\n" * 20, encoding="utf-8")
    script = SCRIPT.format(word="look", file=str(rows))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "label" in done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_it_is_brought_back_for_what_may_need_it():
    script = """
from weitiao.core import left_out
left_out.leave_out()
try:
    import pandas
    raise AssertionError
except ModuleNotFoundError:
    left_out.bring_back()
import pandas
assert pandas.DataFrame
"""
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
