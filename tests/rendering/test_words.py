"""Word by word gives the ids of the tokenizer itself, on every kind of text it is used for."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, normalizers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split
from transformers import PreTrainedTokenizerFast

from tests.rendering.conftest import PIECES, random_talk
from tunesmith.rendering import words
from tunesmith.rendering.render import render_all
from tunesmith.rendering.templates import BUILT_IN, load_template
from tunesmith.rendering.tokenize import encode
from tunesmith.rendering.words import Words, words_of

BY_GPT2, BY_NOTHING = (ByteLevel(add_prefix_space=False, use_regex=use_regex) for use_regex in (True, False))
KINDS = {
    "gpt2": (BY_GPT2, None),
    "digits apart": (Sequence([Digits(individual_digits=True), BY_GPT2]), None),
    "numbers apart": (Sequence([Split(Regex(r"\p{N}"), "isolated"), BY_GPT2]), None),
    "llama3": (Sequence([Split(Regex(words.WORDS[0]), "isolated"), BY_NOTHING]), None),
    "qwen": (Sequence([Split(Regex(words.WORDS[1]), "isolated"), BY_NOTHING]), normalizers.NFC()),
    "qwen3.5": (Sequence([Split(Regex(words.WORDS[2]), "isolated"), BY_NOTHING]), normalizers.NFC()),
}
HARD = ["a", "B", "'", ".", " ", "\n", "1", "é", "\u00a0", "\u0301", "s", "\t"]
NASTY = [
    *HARD,
    *PIECES,
    "'LL",
    "\x1c",
    "\x85",
    "\u2028",
    "“",
    "…",
    "e\u0301",
    "=\u0338",
    "ſ",
    "Ⅷ",
    "٣",
    "\x00",
    "<|end",
]


def changed(tokenizer, pre_tokenizer, normalizer=None) -> PreTrainedTokenizerFast:
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.pre_tokenizer, backend.normalizer = pre_tokenizer, normalizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def same_ids(tokenizer, texts) -> bool:
    known = words_of(tokenizer, len(tokenizer))
    return known.ids(texts) == tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_short_texts_of_hard_characters_have_the_tokenizers_ids(kind, gpt2):
    tokenizer = changed(gpt2, *KINDS[kind])
    assert same_ids(tokenizer, ["".join(text) for k in (1, 2, 3) for text in itertools.product(HARD, repeat=k)])


@pytest.mark.parametrize("kind", KINDS)
def test_random_texts_have_the_tokenizers_ids(kind, gpt2):
    chance = random.Random(3)
    texts = ["".join(chance.choice(NASTY) for _ in range(chance.randint(1, 12))) for _ in range(1500)]
    assert same_ids(changed(gpt2, *KINDS[kind]), texts)


def test_added_tokens_are_found_as_the_tokenizer_finds_them_even_where_they_overlap(gpt2):
    tokenizer = changed(gpt2, BY_GPT2)
    tokenizer.add_tokens(["<tool>", "ab", "<|end", "a b", "text|>n", AddedToken("<|x|>", normalized=False)])
    chance, parts = random.Random(4), [*NASTY, "<|endoftext|>", "<|x|>", "<tool>", "ab", "a b", "n", "|>"]
    assert same_ids(
        tokenizer, ["".join(chance.choice(parts) for _ in range(chance.randint(1, 9))) for _ in range(1500)]
    )


@pytest.mark.parametrize("kind", ["gpt2", "llama3"])
def test_real_rows_have_the_tokenizers_ids(kind, gpt2, shared):
    texts = []
    for name in ("alpaca_gpt4_en_demo", "code_alpaca_2k", "alpaca_zh_demo"):
        with open(shared / f"data/instructions/{name}.jsonl", encoding="utf-8") as lines:
            texts += [row["output"] for line, _ in zip(lines, range(150)) if (row := json.loads(line))["output"]]
    assert same_ids(changed(gpt2, *KINDS[kind]), texts)


@pytest.mark.parametrize("name", BUILT_IN)
def test_ids_and_flags_are_those_of_whole_segments(name, gpt2, monkeypatch):
    template, chance = load_template(name, tokenizer=gpt2), random.Random(6)
    renderings = [one for found in render_all([random_talk(chance, i) for i in range(100)], template) for one in found]
    settings = {"kind": "causal", "max_length": 10**6, "over_length": "raise"}
    by_words = encode(renderings, gpt2, template, **settings)
    monkeypatch.setattr("tunesmith.rendering.tokenize.words_of", lambda tokenizer, num_tokens: None)
    assert by_words == encode(renderings, gpt2, template, **settings)


def test_a_word_is_given_to_the_tokenizer_once(gpt2, monkeypatch):
    given, original = [], Words._ids_of
    monkeypatch.setattr(Words, "_ids_of", lambda self, new: given.extend(new) or original(self, new))
    known = Words(gpt2, gpt2.added_tokens_decoder)
    known.ids(["the cat, the cat", "a cat"])
    known.ids(["the cat<|endoftext|>"])
    assert given == ["the", " cat", ",", " the", "a"]


def test_what_is_remembered_is_bounded(gpt2, monkeypatch):
    monkeypatch.setattr(words, "MOST_CHARACTERS", 100)
    known = Words(gpt2, gpt2.added_tokens_decoder)
    for number in range(50):
        (ids,) = known.ids([f"word{number}"])
        assert ids == gpt2(f"word{number}")["input_ids"]
        assert known.num_characters == sum(map(len, known.known.keys() - known.tokens)) <= 110


@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        None,
        BY_NOTHING,
        ByteLevel(add_prefix_space=True),
        Sequence([Split(Regex(r"\w+ \w+|\s+"), "isolated"), BY_NOTHING]),
        Sequence([Split(Regex(words.WORDS[0]), "removed", invert=True), BY_NOTHING]),
        Sequence([Split(" ", "isolated"), BY_GPT2]),
    ],
    ids=["none", "no words", "space first", "unknown words", "removed", "by a text"],
)
def test_a_tokenizer_that_may_cut_otherwise_is_left_alone(pre_tokenizer, gpt2):
    tokenizer = changed(gpt2, BY_GPT2)
    if pre_tokenizer is None:
        tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    else:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizer
    assert words_of(tokenizer, len(tokenizer)) is None


@pytest.mark.parametrize("kind", [{"lstrip": True}, {"rstrip": True}, {"single_word": True}])
def test_a_tokenizer_with_a_token_that_looks_around_itself_is_left_alone(kind, gpt2):
    tokenizer = changed(gpt2, BY_GPT2)
    tokenizer.add_tokens([AddedToken("<mask>", **kind)])
    assert words_of(tokenizer, len(tokenizer)) is None


def test_tokenizers_of_other_models_are_left_alone(metaspace, t5_like, stories):
    assert [words_of(tokenizer, len(tokenizer)) for tokenizer in (metaspace, t5_like, stories)] == [None] * 3
