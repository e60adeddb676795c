"""What is installed: the packages that weitiao needs, its extras, and how the terminal is set."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from weitiao.hardware.machine import PACKAGES
from weitiao.i18n.messages import _, language
from weitiao.support.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "weitiao"
INNER = {"dev", "browser"}  # for those who work on weitiao itself


def findings() -> Iterator[Finding]:
    """Packages, extras, terminal."""
    yield _needed()
    for extra, wanted in extras().items():
        lacking = [text for need in wanted if (text := _lacking(need))]
        about = _("extra {name}", name=extra)
        values = {"extra": extra, "missing": lacking}
        if not lacking:
            yield Finding(f"extra_{extra}", about, _("installed"), values=values)
            continue
        told = _("not installed: {packages}", packages=", ".join(lacking))
        remedy = f'pip install "{OURS}[{extra}]"'
        yield Finding(f"extra_{extra}", about, told, "note", remedy, values)
    yield _terminal()


def extras() -> dict[str, list[Requirement]]:
    """Extra -> what it needs; not those that only name others, and not those of developers."""
    from packaging.requirements import Requirement

    told = metadata.metadata(OURS)
    needs = [Requirement(line) for line in told.get_all("Requires-Dist") or []]
    found = {}
    for extra in told.get_all("Provides-Extra") or []:
        mine = [
            need
            for need in needs
            if need.marker is not None
            and need.marker.evaluate({"extra": extra})
            and not need.marker.evaluate({"extra": ""})
        ]
        if extra not in INNER and not all(need.name == OURS for need in mine):
            found[extra] = mine
    return found


def _needed() -> Finding:
    from packaging.requirements import Requirement

    needs = [Requirement(line) for line in metadata.metadata(OURS).get_all("Requires-Dist") or []]
    mine = [n for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    lacking = [text for need in mine if (text := _lacking(need))]
    versions = {name: _version(name) for name in PACKAGES}
    about, values = _("packages"), {"packages": versions, "missing": lacking}
    if lacking:
        told = _("not as needed: {packages}", packages=", ".join(lacking))
        return Finding("packages", about, told, "problem", f"pip install --upgrade {OURS}", values)
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Finding("packages", about, told, values=values)


def _lacking(need: Requirement) -> str:
    """What is missing or has another version, as one word; else ""."""
    found = _version(need.name)
    if found is None:
        return need.name
    return "" if need.specifier.contains(found, prereleases=True) else f"{need.name} {found}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _terminal() -> Finding:
    encoding = getattr(sys.stderr, "encoding", None) or "?"
    speaks = next((os.environ[n] for n in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(n)), "")
    told = _("writes {encoding}, locale {locale}, language {language}",
                encoding=encoding, locale=speaks or locale.getlocale()[0] or "C",
                language=language())  # fmt: skip
    values = {"encoding": encoding, "locale": speaks, "language": language()}
    try:
        "微调，".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        remedy = _("Chinese cannot be shown here: set PYTHONUTF8=1 (Windows: chcp 65001)")
        return Finding("terminal", _("terminal"), told, "note", remedy, values)
    return Finding("terminal", _("terminal"), told, values=values)
