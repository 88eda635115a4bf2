"""Faster attention: the same numbers and gradients, and never for a mask that is not ours."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tests.training.rows import batch_of, forward_of, load, random_examples
from tunesmith.model.attention import Documents, FastAttention
from tunesmith.rendering.collate import Batch

ROWS = (
    [[1] * 5 + [2] * 3 + [0] * 4, [1] * 12],
    [[1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6]],
    [[1] * 7, [1] * 3 + [2] * 4, [1] + [0] * 6],
)


class Recorder(TorchFunctionMode):
    """Remembers with what torch's own attention is called."""

    def __init__(self):
        super().__init__()
        self.dtypes, self.masks = [], []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is nn.functional.scaled_dot_product_attention:
            self.dtypes.append(args[0].dtype)
            self.masks.append((kwargs or {}).get("attn_mask"))
        return func(*args, **(kwargs or {}))


def block_mask(document_ids: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    ids = torch.zeros_like(document_ids)
    return Batch(ids, ids, ids, document_ids=document_ids).block_mask(dtype)


def projections(document_ids: torch.Tensor, num_key_heads: int = 4) -> list[torch.Tensor]:
    """Query, key and value as a model makes them, with gradients."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(*document_ids.shape, heads, 8) for heads in (4, num_key_heads, num_key_heads)]
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def attend(inputs: list[torch.Tensor], mask: torch.Tensor, **options) -> torch.Tensor:
    query, key, value = (tensor.transpose(1, 2) for tensor in inputs)
    return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, **options)


@pytest.mark.parametrize("rows", ROWS, ids=["padding", "many lengths", "three rows"])
@pytest.mark.parametrize("num_key_heads", [4, 2])
def test_attention_per_document_equals_attention_under_the_block_mask(rows, num_key_heads):
    """Outputs and gradients at every token that is no padding; grouped heads and a scale go through."""
    document_ids = torch.tensor(rows)
    mask, real = block_mask(document_ids), (document_ids > 0)[:, None, :, None]
    options = {"scale": 0.3, "enable_gqa": num_key_heads != 4}
    expected_inputs, inputs = projections(document_ids, num_key_heads), projections(document_ids, num_key_heads)
    expected = attend(expected_inputs, mask, **options) * real
    with Recorder() as recorder, FastAttention(widens=False, block_mask=mask, documents=Documents.of(document_ids)):
        output = attend(inputs, mask, **options) * real
    assert recorder.masks and not any(mask is not None for mask in recorder.masks)
    assert torch.allclose(output, expected, atol=1e-6)
    for result in (output, expected):
        result.square().sum().backward()
    for tensor, reference in zip(inputs, expected_inputs, strict=True):
        assert torch.allclose(tensor.grad, reference.grad, atol=1e-5)


def test_a_mask_the_model_has_changed_counts():
    """ALiBi, for one, is added to the mask."""
    document_ids = torch.tensor(ROWS[0])
    mask = block_mask(document_ids)
    changed = mask + torch.linspace(-1, 0, mask.shape[-1])
    with FastAttention(widens=False, block_mask=mask, documents=Documents.of(document_ids)):
        output = attend(projections(document_ids), changed)
    assert torch.equal(output, attend(projections(document_ids), changed))


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_packed_rows_reach_torch_without_a_mask(model_folders, shape):
    """One call per layer and group of like lengths, and none of them over the whole row."""
    loaded = load(model_folders[shape])
    batch = batch_of(loaded, random_examples("causal"), packed=True)
    with Recorder() as recorder:
        forward_of(loaded)(batch)
    assert len(recorder.masks) == 2 * len(Documents.of(batch.document_ids).groups)
    assert not any(mask is not None for mask in recorder.masks)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("dtype", "learns", "expected"),
    [
        (torch.bfloat16, True, torch.float32),
        (torch.bfloat16, False, torch.bfloat16),
        (torch.float32, True, torch.float32),
    ],
)
def test_a_model_that_learns_in_bfloat16_on_a_cpu_attends_in_float32(model_folders, dtype, learns, expected, packed):
    loaded = load(model_folders["llama"])
    loaded.model.to(dtype)
    batch = batch_of(loaded, random_examples("causal"), packed=packed)
    with Recorder() as recorder, torch.set_grad_enabled(learns):
        assert forward_of(loaded).supervised_logits(batch).dtype == dtype
    assert set(recorder.dtypes) == {expected}


def test_an_encoder_decoder_attends_in_float32_too(model_folders):
    """Its bias is part of the mask, and learned."""
    loaded = load(model_folders["t5"])
    loaded.model.to(torch.bfloat16)
    with Recorder() as recorder:
        forward_of(loaded)(batch_of(loaded, random_examples("seq2seq"))).sum().backward()
    assert set(recorder.dtypes) == {torch.float32}
    assert {mask.dtype for mask in recorder.masks if mask is not None} == {torch.float32}
    assert loaded.model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight.grad.any()


def test_documents_of_like_length_are_computed_together():
    document_ids = torch.tensor([[1] * 5 + [2] * 8 + [3] * 2, [1] * 9 + [0] * 6])
    groups = Documents.of(document_ids).groups
    assert sorted(tuple(group.shape) for group in groups) == [(1, 2), (1, 9), (3, 8)]
