"""The built-in models: found by name everywhere a model is named, and ordinary folders for everybody else."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

import tunesmith
from tests.cli.doubles import call
from tests.workflows.recipes import recipe, write_rows
from tunesmith import builtin
from tunesmith.builtin import MODELS, is_builtin_name, of_another_installation
from tunesmith.cli.doctor import _models
from tunesmith.errors import ModelError
from tunesmith.files import read_json
from tunesmith.model.load import load_model, load_tokenizer, locate
from tunesmith.recipe import ModelSection
from tunesmith.recipe_files import load_recipe, resolve_paths
from tunesmith.workflows.opening import model_sha256
from tunesmith.workflows.run import run_recipe

SHIPPED = builtin.ROOT
THERE_ARE = "There are tunesmith/tiny-gpt and tunesmith/tiny-t5."


def section(name: str) -> ModelSection:
    return ModelSection(name_or_path=name)


def installation(folder: Path, model_folders: dict[str, Path]) -> Path:
    """The ``models/`` of a package that is installed below a folder, with small stand-ins."""
    root = folder / "tunesmith/models"
    for name, shape in (("tiny-gpt", "llama"), ("tiny-t5", "t5")):
        shutil.copytree(model_folders[shape], root / name)
    return root


@pytest.fixture
def installed(model_folders, tmp_path, monkeypatch) -> Path:
    root = installation(tmp_path / "site", model_folders)
    monkeypatch.setattr(builtin, "ROOT", root)
    return root


def test_a_built_in_model_is_found_by_its_name(installed):
    assert locate("tunesmith/tiny-gpt") == str(installed / "tiny-gpt")
    loaded = {name: load_model(section(f"tunesmith/{name}")) for name in MODELS}
    assert {name: one.kind for name, one in loaded.items()} == {"tiny-gpt": "causal", "tiny-t5": "seq2seq"}
    assert loaded["tiny-t5"].name_or_path == "tunesmith/tiny-t5"
    assert load_tokenizer(section("tunesmith/tiny-gpt"))[1].model_type == "llama"


def test_its_folder_is_a_public_name_for_other_programs(installed):
    assert (
        tunesmith.builtin_model("tiny-gpt") == tunesmith.builtin_model("tunesmith/tiny-gpt") == installed / "tiny-gpt"
    )
    assert AutoModelForCausalLM.from_pretrained(tunesmith.builtin_model("tiny-gpt")).config.model_type == "llama"


@pytest.mark.parametrize("load", [locate, tunesmith.builtin_model, lambda name: load_model(section(name))])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tunesmith/tiny-gtp", f"tunesmith/tiny-gtp: no such built-in model. Did you mean `tunesmith/tiny-gpt`? {THERE_ARE}"),
        ("tunesmith/qwen", f"tunesmith/qwen: no such built-in model. {THERE_ARE}"),
    ],
)  # fmt: skip
def test_an_unknown_one_is_one_line_with_the_near_name_and_the_list(installed, load, name, message):
    with pytest.raises(ModelError) as caught:
        load(name)
    assert str(caught.value) == message


@pytest.mark.parametrize("verb", ["run", "train", "preview"])
def test_a_recipe_that_names_an_unknown_one_is_told_before_any_data_is_read(installed, tmp_path, capsys, verb):
    path = tmp_path / "r.yaml"
    path.write_text("model: {name_or_path: tunesmith/tiny-tg}\ndata: {sources: [nowhere.jsonl]}\n")
    code, out, err = call(capsys, verb, path)
    assert (code, out) == (4, "") and err.startswith(
        "tunesmith/tiny-tg: no such built-in model. Did you mean `tunesmith/tiny-"
    )


def test_the_bare_name_is_taken_for_a_hub_id_and_the_right_one_is_told(installed):
    with pytest.raises(ModelError, match="Check the spelling, or the network. Did you mean `tunesmith/tiny-t5`"):
        load_model(section("tiny-t5"))


def test_missing_files_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(builtin, "ROOT", tmp_path)
    with pytest.raises(ModelError, match=f"tunesmith/tiny-gpt: its files are missing in {tmp_path}/tiny-gpt. Install"):
        locate("tunesmith/tiny-gpt")


def test_a_folder_of_that_name_does_not_count_in_the_working_directory_or_beside_the_recipe(
    installed, model_folders, tmp_path, monkeypatch
):
    """A recipe means the same everywhere; the folder can be named with a dot."""
    monkeypatch.chdir(tmp_path)
    for name in ("tiny-gpt", "mine"):
        shutil.copytree(model_folders["gpt2"], tmp_path / "tunesmith" / name)
    assert locate("tunesmith/tiny-gpt") == str(installed / "tiny-gpt")
    assert locate("./tunesmith/tiny-gpt") == str(tmp_path / "tunesmith/tiny-gpt")
    with pytest.raises(ModelError, match="Write ./tunesmith/mine for the folder here"):
        locate("tunesmith/mine")
    path = tmp_path / "r.yaml"
    path.write_text("model: tunesmith/tiny-gpt\ndata: {sources: [rows.jsonl]}\n")
    assert resolve_paths(load_recipe(path), path).model.name_or_path == "tunesmith/tiny-gpt"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("tunesmith/tiny-gpt", True), ("tunesmith/anything", True), ("tunesmith", False), ("tunesmith/", False),
        ("./tunesmith/tiny-gpt", False), ("tunesmith/models/tiny-gpt", False), ("tunesmith/tiny-gpt/", False),
        ("my-tunesmith/tiny-gpt", False), ("google/flan-t5-small", False),
    ],
)  # fmt: skip
def test_only_two_parts_are_a_built_in_name(name, is_one):
    assert is_builtin_name(name) == is_one


# ── a run on one ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def adapter_run(installed, tmp_path, monkeypatch) -> Path:
    """A run folder with a LoRA adapter on tunesmith/tiny-gpt that has learned something."""
    monkeypatch.chdir(tmp_path)
    made = recipe("tunesmith/tiny-gpt", write_rows(tmp_path / "rows.jsonl"), train={"max_steps": 2})
    run_recipe(made, tmp_path / "run", until="train")
    return tmp_path / "run"


def test_a_run_knows_its_base_by_name_and_hash_and_not_by_a_path_of_this_machine(adapter_run, installed):
    told = read_json(adapter_run / "provenance.json")["model"]
    assert told == {"name_or_path": "tunesmith/tiny-gpt", "sha256": model_sha256(section(str(installed / "tiny-gpt")))}
    assert len(told["sha256"]) == 64
    assert str(installed) not in (adapter_run / "recipe.yaml").read_text()


def test_an_adapter_on_one_loads_with_plain_peft(adapter_run):
    ours = load_model(section(str(adapter_run))).model
    theirs = AutoPeftModelForCausalLM.from_pretrained(adapter_run / "model")
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(ours(input_ids=ids).logits, theirs(input_ids=ids).logits)


def test_an_adapter_loads_where_the_package_is_installed_elsewhere(
    adapter_run, installed, model_folders, tmp_path, monkeypatch
):
    """A run folder from another machine, or of a checkout that is gone."""
    ids = torch.tensor([[5, 6, 7]])
    before = load_model(section(str(adapter_run))).model(input_ids=ids).logits
    shutil.rmtree(installed.parents[1])
    elsewhere = installation(tmp_path / "another", model_folders)
    monkeypatch.setattr(builtin, "ROOT", elsewhere)
    moved = adapter_run.rename(tmp_path / "moved")
    assert torch.equal(load_model(section(str(moved))).model(input_ids=ids).logits, before)
    assert load_tokenizer(section(str(moved)))[1].model_type == "llama"
    base = AutoModelForCausalLM.from_pretrained(tunesmith.builtin_model("tiny-gpt"))
    assert torch.equal(PeftModel.from_pretrained(base, moved / "model").eval()(input_ids=ids).logits, before)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/a/tunesmith/models/tiny-gpt", "tiny-gpt"),
        ("C:\\Users\\a\\site-packages\\tunesmith\\models\\tiny-t5\\", "tiny-t5"),
        ("/home/a/models/tiny-gpt", None),
        ("/home/a/tunesmith/models/mine", None),
        ("/home/a/tunesmith/models/tiny-gpt/x", None),
        ("tiny-gpt", None),
    ],
)
def test_only_a_path_inside_an_installation_stands_for_a_built_in_model(installed, path, name):
    assert of_another_installation(path) == (installed / name if name else None)


def test_a_full_run_on_one_names_no_path_of_this_machine(installed, tmp_path):
    made = recipe(
        "tunesmith/tiny-t5", write_rows(tmp_path / "rows.jsonl"), adapter={"method": "full"}, train={"max_steps": 1}
    )
    run_recipe(made, tmp_path / "run", until="train")
    texts = [path.read_text() for path in (tmp_path / "run/model").glob("*.json")]
    assert texts and not any(str(installed) in text for text in texts)


# ── what is shipped ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_tells_the_built_in_models_and_what_to_do_where_they_are_missing(installed):
    (installed / "tiny-t5/config.json").unlink()
    gpt, t5 = _models()
    assert (gpt.name, gpt.state) == ("tunesmith/tiny-gpt", "ok") and gpt.value.startswith("built in: decoder-only")
    assert (t5.state, t5.value, t5.fix) == ("careful", "its files are missing", "install tunesmith again")


def test_the_example_recipe_mentions_them():
    from tunesmith.recipe_files import init_recipe_text

    assert all(f"tunesmith/{name}" in init_recipe_text() for name in MODELS)


@pytest.fixture(params=sorted(MODELS))
def shipped(request) -> Path:
    folder = SHIPPED / request.param
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: the weights have not been made yet (scripts/pretrain_tiny.py)")
    return folder


def num_parameters(folder: Path) -> int:
    """Of a saved model; tensors that share their memory are counted once."""
    auto = (
        AutoModelForSeq2SeqLM
        if json.loads((folder / "config.json").read_text())["model_type"] == "t5"
        else AutoModelForCausalLM
    )
    return sum(parameter.numel() for parameter in auto.from_pretrained(folder).parameters())


def test_a_shipped_model_loads_with_plain_transformers_in_bf16(shipped):
    auto = AutoModelForSeq2SeqLM if shipped.name == "tiny-t5" else AutoModelForCausalLM
    model, report = auto.from_pretrained(shipped, output_loading_info=True)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    assert (
        tokenizer.eos_token and tokenizer.pad_token and len(tokenizer) <= model.get_input_embeddings().weight.shape[0]
    )
    assert tokenizer.chat_template is None  # a base model, never tuned on instructions


def test_a_shipped_model_brings_its_card_and_may_be_read_by_everybody(shipped):
    card = (shipped / "README.md").read_text()
    assert all(word in card.lower() for word in ("licen", "held-out", "sources"))
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in shipped.iterdir())
    assert not [file.name for file in shipped.iterdir() if file.suffix in {".bin", ".pt", ".py"}]


def test_the_shipped_models_are_as_small_as_promised():
    folders = [SHIPPED / name for name in MODELS]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip(f"{SHIPPED} does not hold both models: the weights have not been made yet")
    assert sum(file.stat().st_size for folder in folders for file in folder.iterdir()) <= 25 * 10**6
    assert sum(num_parameters(folder) for folder in folders) <= 12 * 10**6


@pytest.mark.slow
def test_a_wheel_carries_the_models_and_everything_that_is_no_python(tmp_path):
    """Built from a copy with stand-ins; without a network, by the setuptools that is installed."""
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "tunesmith", tmp_path / "tunesmith", ignore=shutil.ignore_patterns("models", "__pycache__"))
    for name in MODELS:
        (tmp_path / "tunesmith/models" / name).mkdir(parents=True)
        for file in ("config.json", "model.safetensors", "tokenizer.json", "README.md"):
            (tmp_path / "tunesmith/models" / name / file).write_text("x")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", tmp_path / "out", tmp_path], check=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    there = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "tunesmith").rglob("*") if path.is_file()}
    assert there <= inside
