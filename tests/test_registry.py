"""Names for what users extend."""

from __future__ import annotations

import pytest

from tunesmith.errors import UsageError
from tunesmith.registry import Registry


@pytest.fixture
def stages() -> Registry[int]:
    registry: Registry[int] = Registry("stage")
    registry.register("drop_empty")(1)
    registry.register("drop_short")(2)
    return registry


def test_what_is_registered_is_found_by_its_name_and_listed_in_order(stages):
    stages.register("a_stage")(3)
    assert stages.get("drop_short") == 2
    assert stages.names() == ["a_stage", "drop_empty", "drop_short"]


def test_an_unknown_name_is_refused_with_the_nearest_one(stages):
    with pytest.raises(UsageError, match="no such stage `drop_emty`. Did you mean `drop_empty`?"):
        stages.get("drop_emty")


def test_a_name_near_nothing_is_refused_with_all_names(stages):
    with pytest.raises(UsageError, match="no such stage `xyz`. Choose one of: drop_empty, drop_short."):
        stages.get("xyz")


def test_a_name_cannot_be_taken_twice(stages):
    with pytest.raises(UsageError, match="stage `drop_empty` is registered twice"):
        stages.register("drop_empty")(4)
    assert stages.get("drop_empty") == 1
