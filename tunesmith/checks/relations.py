"""How a count is compared with a number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Relation = Literal["less than", "at least"]
Count = Annotated[int, Field(ge=0)]


def holds(count: int, relation: Relation, number: int) -> bool:
    """Whether a count is less than, or at least, a number."""
    return count < number if relation == "less than" else count >= number
