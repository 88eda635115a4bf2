"""The one forward: a batch in, the log-probability of every supervised target out."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch
from torch import nn

from tunesmith.model.attention import Documents, FastAttention, is_slow_in_its_precision
from tunesmith.rendering.collate import IGNORE_INDEX, Batch

Head = Literal["kept", "hooked", "full"]
"""How the output head is kept to supervised positions, cheapest first: the model keeps them itself (``logits_to_keep``), a
hook in front of the head drops the others, or the whole head runs."""


class Forward(nn.Module):
    """A model as one function of a batch, the same for decoder-only and encoder-decoder models.

    It goes through the model's own forward, so a family's logit scaling or soft-capping is kept, and hides how positions,
    documents that share a row and the output head are handled. Only this module is wrapped for more than one device.
    """

    def __init__(self, model: nn.Module, *, head: Head = "full"):
        super().__init__()
        self.model = model
        self.head = head
        self._parameters_of_forward = frozenset(inspect.signature(base_model(model).forward).parameters)

    def forward(self, batch: Batch) -> torch.Tensor:
        """(num_supervised,) natural-log probabilities in float32, in row-major order of the supervised positions."""
        targets = batch.targets[batch.supervised]
        return -nn.functional.cross_entropy(self.supervised_logits(batch).float(), targets, reduction="none")

    def supervised_logits(self, batch: Batch) -> torch.Tensor:
        """(num_supervised, vocabulary) logits at the supervised positions."""
        inputs = self._inputs(batch)
        with self._attention(batch, inputs):
            return self._supervised_logits(batch, inputs)

    def _supervised_logits(self, batch: Batch, inputs: dict[str, torch.Tensor | bool]) -> torch.Tensor:
        if self.head == "kept":
            return self.model(**inputs, logits_to_keep=batch.supervised).logits.flatten(0, -2)
        if self.head == "hooked":
            with _head_sees_only(output_head(self.model), batch.supervised):
                return self.model(**inputs).logits.flatten(0, -2)
        return self.model(**inputs).logits[batch.supervised]

    def _attention(self, batch: Batch, inputs: dict[str, torch.Tensor | bool]) -> AbstractContextManager:
        widens = is_slow_in_its_precision(self.model)
        if batch.document_ids is None:
            return FastAttention(widens=True) if widens else nullcontext()
        documents = Documents.of(batch.document_ids)
        return FastAttention(widens=widens, block_mask=inputs["attention_mask"], documents=documents)

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
            inputs["attention_mask"] = batch.block_mask(next(self.model.parameters()).dtype)
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
