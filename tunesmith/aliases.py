"""What other tools call the same thing, so that a recipe written by habit is read and not only refused.

Names are those of TRL, LLaMA-Factory, Axolotl, LitGPT, Unsloth and H2O LLM Studio. An alias may stand at the top level,
as in their flat files, or in the section its target belongs to. Pure functions over dicts: nothing here knows pydantic.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import did_you_mean

Path = tuple[str, ...]
Fields = Mapping[str, frozenset[str]]  # section name -> names of its fields; a top-level field has an empty set

ALIASES: dict[str, str] = {
    "base_model": "model.name_or_path",
    "checkpoint_dir": "model.name_or_path",
    "llm_backbone": "model.name_or_path",
    "model_name": "model.name_or_path",
    "model_name_or_path": "model.name_or_path",
    "model_revision": "model.revision",
    "revision_of_model": "model.revision",
    "data_path": "data.sources",
    "dataset": "data.sources",
    "dataset_name": "data.sources",
    "datasets": "data.sources",
    "json_path": "data.sources",
    "local_dataset": "data.sources",
    "train_dataframe": "data.sources",
    "train_file": "data.sources",
    "test_split_size": "data.validation_fraction",
    "val_set_size": "data.validation_fraction",
    "val_size": "data.validation_fraction",
    "val_split_fraction": "data.validation_fraction",
    "validation_size": "data.validation_fraction",
    "test_size": "data.test_fraction",
    "chat_template": "template.name",
    "prompt_template": "template.name",
    "num_fewshot": "template.num_shots",
    "finetuning_type": "adapter.method",
    "training_type": "adapter.method",
    "lora_r": "adapter.r",
    "lora_rank": "adapter.r",
    "rank": "adapter.r",
    "alpha": "adapter.lora_alpha",
    "dropout": "adapter.lora_dropout",
    "lora_target": "adapter.target_modules",
    "lora_target_modules": "adapter.target_modules",
    "peft_use_rslora": "adapter.use_rslora",
    "peft_use_dora": "adapter.use_dora",
    "prefix_length": "adapter.num_virtual_tokens",
    "prompt_length": "adapter.num_virtual_tokens",
    "non_linearity": "adapter.activation",
    "stage": "train.objective",
    "rl": "train.objective",
    "epochs": "train.num_train_epochs",
    "num_epochs": "train.num_train_epochs",
    "train_steps": "train.max_steps",
    "batch_size": "train.per_device_train_batch_size",
    "micro_batch_size": "train.per_device_train_batch_size",
    "train_batch_size": "train.per_device_train_batch_size",
    "grad_accumulation": "train.gradient_accumulation_steps",
    "gradient_accumulation": "train.gradient_accumulation_steps",
    "cutoff_len": "train.max_length",
    "max_seq_len": "train.max_length",
    "max_seq_length": "train.max_length",
    "sequence_len": "train.max_length",
    "optim": "train.optimizer",
    "neftune_alpha": "train.neftune_noise_alpha",
    "noisy_embedding_alpha": "train.neftune_noise_alpha",
    "label_smoothing": "train.label_smoothing_factor",
    "activation_checkpointing": "train.gradient_checkpointing",
    "use_gradient_checkpointing": "train.gradient_checkpointing",
    "lr": "train.learning_rate",
    "lr_scheduler": "train.lr_scheduler_type",
    "gradient_clip": "train.max_grad_norm",
    "gradient_clipping": "train.max_grad_norm",
    "seed": "train.seed",
    "eval_batch_size": "evaluate.batch_size",
    "per_device_eval_batch_size": "evaluate.batch_size",
    "out_dir": "output_dir",
    "output_directory": "output_dir",
}

# Switches of other tools that choose a value of ours: name -> (target, their value -> our value; None: it says nothing).
SWITCHES: dict[str, tuple[str, dict[Any, Any]]] = {
    "use_peft": ("adapter.method", {True: "lora", False: "full"}),
    "lora": ("adapter.method", {True: "lora", False: "full"}),
    "lora_target_linear": ("adapter.target_modules", {True: "all-linear"}),
    "load_in_4bit": ("adapter.method", {True: "qlora", False: None}),
    "load_in_8bit": ("adapter.method", {True: "lora-8bit", False: None}),
    "quantization_bit": ("adapter.method", {4: "qlora", 8: "lora-8bit"}),
    "quantize": ("adapter.method", {"bnb.nf4": "qlora", "bnb.nf4-dq": "qlora", "bnb.int8-training": "lora-8bit"}),
    "backbone_dtype": ("adapter.method", {"int4": "qlora", "int8": "lora-8bit"}),
    "bf16": ("train.precision", {True: "bf16", False: "fp32"}),
    **dict.fromkeys(
        ["torch_dtype", "dtype"],
        ("train.precision", {"bfloat16": "bf16", "bf16": "bf16", "float32": "fp32", "fp32": "fp32"}),
    ),
    "disable_gradient_checkpointing": ("train.gradient_checkpointing", {True: False, False: True}),
}

# Settings that only the low-rank methods have, written without a method: lora is meant.
_OF_LORA = (
    "lora_r",
    "lora_rank",
    "lora_target",
    "lora_target_modules",
    "lora_alpha",
    "lora_dropout",
    "peft_use_rslora",
    "peft_use_dora",
)

# What other tools say in two keys: the plain method, and a switch for how its base is stored.
_REFINES = {"qlora": "lora", "lora-8bit": "lora"}

# What other tools call a value of ours: target -> (their value -> our value).
VALUES: dict[str, dict[str, str]] = {
    "adapter.target_modules": {"all": "all-linear"},
    "train.optimizer": {
        "adamw_torch": "adamw",
        "adamw_torch_fused": "adamw",
        "adamw_hf": "adamw",
        "paged_adamw": "adamw",
        "paged_adamw_32bit": "adamw",
        "adamw_bnb_8bit": "adamw_8bit",
        "adamw8bit": "adamw_8bit",
        "paged_adamw_8bit": "adamw_8bit",
        "schedule_free_adamw": "schedule_free",
        "adamw_schedule_free": "schedule_free",
    },
}

# A section written as one word or list instead of a mapping: section -> the field that is meant.
SHORTHANDS = {"model": "name_or_path", "data": "sources", "template": "name", "adapter": "method"}

# Names that cannot be carried over: what to do instead.
_ANSWERS_ONLY = "Only the answers are trained on, always; delete the line."
_BY_FLAG = "Resuming is the flag `--resume`; delete the line."
_NO_TRACKING = "There is nothing to report to: metrics.jsonl and report.html lie in the run folder; delete the line."
_AS_SOURCE = "Write it as a source of its own: `{path: FILE, split: validation}` in data.sources."
_COLUMNS = "Write it in the source: `{path: FILE, columns: {instruction: …, output: …}}` in data.sources."
_FORMAT = "The format is seen from the rows; delete the line, or say `columns` where it is not."
_THE_VERB = "The verb says it: `tunesmith run` trains and evaluates, `tunesmith train` only trains; delete the line."
_WHEN_MEASURED = (
    "Say train.eval_steps (the validation loss) or evaluate.every_steps (answers); by default at the end of each epoch."
)
_WHEN_SAVED = "Say train.save_steps; by default at the end of each epoch, and all are kept that a resume needs."
_NO_CACHE = "Nothing is cached between runs; delete the line."
_ITSELF = "The fastest way that is exact is taken by itself; delete the line."
_ONE_PROCESS = "This version trains in one process, on one device; delete the line."
_NO_UPLOAD = "Nothing is uploaded: the result is a plain folder, RUN/model; delete the line."
_LOADING = "Rows are read in one process; data.num_workers cleans large sources in several. Delete the line."
ADVICE: dict[str, str] = {
    **dict.fromkeys(["do_train", "do_eval", "do_predict", "predict_with_generate"], _THE_VERB),
    **dict.fromkeys(["eval_strategy", "evaluation_strategy", "evals_per_epoch"], _WHEN_MEASURED),
    **dict.fromkeys(["save_strategy", "saves_per_epoch", "save_total_limit", "save_only_model"], _WHEN_SAVED),
    **dict.fromkeys(["overwrite_cache", "dataset_prepared_path", "load_from_cache_file"], _NO_CACHE),
    **dict.fromkeys(
        ["attn_implementation", "flash_attn", "flash_attention", "flash_attention_2", "sdp_attention",
         "xformers_attention", "use_liger_kernel", "enable_liger_kernel", "torch_compile"], _ITSELF),
    **dict.fromkeys(["deepspeed", "fsdp", "fsdp_config", "ddp_timeout", "ddp_find_unused_parameters"], _ONE_PROCESS),
    **dict.fromkeys(["push_to_hub", "hub_model_id", "hub_strategy", "hub_token"], _NO_UPLOAD),
    **dict.fromkeys(["dataloader_num_workers", "preprocessing_num_workers", "dataloader_pin_memory"], _LOADING),
    "overwrite_output_dir": "A folder with a run in it is only overwritten by the flag `--overwrite`; delete the line.",
    "eval_packing": "Only training is packed (train.packing); delete the line.",
    "special_tokens": "The tokenizer's own are used; new tokens are named in model.add_tokens.",
    "plot_loss": "The report plots it; delete the line.",
    **dict.fromkeys(
        ["assistant_only_loss", "completion_only_loss", "train_on_prompt", "train_on_inputs", "mask_prompt",
         "mask_history", "train_on_completions", "roles_to_train", "mask_prompt_labels"], _ANSWERS_ONLY),
    **dict.fromkeys(["resume", "resume_from_checkpoint", "auto_resume_from_checkpoints"], _BY_FLAG),
    **dict.fromkeys(
        ["report_to", "wandb_project", "use_wandb", "use_mlflow", "logger", "enable_wandb", "enable_tensorboard"],
        _NO_TRACKING),
    **dict.fromkeys(["eval_dataset", "test_datasets", "validation_file"], _AS_SOURCE),
    **dict.fromkeys(
        ["prompt_column", "answer_column", "dataset_text_field", "text_column", "field_messages"], _COLUMNS),
    **dict.fromkeys(["type", "format", "format_type"], _FORMAT),
    "dataset_dir": "Write the folder in the path: any file, glob or folder can stand in data.sources.",
    "warmup_steps": "Say it as a share of the steps: train.warmup_ratio.",
    "global_batch_size": "It is train.per_device_train_batch_size times train.gradient_accumulation_steps.",
    "greater_is_better": "It is known of every metric; delete the line.",
    "load_best_model_at_end": "The best weights are kept where train.early_stopping_patience is set; delete the line.",
    "max_samples": "Say data.max_records (to train on) or evaluate.max_samples (to be tested on).",
    "name": "The run is named by output_dir; the template by template.name.",
    "fp16": "Say `train.precision: bf16` or `fp32`.",
}  # fmt: skip


@dataclass
class Translation:
    """A recipe's values under our names, a notice for each alias, and a problem for each contradiction."""

    values: dict[str, Any]
    notices: list[str] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    origins: dict[Path, Path] = field(default_factory=dict)  # our path -> where it was written


def translate(values: Mapping[str, Any], fields: Fields) -> Translation:
    """Put everything under our names; unknown keys stay where they are, for validation to refuse."""
    result = Translation(copy.deepcopy(dict(values)))
    moved: list[tuple[Path, Path, Any, str]] = []
    for path, value in _keys(values, fields):
        target, meant = resolve(path, value, fields)
        said = read_as(path, value, target, meant)
        if said:
            moved.append((path, target, meant, said))
            _mapping_at(result.values, path[:-1]).pop(path[-1])
    _place(moved, result)
    _choose_lora([path for path, *_ in moved], result)
    return result


def _choose_lora(moved: Iterable[Path], result: Translation) -> None:
    """Take lora where one of its settings is said under another tool's name, or outside its section, and no method is."""
    said = next((path[-1] for path in moved if path[-1] in _OF_LORA), None)
    adapter = result.values.get("adapter")
    if said is not None and isinstance(adapter, dict) and "method" not in adapter:
        adapter["method"] = "lora"
        result.notices.append(f"adapter.method: lora, as `{said}` is said.")


def _keys(values: Mapping[str, Any], fields: Fields) -> Iterator[tuple[Path, Any]]:
    """Every key at the top level and in a section of ours."""
    for key, value in values.items():
        yield (key,), value
        if isinstance(value, dict) and fields.get(key):
            yield from (((key, name), item) for name, item in value.items())


def resolve(path: Path, value: Any, fields: Fields) -> tuple[Path, Any]:
    """Where a name belongs among ours, and our value for it; the same path and value when it is ours or unknown."""
    target, value = _resolve_name(path, value, fields)
    ours = VALUES.get(".".join(target), {})
    return target, ours.get(value, value) if isinstance(value, str) else value


def read_as(path: Path, value: Any, target: Path, meant: Any) -> str:
    """The notice that a name or a value of another tool is read as ours; empty where it is ours."""
    if path == target and meant == value:
        return ""
    if meant is None:
        return f"{'.'.join(path)}: {str(value).lower()} says nothing here, and is left out."
    ours = f"{'.'.join(target)}: {meant}" if meant != value else ".".join(target)
    return f"{'.'.join(path)}: read as `{ours}`."


def _resolve_name(path: Path, value: Any, fields: Fields) -> tuple[Path, Any]:
    *section, key = path
    known = fields.get(section[0], frozenset()) if section else fields
    if not section and key in SHORTHANDS and isinstance(value, (str, list)):
        return (key, SHORTHANDS[key]), value
    if key in known or len(path) > 2:
        return path, value
    found = _meaning(key, value, fields)
    if found is None or (section and found[0][0] != section[0]):
        return path, value
    return found


def _meaning(key: str, value: Any, fields: Fields) -> tuple[Path, Any] | None:
    """Our path and our value for what another tool calls ``key``."""
    if key in SWITCHES:
        target, choices = SWITCHES[key]
        meant = [ours for theirs, ours in choices.items() if type(theirs) is type(value) and theirs == value]
        return (tuple(target.split(".")), meant[0]) if meant else None
    target = ALIASES.get(key) or _flat(key, fields)
    return None if target is None else (tuple(target.split(".")), value)


def _flat(key: str, fields: Fields) -> str | None:
    """Where a name of ours belongs that stands outside its section; None where that is not certain."""
    owners = [section for section, names in fields.items() if key in names]
    return f"{owners[0]}.{key}" if len(owners) == 1 and key not in ADVICE else None


def _place(moved: Iterable[tuple[Path, Path, Any, str]], result: Translation) -> None:
    """Write the moved values into ``result``, with a notice each; two names for one thing must agree."""
    for path, target, value, notice in moved:
        if value is None and path[-1] in SWITCHES:
            result.notices.append(notice)
            continue
        place = _mapping_at(result.values, target[:-1])
        if place is None:
            continue  # the section is no mapping, which validation tells
        there = place.get(target[-1])
        if target == ("adapter", "method"):
            value = _finer(there, value)
            there = _finer(value, there)
        if target[-1] in place and there != value:
            other = ".".join(result.origins.get(target, target))
            values = f"{value!r} and {there!r}"
            result.problems.append((path, f"says the same as `{other}`, with another value ({values}). Keep one."))
            continue
        place[target[-1]] = copy.deepcopy(value)
        result.origins[target] = path
        result.notices.append(notice)


def _finer(one: Any, other: Any) -> Any:
    """The method that ``other`` stands for beside ``one``: ``lora`` with a switch for 4 bits is ``qlora``."""
    return one if isinstance(one, str) and _REFINES.get(one, "") == other else other


def _mapping_at(values: dict[str, Any], section: Sequence[str]) -> dict[str, Any] | None:
    """The mapping a section is written in, made where it is missing; None where something else stands there."""
    for part in section:
        if values.get(part) is None:
            values[part] = {}
        values = values[part]
    return values if isinstance(values, dict) else None


def advise(key: str, own: Iterable[str], section: str, fields: Fields) -> str:
    """A sentence about an unknown key, led by a space: what to write instead.

    ``own`` are the names that could have stood there, ``section`` is where that is (empty: the top level).
    """
    if key in ADVICE:
        return f" {ADVICE[key]}"
    elsewhere = {name: target for name, (target, _) in SWITCHES.items()} | ALIASES
    elsewhere |= {name: f"{owner}.{name}" for owner, names in fields.items() for name in names if name not in elsewhere}
    near = did_you_mean(key, own)
    if near and key not in elsewhere:
        return near
    nearest = difflib.get_close_matches(key, elsewhere, n=1, cutoff=0.75)
    if nearest:
        return f" Did you mean `{elsewhere[nearest[0]].removeprefix(f'{section}.')}`?"
    return near or " Delete it; `tunesmith init -` names every field."
