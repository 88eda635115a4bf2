"""Stopping and going on: in the middle of a validation, with more steps or fewer, and with what the run would have done."""

from __future__ import annotations

import dataclasses
import json
import signal

import numpy as np
import pytest
import torch

from tests.training.runs import Folder, Listening, same
from tests.training.test_loop import Stops, run
from tunesmith.errors import CheckpointError, Interrupted
from tunesmith.recipe import LoraSection

DROPOUT = LoraSection(method="lora", r=4, lora_dropout=0.2)


class Noticing(Listening):
    """Remembers notices too."""

    def notice(self, text):
        self.heard.append(text)


class StopsAtCall:
    """Asks to stop from the n-th time it is asked itself: after a step, or between two batches of a validation."""

    def __init__(self, call: int):
        self.left = call

    def __call__(self) -> int | None:
        self.left -= 1
        return signal.SIGTERM if self.left <= 0 else None


def told(folder: Folder) -> list[dict]:
    """What was measured, in order, without how long it took."""
    timed = ("seconds", "tokens_per_second")
    return [{key: value for key, value in line.items() if key not in timed} for line in folder.metrics]


@pytest.mark.parametrize("patience", [None, 1, 3], ids=["no patience", "patience 1", "patience 3"])
@pytest.mark.parametrize("call", [2, 3, 4, 6, 9, 14])
def test_a_validation_that_is_cut_short_is_done_when_the_run_goes_on(model_folders, tmp_path, call, patience):
    """A long validation does not hold up the end, and its loss is neither missing nor there twice afterwards."""
    options = dict(max_steps=6, eval_steps=2, validation=True, learning_rate=0.05, early_stopping_patience=patience)
    whole = Folder(tmp_path / "whole")
    expected, expected_result, _ = run(whole, model_folders["llama"], DROPOUT, **options)
    folder = Folder(tmp_path / "stopped")
    try:
        run(folder, model_folders["llama"], DROPOUT, should_stop=StopsAtCall(call), **options)
    except Interrupted as error:
        assert error.exit_code == 143
    found, result, _ = run(folder, model_folders["llama"], DROPOUT, resume=True, **options)
    assert same(expected, found)
    assert told(folder) == told(whole)
    timed = {"seconds": 0, "tokens_per_second": 0}
    assert dataclasses.replace(result, **timed) == dataclasses.replace(expected_result, **timed)


def test_no_more_than_a_step_and_a_batch_are_done_after_the_request(model_folders, tmp_path):
    folder = Folder(tmp_path)
    with pytest.raises(Interrupted, match="Stopped after step 2 of 6"):
        run(folder, model_folders["llama"], DROPOUT, max_steps=6, eval_steps=2, validation=True, should_stop=Stops(3))
    assert [line["step"] for line in folder.metrics] == [1, 2]
    assert not any("validation_loss" in line for line in folder.metrics)


def test_a_run_may_be_made_longer_and_says_that_the_schedule_follows(model_folders, tmp_path):
    options = dict(lr_scheduler_type="cosine", save_steps=2)
    run(Folder(tmp_path), model_folders["llama"], DROPOUT, max_steps=4, **options)
    folder, heard = Folder(tmp_path), Noticing()
    run(folder, model_folders["llama"], DROPOUT, max_steps=8, resume=True, progress=heard, **options)
    assert "4 steps were planned, now 8: the learning rate follows the new plan from here on." in heard.heard
    assert [line["step"] for line in folder.metrics] == [5, 6, 7, 8]
    heard = Noticing()
    run(folder, model_folders["llama"], DROPOUT, max_steps=8, resume=True, progress=heard, **options)
    assert heard.heard == ["Continuing after step 8."]


def test_a_run_is_not_resumed_to_fewer_steps_than_are_done(model_folders, tmp_path):
    run(Folder(tmp_path), model_folders["llama"], DROPOUT, num_train_epochs=2)
    with pytest.raises(
        CheckpointError, match=r"8 steps are done, and the recipe now asks for 4\. Raise train\.max_steps"
    ):
        run(Folder(tmp_path), model_folders["llama"], DROPOUT, num_train_epochs=1, resume=True)


def test_a_checkpoint_says_where_in_which_epoch_of_which_seed_it_is(model_folders, tmp_path):
    run(Folder(tmp_path), model_folders["llama"], DROPOUT, max_steps=6, seed=3)
    state = json.loads((tmp_path / "checkpoints/step-000006/state.json").read_text())
    assert state["position"] == {"num_steps": 6, "steps_per_epoch": 4, "seed": 3, "epoch": 1, "index": 2}


def test_metrics_are_brought_to_the_disk_before_the_checkpoint_they_belong_to(model_folders, tmp_path):
    folder, events = Folder(tmp_path), []
    place = dataclasses.replace(
        folder.place,
        append_metrics=lambda line: events.append(f"line {line['step']}"),
        sync_metrics=lambda: events.append(f"sync, {len(list(tmp_path.glob('checkpoints/step-*')))} checkpoints"),
    )
    folder = type("Watched", (), {"place": place})
    run(folder, model_folders["llama"], DROPOUT, max_steps=2)
    assert events == ["line 1", "sync, 0 checkpoints", "line 2", "sync, 1 checkpoints"]


def test_the_generators_a_run_ends_with_do_not_depend_on_what_was_drawn_before_it(model_folders, tmp_path):
    ends = []
    for number in range(2):
        np.random.seed(number), torch.manual_seed(number)
        run(Folder(tmp_path / str(number)), model_folders["llama"], DROPOUT, max_steps=1)
        ends.append((tmp_path / str(number) / "checkpoints/step-000001/generators.safetensors").read_bytes())
    assert ends[0] == ends[1]
