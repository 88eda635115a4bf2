"""How probable a model finds texts: given answers to a prompt, and raw texts in windows no longer than its context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from tunesmith.lm import TextLikelihood
from tunesmith.model.decode import Decoder, Prefilled
from tunesmith.model.forward import Forward
from tunesmith.model.load import LoadedModel
from tunesmith.model.probe import Capabilities
from tunesmith.rendering.collate import collate
from tunesmith.rendering.tokenize import Encoded

Name = TypeVar("Name")

TOKENS_PER_BATCH = 4096
"""Most tokens, padding among them, of a batch of rows."""
LONGEST_WINDOW = 4096
"""Most tokens of a window where a model names no end of its context, or a later one."""
SCORES_PER_PASS = 1 << 25
"""Most logits that are held at a time, one answer's at least."""


@dataclass(frozen=True)
class Choices:
    """A prompt and the answers to choose from: ids, and of each answer which of its tokens count."""

    prompt: list[int]
    answers: list[list[int]]
    counted: list[list[bool]]


def answer_likelihoods(
    loaded: LoadedModel, capabilities: Capabilities, decoder: Decoder | None, requests: Sequence[Sequence[Encoded]]
) -> list[list[float]]:
    """Natural-log probability of each answer of each request.

    Where a request has several answers its prompt is read once, and its keys and values serve them all. ``decoder`` is
    what can do so, or None.
    """
    found: list[list[float]] = [[0.0] * len(request) for request in requests]
    shared: list[tuple[int, Choices]] = []
    alone: list[tuple[tuple[int, int], Encoded]] = []
    for number, request in enumerate(requests):
        choices = _choices(request) if decoder is not None and len(request) > 1 else None
        if choices is not None:
            shared.append((number, choices))
        else:
            alone += [((number, place), example) for place, example in enumerate(request)]
    forward = Forward(loaded.model, head=capabilities.head, flattens=capabilities.flattens)
    for batch in _batches(alone):
        for ((number, place), _), total in zip(batch, _sums(forward, loaded, [row for _, row in batch]), strict=True):
            found[number][place] = total
    for batch in _prompt_batches(shared):
        for (number, _), totals in zip(batch, _choose(decoder, [choices for _, choices in batch]), strict=True):
            found[number] = totals
    return found


def _choices(request: Sequence[Encoded]) -> Choices | None:
    """The request in two parts; None where its answers do not stand behind the same prompt."""
    if request[0].target_ids is not None:
        prompts = [example.input_ids for example in request]
        answers = [example.target_ids for example in request]
        counted = [[True] * len(answer) for answer in answers]
    else:
        starts = [example.supervised.index(True) for example in request]
        prompts = [example.input_ids[:start] for example, start in zip(request, starts)]
        answers = [example.input_ids[start:] for example, start in zip(request, starts)]
        counted = [example.supervised[start:] for example, start in zip(request, starts)]
    is_shared = bool(prompts[0]) and all(prompt == prompts[0] for prompt in prompts)
    return Choices(prompts[0], answers, counted) if is_shared else None


def _prompt_batches(requests: Sequence[tuple[int, Choices]]) -> Iterator[list[tuple[int, Choices]]]:
    """Longest prompts first; of the batches' prompts, and of all their answers, no more tokens than may be read at a time."""
    batch: list[tuple[int, Choices]] = []
    for item in sorted(requests, key=lambda item: -len(item[1].prompt)):
        if batch:
            rows = sum(len(choices.answers) for _, choices in [*batch, item])
            longest = max(len(answer) for _, choices in [*batch, item] for answer in choices.answers)
            if max((len(batch) + 1) * len(batch[0][1].prompt), rows * longest) > TOKENS_PER_BATCH:
                yield batch
                batch = []
        batch.append(item)
    if batch:
        yield batch


@torch.inference_mode()
def _choose(decoder: Decoder, requests: Sequence[Choices]) -> list[list[float]]:
    """Log-probabilities of the answers of requests whose prompts are read together."""
    prefilled = decoder.read([choices.prompt for choices in requests])
    rows = [
        (number, *pair) for number, choices in enumerate(requests) for pair in zip(choices.answers, choices.counted)
    ]
    vocabulary = prefilled.logits.shape[1]
    found: list[list[float]] = [[] for _ in requests]
    while rows:
        longest, count = 0, 0
        for _, answer, _ in rows:
            longest = max(longest, len(answer))
            if count and (count + 1) * longest * vocabulary > SCORES_PER_PASS:
                break
            count += 1
        some, rows = rows[:count], rows[count:]
        for (number, *_), total in zip(some, _sums_behind(decoder, prefilled, some), strict=True):
            found[number].append(total)
    return found


def _sums_behind(
    decoder: Decoder, prefilled: Prefilled, rows: Sequence[tuple[int, list[int], list[bool]]]
) -> list[float]:
    """Log-probability of answers, each behind the prompt of its number."""
    numbers = torch.tensor([number for number, *_ in rows], device=prefilled.mask.device)
    targets = _padded([answer for _, answer, _ in rows], 0).to(numbers.device)
    counted = _padded([flags for *_, flags in rows], False).to(numbers.device)
    logits = prefilled.logits[numbers, None]
    if targets.shape[1] > 1:
        lengths = torch.tensor([len(answer) - 1 for _, answer, _ in rows], device=numbers.device)
        logits = torch.cat([logits, decoder.go_on(prefilled, numbers, targets[:, :-1], lengths)], dim=1)
    found = -torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return found.view_as(targets).masked_fill_(~counted, 0.0).double().sum(1).tolist()


def _padded(rows: Sequence[Sequence], fill: int | bool) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])


def text_likelihoods(
    loaded: LoadedModel,
    capabilities: Capabilities,
    texts: Sequence[str],
) -> list[TextLikelihood | None]:
    """Of each raw text, without template, as the tokenizer encodes it; None for an encoder-decoder, which reads no text alone.

    A beginning-of-text token is put in front where the tokenizer puts one, and is not predicted itself; where it puts
    none the first token is not predicted, having nothing before it. A text that is longer than the context is cut into
    windows that overlap by half, and each token is predicted once, behind at least half a context.
    """
    if loaded.kind == "seq2seq":
        return [None] * len(texts)
    windows = [(number, window) for number, text in enumerate(texts) for window in _windows(loaded, text)]
    logprobs, counts = [0.0] * len(texts), [0] * len(texts)
    forward = Forward(loaded.model, head=capabilities.head, flattens=capabilities.flattens)
    for batch in _batches(windows):
        sums = _sums(forward, loaded, [window for _, window in batch])
        for (number, window), total in zip(batch, sums, strict=True):
            logprobs[number] += total
            counts[number] += sum(window.supervised)
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    return [TextLikelihood(*numbers) for numbers in zip(logprobs, counts, sizes, strict=True)]


def _windows(loaded: LoadedModel, text: str) -> Iterator[Encoded]:
    """The pieces of a text that are read at a time, each with what is predicted in it."""
    ids = loaded.tokenizer(text, verbose=False)["input_ids"]
    size = min(loaded.context_length or LONGEST_WINDOW, LONGEST_WINDOW)
    known, end = 1, min(size, len(ids))
    while known < len(ids):
        start = max(0, end - size)
        predicted = [place >= known for place in range(start, end)]
        yield Encoded("", ids[start:end], predicted, text="", supervised_text="")
        known, end = end, min(end + max(1, size // 2), len(ids))


def _batches(rows: Sequence[tuple[Name, Encoded]]) -> Iterator[list[tuple[Name, Encoded]]]:
    """Longest first, so that memory is known at once."""
    batch: list[tuple[Name, Encoded]] = []
    for item in sorted(rows, key=lambda item: -item[1].num_tokens):
        if batch and (len(batch) + 1) * batch[0][1].num_tokens > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _sums(forward: Forward, loaded: LoadedModel, rows: Sequence[Encoded]) -> list[float]:
    """Natural-log probability of what is supervised in each row."""
    start = loaded.decoder_start_token_id
    batch = collate([(row,) for row in rows], pad_token_id=loaded.pad_token_id, decoder_start_token_id=start)
    batch = batch.to(loaded.model.device)
    with torch.inference_mode():
        found = forward(batch).double()
        return found.new_zeros(len(rows)).index_add_(0, batch.documents_of_supervised, found).tolist()
