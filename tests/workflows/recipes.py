"""A small data file and recipes over it, for tests that go the whole way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunesmith.recipe import Recipe

COLORS = ("red", "green", "blue", "white", "black")
THINGS = ("apple", "pear", "plum", "stone", "river", "cloud", "table", "horse", "leaf", "house", "coat", "door")


def write_rows(path: Path, num_rows: int = 60) -> Path:
    """Two tasks, Dolly's columns: short questions with short answers, no two alike."""
    rows = []
    for number in range(num_rows):
        thing, color = THINGS[number % len(THINGS)], COLORS[number // len(THINGS) % len(COLORS)]
        if number % 2:
            row = {
                "instruction": f"Is the {thing} {color}?",
                "context": "",
                "response": "Yes" if len(thing) > 4 else "No",
            }
        else:
            row = {
                "instruction": "Which color is it?",
                "context": f"The {thing} is {color}.",
                "response": f"It is {color}.",
            }
        rows.append(row | {"category": "yes_no" if number % 2 else "color"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def recipe(model: Path | str, source: Path | str, /, **sections: dict[str, Any]) -> Recipe:
    """A recipe of a few steps; each keyword changes fields of that section (an adapter's method replaces all of it)."""
    values: dict[str, Any] = {
        "model": {"name_or_path": str(model)},
        "data": {"sources": [str(source)], "validation_fraction": 0.1, "test_fraction": 0.2},
        "adapter": {"method": "lora", "r": 4},
        "train": {"max_steps": 4, "learning_rate": 1e-2, "max_length": 128, "logging_steps": 1, "save_steps": 2},
        "evaluate": {"max_new_tokens": 8, "batch_size": 4},
    }
    for section, changes in sections.items():
        values[section] = changes if "method" in changes else {**values.get(section, {}), **changes}
    return Recipe.model_validate(values)
