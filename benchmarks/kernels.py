"""How fast are the compiled kernels beside PyTorch, length by length?

    python benchmarks/kernels.py                       # this processor, then a plain AVX2 one
    python benchmarks/kernels.py --targets avx2 --threads 1 --dtypes fp32
    python benchmarks/kernels.py --table               # Markdown of what is stored

Timed is forward and backward of each group of kernels (12 heads of 32, dropout 0.1), in about 768
tokens of rows of one length. Contenders, in turns inside one process: the kernels by each C++
compiler that is here, the same formulas in PyTorch ("torch": plain.py), and the functions a user of
PyTorch would call, under autograd ("autograd": scaled_dot_product_attention and the like). Figures
are the least milliseconds of all turns, and the median in the file; with one thread of processor
time, which other programs disturb less. `avx2` compiles for x86-64-v3
and hides AVX-512 and bf16 from oneDNN, MKL and torch; `here` compiles for this processor.
"""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import timing

SCRIPT = Path(__file__).resolve()
MARCH = {"here": "native", "avx2": timing.AVX2}
COMPILERS = ("g++", "clang++")
LENGTHS = (16, 24, 57, 128, 256)
TOKENS, HEADS, WIDTH, VOCABULARY = 768, 12, 384, 1000
RATE, EPS = 0.1, 1e-12
SECONDS = 1.0  # of turns for each case
DTYPES = ("fp32", "bf16")


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return

    def run(cell: timing.Record) -> timing.Record:
        env = timing.home_env(timing.store_of(given.store), cell["threads"])
        if cell["target"] == "avx2":
            env |= {k: v for k, v in timing.LAPTOP.items() if k != "WEITIAO_COMPILER"}
        job = {**cell, "store": str(timing.store_of(given.store))}
        return timing.in_fresh_process([sys.executable, str(SCRIPT)], job, env)

    numbers = range(1, given.rounds + 1)
    cells = itertools.product(numbers, given.targets, given.dtypes, given.counts)
    names = ("round", "target", "dtype", "threads")
    timing.run_cells(
        (dict(zip(names, one, strict=True)) for one in cells), given.results, run, given.minutes
    )


def table(records: list[timing.Record]) -> str:
    """Markdown: least milliseconds of undisturbed rounds, and the better PyTorch's over them."""
    good = [r for r in records if timing.is_good(r)]
    told = []
    for key in dict.fromkeys((r["target"], r["dtype"], r["threads"]) for r in good):
        mine = [r for r in good if (r["target"], r["dtype"], r["threads"]) == key]
        own = [name for name in COMPILERS if any(name in r["compilers"] for r in mine)]
        heads = ["kernels, tokens of a row", *own, "torch", "autograd"]
        heads += [f"{name}: times faster" for name in own]
        lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for case in dict.fromkeys(case for r in mine for case in r["least"]):
            least = {
                name: min(r["least"][case][name] for r in mine if name in r["least"][case])
                for name in (*own, "torch", "autograd")
            }
            best = min(least["torch"], least["autograd"])
            shown = [f"{value:.2f}" for value in least.values()]
            lines.append("| " + " | ".join([case, *shown,
                         *(f"{best / least[name]:.2f}" for name in own)]) + " |")  # fmt: skip
        target, dtype, threads = key
        told.append(f"**{target}, {dtype}, {threads} threads**, ms\n\n" + "\n".join(lines))
    return "\n\n".join(told)


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: all cases, each contender in turn."""
    import torch

    from weitiao.model.fast.compiled import Compiled
    from weitiao.model.fast.plain import Plain

    torch.set_num_threads(job["threads"])
    dtype = torch.float32 if job["dtype"] == "fp32" else torch.bfloat16
    libraries = built(MARCH[job["target"]], Path(job["store"]))
    own = {name: Compiled(ctypes.CDLL(str(path)), dtype) for name, path in libraries.items()}
    begin = timing.mark()
    least: dict[str, dict[str, float]] = {}
    medians: dict[str, dict[str, float]] = {}
    for case, run, stock in cases(dtype):
        contenders = {name: _bound(run, one) for name, one in own.items()}
        contenders |= {"torch": _bound(run, Plain(dtype)), "autograd": stock}
        clock = time.process_time if job["threads"] == 1 else time.perf_counter
        times = in_turns(contenders, clock)
        least[case] = {name: round(1e3 * min(found), 4) for name, found in times.items()}
        medians[case] = {name: round(1e3 * median(found), 4) for name, found in times.items()}
    told = timing.between(begin, timing.mark())
    if job["threads"] == 1:
        told["disturbed"] = False  # processor time: others slow it down a little, and all alike
    return {
        **told,
        "compilers": {name: _version(name) for name in own},
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "least": least,
        "median": medians,
    }


def in_turns(
    contenders: Mapping[str, Callable[[], object]], clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of every call, A B C A B C, after one that does not count."""
    for one in contenders.values():
        one()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[next(iter(times))]) < 5:
        for name, one in contenders.items():
            start = clock()
            one()
            times[name].append(clock() - start)
    return times


def built(march: str, store: Path) -> dict[str, Path]:
    """The kernels for an instruction set, by each compiler that is here."""
    from weitiao.core import fingerprint
    from weitiao.model.fast import build

    key = fingerprint.of_texts(*build.contents())
    found = {}
    for name in COMPILERS:
        target = store / f"kernels-{name}-{march}-{key[:12]}.so"
        try:
            if not target.exists():
                build.compiled(name, (f"-march={march}", "-fopenmp"), target)
            found[name] = target
        except (OSError, subprocess.CalledProcessError):
            continue
    return found


def _version(name: str) -> str:
    done = subprocess.run([name, "--version"], capture_output=True, check=True, encoding="utf-8")
    return done.stdout.partition("\n")[0]


def _bound(run: Callable[[Any], object], kernels: Any) -> Callable[[], object]:
    return lambda: run(kernels)


def cases(dtype: Any) -> Iterator[tuple[str, Callable[[Any], object], Callable[[], object]]]:
    """The case, what own kernels do, and what a user of PyTorch would write."""
    import torch
    from torch.nn import functional

    from weitiao.model.fast.kernels import Dropout, EmbeddingTables, NormParams
    from weitiao.model.packed import Packing

    torch.manual_seed(0)
    drop = Dropout(RATE, seed=1, stream=1)
    norm = NormParams(torch.ones(WIDTH), torch.zeros(WIDTH), EPS)
    for length in LENGTHS:
        rows = max(TOKENS // length, 1)
        tokens = rows * length
        qkv = torch.randn(tokens, 3 * WIDTH).to(dtype)
        dy = torch.randn(tokens, WIDTH).to(dtype)
        into, packing = torch.empty_like(qkv), Packing(torch.full((rows,), length))

        def attention(kernels: Any, qkv: Any = qkv, dy: Any = dy, into: Any = into,
                      packing: Any = packing) -> None:  # fmt: skip
            q, k, v = qkv.chunk(3, 1)
            with torch.no_grad():
                _, kept = kernels.attend(q, k, v, packing, HEADS, drop)
                kernels.attend_back(dy, q, k, v, into.chunk(3, 1), kept, packing, HEADS, drop)

        def attention_stock(qkv: Any = qkv, dy: Any = dy, shape: Any = (rows, length)) -> None:
            leaf = qkv.detach().requires_grad_()
            q, k, v = (
                x.view(*shape, HEADS, WIDTH // HEADS).transpose(1, 2) for x in leaf.chunk(3, 1)
            )
            out = functional.scaled_dot_product_attention(q, k, v, dropout_p=RATE)
            out.transpose(1, 2).reshape(dy.shape).backward(dy)

        yield f"attention, {length}", attention, attention_stock

    for tokens in (24, TOKENS):
        x, a, dy = (torch.randn(tokens, WIDTH).to(dtype) for _ in range(3))
        raised, draised = (torch.randn(tokens, 4 * WIDTH).to(dtype) for _ in range(2))
        words, places = torch.randn(VOCABULARY, WIDTH), torch.randn(512, WIDTH)
        tables = EmbeddingTables(words, places, None, norm)
        ids, positions = torch.randint(VOCABULARY, (tokens,)), torch.arange(tokens) % 512

        def add_norm(kernels: Any, x: Any = x, a: Any = a, dy: Any = dy) -> None:
            with torch.no_grad():
                _, kept = kernels.add_norm(a, x, norm, drop)
                kernels.add_norm_back(dy, None, kept, norm, drop)

        def add_norm_stock(x: Any = x, a: Any = a, dy: Any = dy) -> None:
            one, other = x.detach().requires_grad_(), a.detach().requires_grad_()
            weight, bias = (t.detach().to(dtype).requires_grad_() for t in norm[:2])
            summed = one + functional.dropout(other, RATE)
            functional.layer_norm(summed, (WIDTH,), weight, bias, EPS).backward(dy)

        def gelu(kernels: Any, raised: Any = raised, draised: Any = draised) -> None:
            with torch.no_grad():
                kernels.gelu(raised)
                kernels.gelu_back(draised, raised)

        def gelu_stock(raised: Any = raised, draised: Any = draised) -> None:
            leaf = raised.detach().requires_grad_()
            functional.gelu(leaf).backward(draised)

        def embed(kernels: Any, ids: Any = ids, positions: Any = positions, tables: Any = tables,
                  dy: Any = dy) -> None:  # fmt: skip
            with torch.no_grad():
                _, kept = kernels.embed(ids, positions, None, tables, drop)
                kernels.embed_back(dy, kept, norm, drop)

        def embed_stock(ids: Any = ids, positions: Any = positions, tables: Any = tables,
                        dy: Any = dy) -> None:  # fmt: skip
            summed = functional.embedding(ids, tables.words)
            summed += functional.embedding(positions, tables.positions)
            summed.requires_grad_()
            weight, bias = (t.detach().requires_grad_() for t in norm[:2])
            out = functional.layer_norm(summed, (WIDTH,), weight, bias, EPS)
            functional.dropout(out, RATE).to(dtype).backward(dy)

        yield f"add_norm, {tokens} in all", add_norm, add_norm_stock
        yield f"gelu, {tokens} in all", gelu, gelu_stock
        yield f"embed, {tokens} in all", embed, embed_stock


def _options() -> Any:
    parser = timing.options(__doc__, "kernels", rounds=1, data=False)
    parser.add_argument("--targets", nargs="*", default=list(MARCH), choices=MARCH)
    parser.add_argument("--dtypes", nargs="*", default=list(DTYPES), choices=DTYPES)
    parser.add_argument("--counts", nargs="*", type=int, default=[1, 2], help="of threads")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
