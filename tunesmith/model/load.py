"""Models and tokenizers from a folder, a finished run or a hub: strictly, from safetensors, without their code."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)

from tunesmith.builtin import MODELS, PREFIX, builtin_model, is_builtin_name, of_another_installation
from tunesmith.errors import ModelError, did_you_mean
from tunesmith.model import adapters
from tunesmith.model.adapters.tokens import grow
from tunesmith.model.quantize import prepare, quantization_config
from tunesmith.recipe import ModelSection, Quantization

Kind = Literal["causal", "seq2seq"]


@dataclass(frozen=True)
class LoadedModel:
    """A model and its tokenizer, ready to be trained or asked.

    ``kind`` is ``causal`` (decoder-only) or ``seq2seq`` (encoder-decoder). ``is_stacked`` says that the model is a base with
    an adapter already merged into it, so that nothing on disk is the base of a new adapter. ``new_token_ids`` are tokens the
    recipe adds to the vocabulary; ``num_reserved_tokens`` are kept free for virtual ones that are to be attached.
    """

    model: nn.Module
    tokenizer: PreTrainedTokenizerBase
    kind: Kind
    name_or_path: str
    is_stacked: bool = False
    new_token_ids: tuple[int, ...] = ()
    num_reserved_tokens: int = 0

    @property
    def config(self) -> PreTrainedConfig:
        return self.model.config

    @property
    def pad_token_id(self) -> int:
        """What padding is filled with. Any id will do: what is padding is always told by a mask, never by the id."""
        return _pad_token_id(self.tokenizer)

    @property
    def decoder_start_token_id(self) -> int | None:
        """What an encoder-decoder's answers begin with; None for a decoder-only model."""
        return None if self.kind == "causal" else self.config.decoder_start_token_id

    @property
    def context_length(self) -> int | None:
        """Most tokens of a text; what virtual tokens take is not there for others."""
        length = context_length(self.config)
        taken = self.num_reserved_tokens + adapters.num_virtual_tokens(self.model)
        return None if length is None else length - taken


def load_model(
    section: ModelSection,
    *,
    dtype: torch.dtype = torch.float32,
    merge: bool = False,
    quantization: Quantization | None = None,
) -> LoadedModel:
    """The model and tokenizer that a recipe names.

    A finished run stands for its ``model/``; an adapter is put on its base, held as it was in training, and merged into it
    if ``merge`` (to be tuned further). ``quantization`` is how a model that is no adapter is held. Raises `ModelError` when
    anything is missing or does not fit: nothing is ever left at random weights.
    """
    folder = locate(section.name_or_path)
    is_adapter = adapters.is_adapter(folder)
    if is_adapter:
        model, tokenizer = _adapted(Path(folder), section, dtype, merge, quantization)
    else:
        kind = kind_of(_config(folder, section))
        tokenizer = _tokenizer(folder, section)
        model = _weights(folder, section, kind, dtype, quantization)
        check_vocabulary(model, tokenizer, section.name_or_path)
        _drop_generation_habits(model, _pad_token_id(tokenizer))
    new_token_ids = _add_tokens(tokenizer, section.add_tokens)
    if new_token_ids:
        grow(model, len(tokenizer))
    name, is_stacked = section.name_or_path, is_adapter and merge
    return LoadedModel(model, tokenizer, kind_of(model.config), name, is_stacked, new_token_ids)


def _adapted(
    folder: Path, section: ModelSection, dtype: torch.dtype, merge: bool, quantization: Quantization | None
) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """An adapter on its base, which is given rows for the tokens that were added with the adapter."""
    if quantization is not None:
        raise ModelError(
            f"model.name_or_path: {section.name_or_path} is an adapter, and to quantize it would round away what it learned. "
            f"Run `tunesmith merge {section.name_or_path} --output DIR`, and name DIR."
        )
    base = adapters.base_of(folder)
    adapters.check_base(folder, base, locate(base.name_or_path))
    of_base = section.model_copy(update={"name_or_path": base.name_or_path, "revision": None, "add_tokens": ()})
    loaded = load_model(of_base, dtype=dtype, merge=merge, quantization=base.quantization)
    tokenizer = _tokenizer(str(folder), section)
    grow(loaded.model, len(tokenizer))
    model = adapters.load(loaded.model, folder)
    return adapters.merge(model) if merge else model, tokenizer


def load_tokenizer(section: ModelSection) -> tuple[PreTrainedTokenizerBase, PreTrainedConfig]:
    """The tokenizer and the config, without the weights: enough to render and count."""
    folder = locate(section.name_or_path)
    base = adapters.base_of(Path(folder)).name_or_path if adapters.is_adapter(folder) else folder
    config = _config(locate(base), section)  # first: it is what tells a model from any other folder
    tokenizer = _tokenizer(folder, section)
    _add_tokens(tokenizer, section.add_tokens)
    return tokenizer, config


def _add_tokens(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[str]) -> tuple[int, ...]:
    """Put tokens into the vocabulary; the ids of those that were not there."""
    before = len(tokenizer)
    tokenizer.add_tokens(list(tokens))
    return tuple(range(before, len(tokenizer)))


def kind_of(config: PreTrainedConfig) -> Kind:
    """Whether a model is decoder-only or an encoder-decoder."""
    return "seq2seq" if config.is_encoder_decoder else "causal"


def context_length(config: PreTrainedConfig) -> int | None:
    """Most tokens a model has positions for, or None where it has no such limit (relative positions, as in T5).

    A decoder-only model's holds for prompt and answer together, an encoder-decoder's for each of them.
    """
    text = config.get_text_config()
    # MPT has the second name.
    lengths = [getattr(text, name, None) for name in ("max_position_embeddings", "max_seq_len")]
    return next((length for length in lengths if length is not None and length > 0), None)  # XLNet says -1


def locate(name_or_path: str) -> str:
    """The folder a name stands for (a built-in model's, a run's ``model/``), or the name itself where it is a hub id.

    A folder's path is absolute: it goes into the adapters trained on it, which are loaded from elsewhere too, and by
    plain peft, which takes a built-in name for a hub id.
    """
    if is_builtin_name(name_or_path):
        return str(builtin_model(name_or_path))
    folder = Path(name_or_path).expanduser()
    if (folder / "recipe.yaml").is_file():
        if not (folder / "model").is_dir():
            raise ModelError(
                f"{name_or_path}: this run has no model yet. Continue it with --resume, or name another model."
            )
        return str((folder / "model").absolute())
    if folder.is_dir():
        return str(folder.absolute())
    if folder.exists():
        raise ModelError(f"{name_or_path}: is a file, but a model is a folder with config.json. Name the folder.")
    elsewhere = of_another_installation(name_or_path)
    if elsewhere is not None:
        return str(elsewhere)
    if name_or_path.count("/") > 1 or name_or_path.startswith((".", "/", "~")):
        raise ModelError(f"{name_or_path}: no such model folder.{_near_folder(folder)}")
    return name_or_path


def adapter_folder(name_or_path: str) -> Path | None:
    """The folder of the adapter that a name stands for, or None where it is a whole model. Raises `ModelError` for neither."""
    folder = Path(locate(name_or_path))
    if adapters.is_adapter(folder):
        return folder
    if not folder.is_dir():
        raise ModelError(
            f"{name_or_path}: not a folder here. Name a run, or the folder of an adapter.{_near_folder(folder)}"
        )
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder}: no adapter_config.json, so this is no adapter. Name a run, or a folder that save_pretrained() wrote."
        )
    return None


def _near_folder(folder: Path) -> str:
    if not folder.parent.is_dir():
        return ""
    return did_you_mean(folder.name, [entry.name for entry in folder.parent.iterdir() if entry.is_dir()])


def _config(folder: str, section: ModelSection) -> PreTrainedConfig:
    path = Path(folder)
    if path.is_dir() and not (path / "config.json").is_file():
        raise ModelError(
            f"{folder}: no config.json, so this is no model folder. Name a folder that save_pretrained() wrote."
        )
    if path.is_dir() and not _is_object(path / "config.json"):
        raise ModelError(f"{path / 'config.json'}: is no JSON object, so it is damaged. Copy the model again.")
    with _told(folder, "model"):
        config = AutoConfig.from_pretrained(folder, **_options(section))
    if getattr(config, "auto_map", None) and not section.trust_remote_code:
        raise ModelError(
            f"{folder}: the model brings Python code of its own, which is not run. "
            "Read that code, then set model.trust_remote_code: true and pin model.revision."
        )
    return config


def _is_object(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except ValueError:
        return False
    except OSError:  # told by whoever loads it
        return True


def _tokenizer(folder: str, section: ModelSection) -> PreTrainedTokenizerBase:
    with _told(folder, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, **_options(section))
    if not tokenizer.is_fast or not len(tokenizer):
        raise ModelError(f"{folder}: no usable tokenizer.json. Save one there with tokenizer.save_pretrained().")
    return tokenizer


def _weights(
    folder: str, section: ModelSection, kind: Kind, dtype: torch.dtype, quantization: Quantization | None
) -> nn.Module:
    auto = AutoModelForSeq2SeqLM if kind == "seq2seq" else AutoModelForCausalLM
    options = _options(section) | {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    if quantization is not None:
        options["quantization_config"] = quantization_config(quantization)
        options["device_map"] = {"": "cuda" if torch.cuda.is_available() else "cpu"}
    with _told(folder, "model"):
        model, report = auto.from_pretrained(folder, **options)
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if missing:
        raise ModelError(
            f"{folder}: {len(missing)} weights are missing or of another shape, first {missing[0]}. They would start at "
            "random: use a complete folder saved for this architecture."
        )
    prepare(model, quantization)
    model.eval()
    return model


def check_vocabulary(model: nn.Module, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Raises `ModelError` where the tokenizer knows tokens that the model has no embeddings for."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens but the model only {rows} embeddings. "
            "Use the tokenizer that belongs to this model."
        )


def _drop_generation_habits(model: nn.Module, pad_token_id: int) -> None:
    """Leave of the model's generation_config the token ids alone.

    ``generate`` takes from it whatever it is not told: a repetition penalty, beams or a forced first token would make
    answers other than the greedy ones asked for, here and wherever the result is used. Some makers' habits contradict
    each other, and then a trained model could not even be saved.
    """
    own, config = model.generation_config, model.config
    if config.is_encoder_decoder and config.decoder_start_token_id is None:
        start = own.decoder_start_token_id
        config.decoder_start_token_id = pad_token_id if start is None else start
    model.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id,
        decoder_start_token_id=getattr(config, "decoder_start_token_id", None),
    )


def _pad_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    return next((token for token in (tokenizer.pad_token_id, tokenizer.eos_token_id) if token is not None), 0)


def _options(section: ModelSection) -> dict[str, Any]:
    return {"revision": section.revision, "trust_remote_code": section.trust_remote_code}


@contextmanager
def _told(folder: str, what: str) -> Iterator[None]:
    """Turn what transformers raises while loading into one line; it raises half a dozen types for the same few causes."""
    quiet_libraries()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ModelError, MemoryError, torch.OutOfMemoryError):
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        ImportError,
        RuntimeError,
        AttributeError,
        SafetensorError,
    ) as error:
        if "allocate memory" in str(error):  # what torch raises on a CPU: nothing is wrong with the model
            raise
        raise ModelError(_cause(folder, what, error)) from error


def _cause(folder: str, what: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    path = Path(folder)
    if not path.is_dir():
        meant = f" Did you mean `{PREFIX}{folder}`?" if folder in MODELS else ""
        return (
            f"{folder}: not a folder here, and this {what} could not be fetched from the hub ({shorten(text, 120)}). "
            f"Check the spelling, or the network.{meant}"
        )
    closed = next((file for file in sorted(path.iterdir()) if not os.access(file, os.R_OK)), None)
    if closed is not None:
        return f"{closed}: no permission to read it. Ask its owner, or copy it to where you may."
    if isinstance(error, SafetensorError):
        return f"{folder}: a safetensors file is damaged ({text}). Copy the model again."
    if what == "tokenizer":
        return f"{folder}: no tokenizer that can be loaded (tokenizer.json is missing or damaged). Copy the base model's there."
    if list(path.glob("*.bin")) and not list(path.glob("*.safetensors")):
        return f"{folder}: only pickled weights (.bin), which can run code when loaded. Save them with save_pretrained(), as safetensors."
    if not list(path.glob("*.safetensors")):
        return f"{folder}: no weights (model.safetensors) in this folder. Copy them there."
    if "ignore_mismatched_sizes" in text:
        return f"{folder}: weights are of another shape than config.json says. Use the config that belongs to these weights."
    return f"{folder}: cannot be loaded as a language model: {text[:200]}"


def quiet_libraries() -> None:
    """Keep progress bars and warnings of the libraries below off the screen: what matters is said by Tunesmith."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for library in ("peft", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"peft\.")


def save_model(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, folder: Path, *, stop_token_ids: Sequence[int] | None = None
) -> None:
    """Write a Hugging Face folder, or an adapter PEFT can load, with tokenizer and chat template beside it.

    Loads with plain ``from_pretrained`` (and ``PeftModel.from_pretrained``), without this package. ``stop_token_ids`` are
    written into config and generation_config, so that every program stops at the same tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if stop_token_ids is not None:
            model.config.eos_token_id = model.generation_config.eos_token_id = list(stop_token_ids)
        if adapters.names(model):
            adapters.save(model, folder)
        else:
            model.save_pretrained(folder)
        if stop_token_ids is not None:
            model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
