"""A local model that answers: the same alone and in a batch, and it stops where it should."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from transformers import DynamicCache, LlamaConfig
from transformers.cache_utils import LinearAttentionLayer

from tests.models import save_tiny
from tests.training.rows import load
from tunesmith.errors import ModelError
from tunesmith.lm import Sampling
from tunesmith.model import generate
from tunesmith.model.decode import padded
from tunesmith.model.generate import LocalModel, stop_token_ids
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import Capabilities, probe
from tunesmith.recipe import ModelSection
from tunesmith.records import Message
from tunesmith.rendering.templates import load_template

WORDS = [
    "Name",
    "the",
    "capital",
    "of",
    "the",
    "country",
    "and",
    "sort",
    "these",
    "words:",
    "pear,",
    "apple,",
    "plum.",
    "Is",
    "that",
    "right?",
    "Yes",
    "it",
    "is!",
    "</s>",
    "<pad>",
]


def conversations(count: int = 12) -> list[list[Message]]:
    """Prompts of very different lengths, some with the texts of control tokens in them."""
    return [[Message("user", " ".join((WORDS * 6)[i : i + 1 + i * 5]))] for i in range(count)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each shape with logits far apart, so that greedy answers hang on no last bit."""
    root = tmp_path_factory.mktemp("sharp")
    return {shape: answering(save_tiny(shape, root / shape, scale=3.0)) for shape in ("llama", "gpt2", "t5")}


def answering(folder, template: str = "plain", **changes) -> LocalModel:
    loaded = load(folder)
    return LocalModel(loaded, load_template(template, tokenizer=loaded.tokenizer), probe(loaded), **changes)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_space_an_inline_answer_begins_with_is_no_part_of_what_it_says(model_folders, monkeypatch, streamed):
    model = answering(model_folders["llama"], "inline")
    assert model._decoder is not None  # made before the head is exchanged
    said = [
        *model.loaded.tokenizer(" yes  it", add_special_tokens=False).input_ids,
        model.loaded.tokenizer.eos_token_id,
    ]
    [prompt] = model.prompt_ids(conversations(1))

    def next_logits(hidden, steps=iter(said)):
        logits = torch.full((model.loaded.config.vocab_size,), -1e4)
        logits[next(steps)] = 1e4
        return logits.expand(*hidden.shape[:-1], -1)

    monkeypatch.setattr(model.loaded.model.lm_head, "forward", next_logits)
    if streamed:
        text = "".join(model.stream(conversations(1)[0], Sampling(max_new_tokens=12)))
    else:
        text = model.generate(conversations(1), Sampling(max_new_tokens=12))[0].text
    assert text == "yes  it"
    assert model.loaded.tokenizer.decode(prompt).endswith("Assistant:")


def test_every_end_token_ends_the_generation_and_not_only_the_text(model_folders, monkeypatch):
    """D8: nothing is generated behind it, whichever of them it is."""
    model, calls = answering(model_folders["llama"]), []
    assert model._decoder is not None  # made before the head is exchanged
    model.loaded.model.generation_config.eos_token_id = [7, 9]
    for token in (1, 7, 9):
        forced = torch.full((model.loaded.config.vocab_size,), -1e4)
        forced[token] = 1e4
        monkeypatch.setattr(
            model.loaded.model.lm_head, "forward",
            lambda hidden, forced=forced, token=token: calls.append(token) or forced.expand(*hidden.shape[:-1], -1),
        )  # fmt: skip
        model.generate(conversations(1), Sampling(max_new_tokens=8))
    assert calls == [1, 7, 9]


def test_every_end_token_of_model_tokenizer_and_template_stops(model_folders):
    model = answering(model_folders["llama"])
    model.loaded.model.generation_config.eos_token_id = [7, 9]
    assert model.stop_token_ids() == [model.loaded.tokenizer.eos_token_id, 7, 9]


def test_a_saved_model_keeps_every_stop_token(model_folders, tmp_path):
    """D8: the same ids in config and generation_config, and the tokenizer's among them."""
    model = answering(model_folders["llama"], template="chatml")
    model.loaded.model.generation_config.eos_token_id = 9
    save_model(model.loaded.model, model.loaded.tokenizer, tmp_path, stop_token_ids=model.stop_token_ids())
    again = load_model(ModelSection(name_or_path=str(tmp_path)))
    assert again.model.generation_config.eos_token_id == again.model.config.eos_token_id == [1, 9]
    assert again.tokenizer.eos_token_id in again.model.config.eos_token_id
    assert stop_token_ids(again, model.template) == [1, 9]


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_an_answer_is_cut_before_a_stop_string(models, shape):
    model, asked = models[shape], conversations(6)
    whole = model.generate(asked, Sampling(max_new_tokens=16))
    longest = max(range(6), key=lambda i: len(whole[i].text))
    marker = whole[longest].text[3:5]
    cut = model.generate(asked, Sampling(max_new_tokens=16, stop=(marker,)))[longest]
    assert cut.text == whole[longest].text[: whole[longest].text.index(marker)]
    assert cut.finish_reason == "stop"


def test_answers_cut_at_a_stop_string_count_the_same_tokens_alone_and_in_a_batch(models):
    """D6: what fills a row after its end is not part of the answer."""
    model, asked = models["llama"], conversations(6)
    whole = max((answer.text for answer in model.generate(asked, Sampling(max_new_tokens=16))), key=len)
    sampling = Sampling(max_new_tokens=16, stop=(whole[3:5],))
    together = model.generate(asked, sampling)
    assert together == [model.generate([one], sampling)[0] for one in asked]
    assert len({answer.num_completion_tokens for answer in together}) > 1


def ends_at_different_times(model: LocalModel, asked, sampling: Sampling) -> list[int]:
    """The two ids that, as ends of the greedy answers, make these of the most different lengths."""
    answers = model._generate(model.prompt_ids(asked), sampling, sampling.max_new_tokens)

    def num_lengths(ends: tuple[int, int]) -> int:
        return len({next((at for at, token in enumerate(ids) if token in ends), -1) for ids in answers})

    pairs = itertools.combinations(sorted({token for ids in answers for token in ids}), 2)
    return list(max(pairs, key=num_lengths))


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize("way", ["joining", "generate", "generate without a cache to divide"])
def test_rows_leave_a_batch_when_they_are_done_and_the_others_answer_as_before(models, monkeypatch, shape, way):
    """Also by transformers' generate, and for a model whose cache cannot be divided."""
    model, asked, sampling = models[shape], conversations(), Sampling(max_new_tokens=24)
    ends = ends_at_different_times(model, asked, sampling)
    monkeypatch.setattr(model.loaded.model.generation_config, "eos_token_id", ends)
    alone = [model.generate([one], sampling)[0] for one in asked]
    sizes, name = [], "decoder_input_ids" if shape == "t5" else "input_ids"
    handle = model.loaded.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: sizes.append(tuple(kwargs[name].shape)), with_kwargs=True
    )
    if way != "joining":
        monkeypatch.setitem(vars(model), "_decoder", None)
    if way == "generate without a cache to divide":
        monkeypatch.setattr(generate, "_of_rows", lambda cache, rows: None)
    together = model.generate(asked, sampling)
    handle.remove()
    assert together == alone
    assert len({answer.num_completion_tokens for answer in together}) > 2
    rows = [size[0] for size in sizes]
    assert rows[0] == 12 and rows == sorted(rows, reverse=True) and rows[-1] <= 6
    assert (max(length for _, length in sizes[1:]) == 1) == (way != "generate without a cache to divide")


def test_a_cache_that_holds_more_than_keys_and_values_is_made_again():
    """A state-space layer's state is not divided with its keys."""
    config = LlamaConfig(num_hidden_layers=2)
    cache, rows = DynamicCache(config=config), torch.tensor([True, False, True])
    for layer in (0, 1):
        cache.update(torch.ones(3, 1, 4, 2), torch.ones(3, 1, 4, 2), layer)
    assert generate._of_rows(cache, rows).layers[1].keys.shape == (2, 1, 4, 2)
    cache.layers[1] = LinearAttentionLayer()
    assert generate._of_rows(cache, rows) is None
    assert generate._of_rows(None, rows) is None


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_only_the_last_position_of_a_prompt_goes_through_the_head(models, shape):
    model, seen = models[shape], []
    assert model._decoder is not None  # made before the head is watched
    handle = model.loaded.model.lm_head.register_forward_pre_hook(lambda _module, args: seen.append(args[0].shape[:2]))
    model.generate(conversations(3), Sampling(max_new_tokens=2))
    handle.remove()
    assert seen == [(3, 1), (3, 1)]


HABITS = (
    {"repetition_penalty": 1.8}, {"num_beams": 4}, {"no_repeat_ngram_size": 2}, {"forced_bos_token_id": 17},
    {"forced_eos_token_id": 1}, {"do_sample": True, "temperature": 5.0}, {"begin_suppress_tokens": list(range(100, 300))},
)  # fmt: skip


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: next(iter(habit)))
@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_greedy_is_greedy_whatever_the_makers_generation_config_says(models, tmp_path, shape, habit):
    folder = save_tiny(shape, tmp_path, scale=3.0)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | habit))
    sampling = Sampling(max_new_tokens=8)
    assert answering(folder).generate(conversations(4), sampling) == models[shape].generate(conversations(4), sampling)


def test_a_stop_string_ends_generation_early(models):
    model = models["llama"]
    [whole] = model.generate(conversations(5)[-1:], Sampling(max_new_tokens=40))
    calls = []
    handle = model.loaded.model.register_forward_pre_hook(lambda *_: calls.append(1))
    model.generate(conversations(5)[-1:], Sampling(max_new_tokens=40, stop=(whole.text[:1],)))
    handle.remove()
    assert len(calls) < 5


def test_an_answer_that_hits_the_limit_says_so(models):
    [answer] = models["gpt2"].generate(conversations(3)[-1:], Sampling(max_new_tokens=3))
    assert (answer.finish_reason, answer.num_completion_tokens) == ("length", 3)


def test_a_prompt_at_the_end_of_the_context_gets_the_room_that_is_left(tmp_path):
    """GPT-2 has 24 positions here: past them there is no embedding, and generating would crash."""
    model = answering(save_tiny("gpt2", tmp_path, n_positions=64))
    asked = [
        [Message("user", text)]
        for text in ("Name it.", "Name the capital of the country. " * 2, "Name it, please. " * 40)
    ]
    lengths = [len(ids) for ids in model.prompt_ids(asked)]
    assert lengths[0] < 40 < lengths[1] < 64 < lengths[2]
    answers = model.generate(asked, Sampling(max_new_tokens=40))
    assert answers[2].finish_reason == "prompt_too_long"
    assert [answer.num_completion_tokens for answer in answers[:2]] == [min(40, 64 - length) for length in lengths[:2]]
    assert answers == [model.generate([one], Sampling(max_new_tokens=40))[0] for one in asked]
    with pytest.raises(ModelError, match="the model takes 64: start a new one"):
        list(model.stream(asked[2]))


def test_a_decoder_is_padded_in_front_and_an_encoder_behind():
    """D6: an encoder with learned positions counts them from the first column; T5, with relative ones, would not show it."""
    ids, mask = padded([[5, 6, 7], [8]], 0, in_front=False)
    assert (ids.tolist(), mask.tolist()) == ([[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]])
    ids, mask = padded([[5, 6, 7], [8]], 0, in_front=True)
    assert (ids.tolist(), mask.tolist()) == ([[5, 6, 7], [0, 0, 8]], [[1, 1, 1], [0, 0, 1]])


def test_without_padding_only_prompts_of_equal_length_share_a_batch(models):
    model = models["llama"]
    careful = LocalModel(model.loaded, model.template, Capabilities("full", False, False))
    prompts = [[1, 2, 3], [4, 5], [6, 7, 8], [9, 9]]
    assert list(careful._batches(prompts, Sampling())) == [[0, 2], [1, 3]]
    assert careful.generate(conversations(), Sampling(max_new_tokens=5)) == model.generate(
        conversations(), Sampling(max_new_tokens=5)
    )


def test_batches_have_at_most_the_batch_size_and_every_prompt_once(models):
    small = LocalModel(models["llama"].loaded, models["llama"].template, models["llama"].capabilities, batch_size=5)
    batches = list(small._batches([[0] * n for n in range(1, 13)], Sampling()))
    assert max(map(len, batches)) == 5
    assert sorted(i for batch in batches for i in batch) == list(range(12))


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_streamed_pieces_make_the_answer(models, shape):
    model, [asked] = models[shape], conversations(4)[-1:]
    [answer] = model.generate([asked], Sampling(max_new_tokens=15))
    assert "".join(model.stream(asked, Sampling(max_new_tokens=15))) == answer.text
    marker = answer.text[2:4]
    stopped = "".join(model.stream(asked, Sampling(max_new_tokens=15, stop=(marker,))))
    assert stopped == answer.text[: answer.text.index(marker)]


def test_sampling_is_repeatable_and_differs_from_greedy(model_folders):
    model, asked = answering(model_folders["llama"]), conversations(2)
    once, again, other = (model.generate(asked, Sampling(temperature=1.0, seed=seed)) for seed in (3, 3, 4))
    assert once == again != other


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_loglikelihood_is_the_sum_over_the_answer_and_its_stop_token(models, shape):
    model = models[shape]
    context = conversations(3)[-1]
    likelihoods = model.loglikelihood(context, ["Yes", "Yes it is"])
    [prompt] = model.prompt_ids([context])
    answer = [*model.loaded.tokenizer("Yes", add_special_tokens=False).input_ids, model.loaded.tokenizer.eos_token_id]
    with torch.no_grad():
        if shape == "t5":
            start = torch.tensor([[0, *answer[:-1]]])
            logits = model.loaded.model(input_ids=torch.tensor([prompt]), decoder_input_ids=start).logits[0]
        else:
            logits = model.loaded.model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    reference = logits.log_softmax(-1)[range(len(answer)), answer].sum().item()
    assert likelihoods[0] == pytest.approx(reference, abs=1e-4)


def test_every_answer_is_told_with_the_place_of_its_question(models):
    told = {}
    answers = models["gpt2"].generate(conversations(7), Sampling(max_new_tokens=2), on_answer=told.__setitem__)
    assert told == dict(enumerate(answers))
