"""Keep the catalogue of messages: python dev/messages.py [check | merge FILE.json ...]

Without a word it brings weitiao.po (in src/weitiao/i18n/locale) up to date with the code: new texts
are added empty, unused ones go; then it compiles weitiao.mo. `check` changes nothing and lists what
is missing. `merge` adds translations from JSON files {English: Chinese} first.
"""

from __future__ import annotations

import ast
import fcntl
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from weitiao.i18n.messages import pieces

SOURCE = Path(__file__).resolve().parent.parent / "src" / "weitiao"
PO = SOURCE / "i18n" / "locale" / "zh" / "LC_MESSAGES" / "weitiao.po"
MO = PO.with_suffix(".mo")


def texts() -> dict[str, str]:
    """Every text that people may see -> the file it stands in."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                text = _text_of(node, name)
                if text:
                    found.setdefault(text, name)
    for text, name in declared():
        found.setdefault(text, name)
    return found


def _text_of(call: ast.Call, name: str) -> str | None:
    called = ast.unparse(call.func).removeprefix("messages.")
    place = {"_": 0, "N_": 0, "plural": 1}.get(called)
    if place is None or name == "i18n/messages.py":
        return None
    given = call.args[place] if len(call.args) > place else None
    if not (isinstance(given, ast.Constant) and isinstance(given.value, str)):
        raise SystemExit(f"{name}:{call.lineno}: {ast.unparse(call)[:80]} must hold its text")
    if called == "_":
        wanted, passed = fields(given.value), {k.arg for k in call.keywords if k.arg}
        spread = any(k.arg is None for k in call.keywords)
        if wanted != passed and not spread:
            raise SystemExit(f"{name}:{call.lineno}: placeholders {wanted} but values {passed}")
    return given.value if place == 0 else "{count} " + given.value


def declared() -> list[tuple[str, str]]:
    """Texts that are declared and translated where they are shown: docs of parts, help, fields."""
    return [*_of_sections(), *_of_parts(), *_of_help()]


def _of_sections() -> Iterator[tuple[str, str]]:
    from weitiao.planfile.acceptance import Criterion
    from weitiao.planfile.plan import Plan, Section
    from weitiao.planfile.schema import TITLE

    yield "Criterion", "planfile/acceptance.py"
    yield from _of_fields(Criterion, "planfile/acceptance.py")
    waiting: list[type[Section]] = [Plan]
    while waiting:
        section = waiting.pop()
        yield section.__name__.removesuffix("Plan") or TITLE, "planfile/plan.py"
        yield from _of_fields(section, "planfile/plan.py")
        for field in section.model_fields.values():
            kinds = {field.annotation, *get_args(field.annotation)}
            waiting += [k for k in kinds if isinstance(k, type) and issubclass(k, Section)]


def _of_parts() -> Iterator[tuple[str, str]]:
    from weitiao import parts

    for kind in parts.KINDS:
        for name in parts.names(kind):
            if parts.origin(kind, name) is None:
                yield from _of_fields(parts.find(kind, name), f"{kind}/{name}")


def _of_fields(model: Any, home: str) -> Iterator[tuple[str, str]]:
    """What a section or part says of itself, and the titles and descriptions of its fields."""
    from weitiao import parts
    from weitiao.planfile.schema import title_of

    yield parts.summary(model), home
    for name, field in model.model_fields.items():
        yield title_of(name), home
        if field.description:
            yield field.description, home


def _of_help() -> Iterator[tuple[str, str]]:
    import typer

    from weitiao.cli.app import app

    command = typer.main.get_command(app)
    for verb in [command, *getattr(command, "commands", {}).values()]:
        if verb.help:
            yield verb.help, "cli/app.py"
        for option in verb.params:
            if getattr(option, "help", None):
                yield option.help, "cli/options.py"


def fields(text: str) -> set[str]:
    """The names of the placeholders."""
    return {name for name, _, _ in gaps(text)}


def gaps(text: str) -> set[tuple[str, str, str]]:
    """The placeholders with what is done to them: a stored text is told again by both."""
    return {
        (name, shape, conversion) for _, name, shape, conversion in pieces(text) if name is not None
    }


def problems(wanted: dict[str, str], known: Catalog) -> list[str]:
    """What is missing or does not match."""
    found = []
    for text, name in wanted.items():
        entry = known.get(text)
        told = str(entry.string) if entry else ""
        if not told:
            found.append(f"{name}: no Chinese for {text!r}")
        elif gaps(told) != gaps(text):
            found.append(f"{name}: other placeholders in {told!r} than in {text!r}")
    unused = [m.id for m in known if m.id and m.id not in wanted]
    return found + [f"no longer used: {text!r}" for text in unused]


def read() -> Catalog:
    """The catalogue as it stands."""
    if not PO.is_file():
        return Catalog(locale="zh")
    return read_po(io.BytesIO(PO.read_bytes()), locale="zh")


def compiled(catalogue: Catalog) -> bytes:
    """What gettext reads."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def main(words: list[str]) -> int:
    with (SOURCE / "i18n" / "locale" / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old, wanted = read(), texts()
        if words[:1] == ["check"]:
            found = problems(wanted, old)
            if not MO.is_file() or compiled(old) != MO.read_bytes():
                found.append("weitiao.mo is not weitiao.po compiled: run `make messages`")
            print("\n".join(found) or f"{len(wanted)} texts, all in both languages")
            return 1 if found else 0
        more = {}
        for name in words[1:] if words[:1] == ["merge"] else []:
            more |= json.loads(Path(name).read_text(encoding="utf-8"))
        new = Catalog(
            locale="zh",
            project="weitiao",
            version="",
            header_comment="# Chinese texts of weitiao; `make messages` keeps them.",
            last_translator="weitiao",
            language_team="weitiao",
            msgid_bugs_address="",
            fuzzy=False,
        )
        for text in sorted(wanted):
            entry = old.get(text)
            new.add(text, more.get(text) or (str(entry.string) if entry else ""))
        kept = [text for text in more if text not in wanted]
        for text in kept:
            print(f"not in the code (yet): {text!r}")
        new.creation_date = new.revision_date = datetime(
            2026, 11, 24, tzinfo=UTC
        )  # no news each time
        out = io.BytesIO()
        write_po(out, new, width=100, omit_header=False, include_lineno=False)
        PO.write_bytes(out.getvalue())
        MO.write_bytes(compiled(read()))
        found = problems(wanted, new)
        print("\n".join(found) or f"{len(wanted)} texts, all in both languages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
