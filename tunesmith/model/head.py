"""The output head and the log-probability of its targets in one, without the logits in float32 beside their gradient."""

from __future__ import annotations

import torch
from torch import nn

SCORES_PER_PASS = {"cpu": 1 << 22}
"""Most logits that are held in float32 at once: on a CPU 16 MiB, which its cache holds; elsewhere see below."""
SCORES_PER_PASS_ON_A_GPU = 1 << 27
ROWS_PER_PRODUCT = 512
"""Rows of logits that are computed at once where they are not kept, as for a frozen head."""


def target_log_probabilities(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    *,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """(n,) natural-log probabilities in float32 of ``targets`` (n,) under softmax(hidden · weightᵀ + bias).

    With ``label_smoothing`` ε each is (1 - ε) of the target's and ε of the mean over the vocabulary.

    The same as a cross-entropy of float32 logits, in a fraction of the passes and of the memory (cf. Hsu et al. 2024,
    Liger): logits are computed in the precision of ``hidden`` (n, width) and ``weight`` (vocabulary, width) and turned
    into probabilities, in their place, some rows at a time. Where the head learns they are kept, in that precision, for
    its gradient; where it is frozen nothing but the gradient of ``hidden`` is.
    """
    return _TargetLogProbabilities.apply(hidden, weight, bias, targets, label_smoothing)


def is_plain_head(head: nn.Module | None) -> bool:
    """Whether a head is a linear layer and nothing else: no adapter around it, and no hook that would not be called."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if type(head) is not nn.Linear or "forward" in vars(head):
        return False
    return not any(getattr(head, name) for name in hooks)


class _TargetLogProbabilities(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, smoothing):
        of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
        learns = of_weight or of_bias
        output = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        errors, products = [], []
        rows = max(1, len(targets)) if learns else ROWS_PER_PRODUCT
        for h, t, found in zip(hidden.split(rows), targets.split(rows), output.split(rows), strict=True):
            logits = torch.nn.functional.linear(h, weight, bias)
            _to_errors(logits, t, found, smoothing, wanted=of_hidden or learns)
            if learns:
                errors.append(logits)
            elif of_hidden:
                products.append(logits @ weight)
        ctx.learns = learns
        if learns:
            ctx.save_for_backward(hidden, weight, *errors)
        elif of_hidden:
            ctx.save_for_backward(torch.cat(products))
        return output

    @staticmethod
    def backward(ctx, of_output):
        of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
        if not ctx.learns:
            (product,) = ctx.saved_tensors
            return product * _column(of_output, product), None, None, None, None
        hidden, weight, errors = ctx.saved_tensors
        # Rows are scaled in the narrow factor of each product.
        return (
            (errors @ weight) * _column(of_output, hidden) if of_hidden else None,
            errors.t() @ (hidden * _column(of_output, hidden)) if of_weight else None,
            errors.t() @ _column(of_output, hidden)[:, 0] if of_bias else None,
            None,
            None,
        )


def _column(of_output: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(n, 1) What scales the errors: the gradient of log p(target) is one-hot minus probabilities, which is their negative."""
    return of_output.neg().to(like.dtype)[:, None]


def _to_errors(
    logits: torch.Tensor, targets: torch.Tensor, output: torch.Tensor, smoothing: float, *, wanted: bool
) -> None:
    """Write the log-probabilities into ``output`` (n,) and, if wanted, p - wished over ``logits`` (n, vocabulary)."""
    vocabulary = logits.shape[1]
    rows = max(1, SCORES_PER_PASS.get(logits.device.type, SCORES_PER_PASS_ON_A_GPU) // vocabulary)
    space = torch.empty((min(rows, len(logits)), vocabulary), dtype=torch.float32, device=logits.device)
    for some, chosen, found in zip(logits.split(rows), targets[:, None].split(rows), output.split(rows), strict=True):
        scores = space[: len(some)].copy_(some)
        highest = scores.amax(1, keepdim=True)
        wished = scores.gather(1, chosen)
        if smoothing:
            wished = (1 - smoothing) * wished + smoothing * scores.mean(1, keepdim=True)
        p = torch.softmax(scores, dim=1, out=scores)
        # The highest logit's probability is never 0, so its logarithm gives log Σ exp exactly.
        found.copy_((wished - highest + p.amax(1, keepdim=True).log())[:, 0])
        if wanted:
            p.scatter_add_(1, chosen, p.new_full((), smoothing - 1).expand(chosen.shape))
            some.copy_(p.sub_(smoothing / vocabulary) if smoothing else p)
