"""What shows a training: a bar in a terminal, a panel in a notebook, nothing where nobody looks."""

import sys
from types import SimpleNamespace

import pytest

from weitiao.api import progress


def step(at, report=None):
    return SimpleNamespace(step=at, total=4, loss=0.5, report=report, best=True)


REPORT = SimpleNamespace(primary="accuracy", metrics={"accuracy": 0.75})


def drive(wanted, say=None, watch=None):
    with progress.shown(wanted, say, watch) as (said, watched):
        if said:
            said("hello\x1b[31m")
        if watched:
            watched(step(1), 65.0)
            watched(step(2, REPORT), float("nan"))
    return said, watched


def test_nothing_is_shown_where_nobody_looks_or_the_caller_shows(capsys):
    assert drive(None) == (None, None)
    assert drive(False) == (None, None)
    lines = []
    assert drive(None, lines.append) == (lines.append, None)
    assert capsys.readouterr() == ("", "")
    assert lines == ["hello\x1b[31m"]


def test_lines_are_written_where_it_is_wanted(capsys):
    drive(True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello" in err
    assert "\x1b[31m" not in err
    assert "step 2/4: validation accuracy 0.7500 (best so far)" in err


def test_a_bar_in_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    drive(None)
    assert "2/4" in capsys.readouterr().err


def test_a_panel_in_a_notebook(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda panel: shown.append(panel._repr_html_()))
    fake = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=1), display=lambda panel, display_id: handle
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    assert progress.notebook()
    drive(None)
    assert '<progress value="1" max="4">' in shown[1]
    assert "1:05 left" in shown[1]
    assert "validation accuracy 0.7500" in shown[-1]
    assert "<progress" not in shown[-1]
    with pytest.raises(KeyError), progress.shown(None, None, None):
        raise KeyError
