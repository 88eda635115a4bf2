"""Layers whose gradient is worked out by hand: fewer passes over memory, and less kept for them.

A model's own layers are taken where they are known by what they hold, not by name, and only if they give what ours give;
the model around them stays as it is. They are used where a gradient is wanted: measuring and generating are the model's own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import nn
from transformers.activations import FastGELUActivation, NewGELUActivation

PARITY = 1e-5
"""Largest difference, relative to the norm, of outputs and gradients in float32 that counts as none."""


def fuse(model: nn.Module) -> list[str]:
    """Let a model's normalizations, gated units, activations and LoRA layers compute their gradients by hand, from now on.

    Gives a line for each kind of layer that looked like one of ours and is not.
    """
    notes, known = [], {}
    for module in model.modules():
        found = _fused_forward(module)
        if found is None:
            continue
        kind = (type(module), found.__name__, *(tuple(p.shape) for p in module.parameters()))
        if kind not in known:
            known[kind] = _is_the_same(module, found)
            if not known[kind]:
                notes.append(f"{type(module).__name__} is no ordinary one of its kind, so it is computed as it is.")
        if known[kind]:
            _install(module, found)
    return list(dict.fromkeys(notes))


def _fused_forward(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    """Our forward for a module that looks like one it is for."""
    if "forward" in vars(module):  # somebody has been here before
        return None
    if _is_norm(module):
        return _norm
    if _is_gated(module):
        return _gated
    if isinstance(module, (NewGELUActivation, FastGELUActivation)):
        return _gelu
    return _lora if isinstance(module, LoraLinear) and _is_plain_lora(module) else None


def _install(module: nn.Module, fused: Callable[..., torch.Tensor]) -> None:
    own = module.forward

    def forward(x: torch.Tensor, *args, **kwargs) -> torch.Tensor:
        if args or kwargs or not torch.is_grad_enabled() or (fused is _lora and not _is_plain_lora(module)):
            return own(x, *args, **kwargs)
        return fused(module, x)

    module.forward = forward


def _is_the_same(module: nn.Module, fused: Callable[..., torch.Tensor]) -> bool:
    """Whether both forwards, and all gradients, agree on random numbers, with weights that are not as initialized."""
    module = copy.deepcopy(module).float().train()
    generator = torch.Generator().manual_seed(0)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator).to(device)
        parameter.data = parameter.data + 0.1 * noise
    width = next((p.shape[-1] for name, p in module.named_parameters() if name.endswith("weight")), 8)
    start = torch.randn(2, 5, width, generator=generator).to(device)
    answers = []
    with torch.enable_grad():
        for forward in (module.forward, lambda x: fused(module, x)):
            x = start.clone().requires_grad_()
            module.zero_grad()
            torch.manual_seed(0)
            try:
                output = forward(x)
                output.square().sum().backward()
            except (RuntimeError, TypeError, ValueError, AttributeError):
                return False
            answers.append([output, x.grad, *(p.grad for p in module.parameters() if p.grad is not None)])
    return len(answers[0]) == len(answers[1]) and all(
        one.shape == other.shape and (one - other).norm() <= PARITY * one.norm()
        for one, other in zip(*answers, strict=True)
    )


# Root mean square normalization (Zhang and Sennrich 2019)


def _is_norm(module: nn.Module) -> bool:
    names = [name for name, _ in module.named_parameters()]
    is_alone = names == ["weight"] and module.weight.ndim == 1 and not list(module.children())
    return is_alone and _epsilon(module) is not None and not isinstance(module, (nn.LayerNorm, nn.GroupNorm))


def _epsilon(module: nn.Module) -> float | None:
    found = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    return found if isinstance(found, float) else None


def _norm(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return _RootMeanSquareNorm.apply(x, module.weight, _epsilon(module))


class _RootMeanSquareNorm(torch.autograd.Function):
    """w · x / √(mean x² + ε), computed in float32. Keeps its input and one number per row."""

    @staticmethod
    def forward(ctx, x, weight, epsilon):
        wide = x.float()
        scale = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_().div_(x.shape[-1])
        scale = scale.add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).mul_(weight.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        x, weight, scale = ctx.saved_tensors
        normal, wide, w = (
            x * scale if x.dtype == scale.dtype else x.float().mul_(scale),
            gradient.float(),
            weight.float(),
        )
        product = (wide * normal).flatten(0, -2)
        of_weight = product.sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, of_weight, None
        share = (product @ w).div_(-x.shape[-1]).view(scale.shape)
        return (wide * w).addcmul_(normal, share).mul_(scale).to(x.dtype), of_weight, None


# Gated units (Shazeer 2020)


def _is_gated(module: nn.Module) -> bool:
    names = {name for name, _ in module.named_children()}
    if not {"gate_proj", "up_proj", "down_proj"} <= names:
        return False
    return isinstance(getattr(module, "act_fn", None), nn.SiLU) or type(module.act_fn).__name__ == "SiLUActivation"


def _gated(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module.down_proj(_SwiGlu.apply(module.gate_proj(x), module.up_proj(x)))


class _SwiGlu(torch.autograd.Function):
    """silu(gate) · up. Keeps its inputs."""

    @staticmethod
    def forward(ctx, gate, up):
        ctx.save_for_backward(gate, up)
        return nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, gradient):
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradient * up, gate), nn.functional.silu(gate).mul_(gradient)


# Activations that are written out term by term


def _gelu(_module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return nn.functional.gelu(x, approximate="tanh")


# Low-rank adapters (Hu et al. 2022)


def _is_plain_lora(module: LoraLinear) -> bool:
    active = [name for name in module.active_adapters if name in module.lora_A]
    if len(active) != 1 or module.disable_adapters or module.merged or module.lora_variant:
        return False
    base, (name,) = module.get_base_layer(), active
    parts = (base, module.lora_A[name], module.lora_B[name])
    is_plain = all(type(part) is nn.Linear for part in parts) and not base.weight.requires_grad
    has_bias = module.lora_B[name].bias is not None or (base.bias is not None and base.bias.requires_grad)
    return is_plain and not has_bias and len({part.weight.dtype for part in parts}) == 1


def _lora(module: LoraLinear, x: torch.Tensor) -> torch.Tensor:
    (name,) = (name for name in module.active_adapters if name in module.lora_A)
    base, dropped = module.get_base_layer(), module.lora_dropout[name](x)
    a, b, scaling = module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]
    return _LowRank.apply(x, None if dropped is x else dropped, base.weight, base.bias, a, b, scaling)


class _LowRank(torch.autograd.Function):
    """W x + bias + s B A x, the second product added to the first in its place. W and bias are frozen.

    ``dropped`` is what the adapter sees where it is not ``x`` itself.
    """

    @staticmethod
    def forward(ctx, x, dropped, weight, bias, a, b, scaling):
        seen = (x if dropped is None else dropped).flatten(0, -2)
        narrow = (seen @ a.t()).mul_(scaling)
        output = nn.functional.linear(x, weight, bias)
        output.view(-1, output.shape[-1]).addmm_(narrow, b.t())
        ctx.save_for_backward(seen, narrow, weight, a, b)
        ctx.scaling, ctx.is_dropped, ctx.shape = scaling, dropped is not None, x.shape
        return output

    @staticmethod
    def backward(ctx, gradient):
        seen, narrow, weight, a, b = ctx.saved_tensors
        gradient = gradient.flatten(0, -2)
        of_narrow = (gradient @ b).mul_(ctx.scaling)
        of_a = of_narrow.t() @ seen if ctx.needs_input_grad[4] else None
        of_b = gradient.t() @ narrow if ctx.needs_input_grad[5] else None
        of_x = of_dropped = None
        if ctx.needs_input_grad[0]:
            of_x = gradient @ weight
            if not ctx.is_dropped:
                of_x.addmm_(of_narrow, a)
            of_x = of_x.view(ctx.shape)
        if ctx.is_dropped and ctx.needs_input_grad[1]:
            of_dropped = (of_narrow @ a).view(ctx.shape)
        return of_x, of_dropped, None, None, of_a, of_b, None
