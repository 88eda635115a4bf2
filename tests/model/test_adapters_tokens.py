"""New tokens: their rows begin at the mean, are trained, and come back bitwise; all others stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from tests.model.tuning import METHODS, logits, train_steps
from tests.models import VOCABULARY, save_tiny, tiny_tokenizer
from tests.training.rows import batch_of, random_examples
from tunesmith.model import adapters
from tunesmith.model.adapters.tokens import grow, is_tied
from tunesmith.model.forward import Forward
from tunesmith.model.load import LoadedModel, load_model, load_tokenizer, save_model
from tunesmith.recipe import ModelSection

TOKENS = ("<tool>", "<answer>")


def section(folder: Path) -> ModelSection:
    return ModelSection(name_or_path=str(folder), add_tokens=TOKENS)


def examples(loaded: LoadedModel):
    """Rows in which the new tokens are read and predicted."""
    rows = random_examples(loaded.kind)
    for number, row in enumerate(rows):
        row.input_ids[len(row.input_ids) // 2] = loaded.new_token_ids[number % 2]
        if row.target_ids is not None:
            row.target_ids[0] = loaded.new_token_ids[number % 2]
    return rows


def learn(loaded: LoadedModel, model) -> None:
    """Two steps on rows with the new tokens."""
    forward, batch = Forward(model, head="hooked").train(), batch_of(loaded, examples(loaded))
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.0)
    for _ in range(2):
        optimizer.zero_grad()
        (-forward(batch).mean()).backward()
        optimizer.step()
    forward.eval()


def answers(loaded: LoadedModel, model, rows) -> torch.Tensor:
    with torch.no_grad():
        return Forward(model).supervised_logits(batch_of(loaded, rows))


@pytest.fixture(params=[(shape, tied) for shape in ("llama", "gpt2", "t5") for tied in (True, False)], ids=str)
def base(request, tmp_path) -> Path:
    shape, tied = request.param
    return save_tiny(shape, tmp_path / "base", tie_word_embeddings=tied)


def test_new_rows_are_appended_at_the_mean_and_old_ones_stay(base):
    """P6 and P7: from 384 rows to as many as there are tokens, and a head that shares the table still does."""
    before, loaded = load_model(ModelSection(name_or_path=str(base))), load_model(section(base))
    old, new = before.model.get_input_embeddings().weight, loaded.model.get_input_embeddings().weight
    assert loaded.new_token_ids == (len(before.tokenizer), len(before.tokenizer) + 1)
    assert len(new) == max(len(old), len(loaded.tokenizer)) and torch.equal(new[: len(old)], old)
    assert is_tied(loaded.model) == is_tied(before.model)
    assert loaded.tokenizer.tokenize("say <tool> now")[-3:-1] != [] and "<tool>" in loaded.tokenizer.tokenize(
        "a <tool> b"
    )
    assert load_tokenizer(section(base))[0].get_vocab() == loaded.tokenizer.get_vocab()


def test_rows_beyond_the_table_begin_at_its_mean(base):
    model = load_model(ModelSection(name_or_path=str(base))).model
    old = model.get_input_embeddings().weight.detach().clone()
    head = model.get_output_embeddings().weight.detach().clone()
    tied = is_tied(model)
    grow(model, VOCABULARY + 3)
    new = model.get_input_embeddings().weight
    assert len(new) == VOCABULARY + 3 and torch.equal(new[:VOCABULARY], old)
    assert torch.equal(new[VOCABULARY:], old.mean(dim=0).expand(3, -1))
    assert torch.equal(model.get_output_embeddings().weight[VOCABULARY:], head.mean(dim=0).expand(3, -1))
    assert is_tied(model) == tied and model.config.vocab_size == VOCABULARY + 3
    grow(model, 10)
    assert len(model.get_input_embeddings().weight) == VOCABULARY + 3  # P7: a padded table is never cut


@pytest.fixture
def full_table(base) -> Path:
    """A base whose tokenizer uses every row of the table, so that new tokens need rows of their own."""
    tokenizer = tiny_tokenizer(adds_eos="t5" in str(load_tokenizer(ModelSection(name_or_path=str(base)))[1].model_type))
    tokenizer.add_tokens([f"<{number}>" for number in range(VOCABULARY - len(tokenizer))])
    tokenizer.save_pretrained(base)
    return base


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_what_new_tokens_learn_comes_back_bitwise(full_table, method, tmp_path):
    """P6: through our loader, and through plain peft once its base has the rows."""
    section_of_method = METHODS[method]
    loaded = load_model(section(full_table), quantization=section_of_method.quantization)
    assert loaded.new_token_ids == (VOCABULARY, VOCABULARY + 1)
    old = loaded.model.get_input_embeddings().weight.detach().clone()
    torch.manual_seed(0)
    model = adapters.attach(loaded.model, section_of_method, new_token_ids=loaded.new_token_ids)
    rows = examples(loaded)
    fresh = answers(loaded, model.eval(), rows)
    learn(loaded, model)
    live = answers(loaded, model, rows)
    save_model(model, loaded.tokenizer, tmp_path / "out")
    again = load_model(ModelSection(name_or_path=str(tmp_path / "out")))
    assert torch.equal(answers(again, again.model, rows), live) and not torch.equal(live, fresh)
    assert again.tokenizer.convert_tokens_to_ids(list(TOKENS)) == list(loaded.new_token_ids)
    if method == "full":
        return
    table = model.get_base_model().get_input_embeddings()
    assert torch.equal(table.token_adapter.base_layer.weight[:VOCABULARY], old[:VOCABULARY])
    assert _plain_peft_gives(live, full_table, tmp_path / "out", loaded, rows) or method == "qlora"


def _plain_peft_gives(live, base, folder, loaded, rows) -> bool:
    auto = AutoModelForSeq2SeqLM if loaded.kind == "seq2seq" else AutoModelForCausalLM
    plain = auto.from_pretrained(base)
    plain.resize_token_embeddings(VOCABULARY + 2, mean_resizing=False)
    return torch.equal(answers(loaded, PeftModel.from_pretrained(plain, folder).eval(), rows), live)


def is_tied_in(loaded: LoadedModel) -> bool:
    return bool(loaded.config.tie_word_embeddings)


def test_a_token_that_is_there_already_is_not_new(model_folders):
    loaded = load_model(ModelSection(name_or_path=str(model_folders["llama"]), add_tokens=("</s>", "<tool>")))
    assert len(loaded.new_token_ids) == 1


def test_training_without_new_tokens_touches_no_embedding(model_folders):
    loaded = load_model(ModelSection(name_or_path=str(model_folders["llama"])))
    before = logits(loaded)
    model = adapters.attach(loaded.model, METHODS["lora"])
    train_steps(loaded, model, num_steps=1)
    assert torch.equal(logits(loaded, adapters.without(model)), before)
