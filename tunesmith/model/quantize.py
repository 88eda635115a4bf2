"""Frozen weights in 4 or 8 bits, by bitsandbytes: how they are loaded, computed with, and turned back into floats.

A CPU will do. Only the layers between the embeddings and the head are quantized, as transformers does it, so that plain
``from_pretrained(quantization_config=…)`` gives the same weights.
"""

from __future__ import annotations

import math

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from torch import nn
from transformers import BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D

from tunesmith.errors import ModelError
from tunesmith.recipe import Quantization


class WeightOnlyInt8(Linear8bitLt):
    """bitsandbytes' 8-bit layer as it computes on a CPU while it learns, always: with its weights turned into floats.

    Otherwise answers would come from activations rounded to 8 bits as well, by a scale and a choice of columns that hang on
    what else is in the batch: documents that share a row, or prompts that share a batch, would change each other's logits.
    """

    def train(self, mode: bool = True) -> WeightOnlyInt8:
        """Stay as it is."""
        self.training = True
        return self


METHODS: dict[Quantization, str] = {"nf4": "qlora", "int8": "lora-8bit"}


def quantization_config(quantization: Quantization) -> BitsAndBytesConfig:
    """What transformers is given: NF4 with double quantization (Dettmers et al. 2023), or LLM.int8 (Dettmers et al. 2022)."""
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)


def quantized_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Name to layer, of every layer that bitsandbytes holds."""
    return {name: module for name, module in model.named_modules() if isinstance(module, (Linear4bit, Linear8bitLt))}


def quantized_as(model: nn.Module) -> Quantization | None:
    """How the frozen weights are held, or None where they are floats."""
    kinds = {type(layer) for layer in quantized_layers(model).values()}
    return None if not kinds else "nf4" if any(issubclass(kind, Linear4bit) for kind in kinds) else "int8"


def num_weights(parameter: nn.Parameter) -> int:
    """How many weights a tensor stands for: two 4-bit ones lie in a byte."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else math.prod(state.shape)


def prepare(model: nn.Module, quantization: Quantization | None) -> None:
    """What has to be done to a model before it is used, where something in it is quantized, or should be.

    On a CPU with AVX512-BF16 bitsandbytes rewrites 4-bit weights at the first forward without gradients: their scales are
    rounded to bfloat16 for good, gradients no longer pass, and a layer narrower than 64 fails. That is switched off.

    Raises:
        ModelError: nothing was quantized, and something should have been.
    """
    layers = quantized_layers(model)
    if quantization is not None and not layers:
        raise ModelError(
            f"adapter.method: {METHODS[quantization]} found no linear layer to quantize in {type(model).__name__}. "
            "Set adapter.method: lora or full."
        )
    if layers:
        _let_go_of_file(model)
    for layer in layers.values():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False
        elif layer.weight.device.type == "cpu":
            layer.__class__ = WeightOnlyInt8
            layer.train()


def _let_go_of_file(model: nn.Module) -> None:
    """Copy what was not quantized, here the embeddings, out of the file that it is mapped from.

    As long as one tensor lies in it, all the file stays in memory, with the floats of what was quantized.
    """
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.clone()


def compute_in(model: nn.Module, dtype: torch.dtype) -> None:
    """Let 4-bit layers compute in the precision that the rest of the model does."""
    for layer in quantized_layers(model).values():
        if isinstance(layer, Linear4bit):
            layer.compute_dtype, layer.compute_type_is_set = dtype, True


@torch.no_grad()
def float_weight(layer: Linear4bit | Linear8bitLt) -> torch.Tensor:
    """(out, in) float32 weights that a quantized layer stands for."""
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    scales = layer.state.SCB if layer.state.SCB is not None else layer.weight.SCB
    codes = layer.state.CB if layer.state.CB is not None else layer.weight.data
    return int8_vectorwise_dequant(codes, scales).float()


def _plain(layer: Linear4bit | Linear8bitLt) -> nn.Linear | Conv1D:
    """The float32 layer that a quantized one was made from; GPT-2 keeps its weights the other way round."""
    weight = float_weight(layer)
    with torch.device("meta"):
        if layer.source_cls is Conv1D:
            plain, weight = Conv1D(layer.out_features, layer.in_features), weight.T.contiguous()
        else:
            plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    plain.weight = nn.Parameter(weight, requires_grad=False)
    if layer.bias is not None:
        plain.bias = nn.Parameter(layer.bias.detach().float(), requires_grad=False)
    return plain


def dequantize(model: nn.Module) -> nn.Module:
    """Put ordinary float32 layers in the place of quantized ones, in place."""
    for name, layer in quantized_layers(model).items():
        model.set_submodule(name, _plain(layer).train(layer.training))
    model.is_quantized = False
    for mark in ("is_loaded_in_4bit", "is_loaded_in_8bit", "hf_quantizer", "quantization_method"):
        model.__dict__.pop(mark, None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model
