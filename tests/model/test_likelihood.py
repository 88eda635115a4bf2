"""How probable texts are: equal to the plain sum over tokens, however long the text and whatever else is in the batch."""

from __future__ import annotations

import math

import pytest
import torch

from tests.model.test_generate import answering
from tests.models import TEXT, save_tiny
from tunesmith.model import likelihood
from tunesmith.model.generate import LocalModel
from tunesmith.records import Message


def log_probabilities(model: LocalModel, ids: list[int]) -> torch.Tensor:
    """(tokens - 1,) of each token but the first behind all before it, by the plain model."""
    with torch.no_grad():
        logits = model.loaded.model(input_ids=torch.tensor([ids])).logits[0, :-1].double()
    return logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("likelihood")
    return {shape: answering(save_tiny(shape, root / shape, scale=3.0)) for shape in ("llama", "gpt2", "t5")}


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_a_text_is_as_probable_as_its_tokens_but_the_first_together(models, shape):
    model = models[shape]
    found = model.text_loglikelihood(TEXT)
    for text, given in zip(TEXT, found, strict=True):
        ids = model.loaded.tokenizer(text).input_ids
        assert given.logprob == pytest.approx(log_probabilities(model, ids).sum().item(), rel=1e-6)
        assert (given.num_tokens, given.num_bytes) == (len(ids) - 1, len(text.encode()))


def test_a_beginning_of_text_token_is_seen_and_not_predicted(models, monkeypatch):
    model, tokenizer = models["llama"], models["llama"].loaded.tokenizer
    bare = tokenizer(TEXT[0]).input_ids
    monkeypatch.setattr(type(tokenizer), "__call__", lambda *_args, **_options: {"input_ids": [1, *bare]})
    [given] = model.text_loglikelihood([TEXT[0]])
    assert given.num_tokens == len(bare)
    assert given.logprob == pytest.approx(log_probabilities(model, [1, *bare]).sum().item(), rel=1e-6)


def test_each_token_of_a_long_text_is_predicted_once_behind_half_a_context(tmp_path):
    model = answering(save_tiny("gpt2", tmp_path, scale=3.0, n_positions=32))
    text = " ".join(TEXT)
    ids = model.loaded.tokenizer(text, verbose=False).input_ids
    assert len(ids) > 100
    expected = log_probabilities(model, ids[:32]).sum().item()
    for start in range(32, len(ids), 16):
        end = min(start + 16, len(ids))
        expected += log_probabilities(model, ids[end - 32 : end])[start - end :].sum().item()
    [given] = model.text_loglikelihood([text])
    assert given.num_tokens == len(ids) - 1
    assert given.logprob == pytest.approx(expected, rel=1e-6)


def test_texts_without_anything_to_predict_have_no_tokens(models):
    found = models["gpt2"].text_loglikelihood(["", "a", "A b c d"])
    assert [(given.logprob, given.num_tokens) for given in found[:2]] == [(0.0, 0), (0.0, 0)]
    assert found[2].num_tokens > 0 and math.isfinite(found[2].logprob)


def test_an_encoder_decoder_says_nothing_of_raw_text(models):
    assert models["t5"].text_loglikelihood(["a", "b"]) == [None, None]


CONTEXTS = [TEXT[0], TEXT[1] * 2, TEXT[3], "Is it?"]
ANSWERS = [["Yes", "No, it is not that", "1234567890", "y"], ["a", "b"], ["one"], ["Yes", "Yes, it is", "No"]]
REQUESTS = [([Message("user", text)], answers) for text, answers in zip(CONTEXTS, ANSWERS, strict=True)]


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_answers_that_share_their_prompt_are_as_probable_as_alone(models, shape):
    model = models[shape]
    together = model.loglikelihoods(REQUESTS)
    alone = [[model.loglikelihood(context, [answer])[0] for answer in answers] for context, answers in REQUESTS]
    for found, expected in zip(together, alone, strict=True):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_each_prompt_is_read_once(models, shape):
    model = models[shape]
    assert model._decoder is not None
    lengths = [len(ids) for ids in model.prompt_ids([context for context, _ in REQUESTS])]
    seen, name = [], "input_ids"
    handle = model.loaded.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(tuple(kwargs.get(name, torch.zeros(0, 0)).shape)), with_kwargs=True
    )
    model.loglikelihoods(REQUESTS[:2])
    handle.remove()
    assert seen[0] == (2, max(lengths[:2]))
    assert all(length < min(lengths[:2]) for _, length in seen[1:])


def test_few_scores_are_held_at_a_time(models, monkeypatch):
    model = models["gpt2"]
    expected = model.loglikelihoods(REQUESTS)
    monkeypatch.setattr(likelihood, "SCORES_PER_PASS", 1)
    monkeypatch.setattr(likelihood, "TOKENS_PER_BATCH", 1)
    for found, whole in zip(model.loglikelihoods(REQUESTS), expected, strict=True):
        assert found == pytest.approx(whole, rel=1e-6, abs=1e-5)


def test_a_model_whose_rows_cannot_join_reads_each_answer_with_its_prompt(models, monkeypatch):
    model = models["llama"]
    expected = model.loglikelihoods(REQUESTS)
    monkeypatch.setitem(vars(model), "_decoder", None)
    for found, shared in zip(model.loglikelihoods(REQUESTS), expected, strict=True):
        assert found == pytest.approx(shared, rel=1e-6, abs=1e-5)
