"""What systems are called, and which of them are compared with which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

BASE, TUNED = "base", "tuned"
BASELINES = {
    "majority_answer": "the most frequent training answer",
    "nearest_example": "the answer of the nearest training example",
}

Pair = tuple[str, str]


def system_name(target: str) -> str:
    """What a model is called in tables and folders: the last part of its path or name."""
    plain = target.partition("@")[0].removeprefix("openai:")
    return re.sub(r"[^\w.-]+", "_", Path(plain).name) or "model"


def choose_pairs(systems: Sequence[str], against: str | None = None) -> list[Pair]:
    """Which (a, b) are compared: ``against`` with each other system, where it is given.

    Else each other system with tuned; without it, with the last that is no baseline.
    """
    if against is not None:
        return [(against, system) for system in systems if system != against]
    real = [system for system in systems if system not in BASELINES]
    focus = TUNED if TUNED in systems else (real or systems)[-1]
    return [(system, focus) for system in systems if system != focus]


def main_pair(pairs: Sequence[Pair]) -> Pair | None:
    """Base and tuned, or the first pair of systems that are no baselines."""
    real = [pair for pair in pairs if pair[0] not in BASELINES]
    return (BASE, TUNED) if (BASE, TUNED) in pairs else next(iter([*real, *pairs]), None)


def is_untrained(system: str) -> bool:
    """Whether a user has this system without any training: the base, with examples or not, or a baseline."""
    return system == BASE or system in BASELINES or re.fullmatch(rf"{BASE}_\d+_shot", system) is not None
