"""Noise on the input embeddings while a model learns (NEFTune, Jain et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tunesmith.model.forward import Forward, base_model
from tunesmith.rendering.collate import Batch


@contextmanager
def noisy_embeddings(forward: Forward, alpha: float | None) -> Iterator[None]:
    """While this lasts, and ``forward`` is in training mode, noise is added to what its tokens are embedded as.

    It is uniform between ± ``alpha`` / √(L d), L the number of tokens of the document (without padding, and without the
    others in a packed row) and d the width, so that its length is about ``alpha`` / √3 whatever L and d. An encoder-decoder
    has it on the encoder's side. None: no noise.
    """
    if alpha is None:
        yield
        return
    batches: list[Batch] = []

    def remember(_forward: nn.Module, inputs: tuple[Batch]) -> None:
        batches[:] = inputs

    def add_noise(_embeddings: nn.Module, _ids: tuple[torch.Tensor], embedded: torch.Tensor) -> torch.Tensor | None:
        if not forward.training:
            return None
        scale = alpha * (lengths_of_documents(forward.given(batches[0])) * embedded.shape[-1]).rsqrt()
        return embedded + torch.empty_like(embedded).uniform_(-1, 1) * scale[..., None].to(embedded)

    handles = [
        forward.register_forward_pre_hook(remember),
        _input_embeddings(forward).register_forward_hook(add_noise),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _input_embeddings(forward: Forward) -> nn.Module:
    model = base_model(forward.model)
    return (model.get_encoder() if model.config.is_encoder_decoder else model).get_input_embeddings()


def lengths_of_documents(batch: Batch) -> torch.Tensor:
    """(batch, length) for each token, how many its document has; padding counts as one document of its row."""
    numbers = 1 - batch.attention_mask if batch.document_ids is None else batch.document_ids
    counts = torch.zeros(len(numbers), int(numbers.max()) + 1, device=numbers.device)
    counts.scatter_add_(1, numbers, torch.ones_like(numbers, dtype=counts.dtype))
    return counts.gather(1, numbers)
