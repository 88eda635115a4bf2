"""Rows and batches of random ids for tests of the forward and the loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from tunesmith.model.forward import Forward
from tunesmith.model.load import LoadedModel, load_model
from tunesmith.recipe import ModelSection
from tunesmith.rendering.collate import Batch, collate
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import Rows

LENGTHS = (5, 31, 12, 9, 22, 7, 16, 3, 27, 11, 8, 19, 14)


def load(folder: Path) -> LoadedModel:
    return load_model(ModelSection(name_or_path=str(folder)))


def forward_of(loaded: LoadedModel) -> Forward:
    return Forward(loaded.model, head="hooked")


def random_examples(
    kind: str, lengths: Sequence[int] = LENGTHS, *, seed: int = 0, vocabulary: int = 380
) -> list[Encoded]:
    """One example per length; a different share of each is supervised."""
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for number, length in enumerate(lengths):
        ids = torch.randint(2, vocabulary, (length,), generator=generator).tolist()
        start = 1 + number % max(1, length - 1)
        supervised = [position >= start for position in range(length)]
        answer = torch.randint(2, vocabulary, (1 + length // 2,), generator=generator).tolist()
        source = supervised if kind == "causal" else [False] * length
        target_ids = None if kind == "causal" else answer
        examples.append(Encoded(f"r{number}", ids, source, text="", supervised_text="", target_ids=target_ids))
    return examples


def batch_of(loaded: LoadedModel, examples: Sequence[Encoded], *, packed: bool = False) -> Batch:
    rows = [tuple(examples)] if packed else [(example,) for example in examples]
    return collate(rows, pad_token_id=loaded.pad_token_id, decoder_start_token_id=loaded.decoder_start_token_id)


def rows_of(loaded: LoadedModel, examples: Sequence[Encoded]) -> Rows:
    lengths = [len(example.input_ids) for example in examples]
    return Rows(lengths, lambda chosen: batch_of(loaded, [examples[i] for i in chosen]))
