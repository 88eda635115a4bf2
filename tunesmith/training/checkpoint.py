"""Checkpoints that are either whole or not there, and are checked before they are believed.

Protocol: write every file into ``step-N.tmp`` on the same file system, flush and fsync each, write ``manifest.json`` with the
size and SHA-256 of every file, rename the folder, fsync its parent, and only then remove older ones. safetensors has no
checksum of its own: without the manifest a flipped bit loads without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunesmith.errors import CheckpointError, ResourceError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """The state after a step: master weights, optimizer state and random generators as tensors, the rest as JSON."""

    step: int
    weights: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    generators: dict[str, torch.Tensor]
    state: dict[str, Any]


def checkpoint_name(step: int) -> str:
    return f"step-{step:06d}"


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int = 2, also_keep: int | None = None) -> Path:
    """Write a checkpoint below ``folder`` and remove all but the ``keep`` newest (and the one of step ``also_keep``).

    Raises `ResourceError` when it cannot be written; older checkpoints are untouched then.
    """
    final = folder / checkpoint_name(checkpoint.step)
    staging = final.with_suffix(".tmp")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        _write_files(staging, checkpoint)
        if final.exists():
            final.rename(_free_name(final))
        staging.rename(final)
        _sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise ResourceError(
            f"{final}: this checkpoint could not be written ({error}). Free space or fix permissions, then continue with "
            "--resume from the one before."
        ) from error
    _prune(folder, checkpoint.step, keep, also_keep)
    return final


def _write_files(staging: Path, checkpoint: Checkpoint) -> None:
    for name in ("weights", "optimizer", "generators"):
        tensors = {key: value.detach().contiguous() for key, value in getattr(checkpoint, name).items()}
        save_file(tensors, staging / f"{name}.safetensors")
    _write_json(staging / "state.json", {"step": checkpoint.step, **checkpoint.state})
    files = sorted(path for path in staging.iterdir())
    for path in files:
        _sync(path)
    entries = {path.name: {"size_bytes": path.stat().st_size, "sha256": _sha256(path)} for path in files}
    _write_json(staging / MANIFEST, {"step": checkpoint.step, "files": entries})
    _sync(staging / MANIFEST)
    _sync(staging)


def _free_name(path: Path) -> Path:
    """Where a damaged checkpoint of the same step is put aside: evidence is never deleted."""
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged{number or ''}")).exists():
        number += 1
    return aside


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prune(folder: Path, newest: int, keep: int, also_keep: int | None) -> None:
    # Later ones are damaged, or the run would not be here again: they are evidence, and no reason to remove good ones.
    steps = sorted((step for step in _saved_steps(folder) if step <= newest), reverse=True)
    for step in steps[keep:]:
        if step != also_keep:
            shutil.rmtree(folder / checkpoint_name(step), ignore_errors=True)
    for half_written in folder.glob("step-*.tmp"):
        shutil.rmtree(half_written, ignore_errors=True)


def _saved_steps(folder: Path) -> list[int]:
    names = (path.name for path in folder.glob("step-*") if path.is_dir())
    return [int(name[5:]) for name in names if name[5:].isdigit()]


def newest_checkpoint(folder: Path, *, on_damage: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None where there is none at all.

    A damaged one is left where it is, told to ``on_damage`` in one line, and the one before is tried. Raises
    `CheckpointError` when there are checkpoints and none is whole.
    """
    steps = sorted(_saved_steps(folder), reverse=True)
    for step in steps:
        try:
            return load_checkpoint(folder, step)
        except CheckpointError as error:
            on_damage(str(error))
    if steps:
        raise CheckpointError(f"{folder}: none of the {len(steps)} checkpoints is whole. Start again with --overwrite.")
    return None


def load_checkpoint(folder: Path, step: int) -> Checkpoint:
    """The checkpoint of a step, verified. Raises `CheckpointError` naming the first file that is not as it was written."""
    path = folder / checkpoint_name(step)
    _verify(path)
    tensors = {name: load_file(path / f"{name}.safetensors") for name in ("weights", "optimizer", "generators")}
    state = json.loads((path / "state.json").read_text("utf-8"))
    return Checkpoint(step, tensors["weights"], tensors["optimizer"], tensors["generators"], state)


def _verify(path: Path) -> None:
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        entries: Mapping[str, Mapping[str, Any]] = manifest["files"]
        for name, entry in entries.items():
            if (path / name).stat().st_size != entry["size_bytes"] or _sha256(path / name) != entry["sha256"]:
                raise CheckpointError(f"{path / name}: changed since it was written, so this checkpoint is not used.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: incomplete checkpoint ({error}), not used.") from error


def generator_tensors() -> dict[str, torch.Tensor]:
    """The state of every random generator a step may draw from."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    states = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor([version, *words], dtype=torch.int64),
        "python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "numpy": torch.tensor([*keys.tolist(), position, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor([cached], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        states |= {f"cuda{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_generators(tensors: Mapping[str, torch.Tensor]) -> None:
    """Put every random generator back to where `generator_tensors` found it."""
    torch.set_rng_state(tensors["torch"])
    version, *words = tensors["python"].tolist()
    gauss = tensors["python_gauss"].tolist()
    random.setstate((version, tuple(words), gauss[0] if gauss else None))
    *keys, position, has_gauss = tensors["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, np.uint32), position, has_gauss, tensors["numpy_gauss"].item()))
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all([tensors[f"cuda{i}"] for i in range(torch.cuda.device_count())])
