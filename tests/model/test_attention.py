"""Faster attention: the same numbers and gradients, and never for a mask that a model has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tests.training.rows import batch_of, load, random_examples
from tunesmith.model import attention
from tunesmith.model.attention import DocumentMask, Documents, WidenedAttention
from tunesmith.model.forward import Forward
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


def batch_with(document_ids: torch.Tensor) -> Batch:
    ids = torch.zeros_like(document_ids)
    return Batch(ids, ids, ids, document_ids=document_ids)


def projections(document_ids: torch.Tensor, num_key_heads: int = 4, dtype=torch.float32) -> list[torch.Tensor]:
    """Query, key and value as a model makes them, with gradients."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(*document_ids.shape, heads, 8) for heads in (4, num_key_heads, num_key_heads)]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


def attend(inputs: list[torch.Tensor], mask: torch.Tensor, **options) -> torch.Tensor:
    query, key, value = (tensor.transpose(1, 2) for tensor in inputs)
    return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, **options)


def results(document_ids: torch.Tensor, mask: torch.Tensor, **settings) -> list[torch.Tensor]:
    """Output at the tokens that are no padding, and the gradients of query, key and value."""
    inputs = projections(document_ids, **settings)
    num_key_heads = inputs[1].shape[2]
    output = attend(inputs, mask, scale=0.3, enable_gqa=num_key_heads != 4) * (document_ids > 0)[:, None, :, None]
    output.square().sum().backward()
    return [output.detach(), *(tensor.grad for tensor in inputs)]


@pytest.fixture(params=[(256, 1024), (4, 1024), (4, 4)], ids=["whole", "in blocks", "computed again"])
def cut(request, monkeypatch):
    """How a document's queries are cut, and what is kept of them."""
    monkeypatch.setattr(attention, "LONG", request.param[0])
    monkeypatch.setattr(attention, "KEPT_LENGTH", request.param[1])


@pytest.mark.parametrize("rows", ROWS, ids=["padding", "many lengths", "three rows"])
@pytest.mark.parametrize("num_key_heads", [4, 2, 1])
def test_attention_by_document_equals_attention_under_the_block_mask(rows, num_key_heads, cut):
    """Outputs and gradients at every token that is no padding; grouped heads and a scale go through."""
    document_ids = torch.tensor(rows)
    batch = batch_with(document_ids)
    expected = results(document_ids, batch.block_mask(torch.float32), num_key_heads=num_key_heads)
    found = results(document_ids, DocumentMask.of(batch, torch.float32), num_key_heads=num_key_heads)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= 1e-6 * other.norm()


def test_in_bfloat16_it_is_as_near_to_float32_as_the_models_own_attention(cut):
    """Twice as far at most: scores are kept in bfloat16, as a model's eager attention has them."""
    document_ids = torch.tensor([[1] * 30 + [2] * 9 + [3] * 21])
    batch = batch_with(document_ids)
    exact = results(document_ids, batch.block_mask(torch.float32))
    theirs = results(document_ids, batch.block_mask(torch.bfloat16), dtype=torch.bfloat16)
    ours = results(document_ids, DocumentMask.of(batch, torch.bfloat16), dtype=torch.bfloat16)
    for one, other, reference in zip(ours, theirs, exact, strict=True):
        assert (one - reference).norm() <= 2 * (other - reference).norm()


def test_dropout_is_drawn_where_it_is_asked_for():
    document_ids = torch.tensor([[1] * 6 + [2] * 6])
    mask, inputs = DocumentMask.of(batch_with(document_ids), torch.float32), projections(document_ids)
    torch.manual_seed(0)
    drawn = [attend(inputs, mask, dropout_p=0.5) for _ in range(2)]
    assert not torch.equal(*drawn)
    assert torch.allclose(attend(inputs, mask), attend(inputs, mask.made()), atol=1e-6)


def test_a_mask_the_model_has_changed_counts():
    """ALiBi, for one, is added to the mask."""
    document_ids = torch.tensor(ROWS[0])
    batch = batch_with(document_ids)
    mask, bias = DocumentMask.of(batch, torch.float32), torch.linspace(-1, 0, document_ids.shape[1])
    changed = mask + bias
    assert mask.was_looked_at and not isinstance(changed, DocumentMask)
    inputs = projections(document_ids)
    assert torch.equal(attend(inputs, changed), attend(inputs, batch.block_mask(torch.float32) + bias))


def test_a_mask_may_be_asked_for_its_shape_without_being_made():
    mask = DocumentMask.of(batch_with(torch.tensor(ROWS[0])), torch.float32)
    assert (mask.shape, mask.ndim, mask.dim(), mask.dtype) == ((2, 1, 12, 12), 4, 4, torch.float32)
    assert mask.device.type == "cpu" and mask.size(-1) == 12 and not mask.was_looked_at


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
@pytest.mark.parametrize("flattens", [False, True])
def test_no_mask_is_ever_made_for_documents(model_folders, shape, flattens, monkeypatch):
    loaded = load(model_folders[shape])
    monkeypatch.setattr(Batch, "block_mask", None)
    batch = batch_of(loaded, random_examples("causal"), packed=not flattens)
    assert Forward(loaded.model, head="fused", flattens=flattens)(batch).shape == (batch.num_supervised,)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_another_documents_tokens_leave_ones_logits_bitwise_unchanged(model_folders, shape, dtype):
    """L17, in a row without padding: the first changed, then the last."""
    loaded = load(model_folders[shape])
    loaded.model.to(dtype)
    forward = Forward(loaded.model, head="fused", flattens=True)
    examples = random_examples("causal", (23, 14, 31, 14))
    whole = forward.supervised_logits(batch_of(loaded, examples)).detach()
    counts = [sum(example.supervised[1:]) for example in examples]
    for changed, kept in ((0, slice(counts[0], None)), (3, slice(0, -counts[3]))):
        other = list(examples)
        other[changed] = replace(other[changed], input_ids=[(i + 5) % 380 for i in other[changed].input_ids])
        assert torch.equal(forward.supervised_logits(batch_of(loaded, other))[kept], whole[kept])
        assert not torch.equal(forward.supervised_logits(batch_of(loaded, other)), whole)


@pytest.mark.parametrize(
    ("dtype", "learns", "expected"),
    [
        (torch.bfloat16, True, torch.float32),
        (torch.bfloat16, False, torch.bfloat16),
        (torch.float32, True, torch.float32),
    ],
)
def test_a_padded_model_that_learns_in_bfloat16_on_a_cpu_attends_in_float32(model_folders, dtype, learns, expected):
    loaded = load(model_folders["llama"])
    loaded.model.to(dtype)
    batch = batch_of(loaded, random_examples("causal"))
    with Recorder() as recorder, torch.set_grad_enabled(learns):
        assert Forward(loaded.model).supervised_logits(batch).dtype == dtype
    assert set(recorder.dtypes) == {expected}


def test_an_encoder_decoder_attends_in_float32_too(model_folders):
    """Its bias is part of the mask, and learned."""
    loaded = load(model_folders["t5"])
    loaded.model.to(torch.bfloat16)
    with Recorder() as recorder:
        Forward(loaded.model)(batch_of(loaded, random_examples("seq2seq"))).sum().backward()
    assert set(recorder.dtypes) == {torch.float32}
    assert {mask.dtype for mask in recorder.masks if mask is not None} == {torch.float32}
    assert loaded.model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight.grad.any()


def test_only_float_arguments_are_widened():
    document_ids = torch.tensor([[1] * 4])
    query, key, value = (tensor.transpose(1, 2) for tensor in projections(document_ids, dtype=torch.bfloat16))
    allowed = torch.ones(4, 4, dtype=torch.bool)
    with Recorder() as recorder, WidenedAttention():
        answer = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    assert answer.dtype == torch.bfloat16 and recorder.dtypes == [torch.float32]
    assert recorder.masks[0].dtype == torch.bool


def test_documents_of_like_length_are_computed_together():
    document_ids = torch.tensor([[1] * 5 + [2] * 8 + [3] * 2, [1] * 9 + [0] * 6])
    groups = Documents.of(document_ids).groups
    assert sorted(tuple(group.places.shape) for group in groups) == [(1, 2), (2, 6), (2, 9)]


def test_on_a_gpu_all_documents_are_one_call(monkeypatch):
    """Tested with a double only: the kernel is given where documents start, and lets none look ahead."""
    calls = []

    def double(query, key, value, *given, **options):
        calls.append((query.shape, *given, options))
        return value

    monkeypatch.setattr(attention, "varlen_attn", double)
    documents = Documents.of(torch.tensor([[1] * 5 + [2] * 3]))
    rows = [torch.randn(8 * heads, 16) for heads in (4, 2, 2)]
    layouts = [documents.layout(4, heads) for heads in (4, 2, 2)]
    served = rows[2].view(8, 2, 16).repeat_interleave(2, dim=1)
    assert torch.equal(documents._attend_in_one_call(*rows, layouts, 0.5), served.flatten(0, 1))
    [(shape, starts, also_starts, longest, _, options)] = calls
    assert shape == (8, 4, 16) and starts.tolist() == also_starts.tolist() == [0, 5, 8] and longest == 5
    assert starts.dtype == torch.int32 and options == {"scale": 0.5, "window_size": (-1, 0)}
