"""refit.json: a run's model trained once more on training and validation rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, SkipValidation

from weitiao.run import Run

NAME = "refit"
Text = Annotated[str, SkipValidation]  # keeps the template and values of a message


class Refitted(BaseModel):
    """The refit of a run; `state` is "" where there is none.

    The selecting model made `step` of `total` updates on `train_rows`; the refit makes `updates`,
    of a schedule for `horizon`, on `rows`. temperature: folded into both; None: none was fitted.
    """

    model_config = ConfigDict(extra="allow")
    state: Literal["", "running", "done", "left_out"] = ""
    reason: Text = ""  # why it was left out
    rows: int = 0
    train_rows: int = 0
    step: int = 0
    total: int = 0
    updates: int = 0
    horizon: int = 0
    temperature: float | None = None

    @classmethod
    def read(cls, run: Run) -> Self:
        """What a run's refit.json says."""
        return cls.model_validate(run.read(NAME))

    def write(self, run: Run) -> None:
        """Write refit.json."""
        run.write(NAME, self.model_dump())

    def summary(self, split: str) -> dict[str, Any]:
        """The key `refit` of metrics.json and --json; empty where there was none.

        evaluated: which model the scores of this split are about.
        """
        if self.state == "left_out":
            return {"refit": {"done": False, "reason": self.reason, "evaluated": "selected"}}
        if self.state != "done":
            return {}
        names = ("rows", "train_rows", "step", "updates", "temperature")
        evaluated = "selected" if split == "validation" else "refit"
        figures = {name: getattr(self, name) for name in names}
        return {"refit": {"done": True, **figures, "evaluated": evaluated}}
