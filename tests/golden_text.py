"""Golden files as text: what changes from run to run masked, differences found and shown."""

import difflib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

SHOWN = 60  # lines of a difference

# Keys whose values tell of the clock, the machine or the versions of packages.
VOLATILE = {
    "seconds", "seconds_left", "train_seconds", "peak_memory_mb", "memory_mb", "pid", "started",
    "of", "date", "python", "system", "processor", "cores", "instructions", "packages",
}  # fmt: skip
MEASURED = {"train.precision"}  # its reason tells how fast each arithmetic is here

# Rows of a page's tables about the machine, in both languages.
MACHINE = {
    "Python", "processor", "cores", "instructions", "system", "处理器", "核心", "指令集", "系统", "操作系统",
    "weitiao", "torch", "transformers", "tokenizers", "accelerate", "safetensors", "numpy",
    "pyarrow", "scikit-learn",
}  # fmt: skip
MASKS = [
    (re.compile(r"\b(?:\d{4}-)?\d\d-\d\d \d\d:\d\d\b", re.ASCII), "<date>"),
    (re.compile(r"\b\d+:\d\d(?::\d\d)?\b", re.ASCII), "<time>"),
    (re.compile(r"\b[\d.,]+ ?[kKMG]i?B\b", re.ASCII), "<size>"),
    (re.compile(r"\bweitiao \d+\.\d+\.\w+", re.ASCII), "weitiao <version>"),
    (re.compile(r"(?m)^(train\.precision \| [^|\n]+ \|).*"), r"\1 <measured>"),
    (re.compile(r"(?m)^( *# ).*\n(?= *precision:)"), r"\1<measured>\n"),
    (re.compile(r"(?m)^(  train\.precision:\n.*\n    reason:).*\n    evidence:.*(?:\n    messages:.*)?"),
     r"\1 <measured>\n    evidence: <measured>"),
    (re.compile(r"(?m)^(  (?:memory_mb|train_seconds|of):) .*"), r"\1 <masked>"),
    (re.compile(r"(measured, 10\^9 operations a second: )[^'\]\n]*"), r"\1<measured>"),
    (re.compile(r"(?m)^(expect: \{train_seconds: )[\d.]+"), r"\1<masked>"),
    (re.compile(r"(?m)^(" + "|".join(map(re.escape, sorted(MACHINE))) + r") \| .*"),
     r"\1 | <machine>"),
]  # fmt: skip

# Baselines whose solver stops as soon as it is near enough, and what is reckoned from them.
LOOSE = re.compile(r"tfidf_linear|frozen_linear|\"differences\"")

# --- making the text


def masked(text):
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


def masked_json(value, key=None):
    """The same with every volatile leaf masked, whatever it is; the keys stay."""
    if isinstance(value, dict):
        inner = {name: masked_json(one, key if key in VOLATILE else name)
                 for name, one in value.items()}  # fmt: skip
        if key in MEASURED:
            return inner | dict.fromkeys(("reason", "evidence"), "<measured>")
        return inner
    if isinstance(value, list):
        return [masked_json(one, key) for one in value]
    if key in VOLATILE and value is not None:
        return "<masked>"
    return value


def pretty(value, width=100, indent=0):
    """JSON in few lines, numbers with six digits. Where lines break hangs on neither digits nor words,
    so that a renamed key does not move what stands around it."""
    if not isinstance(value, (dict, list)) or not value or _length(value) + indent <= width:
        return _dumps(value)
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        inner = [f"{pad}{_dumps(str(name))}: {pretty(one, width, indent + 1)}"
                 for name, one in value.items()]  # fmt: skip
    else:
        inner = [pad + pretty(one, width, indent + 1) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return begin + "\n" + ",\n".join(inner) + "\n" + " " * indent + end


def _length(value):
    """About how long the JSON is, every name and value taken for eight characters."""
    if isinstance(value, dict):
        return 2 + sum(12 + _length(one) for one in value.values())
    if isinstance(value, list):
        return 2 + sum(2 + _length(one) for one in value)
    return 8


def _dumps(value):
    def short(one):
        if isinstance(one, float):
            return float(f"{one:.6g}")
        if isinstance(one, dict):
            return {name: short(inner) for name, inner in one.items()}
        if isinstance(one, (list, tuple)):
            return [short(inner) for inner in one]
        return one

    return json.dumps(short(value), ensure_ascii=False, default=str)


def parted_table(text):
    """What the terminal shows, its tables as cells without borders and widths."""
    lines = []
    for line in text.splitlines():
        if line[:1] in "┏┡└├╇":
            continue
        if line[:1] in "┃│":
            line = " | ".join(part.strip() for part in re.split("[┃│]", line)[1:-1])
        lines.append(line.rstrip())
    return lines


class _Page(HTMLParser):
    """Text between tags, a line for each block and each row of a table, and the data of plots."""

    INLINE = {"a", "abbr", "b", "bdi", "code", "em", "i", "mark", "small", "span", "strong", "sub",
              "sup", "time", "button", "tspan", "ins", "del", "q"}  # fmt: skip
    SPOKEN = ("aria-label", "title", "alt")

    def __init__(self):
        super().__init__()
        self.lines, self.words, self.skipped, self.data = [], "", False, False

    def flush(self):
        line = re.sub(r"\s+", " ", self.words).strip()
        if line:
            self.lines.append(line)
        self.words = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.skipped = tag in ("style", "script")
        self.data = tag == "script" and given.get("id") == "data"
        if tag in ("td", "th"):
            self.words += " | " if self.words.strip() else ""
        elif tag not in self.INLINE:
            self.flush()
        for name in self.SPOKEN:
            if given.get(name):
                self.words += f" [{name}: {given[name]}] "

    def handle_endtag(self, tag):
        if tag not in self.INLINE and tag not in ("td", "th"):
            self.flush()
        self.skipped = self.data = False

    def handle_data(self, data):
        if self.data:
            self.lines += ["data:", *pretty(masked_json(json.loads(data))).splitlines()]
        elif not self.skipped:
            self.words += data


def lines_of_page(html):
    page = _Page()
    page.feed(html)
    page.close()
    page.flush()
    return page.lines


# --- comparing


def renamed(name, text, renames):
    """A golden file's text with the intended renames carried out."""
    for old, new in (renames.get("keys") or {}).items():
        old = re.escape(str(old))
        if name.endswith((".yaml", ".yml")):
            text = re.sub(rf"(?m)^( *){old}:", rf"\g<1>{new}:", text)
        elif name.endswith(".csv"):
            head, _, rest = text.partition("\n")
            cells = [re.sub(rf"^{old}$", str(new), one) for one in head.split(",")]
            text = ",".join(cells) + "\n" + rest
        else:
            text = re.sub(rf'"{old}":', f'"{new}":', text)
    for old, new in (renames.get("words") or {}).items():
        before = r"(?<![A-Za-z0-9_])" if re.match(r"\w", str(old), re.ASCII) else ""
        after = r"(?![A-Za-z0-9_])" if re.search(r"\w$", str(old), re.ASCII) else ""
        text = re.sub(before + re.escape(str(old)) + after, str(new).replace("\\", r"\\"), text)
    return text


NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)%?", re.ASCII)


def close(old, new, shown, loose):
    """Whether two numbers as text are one, rounded elsewhere. Whole numbers must be equal; shown:
    people read them, so they have few digits; loose: what made them stops when it is near enough."""
    if old == new:
        return True
    one, other = (text.rstrip("%").replace(",", "") for text in (old, new))
    if one.lstrip("-").isdigit() and other.lstrip("-").isdigit() and "%" not in old:
        return False
    if ("%" in old) != ("%" in new):
        return False
    digits = max(_decimals(one), _decimals(other))
    limit = 1e-4 if loose else 1e-5
    if shown and digits <= 4:
        limit = {0: 1.01, 1: 0.101, 2: 0.0101}.get(digits, 2e-3)
    elif digits in (3, 4):
        limit = 1.01 * 10**-digits  # a number that the file itself rounds
    relative = 2e-3 if loose else 1e-4
    return math.isclose(float(one), float(other), rel_tol=relative, abs_tol=limit)


def _decimals(number):
    mantissa, _, power = number.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(power or 0))


def same(old, new, shown):
    """Whether two lines differ at most in the last digits of numbers."""
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(close(one, other, shown, bool(LOOSE.search(old))) for one, other in pairs)


def difference(name, old, new):
    """How a file differs from the golden one, as people read it; empty where it does not."""
    before, after = old.splitlines(), new.splitlines()
    shown = name.endswith(".txt")
    matcher = difflib.SequenceMatcher(
        None, [NUMBER.sub("#", line) for line in before], [NUMBER.sub("#", line) for line in after]
    ) if len(before) != len(after) else None  # fmt: skip
    blocks = matcher.get_matching_blocks() if matcher else [(0, 0, len(before))]
    for i, j, size in blocks:
        for k in range(size):
            if same(before[i + k], after[j + k], shown):
                after[j + k] = before[i + k]
    lines = list(
        difflib.unified_diff(before, after, f"golden/{name}", f"now/{name}", n=2, lineterm="")
    )
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"... and {len(lines) - SHOWN} lines more"]
    return "\n".join(line if len(line) < 240 else line[:240] + " ..." for line in lines)


def compare(folder, found, renames):
    """Every difference between the golden files of a folder and what was found now."""
    stored = {path.name for path in Path(folder).iterdir() if path.is_file()}
    told = [f"{name}: golden, but not made any more" for name in sorted(stored - set(found))]
    told += [f"{name}: made, but not golden" for name in sorted(set(found) - stored)]
    for name in sorted(stored & set(found)):
        golden = renamed(name, (Path(folder) / name).read_text(encoding="utf-8"), renames)
        told.append(difference(f"{Path(folder).name}/{name}", golden, found[name]))
    return "\n\n".join(filter(None, told))
