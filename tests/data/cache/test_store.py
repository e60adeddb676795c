"""The cache folder is ours alone, and what a living process uses is known to others."""

import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.core import atomic
from weitiao.data.cache import leases, store

HOLDS = """
import sys, time
from pathlib import Path
from weitiao.data.cache import store as cache
path = cache.folder("rows") / sys.argv[1]
path.write_bytes(b"x")
cache.hold(path)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder():
    """Another process that has an entry open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, "theirs.arrow"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def held():
    with leases.guarded(store.root()):
        return leases.held(store.root())


def test_the_folder_is_marked_so_that_backups_leave_it_out(tmp_path):
    assert store.root() == tmp_path / "cache"
    first = (tmp_path / "cache" / "CACHEDIR.TAG").read_text(encoding="utf-8").splitlines()[0]
    assert first == "Signature: 8a477f597d28d172789f06886806bc55"


def test_a_folder_that_holds_other_things_gets_a_folder_inside(tmp_path, monkeypatch):
    (tmp_path / "home" / "models").mkdir(parents=True)
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "home"))
    assert store.folder("models") == tmp_path / "home" / "weitiao" / "models"
    assert store.folder("models") == tmp_path / "home" / "weitiao" / "models"
    assert not (tmp_path / "home" / "CACHEDIR.TAG").exists()


def test_processes_that_start_together_agree_on_the_folder(tmp_path):
    code = "from weitiao.data.cache import store; print(store.folder('rows'))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert {p.communicate(timeout=60)[0].strip() for p in started} == {
        str(tmp_path / "cache" / "rows")
    }


def test_a_folder_that_another_process_makes_meanwhile_is_ours(tmp_path, monkeypatch):
    def listed(path):  # what another process has done since this one looked for the mark
        (tmp_path / "cache" / store.TAG).write_text(store.MARK, encoding="utf-8")
        (tmp_path / "cache" / "rows").mkdir(exist_ok=True)
        return [store.TAG, "rows"]

    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / store.TAG).unlink(missing_ok=True)
    monkeypatch.setattr(store.os, "listdir", listed)
    assert store.root() == tmp_path / "cache"


def test_what_another_process_uses_is_known_until_it_ends(holder):
    assert held() == {"rows/theirs"}
    holder.send_signal(signal.SIGTERM)
    holder.wait()
    assert held() == set()
    assert list((store.root() / "leases").iterdir()) == []


def test_what_a_killed_process_used_is_free(holder):
    holder.kill()
    holder.wait()
    assert held() == set()


def test_our_own_entries_are_held_too():
    store.hold(store.folder("rows") / "a.arrow")
    store.hold(store.folder("encoded") / "b")
    assert held() == {"rows/a", "encoded/b"}


def test_a_child_that_ends_does_not_free_what_its_parent_holds():
    path = store.folder("rows") / "a.arrow"
    store.hold(path)
    child = os.fork()
    if child == 0:
        store.hold(store.folder("rows") / "b.arrow")
        os._exit(0)
    os.waitpid(child, 0)
    ask = "from weitiao.data.cache import leases, store; print(leases.held(store.root()))"
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "{'rows/a'}"


def test_a_removed_cache_folder_does_no_harm(tmp_path):
    import shutil

    store.hold(store.folder("rows") / "a")
    shutil.rmtree(tmp_path / "cache")
    store.hold(store.folder("rows") / "b")
    assert held() == {"rows/a", "rows/b"}


def test_what_is_not_in_the_cache_is_not_held(tmp_path):
    store.hold(tmp_path / "elsewhere.arrow")
    assert held() == set()


def test_opening_notes_the_use():
    path = store.folder("rows") / "a.arrow"
    path.write_bytes(b"x")
    os.utime(path, (1_000_000, 1_000_000))
    store.hold(path)
    assert time.time() - path.stat().st_mtime < 60


def test_a_draft_is_gone_when_its_body_raises():
    path = store.folder("rows") / "a.arrow"
    with pytest.raises(ValueError, match="no"), store.written(path) as draft:
        draft.write_bytes(b"half")
        raise ValueError("no")
    assert list(path.parent.iterdir()) == []


@given(st.from_regex(r"[0-9a-z_-]{1,20}(\.[a-z.]{1,9})?", fullmatch=True), st.integers(1, 10**7))
def test_a_draft_belongs_to_its_entry(name, pid):
    draft = f".{name}.{pid}.00c0ffee"
    assert atomic.SIBLING.fullmatch(draft)
    assert not atomic.SIBLING.fullmatch(name)
    assert store.entry_of(draft) == store.entry_of(name) == name.partition(".")[0]
