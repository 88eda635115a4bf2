"""New tokens: rows for them in the embeddings and in the head."""

from __future__ import annotations

import torch
from torch import nn


def grow(model: nn.Module, num_tokens: int) -> None:
    """Give the embeddings and the head a row for each of ``num_tokens`` tokens, in place.

    Rows that are there stay as they are, also those beyond the vocabulary that a padded table has; what is missing is
    appended, and begins at the mean of the others, as Hewitt (2021) advises. A head that shares the table still does.
    """
    before = model.get_input_embeddings().weight.shape[0]
    if num_tokens <= before:
        return
    model.resize_token_embeddings(num_tokens, mean_resizing=False)
    tables = [model.get_input_embeddings().weight]
    if model.get_output_embeddings() is not None and not is_tied(model):
        tables.append(model.get_output_embeddings().weight)
    with torch.no_grad():
        for table in tables:
            table[before:] = table[:before].mean(dim=0)


def is_tied(model: nn.Module) -> bool:
    """Whether the head is the table of embeddings."""
    head = model.get_output_embeddings()
    return head is not None and head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def token_layers(model: nn.Module) -> list[str]:
    """Names of the layers that have a row for every token: the embeddings, and a head of its own."""
    layers = [model.get_input_embeddings()]
    if model.get_output_embeddings() is not None and not is_tied(model):
        layers.append(model.get_output_embeddings())
    names = {id(module): name for name, module in model.named_modules()}
    return [names[id(layer)] for layer in layers]
