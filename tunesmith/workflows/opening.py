"""From a name to a model that is ready to be trained or asked."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from tunesmith.errors import ResourceError
from tunesmith.files import file_sha256
from tunesmith.model.footprint import is_out_of_memory
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import LoadedModel, load_model, locate
from tunesmith.model.probe import probe
from tunesmith.model.quantize import num_weights
from tunesmith.model.support import capabilities_with, reserving
from tunesmith.model.vllm_engine import with_engine
from tunesmith.progress import Progress
from tunesmith.recipe import AdapterSection, EvaluateSection, ModelSection
from tunesmith.rendering.templates import ChatTemplate, load_template

DECISIVE = re.compile(r"\.safetensors$|^(config|adapter_config|base|tokenizer|tokenizer_config)\.json$")


def open_model(
    section: ModelSection,
    template_name: str,
    *,
    console: Progress,
    batch_size: int = 16,
    merge: bool = False,
    to_tune: AdapterSection | None = None,
) -> LocalModel:
    """The model behind the template of that name, probed, on the GPU where there is one.

    ``to_tune`` is the method it is to be tuned by: the base is held as that needs it, and can what that leaves it.
    """
    console.say(f"Loading {section.name_or_path}")
    with explained_memory():
        loaded = load_model(section, merge=merge, quantization=to_tune.quantization if to_tune is not None else None)
        if torch.cuda.is_available() and loaded.model.device.type != "cuda":
            loaded.model.to("cuda")
    template = load_template(template_name, tokenizer=loaded.tokenizer, kind=loaded.kind)
    capabilities = probe(loaded)
    for note in capabilities.notes:
        console.notice(note)
    if to_tune is not None:
        loaded, capabilities = reserving(to_tune, loaded), capabilities_with(to_tune, loaded, capabilities)
    return LocalModel(loaded, template, capabilities, batch_size)


def fair_template(loaded: LoadedModel, template: ChatTemplate) -> ChatTemplate:
    """How a base model is asked: with its own template where it has one, else with the recipe's, which it never saw."""
    if not loaded.tokenizer.chat_template:
        return template
    own = load_template("own", tokenizer=loaded.tokenizer)
    return replace(own, stop_strings=template.stop_strings)


def num_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """How many weights there are, and how many of them are trained."""
    sizes = [(num_weights(p), p.requires_grad) for p in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


def open_to_ask(section: ModelSection, template_name: str, evaluate: EvaluateSection, console: Progress) -> LocalModel:
    """The model as `open_model` gives it, its answers written by the engine that ``evaluate`` asks for."""
    opened = open_model(section, template_name, console=console, batch_size=evaluate.batch_size)
    return with_engine(opened, evaluate.engine)


def model_sha256(section: ModelSection) -> str:
    """Hash of what decides a model's answers: weights, configuration and tokenizer on disk; its name and revision where it
    lies on a hub. An adapter names its base in its own files, and is loaded on no other."""
    folder = Path(locate(section.name_or_path))
    if not folder.is_dir():
        return f"{section.name_or_path}@{section.revision}"
    files = [(path, path.stat()) for path in sorted(folder.glob("*")) if DECISIVE.search(path.name)]
    hashes = [f"{path.name} {_sha256_once(path, stat.st_size, stat.st_mtime_ns)}\n" for path, stat in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


@lru_cache
def _sha256_once(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    """A run asks three times for the hash of the same gigabytes; the file is read again only when it has changed."""
    return file_sha256(path)


@contextmanager
def explained_memory():
    """Turn the ways torch runs out of memory into one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _out_of_memory() from error


def _out_of_memory() -> ResourceError:
    return ResourceError(
        "Out of memory. Lower train.per_device_train_batch_size (and raise gradient_accumulation_steps), train.max_length or "
        "evaluate.batch_size, set train.precision: bf16 or adapter.method: lora; then go on with --resume."
    )
