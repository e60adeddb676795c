"""Base classes of the records of a run: typed values of a JSON file, and its version."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError, model_validator

from weitiao.core.fields import problems_of
from weitiao.errors import placed
from weitiao.run import MAX_NUMBER, Run, damaged

# A text of ours. Not validated: pydantic would make a plain str of a message with its values.
Text = Annotated[str, SkipValidation]
Interval = tuple[float | None, float | None]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Score = float | None  # None or NaN where a metric has no value on these rows


class Values(BaseModel):
    """Typed values of a JSON object; `record["key"]` works as for the object itself."""

    model_config = ConfigDict(extra="allow")
    OLD_NAMES: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {cls.OLD_NAMES.get(key, key): value for key, value in values.items()}

    def __getitem__(self, key: str) -> Any:
        values = self.__dict__ | (self.model_extra or {})
        return values[self.OLD_NAMES.get(key, key)]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, as `dict.get`."""
        values = self.__dict__ | (self.model_extra or {})
        return values.get(self.OLD_NAMES.get(key, key), default)

    def plain(self) -> dict[str, Any]:
        """Plain values, as they stand in the file."""
        return self.model_dump(exclude={"version"})


class Record(Values):
    """A JSON file in a run's folder. NAME: of the file, without its ending."""

    NAME: ClassVar[str]
    version: int = 1

    def __bool__(self) -> bool:
        return bool(self.plain())

    @classmethod
    def read(cls, run: Run) -> Self:
        """The record of a run; an empty one where it has none. Raises RunError when damaged."""
        try:
            return cls.model_validate(run.read(cls.NAME))
        except ValidationError as error:
            first = problems_of(error, cls)[0]
            path = run.folder / f"{cls.NAME}.json"
            raise damaged(path, placed(first.path, first.text)) from None

    def write(self, run: Run) -> None:
        """Write NAME.json whole or not at all."""
        values = self.plain()
        run.write(self.NAME, {"version": self.version, **values} if values else {})
