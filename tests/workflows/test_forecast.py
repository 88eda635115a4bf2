"""The forecast: what shallow copies of a model take, carried on, is what the whole model takes."""

from __future__ import annotations

import json

import pytest

from tests.cli.doubles import call
from tests.models import save_tiny
from tests.workflows.recipes import recipe, write_rows
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.load import load_model, load_tokenizer, save_model
from tunesmith.progress import SilentProgress
from tunesmith.recipe_files import dump_recipe
from tunesmith.workflows import forecast as module
from tunesmith.workflows.forecast import forecast, num_layers, random_copy
from tunesmith.workflows.opening import num_parameters
from tunesmith.workflows.preview import preview

DEPTHS = {"llama": {"num_hidden_layers": 7}, "gpt2": {"n_layer": 7}, "t5": {"num_layers": 7, "num_decoder_layers": 7}}
FULL, LORA = {"method": "full"}, {"method": "lora", "r": 4}


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A folder with each shape in seven layers, and rows."""
    root = tmp_path_factory.mktemp("deep")
    for shape, depth in DEPTHS.items():
        save_tiny(shape, root / shape, **depth)
    write_rows(root / "rows.jsonl")
    return root


@pytest.mark.parametrize("adapter", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("shape", DEPTHS)
def test_parameters_are_counted_exactly_and_bytes_follow_from_them(deep, shape, adapter):
    made = recipe(deep / shape, deep / "rows.jsonl", adapter=adapter)
    foretold = forecast(made)
    total, trainable = num_parameters(adapters.attach(load_model(made.model).model, made.adapter))
    assert (foretold.num_parameters, foretold.num_trainable_parameters) == (total, trainable)
    assert foretold.weights_bytes == pytest.approx(4 * total, rel=0.02)
    assert foretold.optimizer_bytes == pytest.approx(8 * trainable, rel=0.02)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shape", DEPTHS)
def test_the_peak_is_that_of_the_whole_model(deep, shape, precision, monkeypatch):
    made = recipe(deep / shape, deep / "rows.jsonl", adapter=FULL, train={"precision": precision})
    foretold = forecast(made)
    monkeypatch.setattr(module, "DEPTH_SHARE", 1)  # the deeper copy is the whole model, so nothing is carried on
    whole = forecast(made)
    parts = ("weights_bytes", "optimizer_bytes", "gradients_and_activations_bytes")
    for part in parts:
        assert getattr(foretold, part) == pytest.approx(getattr(whole, part), rel=0.03), part
    assert foretold.peak_bytes - foretold.process_bytes == pytest.approx(
        sum(getattr(foretold, part) for part in parts), abs=2
    )


def test_steps_and_tokens_are_those_of_the_run(deep):
    made = recipe(deep / "llama", deep / "rows.jsonl", train={"max_steps": None, "num_train_epochs": 2})
    foretold = forecast(made)
    assert foretold.num_steps == 2 * -(-42 // made.train.per_device_train_batch_size)  # 70 % of 60 rows
    assert foretold.num_tokens == pytest.approx(2 * preview(made, limit=0)["num_tokens"], rel=1e-6)
    assert foretold.seconds == pytest.approx(foretold.num_tokens / foretold.tokens_per_second)


@pytest.mark.parametrize("shape", DEPTHS)
def test_a_copy_of_some_layers_has_no_more_in_any_stack(deep, shape):
    _, config = load_tokenizer(recipe(deep / shape, deep / "rows.jsonl").model)
    copied = random_copy(config, 2)
    assert num_layers(config) == 7 and num_layers(copied.config) == 2
    stacks = [getattr(stack, "layers", None) or getattr(stack, "h", None) or stack.block for stack in _stacks(copied)]
    assert [len(stack) for stack in stacks] == [2] * len(stacks)


def _stacks(model):
    return [model.encoder, model.decoder] if hasattr(model, "encoder") else [model.base_model]


def test_what_does_not_fit_is_told_with_the_least_change_that_does(deep, monkeypatch):
    made = recipe(deep / "llama", deep / "rows.jsonl", adapter=FULL)
    roomy = forecast(made)
    assert roomy.fits and roomy.changes == ()
    needed = roomy.peak_bytes - roomy.process_bytes
    monkeypatch.setattr(module, "_free_bytes", lambda: needed * 0.9)
    tight = forecast(made)
    assert not tight.fits and tight.changes == ("train.precision=bf16",)
    monkeypatch.setattr(module, "_free_bytes", lambda: 1000)
    assert forecast(made).changes is None


def test_a_tokenizer_larger_than_its_model_is_one_line(deep, tmp_path):
    config = save_tiny("llama", tmp_path / "small") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"vocab_size": 300}))
    with pytest.raises(ModelError, match="tokenizer has"):
        forecast(recipe(tmp_path / "small", deep / "rows.jsonl"))


def test_the_doctor_foretells_a_recipe(deep, tmp_path, capsys, monkeypatch):
    path = tmp_path / "r.yaml"
    path.write_text(dump_recipe(recipe(deep / "llama", deep / "rows.jsonl")))
    code, out, _ = call(capsys, "doctor", path)
    assert code == 0 and "LlamaForCausalLM" in out and "It fits. Next: tunesmith run" in out
    code, out, _ = call(capsys, "doctor", path, "--set", "adapter.r=8", "--json")
    assert code == 0 and json.loads(out)["num_trainable_parameters"] > 0
    monkeypatch.setattr(module, "_free_bytes", lambda: 1000)
    code, _, err = call(capsys, "doctor", path)
    assert code == 5 and "needs about" in err and "Nothing known here makes it fit" in err


def test_changes_without_a_recipe_are_refused(capsys):
    code, _, err = call(capsys, "doctor", "--set", "adapter.r=8")
    assert code == 2 and "none is named" in err


TOKENS = ("<user>", "<bot>")


@pytest.mark.parametrize("adapter", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("shape", DEPTHS)
def test_tokens_that_the_recipe_adds_are_counted_as_in_a_run(deep, shape, adapter):
    made = recipe(deep / shape, deep / "rows.jsonl", model={"add_tokens": TOKENS}, adapter=adapter)
    foretold, loaded = forecast(made), load_model(made.model)
    tuned = adapters.attach(loaded.model, made.adapter, new_token_ids=loaded.new_token_ids)
    assert (foretold.num_parameters, foretold.num_trainable_parameters) == num_parameters(tuned)


def test_an_adapter_that_added_tokens_can_be_tuned_further(deep, tmp_path):
    first = recipe(deep / "llama", deep / "rows.jsonl", model={"add_tokens": TOKENS}, adapter=LORA)
    loaded = load_model(first.model)
    tuned = adapters.attach(loaded.model, first.adapter, new_token_ids=loaded.new_token_ids)
    save_model(tuned, loaded.tokenizer, tmp_path / "adapter")
    again = recipe(tmp_path / "adapter", deep / "rows.jsonl", adapter=LORA)
    whole = load_model(again.model, merge=True)
    found = num_parameters(adapters.attach(whole.model, again.adapter))
    foretold = forecast(again)
    assert (foretold.num_parameters, foretold.num_trainable_parameters) == found


@pytest.mark.parametrize("look", [forecast, lambda made, console: preview(made, limit=0, console=console)])
def test_virtual_tokens_are_no_room_for_text(deep, look):
    told = []

    class Heard(SilentProgress):
        def notice(self, text):
            told.append(text)

    adapter = {"method": "prompt", "num_virtual_tokens": 100}
    made = recipe(deep / "gpt2", deep / "rows.jsonl", adapter=adapter, train={"max_length": 512})
    look(made, console=Heard())
    assert told == ["train.max_length is 512, the model takes 412: 412 is used."]
    none = recipe(deep / "gpt2", deep / "rows.jsonl", adapter=adapter | {"num_virtual_tokens": 512})
    with pytest.raises(ModelError, match="adapter.num_virtual_tokens: 512 leave no room for text in the 512 tokens of"):
        look(none, console=SilentProgress())


def test_the_plan_is_made_once_for_both_copies(deep, monkeypatch):
    made, plan = [], module._plan
    monkeypatch.setattr(module, "_plan", lambda *arguments: made.append(plan(*arguments)) or made[-1])
    forecast(recipe(deep / "llama", deep / "rows.jsonl"))
    assert len(made) == 1
