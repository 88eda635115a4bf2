"""Keeping peft's warnings off the screen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what peft warns of: here it is checked, and is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
