"""What this machine has, what is installed, and what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from tunesmith.cli.console import importing, make_progress, print_json, result_console, results_only
from tunesmith.cli.options import Json, argument
from tunesmith.cli.work import Overrides, check_paths, load, run_command
from tunesmith.errors import GateFailed, ResourceError, UsageError

ENOUGH_DISK_BYTES, ENOUGH_MEMORY_BYTES = 5 * 2**30, 4 * 2**30


@dataclass(frozen=True)
class Check:
    """One line of the table. ``fix`` is what to do where it is not ok; a missing extra is no problem."""

    name: str
    state: str  # ok, missing (an extra), careful, broken
    value: str
    fix: str = ""


def version() -> None:
    """Print the version."""
    from tunesmith import __version__

    print(f"tunesmith {__version__}")


def doctor(
    recipe: Annotated[
        Path | None, argument("RECIPE", help="A recipe: tell what training it will take, before its model is loaded.")
    ] = None,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Check this machine, or what a recipe will take of it: memory, time, and what to change where it does not fit."""
    if recipe is not None:
        _foretell(recipe, overrides, json)
        return
    if overrides:
        raise UsageError("--set changes a recipe, and none is named: tunesmith doctor RECIPE --set KEY=VALUE")
    checks = [*_software(), *_hardware(), *_extras(), *_models(), _torch_works()]
    if json:
        print_json(
            {"ok": not any(check.state == "broken" for check in checks), "checks": [check.__dict__ for check in checks]}
        )
    else:
        result_console().print(doctor_table(checks))
    broken = [check.name for check in checks if check.state == "broken"]
    if broken:
        verb = "does" if len(broken) == 1 else "do"
        raise GateFailed(f"doctor: {', '.join(broken)} {verb} not work; the table says how to fix it.")
    if not json:
        print("Everything needed works.")


def _foretell(recipe: Path, overrides: list[str] | None, as_json: bool) -> None:
    console = make_progress()
    loaded = load(recipe, overrides, console)
    check_paths(loaded)
    with importing():
        from tunesmith.workflows.forecast import forecast

    with results_only():
        foretold = forecast(loaded, console=console)
    if as_json:
        print_json(asdict(foretold))
    else:
        result_console().print(forecast_table(foretold))
    if not foretold.fits:
        raise ResourceError(f"{recipe}: {shortage(foretold)}")
    if not as_json:
        print(f"It fits. Next: {run_command('run', recipe, overrides)}")


def shortage(foretold: Any) -> str:
    """That it does not fit, and what would."""
    from tunesmith.report.text import format_bytes

    head = f"needs about {format_bytes(foretold.peak_bytes)}, and {format_bytes(foretold.free_bytes)} are free."
    if foretold.changes is None:
        return (
            f"{head} Nothing known here makes it fit: take a smaller model, a shorter train.max_length or more memory."
        )
    return f"{head} It fits with: {' '.join(f'--set {change}' for change in foretold.changes)}"


def forecast_table(foretold: Any) -> Any:
    """What a run will take, line by line."""
    from rich.table import Table

    from tunesmith.report.text import format_bytes, format_duration

    trained = foretold.num_trainable_parameters
    share = "all trained" if trained == foretold.num_parameters else f"{trained:,} trained"
    rows = [
        (foretold.architecture, f"{foretold.num_parameters:,} parameters, {share} ({foretold.method})"),
        ("memory", f"{format_bytes(foretold.peak_bytes)} at most, {format_bytes(foretold.free_bytes)} free"),
        ("  weights", format_bytes(foretold.weights_bytes)),
        ("  optimizer", format_bytes(foretold.optimizer_bytes)),
        ("  gradients and activations", format_bytes(foretold.gradients_and_activations_bytes)),
        ("  Python and its libraries", format_bytes(foretold.process_bytes)),
        ("training", f"{format_duration(foretold.seconds)} for {foretold.num_steps:,} steps"),
        ("  tokens", f"{foretold.num_tokens:,}, {foretold.tokens_per_second:,.0f} a second"),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table


def doctor_table(checks: list[Check]) -> Any:
    """Name, value, and what to do about it."""
    from rich.table import Table
    from rich.text import Text

    marks = {"ok": ("✓", "green"), "missing": ("–", "dim"), "careful": ("!", "yellow"), "broken": ("✗", "red")}
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in checks:
        mark, style = marks[check.state]
        table.add_row(Text(mark, style=style), check.name, Text(check.value), Text(check.fix, style="dim"))
    return table


def _software() -> list[Check]:
    from tunesmith import __version__

    found = [
        Check("tunesmith", "ok", __version__),
        Check("python", "ok", f"{platform.python_version()} ({sys.prefix})"),
    ]
    return found + [_package(requirement, "") for requirement in _requirements("")]


def _extras() -> list[Check]:
    """Packages of the extras, one line each, with the pip line for those that are not there."""
    return [_package(requirement, extra) for extra in _extra_names() for requirement in _requirements(extra)]


def _extra_names() -> list[str]:
    try:
        return [
            name
            for name in importlib.metadata.metadata("tunesmith").get_all("Provides-Extra") or []
            if name not in ("test", "dev")
        ]
    except importlib.metadata.PackageNotFoundError:
        return []


def _requirements(extra: str) -> list[Any]:
    """What our own package asks for: always (no extra), or for one extra."""
    from packaging.requirements import Requirement

    try:
        asked = [Requirement(line) for line in importlib.metadata.requires("tunesmith") or []]
    except importlib.metadata.PackageNotFoundError:
        return []
    without = [item for item in asked if item.marker is None or item.marker.evaluate({"extra": ""})]
    return (
        without
        if not extra
        else [item for item in asked if item not in without and item.marker.evaluate({"extra": extra})]
    )


def _package(requirement: Any, extra: str) -> Check:
    fix = f"pip install 'tunesmith[{extra}]'" if extra else f"pip install '{requirement.name}{requirement.specifier}'"
    name = f"{requirement.name} [{extra}]" if extra else requirement.name
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "missing" if extra else "broken", "not installed", fix)
    fits = requirement.specifier.contains(found, prereleases=True)
    return Check(name, "ok" if fits else "careful", found, "" if fits else f"needs {requirement.specifier}: {fix}")


def _hardware() -> list[Check]:
    from tunesmith import hardware

    memory, disk = hardware.free_memory_bytes(), shutil.disk_usage(".").free
    gpus = hardware.gpu_names()
    return [
        Check("processor", "ok", hardware.cpu_name()),
        Check("memory", *_enough(memory, ENOUGH_MEMORY_BYTES, "close other programs, or use a smaller model")),
        Check("disk", *_enough(disk, ENOUGH_DISK_BYTES, f"make room in {Path.cwd()}")),
        Check("gpu", "ok", ", ".join(gpus) if gpus else "none; training runs on the processor"),
    ]


def _enough(free: int, needed: int, fix: str) -> tuple[str, str, str]:
    ok = free >= needed
    return ("ok" if ok else "careful", f"{free / 2**30:.1f} GiB free", "" if ok else fix)


def _models() -> list[Check]:
    """The models that come with the package; without their files all else still works."""
    from tunesmith.builtin import MODELS, PREFIX, builtin_model
    from tunesmith.errors import ModelError

    found = []
    for name, shape in MODELS.items():
        try:
            size_bytes = sum(file.stat().st_size for file in builtin_model(name).iterdir())
            found.append(Check(PREFIX + name, "ok", f"built in: {shape}, {size_bytes / 10**6:.1f} MB"))
        except ModelError:
            found.append(Check(PREFIX + name, "careful", "its files are missing", "install tunesmith again"))
    return found


def _torch_works() -> Check:
    """One step of a small model, on the device training would use."""
    try:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        layer = torch.nn.Linear(8, 8, device=device)
        layer(torch.ones(2, 8, device=device)).sum().backward()
        works = bool(torch.isfinite(layer.weight.grad).all())
    except Exception as error:  # whatever is wrong with an installation, a doctor reports it
        return Check(
            "torch works",
            "broken",
            f"{type(error).__name__}: {' '.join(str(error).split())[:100]}",
            "pip install --force-reinstall torch",
        )
    threads = f"{torch.get_num_threads()} threads" + (
        "" if "OMP_NUM_THREADS" not in os.environ else " (OMP_NUM_THREADS)"
    )
    return Check(
        "torch works",
        "ok" if works else "broken",
        f"a step on {device}, {threads}",
        "" if works else "pip install --force-reinstall torch",
    )
