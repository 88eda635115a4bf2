"""The base models that come with the package, so that a first run needs no network and no account.

Wherever a model is named they are ``tunesmith/NAME``. Each lies below ``models/`` as an ordinary Hugging Face folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from tunesmith.errors import ModelError, did_you_mean

MODELS = {"tiny-gpt": "decoder-only, Llama's architecture", "tiny-t5": "encoder-decoder, T5's architecture"}
PREFIX = "tunesmith/"
ROOT = Path(__file__).parent / "models"


def is_builtin_name(name: str) -> bool:
    """Whether a name is of the form kept for built-in models, ``tunesmith/NAME``, be there one of that name or not.

    A recipe means the same everywhere, so a folder of that name in the working directory does not count: it is written
    ``./tunesmith/NAME``.
    """
    return re.fullmatch(rf"{PREFIX}[^/\\]+", name) is not None


def builtin_model(name: str) -> Path:
    """The folder of a built-in model, for ``from_pretrained``; ``tiny-gpt`` and ``tunesmith/tiny-gpt`` are the same.

    Raises `ModelError` where there is none of that name, or its files are not installed.
    """
    short = name.removeprefix(PREFIX)
    if short not in MODELS:
        here = f" Write ./{name} for the folder here." if is_builtin_name(name) and Path(name).is_dir() else ""
        names = " and ".join(PREFIX + one for one in MODELS)
        raise ModelError(f"{name}: no such built-in model.{_near(short)} There are {names}.{here}")
    folder = ROOT / short
    if not (folder / "config.json").is_file():
        raise ModelError(f"{PREFIX}{short}: its files are missing in {folder}. Install tunesmith again.")
    return folder


def of_another_installation(path: str) -> Path | None:
    """The built-in model that a path belonged to where the package was installed elsewhere, or None.

    An adapter names its base by a path, which plain peft can load. In a run folder that came from another machine, or
    of a checkout that is gone, that path leads nowhere; its end still says which model it was.
    """
    *_, above, parent, name = ["", "", *re.split(r"[\\/]+", path.rstrip("\\/"))]
    return builtin_model(name) if (above, parent) == ("tunesmith", "models") and name in MODELS else None


def _near(short: str) -> str:
    near = did_you_mean(short, MODELS)
    return near.replace("`", f"`{PREFIX}", 1)
