"""Faster ways to the same attention: documents one at a time without a mask, and bfloat16 on a CPU by way of float32.

A model calls torch's ``scaled_dot_product_attention`` as it always does, and `DocumentMask` or `WidenedAttention` answers
the call. A model that computes its attention otherwise (``attn_implementation: eager``) is left alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tunesmith.rendering.collate import Batch

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # before torch 2.10
    varlen_attn = None

scaled_dot_product_attention = nn.functional.scaled_dot_product_attention

ALIKE = 0.75
"""The shortest document of a group, as a share of the longest: at most 1.8 times the work of each by itself."""
LONG = 256
"""A document of this many tokens is computed by itself, and its queries this many at a time: a block of early queries is
not multiplied with later keys."""
SCORES_PER_GROUP = 1 << 22
"""Most scores (documents × heads × length²) of a group: they should stay in the processor's cache."""
KEPT_LENGTH = 1024
"""Up to this length a document's probabilities are kept for the gradient (2 bytes × heads × length²/2 in bfloat16); those
of longer ones are computed again."""


BFLOAT16_LANES = 32
"""Numbers of bfloat16 in a vector of the processor."""


class DocumentMask(torch.Tensor):
    """The causal block mask of documents that share rows, (batch, 1, length, length), which is not there until looked at.

    A model hands it on to torch's attention like any mask, and there `Documents` answers the call instead. Whatever else a
    model does with it (ALiBi is added to masks) is done with the real one, made then and there.
    """

    documents: Documents
    batch: Batch
    was_looked_at: bool

    @classmethod
    def of(cls, batch: Batch, dtype: torch.dtype) -> DocumentMask:
        """The mask of a batch that has document ids."""
        num_rows, length = batch.document_ids.shape
        nothing = torch.zeros((), dtype=dtype, device=batch.document_ids.device)
        mask = nothing.expand(num_rows, 1, length, length).as_subclass(cls)
        mask.documents, mask.batch, mask.was_looked_at = Documents.of(batch.document_ids), batch, False
        return mask

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            given = dict(zip(("query", "key", "value", "attn_mask", "dropout_p", "is_causal"), args)) | kwargs
            mask = given.pop("attn_mask")
            return mask.documents.attend(**{name: value for name, value in given.items() if name != "is_causal"})
        if func in _QUESTIONS:
            return super().__torch_function__(func, types, args, kwargs)
        real = [arg.made() if isinstance(arg, DocumentMask) else arg for arg in args]
        return func(*real, **{k: v.made() if isinstance(v, DocumentMask) else v for k, v in kwargs.items()})

    def made(self) -> torch.Tensor:
        """The real mask."""
        self.was_looked_at = True
        return self.batch.block_mask(self.dtype)


_QUESTIONS = frozenset(
    [getattr(torch.Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim", "layout", "requires_grad")]
    + [torch.Tensor.dim, torch.Tensor.size, torch.Tensor.is_floating_point]
)
"""What may be asked of a mask without making it."""


class WidenedAttention(TorchFunctionMode):
    """Computes every attention in float32 while it lasts, whatever is given, and answers in what was given."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is not scaled_dot_product_attention or any(isinstance(v, DocumentMask) for v in kwargs.values()):
            return func(*args, **kwargs)
        wide, dtype = [_widened(arg) for arg in args], args[0].dtype
        return func(*wide, **{name: _widened(value) for name, value in kwargs.items()}).to(dtype)


def _widened(value):
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def is_slow_in_its_precision(model: nn.Module) -> bool:
    """Whether attention had better be computed in float32: the model learns in bfloat16 on a CPU.

    torch 2.13's kernel takes three times as long for a gradient in bfloat16 as in float32 where rows are shorter than some
    hundred tokens, and about as long where they are longer. Layers that are computed a second time (gradient
    checkpointing) must not be computed otherwise then, when the mode is over.
    """
    kinds = {(weight.dtype, weight.device.type) for weight in itertools.islice(model.parameters(), 1)}
    is_bf16 = kinds == {(torch.bfloat16, "cpu")} and torch.is_grad_enabled()
    return is_bf16 and not getattr(model, "is_gradient_checkpointing", False)


@dataclass(frozen=True)
class Group:
    """Documents of like length that are computed together.

    Attributes:
        places: (num_documents, longest) where their tokens stand in the flattened rows. A shorter document's row goes on
            into what follows it, which its own tokens, looking back only, never see.
        beyond: (num_documents, longest) True where that is so; None where no document is shorter.
    """

    places: torch.Tensor
    beyond: torch.Tensor | None

    def rows_of(self, heads: int, own: int) -> torch.Tensor:
        """(num_documents · heads · longest,) rows of a tensor (tokens · own, width) whose ``own`` heads serve ``heads``."""
        of_heads = torch.arange(heads, device=self.places.device) // (heads // own)
        return (self.places[:, None] * own + of_heads[:, None]).flatten()

    def within(self, heads: int) -> torch.Tensor | None:
        """(num_documents · heads · longest,) False where a row is `beyond` its document; None where none is."""
        return None if self.beyond is None else ~self.beyond[:, None].expand(-1, heads, -1).flatten()


@dataclass(frozen=True)
class Layout:
    """How tensors (tokens · heads, width) are taken apart into groups, and put together again.

    Whole rows are moved, by their number: that is as fast as a copy, as moving along an inner dimension is not.
    """

    heads: int
    own: int
    longest: tuple[int, ...]
    taken: tuple[torch.Tensor, ...]
    within: tuple[torch.Tensor | None, ...]
    inverse: torch.Tensor

    @classmethod
    def of(cls, groups: tuple[Group, ...], heads: int, own: int, num_tokens: int) -> Layout:
        """For tensors with ``own`` heads, each of which serves as many of the ``heads`` as there are more of them."""
        taken = tuple(group.rows_of(heads, own) for group in groups)
        within = tuple(group.within(heads) for group in groups)
        inverse, start = torch.empty(num_tokens * heads, dtype=torch.long, device=groups[0].places.device), 0
        for group, inside in zip(groups, within, strict=True):
            rows = group.rows_of(heads, heads)
            numbers = torch.arange(start, start + len(rows), device=rows.device)
            inverse[rows if inside is None else rows[inside]] = numbers if inside is None else numbers[inside]
            start += len(rows)
        return cls(heads, own, tuple(group.places.shape[1] for group in groups), taken, within, inverse)

    def take(self, number: int, rows: torch.Tensor) -> torch.Tensor:
        """(num_documents · heads, longest, width) of a group."""
        return rows.index_select(0, self.taken[number]).view(-1, self.longest[number], rows.shape[-1])

    def take_gradient(self, number: int, rows: torch.Tensor) -> torch.Tensor:
        """The same of the gradient of what was put: there is none beyond a document."""
        found, inside = self.take(number, rows), self.within[number]
        return found if inside is None else found.masked_fill_(~inside.view(*found.shape[:2], 1), 0.0)

    def put(self, found: list[torch.Tensor]) -> torch.Tensor:
        """(tokens · own, width) from what was found for each group; heads that were served by one are added up."""
        values = [values.flatten(0, 1) for values in found]
        rows = (values[0] if len(values) == 1 else torch.cat(values)).index_select(0, self.inverse)
        if self.own == self.heads:
            return rows
        return rows.view(-1, self.own, self.heads // self.own, rows.shape[-1]).sum(2).flatten(0, 1)


@dataclass(frozen=True)
class Documents:
    """Where the tokens of documents that share rows stand, counted over the flattened (batch × length) rows.

    ``starts`` is (num_documents + 1,): where each begins, and where the last one ends.
    """

    groups: tuple[Group, ...]
    starts: torch.Tensor
    longest: int
    _layouts: dict[tuple[int, int], Layout] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, document_ids: torch.Tensor) -> Documents:
        """From (batch, length) ids; what is padding in a row counts as a document of its own."""
        first = torch.ones_like(document_ids, dtype=torch.bool)
        first[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
        starts = nn.functional.pad(first.flatten().nonzero()[:, 0], (0, 1), value=document_ids.numel())
        lengths = starts.diff().tolist()
        groups = tuple(_group(starts, lengths, numbers) for numbers in _alike(lengths))
        return cls(groups, starts, max(lengths, default=0))

    def layout(self, heads: int, own: int) -> Layout:
        """`Layout.of`, made once for all layers."""
        if (heads, own) not in self._layouts:
            self._layouts[heads, own] = Layout.of(self.groups, heads, own, int(self.starts[-1]))
        return self._layouts[heads, own]

    def attend(self, query, key, value, *, dropout_p=0.0, scale=None, enable_gqa=False) -> torch.Tensor:
        """(batch, heads, length, width) causal attention of each document to itself."""
        batch, heads, length, width = query.shape
        scale = width**-0.5 if scale is None else scale
        # Grouped heads, or a broadcast one for all, have fewer rows.
        layouts = [self.layout(heads, tensor.shape[1]) for tensor in (query, key, value)]
        rows = [tensor.transpose(1, 2).reshape(-1, tensor.shape[-1]) for tensor in (query, key, value)]
        if query.device.type == "cpu" and not dropout_p:
            found = _CausalAttention.apply(*rows, layouts, scale)
        elif varlen_attn is not None and query.is_cuda and query.element_size() == 2 and not dropout_p:
            found = self._attend_in_one_call(*rows, layouts, scale)
        else:
            found = self._attend_by_group(*rows, layouts, scale=scale, dropout_p=dropout_p)
        return found.view(batch, length, heads, -1).transpose(1, 2)

    def _attend_in_one_call(self, query, key, value, layouts: list[Layout], scale: float) -> torch.Tensor:
        """By torch's kernel for sequences of any length, which a GPU has for half precision."""
        starts = self.starts.to(torch.int32)
        inputs = (
            rows.unflatten(0, (-1, layout.own)).repeat_interleave(layout.heads // layout.own, dim=1)
            for rows, layout in zip((query, key, value), layouts, strict=True)
        )
        found = varlen_attn(*inputs, starts, starts, self.longest, self.longest, scale=scale, window_size=(-1, 0))
        return found.flatten(0, 1)

    def _attend_by_group(self, query, key, value, layouts: list[Layout], **options) -> torch.Tensor:
        """By torch's own attention, one call per group: where there is dropout, or a GPU without the kernel above."""
        found = []
        for number in range(len(self.groups)):
            inputs = (
                layout.take(number, rows)[None] for layout, rows in zip(layouts, (query, key, value), strict=True)
            )
            found.append(scaled_dot_product_attention(*inputs, is_causal=True, **options)[0])
        return layouts[0].put(found)


def _alike(lengths: list[int]) -> list[list[int]]:
    """Numbers of the documents of each group, longest first."""
    groups: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        longest = lengths[groups[-1][0]] if groups else LONG
        is_alike = longest < LONG and lengths[number] >= ALIKE * longest
        if is_alike and (len(groups[-1]) + 1) * longest**2 * 8 <= SCORES_PER_GROUP:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _group(starts: torch.Tensor, lengths: list[int], numbers: list[int]) -> Group:
    longest = lengths[numbers[0]]
    steps = torch.arange(longest, device=starts.device)
    places = (starts[numbers][:, None] + steps).clamp_(max=int(starts[-1]) - 1)
    beyond = steps >= torch.tensor([lengths[number] for number in numbers], device=starts.device)[:, None]
    return Group(places, beyond if lengths[numbers[-1]] < longest else None)


class _CausalAttention(torch.autograd.Function):
    """softmax(scale · Q Kᵀ + causal mask) V, document by document, as plain matrix products.

    On a CPU these run at the processor's full speed in either precision, two to four times as fast as torch's own kernel.
    Products are added up in float32 and kept in the precision of the inputs, as a model's eager attention has it; the
    softmax is computed in float32. Inputs and output are (tokens · heads, width), as ``layouts`` have them.
    """

    @staticmethod
    def forward(ctx, query, key, value, layouts, scale):
        keeps = any(ctx.needs_input_grad)
        kept, found = [], []
        for number in range(len(layouts[0].taken)):
            q, k, v = (layout.take(number, rows) for layout, rows in zip(layouts, (query, key, value), strict=True))
            blocks = [_probabilities(q[:, start:end], k[:, :end], scale) for start, end in _blocks(q.shape[1])]
            answers = [torch.bmm(p, v[:, : p.shape[2]]) for p in blocks]
            found.append(answers[0] if len(answers) == 1 else torch.cat(answers, dim=1))
            kept.append(blocks if keeps and q.shape[1] <= KEPT_LENGTH else None)
        if keeps:
            ctx.save_for_backward(query, key, value)
            ctx.layouts, ctx.scale, ctx.kept = layouts, scale, kept
        return layouts[0].put(found)

    @staticmethod
    def backward(ctx, gradient):
        rows, layouts, found = ctx.saved_tensors, ctx.layouts, []
        gradient = gradient.contiguous()
        for number, kept in enumerate(ctx.kept):
            inputs = (layout.take(number, one) for layout, one in zip(layouts, rows, strict=True))
            found.append(_gradients(*inputs, layouts[0].take_gradient(number, gradient), kept, ctx.scale))
        ctx.kept = None
        put = (layout.put(list(values)) for layout, values in zip(layouts, zip(*found, strict=True), strict=True))
        return *put, None, None


def _blocks(length: int) -> list[tuple[int, int]]:
    return [(start, min(start + LONG, length)) for start in range(0, length, LONG)]


def _probabilities(query: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
    """(heads, num_queries, num_keys) how much each query looks at each key; the last query is at the last key's place."""
    mask = _causal_mask(query.shape[1], key.shape[1], query.dtype, query.device).expand(query.shape[0], -1, -1)
    return _softmax(torch.baddbmm(mask, query, key.transpose(1, 2), alpha=scale))


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    """Of the last dimension, computed in float32 as torch does; its kernel for short bfloat16 rows of odd lengths is slow."""
    if scores.dtype != torch.bfloat16 or scores.shape[-1] % BFLOAT16_LANES == 0 or scores.shape[-1] >= LONG:
        return torch.softmax(scores, dim=-1)
    wide = scores.float()
    return scores.copy_(torch.softmax(wide, dim=-1, out=wide))


@lru_cache(maxsize=64)
def _causal_mask(num_queries: int, num_keys: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    mask = torch.full((num_queries, num_keys), float("-inf"), dtype=dtype, device=device)
    return mask.triu_(num_keys - num_queries + 1)


def _gradients(query, key, value, gradient, kept, scale: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of query, key and value; where there are several blocks of queries, added up in float32."""
    blocks, of_query, of_key, of_value = _blocks(query.shape[1]), [], None, None
    for number, (start, end) in reversed(list(enumerate(blocks))):  # the last block reaches every key
        # In one piece each, or every product would make a copy of its own.
        q, k, v = query[:, start:end].contiguous(), key[:, :end].contiguous(), value[:, :end].contiguous()
        g, p = gradient[:, start:end].contiguous(), kept[number] if kept is not None else _probabilities(q, k, scale)
        of_scores = torch._softmax_backward_data(torch.bmm(g, v.transpose(1, 2)), p, -1, p.dtype).mul_(scale)
        of_query.append(torch.bmm(of_scores, k))
        added = torch.bmm(of_scores.transpose(1, 2), q), torch.bmm(p.transpose(1, 2), g)
        if of_key is None:
            of_key, of_value = added if len(blocks) == 1 else (tensor.float() for tensor in added)
        else:
            of_key[:, :end] += added[0]
            of_value[:, :end] += added[1]
    joined = of_query[0] if len(blocks) == 1 else torch.cat(of_query[::-1], dim=1)
    return joined, of_key.to(joined.dtype), of_value.to(joined.dtype)
