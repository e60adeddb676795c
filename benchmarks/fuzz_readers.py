"""Does any file bring a reader to a traceback or a hang? Fuzzing by atheris, a reader at a time.

    pip install atheris
    python benchmarks/fuzz_readers.py csv --minutes 20 --corpus /tmp/corpus
    python benchmarks/fuzz_readers.py all --minutes 1

The corpus of a reader starts with the files of tests/data/test_dialects.py and grows by what is
found. A file must become rows or one DataError (a plan: a plan or one PlanError), within ten
seconds. Whatever else happens stops the fuzzing and leaves the file as crash-... in the corpus.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Reader -> ending of the file, the reader that is forced ("": found by looking).
TARGETS = {
    "csv": (".csv", "csv"),
    "tsv": (".tsv", "tsv"),
    "any": (".txt", ""),
    "jsonl": (".jsonl", "jsonl"),
    "json": (".json", "json"),
    "squad": (".json", "json"),
    "conll": (".conll", "conll"),
    "conllu": (".conllu", "conllu"),
    "html": (".html", "html"),
    "xlsx": (".xlsx", "xlsx"),
    "parquet": (".parquet", "parquet"),
    "arrow": (".arrow", "arrow"),
    "folder": ("", "folder"),
    "archive": (".zip", ""),
    "plan": (".yaml", ""),
}
# First files of readers whose format no program of the dialects writes.
OWN = {
    "conll": (
        b"Rome\tB-place\nis O\n\n-DOCSTART- O\n\nhere NN O\n",
        "我 B-NAME\n们 E-NAME\n".encode(),
    ),
    "conllu": (
        b"# text = He is\n1\tHe\the\tPRON\t_\t_\t2\tnsubj\t_\t_\n"
        b"1-2\tHe's\t_\t_\t_\t_\t_\t_\t_\t_\n"
        b"2\tis\tbe\tAUX\t_\t_\t0\troot\t_\t_\n\n",
    ),
    "squad": (
        b'{"version":"v2.0","data":[{"title":"a","paragraphs":[{"context":"Rome is here.","qas":['
        b'{"id":"1","question":"Where?","is_impossible":false,"answers":[{"text":"here",'
        b'"answer_start":8}]},{"id":"2","question":"Who?","is_impossible":true,"answers":[]}]}]}]}',
    ),
}
SECONDS = 10  # for one file
LONGEST = 20_000  # bytes of a file


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("reader", choices=["all", *TARGETS])
    options.add_argument("--minutes", type=float, default=1)
    options.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "corpus")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        fuzz(given.reader, given.minutes, given.corpus)
        return
    failed = []
    for name in TARGETS if given.reader == "all" else [given.reader]:
        folder = given.corpus / name
        folder.mkdir(parents=True, exist_ok=True)
        sow(name, folder)
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                [sys.executable, __file__, name, "--inside", "--minutes", str(given.minutes),
                 "--corpus", str(folder)],
                env={**os.environ, "WEITIAO_CACHE": cache}, check=False,
            )  # fmt: skip
        sys.stdout.write(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}\n")
        failed += [name] if done.returncode else []
    if failed:
        raise SystemExit(f"found something in: {', '.join(failed)}")


def sow(name: str, folder: Path) -> None:
    """The first files of a corpus: what programs write."""
    sys.path[:0] = [str(ROOT / "tests" / "data"), str(ROOT / "tests")]
    import test_dialects as dialects

    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as made:
        for title, (ending, raw, _) in dialects.CSV.items():
            found[f"{title} {ending}"] = raw
        for title, (ending, write, _) in dialects.FILES.items():
            file = Path(made) / f"{len(found)}{Path(ending).suffix}"
            write(file)
            found[f"{title} {ending}"] = file.read_bytes()
    wanted = {
        "csv": (".csv", ".txt"), "tsv": (".tsv", ".txt"), "any": (".csv", ".txt", ".tsv"),
        "jsonl": (".jsonl",), "json": (".json",), "html": ("html called", "2003"),
        "xlsx": (".xlsx", ".xls"), "parquet": (".parquet",), "arrow": (".feather",),
        "archive": (".gz", ".bz2", ".xz", ".zip"), "folder": (".csv", ".txt"),
    }  # fmt: skip
    chosen = {k: v for k, v in found.items() if any(end in k for end in wanted.get(name, ()))}
    chosen |= {f"own {i}": raw for i, raw in enumerate(OWN.get(name, ()))}
    if name == "plan":
        chosen = {path.name: path.read_bytes() for path in (ROOT / "plans").glob("*.yaml")}
    for place, raw in enumerate(chosen.values()):
        if len(raw) <= LONGEST:
            (folder / f"seed-{place}").write_bytes(raw)


def fuzz(name: str, minutes: float, corpus: Path) -> None:
    """Runs until the time is over (exit code 0) or something is found."""
    import atheris

    with atheris.instrument_imports(include=["weitiao"]):
        from weitiao import parts
        from weitiao.data.files.open import open_source
        from weitiao.data.files.table import write_table
        from weitiao.errors import DataError, PlanError
        from weitiao.planfile.plan import Plan
    ending, reader = TARGETS[name]
    file = Path(tempfile.mkdtemp()) / f"rows{ending}"
    kept = file.with_name("kept.arrow")

    def one(raw: bytes) -> None:
        if name == "folder":
            sow_texts(file, raw)
        else:
            file.write_bytes(raw)
        try:
            if name == "plan":
                Plan.load(file)
                return
            skip = bool(raw) and raw[-1] % 2 == 0
            if reader:  # past the cache: ten times as many files in the same time
                made = parts.build("readers", reader).read(file)
                write_table(kept, made, file.name, skip)
            else:
                open_source(str(file), {}, skip)
        except (DataError, PlanError):
            pass

    def changed(data: bytes, size: int, seed: int) -> bytes:
        """Changes inside the members of an archive: others do not get past its check sums."""
        mutated = atheris.Mutate(data, size)
        if seed % 2 or not zipfile.is_zipfile(io.BytesIO(data)):
            return mutated
        return repacked(data, seed, atheris.Mutate, size)[:size]

    options = [sys.argv[0], str(corpus), f"-max_total_time={int(minutes * 60)}", "-verbosity=0",
               f"-timeout={SECONDS}", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}/crash-",
               "-rss_limit_mb=4096", "-print_final_stats=1"]  # fmt: skip
    extra = {"custom_mutator": changed} if name in ("xlsx", "archive") else {}
    atheris.Setup(options, one, **extra)
    atheris.Fuzz()


def sow_texts(folder: Path, raw: bytes) -> None:
    """The bytes as texts of two labels, cut in three."""
    for at, place in enumerate(("a/1.txt", "a/2.txt", "b/3.txt")):
        text = folder / place
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_bytes(raw[at * len(raw) // 3 : (at + 1) * len(raw) // 3])


def repacked(data: bytes, seed: int, mutate: object, size: int) -> bytes:
    """The same archive with one member changed."""
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
            members = old.infolist()[:50]
            for place, member in enumerate(members):
                raw = old.read(member) if member.file_size < LONGEST else b""
                if place == seed // 2 % len(members):
                    raw = mutate(raw, min(size, len(raw) + 100))  # type: ignore[operator]
                new.writestr(member.filename, raw)
    except Exception as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return data
    return out.getvalue()


if __name__ == "__main__":
    main()
