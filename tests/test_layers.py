"""The house: imports only go down, rooms of one layer do not know each other, and light layers stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tunesmith"
LAYERS = (
    {"errors", "records", "lm", "files", "stats", "progress", "builtin", "hardware", "system_errors"},
    {
        "recipe",
        "recipe_files",
        "aliases",
        "validation",
        "yaml_text",
        "run",
        "runs",
        "provenance",
        "registry",
        "checks",
        "privacy",
    },
    {"curation", "rendering"},
    {"model"},
    {"training", "evaluation"},
    {"workflows", "report", "cli", "__main__", "__init__"},
)
# Rooms made of several files that may know each other.
TOGETHER = (
    {"recipe", "recipe_files", "aliases", "validation", "yaml_text", "run", "runs", "provenance"},
    {"errors", "system_errors", "records", "lm", "files", "builtin"},
    {"registry", "checks"},
    LAYERS[5],
)
HEAVY = {"torch", "transformers", "peft", "datasets", "safetensors", "accelerate"}
# Who may import what is heavy, at the top of a file.
MAY_BE_HEAVY = re.compile(r"(model/(?!remote)|training/|workflows/|rendering/collate\.py|curation/hub\.py)")


def source_files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    found = [number for number, rooms in enumerate(LAYERS) if name in rooms]
    assert found, f"tunesmith/{name} is in no layer: add it to the table in tests/test_layers.py"
    return found[0]


def imports(path: Path, *, inside_functions: bool = True) -> list[tuple[int, str]]:
    """(line, module) of each import, but not of those only a type checker reads."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden = {id(part) for node in ast.walk(tree) if _is_type_checking(node) for part in ast.walk(node)}
    if not inside_functions:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        hidden |= {id(part) for function in functions for part in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole module name"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "tunesmith" else [node.module]
            )
            found += [(node.lineno, name) for name in names]
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path):
    wrong = []
    for line, module in imports(path):
        if not module.startswith("tunesmith.") or module == "tunesmith.__version__":
            continue
        here, there = room(path), module.split(".")[1]
        beside = here != there and layer(there) == layer(here) and not any({here, there} <= rooms for rooms in TOGETHER)
        if layer(there) > layer(here) or beside:
            wrong.append(f"{path.relative_to(ROOT.parent)}:{line} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_light_files_import_nothing_heavy(path):
    if MAY_BE_HEAVY.match(str(path.relative_to(ROOT))):
        return
    heavy = [(line, module) for line, module in imports(path, inside_functions=False) if module.split(".")[0] in HEAVY]
    assert heavy == []


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_stand_at_the_top_of_the_file_except_in_the_command_line(path):
    if room(path) in ("cli", "__main__", "__init__"):
        return
    everywhere, at_the_top = imports(path), imports(path, inside_functions=False)
    assert sorted(everywhere) == sorted(at_the_top)


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_and_no_shell_is_started(path):
    text = path.read_text("utf-8")
    found = re.findall(
        r"\b(?:import pickle|import joblib|import dill|torch\.load\(|allow_pickle=True|os\.system\(|shell=True)", text
    )
    assert found == []


def test_the_project_speaks_only_of_itself():
    mentions = [str(path) for path in source_files() if re.search(r"\.\./shared|/work/", path.read_text("utf-8"))]
    assert mentions == []


@pytest.mark.parametrize(
    "module",
    [
        "tunesmith",
        "tunesmith.recipe",
        "tunesmith.evaluation.summary",
        "tunesmith.model.remote",
        "tunesmith.report",
        "tunesmith.workflows.given",
        "tunesmith.workflows.side_by_side",
    ],
)
def test_importing_a_light_part_loads_no_torch(module):
    code = f"import sys, {module}; print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
