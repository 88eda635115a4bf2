"""Tiny random models of the three shapes everything is tested on, saved as ordinary Hugging Face folders."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

SHAPES = ("llama", "gpt2", "t5")
VOCABULARY = 384
TEXT = [
    "Name the capital of the country. The answer is short and clear.",
    "Write one sentence about the weather in spring, and sort these words: pear, apple, plum.",
    "What is two plus three? Two plus three is five. Is that right? Yes, it is!",
    "Translate: good morning -> guten Morgen; thank you -> danke; 1234567890 (a+b)*c = [x, y]",
    "### Instruction: ### Response: <|im_start|>user assistant system\n\n",
]


def tiny_tokenizer(*, adds_eos: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on a few sentences; ``adds_eos`` makes it end every text with eos, as T5's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    if adds_eos:
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")


def tiny_model(shape: str, *, seed: int = 0, **changes) -> torch.nn.Module:
    """A random two-layer model; ``changes`` go into its config."""
    torch.manual_seed(seed)
    if shape == "llama":
        config = dict(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
        )
        config |= dict(max_position_embeddings=512, bos_token_id=None, eos_token_id=1, pad_token_id=0) | changes
        return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **config))
    if shape == "gpt2":
        config = dict(n_embd=32, n_layer=2, n_head=4, n_positions=512, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
        config |= dict(bos_token_id=1, eos_token_id=1) | changes
        return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **config))
    config = dict(d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.0, decoder_start_token_id=0)
    config |= dict(pad_token_id=0, eos_token_id=1) | changes
    return T5ForConditionalGeneration(T5Config(vocab_size=VOCABULARY, **config))


def save_tiny(shape: str, folder: Path, *, seed: int = 0, scale: float = 1.0, **changes) -> Path:
    """A tiny model and its tokenizer in a folder; ``scale`` above 1 makes its logits far apart, so that greedy is clear-cut."""
    model = tiny_model(shape, seed=seed, **changes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale if parameter.ndim > 1 else 1.0)
    model.save_pretrained(folder)
    tiny_tokenizer(adds_eos=shape == "t5").save_pretrained(folder)
    return folder
