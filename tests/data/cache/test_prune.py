"""The cache: what is in it, what goes, what is never touched; several processes at once."""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import make_checkpoint, toy_rows
from weitiao.cli.app import app
from weitiao.data.cache import leases, prune, store
from weitiao.data.cache.prune import Entry, choose, clean, entries
from weitiao.data.files.open import open_source
from weitiao.errors import WeitiaoError

DAY = 86_400
TESTS = Path(__file__).parents[2]
DEAD = 2**22 - 3  # no process has this number


def put(kind, name, size=1000, days=0.0):
    path = store.folder(kind) / name
    if "." in name.lstrip("."):
        path.write_bytes(bytes(size))
    else:
        path.mkdir()
        (path / "values.bin").write_bytes(bytes(size))
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def names(found):
    return {entry.key for entry in found}


def weitiao(*words, **more):
    env = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "-m", "weitiao.cli.app", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def ended(process):
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def test_files_that_belong_together_are_one_entry():
    put("rows", "abc.arrow", 500)
    put("rows", "abc.bad.json", 20)
    put("encoded", "def", 300)
    found = {entry.key: entry for entry in entries(store.root())}
    assert {key: (entry.size, len(entry.paths)) for key, entry in found.items()} == {
        "rows/abc": (520, 2),
        "encoded/def": (300, 1),
    }


def test_the_longest_unused_go_first_until_so_much_is_left():
    for days in (1, 40, 20, 30):
        put("rows", f"d{days}.arrow", 1000, days)
    found = entries(store.root())
    assert names(choose(found, keep=2000)) == {"rows/d40", "rows/d30"}
    assert names(choose(found, older=25 * DAY)) == {"rows/d40", "rows/d30"}
    assert names(choose(found, older=25 * DAY, keep=3500)) == {"rows/d40"}
    assert names(choose(found, keep=4000)) == set()
    assert len(choose(found)) == 4
    assert choose(found, kind="encoded") == []


ages = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)), max_size=12)


@given(ages, st.one_of(st.none(), st.integers(0, 10**7)), st.one_of(st.none(), st.integers(0, 99)))
def test_no_choice_takes_more_than_was_asked(sizes, keep, days):
    now = time.time()
    found = [
        Entry("rows", str(i), (), size, now - age) for i, (size, age) in enumerate(sizes)
    ]  # fmt: skip
    older = None if days is None else days * DAY
    taken = choose(found, keep=keep, older=older)
    if older is not None:
        assert all(now - entry.used >= older - 1 for entry in taken)
    if keep is not None and taken:
        left = sum(entry.size for entry in found) - sum(entry.size for entry in taken)
        assert left + taken[-1].size > keep
    if keep is None and older is None:
        assert len(taken) == len(found)


def test_what_was_chosen_goes_and_the_rest_stays():
    old, new = put("encoded", "old", days=50), put("encoded", "new")
    done = clean(store.root(), choose(entries(store.root()), older=30 * DAY))
    assert (names(done.entries), done.size) == ({"encoded/old"}, 1000)
    assert not old.exists()
    assert new.exists()
    assert [path.name for path in old.parent.iterdir()] == ["new"]


def test_drafts_of_dead_processes_go_those_of_living_ones_stay():
    dead = store.folder("rows") / f".gone.arrow.{DEAD}.00c0ffee"
    dead.write_bytes(b"half")
    with store.draft(store.folder("encoded") / "busy") as living:
        living.mkdir()
        done = clean(store.root(), choose(entries(store.root()), keep=10**9))
        assert living.exists()
    assert not dead.exists()
    assert [entry.leftover for entry in done.entries] == [True]
    assert names(done.in_use) == {"encoded/busy"}


def test_an_unused_lock_goes_with_its_entry():
    put("models", "bin-1")
    put("models", "bin-1.lock", 0)
    clean(store.root(), choose(entries(store.root())))
    assert list(store.folder("models").iterdir()) == []


def test_links_are_never_followed(tmp_path):
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "thesis.txt").write_text("years", encoding="utf-8")
    (store.folder("rows") / "link").symlink_to(outside)
    (store.folder("rows") / "file.arrow").symlink_to(outside / "thesis.txt")
    (store.root() / "kind").symlink_to(outside)
    put("encoded", "a")
    (store.folder("encoded") / "a" / "inner").symlink_to(outside)
    done = clean(store.root(), choose(entries(store.root())))
    assert names(done.entries) == {"encoded/a"}
    assert (outside / "thesis.txt").read_text(encoding="utf-8") == "years"


def test_a_folder_without_our_mark_is_never_cleaned(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.arrow").write_bytes(b"x")
    with pytest.raises(WeitiaoError, match=r"not a cache of weitiao \(CACHEDIR\.TAG is missing\)"):
        clean(tmp_path, entries(tmp_path))
    assert (tmp_path / "rows" / "a.arrow").exists()


def test_what_the_system_does_not_let_go_counts_as_in_use(monkeypatch):
    """As Windows does with open files: what was renamed of the entry gets its name back."""
    put("rows", "a.arrow")
    put("rows", "a.bad.json")
    rename = os.rename

    def refuse(old, new):
        if str(old).endswith("a.bad.json"):
            raise PermissionError(13, "used by another process", str(old))
        rename(old, new)

    monkeypatch.setattr(os, "rename", refuse)
    done = clean(store.root(), entries(store.root()))
    assert names(done.in_use) == {"rows/a"}
    assert {path.name for path in store.folder("rows").iterdir()} == {"a.arrow", "a.bad.json"}


def test_above_the_limit_the_longest_unused_go_but_never_what_nobody_can_make_again(monkeypatch):
    put("rows", "old.arrow", 3000, 9)
    put("rows", "new.arrow", 3000, 1)
    put("given", "mine.arrow", 3000, 99)
    monkeypatch.setenv("WEITIAO_CACHE_LIMIT", "6KB")
    assert prune.prune() == ""
    monkeypatch.setenv("WEITIAO_CACHE_LIMIT", "5KB")
    assert "3.0 kB that were unused for the longest removed" in prune.prune()
    assert names(entries(store.root())) == {"rows/new", "given/mine"}
    monkeypatch.setenv("WEITIAO_CACHE_LIMIT", "off")
    assert prune.limit_now() is None
    monkeypatch.setenv("WEITIAO_CACHE_LIMIT", "lots")
    with pytest.raises(WeitiaoError, match="WEITIAO_CACHE_LIMIT: 'lots' is not a size"):
        prune.prune()


def test_the_command_lists_and_cleans():
    put("rows", "old.arrow", 3000, 40)
    put("rows", "new.arrow", 3000, 1)
    code, out, _ = ended(weitiao("cache", "--json"))
    told = json.loads(out)
    assert (code, told["bytes"]) == (0, 6000)
    assert [(line["kind"], line["entries"]) for line in told["kinds"]] == [("rows", 2)]
    code, out, _ = ended(weitiao("cache", "clean", "--older", "30d", "--yes", "--json"))
    assert (code, json.loads(out)["removed"], json.loads(out)["bytes"]) == (0, 1, 3000)
    assert names(entries(store.root())) == {"rows/new"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clean"], "There is no terminal to ask in: add --yes."),
        (["clean", "row", "--yes"], "the cache has no kind 'row'. Did you mean 'rows'?"),
        (["clean", "--older", "soon", "--yes"], "--older: 'soon' is not an age"),
        (["clean", "--keep", "much", "--yes"], "--keep: 'much' is not a size"),
        (["clear"], "cache: no action 'clear'"),
        (["--older", "3d"], "belong to `weitiao cache clean`"),
    ],
)
def test_mistakes_are_one_message_and_remove_nothing(words, message, monkeypatch):
    kept = put("rows", "a.arrow", days=99)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(WeitiaoError, match=re.escape(message)):
        app(["cache", *words], standalone_mode=False)
    assert kept.exists()


def test_a_lock_that_is_never_let_go_is_named(monkeypatch):
    kept = put("rows", "a.arrow")
    monkeypatch.setattr(leases, "WAIT", 0.1)
    holds = "import sys; from filelock import FileLock; a = FileLock(sys.argv[1]); a.acquire(); "
    stuck = subprocess.Popen(
        [sys.executable, "-c", holds + "print(1, flush=True); input()", store.root() / ".lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert stuck.stdout.readline() == "1\n"
    with pytest.raises(WeitiaoError, match=r"another process holds .*\.lock"):
        app(["cache", "clean", "--yes"], standalone_mode=False)
    stuck.communicate("")
    assert kept.exists()


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Rows and a tiny checkpoint for processes that share a cache."""
    folder = tmp_path_factory.mktemp("job")
    lines = [json.dumps(row) for row in toy_rows("classification", 300)]
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    make_checkpoint(folder / "tiny")
    return folder


def fitting(job, out, *changes):
    settings = ["evaluate.baselines=false", "train.batch_size=8", *changes]
    options = ["--model", job / "tiny", "--out", out, "--threads", "1", "--json"]
    return weitiao("fit", job / "rows.jsonl", *settings, *options)


@pytest.mark.slow
def test_two_processes_that_read_and_encode_the_same_rows_at_once(job, tmp_path):
    started = [fitting(job, tmp_path / str(i), "train.epochs=1") for i in range(2)]
    told = [ended(process) for process in started]
    assert [code for code, _, _ in told] == [0, 0], told
    scores = [json.loads(out.splitlines()[-1])["metrics"] for _, out, _ in told]
    assert scores[0] == scores[1]
    found = entries(store.root())
    assert not any(entry.leftover for entry in found)
    once = fitting(job, tmp_path / "again", "train.epochs=1")
    assert json.loads(ended(once)[1].splitlines()[-1])["metrics"] == scores[0]
    # Two at once are beside other programs, so neither may have kept its probe; one alone does. Each
    # run has hashes of its own files.
    own = ("probe/", "hashes/")
    kept = {name for name in names(entries(store.root())) if not name.startswith(own)}
    assert kept == {name for name in names(found) if not name.startswith(own)}


@pytest.mark.slow
def test_one_process_cleans_all_the_time_while_another_trains(job, tmp_path):
    training = fitting(job, tmp_path / "run", "train.epochs=4")
    spared = 0
    while training.poll() is None:
        done = clean(store.root(), choose(entries(store.root())))
        spared += len(done.in_use)
        time.sleep(0.02)
    code, out, err = ended(training)
    assert code == 0, err[-2000:]
    assert spared > 0
    assert json.loads(out.splitlines()[-1])["state"] == "finished"
    assert clean(store.root(), choose(entries(store.root()))).in_use == []


def test_readers_and_cleaners_at_once_never_see_half_an_entry(job, tmp_path):
    """Two processes open the same rows again and again; a third takes them away each time."""
    code = (
        "import sys\nfrom weitiao.data.files.open import open_source\n"
        "for _ in range(40):\n"
        "    assert open_source(sys.argv[1]).table.num_rows == 300\n"
    )
    path = str(job / "rows.jsonl")
    readers = [
        subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    while any(reader.poll() is None for reader in readers):
        clean(store.root(), choose(entries(store.root())))
        time.sleep(0.02)
    assert [reader.communicate()[1] for reader in readers] == ["", ""]
    with leases.guarded(store.root()):
        assert leases.held(store.root()) == set()
    assert open_source(path).table.num_rows == 300
