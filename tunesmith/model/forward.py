"""The one forward: a batch in, the log-probability of every supervised target out."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, nullcontext
from typing import Literal

import torch
from torch import nn

from tunesmith.model import adapters
from tunesmith.model.attention import DocumentMask, WidenedAttention, is_slow_in_its_precision
from tunesmith.model.head import is_plain_head, target_log_probabilities
from tunesmith.rendering.collate import IGNORE_INDEX, Batch

Head = Literal["fused", "kept", "hooked", "full"]
"""How the output head is kept to supervised positions, cheapest first: head and loss are computed in one on what the model
hands its head, the model keeps the positions itself (``logits_to_keep``), a hook in front of the head drops the others, or
the whole head runs."""


class Forward(nn.Module):
    """A model as one function of a batch, the same for decoder-only and encoder-decoder models.

    It goes through the model's own forward, so a family's logit scaling or soft-capping is kept, and hides how positions,
    documents that share a row and the output head are handled. Only this module is wrapped for more than one device.

    ``flattens``: every batch is given to the model as one row of documents, without padding (for models that keep packed
    documents apart).
    """

    def __init__(self, model: nn.Module, *, head: Head = "full", flattens: bool = False):
        super().__init__()
        self.model = model
        self.head = head
        # Virtual tokens stand in front of a row: each document needs a row of its own.
        self.flattens = flattens and adapters.num_virtual_tokens(model) == 0
        self._num_prepended = adapters.num_prepended_logits(model)
        self._parameters_of_forward = frozenset(inspect.signature(base_model(model).forward).parameters)

    def forward(self, batch: Batch, *, label_smoothing: float = 0.0) -> torch.Tensor:
        """(num_supervised,) natural-log probabilities in float32, in row-major order of the supervised positions.

        With ``label_smoothing`` ε each is the mean over what it should be: (1 - ε) of the target's, ε of all tokens'.
        """
        batch = self.given(batch)
        targets = batch.targets[batch.supervised]
        if self.head == "fused":
            head = output_head(self.model)
            hidden = self._hidden(batch, head) if is_plain_head(head) else None
            if hidden is not None:
                return target_log_probabilities(
                    hidden, head.weight, head.bias, targets, label_smoothing=label_smoothing
                )
        logits = self._logits(batch).float()
        return -nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)

    def supervised_logits(self, batch: Batch) -> torch.Tensor:
        """(num_supervised, vocabulary) logits at the supervised positions."""
        return self._logits(self.given(batch))

    def given(self, batch: Batch) -> Batch:
        """The batch as the model is given it."""
        return batch.flat() if self.flattens and batch.decoder_input_ids is None else batch

    def _logits(self, batch: Batch) -> torch.Tensor:
        if self.head == "kept":
            return self._run(batch, logits_to_keep=self._positions(batch)).flatten(0, -2)
        if self.head in ("fused", "hooked"):
            with _head_sees_only(output_head(self.model), self._positions(batch)):
                return self._run(batch).flatten(0, -2)
        return self._run(batch)[self._positions(batch)]

    def _hidden(self, batch: Batch, head: nn.Module) -> torch.Tensor | None:
        """(num_supervised, width) what the head is given; None where its answer is not the model's last word."""
        with _head_hands_on(head, self._positions(batch)) as handed:
            logits = self._run(batch)
        if len(handed) == 1 and logits is handed[0]:
            return logits[0]
        self.head = "hooked"
        return None

    def _positions(self, batch: Batch) -> torch.Tensor:
        """(batch, length of the logits) True where there is something to predict; nothing is behind a virtual token."""
        return nn.functional.pad(batch.supervised, (self._num_prepended, 0))

    def _run(self, batch: Batch, **options) -> torch.Tensor:
        """The model's logits."""
        inputs = self._inputs(batch)
        with WidenedAttention() if is_slow_in_its_precision(self.model) else nullcontext():
            return self.model(**inputs, **options).logits

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.model.parameters()).device

    @property
    def width(self) -> int:
        """Numbers in a hidden state."""
        return base_model(self.model).config.get_text_config().hidden_size

    @property
    def can_keep(self) -> bool:
        """Whether the model's forward takes ``logits_to_keep``."""
        return "logits_to_keep" in self._parameters_of_forward

    def _inputs(self, batch: Batch) -> dict[str, torch.Tensor | bool]:
        inputs: dict[str, torch.Tensor | bool] = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        # With a cache transformers ignores reset positions, and packed documents see each other.
        inputs["use_cache"] = False
        if batch.decoder_input_ids is not None:
            inputs["decoder_input_ids"] = batch.decoder_input_ids
            inputs["decoder_attention_mask"] = batch.decoder_attention_mask
        if batch.document_ids is not None:
            inputs["attention_mask"] = DocumentMask.of(batch, next(self.model.parameters()).dtype)
            inputs["position_ids"] = batch.position_ids
        return {name: value for name, value in inputs.items() if self._takes(name)}

    def _takes(self, name: str) -> bool:
        return name in self._parameters_of_forward or name != "use_cache"


def base_model(model: nn.Module) -> nn.Module:
    """The transformers model inside, whatever adapter is around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def output_head(model: nn.Module) -> nn.Module | None:
    """The module that turns hidden states into logits, or None where the model does not name it."""
    return base_model(model).get_output_embeddings()


@contextmanager
def _head_sees_only(head: nn.Module, supervised: torch.Tensor):
    """Let the output head see hidden states (1, num_supervised, width) instead of (batch, length, width)."""
    handle = head.register_forward_pre_hook(lambda _module, inputs: (inputs[0][supervised][None], *inputs[1:]))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _head_hands_on(head: nn.Module, supervised: torch.Tensor):
    """Let the output head answer with the hidden states (1, num_supervised, width) it was given; gives a list of them."""
    handed: list[torch.Tensor] = []

    def hand_on(hidden: torch.Tensor) -> torch.Tensor:
        handed.append(hidden[supervised][None])
        return handed[-1]

    head.forward = hand_on
    try:
        yield handed
    finally:
        del head.forward


def own_loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean loss as the model itself computes it: what the probe compares with, and the only use of its ``labels``.

    A decoder-only model shifts its labels, so ours go in shifted back; an encoder-decoder model does not.
    """
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if batch.decoder_input_ids is not None:
        decoder = {"decoder_input_ids": batch.decoder_input_ids, "decoder_attention_mask": batch.decoder_attention_mask}
        return model(**inputs, **decoder, labels=batch.targets).loss
    unshifted = torch.full_like(batch.targets, IGNORE_INDEX)
    unshifted[:, 1:] = batch.targets[:, :-1]
    return model(**inputs, labels=unshifted).loss
