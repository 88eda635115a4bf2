"""The footprint: bytes of tensors that live, and the most at once."""

from __future__ import annotations

import pytest
import torch

from tests.models import tiny_model
from tunesmith.model.footprint import Footprint

KB = 1024


def zeros(size_bytes: int) -> torch.Tensor:
    return torch.zeros(size_bytes, dtype=torch.uint8)


def test_a_tensor_counts_from_when_it_is_made_to_when_nobody_holds_it():
    with Footprint() as footprint:
        first = zeros(8 * KB)
        second = zeros(2 * KB)
        assert (footprint.live_bytes, footprint.peak_bytes) == (10 * KB, 10 * KB)
        del first
        assert (footprint.live_bytes, footprint.peak_bytes) == (2 * KB, 10 * KB)
        footprint.peak_bytes = footprint.live_bytes
        zeros(4 * KB)
        assert (footprint.live_bytes, footprint.peak_bytes) == (2 * KB, 6 * KB)
    assert second.numel() == 2 * KB


def test_views_and_changes_in_place_count_nothing_anew():
    with Footprint() as footprint:
        tensor = zeros(8 * KB)
        held = [tensor.view(2, -1), tensor[: 4 * KB], tensor.add_(1), tensor.detach()]
        assert footprint.peak_bytes == 8 * KB
        del tensor
        assert footprint.live_bytes == 8 * KB
        held.clear()
        assert footprint.live_bytes == 0


def test_what_backward_makes_is_counted_too():
    with Footprint() as footprint:
        weight = torch.ones(KB, requires_grad=True)
        loss = (weight * weight).sum()
        loss.backward()
        del loss
        assert footprint.live_bytes == 2 * 4 * KB  # the weight and its gradient
        assert footprint.peak_bytes >= 3 * 4 * KB  # the product beside both


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_what_it_is_given_counts_once_though_some_of_it_is_tied(shape):
    model = tiny_model(shape)
    footprint = Footprint([p for _, p in model.named_parameters(remove_duplicate=False)] + list(model.buffers()))
    assert footprint.live_bytes == footprint.peak_bytes
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    buffers = sum({b.data_ptr(): b.untyped_storage().nbytes() for b in model.buffers()}.values())
    assert footprint.live_bytes == weights + buffers
