"""YAML as people write it: 2e-4 is a number, a key written twice is an error, and errors say line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunesmith.errors import UsageError

# YAML 1.1, which PyYAML reads, takes `2e-4` and `1e5` for text; YAML 1.2 and every person take them for numbers.
_FLOAT = re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
MAX_BYTES = 1_000_000
MAX_DEPTH = 8  # of keys within keys that have a line of their own


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"`{key}` is written twice; keep one", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would take for a number."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises `UsageError` (``path:line:column``) when there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from error
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"{path}: too large for a recipe ({len(content):,} bytes)."
            f" Is it a data file? Try: tunesmith data inspect {path}"
        )
    try:
        value = parse_yaml(_decode(path, content))
    except yaml.YAMLError as error:
        raise UsageError(f"{path}:{describe_yaml_error(error)}") from error
    if value is None:
        raise UsageError(f"{path}: the recipe is empty. `tunesmith init` writes one to start from.")
    if not isinstance(value, dict):
        kind = {list: "a list", str: "text"}.get(type(value), "a single value")
        raise UsageError(
            f"{path}: a recipe is a mapping of sections (`model:`, `data:`, …), this is {kind}. See: tunesmith init"
        )
    return value


def key_lines(path: Path) -> dict[tuple[str | int, ...], int]:
    """The line of each key and list item of a YAML file, by its path from the top; empty where nothing can be read."""
    try:
        node = yaml.compose(_decode(path, path.read_bytes()), _Loader)
    except (OSError, UsageError, yaml.YAMLError):
        return {}
    return dict(_lines_below(node, ()))


def _lines_below(node: yaml.Node | None, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if len(where) == MAX_DEPTH:  # an anchor may stand inside itself
        return
    if isinstance(node, yaml.MappingNode):
        inside = [(key.value, key, value) for key, value in node.value]
    else:
        inside = (
            [(index, item, item) for index, item in enumerate(node.value)]
            if isinstance(node, yaml.SequenceNode)
            else []
        )
    for name, marked, value in inside:
        yield (*where, name), marked.start_mark.line + 1
        yield from _lines_below(value, (*where, name))


def parse_yaml(text: str) -> Any:
    """The value some YAML text stands for. Raises `yaml.YAMLError`."""
    return yaml.load(text, _Loader)


def dump_yaml(value: Any) -> str:
    """YAML that `parse_yaml` reads back to an equal value; keys keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def inline(value: Any) -> str:
    """A value as it stands behind a key, on one line."""
    text = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=True, width=1e9)
    return text.removesuffix("...\n").strip()


def _decode(path: Path, content: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path}:{line}: not {encoding.upper()} text (byte {error.start}). Save the file as UTF-8."
        ) from error


def describe_yaml_error(error: yaml.YAMLError) -> str:
    """``line:column: what is wrong`` on one line."""
    if isinstance(error, yaml.reader.ReaderError):
        line = error.name if isinstance(error.name, int) else 1
        return f"{line}: not YAML: a character that is no text ({error.character!r}). Remove it."
    mark = getattr(error, "problem_mark", None)
    what = " ".join(str(getattr(error, "problem", None) or error).split())
    if "'\\t'" in what:
        what = "a tab; YAML wants spaces"
    where = f"{mark.line + 1}:{mark.column + 1}: " if mark is not None else " "
    return f"{where}not YAML: {what}."
