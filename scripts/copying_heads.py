"""Attention heads that can copy from the first step on, for models too small and too briefly trained to find them.

What lets a model repeat a name it has never met is a pair of heads (Olsson et al. 2022, In-context Learning and Induction
Heads): one writes beside each token which token stood before it, the other looks for the places whose predecessor is the
current token and copies what stands there. In ordinary pretraining the pair appears after far more tokens than a laptop
can give it. Here the weights of a few heads start as that pair; everything else starts as usual, and all of it is trained.
"""

from __future__ import annotations

import torch
from transformers import LlamaForCausalLM, T5ForConditionalGeneration

SEED = 0
NUM_SHARP = 6  # rotary pairs fast enough to tell one position from the next
CONSTANT = 4.0  # size of the coordinate that is the same for every token, in deviations of the others
PREVIOUS, MATCH, WRITE, COPY = 2.0, 4.0, 3.0, 4.0  # gains: found by reading attention maps of untrained models


def _directions(width: int, *, first: int) -> torch.Tensor:
    """Orthonormal rows (width - first, width) that leave the first coordinates alone."""
    generator = torch.Generator().manual_seed(SEED)
    rows = torch.linalg.qr(torch.randn(width - first, width - first, generator=generator))[0]
    return torch.cat([torch.zeros(width - first, first), rows], dim=1)


@torch.no_grad()
def start_llama(model: LlamaForCausalLM) -> None:
    """Head 0 of layer 0 attends to the token before; heads 0 and 1 of layers 1 and 2 match and copy."""
    width, size = model.config.hidden_size, model.model.layers[0].self_attn.head_dim
    embeddings = model.model.embed_tokens.weight
    deviation = float(embeddings.std())
    embeddings[:, 0] = CONSTANT * deviation
    directions = _directions(width, first=1)
    current, before, content = directions[:size], directions[size : 2 * size], directions[2 * size :]
    _attend_to_previous(model.model.layers[0].self_attn, model.config.rope_parameters["rope_theta"], size)
    _carry(model.model.layers[0].self_attn, slice(0, size), current, before.T * WRITE * deviation)
    for layer in model.model.layers[1:3]:
        for head in (0, 1):
            _match(layer.self_attn, head, size, current, before)
            copied = content[:size] if head == 0 else content[-size:]
            _carry(layer.self_attn, slice(head * size, (head + 1) * size), copied, copied.T * COPY * 0.05)


def _attend_to_previous(attention: torch.nn.Module, theta: float, size: int) -> None:
    """Queries and keys that hold nothing but a phase: rotated by their positions they agree best one position apart."""
    angles = theta ** (-torch.arange(NUM_SHARP) / (size // 2))
    attention.q_proj.weight[:size] = 0
    attention.k_proj.weight[:size] = 0
    attention.q_proj.weight[:NUM_SHARP, 0] = PREVIOUS
    attention.k_proj.weight[:NUM_SHARP, 0] = PREVIOUS * torch.cos(angles)
    attention.k_proj.weight[size // 2 : size // 2 + NUM_SHARP, 0] = PREVIOUS * torch.sin(angles)


def _match(attention: torch.nn.Module, head: int, size: int, current: torch.Tensor, before: torch.Tensor) -> None:
    """Queries of what the token is, keys of what stood before, in the slow rotary pairs, where distance hardly matters."""
    quarter = size // 4
    slow = torch.cat([torch.arange(quarter, 2 * quarter), torch.arange(3 * quarter, size)]) + head * size
    part = slice(head * 2 * quarter, (head + 1) * 2 * quarter)
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight[head * size : (head + 1) * size] = 0
    attention.q_proj.weight[slow] = current[part] * MATCH
    attention.k_proj.weight[slow] = before[part] * MATCH / (WRITE / 2)


def _carry(attention: torch.nn.Module, head: slice, read: torch.Tensor, write: torch.Tensor) -> None:
    attention.v_proj.weight[head] = read
    attention.o_proj.weight[:, head] = write


@torch.no_grad()
def start_t5(model: T5ForConditionalGeneration) -> None:
    """Head 0 of the encoder attends to the token before, by the position bias; the cross-attention of two decoder layers
    matches the decoder's last token with it and copies."""
    width, size = model.config.d_model, model.config.d_kv
    deviation = float(model.shared.weight.std())
    directions = _directions(width, first=0)
    current, before, content = directions[:size], directions[size : 2 * size], directions[2 * size :]
    first = model.encoder.block[0].layer[0].SelfAttention
    first.relative_attention_bias.weight[1, 0] = 10.0  # the bucket of the token one to the left
    first.q.weight[:size] = 0
    first.k.weight[:size] = 0
    first.v.weight[:size] = current
    first.o.weight[:, :size] = before.T * WRITE * deviation
    for block in model.decoder.block[:2]:
        attention = block.layer[1].EncDecAttention
        for head in (0, 1):
            rows = slice(head * size, (head + 1) * size)
            copied = content[:size] if head == 0 else content[-size:]
            attention.q.weight[rows] = current
            attention.k.weight[rows] = before / (WRITE / 2) * 0.5
            attention.v.weight[rows] = copied
            attention.o.weight[:, rows] = copied.T * COPY * deviation
