"""Faster ways to the same attention: packed documents one at a time, and bfloat16 on a CPU by way of float32.

A model calls torch's ``scaled_dot_product_attention`` as it always does, and `FastAttention` answers the call. A model
that computes its attention otherwise (``attn_implementation: eager``) is left alone.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

scaled_dot_product_attention = nn.functional.scaled_dot_product_attention


class FastAttention(TorchFunctionMode):
    """Answers the attention calls of a model while it lasts.

    Args:
        widens: compute in float32 whatever is given, and answer in what was given.
        block_mask: the mask of packed documents as the model is given it. A call that gets this very tensor is computed
            over ``documents`` instead; where a model has added something to it, its own mask counts.
    """

    def __init__(self, *, widens: bool, block_mask: torch.Tensor | None = None, documents: Documents | None = None):
        super().__init__()
        self.widens, self.block_mask, self.documents = widens, block_mask, documents

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is scaled_dot_product_attention:
            return self._attend(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _attend(self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **options):
        options["dropout_p"], dtype = dropout_p, query.dtype
        if self.widens:
            query, key, value = query.float(), key.float(), value.float()
        if attn_mask is not None and attn_mask is self.block_mask:
            return self.documents.attend(query, key, value, **options).to(dtype)
        if self.widens and attn_mask is not None and attn_mask.is_floating_point():
            attn_mask = attn_mask.float()
        options |= {"attn_mask": attn_mask, "is_causal": is_causal}
        return scaled_dot_product_attention(query, key, value, **options).to(dtype)


def is_slow_in_its_precision(model: nn.Module) -> bool:
    """Whether attention had better be computed in float32: the model learns in bfloat16 on a CPU.

    torch 2.13's kernel takes three times as long for a gradient in bfloat16 as in float32 where rows are shorter than some
    hundred tokens, and about as long where they are longer.
    """
    kinds = {(weight.dtype, weight.device.type) for weight in itertools.islice(model.parameters(), 1)}
    return kinds == {(torch.bfloat16, "cpu")} and torch.is_grad_enabled()


@dataclass(frozen=True)
class Documents:
    """Where the tokens of packed documents stand, counted over the flattened (batch × length) rows.

    Attributes:
        groups: documents of like length, (num_documents, longest) places of their tokens. A shorter document's row goes
            on into what follows it, which its own tokens, looking back only, never see.
        order: (batch × length) where each token is in the concatenated groups.
    """

    groups: tuple[torch.Tensor, ...]
    order: torch.Tensor

    @classmethod
    def of(cls, document_ids: torch.Tensor) -> Documents:
        """From (batch, length) ids; what is padding in a row counts as a document of its own.

        Lengths within a group differ by less than a factor of two, so that the work is at most four times that of the
        documents, where a mask over a row of n documents takes n times.
        """
        first = torch.ones_like(document_ids, dtype=torch.bool)
        first[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
        starts = first.flatten().nonzero()[:, 0]
        lengths = torch.diff(starts, append=starts.new_tensor([document_ids.numel()]))
        alike: dict[int, list[int]] = defaultdict(list)
        for number, length in enumerate(lengths.tolist()):
            alike[(length - 1).bit_length()].append(number)
        order, groups, num_before = torch.empty_like(starts, dtype=torch.long), [], 0
        for numbers in alike.values():
            longest = int(lengths[numbers].max())
            steps = torch.arange(longest, device=starts.device)
            groups.append((starts[numbers][:, None] + steps).clamp_(max=document_ids.numel() - 1))
            order[numbers] = num_before + longest * torch.arange(len(numbers), device=starts.device)
            num_before += groups[-1].numel()
        within = torch.arange(document_ids.numel(), device=starts.device) - starts.repeat_interleave(lengths)
        return cls(tuple(groups), order.repeat_interleave(lengths) + within)

    def attend(self, query, key, value, **options) -> torch.Tensor:
        """(batch, heads, length, width) causal attention of each document to itself."""
        batch, _, length, _ = query.shape
        flat = [tensor.transpose(1, 2).flatten(0, 1) for tensor in (query, key, value)]
        found = []
        for places in self.groups:
            inputs = [
                tensor.index_select(0, places.flatten()).unflatten(0, places.shape).transpose(1, 2) for tensor in flat
            ]
            answer = scaled_dot_product_attention(*inputs, is_causal=True, **options)
            found.append(answer.transpose(1, 2).flatten(0, 1))
        return torch.cat(found).index_select(0, self.order).unflatten(0, (batch, length)).transpose(1, 2)
