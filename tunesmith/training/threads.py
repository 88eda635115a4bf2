"""How many threads to compute with: what was asked for, what the run began with, or what a short probe finds fastest."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tunesmith.training.checkpoint import MANIFEST

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which somebody has already said how many."""
LARGE = 50_000_000
"""Weights above which a model is not probed: its matrices keep every thread busy, and a pass takes long."""
NUM_TRIES = 3
WORTH = 0.95
"""More threads are taken where they need at most this share of the time."""


def choose_num_threads(
    run_pass: Callable[[], None], *, num_weights: int, asked: int | None = None, recorded: int | None = None
) -> tuple[int, str]:
    """(threads, why), set from now on.

    In this order: what the recipe asks for, what an interrupted run was computed with (its bits depend on it), what an
    environment variable says, what is fastest. Tiny models, on a machine that is shared, can be many times faster on one
    thread than on two, which wait for each other at every one of their small products.

    Args:
        run_pass: a forward and a backward pass; only called where it is to be found out.
        num_weights: parameters of the model.
    """
    available = torch.get_num_threads()
    variable = next((name for name in VARIABLES if os.environ.get(name)), None)
    if asked is not None:
        chosen, why = asked, "train.num_threads"
    elif recorded is not None:
        chosen, why = recorded, "as the run began"
    elif variable is not None:
        chosen, why = available, variable
    elif available == 1 or num_weights > LARGE:
        chosen, why = available, "all there are"
    else:
        chosen, why = _fastest(run_pass, available), "the fastest on a short pass"
    torch.set_num_threads(chosen)
    return chosen, why


def recorded_num_threads(checkpoints: Path) -> int | None:
    """What the newest checkpoint with a readable manifest was computed with; None where there is none."""
    manifests = [path for path in checkpoints.glob(f"step-*/{MANIFEST}") if path.parent.name[5:].isdigit()]
    for path in sorted(manifests, key=lambda path: -int(path.parent.name[5:])):
        try:
            return int(json.loads(path.read_text("utf-8"))["environment"]["threads"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _fastest(run_pass: Callable[[], None], available: int) -> int:
    counts = sorted({1, *(1 << k for k in range(available.bit_length())), available})
    best, least_s = available, math.inf
    run_pass()  # what is only done once, and slow
    for count in (count for count in counts if count <= available):
        torch.set_num_threads(count)
        seconds = min(_timed(run_pass) for _ in range(NUM_TRIES))
        if seconds < WORTH * least_s:
            best, least_s = count, seconds
    return best


def _timed(run_pass: Callable[[], None]) -> float:
    started = time.perf_counter()
    run_pass()
    return time.perf_counter() - started
