"""What a model can do, found out on three short rows at load instead of believed from its name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.attention import DocumentMask
from tunesmith.model.footprint import is_out_of_memory
from tunesmith.model.forward import Forward, Head, base_model, output_head, own_loss
from tunesmith.model.head import is_plain_head
from tunesmith.model.load import LoadedModel
from tunesmith.model.quantize import METHODS, quantized_as
from tunesmith.rendering.collate import Batch, collate
from tunesmith.rendering.tokenize import Encoded

TOLERANCE = 1e-4
"""Largest difference in mean loss, in nats per token, that counts as equal."""
TOKEN_TOLERANCE = 1e-3
"""Largest difference in the log-probability of any one token; a document that sees its neighbor differs by 1e-2 and more."""
PROBE_LENGTHS = (9, 6, 12)


@dataclass(frozen=True)
class Capabilities:
    """What was found: how the head runs, whether documents may share a row, whether prompts may share a batch.

    ``flattens`` says that a batch may be one row without padding: packed documents cost no more than by themselves.
    ``notes`` is one line for every way in which the model falls short, whatever is asked of it.
    """

    head: Head
    can_pack: bool
    can_batch_prompts: bool
    flattens: bool = False
    notes: tuple[str, ...] = ()


@torch.no_grad()
def probe(loaded: LoadedModel) -> Capabilities:
    """Compare our forward with the model's own loss, packed rows with single rows, padded prompts with bare ones.

    Raises `ModelError` when even the plain forward differs from the model's own loss: training it would teach something
    else than what is printed; or when the model cannot compute with quantized weights.
    """
    was_training = loaded.model.training
    loaded.model.eval()
    try:
        return _probe(loaded)
    except RuntimeError as error:
        quantization = quantized_as(loaded.model)
        if quantization is None or is_out_of_memory(error):
            raise
        raise ModelError(
            f"adapter.method: {METHODS[quantization]} does not work on {type(base_model(loaded.model)).__name__}, which "
            "reads the weights of its linear layers itself. Set adapter.method: lora or full."
        ) from error
    finally:
        loaded.model.train(was_training)


def _probe(loaded: LoadedModel) -> Capabilities:
    rows = _rows(loaded)
    _check_causality(loaded, rows)
    head = _cheapest_head(loaded, rows)
    notes = (
        []
        if head != "full"
        else ["The output head runs on every position: keeping it to supervised ones changes the loss."]
    )
    is_lengthened = adapters.num_virtual_tokens(loaded.model) > 0
    can_pack = loaded.kind == "causal" and not is_lengthened and _isolates_documents(loaded, rows, head)
    can_batch = loaded.kind == "seq2seq" or _ignores_left_padding(loaded, rows)
    if not can_batch:
        notes.append("Padding a prompt changes the answer, so only prompts of equal length are answered together.")
    return Capabilities(head, can_pack, can_batch, can_pack and _attends_by_document(loaded, rows), tuple(notes))


def _rows(loaded: LoadedModel) -> list[Encoded]:
    """Three rows of arbitrary ids, the second half of each supervised."""
    generator = torch.Generator().manual_seed(0)
    vocabulary = min(len(loaded.tokenizer), loaded.model.get_input_embeddings().weight.shape[0])
    rows = []
    for length in PROBE_LENGTHS:
        ids = torch.randint(0, vocabulary, (length,), generator=generator).tolist()
        supervised = [position >= length // 2 for position in range(length)]
        answer = ids[length // 2 :] if loaded.kind == "seq2seq" else None
        rows.append(Encoded("probe", ids, supervised, text="", supervised_text="", target_ids=answer))
    return rows


@torch.no_grad()
def probe_logits(loaded: LoadedModel, *, model: torch.nn.Module | None = None) -> torch.Tensor:
    """(num_supervised, vocabulary) logits of the model (or of another on the same tokens) on the three rows."""
    batch = _batch(loaded, [(row,) for row in _rows(loaded)])
    return Forward(model or loaded.model).supervised_logits(batch).float()


def _check_causality(loaded: LoadedModel, rows: list[Encoded]) -> None:
    """Refuse a decoder that sees what it is to predict: an encoder such as BERT loads as a decoder without a word."""
    if loaded.kind == "seq2seq":
        return
    [row] = rows[:1]
    other = replace(row, input_ids=[*row.input_ids[:-1], (row.input_ids[-1] + 1) % 7])
    before, after = (_logits(loaded, example)[:, :-1] for example in (row, other))
    if (before - after).abs().max() > TOLERANCE:
        raise ModelError(
            f"{loaded.name_or_path}: {type(loaded.model).__name__} sees the tokens it is to predict, so it cannot write text. "
            "Name a decoder-only or an encoder-decoder model."
        )


def _logits(loaded: LoadedModel, example: Encoded) -> torch.Tensor:
    batch = _batch(loaded, [(example,)])
    return loaded.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.float()


def _cheapest_head(loaded: LoadedModel, rows: list[Encoded]) -> Head:
    batch = _batch(loaded, [(row,) for row in rows[:2]])
    reference = own_loss(loaded.model, batch)
    head = output_head(loaded.model)
    tried: list[Head] = ["hooked", "full"] if head is not None else ["full"]
    if Forward(loaded.model).can_keep:
        tried.insert(0, "kept")
    if is_plain_head(head):
        tried.insert(0, "fused")
    differences = []
    for head in tried:
        forward = Forward(loaded.model, head=head)
        difference = _difference(forward, batch, reference)
        if difference <= TOLERANCE and forward.head == head:
            return head
        differences.append(difference)
    raise ModelError(
        f"{loaded.name_or_path}: our loss on two short rows differs from the model's own by {differences[-1]:.2g} "
        f"({type(base_model(loaded.model)).__name__}), so it cannot be trained faithfully here."
    )


def _difference(forward: Forward, batch: Batch, reference: torch.Tensor) -> float:
    """How far our mean loss is from the reference; infinite where the model cannot take such a batch."""
    log_probabilities = _try(forward, batch)
    if log_probabilities is None:
        return float("inf")
    difference = (-log_probabilities.mean() - reference.float()).abs().item()
    return difference if difference == difference else float("inf")


def _try(forward: Forward, batch: Batch) -> torch.Tensor | None:
    """The log-probabilities, or None where the model's forward does not take such a batch."""
    try:
        log_probabilities = forward(batch)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, NotImplementedError):
        return None
    return log_probabilities if log_probabilities.shape == (batch.num_supervised,) else None


def _isolates_documents(loaded: LoadedModel, rows: list[Encoded], head: Head) -> bool:
    """Whether every token of a row of several documents is predicted as when they come one at a time."""
    if has_windowed_layers(loaded.config):
        return False
    forward = Forward(loaded.model, head=head)
    single = torch.cat([forward(_batch(loaded, [(row,)])) for row in rows])
    packed = _try(forward, _batch(loaded, [tuple(rows)]))
    return packed is not None and bool((packed - single).abs().max() <= TOKEN_TOLERANCE)


def _attends_by_document(loaded: LoadedModel, rows: list[Encoded]) -> bool:
    """Whether the model hands its mask on to torch's attention as it is, so that nothing of it is ever made."""
    batch = _batch(loaded, [tuple(rows)])
    mask = DocumentMask.of(batch, next(loaded.model.parameters()).dtype)
    inputs = {"input_ids": batch.input_ids, "position_ids": batch.position_ids, "use_cache": False}
    loaded.model(attention_mask=mask, **inputs)
    return not mask.was_looked_at


def has_windowed_layers(config) -> bool:
    """Whether some layer attends to a window only or keeps a state: a block mask in its place would change what it sees."""
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ())
    if kinds:
        return not kinds <= {"full_attention", "attention"}
    window = getattr(text, "sliding_window", None)
    return window is not None and getattr(text, "use_sliding_window", True) is not False


def _ignores_left_padding(loaded: LoadedModel, rows: list[Encoded]) -> bool:
    """Whether the next-token logits of a prompt stay the same when a longer one in the batch pads it on the left."""
    short, longer = sorted(rows, key=lambda row: len(row.input_ids))[:2]
    device = loaded.model.device
    bare = torch.tensor([short.input_ids], device=device)
    padding = len(longer.input_ids) - len(short.input_ids)
    padded = torch.tensor([[loaded.pad_token_id] * padding + short.input_ids, longer.input_ids], device=device)
    mask = torch.ones_like(padded)
    mask[0, :padding] = 0
    try:
        alone = _next_logits(loaded.model, bare, torch.ones_like(bare))
        beside = _next_logits(loaded.model, padded, mask)
    except (TypeError, ValueError, RuntimeError, IndexError):
        return False
    return bool((alone[0] - beside[0]).abs().max() <= TOLERANCE * max(1.0, float(alone.abs().max())))


def _next_logits(model: torch.nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """(batch, vocabulary) logits after the last token, prepared as ``generate`` prepares them."""
    generated = model.generate(
        input_ids,
        attention_mask=attention_mask,
        max_new_tokens=1,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        pad_token_id=0,
    )
    return generated.logits[0].float()


def _batch(loaded: LoadedModel, rows: list[tuple[Encoded, ...]]) -> Batch:
    batch = collate(rows, pad_token_id=loaded.pad_token_id, decoder_start_token_id=loaded.decoder_start_token_id)
    return batch.to(loaded.model.device)
