"""A recipe is read as people write it, and what is wrong is told at once, in words, at its key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tunesmith.aliases import ADVICE, ALIASES, SWITCHES
from tunesmith.errors import RecipeError, UsageError
from tunesmith.recipe import ADAPTERS, FIELDS, SECTIONS, Recipe, Source
from tunesmith.recipe_files import dump_recipe, init_recipe_text, load_recipe, recipe_differences, resolve_paths

GOOD = "model: {name_or_path: gpt2}\ndata: {sources: [a.jsonl]}\n"


@pytest.fixture
def write(tmp_path):
    def _write(text: str | bytes, name: str = "r.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return _write


def problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    assert caught.value.exit_code == 2
    lines = str(caught.value).split("\n  ")
    if len(lines) > 1:
        assert lines.pop(0) == f"{path}: {len(lines)} problems"
    return [re.sub(r"^:(\d+:)? ", "", line.removeprefix(str(path))) for line in lines]


# ── fields ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def every_field():
    for name, models in [*SECTIONS.items(), ("source", (Source,))]:
        for model in models:
            yield from ((f"{name}.{key}", field) for key, field in model.model_fields.items() if key != "method")
    yield from ((name, field) for name, field in Recipe.model_fields.items() if name not in SECTIONS)


@pytest.mark.parametrize("name, field", every_field(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_field_says_what_it_is_for(name, field):
    assert (
        field.description
        and field.description[0].isupper()
        or name == "curate"
        or name.startswith(("template", "adapter", "train"))
    )
    assert field.description.endswith(".")


def test_every_section_of_the_recipe_is_in_the_table_of_sections():
    assert set(SECTIONS) | {"curate", "output_dir"} == set(Recipe.model_fields)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD + "train:\n",
        GOOD + "train:\n  # everything commented out\n",
        "# a comment\n" + GOOD,
        '{"model": {"name_or_path": "gpt2"}, "data": {"sources": ["a.jsonl"]}}',
        "model: gpt2\ndata: a.jsonl\n",
    ],
)
def test_a_recipe_is_read_however_it_was_saved(write, content):
    recipe = load_recipe(write(content))
    assert (recipe.model.name_or_path, recipe.data.sources[0].path, recipe.train.seed) == ("gpt2", "a.jsonl", 0)


def test_utf_16_with_a_byte_order_mark_is_read(write):
    assert load_recipe(write(GOOD.encode("utf-16"))).model.name_or_path == "gpt2"


@pytest.mark.parametrize("text, value", [("2e-4", 2e-4), ("1E5", 1e5), ("'3e-4'", 3e-4), ("1", 1.0), ("0.5", 0.5)])
def test_a_learning_rate_may_be_written_as_people_write_it(write, text, value):
    assert load_recipe(write(GOOD + f"train: {{learning_rate: {text}}}\n")).train.learning_rate == value


def test_a_stage_without_settings_may_be_its_name_alone(write):
    recipe = load_recipe(write(GOOD + "curate: [drop_empty, {use: drop_duplicates}]\n"))
    assert recipe.curate == ("drop_empty", {"use": "drop_duplicates"})


@pytest.mark.parametrize(
    "text, rate",
    [
        ("", 2e-5),
        ("adapter: {method: full}", 2e-5),
        ("adapter: {method: lora}", 2e-4),
        ("adapter: {method: qlora}", 2e-4),
        ("adapter: {method: prefix}", 1e-2),
        ("adapter: {method: prompt}", 3e-2),
        ("adapter: {method: bottleneck}", 1e-3),
    ],
)
def test_the_usual_learning_rate_of_the_method_is_written_out(write, text, rate):
    recipe = load_recipe(write(f"{GOOD}{text}\n"))
    assert recipe.train.learning_rate == rate and load_recipe(write(dump_recipe(recipe), "again.yaml")) == recipe


def test_numbers_in_a_stage_are_numbers_too(write):
    recipe = load_recipe(write(GOOD + "curate: [{use: drop_short, min_ratio: 1e-3}]\n"))
    assert recipe.curate[0]["min_ratio"] == 1e-3


FILES = [
    ("", r"r\.yaml: the recipe is empty\. `tunesmith init` writes one"),
    ("# only a comment\n", r"r\.yaml: the recipe is empty"),
    ("- a\n- b\n", r"r\.yaml: a recipe is a mapping of sections .* this is a list"),
    ("just words\n", r"r\.yaml: a recipe is a mapping .* this is text"),
    ("42\n", r"r\.yaml: a recipe is a mapping .* this is a single value"),
    ("model: {name_or_path: gpt2\ndata: 1\n", r"r\.yaml:2:5: not YAML: "),
    ("model:\n\tname_or_path: gpt2\n", r"r\.yaml:2:1: not YAML: a tab; YAML wants spaces"),
    ("train:\n  seed: 1\n  seed: 2\n", r"r\.yaml:3:3: not YAML: `seed` is written twice; keep one"),
    ("a: b: c\n", r"r\.yaml:1:5: not YAML: mapping values are not allowed here"),
    ("a: 'open\n", r"r\.yaml:2:1: not YAML: found unexpected end of stream"),
    ("a: *nowhere\n", r"r\.yaml:1:4: not YAML: found undefined alias"),
    ("a: !!python/object/apply:os.system [id]\n", r"r\.yaml:1:4: not YAML: could not determine a constructor"),
    (b"model: \x00\n", r"r\.yaml:1: not YAML: a character that is no text"),
    (b"a: 1\nb: caf\xe9\n", r"r\.yaml:2: not UTF-8 text \(byte 11\)\. Save the file as UTF-8"),
    (
        b"x" * 1_000_001,
        r"r\.yaml: too large for a recipe \(1,000,001 bytes\)\. Is it a data file\? Try: tunesmith data inspect",
    ),
]


@pytest.mark.parametrize("content, message", FILES)
def test_a_file_that_is_no_recipe_is_refused_in_one_line_with_its_place(write, content, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_recipe(write(content))
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_a_missing_recipe_is_answered_with_the_near_name_beside_it(write, tmp_path):
    write(GOOD, "dolly-lora.yaml"), write(GOOD, "other.yml")
    with pytest.raises(UsageError, match=r"dolly-lroa\.yaml: no such recipe\. Did you mean `.*/dolly-lora\.yaml`\?"):
        load_recipe(tmp_path / "dolly-lroa.yaml")
    with pytest.raises(UsageError, match=r"dolly-lora: no such recipe\. Did you mean `.*/dolly-lora\.yaml`\?"):
        load_recipe(tmp_path / "dolly-lora")
    with pytest.raises(UsageError, match=r"zzz\.yaml: no such recipe\. `tunesmith init` writes one"):
        load_recipe(tmp_path / "zzz.yaml")
    with pytest.raises(UsageError, match="no such recipe"):
        load_recipe(tmp_path / "no" / "folder" / "r.yaml")


def test_a_folder_is_a_recipe_only_when_a_run_lies_in_it(write, tmp_path):
    with pytest.raises(UsageError, match="a folder without recipe.yaml. Name a recipe file or a run folder."):
        load_recipe(tmp_path)
    write(GOOD, "recipe.yaml")
    assert load_recipe(tmp_path).model.name_or_path == "gpt2"


def test_a_data_file_in_place_of_a_recipe_is_named_as_such(write):
    with pytest.raises(UsageError, match="a data file, not a recipe. Look at it with: tunesmith data inspect"):
        load_recipe(write('{"a": 1}\n', "rows.jsonl"))


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────────────────────────

WRONG = [
    ("adapter: {method: lora, rnak: 8}", "adapter.rnak: no such field. Did you mean `r`?"),
    ("adapter: {method: lora, lora_alhpa: 8}", "adapter.lora_alhpa: no such field. Did you mean `lora_alpha`?"),
    ("adapter: {r: 8}", "adapter.method: missing. Say full, lora, qlora, lora-8bit, prefix, prompt or bottleneck."),
    (
        "adapter: {method: lroa}",
        "adapter.method: must be full, lora, qlora, lora-8bit, prefix, prompt or bottleneck, got 'lroa'. Did you mean `lora`?",
    ),
    (
        "adapter: {method: full, r: 8}",
        "adapter.r: no such field. It belongs to the methods lora, qlora, lora-8bit.",
    ),
    (
        "adapter: {method: lora, variant: houlsby}",
        "adapter.variant: no such field. It belongs to the method bottleneck.",
    ),
    (
        "adapter: {method: lora, target_modules: []}",
        "adapter.target_modules: it is empty, so nothing would be trained.",
    ),
    ("adapter: {method: qlora, r: yes}", "adapter.r: must be a whole number, got true."),
    ("adapter: {method: prompt, num_virtual_tokens: 0}", "adapter.num_virtual_tokens: must be at least 1, got 0."),
    (
        "adapter: {method: bottleneck, activation: gleu}",
        "adapter.activation: must be relu, gelu, silu or tanh, got 'gleu'.",
    ),
    (
        "adapter: {method: full}\nload_in_4bit: true",
        "load_in_4bit: says the same as `adapter.method`, with another value",
    ),
    ("bf16: auto", "bf16: no such field. Did you mean `train.precision`?"),
    ("do_train: true", "do_train: no such field. The verb says it: `tunesmith run` trains and evaluates"),
    ("eval_strategy: steps", "eval_strategy: no such field. Say train.eval_steps"),
    ("deepspeed: ds.json", "deepspeed: no such field. This version trains in one process"),
    ("push_to_hub: true", "push_to_hub: no such field. Nothing is uploaded"),
    ("frobnicate: 1", "frobnicate: no such field. Delete it; `tunesmith init -` names every field."),
    (
        "adapter: {r: 8}",
        "adapter.method: missing. Say full, lora, qlora, lora-8bit, prefix, prompt or bottleneck. `r` belongs to lora, qlora, lora-8bit.",
    ),
    ("adapter: {method: lora, r: 0}", "adapter.r: must be at least 1, got 0. By default 16: rank of the update."),
    ("adapter: {method: lora, lora_dropout: 1}", "adapter.lora_dropout: must be below 1, got 1."),
    ("adapter: {method: lora, target_modules: 3}", "adapter.target_modules: must be text or a list of texts, got 3."),
    ("adapter: 3", "adapter: must be a mapping, got 3."),
    ("train: 5", "train: must be a mapping, got 5."),
    ("train: [1]", "train: must be a mapping, got a list."),
    ("train: {max_lenght: 5}", "train.max_lenght: no such field. Did you mean `max_length`?"),
    ("train: {lora_rank: 5}", "train.lora_rank: no such field. Did you mean `adapter.r`?"),
    ("train: {r: 5}", "train.r: no such field. Did you mean `adapter.r`?"),
    ("model: {name_or_path: x, max_length: 5}", "model.max_length: no such field. Did you mean `train.max_length`?"),
    ("train: {gradient_accumulation_steps: 0}", "train.gradient_accumulation_steps: must be at least 1, got 0."),
    (
        "train: {optimizer: schedule_free, lr_scheduler_type: cosine}",
        "train.lr_scheduler_type: optimizer schedule_free needs none, got cosine. Leave it out.",
    ),
    (
        "train: {optimizer: schedule_free, ema_decay: 0.9}",
        "train.ema_decay: optimizer schedule_free averages the weights itself.",
    ),
    (
        "train: {optimizer: adamw_8bits}",
        "train.optimizer: must be adamw, adamw_8bit, adafactor, muon or schedule_free, got",
    ),
    ("train: {task_weights: {qa: -1}}", "train.task_weights.qa: must be above 0, got -1."),
    ("train: {label_smoothing_factor: 1}", "train.label_smoothing_factor: must be below 1, got 1."),
    ("train: {neftune_noise_alpha: 0}", "train.neftune_noise_alpha: must be above 0, got 0."),
    ("train: {ema_decay: 1}", "train.ema_decay: must be below 1, got 1."),
    ("train: {freeze: layers.0}", "train.freeze: must be a list of texts, got 'layers.0'."),
    ("train: {learning_rate: fast}", "train.learning_rate: must be a number, got 'fast'. Peak learning rate"),
    ("train: {learning_rate: 0}", "train.learning_rate: must be above 0, got 0."),
    ("train: {learning_rate: .inf}", "train.learning_rate: must be a number, got inf."),
    ("train: {weight_decay: .nan}", "train.weight_decay: must be "),
    ("train: {max_steps: 1.5}", "train.max_steps: must be a whole number, got 1.5."),
    ("train: {max_steps: yes}", "train.max_steps: must be a whole number, got true."),
    ("train: {warmup_ratio: true}", "train.warmup_ratio: must be a number, got true."),
    ("train: {seed: null}", "train.seed: must be a whole number, got nothing."),
    (
        "train: {lr_scheduler_type: cosin}",
        "train.lr_scheduler_type: must be cosine, linear or constant, got 'cosin'. Did you mean `cosine`?",
    ),
    ("train: {precision: 16}", "train.precision: must be fp32 or bf16, got 16."),
    ("train: {max_length: 7}", "train.max_length: must be at least 8, got 7."),
    ("train: {max_length: [1]}", "train.max_length: must be a whole number, got a list."),
    ("train: {fp16: true}", "train.fp16: no such field. Say `train.precision: bf16` or `fp32`."),
    (
        "train: {warmup_steps: 10}",
        "train.warmup_steps: no such field. Say it as a share of the steps: train.warmup_ratio.",
    ),
    (
        "curate: bsic",
        "curate: must be none, basic, default or a list of texts or mappings, got 'bsic'. Did you mean `basic`?",
    ),
    ("curate: [3]", "curate: must be none, basic, default or a list of texts or mappings"),
    ("evaluate: {tasks: x.jsonl}", "evaluate.tasks: must be a list of texts, got 'x.jsonl'."),
    ("evaluate: {base_num_shots: [0, x]}", "evaluate.base_num_shots[1]: must be a whole number, got 'x'."),
    (
        "evaluate: {phrasings: [Hello]}",
        "evaluate.phrasings[0]: 'Hello' does not say where the request stands. Write {prompt} in it.",
    ),
    ("evaluate: {num_shots: [-1]}", "evaluate.num_shots[0]: must be at least 0, got -1."),
    ("evaluate: {max_samples: 0}", "evaluate.max_samples: must be at least 1, got 0. By default 200:"),
    ("template: {name: 3}", "template.name: must be text, got 3."),
    ("output_dir: 2024-01-02", "output_dir: must be text, got a date (put it in quotes)."),
    (
        "resume_from_checkpoint: true",
        "resume_from_checkpoint: no such field. Resuming is the flag `--resume`; delete the line.",
    ),
    ("report_to: wandb", "report_to: no such field. There is nothing to report to"),
    ("train_on_inputs: false", "train_on_inputs: no such field. Only the answers are trained on, always"),
    ("cutof_len: 5", "cutof_len: no such field. Did you mean `train.max_length`?"),
    ("trian: {seed: 1}", "trian: no such field. Did you mean `train`?"),
    (
        "max_samples: 5",
        "max_samples: no such field. Say data.max_records (to train on) or evaluate.max_samples (to be tested on).",
    ),
    ("zzzqqq: 1", "zzzqqq: no such field."),
]


@pytest.mark.parametrize("line, message", WRONG, ids=[line for line, _ in WRONG])
def test_what_is_wrong_is_told_at_its_key_in_words(write, line, message):
    text = GOOD if not line.startswith("model:") else "data: {sources: [a.jsonl]}\n"
    (told,) = problems(write(text + line + "\n"))
    assert told.startswith(message)
    assert "pydantic" not in told and "Input should" not in told


@pytest.mark.parametrize(
    "text, messages",
    [
        ("{}", ["model: missing.", "data: missing."]),
        (
            "model: {}\ndata: {}\n",
            ["model.name_or_path: missing. Local folder,", "data.sources: missing. Paths, or {path, weight"],
        ),
        ("model:\ndata:\n", ["model.name_or_path: missing.", "data.sources: missing."]),
        (
            "model: {name_or_path:}\ndata: {sources: []}",
            ["model.name_or_path: missing.", "data.sources: must hold at least 1, got 0."],
        ),
        ("model: gpt2\ndata: {sources: [{weight: 2}]}", ["data.sources[0].path: missing."]),
        (
            "model: gpt2\ndata: {sources: [{path: a, weigth: 2}]}",
            ["data.sources[0].weigth: no such field. Did you mean `weight`?"],
        ),
        (
            "model: gpt2\ndata: {sources: [{path: a, type: alpaca}]}",
            ["data.sources[0].type: no such field. The format is seen from the rows"],
        ),
        ("model: gpt2\ndata: {sources: [a, 3]}", ["data.sources[1]: must be a mapping, got 3."]),
        (
            "model: gpt2\ndata: {sources: [{path: a, split: dev}]}",
            ["data.sources[0].split: must be train, validation or test, got 'dev'."],
        ),
        (
            "model: gpt2\ndata: {sources: [{path: a, columns: {input: 3}}]}",
            ["data.sources[0].columns.input: must be text, got 3."],
        ),
        (
            "model: gpt2\ndata: {sources: a, test_fraction: 0.6, validation_fraction: 0.5}",
            ["data: validation_fraction + test_fraction must be"],
        ),
        ("model: gpt2\ndata: {sources: a, on_bad_row: skip}", ["data.on_bad_row: must be drop or raise, got 'skip'."]),
    ],
)
def test_problems_of_the_required_sections(write, text, messages):
    told = problems(write(text))
    assert len(told) == len(messages)
    assert all(line.startswith(message) for line, message in zip(told, messages))


def test_all_problems_are_told_at_once(write):
    told = problems(
        write(
            "model: {}\ndata: {sources: x}\ntrain: {seed: x, maxsteps: 3, epochs: -1}\n"
            "adapter: {method: lora, rnak: 1}\nfoo: 1\n"
        )
    )
    assert [line.split(":")[0] for line in told] == [
        "model.name_or_path", "adapter.rnak", "train.num_train_epochs", "train.seed", "train.maxsteps", "foo"
    ]  # fmt: skip


def test_a_long_or_secret_looking_value_is_shortened(write):
    (told,) = problems(write(GOOD + f"train: {{seed: {'x' * 500}}}\n"))
    assert len(told) < 250 and "…" in told


# ── names of other tools ────────────────────────────────────────────────────────────────────────────────────────────

SAMPLE = {
    "model.name_or_path": "m", "model.revision": "main", "data.sources": "d.jsonl", "data.validation_fraction": 0.2,
    "data.test_fraction": 0.2, "template.name": "chatml", "template.num_shots": 2, "adapter.method": "lora",
    "adapter.use_rslora": True, "adapter.use_dora": True, "adapter.num_virtual_tokens": 7, "adapter.activation": "gelu",
    "adapter.r": 4, "adapter.lora_alpha": 5.0, "adapter.lora_dropout": 0.5, "adapter.target_modules": "q_proj",
    "train.objective": "sft", "train.num_train_epochs": 3.0, "train.max_steps": 9,
    "train.per_device_train_batch_size": 3, "train.gradient_accumulation_steps": 3, "train.max_length": 99,
    "train.learning_rate": 0.1, "train.optimizer": "muon", "train.lr_scheduler_type": "linear", "train.max_grad_norm": 2.0, "train.seed": 9,
    "train.neftune_noise_alpha": 5.0, "train.label_smoothing_factor": 0.1, "train.gradient_checkpointing": True,
    "evaluate.batch_size": 3, "output_dir": "out",
}  # fmt: skip


METHOD_WITH = {"adapter.num_virtual_tokens": "prefix", "adapter.activation": "bottleneck"}  # else lora


def at(recipe: Recipe, target: str):
    for part in target.split("."):
        recipe = getattr(recipe, part)
    return recipe


def base_text(target: str) -> str:
    text = "" if target.startswith("model.name") else "model: {name_or_path: gpt2}\n"
    text += "" if target == "data.sources" else "data: {sources: [a.jsonl]}\n"
    method = METHOD_WITH.get(target, "lora")
    is_setting = target.startswith("adapter.") and target != "adapter.method"
    return text + (f"adapter: {{method: {method}}}\n" if is_setting else "")


@pytest.mark.parametrize("alias, target", sorted(ALIASES.items()))
def test_a_name_of_another_tool_is_read_with_one_notice(write, alias, target):
    notices: list[str] = []
    recipe = load_recipe(write(base_text(target) + f"{alias}: {SAMPLE[target]}\n"), notify=notices.append)
    value = at(recipe, target)
    assert (value[0].path if target == "data.sources" else value) == SAMPLE[target]
    assert notices == ([f"{alias}: read as `{target}`."])


@pytest.mark.parametrize("alias, target", sorted(ALIASES.items()))
def test_an_alias_is_read_inside_the_section_it_belongs_to_as_well(write, alias, target):
    section, _, name = target.partition(".")
    if not name or alias == name or alias in FIELDS[section]:
        pytest.skip("it is the field's own name there")
    notices: list[str] = []
    others = "".join(
        line + "\n"
        for line in base_text("model.name" if section == "model" else target).splitlines()
        if not line.startswith(section)
    )
    method = METHOD_WITH.get(target, "lora")
    needed = {"data": "sources: [a.jsonl], ", "adapter": f"method: {method}, ", "model": "name_or_path: gpt2, "}.get(
        section, ""
    )
    needed = "" if target in ("data.sources", "adapter.method", "model.name_or_path") else needed
    recipe = load_recipe(write(others + f"{section}: {{{needed}{alias}: {SAMPLE[target]}}}\n"), notify=notices.append)
    value = at(recipe, target)
    assert (value[0].path if target == "data.sources" else value) == SAMPLE[target]
    assert notices == [f"{section}.{alias}: read as `{target}`."]


@pytest.mark.parametrize("target", sorted(set(ALIASES.values()) | {target for target, _ in SWITCHES.values()}))
def test_every_alias_leads_to_a_field_there_is(target):
    section, _, name = target.partition(".")
    assert (name in FIELDS[section]) if name else section in FIELDS


def test_no_name_is_both_an_alias_and_advice_or_hides_a_field_of_ours_in_its_section():
    assert not set(ALIASES) & set(ADVICE) and not set(SWITCHES) & (set(ALIASES) | set(ADVICE))


@pytest.mark.parametrize(
    "text, target, value",
    [
        ("learning_rate: 1e-3", "train.learning_rate", 1e-3),
        ("max_length: 77", "train.max_length", 77),
        ("warmup_ratio: 0.1", "train.warmup_ratio", 0.1),
        ("trust_remote_code: true", "model.trust_remote_code", True),
        ("on_bad_row: raise", "data.on_bad_row", "raise"),
        ("template: chatml", "template.name", "chatml"),
        ("adapter: lora", "adapter.method", "lora"),
        ("use_peft: true", "adapter.method", "lora"),
        ("use_peft: false", "adapter.method", "full"),
        ("lora: true", "adapter.method", "lora"),
        ("load_in_4bit: true", "adapter.method", "qlora"),
        ("adapter: lora\nload_in_8bit: true", "adapter.method", "lora-8bit"),
        ("load_in_4bit: true\nuse_peft: true", "adapter.method", "qlora"),
        ("quantization_bit: 8\nfinetuning_type: lora", "adapter.method", "lora-8bit"),
        ("quantize: bnb.nf4", "adapter.method", "qlora"),
        ("backbone_dtype: int8", "adapter.method", "lora-8bit"),
        ("add_tokens: [<a>]", "model.add_tokens", ("<a>",)),
        ("bf16: true", "train.precision", "bf16"),
        ("bf16: false", "train.precision", "fp32"),
        ("optim: paged_adamw_8bit", "train.optimizer", "adamw_8bit"),
        ("train: {optimizer: adamw_torch_fused}", "train.optimizer", "adamw"),
        ("train: {optimizer: schedule_free_adamw}", "train.optimizer", "schedule_free"),
        ("train: {optim: adafactor}", "train.optimizer", "adafactor"),
        ("disable_gradient_checkpointing: true", "train.gradient_checkpointing", False),
        ("adapter: lora\nlora_target: all", "adapter.target_modules", "all-linear"),
        ("adapter: lora\nlora_target_linear: true", "adapter.target_modules", "all-linear"),
    ],
)
def test_flat_names_switches_and_one_word_sections(write, text, target, value):
    notices: list[str] = []
    assert at(load_recipe(write(GOOD + text + "\n"), notify=notices.append), target) == value
    assert len(notices) == len(text.splitlines())


def test_a_whole_flat_recipe_of_another_tool_is_read(write):
    text = (
        "base_model: gpt2\ndatasets:\n  - path: a.jsonl\nval_set_size: 0.1\nsequence_len: 256\n"
        "adapter: lora\nlora_r: 8\nlora_alpha: 16\n"
        "lora_target_linear: true\nmicro_batch_size: 2\ngradient_accumulation_steps: 4\nnum_epochs: 3\n"
        "learning_rate: 2e-4\noutput_dir: out\n"
    )
    recipe = load_recipe(write(text))
    assert (recipe.adapter.r, recipe.train.max_length, recipe.data.sources[0].path, recipe.output_dir) == (
        8,
        256,
        "a.jsonl",
        "out",
    )


def test_two_names_for_one_thing_must_agree(write):
    (told,) = problems(write(GOOD + "adapter: {method: lora}\nlora_r: 8\nlora_rank: 16\n"))
    assert told == "lora_rank: says the same as `lora_r`, with another value (16 and 8). Keep one."
    (told,) = problems(write(GOOD + "train: {learning_rate: 1e-3, lr: 2e-3}\n"))
    assert told == "train.lr: says the same as `train.learning_rate`, with another value (0.002 and 0.001). Keep one."
    assert load_recipe(write(GOOD + "adapter: {method: lora, r: 8}\nlora_rank: 8\n")).adapter.r == 8


def test_without_notify_an_alias_is_read_in_silence(write, capsys):
    load_recipe(write(GOOD + "lr: 1e-3\n"))
    assert capsys.readouterr() == ("", "")


# ── overrides ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "override, target, value",
    [
        ("train.learning_rate=2e-4", "train.learning_rate", 2e-4),
        ("train.learning_rate=null", "train.learning_rate", 2e-5),
        ("train.max_steps=null", "train.max_steps", None),
        ("train.max_steps=", "train.max_steps", None),
        ("evaluate.base_num_shots=[0, 3]", "evaluate.base_num_shots", (0, 3)),
        ("evaluate.tasks=[a=b.jsonl]", "evaluate.tasks", ("a=b.jsonl",)),
        ("curate=none", "curate", "none"),
        ("output_dir=runs/x y", "output_dir", "runs/x y"),
        ("lr=1e-3", "train.learning_rate", 1e-3),
        ("train.epochs=4", "train.num_train_epochs", 4.0),
        ("adapter={method: lora, r: 3}", "adapter.r", 3),
        ("adapter=lora", "adapter.method", "lora"),
        ("model=other", "model.name_or_path", "other"),
    ],
)
def test_an_override_is_yaml_at_a_dotted_name(write, override, target, value):
    assert at(load_recipe(write(GOOD), [override]), target) == value


def test_an_override_beats_the_file_and_the_last_one_counts(write):
    path = write(GOOD + "lr: 1e-3\ntrain: {seed: 1}\n")
    recipe = load_recipe(path, ["lr=3e-3", "train.seed=2", "train.seed=3"])
    assert (recipe.train.learning_rate, recipe.train.seed) == (3e-3, 3)


def test_an_override_reaches_into_a_list(write):
    path = write("model: gpt2\ndata: {sources: [{path: a}, {path: b}]}\n")
    assert load_recipe(path, ["data.sources.1.weight=0.5"]).data.sources[1].weight == 0.5


OVERRIDES = [
    ("train.seed", "--set train.seed: write it as key=value, for example --set train.learning_rate=2e-4"),
    ("=3", "--set =3: write it as key=value"),
    ("train.seed=[1,", "--set train.seed=[1,: the value is 1:4: not YAML"),
    ("train.seed=x", "--set train.seed=x: must be a whole number, got 'x'."),
    ("train.sede=1", "--set train.sede=1: no such field. Did you mean `seed`?"),
    ("lr=fast", "--set lr=fast: must be a number, got 'fast'."),
    ("train=3", "--set train=3: must be a mapping, got 3."),
    (
        "adapter={method: lora, rnak: 3}",
        "--set adapter={method: lora, rnak: 3}: adapter.rnak: no such field. Did you mean `r`?",
    ),
    (
        "curate.use=3",
        "--set curate.use=3: curate: must be none, basic, default or a list of texts or mappings, got a mapping.",
    ),
    (
        "data.sources.5.weight=3",
        "--set data.sources.5.weight=3: `data.sources` is a list of 1, so there is no `5` in it to set.",
    ),
    (
        "data.sources.0.weight=3",
        "--set data.sources.0.weight=3: `data.sources[0]` is a value, so there is no `weight` in it to set.",
    ),
]


@pytest.mark.parametrize("override, message", OVERRIDES, ids=[override for override, _ in OVERRIDES])
def test_a_bad_override_is_named_as_it_was_typed(write, override, message):
    (told,) = problems(write(GOOD), override)
    assert told.startswith(message)


# ── writing and paths ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "extra",
    ["", "adapter: {method: lora, target_modules: [q, v]}", "curate: [{use: drop_short, min_words: 3, ratio: 1e-9}]",
     "output_dir: '2e-4'",
     "template: {name: 'no'}", "train: {learning_rate: 1e-17, max_steps: 3}", "output_dir: \"a: b # c\\nd é\""],
)  # fmt: skip
def test_what_is_dumped_loads_as_the_same_recipe_with_every_default_written_out(write, extra):
    recipe = load_recipe(write(GOOD + extra + "\n"))
    text = dump_recipe(recipe)
    assert load_recipe(write(text, "again.yaml")) == recipe
    for name in FIELDS["train"] | FIELDS["evaluate"] | FIELDS["data"]:
        assert re.search(rf"^  {name}:", text, re.MULTILINE)


def test_the_generated_example_shows_every_field_and_loads_once_two_fields_are_filled_in(write):
    text = init_recipe_text()
    for section, names in FIELDS.items():
        assert re.search(rf"^(# )?{section}:", text, re.MULTILINE)
        for name in names:
            assert re.search(rf"^  (# )?{name}:", text, re.MULTILINE), name
    assert [line.split(":")[0] for line in problems(write(text))] == ["model.name_or_path", "data.sources"]
    filled = text.replace("name_or_path: # <- fill in", "name_or_path: gpt2").replace(
        "sources: # <- fill in", "sources: [a.jsonl]"
    )
    recipe = load_recipe(write(filled))
    lora = load_recipe(write(GOOD + "adapter: {method: lora}\n", "good.yaml"))
    assert (recipe.train, recipe.adapter) == (lora.train, lora.adapter)


def test_the_example_is_filled_in_with_awkward_names(write):
    recipe = load_recipe(write(init_recipe_text("no: # model", ["a b.jsonl", "- c", "2e-4"])))
    assert recipe.model.name_or_path == "no: # model" and [source.path for source in recipe.data.sources] == [
        "a b.jsonl",
        "- c",
        "2e-4",
    ]


def test_every_field_that_is_commented_out_in_the_example_may_be_put_in_force(write):
    text = re.sub(
        r"^(\s*)# (?!bottleneck_size)(\w+: null)$", r"\1\2", init_recipe_text("gpt2", ["a"]), flags=re.MULTILINE
    )
    assert load_recipe(write(text)) == load_recipe(write(init_recipe_text("gpt2", ["a"]), "b.yaml"))


def test_differences_between_recipes_are_named_by_field(write):
    one, other = load_recipe(write(GOOD)), load_recipe(write(GOOD), ["train.seed=3", "adapter={method: lora}"])
    told = recipe_differences(one, other)
    assert (
        "train.seed: 0 and 3" in told and "adapter.method: full and lora" in told and "adapter.r: null and 16" in told
    )
    assert recipe_differences(one, one) == []


def test_inputs_are_found_in_the_working_directory_first_and_beside_the_recipe_second(tmp_path, monkeypatch, write):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, names in ((here, ["both.jsonl"]), (there, ["both.jsonl", "only.jsonl", "x1.jsonl", "t.jinja"])):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("{}")
    (there / "model").mkdir()
    monkeypatch.chdir(here)
    recipe_file = there / "r.yaml"
    recipe_file.write_text(
        "model: model\ntemplate: t.jinja\noutput_dir: model\n"
        "data: {sources: [both.jsonl, only.jsonl, 'x*.jsonl', org/dataset, ~/h.jsonl]}\n"
        "evaluate: {tasks: [only.jsonl]}\n"
    )
    recipe = resolve_paths(load_recipe(recipe_file), recipe_file)
    assert [source.path for source in recipe.data.sources] == [
        "both.jsonl", str(there / "only.jsonl"), str(there / "x*.jsonl"), "org/dataset", str(Path.home() / "h.jsonl")
    ]  # fmt: skip
    assert recipe.model.name_or_path == str(there / "model") and recipe.template.name == str(there / "t.jinja")
    assert recipe.evaluate.tasks == (str(there / "only.jsonl"),) and recipe.output_dir == "model"


def test_files_that_stages_read_are_found_beside_the_recipe_too(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, names in ((here, ["both.jsonl"]), (there, ["both.jsonl", "only.jsonl", "v.npy", "only"])):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("{}")
    monkeypatch.chdir(here)
    recipe_file = there / "r.yaml"
    recipe_file.write_text(
        "model: m\ndata: {sources: [both.jsonl]}\ncurate: [basic, {use: decontaminate, against: [both.jsonl, only.jsonl, x]},"
        " {use: drop_semantic_duplicates, vectors: v.npy}, {use: decontaminate, against: 3}, {use: mine, mode: only}]\n"
    )
    assert resolve_paths(load_recipe(recipe_file), recipe_file).curate == (
        "basic",
        {"use": "decontaminate", "against": ["both.jsonl", str(there / "only.jsonl"), "x"]},
        {"use": "drop_semantic_duplicates", "vectors": str(there / "v.npy")},
        {"use": "decontaminate", "against": 3},
        {"use": "mine", "mode": "only"},
    )


def test_a_template_that_is_no_file_is_not_looked_for(tmp_path, write):
    (tmp_path / "plain").mkdir()
    path = write(GOOD + "template: plain\n")
    assert resolve_paths(load_recipe(path), path).template.name == "plain"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_recipes_that_come_with_us_load_without_a_notice(path):
    notices: list[str] = []
    recipe = load_recipe(path, notify=notices.append)
    assert notices == [] and recipe.adapter.method in {"full", "lora"}


def test_the_adapters_are_told_apart_by_method():
    assert len({model.model_fields["method"].annotation for model in ADAPTERS}) == len(ADAPTERS)


def test_the_shape_of_the_learning_rate_follows_from_the_optimizer(write):
    """And is written out, so that a run folder says it."""
    found = {
        name: load_recipe(write(GOOD + f"train: {{optimizer: {name}}}\n")).train.lr_scheduler_type
        for name in ("adamw", "muon", "schedule_free")
    }
    assert found == {"adamw": "cosine", "muon": "cosine", "schedule_free": "constant"}
    free = load_recipe(write(GOOD + "train: {optimizer: schedule_free}\n"))
    assert load_recipe(write(dump_recipe(free))) == free


def test_the_weight_of_one_task_can_be_set_on_the_command_line(write):
    recipe = load_recipe(write(GOOD + "train: {task_weights: {chat: 3}}\n"), ["train.task_weights.qa=2"])
    assert recipe.train.task_weights == {"chat": 3.0, "qa": 2.0}


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_problem_is_told_with_the_line_it_was_written_on(write):
    path = write(GOOD + "train:\n  seed: 1\n  learnin_rate: 1\n  cutoff_len: 4\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).split("\n  ")[1:] == [
        f"{path}:6: train.max_length: must be at least 8, got 4. By default 1024: longest record, in tokens.",
        f"{path}:5: train.learnin_rate: no such field. Did you mean `learning_rate`?",
    ]


def test_one_problem_is_one_line_and_that_of_a_list_item_is_its_own(write):
    path = write("model: {name_or_path: m}\ndata:\n  sources:\n    - a.jsonl\n    - {path: b.jsonl, weight: 0}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}:5: data.sources[1].weight: must be above 0, got 0.")


def test_an_anchor_within_itself_ends_in_one_error(write):
    with pytest.raises(RecipeError):
        load_recipe(write(GOOD + "train: &a\n  seed: *a\n"))


@pytest.mark.parametrize("line", ["lora_r: 8", "lora_alpha: 8", "lora_target: all"])
def test_a_setting_of_lora_under_a_name_of_other_tools_means_lora(write, line):
    told = []
    recipe = load_recipe(write(f"{GOOD}{line}\n"), notify=told.append)
    assert recipe.adapter.method == "lora" and told[-1].startswith("adapter.method: lora, as `lora_")


def test_a_setting_of_lora_leaves_the_method_that_is_said(write):
    assert load_recipe(write(f"{GOOD}load_in_4bit: true\nlora_r: 8\n")).adapter.method == "qlora"


def test_a_switch_that_is_off_is_left_out_with_a_notice(write):
    told = []
    assert load_recipe(write(f"{GOOD}load_in_8bit: false\n"), notify=told.append).adapter.method == "full"
    assert told == ["load_in_8bit: false says nothing here, and is left out."]
