"""Datasets of the Hugging Face hub. The only file that imports `datasets`; `sources` loads it when a hub id is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import datasets

from tunesmith.errors import DataError


def load_rows(name: str, *, config: str | None, split: str) -> tuple[str, Iterator[Mapping[str, Any]]]:
    """Fingerprint and rows of one split of a dataset.

    Raises `DataError` where it cannot be loaded: no network, unknown name, no such split or configuration.
    """
    try:
        dataset = datasets.load_dataset(name, config, split=split)
    except (
        Exception
    ) as error:  # hub clients, file readers and builders raise what they like, from KeyError to httpx errors
        problem = (str(error).splitlines() or [""])[0][:300].rstrip(".")
        raise DataError(
            f"{name}: no such local path, and the Hugging Face dataset (split {split}) cannot be loaded"
            f" ({type(error).__name__}: {problem}). Check the name and the network, or download it and give the file."
        ) from None
    return dataset._fingerprint, iter(dataset)
