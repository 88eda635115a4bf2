"""Pretrain the built-in base models from plain text: ``python scripts/pretrain_tiny.py gpt --corpus DIR --output DIR``.

A Llama that predicts the next token, and a T5 that a third of the time fills gaps (Raffel et al. 2020) and otherwise
continues a text (the prefix language modeling of Tay et al. 2022). Both are base models: no instruction, no answer. They
are trained by the project's own loop: bf16 with float32 masters, checkpoints, and the same command goes on after a stop.

Corpus: books (``books_*/*.txt``), stories (``african_storybook_en.jsonl``) and addresses (``us_inaugural.jsonl``), all in the
public domain or under a licence that asks for no more than the author's name, and made-up plain text (plain_text.py).
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import copying_heads as copying
import numpy as np
import torch
from plain_text import COPYING, documents
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

from tunesmith.cli.console import make_progress
from tunesmith.errors import DataError, TunesmithError
from tunesmith.files import read_jsonl, write_jsonl
from tunesmith.model.forward import Forward
from tunesmith.recipe import TrainSection
from tunesmith.rendering.collate import IGNORE_INDEX, Batch
from tunesmith.training.loop import Place, Rows, train
from tunesmith.training.objectives import OBJECTIVES
from tunesmith.training.validation import validate
from tunesmith.workflows.signals import listening

VOCABULARY = 4096
NUM_SENTINELS = 48
EOS, PAD, T5_EOS = "<|endoftext|>", "<pad>", "</s>"
NUM_MADE_UP, NUM_COPYING = 18_000, 20_000
HELD_OUT = (
    "edith-nesbit-the-book-of-dragons",
    "l-frank-baum-ozma-of-oz",
    "oscar-wilde-the-canterville-ghost",
    "arthur-conan-doyle-the-adventure-of-the-blue-carbuncle",
)
PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "-", "–": "-", "…": "...", "\u00a0": " ", "\r": None}
)


@dataclass(frozen=True)
class Setup:
    """What tells the two models apart, and how long they are trained: about five million tokens each."""

    build: Callable[[], torch.nn.Module]
    window: int
    rows_per_step: int
    max_steps: int
    learning_rate: float = 1.2e-3
    warmup_ratio: float = 0.04
    optimizer: str = "adamw"


def tiny_gpt() -> LlamaForCausalLM:
    """Six Llama layers of width 256: 5.6 million parameters."""
    shape = dict(hidden_size=256, intermediate_size=640, num_hidden_layers=6, num_attention_heads=4)
    ids = dict(bos_token_id=None, eos_token_id=0, pad_token_id=1)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=512, tie_word_embeddings=True, **shape, **ids)
    )
    copying.start_llama(model)
    return model


def tiny_t5() -> T5ForConditionalGeneration:
    """Three encoder and three decoder layers of width 256: 6.4 million parameters."""
    shape = dict(d_model=256, d_kv=64, d_ff=640, num_layers=3, num_decoder_layers=3, num_heads=4)
    ids = dict(eos_token_id=0, pad_token_id=1, decoder_start_token_id=1)
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCABULARY,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=True,
            **shape,
            **ids,
        )
    )
    _even_out(model)
    copying.start_t5(model)
    return model


@torch.no_grad()
def _even_out(model: T5ForConditionalGeneration) -> None:
    """Give weights that AdamW moves by the same step a like size, and keep what the model computes.

    T5 is initialized for an optimizer whose steps grow with the weight: embeddings of deviation 1, queries of 1/128.
    The embeddings are the output head too, whose logits keep their size by the last norm.
    """
    model.shared.weight.mul_(0.3)
    model.decoder.final_layer_norm.weight.mul_(3.0)
    for module in model.modules():
        if isinstance(module, T5Attention):
            root = math.sqrt(module.q.weight.std() / module.k.weight.std())
            module.q.weight.div_(root)
            module.k.weight.mul_(root)


SETUPS = {
    "gpt": Setup(tiny_gpt, window=512, rows_per_step=4, max_steps=1700),
    "t5": Setup(tiny_t5, window=320, rows_per_step=8, max_steps=1600, learning_rate=1.5e-3, optimizer="muon"),
}

# A fast start wipes out the heads that copy: with 10 steps of warmup in place of 50 nothing was left of them.
FIRST_STAGE = dict(max_steps=160, learning_rate=1e-3, warmup_ratio=0.33)


# -- text --------------------------------------------------------------------------------------------------------------


def read_corpus(folder: Path) -> tuple[list[str], list[str]]:
    """Texts to learn from and texts held out; quotation marks and dashes as a keyboard has them."""
    books = sorted(folder.glob("books_*/*.txt"))
    stories = [folder / name for name in ("african_storybook_en.jsonl", "us_inaugural.jsonl")]
    if not books or not all(path.is_file() for path in stories):
        raise DataError(f"{folder}: needs books_*/*.txt, african_storybook_en.jsonl and us_inaugural.jsonl.")
    named = [(path.stem, path.read_text(encoding="utf-8")) for path in books]
    named += [("", row["text"]) for path in stories for row in read_jsonl(path)]
    texts = [(name in HELD_OUT, re.sub(r"\n{3,}", "\n\n", text.translate(PLAIN)).strip()) for name, text in named]
    return [text for held, text in texts if not held], [text for held, text in texts if held]


def common_words(texts: Sequence[str]) -> list[str]:
    """Everyday words of the texts, most frequent first."""
    counts = Counter(word for text in texts for word in re.findall(r"\b[a-z]{3,10}\b", text))
    return [word for word, _ in counts.most_common(3000)]


def common_names(texts: Sequence[str]) -> list[str]:
    """Words inside sentences that are nearly always written with a capital, most frequent first."""
    counts = Counter(word for text in texts for word in re.findall(r"(?<=[a-z,] )[A-Za-z][a-z]{2,9}\b", text))
    capitalized = [word for word in counts if word[0].isupper() and counts[word] > 30 * counts[word.lower()]]
    return sorted(capitalized, key=lambda word: (-counts[word], word))[:600]


def train_tokenizer(texts: Sequence[str], *, for_t5: bool) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which every digit is a token; T5's ends each text and knows the names of gaps."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\d"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    eos = T5_EOS if for_t5 else EOS
    gaps = [f"<extra_id_{k}>" for k in range(NUM_SENTINELS)] if for_t5 else []
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[eos, PAD, *gaps],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if for_t5:
        tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {eos}", special_tokens=[(eos, 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=eos, pad_token=PAD, extra_special_tokens=gaps, model_max_length=512
    )


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """All texts as one row of ids, each ended by eos."""
    ids: list[int] = []
    for encoding in tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False):
        ids += [*encoding.ids, tokenizer.eos_token_id]
    return np.array(ids, dtype=np.int64)


def windows(ids: np.ndarray, length: int) -> np.ndarray:
    """(rows, length); what is left at the end is not used."""
    return ids[: len(ids) // length * length].reshape(-1, length)


# -- batches -----------------------------------------------------------------------------------------------------------


def causal_rows(rows: np.ndarray) -> Rows:
    """Rows that predict their next token. Three batches of four are cut in half, which is faster to attend over."""

    def batch_of(chosen: Sequence[int]) -> Batch:
        ids = torch.from_numpy(rows[list(chosen)])
        if chosen[0] % 4:
            ids = ids.reshape(2 * len(chosen), -1)
        targets = torch.full_like(ids, IGNORE_INDEX)
        targets[:, :-1] = ids[:, 1:]
        return Batch(ids, torch.ones_like(ids), targets)

    return Rows([rows.shape[1]] * len(rows), batch_of)


def seq2seq_rows(rows: np.ndarray, tokenizer: PreTrainedTokenizerFast) -> Rows:
    """Rows with gaps to fill, and rows to continue; which and where is fixed by the number of the row."""
    first_gap = tokenizer.convert_tokens_to_ids("<extra_id_0>")
    eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id

    def batch_of(chosen: Sequence[int]) -> Batch:
        pairs = [corrupt(rows[i].tolist(), np.random.default_rng([7, i]), first_gap, eos) for i in chosen]
        inputs, answers = ([torch.tensor(ids) for ids in side] for side in zip(*pairs, strict=True))
        shifted = [torch.cat([torch.tensor([pad]), ids[:-1]]) for ids in answers]
        return Batch(
            _pad(inputs, pad),
            _pad([torch.ones_like(ids) for ids in inputs], 0),
            _pad(answers, IGNORE_INDEX),
            decoder_input_ids=_pad(shifted, pad),
            decoder_attention_mask=_pad([torch.ones_like(ids) for ids in answers], 0),
        )

    return Rows([rows.shape[1]] * len(rows), batch_of)


def corrupt(ids: list[int], rng: np.random.Generator, first_gap: int, eos: int) -> tuple[list[int], list[int]]:
    """(what the encoder reads, what the decoder writes): a text with gaps of about three tokens in 15 % of it, or the
    first part of a text and the rest of it."""
    if rng.random() < 0.65:
        cut = int(rng.integers(len(ids) // 10, 6 * len(ids) // 10))
        return [*ids[:cut], eos], [*ids[cut:], eos]
    starts = np.sort(rng.choice(len(ids) // 6, size=max(1, round(len(ids) * 0.15 / 3)), replace=False)) * 6
    encoder, decoder, end = [], [], 0
    for gap, start in enumerate(starts.tolist()):
        length = int(rng.integers(1, 6))
        encoder += [*ids[end:start], first_gap + gap]
        decoder += [first_gap + gap, *ids[start : start + length]]
        end = start + length
    return [*encoder, *ids[end:], eos], [*decoder, eos]


def _pad(rows: Sequence[torch.Tensor], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)


# -- the run -----------------------------------------------------------------------------------------------------------


class Folder:
    """Where a pretraining keeps the checkpoints and the log of each of its stages, and its result."""

    def __init__(self, path: Path):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def place(self, stage: str) -> Place:
        log = self.path / f"metrics-{stage}.jsonl"
        return Place(self.path / f"checkpoints-{stage}", partial(self._append, log), partial(self._truncate, log))

    def _append(self, log: Path, row: dict[str, Any]) -> None:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    def _truncate(self, log: Path, step: int, validated_step: int) -> None:
        if log.is_file():
            known = {True: validated_step, False: step}
            rows = [row for row in read_jsonl(log) if row["step"] <= known["validation_loss" in row]]
            write_jsonl(log, rows)


def pretrain(name: str, corpus: Path, output: Path) -> None:
    """Train, or go on training, and write ``output/model`` with its model card; a finished one is only written again.

    First on repetitions alone, so that the heads that can copy are of use before other lessons wear them down; then on
    everything.
    """
    setup, console, folder = SETUPS[name], make_progress(), Folder(output)
    texts, held_out = read_corpus(corpus)
    words = common_words(texts), common_names(texts)
    made_up = list(islice(documents(0, *words), NUM_MADE_UP))
    repeated = list(islice(documents(1, *words, every=COPYING), NUM_COPYING))
    tokenizer = train_tokenizer([*texts, *made_up], for_t5=name == "t5")
    real, invented, copies, kept = (encode(part, tokenizer) for part in (texts, made_up, repeated, held_out))
    console.say(f"{len(real):,} tokens of books, {len(invented) + len(copies):,} made up, {len(kept):,} held out")
    cuts = [windows(part, setup.window) for part in (real, invented, copies)]
    held_rows = _rows(windows(kept, setup.window)[:200], name, tokenizer)
    torch.manual_seed(0)
    model = setup.build()
    forward = Forward(model, head="full")
    stages = {
        "copying": (cuts[2], replace(setup, **FIRST_STAGE)),
        "all": (np.concatenate(cuts), setup),
    }
    with listening() as stop, stop.patiently():
        for stage, (cut, chosen) in stages.items():
            train(
                forward,
                OBJECTIVES["sft"](),
                _rows(cut, name, tokenizer),
                held_rows,
                _section(chosen),
                folder.place(stage),
                progress=console,
                fingerprint={"model": name, "stage": stage, "tokens": int(cut.sum())},
                resume=True,
                should_stop=stop.requested,
            )
    save(model, tokenizer, output / "model")
    found = facts(forward, held_rows, model, len(kept), held_out)
    found |= {"num_tokens": {"books": len(real), "made up": len(invented) + len(copies)}, "setup": setup}
    (output / "model" / "README.md").write_text(model_card(name, found, corpus), encoding="utf-8")
    console.say(f"Held-out loss {found['held_out_loss']:.3f} per token; the model is in {output / 'model'}")


def _rows(cut: np.ndarray, name: str, tokenizer: PreTrainedTokenizerFast) -> Rows:
    return causal_rows(cut) if name == "gpt" else seq2seq_rows(cut, tokenizer)


def _section(setup: Setup) -> TrainSection:
    return TrainSection(
        max_steps=setup.max_steps,
        per_device_train_batch_size=setup.rows_per_step,
        optimizer=setup.optimizer,
        learning_rate=setup.learning_rate,
        warmup_ratio=setup.warmup_ratio,
        weight_decay=0.1,
        precision="bf16",
        logging_steps=50,
        eval_steps=500,
        save_steps=250,
    )


def save(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write an ordinary folder of bf16 weights, tokenizer and config, with the rights of any other file."""
    model.to(torch.bfloat16).save_pretrained(folder)
    if isinstance(model, T5ForConditionalGeneration):
        begin_words(tokenizer)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def begin_words(tokenizer: PreTrainedTokenizerFast) -> None:
    """Let a text begin like a word in the middle of one, as with T5's own tokenizer: an answer that repeats a word of its
    question is then made of the same tokens."""
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Prepend(" ")
    backend.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])


def facts(
    forward: Forward, held_rows: Rows, model: torch.nn.Module, num_held_out_tokens: int, held_out: Sequence[str]
) -> dict[str, Any]:
    """What the model card says in figures: the held-out loss, in nats a target, of the weights as they are saved."""
    pairs = [range(i, i + 2) for i in range(0, len(held_rows) - 1, 2)]
    result = validate(forward, OBJECTIVES["sft"](), [lambda pair=pair: held_rows.collate(pair) for pair in pairs])
    return {
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "held_out_loss": result.loss,
        "num_held_out_targets": result.num_supervised_tokens,
        "bytes_per_token": sum(len(text.encode()) for text in held_out) / num_held_out_tokens,
    }


# -- the model card ----------------------------------------------------------------------------------------------------

CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
language: en
license: apache-2.0
tags: [base-model, tiny]
---

# tunesmith/tiny-{name}

{what} It is a *base* model: it continues text and was never trained on an instruction or an answer. Tunesmith ships it so that
the quickstart and the tests run without a network; it knows nothing worth asking about.

| | |
|---|---|
| Architecture | {architecture} |
| Parameters | {num_parameters:,} (bfloat16) |
| Vocabulary | {vocabulary:,} (byte-level BPE, every digit its own token) |
| Longest text it was trained on | {window} tokens |
| Pretraining | {first_steps:,} steps on repetitions alone, then {max_steps:,} on everything, {tokens_per_step:,} tokens each; \
{optimizer}, learning rate {learning_rate:g}, cosine |
| Text | {books:,} tokens of books and stories, {made_up:,} made up |
| Held-out loss | {held_out_loss:.3f} nats per target over {num_held_out_targets:,} targets{bits} |

Held out were {held_out}.

Made by `python scripts/pretrain_tiny.py {name} --corpus DIR --output DIR` from the texts below and from plain text made up by
`scripts/plain_text.py`: stories with invented names, word lists, sums in words, lines of JSON beside the sentence they came
from, and lists that are read out again in another order. A few attention heads start out able to copy
(`scripts/copying_heads.py`), as so few tokens would not teach it. No text of the quickstart is in it (checked by runs of 13 words: `scripts/make_quickstart.py --check-corpus`).

## Not for

Facts, advice, or anything a person relies on. The books are old, and so are some of their opinions of people.

## Sources

Books, in the public domain in the United States:

{books_list}

Addresses of the presidents of the United States at their inauguration, works of the US government, in the public domain.

Stories of the African Storybook, used under the Creative Commons Attribution licence (CC BY), by title and author:

{stories_list}
"""
WHAT = {
    "gpt": "A Llama with 5.6 million parameters that continues English text.",
    "t5": "A T5 with 6.4 million parameters that fills gaps in English text and continues it.",
}


def model_card(name: str, found: dict[str, Any], corpus: Path) -> str:
    """The README.md beside the weights: what it is, what it was made of, and whose work that is."""
    setup = found["setup"]
    bits = ""
    if name == "gpt":
        bits = f" ({found['held_out_loss'] / math.log(2) / found['bytes_per_token']:.3f} bits per byte)"
    books = sorted(f"- {row['title']}, {row['author']}" for row in read_jsonl(corpus / "books_manifest.jsonl"))
    stories = sorted(f"{row['title']} ({row['author']})" for row in read_jsonl(corpus / "african_storybook_en.jsonl"))
    return CARD.format(
        name=name,
        what=WHAT[name],
        architecture=type(setup.build()).__name__,
        num_parameters=found["num_parameters"],
        vocabulary=VOCABULARY,
        window=setup.window,
        first_steps=FIRST_STAGE["max_steps"],
        max_steps=setup.max_steps,
        tokens_per_step=setup.window * setup.rows_per_step,
        optimizer=setup.optimizer,
        learning_rate=setup.learning_rate,
        books=found["num_tokens"]["books"],
        made_up=found["num_tokens"]["made up"],
        held_out_loss=found["held_out_loss"],
        num_held_out_targets=found["num_held_out_targets"],
        bits=bits,
        held_out=", ".join(HELD_OUT),
        books_list="\n".join(books),
        stories_list="; ".join(stories) + ".",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(SETUPS))
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the texts")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints, log and the model")
    parser.add_argument("--num-threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.num_threads)
    try:
        pretrain(chosen.model, chosen.corpus, chosen.output)
    except TunesmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
