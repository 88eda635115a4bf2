"""The learning rate over the steps of a run."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["cosine", "linear", "constant"]


def learning_rate_factor(step: int, *, num_steps: int, warmup_ratio: float, shape: Shape) -> float:
    """Share of the peak rate used by a step, counted from 0.

    Rises in a straight line over the first ``warmup_ratio`` of the steps (the first step is never at 0), then stays, falls
    in a straight line to 0, or follows half a cosine to 0 (Loshchilov and Hutter 2017, without restarts).
    """
    num_warmup = math.ceil(num_steps * warmup_ratio)
    if step < num_warmup:
        return (step + 1) / num_warmup
    if shape == "constant":
        return 1.0
    done = (step - num_warmup) / max(1, num_steps - num_warmup)
    return 1.0 - done if shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
