"""What a model says hangs on its prompt alone: not on the batch, the cache, or the id that fills the padding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.invariants.cells import base, spread
from tests.model.test_generate import conversations, ends_at_different_times
from tests.models import SHAPES, save_tiny
from tunesmith.lm import Sampling
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import probe
from tunesmith.recipe import ModelSection
from tunesmith.rendering.templates import load_template

GREEDY = Sampling(max_new_tokens=10)


def answering(loaded, **changes) -> LocalModel:
    return LocalModel(loaded, load_template("plain", tokenizer=loaded.tokenizer), probe(loaded), **changes)


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """The three shapes with logits so far apart that greedy answers hang on no last bit, and are not one token repeated."""
    root = tmp_path_factory.mktemp("sharp")
    return {shape: save_tiny(shape, root / shape, scale=3.0) for shape in SHAPES}


@pytest.fixture
def model(one) -> LocalModel:
    return answering(replace(one.loaded, model=one.model))


def by_hand(model: LocalModel, prompt: list[int], count: int) -> list[int]:
    """Greedy ids by the whole forward, one token at a time, without cache and padding."""
    loaded, ids = model.loaded, []
    for _ in range(count):
        if loaded.kind == "causal":
            inputs = {"input_ids": torch.tensor([prompt + ids])}
        else:
            start = [loaded.decoder_start_token_id, *ids]
            inputs = {"input_ids": torch.tensor([prompt]), "decoder_input_ids": torch.tensor([start])}
        with torch.no_grad():
            ids.append(int(loaded.model(**inputs, use_cache=False).logits[0, -1].argmax()))
        if ids[-1] in model.stop_token_ids():
            break
    return ids


@spread
def test_greedy_answers_are_the_same_alone_and_in_a_batch(model):
    """D6, D7: twelve prompts of very different lengths, some with the texts of end and padding tokens in them."""
    asked = conversations()
    together = model.generate(asked, GREEDY)
    assert together == [model.generate([one], GREEDY)[0] for one in asked]
    assert len({answer.text for answer in together}) > 1


@spread
def test_rows_that_go_on_after_others_are_done_answer_as_alone(cell, model, monkeypatch):
    """D6, P9: with ends that stop the rows at different times, so that the batch shrinks and its cache with it."""
    asked, sampling = conversations(8), Sampling(max_new_tokens=16)
    ends = ends_at_different_times(model, asked, sampling)
    monkeypatch.setattr(model.loaded.model.generation_config, "eos_token_id", ends)
    together = model.generate(asked, sampling)
    assert together == [model.generate([one], sampling)[0] for one in asked]
    lengths = {answer.num_completion_tokens for answer in together}
    assert len(lengths) > 1 or cell.method == "prompt"  # a random prompt of this kind may drown what is asked


def test_answers_are_the_argmax_of_the_forward_token_by_token(model):
    """P9, D7: also for a prompt in which the id of padding stands."""
    prompts = model.prompt_ids(conversations(4))
    prompts.append([*prompts[3], model.loaded.pad_token_id, *prompts[3][:5]])
    for prompt in prompts:
        [[_, found]] = model._written([prompt], [8], GREEDY)
        assert found == by_hand(model, prompt, 8)


def test_a_reloaded_model_answers_as_the_live_one(model, tmp_path):
    """P4, D8: with the same ids to stop at, in the config and the generation config."""
    asked = conversations(5)
    live = model.generate(asked, GREEDY)
    save_model(model.loaded.model, model.loaded.tokenizer, tmp_path, stop_token_ids=model.stop_token_ids())
    again = answering(load_model(ModelSection(name_or_path=str(tmp_path))))
    assert again.generate(asked, GREEDY) == live
    assert again.stop_token_ids() == model.stop_token_ids()


def test_the_adapter_takes_part_in_answering(cell, model, folders):
    """P4: an adapter that is there and does nothing would pass everything else."""
    if cell.method == "full":
        pytest.skip("there is no adapter")
    bare = answering(base(folders[cell.shape]))
    asked = conversations(6)
    assert model.generate(asked, GREEDY) != bare.generate(asked, GREEDY)


def test_the_likelihood_of_an_answer_is_that_of_its_tokens_in_training(model):
    """L15, D6: asked for alone, and in training as one row among others."""
    context = conversations(3)[-1]
    [one, other] = model.loglikelihood(context, ["Yes", "Yes it is"])
    [again] = model.loglikelihood(context, ["Yes it is"])
    assert other == pytest.approx(again, rel=1e-6, abs=1e-5)  # sums of some 40 nats in float32
    assert one != other


def test_every_end_token_stops_an_answer(model, monkeypatch):
    """D8: those of the template, the tokenizer and the model; nothing is generated behind one."""
    head = model.loaded.model.get_output_embeddings()
    model.loaded.model.generation_config.eos_token_id = [1, 7, 9]
    assert {1, 7, 9} <= set(model.stop_token_ids())
    for token in model.stop_token_ids():
        forced = torch.full((model.loaded.config.vocab_size,), -1e4)
        forced[token] = 1e4
        monkeypatch.setattr(head, "forward", lambda hidden, forced=forced: forced.expand(*hidden.shape[:-1], -1))
        [answer] = model.generate(conversations(1), GREEDY)
        assert (answer.text, answer.finish_reason, answer.num_completion_tokens) == ("", "stop", 0)
