"""Examples to batches: padding on the right, and targets already aligned with the logits that predict them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from tunesmith.rendering.tokenize import Encoded

IGNORE_INDEX = -100
"""Target of a position that nothing is learned from."""

Packed = tuple[Encoded, ...]
"""The documents that share one row; a row of its own is a tuple of one."""


@dataclass(frozen=True)
class Batch:
    """What one forward takes.

    Attributes:
        input_ids: (batch, length) token ids; for an encoder-decoder model the encoder's.
        attention_mask: (batch, length) 1 for a token, 0 for padding; made from lengths, never from ids.
        targets: (batch, target length) ``targets[t]`` is what ``logits[t]`` should predict, or `IGNORE_INDEX`.
        decoder_input_ids: (batch, target length) for an encoder-decoder model, else None.
        decoder_attention_mask: (batch, target length) likewise.
        document_ids: (batch, length) 1, 2 … over the documents packed into a row and 0 over padding; None where each
            row is one document.
        record_ids: whose documents these are, in the order of the rows.
        tasks: what task each of them belongs to.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    targets: torch.Tensor
    decoder_input_ids: torch.Tensor | None = None
    decoder_attention_mask: torch.Tensor | None = None
    document_ids: torch.Tensor | None = None
    record_ids: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def supervised(self) -> torch.Tensor:
        """(batch, target length) True where there is something to predict."""
        return self.targets != IGNORE_INDEX

    @property
    def num_supervised(self) -> int:
        return int(self.supervised.sum())

    @property
    def documents_of_supervised(self) -> torch.Tensor:
        """(num_supervised,) whose token each supervised position is: its number in ``record_ids``."""
        numbers = torch.arange(len(self.targets), device=self.targets.device)[:, None].expand_as(self.targets)
        if self.document_ids is not None:
            counts = self.document_ids.amax(1)
            numbers = (counts.cumsum(0) - counts)[:, None] + self.document_ids - 1
        return numbers[self.supervised]

    @property
    def num_tokens(self) -> int:
        """Tokens that are no padding, on both sides."""
        decoder = 0 if self.decoder_attention_mask is None else int(self.decoder_attention_mask.sum())
        return int(self.attention_mask.sum()) + decoder

    @property
    def position_ids(self) -> torch.Tensor:
        """(batch, length) 0, 1, 2 … over each document; they start again where the next one starts."""
        position = torch.arange(self.input_ids.shape[1], device=self.input_ids.device).expand_as(self.input_ids)
        if self.document_ids is None:
            return position
        starts = torch.zeros_like(position)
        starts[:, 1:] = torch.where(self.document_ids[:, 1:] != self.document_ids[:, :-1], position[:, 1:], 0)
        return position - starts.cummax(dim=1).values

    def block_mask(self, dtype: torch.dtype) -> torch.Tensor:
        """(batch, 1, length, length) added to attention scores: 0 for earlier tokens of the same document, else the lowest number."""
        assert self.document_ids is not None
        same = self.document_ids[:, :, None] == self.document_ids[:, None, :]
        visible = (same & torch.ones_like(same[0]).tril())[:, None]
        return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(
            ~visible, torch.finfo(dtype).min
        )

    def flat(self) -> Batch:
        """The same documents one after another in a single row, in the same order, without padding."""
        assert self.decoder_input_ids is None
        real = self.attention_mask.bool()
        numbers = torch.arange(1, len(real) + 1, device=real.device)[:, None].expand_as(self.input_ids)
        if self.document_ids is not None:
            counts = self.document_ids.amax(1)
            numbers = (counts.cumsum(0) - counts)[:, None] + self.document_ids
        moved = {name: getattr(self, name)[real][None] for name in ("input_ids", "attention_mask", "targets")}
        return replace(self, **moved, document_ids=numbers[real][None])

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        if self.input_ids.device == torch.device(device):
            return self
        return Batch(**{name: _moved(value, device) for name, value in vars(self).items()})


def _moved(value, device):
    return value.to(device) if isinstance(value, torch.Tensor) else value


def collate(rows: Sequence[Packed], *, pad_token_id: int, decoder_start_token_id: int | None = None) -> Batch:
    """One batch of the rows, in the order given.

    ``decoder_start_token_id`` is given for encoder-decoder models: their targets are the answer, and the answer shifted
    right is the decoder's input (Raffel et al. 2020); their rows hold one example each. The targets of decoder-only
    models are the document's own next tokens where those are supervised, so nothing crosses from one to the next.
    """
    examples = [example for row in rows for example in row]
    names = {"record_ids": tuple(e.record_id for e in examples), "tasks": tuple(e.task for e in examples)}
    input_ids = _pad([[token for example in row for token in example.input_ids] for row in rows], pad_token_id)
    attention_mask = _pad([[1] * sum(len(example.input_ids) for example in row) for row in rows], 0)
    if decoder_start_token_id is not None:
        return _seq2seq(rows, names, input_ids, attention_mask, pad_token_id, decoder_start_token_id)
    targets = _pad([[token for example in row for token in _next_tokens(example)] for row in rows], IGNORE_INDEX)
    documents = _pad([_document_ids(row) for row in rows], 0) if any(len(row) > 1 for row in rows) else None
    return Batch(input_ids, attention_mask, targets, document_ids=documents, **names)


def _seq2seq(rows, names, input_ids, attention_mask, pad_token_id: int, decoder_start_token_id: int) -> Batch:
    answers = [example.target_ids for row in rows for example in row]
    assert len(answers) == len(rows), "an encoder-decoder row holds one example"
    shifted = [[decoder_start_token_id, *answer[:-1]] for answer in answers]
    return Batch(
        input_ids,
        attention_mask,
        targets=_pad(answers, IGNORE_INDEX),
        decoder_input_ids=_pad(shifted, pad_token_id),
        decoder_attention_mask=_pad([[1] * len(answer) for answer in answers], 0),
        **names,
    )


def _next_tokens(example: Encoded) -> list[int]:
    following = zip(example.input_ids[1:], example.supervised[1:], strict=True)
    return [token if supervised else IGNORE_INDEX for token, supervised in following] + [IGNORE_INDEX]


def _document_ids(row: Packed) -> list[int]:
    return [number for number, example in enumerate(row, start=1) for _ in example.input_ids]


def _pad(rows: Iterable[Sequence[int]], value: int) -> torch.Tensor:
    """(rows, longest) padded on the right."""
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)
