"""Exception hierarchy: every error a user can cause.

* WeitiaoError
  + PlanError      the plan cannot be run as written (lists every problem at once)
  + PartError      a name in the plan matches no file, or its settings do not fit
  + DataError      a file, row or column is not what the plan says
  + ModelError     a checkpoint or saved model cannot be found, read or used for this task
  + RunError       a run cannot be made, resumed or read
  + DivergedError  training produced a number that is not finite

The message says what is wrong, where, and what to do about it. Anything else that is raised is
a bug of ours and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

from weitiao.i18n.messages import _, joined


class WeitiaoError(Exception):
    """Base class: catch this to catch everything that is raised on purpose."""


class PlanError(WeitiaoError):
    """The plan cannot be run as written; `problems` holds one line for each reason."""

    def __init__(self, problems: Sequence[str], source: str = "") -> None:
        self.problems = list(problems)
        self.source = source
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        message = (
            _("the plan has a problem:")
            if len(self.problems) == 1
            else _("the plan has {count} problems:", count=len(self.problems))
        )
        where = placed(source, message)
        super().__init__(f"{where}\n{lines}")


class PartError(WeitiaoError):
    """A part's name or settings do not fit; `problems` holds (path inside the part, message)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__(joined((placed(*problem) for problem in problems), "; "))


class DataError(WeitiaoError):
    """A file, row or column is not what the plan says."""


class ModelError(WeitiaoError):
    """A checkpoint or saved model cannot be found, read or used for this task."""


class RunError(WeitiaoError):
    """A run cannot be made, resumed or read."""


class DivergedError(WeitiaoError):
    """Training produced a number that is not finite; it stopped before the update."""


def placed(path: str, text: str) -> str:
    """Prefix a message with its location.

    >>> placed("rows.csv:3", "holds a NUL character.")
    'rows.csv:3: holds a NUL character.'
    """
    return _("{path}: {message}", path=path, message=text) if path else text
