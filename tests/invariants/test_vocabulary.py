"""New tokens: rows for them are learned and saved, and no other row moves; a head that shares the table still does."""

from __future__ import annotations

import pytest
import torch

from tests.invariants.cells import METHODS, Tuned, run, section_of
from tests.models import SHAPES, VOCABULARY, save_tiny
from tests.training.runs import Folder
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import probe
from tunesmith.model.support import capabilities_with
from tunesmith.recipe import ModelSection

NEW = ("<call>", "<result>")
LOW_RANK = tuple(method for method, values in METHODS.items() if "r" in values)
FOLDERS = tuple((shape, tied) for shape in SHAPES for tied in (True, False))
WITHOUT_TOKENS = tuple(method for method in METHODS if method not in ("full", *LOW_RANK))


@pytest.fixture(params=SHAPES)
def shape(request) -> str:
    return request.param


@pytest.fixture
def folder(request, tmp_path):
    shape, tied = request.param
    return save_tiny(shape, tmp_path / "base", tie_word_embeddings=tied)


def each(*methods: str):
    """Every method with every shape, its head tied or apart: two of the six every time, all of them with ``-m ''``."""
    pairs = [
        pytest.param(
            folder,
            method,
            id=f"{folder[0]}-{'tied' if folder[1] else 'apart'}-{method}",
            marks=() if (turn - position) % 3 == 0 or method in ("full", "lora") else pytest.mark.slow,
        )
        for position, method in enumerate(methods)
        for turn, folder in enumerate(FOLDERS)
    ]
    return pytest.mark.parametrize(("folder", "method"), pairs, indirect=["folder"])


def grown(folder, method: str, *tokens: str) -> Tuned:
    """A model with new tokens and the method attached."""
    section = section_of(method)
    loaded = load_model(
        ModelSection(name_or_path=str(folder), add_tokens=tokens or NEW), quantization=section.quantization
    )
    torch.manual_seed(5)
    found, base_weights = capabilities_with(section, loaded, probe(loaded)), tuple(loaded.model.parameters())
    model = adapters.attach(loaded.model, section, new_token_ids=loaded.new_token_ids)
    return Tuned(loaded, Forward(model.eval(), head=found.head, flattens=found.flattens), found, base_weights)


def tables(one: Tuned) -> list[torch.Tensor]:
    """The rows of the embeddings and of the head as they are used, adapters included."""
    embeddings = one.model.get_input_embeddings()
    ids = torch.arange(one.loaded.config.vocab_size)
    head = one.model.get_output_embeddings()
    width = embeddings(ids[:1]).shape[-1]
    with torch.no_grad():
        return [embeddings(ids).detach().clone(), head(torch.eye(width)).T.detach().clone()]


def is_tied(model) -> bool:
    return model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def examples_with(one: Tuned):
    """Rows in which the new tokens are read and learned."""
    first, second = one.loaded.new_token_ids
    examples = one.examples((9, 12, 7, 14))
    for example in examples:
        example.input_ids[2:5] = [first, second, first]
        example.input_ids[-2:] = [second, first]
        if example.target_ids is not None:
            example.target_ids[-2:] = [second, first]
    return examples


def logits(one: Tuned, model=None) -> torch.Tensor:
    with torch.no_grad():
        return Forward(model or one.model, head="hooked").supervised_logits(one.batch(examples_with(one)))


def train_on_new(one: Tuned, path) -> None:
    rows = one.rows(examples_with(one))
    object.__setattr__(one, "rows", lambda _examples: rows)
    run(one, Folder(path), lengths=(9, 12, 7, 14), max_steps=3, learning_rate=0.05)
    object.__delattr__(one, "rows")


@each(*LOW_RANK)
def test_rows_of_new_tokens_are_learned_and_no_other_row_moves(folder, method, tmp_path):
    """P6: of the embeddings, and of a head of its own; the rest of both tables is frozen, bit for bit."""
    one = grown(folder, method)
    before, new = tables(one), list(one.loaded.new_token_ids)
    old = [i for i in range(one.loaded.config.vocab_size) if i not in new]
    train_on_new(one, tmp_path / "run")
    for table, was in zip(tables(one), before):
        assert torch.equal(table[old], was[old])
        assert (table[new] != was[new]).any(1).all()


@each("full", *LOW_RANK)
def test_a_model_with_new_tokens_is_the_same_when_it_is_loaded_again(folder, method, tmp_path):
    """P6, P4: logits bitwise, the tokens in the tokenizer, and a head that shared the table still does."""
    one = grown(folder, method)
    tied = is_tied(one.loaded.model) if method == "full" else None
    train_on_new(one, tmp_path / "run")
    live = logits(one)
    save_model(one.model, one.loaded.tokenizer, tmp_path / "saved")
    again = load_model(ModelSection(name_or_path=str(tmp_path / "saved")))
    assert again.tokenizer.convert_tokens_to_ids(list(NEW)) == list(one.loaded.new_token_ids)
    assert torch.equal(logits(one, again.model), live)
    assert method != "full" or is_tied(again.model) == tied


@each(*LOW_RANK)
def test_a_merged_model_knows_its_new_tokens(folder, method, tmp_path):
    """P2, P6."""
    one = grown(folder, method)
    train_on_new(one, tmp_path / "run")
    live = logits(one)
    merged = adapters.merge(one.model)
    assert (logits(one, merged) - live).abs().max() <= 1e-5 * max(1.0, live.abs().max().item())


@pytest.mark.parametrize("num_spare", [0, 1, 2, 7])
def test_a_padded_table_is_never_made_smaller(shape, tmp_path, num_spare):
    """P7: as many rows as there were or as there are tokens, whichever is more; what was there stays bit for bit."""
    folder = save_tiny(shape, tmp_path / "base")
    padded = load_model(ModelSection(name_or_path=str(folder))).model
    padded.resize_token_embeddings(VOCABULARY + num_spare)
    padded.save_pretrained(folder)
    bare = load_model(ModelSection(name_or_path=str(folder)))
    one = grown(folder, "full")
    rows, before = one.loaded.model.get_input_embeddings().weight, bare.model.get_input_embeddings().weight
    assert len(rows) == max(len(before), len(one.loaded.tokenizer))
    assert torch.equal(rows[: len(before)], before)


@pytest.mark.parametrize("method", WITHOUT_TOKENS)
def test_a_method_that_could_not_keep_new_tokens_refuses_them(shape, method, tmp_path):
    """P6: by one line, where others train rows that are not saved."""
    folder = save_tiny(shape, tmp_path / "base")
    with pytest.raises(ModelError, match="model.add_tokens") as caught:
        grown(folder, method)
    assert "\n" not in str(caught.value)
