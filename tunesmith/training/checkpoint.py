"""Checkpoints that are either whole or not there, and are checked before they are believed.

Protocol: write every file into ``step-N.tmp`` on the same file system, flush and fsync each, write ``manifest.json`` with the
size and SHA-256 of every file (and of itself), rename the folder, fsync its parent, read it all back from the disk, and only
then remove older ones. safetensors has no checksum of its own: without the manifest a flipped bit loads without a word.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunesmith.errors import CheckpointError, ResourceError

MANIFEST, STATE = "manifest.json", "state.json"
TENSORS = ("weights", "optimizer", "generators")
ENVIRONMENT = "environment."
"""What the keys of a fingerprint begin with that may change between start and resume, for the price of the last bits."""
READABLE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)
"""Errors of reading that say something of the checkpoint, and not of who reads it with which limits."""


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

    Raises `ResourceError` when it cannot be written, or is not on the disk as it was written; older checkpoints are
    untouched then.
    """
    final = folder / checkpoint_name(checkpoint.step)
    staging = final.with_suffix(".tmp")
    try:
        _sweep(folder)
        staging.mkdir(parents=True)
        _write_files(staging, checkpoint)
        if final.exists():
            _set_aside(final)
        staging.rename(final)
        _sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise ResourceError(
            f"{final}: this checkpoint could not be written ({_said(error)}). Free space or fix permissions, then continue "
            "with --resume from the one before."
        ) from error
    try:
        _verify(final, from_disk=True)
    except CheckpointError as error:
        raise ResourceError(
            f"{error} It was written a moment ago: check the disk, then continue with --resume from the one before."
        ) from error
    _prune(folder, checkpoint.step, keep, also_keep)
    return final


def require_space(folder: Path, size_bytes: int) -> None:
    """Raise `ResourceError` where a checkpoint of that size does not fit on the disk of ``folder`` (or of what it will be in)."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < size_bytes:
        raise ResourceError(
            f"{folder}: a checkpoint needs {_mib(size_bytes)} MiB, the disk has {_mib(free_bytes)} MiB left. Free space, choose "
            "another --output-dir, or train less of the model (adapter.method: lora)."
        )


def sync_files(folder: Path) -> None:
    """Bring every file of a folder, and the folder itself, to the disk. Raises `OSError`."""
    for path in (*sorted(folder.rglob("*")), folder):
        _sync(path)


def _write_files(staging: Path, checkpoint: Checkpoint) -> None:
    for name in TENSORS:
        tensors = {key: value.detach().contiguous() for key, value in getattr(checkpoint, name).items()}
        save_file(tensors, staging / f"{name}.safetensors")
    _write_json(staging / STATE, {"step": checkpoint.step, **checkpoint.state})
    entries = {}
    for path in sorted(staging.iterdir()):
        _sync(path)
        entries[path.name] = {"size_bytes": path.stat().st_size, "sha256": _sha256(path)}
    (staging / MANIFEST).write_bytes(_signed(_manifest(checkpoint, entries)))
    _sync(staging / MANIFEST)
    _sync(staging)


def _manifest(checkpoint: Checkpoint, entries: Mapping[str, Any]) -> dict[str, Any]:
    """What the files are, of which step, made with which versions and threads by which recipe."""
    fingerprint = checkpoint.state.get("fingerprint", {})
    environment = {key: value for key, value in fingerprint.items() if key.startswith(ENVIRONMENT)}
    config = {key: value for key, value in fingerprint.items() if key not in environment}
    return {
        "step": checkpoint.step,
        "environment": {key.removeprefix(ENVIRONMENT): value for key, value in environment.items()},
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest(),
        "files": entries,
    }


def _signed(manifest: Mapping[str, Any]) -> bytes:
    """The manifest's bytes; its last line holds the hash of all before it, so that no bit of it goes unwatched either."""
    text = json.dumps(manifest, indent=2)
    return json.dumps({**manifest, "sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2).encode() + b"\n"


def _set_aside(path: Path) -> None:
    """Give a damaged checkpoint a name under which it is neither used nor removed: evidence is never deleted."""
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged{number or ''}")).exists():
        number += 1
    path.rename(aside)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path, *, from_disk: bool = False) -> str:
    """The hash of a file; ``from_disk``: as it came to rest there, not as the system still has it in memory."""
    with path.open("rb") as file:
        if from_disk and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prune(folder: Path, newest: int, keep: int, also_keep: int | None) -> None:
    # Later ones are damaged, or the run would not be here again: they are evidence, and no reason to remove good ones.
    steps = sorted((step for step in _saved_steps(folder) if step <= newest), reverse=True)
    for path in (folder / checkpoint_name(step) for step in steps[keep:] if step != also_keep):
        with suppress(OSError):
            path.rename(path.with_suffix(".tmp"))  # so that a kill leaves nothing half-removed under a name that counts
            shutil.rmtree(path.with_suffix(".tmp"))


def _sweep(folder: Path) -> None:
    """Remove what a kill left half-written or half-removed."""
    for path in folder.glob("step-*.tmp"):
        shutil.rmtree(path)


def _saved_steps(folder: Path) -> list[int]:
    names = (path.name for path in folder.glob("step-*") if path.is_dir())
    return [int(name[5:]) for name in names if name[5:].isdigit()]


def newest_checkpoint(folder: Path, *, on_damage: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None where there is none at all.

    What a kill left half-written is removed. A damaged one is told to ``on_damage`` in one line and set aside as
    ``step-N.damaged``; the one before is tried. Raises `CheckpointError` when there are checkpoints and none is whole,
    `ResourceError` when they cannot be read.
    """
    with suppress(OSError):
        _sweep(folder)
    steps = sorted(_saved_steps(folder), reverse=True)
    for step in steps:
        try:
            return load_checkpoint(folder, step)
        except CheckpointError as error:
            on_damage(str(error))
            with suppress(OSError):
                _set_aside(folder / checkpoint_name(step))
    if steps or list(folder.glob("step-*.damaged*")):
        raise CheckpointError(f"{folder}: no checkpoint in it is whole. Start again with --overwrite.")
    return None


def load_checkpoint(folder: Path, step: int) -> Checkpoint:
    """The checkpoint of a step, verified.

    Raises:
        CheckpointError: a file of it is not as it was written; the first such is named.
        ResourceError: it cannot be read for another reason, such as a missing permission.
    """
    path = folder / checkpoint_name(step)
    _verify(path)
    tensors = {name: load_file(path / f"{name}.safetensors") for name in TENSORS}
    state = json.loads((path / STATE).read_text("utf-8"))
    # Read into memory of their own: what is mapped from a file keeps its room on the disk when it is pruned.
    optimizer = {key: value.clone() for key, value in tensors["optimizer"].items()}
    return Checkpoint(step, tensors["weights"], optimizer, tensors["generators"], state)


def _verify(path: Path, *, from_disk: bool = False) -> None:
    try:
        content = (path / MANIFEST).read_bytes()
        manifest = json.loads(content)
        signed = {key: value for key, value in manifest.items() if key != "sha256"}
        if _signed(signed) != content:
            raise CheckpointError(f"{path / MANIFEST}: changed since it was written, so this checkpoint is not used.")
        if checkpoint_name(manifest["step"]) != path.name:
            raise CheckpointError(
                f"{path}: is the checkpoint of step {manifest['step']}, so it is not used as this one."
            )
        for name, entry in manifest["files"].items():
            if (path / name).stat().st_size != entry["size_bytes"] or (
                _sha256(path / name, from_disk=from_disk) != entry["sha256"]
            ):
                raise CheckpointError(f"{path / name}: changed since it was written, so this checkpoint is not used.")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: incomplete checkpoint ({error}), not used.") from error
    except OSError as error:
        if error.errno in READABLE:
            raise CheckpointError(f"{path}: incomplete checkpoint ({_said(error)}), not used.") from error
        raise ResourceError(
            f"{path}: this checkpoint cannot be read ({_said(error)}). Allow it, then resume."
        ) from error


def _said(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.1f}"


def seed_generators(seed: int) -> None:
    """Begin every random generator anew: two runs of one seed are in the same state after the same steps."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


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
