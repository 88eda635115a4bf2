"""What `tunesmith doctor RECIPE` foretells beside what training then takes.

    python benchmarks/forecast.py RECIPE [--set KEY=VALUE ...] [--case 'adapter.method=lora' ...] [--steps 8] [--json]

Each case (a change of the recipe; none at first) is foretold, and then trained for so many steps, each in a process of its
own: peak memory of that process, and tokens a second without the first step's. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunesmith.errors import TunesmithError
from tunesmith.recipe_files import load_recipe, resolve_paths
from tunesmith.workflows.forecast import forecast
from tunesmith.workflows.run import run_recipe


def main(arguments: list[str] | None = None) -> int:
    """Foretell and measure each case; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--case", action="append", default=[], metavar="CHANGES", help="changes, parted by spaces")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=("foretell", "train"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        overrides = [*options.overrides, f"train.max_steps={options.steps}", "train.logging_steps=1"]
        recipe = resolve_paths(load_recipe(options.recipe, overrides), options.recipe)
        print(json.dumps(asdict(forecast(recipe)) if options.worker == "foretell" else trained(recipe)))
        return 0
    try:
        cases = [compare(options, case) for case in ("", *options.case)]
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)}: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return 1
    print(json.dumps(cases, indent=1)) if options.json else show(cases)
    return 0


def compare(options: argparse.Namespace, case: str) -> dict[str, Any]:
    """Foretold and measured, and their ratios."""
    foretold, measured = (ask(options, case, worker) for worker in ("foretell", "train"))
    ratios = {name: foretold[name] / measured[name] for name in ("peak_bytes", "tokens_per_second")}
    return {"case": case or "as it is", "foretold": foretold, "measured": measured, "ratios": ratios}


def ask(options: argparse.Namespace, case: str, worker: str) -> dict[str, Any]:
    """What a worker process prints."""
    changes = [word for change in (*options.overrides, *case.split()) for word in ("--set", change)]
    words = [sys.executable, __file__, str(options.recipe), *changes, "--steps", str(options.steps), "--worker", worker]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def trained(recipe: Any) -> dict[str, Any]:
    """Peak memory of training, and tokens a second after its first step."""
    with tempfile.TemporaryDirectory() as folder:
        run_recipe(recipe, Path(folder) / "run", until="train")
        training = json.loads((Path(folder) / "run" / "training.json").read_text("utf-8"))
        lines = [json.loads(line) for line in (Path(folder) / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    steps = [line for line in lines if "tokens_per_second" in line]
    num_tokens = sum(line["num_tokens"] for line in steps[1:])
    seconds = steps[-1]["seconds"] - steps[0]["seconds"]
    return {"peak_bytes": training["peak_memory_bytes"], "tokens_per_second": num_tokens / seconds}


def show(cases: list[dict[str, Any]]) -> None:
    """A line for each case."""
    for case in cases:
        foretold, measured, ratios = case["foretold"], case["measured"], case["ratios"]
        memory = f"{foretold['peak_bytes'] / 2**20:,.0f} MiB foretold, {measured['peak_bytes'] / 2**20:,.0f} measured ({ratios['peak_bytes']:.2f})"
        speed = f"{foretold['tokens_per_second']:,.0f} tokens/s foretold, {measured['tokens_per_second']:,.0f} measured ({ratios['tokens_per_second']:.2f})"
        print(f"{case['case']}: {memory}; {speed}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TunesmithError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
