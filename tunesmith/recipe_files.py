"""A recipe as a file: read from YAML and the command line, told what is wrong with it line by line, and written again."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tunesmith.aliases import advise, read_as, resolve, translate
from tunesmith.builtin import builtin_model, is_builtin_name
from tunesmith.errors import RecipeError, UsageError
from tunesmith.recipe import ADAPTERS, FIELDS, SECTIONS, LoraSection, Recipe, Section
from tunesmith.validation import Problem, Where, booleans_for_numbers, dotted, literals, problems_in
from tunesmith.yaml_text import describe_yaml_error, dump_yaml, inline, key_lines, parse_yaml, read_yaml

FILE_SETTINGS = ("against", "vectors")  # of stages: what they read besides the sources


def load_recipe(
    path: str | Path, overrides: Sequence[str] = (), *, notify: Callable[[str], None] | None = None
) -> Recipe:
    """The recipe in a YAML file (or in a run folder), with ``a.b=c`` overrides applied to it.

    Names of other tools are accepted; ``notify`` is given one sentence for each (by default nobody is told). The value
    of an override is YAML, so lists and ``null`` work; of two for one field the later counts.

    Raises:
        UsageError: the file is missing, unreadable or no YAML mapping.
        RecipeError: keys or values are wrong; every problem at once.
    """
    return make_recipe(read_recipe_values(path), overrides, path=str(_recipe_file(Path(path))), notify=notify)


def read_recipe_values(path: str | Path) -> dict[str, Any]:
    """What stands in the YAML file of a recipe (or of a run folder), not checked. Raises `UsageError`."""
    return read_yaml(_recipe_file(Path(path)))


def make_recipe(
    values: dict[str, Any],
    overrides: Sequence[str] = (),
    *,
    path: str = "recipe",
    notify: Callable[[str], None] | None = None,
) -> Recipe:
    """The recipe these values make, as `load_recipe` does it; ``path`` is what an error calls them."""
    translation = translate(_without_empty_sections(values), FIELDS)
    values, problems, notices = translation.values, list(translation.problems), translation.notices
    overridden: dict[Where, str] = {}
    for override in overrides:
        where, problem = _apply(override, values, notices)
        overridden |= {where: override} if problem is None else {}
        problems += [] if problem is None else [((), f"--set {override}: {problem}")]
    recipe, invalid = _validate(values)
    if recipe is None or problems or invalid:
        told = [_of_override(where, what, overridden) for where, what in invalid]
        raise recipe_error(path, [*problems, *told], translation.origins)
    for notice in notices if notify is not None else ():
        notify(notice)
    return recipe


def recipe_error(path: str, problems: Sequence[Problem], origins: Mapping[Where, Where] = {}) -> RecipeError:
    """The error that tells these problems, each with its line where ``path`` is a file that has one.

    ``origins`` says for a path of ours under which name of another tool it was written.
    """
    written = key_lines(Path(path))
    lines = written | {ours: written[theirs] for ours, theirs in origins.items() if theirs in written}
    return RecipeError(path, [_told(path, where, what, lines) for where, what in problems])


def _told(path: str, where: Where, what: str, lines: Mapping[Where, int]) -> str:
    written = _nearest(where, lines)
    place = "" if written is None else f"{path}:{lines[written]}: "
    return place + (f"{dotted(where)}: {what}" if where else what)


def _nearest(where: Where, known: Mapping[Where, Any]) -> Where | None:
    """The path itself, or the lowest one above it that is known."""
    return next((where[:length] for length in range(len(where), 0, -1) if where[:length] in known), None)


def dump_recipe(recipe: Recipe) -> str:
    """YAML with every default written out; `load_recipe` reads an equal recipe from it."""
    return dump_yaml(recipe.model_dump(mode="json"))


def resolve_paths(recipe: Recipe, recipe_path: str | Path) -> Recipe:
    """The recipe with its relative input paths found: in the working directory first, then beside the recipe file.

    Hub ids, built-in names and paths that exist in neither place stay as they are, for their reader to judge. ``~``
    is the home folder. `output_dir` is no input: it always belongs to the working directory.

    Raises `ModelError` where a built-in model is named that does not exist: early, before any data is read.
    """
    folder = Path(recipe_path)
    folder = folder if folder.is_dir() else folder.parent
    find = partial(_find, folder=folder)
    model = recipe.model
    if is_builtin_name(model.name_or_path):
        builtin_model(model.name_or_path)
    else:
        model = model.model_copy(update={"name_or_path": find(model.name_or_path)})
    sources = tuple(source.model_copy(update={"path": find(source.path)}) for source in recipe.data.sources)
    is_file = recipe.template.name.endswith((".jinja", ".jinja2", ".j2"))
    template = recipe.template.model_copy(update={"name": find(recipe.template.name)}) if is_file else recipe.template
    general = None if recipe.evaluate.general is None else find(recipe.evaluate.general)
    tasks = tuple(find(task) for task in recipe.evaluate.tasks)
    evaluate = recipe.evaluate.model_copy(update={"tasks": tasks, "general": general})
    data = recipe.data.model_copy(update={"sources": sources})
    found = {"model": model, "data": data, "template": template, "evaluate": evaluate}
    if not isinstance(recipe.curate, str):
        found["curate"] = tuple(_with_files(stage, find) for stage in recipe.curate)
    return recipe.model_copy(update=found)


def recipe_differences(one: Recipe, other: Recipe) -> list[str]:
    """One line for each field in which two recipes differ: ``train.seed: 0 and 1``."""
    first, second = _leaves(one.model_dump(mode="json")), _leaves(other.model_dump(mode="json"))
    names = [*first, *(name for name in second if name not in first)]
    pairs = [(name, first.get(name), second.get(name)) for name in names]
    return [f"{name}: {inline(a)} and {inline(b)}" for name, a, b in pairs if a != b]


def init_recipe_text(model: str = "", sources: Sequence[str | dict[str, str]] = (), curate: str = "") -> str:
    """A commented recipe with every field, its default and its meaning; two fields are left to fill in."""
    filled: dict[str, Any] = {"model.name_or_path": model or None, "data.sources": list(sources) or None}
    filled |= {"curate": curate} if curate else {}
    head = "# A Tunesmith recipe: everything one run does. A field that is commented out is not in force.\n"
    blocks = [head]
    for name, field in Recipe.model_fields.items():
        if name not in SECTIONS:
            blocks.append(_field_text(name, field, "", filled))
            continue
        section = LoraSection if name == "adapter" else SECTIONS[name][0]
        lines = [f"{name}:  # {_first_line(section)}\n"]
        lines += [_field_text(key, item, f"{name}.", filled) for key, item in section.model_fields.items()]
        lines += _other_methods_text() if name == "adapter" else []
        blocks.append("".join(lines))
    return "\n".join(blocks)


def _other_methods_text() -> list[str]:
    """The fields of the methods that are not the one in the example, commented out."""
    shown, lines = set(LoraSection.model_fields), []
    for method in ADAPTERS:
        own = [name for name in method.model_fields if name not in shown]
        owners = [_tag(other) for other in ADAPTERS if set(own) & set(other.model_fields)]
        for name in own:
            lines.append(_field_text(name, method.model_fields[name], "adapter.", {}, only_for=" and ".join(owners)))
        shown |= set(own)
    return lines


def _tag(method: type[Section]) -> str:
    return get_args(method.model_fields["method"].annotation)[0]


def _recipe_file(path: Path) -> Path:
    """The file to read; what is wrong with the path otherwise."""
    if path.is_dir():
        inside = path / "recipe.yaml"
        if inside.is_file():
            return inside
        raise UsageError(
            f"{path}: a folder without recipe.yaml. Name a recipe file or a run folder.{_near_recipe(inside)}"
        )
    if not path.exists():
        raise UsageError(
            f"{path}: no such recipe.{_near_recipe(path) or ' `tunesmith init` writes one to start from.'}"
        )
    if path.suffix in {".jsonl", ".csv", ".tsv", ".parquet", ".gz"}:
        raise UsageError(f"{path}: a data file, not a recipe. Look at it with: tunesmith data inspect {path}")
    return path


def _near_recipe(path: Path) -> str:
    beside = path.parent.iterdir() if os.access(path.parent, os.R_OK | os.X_OK) and path.parent.is_dir() else ()
    recipes = {found.name: str(found) for found in sorted(beside) if found.suffix in {".yaml", ".yml"}}
    stems = {Path(name).stem: name for name in recipes}
    near = difflib.get_close_matches(path.name, recipes, n=1) or [
        stems[stem] for stem in difflib.get_close_matches(path.stem, stems, n=1)
    ]
    if not near and len(recipes) == 1:
        near = list(recipes)
    return f" Did you mean `{recipes[near[0]]}`?" if near else ""


def _without_empty_sections(values: dict[str, Any]) -> dict[str, Any]:
    """``train:`` with nothing (or only comments) under it is a section with every default, not null."""
    empty = {name for name, value in values.items() if value is None and name in SECTIONS}
    kept = {name: value for name, value in values.items() if name not in empty}
    return kept | {name: {} for name in empty if name in ("model", "data")}


def _apply(override: str, values: dict[str, Any], notices: list[str]) -> tuple[Where, str | None]:
    """Write one override into the values; where it went, and what is wrong with it."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        return (), "write it as key=value, for example --set train.learning_rate=2e-4"
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        return (), f"the value is {describe_yaml_error(error)}"
    path = tuple(key.strip().split("."))
    target, meant = resolve(path, value, FIELDS)
    notice = read_as(path, value, target, meant)
    notices += [f"--set {notice}"] if notice else []
    return _write(values, target, meant)


def _write(values: Any, path: tuple[str, ...], value: Any) -> tuple[Where, str | None]:
    """Set the value at a path of keys and list positions."""
    where: Where = ()
    for part, last in zip(path, [False] * (len(path) - 1) + [True]):
        step = int(part) if isinstance(values, list) and part.isdigit() else part
        if isinstance(values, dict):
            inside = values.get(step)
            values[step] = value if last else {} if inside is None else inside
        elif isinstance(values, list) and isinstance(step, int) and step < len(values):
            values[step] = value if last else values[step]
        else:
            size = f" of {len(values)}" if isinstance(values, list) else ""
            return (
                where,
                f"`{dotted(where)}` is a {'list' if size else 'value'}{size}, so there is no `{part}` in it to set.",
            )
        where, values = (*where, step), values[step]
    return where, None


def _validate(values: dict[str, Any]) -> tuple[Recipe | None, list[Problem]]:
    """The recipe, or what is wrong with the values."""
    problems = dict(booleans_for_numbers(values, Recipe))
    try:
        return Recipe.model_validate(values), list(problems.items())
    except ValidationError as error:
        return None, list((dict(problems_in(error, Recipe, _advise)) | problems).items())


def _advise(where: Where, own: list[str]) -> str:
    owners = [_tag(method) for method in ADAPTERS if where[0] == "adapter" and where[-1] in method.model_fields]
    if owners:
        return f" It belongs to the method{'s' if len(owners) > 1 else ''} {', '.join(owners)}."
    section = ".".join(str(part) for part in where[:-1] if isinstance(part, str))
    return advise(str(where[-1]), own, section, FIELDS)


def _of_override(where: Where, what: str, overridden: dict[Where, str]) -> Problem:
    """A problem under the override that caused it, where one did."""
    written = _nearest(where, overridden)
    if written is not None:
        rest = "" if written == where else f"{dotted(where)}: "
        return (), f"--set {overridden[written]}: {rest}{what}"
    within = [override for path, override in overridden.items() if path[: len(where)] == where]
    return ((), f"--set {within[0]}: {dotted(where)}: {what}") if within else (where, what)


def said_by(section: str, path: str | Path | None, overrides: Sequence[str]) -> str:
    """Where a section was written last: ``--set curate=…``, the file of the recipe, or else the command line."""
    mine = [override for override in overrides if override.partition("=")[0].strip().split(".")[0] == section]
    if mine:
        return f"--set {mine[-1]}"
    return "command line" if path is None else str(_recipe_file(Path(path)))


def _find(path: str, folder: Path) -> str:
    """The path as it is when something is there, else the one beside the recipe when something is there."""
    path = os.path.expanduser(path)
    if os.path.isabs(path) or glob.has_magic(path) and glob.glob(path, recursive=True) or os.path.exists(path):
        return path
    beside = os.path.join(folder, path)
    return beside if glob.glob(beside, recursive=True) or os.path.exists(beside) else path


def _with_files(stage: str | dict[str, Any], find: Callable[[str], str]) -> str | dict[str, Any]:
    """An entry of `curate` with the files found that its settings name."""
    if isinstance(stage, str):
        return stage
    return stage | {name: _found(stage[name], find) for name in FILE_SETTINGS if name in stage}


def _found(value: Any, find: Callable[[str], str]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_found(part, find) for part in value]
    return find(value) if isinstance(value, str) else value


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Dotted name -> value, for every field of a dumped recipe."""
    if not isinstance(value, dict) or not value:
        return {name: value}
    return {
        leaf: item
        for key, part in value.items()
        for leaf, item in _leaves(part, f"{name}.{key}".removeprefix(".")).items()
    }


def _field_text(name: str, field: FieldInfo, section: str, filled: dict[str, Any], *, only_for: str = "") -> str:
    """A field as it stands in the example: meaning above, name and default below.

    Commented out where the default is null, or where it is ``only_for`` other methods than the example's.
    """
    indent = "  " if section else ""
    if name == "method":
        choices = ", ".join(_tag(model) for model in ADAPTERS)
        return f"{indent}method: {get_args(field.annotation)[0]}  # {choices}\n"
    comment = f"{indent}# {f'For {only_for}: ' if only_for else ''}{field.description}{_choices(field)}\n"
    if section + name in filled:
        value = filled[section + name]
        return f"{comment}{indent}{name}: {'# <- fill in' if value is None else inline(value)}\n"
    default = field.get_default(call_default_factory=True)
    value = inline(list(default) if isinstance(default, tuple) else default)
    return f"{comment}{indent}{'# ' if default is None or only_for else ''}{name}: {value}\n"


def _choices(field: FieldInfo) -> str:
    """What may stand there, where that is a closed set that the description does not name."""
    choices = literals(field.annotation)
    named = all(choice in re.findall(r"\w+", field.description) for choice in choices)
    return "" if named else f" One of: {', '.join(choices)}."


def _first_line(model: type[Section]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
