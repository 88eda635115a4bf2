"""A folder is written whole or not at all, and what cannot be written is one line."""

from __future__ import annotations

import pytest
from safetensors import SafetensorError

from tunesmith.errors import ModelError, ResourceError
from tunesmith.workflows.saving import written_whole

FIX = "Free space."
REFUSALS = [
    OSError(28, "No space left on device"),
    SafetensorError("I/O error: No space left on device (os error 28)"),
    Exception("No space left on device (os error 28)"),  # what the tokenizers library raises
]


@pytest.fixture
def model(tmp_path):
    """A folder with an older result."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/old").write_text("old")
    return tmp_path / "model"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_new_takes_the_place_of_the_old_when_all_is_written(model):
    with written_whole(model, FIX, replace=True) as staging:
        staging.mkdir()
        (staging / "new").write_text("new")
        assert names(model) == ["old"]
    assert names(model) == ["new"] and names(model.parent) == ["model"]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_what_cannot_be_written_is_one_line_and_the_old_stays(model, error):
    told = "model: could not be written .*No space left.* Free space.$"
    with pytest.raises(ResourceError, match=told), written_whole(model, FIX, replace=True) as staging:
        staging.mkdir()
        raise error
    assert names(model) == ["old"] and names(model.parent) == ["model"]


@pytest.mark.parametrize("error", [ModelError("no"), RuntimeError("ours"), KeyboardInterrupt()])
def test_every_other_error_stays_what_it_is_and_nothing_is_left_behind(model, error):
    with pytest.raises(type(error)), written_whole(model, FIX, replace=True) as staging:
        staging.mkdir()
        raise error
    assert names(model) == ["old"] and names(model.parent) == ["model"]


def test_what_came_into_the_folder_meanwhile_is_not_lost(model):
    with pytest.raises(ResourceError, match="could not be written"), written_whole(model, FIX) as staging:
        staging.mkdir()
    assert names(model) == ["old"]
