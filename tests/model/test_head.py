"""Head and loss in one: the same numbers and gradients as the two apart, however they are cut."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tunesmith.model import head
from tunesmith.model.head import is_plain_head, target_log_probabilities

ROWS, WIDTH, VOCABULARY = 37, 16, 301


def inputs(dtype: torch.dtype, *, learns: bool, with_bias: bool) -> list[torch.Tensor | None]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(ROWS, WIDTH, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator).to(dtype).requires_grad_(learns)
    bias = torch.randn(VOCABULARY, generator=generator).to(dtype).requires_grad_(learns)
    return [hidden, weight, bias if with_bias else None]


def results(function, given, wanted: torch.Tensor, **options) -> list[torch.Tensor]:
    """The log-probabilities and the gradients of a sum in which every one of them weighs something else."""
    output = function(*given, targets(), **options)
    (output * wanted).sum().backward()
    return [output.detach(), *(tensor.grad for tensor in given if tensor is not None and tensor.grad is not None)]


def plain(hidden, weight, bias, wished, *, label_smoothing=0.0):
    logits = nn.functional.linear(hidden, weight, bias).float()
    return -nn.functional.cross_entropy(logits, wished, reduction="none", label_smoothing=label_smoothing)


def targets() -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (ROWS,), generator=torch.Generator().manual_seed(1))


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return ((one.float() - other.float()).norm() / other.float().norm()).item()


@pytest.mark.parametrize("rows_at_once", [1, 2, 5, ROWS, 1000])
@pytest.mark.parametrize("learns", [True, False], ids=["trained head", "frozen head"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_gives_what_head_and_loss_give_apart(rows_at_once, learns, smoothing, monkeypatch):
    """L22: outputs and all gradients to 1e-6, whatever is computed at once."""
    monkeypatch.setitem(head.SCORES_PER_PASS, "cpu", rows_at_once * VOCABULARY)
    monkeypatch.setattr(head, "ROWS_PER_PRODUCT", max(1, rows_at_once // 2))
    weights = torch.rand(ROWS, generator=torch.Generator().manual_seed(2)) + 0.1
    for with_bias in (True, False):
        settings = {"learns": learns, "with_bias": with_bias}
        found, expected = (
            results(function, inputs(torch.float32, **settings), weights, label_smoothing=smoothing)
            for function in (target_log_probabilities, plain)
        )
        assert len(found) == len(expected) == 1 + (1 if not learns else 3 if with_bias else 2)
        assert all(distance(one, other) <= 1e-6 for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("learns", [True, False])
def test_in_bfloat16_it_is_as_near_to_float32_as_the_two_apart(learns):
    weights = torch.ones(ROWS)
    exact = results(plain, [t.detach().float().requires_grad_(t.requires_grad) for t in inputs(torch.bfloat16, learns=learns, with_bias=True)], weights)  # fmt: skip
    ours, theirs = (
        results(function, inputs(torch.bfloat16, learns=learns, with_bias=True), weights)
        for function in (target_log_probabilities, plain)
    )
    assert all(distance(one, e) <= 1.2 * distance(two, e) for one, two, e in zip(ours, theirs, exact, strict=True))


def test_the_least_likely_target_has_a_finite_log_probability():
    """A probability of 1e-130 is 0 in float32; its logarithm is not minus infinity."""
    hidden, weight = torch.tensor([[1.0]]), torch.tensor([[300.0], [0.0]])
    assert target_log_probabilities(hidden, weight, None, torch.tensor([1])).tolist() == [-300.0]


def test_nothing_supervised_gives_nothing_and_zero_gradients():
    hidden, weight = torch.zeros(0, 4, requires_grad=True), torch.ones(5, 4, requires_grad=True)
    output = target_log_probabilities(hidden, weight, None, torch.zeros(0, dtype=torch.long))
    output.sum().backward()
    assert output.shape == (0,) and not weight.grad.any()


def test_only_an_untouched_linear_layer_is_a_plain_head():
    layer = nn.Linear(2, 3)
    assert is_plain_head(layer)
    assert not is_plain_head(None)
    assert not is_plain_head(nn.Embedding(2, 3))
    handle = layer.register_forward_hook(lambda *_: None)
    assert not is_plain_head(layer)
    handle.remove()
    layer.forward = lambda hidden: hidden
    assert not is_plain_head(layer)
