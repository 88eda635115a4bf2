"""What a run was made of and with: versions, machine, seeds, inputs, the state of the code."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tunesmith import __version__
from tunesmith.hardware import cpu_name

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "datasets",
    "tokenizers",
    "safetensors",
    "numpy",
    "pydantic",
    "sacrebleu",
    "jsonschema",
)


def provenance(
    *,
    command: str,
    seeds: Mapping[str, int],
    inputs: Sequence[Mapping[str, Any]],
    model: Mapping[str, Any],
    num_threads: int | None = None,
    gpu: str | None = None,
    started_at: str | None = None,
) -> dict[str, Any]:
    """What a run was made of and with: the content of provenance.json."""
    return {
        "tunesmith": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := package_version(name)) is not None},
        "threads": num_threads,
        "cpu": cpu_name(),
        "gpu": gpu,
        "command": command,
        "started_at": started_at or now(),
        "finished_at": None,
        "seeds": dict(seeds),
        "inputs": [dict(item) for item in inputs],
        "model": dict(model),
        "git": git_state(),
    }


def package_version(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_state(folder: str | os.PathLike[str] = ".") -> dict[str, Any] | None:
    """Commit of the working directory and whether tracked files differ from it; None outside of git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "dirty": None if changed is None else bool(changed.strip())}


def _git(folder: str | os.PathLike[str], *arguments: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
