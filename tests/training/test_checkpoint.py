"""Checkpoints: whole or not there, and never believed unchecked."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil

import numpy as np
import pytest
import torch

from tunesmith.errors import CheckpointError, ResourceError
from tunesmith.training import checkpoint as saving
from tunesmith.training.checkpoint import (
    Checkpoint,
    generator_tensors,
    load_checkpoint,
    newest_checkpoint,
    require_space,
    restore_generators,
    save_checkpoint,
    seed_generators,
    sync_files,
)


def checkpoint(step: int) -> Checkpoint:
    weights = {"a": torch.full((3, 4), float(step)), "b": torch.arange(5.0)}
    return Checkpoint(step, weights, {"a/step": torch.tensor(step)}, {"torch": torch.arange(3)}, {"train": {"seed": 0}})


def ignore(_text: str) -> None:
    pass


def test_what_is_saved_is_what_is_loaded(tmp_path):
    save_checkpoint(tmp_path, checkpoint(7))
    loaded = newest_checkpoint(tmp_path, on_damage=ignore)
    assert loaded.step == 7
    assert torch.equal(loaded.weights["a"], torch.full((3, 4), 7.0))
    assert loaded.optimizer["a/step"].item() == 7
    assert loaded.state["train"] == {"seed": 0}


def test_the_manifest_lists_size_and_hash_of_every_file(tmp_path):
    folder = save_checkpoint(tmp_path, checkpoint(500))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert folder.name == "step-000500"
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_manifest_says_the_step_the_environment_and_the_hash_of_the_recipe(tmp_path):
    def manifest_of(**fingerprint):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        made = Checkpoint(3, {}, {}, {}, {"fingerprint": fingerprint})
        return json.loads((save_checkpoint(tmp_path / "run", made) / "manifest.json").read_text())

    one = manifest_of(**{"train.seed": 0, "environment.threads": 1, "environment.torch": "2"})
    assert (one["step"], one["environment"]) == (3, {"threads": 1, "torch": "2"})
    same = manifest_of(**{"train.seed": 0, "environment.threads": 2})
    other = manifest_of(**{"train.seed": 1, "environment.threads": 1, "environment.torch": "2"})
    assert one["config_sha256"] == same["config_sha256"] != other["config_sha256"]


def test_the_newest_two_are_kept_and_the_best_one(tmp_path):
    for step in (1, 2, 3, 4, 5):
        save_checkpoint(tmp_path, checkpoint(step), also_keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000004", "step-000005"]


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "optimizer.safetensors", "generators.safetensors", "state.json", "manifest.json"]
)
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path, name):
    folder = save_checkpoint(tmp_path, checkpoint(1))
    content = (folder / name).read_bytes()
    chosen = random.Random(0)
    for _ in range(40):
        damaged = bytearray(content)
        damaged[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        (folder / name).write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path, 1)
    for _ in range(10):
        (folder / name).write_bytes(content[: chosen.randrange(len(content))])
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path, 1)


def test_a_checkpoint_under_the_name_of_another_step_is_not_used(tmp_path):
    save_checkpoint(tmp_path, checkpoint(3)).rename(tmp_path / "step-000009")
    with pytest.raises(CheckpointError, match="is the checkpoint of step 3"):
        load_checkpoint(tmp_path, 9)


def test_a_damaged_newest_one_is_passed_over_and_set_aside_as_evidence(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    folder = save_checkpoint(tmp_path, checkpoint(2))
    (folder / "manifest.json").unlink()
    told: list[str] = []
    assert newest_checkpoint(tmp_path, on_damage=told.append).step == 1
    [line] = told
    assert "step-000002: incomplete checkpoint" in line
    assert (tmp_path / "step-000002.damaged/weights.safetensors").is_file()
    for step in (2, 3, 4, 5):
        save_checkpoint(tmp_path, checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002.damaged", "step-000004", "step-000005"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE])
def test_one_that_may_not_be_read_is_no_damaged_one(tmp_path, monkeypatch, number):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))

    def refuse(path, **_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(saving, "_sha256", refuse)
    with pytest.raises(ResourceError, match=r"step-000002: this checkpoint cannot be read \(.*\)\. Allow it"):
        newest_checkpoint(tmp_path, on_damage=ignore)
    assert (tmp_path / "step-000002").is_dir()


def test_what_the_disk_did_not_keep_is_noticed_before_older_ones_are_removed(tmp_path, monkeypatch):
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    sync = saving._sync

    def lose(path):
        sync(path)
        if path == tmp_path:  # after the rename
            (tmp_path / "step-000003/weights.safetensors").write_bytes(b"")

    monkeypatch.setattr(saving, "_sync", lose)
    with pytest.raises(ResourceError, match="step-000003/weights.safetensors: changed since.*check the disk"):
        save_checkpoint(tmp_path, checkpoint(3))
    monkeypatch.undo()
    assert newest_checkpoint(tmp_path, on_damage=ignore).step == 2
    assert load_checkpoint(tmp_path, 1).step == 1


def test_a_disk_too_small_for_a_checkpoint_is_told_with_both_sizes(tmp_path):
    require_space(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(
        ResourceError, match=r"needs 1,099,511,627,776.0 MiB, the disk has [\d,.]+ MiB left. Free space"
    ) as told:
        require_space(tmp_path / "checkpoints", 2**60)
    assert told.value.exit_code == 5


def test_every_file_of_a_folder_is_synced_and_then_the_folder(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    for name in ("a", "deep/b"):
        (tmp_path / name).write_text("x")
    synced = []
    monkeypatch.setattr(saving, "_sync", lambda path: synced.append(path.name))
    sync_files(tmp_path)
    assert synced == ["a", "deep", "b", tmp_path.name]


def test_only_damaged_ones_are_an_error_and_none_at_all_is_not(tmp_path):
    assert newest_checkpoint(tmp_path, on_damage=ignore) is None
    folder = save_checkpoint(tmp_path, checkpoint(1))
    (folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no checkpoint in it is whole. Start again with --overwrite."):
        newest_checkpoint(tmp_path, on_damage=ignore)
    with pytest.raises(CheckpointError, match="no checkpoint in it is whole"):  # not begun anew the next time either
        newest_checkpoint(tmp_path, on_damage=ignore)


def test_a_folder_left_half_written_by_a_kill_is_no_checkpoint(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "step-000002.tmp").mkdir()
    (tmp_path / "step-000007.tmp").mkdir()
    assert newest_checkpoint(tmp_path, on_damage=ignore).step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


def test_one_that_is_being_removed_is_not_in_sight(tmp_path, monkeypatch):
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    monkeypatch.setattr(saving.shutil, "rmtree", lambda path, **_: (path / "weights.safetensors").unlink())
    save_checkpoint(tmp_path, checkpoint(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001.tmp", "step-000002", "step-000003"]


@pytest.mark.parametrize("failing", range(1, 8))
def test_a_full_disk_is_one_line_and_leaves_the_older_one(tmp_path, monkeypatch, failing):
    """The k-th sync fails: whichever it is, the checkpoint before is whole and nothing half-written is visible."""
    save_checkpoint(tmp_path, checkpoint(1))
    calls = iter(range(1, 100))
    real = saving.os.fsync

    def full(descriptor):
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(saving.os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left on device.*--resume") as caught:
        save_checkpoint(tmp_path, checkpoint(2))
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.tmp"))
    assert newest_checkpoint(tmp_path, on_damage=ignore).step in (1, 2)
    assert load_checkpoint(tmp_path, 1).step == 1


def test_everything_is_on_disk_before_it_is_visible_and_older_ones_go_last(tmp_path, monkeypatch):
    """RELIABILITY 2b: write, sync every file, sync the manifest, rename, sync the parent, read back, prune."""
    save_checkpoint(tmp_path, checkpoint(1), keep=1)
    events: list[tuple[str, str]] = []
    sync, rename, rmtree, verify = saving._sync, type(tmp_path).rename, saving.shutil.rmtree, saving._verify
    monkeypatch.setattr(saving, "_verify", lambda path, **k: (events.append(("verify", path.name)), verify(path, **k)))
    monkeypatch.setattr(saving, "_sync", lambda path: (events.append(("sync", path.name)), sync(path)))
    monkeypatch.setattr(
        type(tmp_path), "rename", lambda path, to: (events.append(("rename", path.name)), rename(path, to))[1]
    )
    monkeypatch.setattr(
        saving.shutil,
        "rmtree",
        lambda path, **k: (path.exists() and events.append(("remove", path.name)), rmtree(path, **k)),
    )
    folder = save_checkpoint(tmp_path, checkpoint(2), keep=1)
    files = {path.name for path in folder.iterdir()}
    renamed = events.index(("rename", "step-000002.tmp"))
    before = [name for what, name in events[:renamed] if what == "sync"]
    assert set(before) == files | {"step-000002.tmp"}
    assert before[-2:] == ["manifest.json", "step-000002.tmp"]
    assert events[renamed + 1 :] == [
        ("sync", tmp_path.name),
        ("verify", "step-000002"),
        ("rename", "step-000001"),
        ("remove", "step-000001.tmp"),
    ]


def test_damaged_ones_of_later_steps_are_no_reason_to_remove_good_ones(tmp_path):
    """Two are damaged and the run went on before them: what it saves now must still be there afterwards."""
    for step in (1, 8, 9):
        save_checkpoint(tmp_path, checkpoint(step), keep=3)
    for step in (8, 9):
        (tmp_path / f"step-00000{step}/manifest.json").unlink()
    for step in (2, 3, 4):
        save_checkpoint(tmp_path, checkpoint(step))
    assert newest_checkpoint(tmp_path, on_damage=ignore).step == 4
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-000003", "step-000004", "step-000008.damaged", "step-000009.damaged"]


def test_every_random_generator_is_put_back():
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    random.gauss(0, 1), np.random.normal()
    state = generator_tensors()
    drawn = [random.random(), random.gauss(0, 1), np.random.normal(), np.random.rand(), torch.rand(1).item()]
    restore_generators(state)
    assert [random.random(), random.gauss(0, 1), np.random.normal(), np.random.rand(), torch.rand(1).item()] == drawn


def test_a_seed_begins_every_generator_anew():
    def drawn():
        seed_generators(2**40 + 7)
        return [random.random(), np.random.rand(), torch.rand(1).item()]

    assert drawn() == drawn()
