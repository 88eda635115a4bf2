"""Several adapters of one base, loaded once and switched between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from tunesmith.errors import ModelError, UsageError, did_you_mean
from tunesmith.model import adapters
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import adapter_folder, load_tokenizer, locate
from tunesmith.recipe import ModelSection
from tunesmith.rendering.templates import load_template

BASE = adapters.BASE


@dataclass
class Switchable:
    """The systems that share a base: each adapter by its name, and ``base`` for the base without any.

    Attributes:
        adapted: the base with all adapters.
        models: the systems; they share all weights of the base, so only the ``active`` one may be asked.
        inside: what each adapter is called in ``adapted``.
        active: the one that was chosen last.
    """

    adapted: nn.Module
    models: dict[str, LocalModel]
    inside: dict[str, str]
    active: str

    def use(self, name: str) -> LocalModel:
        """Let one of them work. Raises `UsageError` where none is called so."""
        if name not in self.models:
            near = did_you_mean(name, self.models)
            raise UsageError(f"No adapter is called `{name}`.{near} There are: {', '.join(self.models)}.")
        if name == BASE:
            adapters.without(self.adapted)
        else:
            adapters.use(self.adapted, self.inside[name])
        self.active = name
        return self.models[name]


def open_together(opened: LocalModel, others: Sequence[str]) -> Switchable:
    """The adapter that is open, and others of the same base beside it.

    Raises:
        UsageError: what is open is no adapter, or two would have one name.
        ModelError: an adapter is of another base, of another kind, or adds tokens.
    """
    first, model = opened.loaded.name_or_path, opened.loaded.model
    if not adapters.names(model):
        raise UsageError(f"--adapter: {first} is a whole model, and not an adapter whose base could be shared.")
    base, name = adapters.base_of(Path(locate(first))), name_of(first)
    together = Switchable(model, {name: opened}, {name: adapters.names(model)[0]}, name)
    for number, other in enumerate(others, start=2):
        if name_of(other) in (BASE, *together.models):
            raise UsageError(f"--adapter {other}: `{name_of(other)}` is taken already. Rename its folder.")
        folder = adapter_folder(other)
        if folder is None:
            raise UsageError(f"--adapter {other}: is a whole model, and not an adapter of the base of {first}.")
        theirs = adapters.base_of(folder)
        if locate(theirs.name_or_path) != locate(base.name_or_path) or theirs.quantization != base.quantization:
            raise ModelError(
                f"{other}: its base is {_told(theirs)}, and that of {first} is {_told(base)}. Load adapters of one base together."
            )
        tokenizer, _ = load_tokenizer(ModelSection(name_or_path=other))
        if len(tokenizer) != len(opened.loaded.tokenizer):
            raise ModelError(f"{other}: has other tokens than {first}, so they cannot share a base. Load it alone.")
        together.inside[name_of(other)] = f"adapter{number}"  # a name with a dot in it could not be a module's
        adapters.add(model, folder, together.inside[name_of(other)])
        together.models[name_of(other)] = replace(
            opened,
            loaded=replace(opened.loaded, tokenizer=tokenizer, name_or_path=other),
            template=load_template("auto", tokenizer=tokenizer, kind=opened.loaded.kind),
        )
    of_base = replace(opened.loaded, model=model.get_base_model(), name_or_path=base.name_or_path)
    together.models[BASE] = replace(opened, loaded=of_base)
    together.use(name)
    return together


def name_of(target: str) -> str:
    """What an adapter is called by: the name of its run, or of its folder."""
    path = Path(target).expanduser().absolute()
    return (path.parent if path.name == "model" else path).name


def _told(base: adapters.Base) -> str:
    return base.name_or_path + (f" in {base.quantization}" if base.quantization else "")
