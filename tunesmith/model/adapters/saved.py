"""What lies in an adapter's folder: peft's config beside the weights, and which base they belong to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import ModelError
from tunesmith.recipe import Quantization

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
BASE_FILE = "base.json"
NUM_BLOCKS, BLOCK_BYTES = 64, 4096


@dataclass(frozen=True)
class Base:
    """The base an adapter was trained on.

    Attributes:
        name_or_path: where it lies.
        fingerprint: of its weights, or None where they lie on a hub, or nobody wrote it down.
        quantization: how it was held while the adapter was trained; the same is done when the adapter is loaded.
    """

    name_or_path: str
    fingerprint: str | None = None
    quantization: Quantization | None = None


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder holds an adapter rather than a whole model."""
    return (Path(folder) / CONFIG_FILE).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """The content of adapter_config.json. Raises `ModelError`."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CONFIG_FILE}: cannot be read ({error}). Copy the adapter again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / CONFIG_FILE}: is no mapping. Copy the adapter again.")
    return config


def base_of(folder: Path) -> Base:
    """The base of an adapter: from base.json, or from its config alone where another program wrote it.

    Raises:
        ModelError: the config is damaged, or does not say what its base is.
    """
    name = read_config(folder).get("base_model_name_or_path")
    if not name:
        raise ModelError(
            f"{folder / CONFIG_FILE}: does not say what its base model is. Set base_model_name_or_path in it."
        )
    path = folder / BASE_FILE
    if not path.is_file():
        return Base(name)
    try:
        noted = json.loads(path.read_text("utf-8"))
        return Base(name, noted["fingerprint"], noted["quantization"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}). Copy the adapter again.") from error


def check_base(folder: Path, base: Base, base_folder: str) -> None:
    """Refuse a base whose weights are not those the adapter was trained on: what it learned would mean nothing there."""
    if base.fingerprint is not None and base.fingerprint != fingerprint(base_folder):
        raise ModelError(
            f"{folder}: the adapter belongs to another base: the weights in {base_folder} are not those it was trained on. "
            f"Put the old ones back, or tune again. (To use it all the same, delete {BASE_FILE} beside it.)"
        )


def write_notes(folder: Path, quantization: Quantization | None) -> None:
    """Put the config in order and write base.json beside it.

    peft keeps a set of layer names, and equal runs should give equal files.
    """
    config = read_config(folder)
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    name = str(config["base_model_name_or_path"])
    base = asdict(Base(name, fingerprint(name), quantization))
    (folder / BASE_FILE).write_text(json.dumps(base, indent=2) + "\n", "utf-8")


def fingerprint(folder: str) -> str | None:
    """Hash of a sample of a model's weights on disk: size, beginning and 64 evenly spread blocks of every file.

    A model that was trained on differs nearly everywhere, and hashing all of a large one takes half a minute. None for a hub
    id, whose name says which weights are meant.
    """
    files = sorted(Path(folder).glob("*.safetensors")) if Path(folder).is_dir() else []
    if not files:
        return None
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(str(size).encode())
        with path.open("rb") as file:
            for number in range(NUM_BLOCKS):
                file.seek(number * max(0, size - BLOCK_BYTES) // max(1, NUM_BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()
