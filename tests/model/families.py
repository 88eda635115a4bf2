"""Tiny random models of many families of the installed transformers, and a table of what the probe finds on each.

python -m tests.model.families        prints the table, in Markdown
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from tests.models import tiny_tokenizer
from tunesmith.errors import TunesmithError
from tunesmith.model.load import LoadedModel, load_model, quiet_libraries
from tunesmith.model.probe import Capabilities, probe
from tunesmith.recipe import ModelSection

VOCABULARY = 400  # some families' tokenizers add a token or two of their own
COMMON = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=128, bos_token_id=1, eos_token_id=1, pad_token_id=0,
)  # fmt: skip
GROUPED = COMMON | dict(num_key_value_heads=2)
EXPERTS = GROUPED | dict(num_experts=4, num_local_experts=4, num_experts_per_tok=2, moe_intermediate_size=32)
ENCODER_DECODER = dict(
    vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=128, bos_token_id=1, eos_token_id=1, pad_token_id=0,
    decoder_start_token_id=0, forced_eos_token_id=None,
)  # fmt: skip
T5_LIKE = dict(
    vocab_size=VOCABULARY,
    d_model=32,
    d_kv=8,
    d_ff=64,
    num_layers=2,
    num_heads=4,
    decoder_start_token_id=0,
    pad_token_id=0,
)

FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": dict(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=1
    ),
    "gpt_neo": COMMON | dict(num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=4),
    "gpt_neox": COMMON,
    "gptj": dict(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        rotary_dim=4,
        bos_token_id=1,
        eos_token_id=1,
    ),
    "codegen": dict(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        rotary_dim=4,
        bos_token_id=1,
        eos_token_id=1,
    ),
    "opt": COMMON | dict(ffn_dim=64, word_embed_proj_dim=32),
    "bloom": dict(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=1, pad_token_id=0
    ),
    "mpt": dict(vocab_size=VOCABULARY, d_model=32, n_layers=2, n_heads=4, max_seq_len=128),
    "falcon": COMMON,
    "llama": GROUPED,
    "mistral": GROUPED | dict(sliding_window=4),
    "ministral": GROUPED | dict(sliding_window=4, head_dim=8),
    "mixtral": EXPERTS | dict(sliding_window=None),
    "qwen2": GROUPED,
    "qwen2_moe": EXPERTS | dict(shared_expert_intermediate_size=32),
    "qwen3": GROUPED | dict(head_dim=8),
    "qwen3_moe": EXPERTS | dict(head_dim=8),
    "gemma": GROUPED | dict(head_dim=8),
    "gemma2": GROUPED | dict(head_dim=8, sliding_window=4),
    "gemma3_text": GROUPED | dict(head_dim=8, sliding_window=4),
    "phi": COMMON,
    "phi3": GROUPED,
    "stablelm": GROUPED,
    "starcoder2": GROUPED,
    "gpt_bigcode": dict(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=1
    ),
    "olmo": GROUPED,
    "olmo2": GROUPED,
    "olmoe": EXPERTS,
    "cohere": GROUPED,
    "granite": GROUPED | dict(logits_scaling=4.0),
    "glm4": GROUPED | dict(head_dim=8),
    "smollm3": GROUPED,
    "nemotron": GROUPED,
    "mamba": dict(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=8, pad_token_id=0, eos_token_id=1
    ),
    "recurrent_gemma": COMMON
    | dict(num_hidden_layers=3, lru_width=32, attention_window_size=4, num_key_value_heads=1, head_dim=8),
    "t5": T5_LIKE,
    "mt5": T5_LIKE,
    "umt5": T5_LIKE,
    "longt5": T5_LIKE | dict(local_radius=7),
    "bart": ENCODER_DECODER,
    "mbart": ENCODER_DECODER,
    "pegasus": ENCODER_DECODER,
    "marian": ENCODER_DECODER,
    "blenderbot": ENCODER_DECODER,
}


def save_family(family: str, folder: Path) -> LoadedModel:
    """A tiny random model of the family, saved and loaded again as a user's would be."""
    quiet_libraries()
    config = AutoConfig.for_model(family, **FAMILIES[family])
    torch.manual_seed(0)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # Predictions of a model as initialized are so even that a leak would hardly show.
            parameter.mul_(4.0 if parameter.ndim > 1 else 1.0)
    model.save_pretrained(folder)
    tiny_tokenizer(adds_eos=config.is_encoder_decoder).save_pretrained(folder)
    return load_model(ModelSection(name_or_path=str(folder)))


def describe(family: str, folder: Path) -> tuple[str, Capabilities | str]:
    """The kind of a family and what the probe finds, or the one line it is refused with."""
    try:
        loaded = save_family(family, folder)
        return loaded.kind, probe(loaded)
    except TunesmithError as error:
        return "n/a", str(error).replace(str(folder), family)


def main() -> None:
    yes = {True: "yes", False: "no"}
    print("| family | kind | head | packing | prompts of several lengths in a batch |\n|---|---|---|---|---|")
    started = time.perf_counter()
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            kind, found = describe(family, Path(folder))
        if isinstance(found, str):
            print(f"| {family} | refused: {found} | | | |")
            continue
        packing = "n/a" if kind == "seq2seq" else yes[found.can_pack]
        print(f"| {family} | {kind} | {found.head} | {packing} | {yes[found.can_batch_prompts]} |", flush=True)
    print(f"\n{len(FAMILIES)} families in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
