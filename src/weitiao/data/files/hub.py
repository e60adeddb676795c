"""Data sets of the Hugging Face hub, `hf:owner/name`: files of rows; no script is ever run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from weitiao.core import notice
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

PREFIX = "hf:"
FILES = ("parquet", "csv", "tsv", "jsonl", "json", "arrow", "xlsx", "txt", "gz", "zip")
PATTERNS = [*(f"*.{ending}" for ending in FILES), "README.md"]
_NAME = re.compile(
    r"hf:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?P<folder>(?:/[\w.-]+)*)(?:@(?P<at>[\w./-]+))?"
)
_PARTS = re.compile(r"(?i)^(train|test|dev|valid|validation|val)\b|^data$")


def is_hub(path: object) -> bool:
    """Whether a path names a data set of the hub.

    >>> is_hub("hf:owner/name"), is_hub("hf/rows.csv")
    (True, False)
    """
    return isinstance(path, str) and path.startswith(PREFIX)


def folder_of(path: str) -> Path:
    """The local folder with the files of `hf:owner/name[/folder][@revision]`, downloaded into the
    hub's own cache. Raises DataError.

    A data set with several subsets needs the folder of one of them.
    """
    match = _NAME.fullmatch(path)
    if match is None or ".." in re.split("[/@]", path):
        raise DataError(
            _(
                "{path}: a data set of the hub is named hf:owner/name, hf:owner/name/folder or "
                "hf:owner/name@revision.",
                path=path[:100],
            )
        )
    name, inner, revision = match["name"], match["folder"].strip("/"), match["at"]
    with notice.during(_("reading {name} from the hub", name=name)):
        snapshot = _downloaded(name, inner, revision)
    if inner:
        folder = snapshot / inner
        if not folder.is_dir():
            known = _subsets(_tables(snapshot)) or ["-"]
            raise DataError(
                _(
                    "{path}: there is no folder {folder} with rows; there are {known}.",
                    path=path,
                    folder=inner,
                    known=name_list(known),
                )
            )
        return folder
    files = _tables(snapshot)
    if not files:
        raise DataError(
            _(
                "{path}: holds no files of rows ({kinds}). Scripts of a data set are not run: "
                "load it with the library datasets, save it by save_to_disk, and name the folder.",
                path=path,
                kinds=name_list(FILES),
            )
        )
    if len(subsets := _subsets(files)) > 1:
        raise DataError(
            _(
                "{path}: holds several subsets: {subsets}. Name one: {example}",
                path=path,
                subsets=name_list(subsets),
                example=f"hf:{name}/{subsets[0]}",
            )
        )
    return snapshot


def card_folder(path: str, folder: Path) -> Path:
    """Where the card of a data set lies: above the folder of a subset.

    >>> card_folder("hf:owner/name/a/b@main", Path("x/a/b")).as_posix()
    'x'
    """
    depth = path.partition("@")[0].count("/") - 1
    return folder.parents[depth - 1] if depth > 0 else folder


def _downloaded(name: str, inner: str, revision: str | None) -> Path:
    """The snapshot of a data set, from the cache where there is no network."""
    from huggingface_hub import errors, snapshot_download

    # Of one subset nothing else is downloaded; the card names the classes.
    wanted = [f"{inner}/{one}" for one in PATTERNS] + ["README.md"] if inner else PATTERNS
    try:
        found = snapshot_download(
            name, repo_type="dataset", revision=revision, allow_patterns=wanted
        )
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        gated = isinstance(error, errors.GatedRepoError)
        why = _("its owner must let you in first") if gated else _("not there, or private")
        raise DataError(
            _("hf:{name}: {why}. Log in with `hf auth login`.", name=name, why=why)
        ) from None
    except errors.RevisionNotFoundError:
        raise DataError(
            _("hf:{name}: there is no revision {revision}.", name=name, revision=revision)
        ) from None
    except Exception as error:  # each version raises others: no network, offline, HTTP
        raise DataError(
            _(
                "hf:{name}: the hub does not answer and the files are not in its cache ({error}). "
                "Download them where there is a network, and name the folder.",
                name=name,
                error=str(error).splitlines()[0][:160] if str(error) else type(error).__name__,
            )
        ) from None
    return Path(found)


def _tables(snapshot: Path) -> list[PurePosixPath]:
    endings = {f".{ending}" for ending in FILES}
    found = (path for path in snapshot.rglob("*") if path.suffix.lower() in endings)
    inner = (PurePosixPath(path.relative_to(snapshot).as_posix()) for path in found)
    return sorted(path for path in inner if not path.name.startswith(("dataset_info", ".")))


def _subsets(files: Sequence[PurePosixPath]) -> list[str]:
    """Top folders that each hold a set of their own; not those of parts.

    >>> _subsets([PurePosixPath("a/train.csv"), PurePosixPath("b/train.csv")])
    ['a', 'b']
    >>> _subsets([PurePosixPath("train/0.csv"), PurePosixPath("test/0.csv")])
    []
    """
    tops = {path.parts[0] for path in files if len(path.parts) > 1}
    return sorted(top for top in tops if not _PARTS.search(top))
