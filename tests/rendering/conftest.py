"""Small tokenizers of the three kinds there are, trained here, the real ones, and chat templates like models have."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GPT2Tokenizer, PreTrainedTokenizerFast

from tunesmith.records import Message, Record

TEXT = [
    "Once upon a time there was a small bird who could not sing, and it asked the old owl for help.",
    "User:\nWhat is the capital of France?\n\nAssistant:\nParis is the capital of France.\n\n",
    "### Instruction:\nName three colors.\n\n### Response:\nred, green, blue\n\n",
    '{"name": "get_weather", "arguments": {"city": "Berlin"}}',
    "system user assistant tool think 12 345 !?.,;:()",
]


@pytest.fixture(scope="session")
def byte_level() -> PreTrainedTokenizerFast:
    """GPT-2-like: bytes, no BOS added, one special token."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        TEXT * 3, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"])
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


@pytest.fixture(scope="session")
def with_chatml_tokens(byte_level) -> PreTrainedTokenizerFast:
    """The same with <|im_start|> and <|im_end|>, and an eos that is another token."""
    tokens = ["<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(byte_level.backend_tokenizer.to_str()),
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    )
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    return tokenizer


def _metaspace_backend(scheme: str) -> Tokenizer:
    backend = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.train_from_iterator([line.replace("\n", " ") for line in TEXT * 3], trainer)
    state = json.loads(backend.to_str())  # byte pieces are words of the model, not tokens that are looked for in a text
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    backend = Tokenizer.from_str(json.dumps(state))
    if scheme == "prepend":
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        backend.pre_tokenizer = None
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return backend


@pytest.fixture(scope="session", params=["prepend", "first", "always"])
def metaspace(request) -> PreTrainedTokenizerFast:
    """Llama-like, in three versions: a space in front of a text, BOS added, bytes for unknown characters."""
    return PreTrainedTokenizerFast(
        tokenizer_object=_metaspace_backend(request.param), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


@pytest.fixture(scope="session")
def t5_like() -> PreTrainedTokenizerFast:
    """Unigram over words, </s> added at the end, no BOS."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\n", " ")])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    backend.train_from_iterator(TEXT * 3, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


@pytest.fixture(scope="session")
def gpt2(shared: Path) -> GPT2Tokenizer:
    folder = shared / "models/gpt2-tokenizer"
    return GPT2Tokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))


@pytest.fixture(scope="session")
def stories(shared: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(shared / "models/stories260K")


@pytest.fixture
def own():
    """Gives a tokenizer a chat template of its own for one test."""
    changed = []

    def give(tokenizer, source: str):
        changed.append((tokenizer, tokenizer.chat_template))
        tokenizer.chat_template = source
        return tokenizer

    yield give
    for tokenizer, before in reversed(changed):
        tokenizer.chat_template = before


# Conversations


def talk(*turns: str, system: str = "", **fields) -> Record:
    """A record of user and assistant in turn."""
    head = (Message("system", system),) if system else ()
    messages = tuple(Message("assistant" if i % 2 else "user", turn) for i, turn in enumerate(turns))
    return Record(fields.pop("id", "r"), head + messages, source=fields.pop("source", "data.jsonl:7"), **fields)


PIECES = [
    *("hello", "Hello", " ", "  ", "\n", "\n\n", "\t", ".", "?!", "the", " the", "cat", "a" * 9),
    *("0", "1234", "_", "<", ">", "|", "</"),
    *("é", "ß", "中文", "日本", "🙂", "👩‍👩‍👧", "العربية", "Ж", "\u00a0", "\u200b", "\r\n", "'s", "don't", "{}"),
    *("[/INST]", "User:", "Assistant:\n", "### Response:\n"),
]  # fmt: skip


def random_text(chance: random.Random, most: int = 8) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, most)))


def random_talk(chance: random.Random, number: int) -> Record:
    """One to four exchanges, with a system message in one of three."""
    turns = [random_text(chance) for _ in range(2 * chance.randint(1, 4))]
    return talk(
        *turns,
        system=random_text(chance) if chance.random() < 0.3 else "",
        id=f"r{number}",
        source=f"data.jsonl:{number}",
    )


# Templates in the manner of well-known models

LLAMA3 = (
    "{{- bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n\n' + "
    "message['content'] | trim + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
QWEN3 = """{%- set ns = namespace(last=-1) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if loop.index0 > ns.last and (loop.last or message.reasoning_content) %}
            {{- '<think>\n' + (message.reasoning_content or '') | trim + '\n</think>\n\n' }}
        {%- endif %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\n<tool_call>\n' + (call.function | tojson) + '\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant') }}
    {%- endif %}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
    {{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = '<<SYS>>\n' + "
    "messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{% for m in rest %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + (system if loop.first else '') + "
    "m['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
SILENT_ABOUT_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ 'Q: ' + m.content + '\n' }}{% elif m.role == 'assistant' %}"
    "{{ 'A: ' + m.content + eos_token + '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'A: ' "
    "}}{% endif %}"
)
BRACKETS = (
    "{% for m in messages %}{{ '[' + m['role'] + ']\n' }}{% if m['role'] == 'assistant' %}{% generation %}{{ "
    "m['content'] + eos_token }}"
    "{% endgeneration %}{{ '\n' }}{% else %}{{ m['content'] + '\n' }}{% endif %}{% endfor %}{% if "
    "add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"
)
FORGETFUL = """{{- bos_token }}
{%- for m in messages %}
    {%- if m.tool_calls and m.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}
    {{- '[' + m.role + ']\n' }}
    {{- m.tool_calls[0].function | tojson if m.tool_calls else m.content | tojson if m.role == 'tool' else m.content }}
    {{- (eos_token if m.role == 'assistant' else '') + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"""
