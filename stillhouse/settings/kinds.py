"""What a setting may be: kinds of values, and the branch that holds them. Knows no setting."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not yes or no")  # noqa: TRY004 - pydantic translates ValueError only
    return value


Whole = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number)]
Port = Annotated[Whole, Field(ge=0, le=65535)]
Share = Annotated[Real, Field(ge=0, le=1)]
Positive = Annotated[Whole, Field(ge=1)]
Seconds = Annotated[Real, Field(gt=0)]
Margin = Annotated[Real, Field(gt=0, lt=1)]
Usd = Annotated[Real, Field(ge=0)]
Signal = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Step = Literal["shadow", "canary_1", "canary_5", "canary_25", "canary_50"]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Branch(BaseModel):
    """A part of the tree: immutable, and deaf to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            key: value for key, value in values.items() if value is not None or key not in cls.model_fields
        }

    def given(self) -> dict[str, Any]:
        """Give the fields that hold a value, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
