"""Adapters of one base in one chat."""

from __future__ import annotations

import pytest

from tests.model.tuning import attached, open_for, train_steps
from tunesmith.cli.chat import Conversation, _command, help_text
from tunesmith.errors import ModelError, UsageError
from tunesmith.lm import Sampling
from tunesmith.model.load import adapter_folder, save_model
from tunesmith.records import Message
from tunesmith.workflows.chat import open_chat
from tunesmith.workflows.switching import name_of

QUESTION = [Message("user", "What is two plus three?")]
SAMPLING = Sampling(max_new_tokens=8)


def save(folder, name, method, target, num_steps=3):
    loaded = open_for(folder, method)
    model = attached(loaded, method, seed=num_steps)
    train_steps(loaded, model, num_steps=num_steps)
    save_model(model, loaded.tokenizer, target / name)
    return str(target / name)


def answer(chat) -> str:
    return "".join(chat.stream(QUESTION, SAMPLING))


@pytest.mark.parametrize("method", ["lora", "prompt", "houlsby"])
def test_a_chat_switches_between_adapters_and_their_base(model_folders, tmp_path, method):
    base = model_folders["gpt2"]
    one, two = save(base, "one.v1", method, tmp_path), save(base, "two", method, tmp_path, 6)
    alone = {name: answer(open_chat(target)) for name, target in (("one.v1", one), ("two", two))}
    chat = open_chat(one, others=[two])
    talk = Conversation(chat, SAMPLING)
    assert answer(chat) == alone["one.v1"]
    assert "/adapter NAME" in help_text(talk)
    assert _command(talk, "/adapter") == "one.v1 answers. There are: one.v1, two, base."
    assert _command(talk, "/adapter two") == "two answers now." and answer(chat) == alone["two"]
    assert _command(talk, "/adapter base") == "base answers now." and answer(chat) == answer(open_chat(str(base)))
    assert _command(talk, "/adapter one.v1") == "one.v1 answers now." and answer(chat) == alone["one.v1"]
    assert _command(talk, "/adapter tow").startswith("No adapter is called `tow`. Did you mean `two`")


def test_adapters_that_cannot_share_a_base_are_refused(model_folders, tmp_path):
    one = save(model_folders["gpt2"], "one", "lora", tmp_path)
    other_base = save(model_folders["llama"], "other", "lora", tmp_path)
    with pytest.raises(ModelError, match="its base is .*llama, and that of .*one is .*gpt2"):
        open_chat(one, others=[other_base])
    quantized = save(model_folders["gpt2"], "quantized", "qlora", tmp_path)
    with pytest.raises(ModelError, match="its base is .*gpt2 in nf4, and that of"):
        open_chat(one, others=[quantized])
    with pytest.raises(UsageError, match="is a whole model, and not an adapter of the base of"):
        open_chat(one, others=[str(model_folders["gpt2"])])
    with pytest.raises(UsageError, match="is a whole model, and not an adapter whose base could be shared"):
        open_chat(str(model_folders["gpt2"]), others=[one])
    with pytest.raises(UsageError, match="`one` is taken already. Rename its folder"):
        open_chat(one, others=[one])


def test_an_adapter_is_called_by_its_run():
    assert (name_of("runs/a.b"), name_of("runs/a/model"), name_of("runs/a/model/")) == ("a.b", "a", "a")


def test_what_is_no_adapter_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="--adapter: a model behind an API has no adapters to switch between"):
        open_chat("openai:m@http://127.0.0.1:9", others=["one"])
    with pytest.raises(ModelError, match="nowhere: not a folder here. Name a run, or the folder of an adapter."):
        adapter_folder("nowhere")
    with pytest.raises(ModelError, match="no adapter_config.json, so this is no adapter"):
        adapter_folder(str(tmp_path))
