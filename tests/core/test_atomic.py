"""A file or folder is there whole or not at all."""

import signal
import threading

import pytest

from weitiao.core import atomic


def test_a_file_takes_its_place_whole(tmp_path):
    path = tmp_path / "a.txt"
    atomic.replace_text(path, "one\r\n")
    atomic.replace_text(path, "好\n", durable=True)
    assert path.read_bytes() == "好\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_inside_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    atomic.replace_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic.replacing(path) as sibling:
        sibling.write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    with pytest.raises(UnicodeEncodeError):
        atomic.replace_text(path, "\udc80")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_folders_for_one_place_the_first_stays(tmp_path):
    path = tmp_path / "folder"
    for text in ("first", "second"):
        with atomic.replacing(path) as sibling:
            sibling.mkdir()
            (sibling / "a").write_text(text, encoding="utf-8")
    assert (path / "a").read_text(encoding="utf-8") == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_kills_left_behind_is_removed(tmp_path):
    with atomic.temporary_sibling(tmp_path / "status.json") as sibling:
        name = sibling.name
    (tmp_path / name).write_text("half", encoding="utf-8")
    for kept in ("status.json", ".gitignore", ".a.b.c"):
        (tmp_path / kept).write_text("", encoding="utf-8")
    atomic.remove_siblings(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"status.json", ".gitignore", ".a.b.c"}


def test_a_swap_in_the_background_keeps_the_old_content_until_the_disk_has_the_new(
    tmp_path, monkeypatch
):
    path, may_go_on = tmp_path / "best", threading.Event()
    with atomic.swapping_folder(path) as new:
        (new / "weights").write_text("old")
    monkeypatch.setattr(atomic, "to_disk", lambda _path: may_go_on.wait(60))
    swap = atomic.BackgroundSwap(path)
    with swap.filling() as new:
        (new / "weights").write_text("new")
    assert (path / "weights").read_text() == "old"
    may_go_on.set()
    swap.wait()
    assert (path / "weights").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["best"]
    with swap.filling() as new:
        (new / "weights").write_text("third")
    with swap.filling() as new:  # the one before has its name first
        assert (path / "weights").read_text() == "third"
        (new / "weights").write_text("fourth")
    swap.wait()
    assert (path / "weights").read_text() == "fourth"


def test_a_disk_that_fails_in_the_background_is_told_by_the_wait(tmp_path, monkeypatch):
    def fails(_path):
        raise OSError(28, "No space left on device")

    swap = atomic.BackgroundSwap(tmp_path / "best")
    monkeypatch.setattr(atomic, "to_disk", fails)
    with swap.filling() as new:
        (new / "weights").write_text("new")
    with pytest.raises(OSError, match="No space"):
        swap.wait()
    assert not (tmp_path / "best").exists()
    swap.wait()  # told once


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of this kind")
def test_an_interrupted_wait_is_not_the_end_of_the_swap(tmp_path, monkeypatch):
    may_go_on = threading.Event()

    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "to_disk", lambda _path: may_go_on.wait(60))
    swap = atomic.BackgroundSwap(tmp_path / "best")
    with swap.filling() as new:
        (new / "weights").write_text("new")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            swap.wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    threading.Timer(0.2, may_go_on.set).start()
    swap.wait()  # as the training does at its end
    assert (tmp_path / "best" / "weights").read_text() == "new"
