"""The number of threads: who decides it, and that the probe takes what is faster."""

from __future__ import annotations

import json
import time

import pytest
import torch

from tunesmith.training import threads
from tunesmith.training.threads import choose_num_threads, recorded_num_threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """As on a machine with two cores where nobody has said anything."""
    before = torch.get_num_threads()
    for variable in threads.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def pass_that_takes(seconds: dict[int, float]):
    return lambda: time.sleep(seconds[torch.get_num_threads()])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 0.002, 2: 0.02}, 1), ({1: 0.02, 2: 0.002}, 2), ({1: 0.02, 2: 0.02}, 1)],
    ids=["two wait for each other", "two share the work", "two are not worth it"],
)
def test_what_is_fastest_is_taken(seconds, expected):
    assert choose_num_threads(pass_that_takes(seconds), num_weights=1000) == (expected, "the fastest on a short pass")
    assert torch.get_num_threads() == expected


def must_not_run() -> None:
    raise AssertionError("nothing was to be found out")


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        ({"asked": 1, "recorded": 2}, "2", (1, "train.num_threads")),
        ({"recorded": 1}, "2", (1, "as the run began")),
        ({}, "2", (2, "OMP_NUM_THREADS")),
        ({"num_weights": threads.LARGE + 1}, None, (2, "all there are")),
    ],
)
def test_a_wish_comes_before_the_record_before_the_environment_before_a_probe(given, variable, expected, monkeypatch):
    if variable is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert choose_num_threads(must_not_run, **{"num_weights": 1000, **given}) == expected
    assert torch.get_num_threads() == expected[0]


def test_the_record_is_that_of_the_newest_checkpoint_that_can_be_read(tmp_path):
    assert recorded_num_threads(tmp_path) is None
    for name, content in (
        ("step-000002", {"environment": {"threads": 1}}),
        ("step-000010", {"environment": {"threads": 2}}),
        ("step-000011", {}),
        ("step-000012.tmp", {"environment": {"threads": 4}}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(content))
    assert recorded_num_threads(tmp_path) == 2
