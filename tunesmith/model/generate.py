"""A local model that answers: `LocalModel` is a `LanguageModel`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Thread

import torch
from transformers import (
    Cache,
    EncoderDecoderCache,
    GenerationConfig,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
from transformers.utils import ModelOutput

from tunesmith.errors import ModelError
from tunesmith.lm import Completion, Conversation, OnAnswer, Sampling, TextLikelihood, cut_at_stop
from tunesmith.model.adapters import num_virtual_tokens
from tunesmith.model.decode import CACHE_BYTES, Decoder, decoder_for, padded
from tunesmith.model.likelihood import answer_likelihoods, text_likelihoods
from tunesmith.model.load import LoadedModel
from tunesmith.model.probe import Capabilities
from tunesmith.records import Message, Record
from tunesmith.rendering.render import render
from tunesmith.rendering.templates import ChatTemplate
from tunesmith.rendering.tokenize import encode, encode_prompts

STOP_TAIL_TOKENS = 24
"""How many of the newest tokens are decoded to look for a stop string."""


@dataclass(frozen=True)
class LocalModel:
    """A loaded model behind a chat template.

    Answers do not depend on what else is in the batch. Up to ``batch_size`` are written at a time, and as soon as some are
    done the next prompts join (see `decode`); fewer where their keys and values would take more than ``cache_bytes``. A
    model that cannot do that (a state instead of keys and values, virtual tokens) answers batches of prompts of like
    length by transformers' generate, and only of equal length where the probe found that padding shows.
    """

    loaded: LoadedModel
    template: ChatTemplate
    capabilities: Capabilities
    batch_size: int = 16
    cache_bytes: int = CACHE_BYTES

    def generate(
        self,
        conversations: Sequence[Conversation],
        sampling: Sampling = Sampling(),
        *,
        tools: Sequence[Sequence[Mapping]] | None = None,
        on_answer: OnAnswer | None = None,
        shots: Sequence[Sequence[Record]] | None = None,
    ) -> list[Completion]:
        """Answer each conversation, in the order given; one whose prompt leaves no room is answered with nothing.

        ``shots`` are worked examples to put before each, as in training.
        """
        prompts = self.prompt_ids(conversations, tools=tools, shots=shots)
        rooms = [self._room(prompt, sampling) for prompt in prompts]
        answers: list[Completion | None] = [None] * len(prompts)
        asked = [i for i, room in enumerate(rooms) if room >= 1]
        found = self._written([prompts[i] for i in asked], [rooms[i] for i in asked], sampling)
        too_long = ((i, Completion("", "prompt_too_long", len(prompts[i]))) for i, room in enumerate(rooms) if room < 1)
        written = ((asked[k], self._completion(ids, len(prompts[asked[k]]), sampling)) for k, ids in found)
        for i, answer in itertools.chain(too_long, written):
            answers[i] = answer
            if on_answer is not None:
                on_answer(i, answer)
        return answers

    def stream(self, conversation: Conversation, sampling: Sampling = Sampling()) -> Iterator[str]:
        """The answer, piece by piece as it is made."""
        [prompt] = self.prompt_ids([conversation])
        if self._room(prompt, sampling) < 1:
            raise ModelError(
                f"The conversation has {len(prompt)} tokens and the model takes {self.loaded.context_length}: start a new one."
            )
        streamer = _Streamer(self.loaded.tokenizer, skip_prompt=self.loaded.kind == "causal", skip_special_tokens=True)
        failures: list[BaseException] = []
        thread = Thread(target=self._into, args=(streamer, prompt, sampling, failures), daemon=True)
        thread.start()
        yield from _until_stop(_without_first(streamer, self.template.answer_space), sampling.stop)
        thread.join()
        if failures:
            raise ModelError(f"The model failed while answering: {failures[0]}") from failures[0]

    def loglikelihood(self, context: Conversation, continuations: Sequence[str]) -> list[float]:
        """Natural-log probability of each continuation as the assistant's next turn, with its stop token."""
        return self.loglikelihoods([(context, continuations)])[0]

    def loglikelihoods(self, requests: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        """`loglikelihood` of many contexts and their continuations; each context is read once."""
        turns = [Record("", (*context, Message("assistant", text))) for context, texts in requests for text in texts]
        kind, tokenizer = self.loaded.kind, self.loaded.tokenizer
        renderings = [render(record, self.template, per_turn=True)[-1] for record in turns]
        limit = self.loaded.context_length or 2**31
        encoded = iter(encode(renderings, tokenizer, self.template, kind=kind, max_length=limit, over_length="raise"))
        examples = [[next(encoded) for _ in texts] for _, texts in requests]
        return answer_likelihoods(self.loaded, self.capabilities, self._joining, examples)

    def text_loglikelihood(self, texts: Sequence[str]) -> list[TextLikelihood | None]:
        """Of each raw text, without template (see `text_likelihoods`); None for an encoder-decoder."""
        return text_likelihoods(self.loaded, self.capabilities, texts)

    def prompt_ids(self, conversations: Sequence[Conversation], *, tools=None, shots=None) -> list[list[int]]:
        """Token ids of each conversation up to where the answer starts: the same as in training."""
        kind, tokenizer = self.loaded.kind, self.loaded.tokenizer
        return encode_prompts(conversations, tokenizer, self.template, kind=kind, tools=tools, shots=shots)

    def stop_token_ids(self) -> list[int]:
        """Ids that end an answer."""
        return stop_token_ids(self.loaded, self.template)

    def _batches(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> Iterator[list[int]]:
        """Indices of prompts to answer together: longest first, so that memory is known at once."""
        order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
        batch: list[int] = []
        for i in order:
            if batch and (len(batch) == self.batch_size or not self._fit(prompts[i], prompts[batch[0]], sampling)):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def _fit(self, prompt: Sequence[int], other: Sequence[int], sampling: Sampling) -> bool:
        """Whether two prompts may share a batch: padding must not show, and neither may run past the other's room."""
        same_length = self.capabilities.can_batch_prompts or len(prompt) == len(other)
        return same_length and self._room(prompt, sampling) == self._room(other, sampling)

    def _room(self, prompt: Sequence[int], sampling: Sampling) -> int:
        """How many tokens the answer may have; below 1 where the prompt alone is too long."""
        limit = self.loaded.context_length
        if limit is None:
            return sampling.max_new_tokens
        if self.loaded.kind == "seq2seq":
            return min(sampling.max_new_tokens, limit - 1) if len(prompt) <= limit else 0
        return min(sampling.max_new_tokens, limit - len(prompt))

    def _written(
        self, prompts: Sequence[Sequence[int]], rooms: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[int, list[int]]]:
        """The place and the new ids of each prompt, as they are done; ``rooms`` is how long each answer may be."""
        if (decoder := self._joining) is not None:
            yield from decoder.answers(prompts, rooms, sampling, self._is_done(sampling))
            return
        for batch in self._batches(prompts, sampling):
            answers = self._generate([prompts[i] for i in batch], sampling, rooms[batch[0]])
            yield from zip(batch, answers, strict=True)

    @property
    def _joining(self) -> Decoder | None:
        """What lets rows join and leave a batch, for a model that can do that as it is now."""
        is_plain = self.capabilities.can_batch_prompts and not num_virtual_tokens(self.loaded.model)
        return self._decoder if is_plain else None

    @cached_property
    def _decoder(self) -> Decoder | None:
        return decoder_for(self.loaded, max_rows=self.batch_size, cache_bytes=self.cache_bytes)

    def _is_done(self, sampling: Sampling) -> Callable[[list[int]], bool]:
        """Whether an answer ends with a stop token, or its newest text holds a stop string."""
        stop_ids, tokenizer = frozenset(self.stop_token_ids()), self.loaded.tokenizer

        def is_done(ids: list[int]) -> bool:
            if ids[-1] in stop_ids:
                return True
            tail = tokenizer.decode(ids[-STOP_TAIL_TOKENS:], skip_special_tokens=True) if sampling.stop else ""
            return any(marker in tail for marker in sampling.stop)

        return is_done

    def _generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, max_new_tokens: int, streamer=None
    ) -> list[list[int]]:
        """The new ids of each prompt, by transformers' generate.

        Whenever half of the rows are done they leave the batch and the others go on with what the model has cached, so
        that one long answer does not cost as much as a batch of them.
        """
        model, device = self.loaded.model, self.loaded.model.device
        input_ids, attention_mask = padded(prompts, self.loaded.pad_token_id, in_front=self.loaded.kind == "causal")
        inputs = {"input_ids": input_ids.to(device), "attention_mask": attention_mask.to(device)}
        length = start = input_ids.shape[1] if self.loaded.kind == "causal" else 1
        rows, answers = torch.arange(len(prompts), device=device), {}
        if sampling.temperature > 0:
            torch.manual_seed(sampling.seed)
        while len(rows):
            done = _RowsDone(self.loaded, self.stop_token_ids(), sampling.stop, start)
            with torch.inference_mode():
                outputs = model.generate(
                    **inputs,
                    generation_config=self._generation_config(sampling, start + max_new_tokens - length),
                    stopping_criteria=StoppingCriteriaList([done]),
                    streamer=streamer,
                )
            length = outputs.sequences.shape[1]
            going = ~done.rows if length < start + max_new_tokens else torch.zeros_like(done.rows)
            answers |= zip(rows[~going].tolist(), outputs.sequences[~going, start:].tolist(), strict=True)
            rows = rows[going]
            inputs = self._inputs_to_go_on(inputs, outputs, going) if len(rows) else {}
        return [answers[row] for row in range(len(prompts))]

    def _inputs_to_go_on(self, inputs: Mapping, outputs: ModelOutput, going: torch.Tensor) -> dict:
        """What ``generate`` needs to continue some of the rows it has returned."""
        sequences, mask = outputs.sequences[going], inputs["attention_mask"][going]
        # Virtual tokens make a cache longer than the text it is of, so it is made again.
        may_keep = num_virtual_tokens(self.loaded.model) == 0
        cache = _of_rows(outputs.get("past_key_values"), going) if may_keep else None
        if self.loaded.kind == "causal":
            new = mask.new_ones(len(mask), sequences.shape[1] - mask.shape[1])
            return {"input_ids": sequences, "attention_mask": torch.cat([mask, new], dim=1), "past_key_values": cache}
        decoder = {"decoder_input_ids": sequences}
        if may_keep:  # a mask of this length would hide the newest tokens behind a prefix
            decoder["decoder_attention_mask"] = torch.ones_like(sequences)
        return {"input_ids": inputs["input_ids"][going], "attention_mask": mask, "past_key_values": cache} | decoder

    def _generation_config(self, sampling: Sampling, max_new_tokens: int) -> GenerationConfig:
        """Only what is asked for here: a model's own sampling habits would make greedy answers random."""
        sampled = (
            {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
            if sampling.temperature > 0
            else {}
        )
        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=sampling.temperature > 0,
            eos_token_id=self.stop_token_ids(),
            pad_token_id=self.loaded.pad_token_id,
            decoder_start_token_id=self.loaded.decoder_start_token_id,
            return_dict_in_generate=True,
            **sampled,
        )

    def _completion(self, ids: Sequence[int], num_prompt_tokens: int, sampling: Sampling) -> Completion:
        stops = set(self.stop_token_ids())
        end = next((position for position, token in enumerate(ids) if token in stops), None)
        answer = list(ids if end is None else ids[:end])
        text = self.loaded.tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        text = text.removeprefix(self.template.answer_space)
        cut = cut_at_stop(text, sampling.stop)
        finished = end is not None or cut != text
        while cut != text and answer and answer[-1] == self.loaded.pad_token_id:
            answer.pop()  # what filled the row while others of its batch went on
        return Completion(cut, "stop" if finished else "length", num_prompt_tokens, len(answer))

    def _into(self, streamer: TextIteratorStreamer, prompt: list[int], sampling: Sampling, failures: list) -> None:
        try:
            self._generate([prompt], sampling, self._room(prompt, sampling), streamer)
        except Exception as error:  # noqa: BLE001 - told in the caller's thread
            failures.append(error)
            streamer.end()


class _Streamer(TextIteratorStreamer):
    """Hands on the pieces of an answer as they come."""

    def __deepcopy__(self, memo: dict) -> _Streamer:
        """Itself: peft copies what ``generate`` is given, and hands pieces to the copy."""
        return self


class _RowsDone(StoppingCriteria):
    """Ends a row with a stop token, or once its newest text holds a stop string (the text before it is cut out
    afterwards), and ends all rows once half of them are done.

    ``rows`` are those that are done, and not only ended with the others.
    """

    def __init__(self, loaded: LoadedModel, stop_ids: Sequence[int], stop: Sequence[str], start: int):
        self.tokenizer, self.stop, self.start = loaded.tokenizer, stop, start
        self.stop_ids = torch.tensor(stop_ids, device=loaded.model.device)
        self.rows = torch.zeros((), dtype=torch.bool, device=loaded.model.device)

    def __deepcopy__(self, memo: dict) -> _RowsDone:
        """Itself: peft copies what ``generate`` is given, and asks the copy."""
        return self

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
        done = torch.isin(input_ids[:, -1], self.stop_ids)
        if self.stop:
            done |= self._holds_stop_string(input_ids)
        self.rows = self.rows | done
        return torch.ones_like(done) if 2 * self.rows.sum() >= len(done) else done

    def _holds_stop_string(self, input_ids: torch.Tensor) -> torch.Tensor:
        tail = input_ids[:, max(self.start, input_ids.shape[1] - STOP_TAIL_TOKENS) :].tolist()
        texts = self.tokenizer.batch_decode(tail, skip_special_tokens=True)
        done = [any(marker in text for marker in self.stop) for text in texts]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)


def _of_rows(cache: Cache | None, rows: torch.Tensor) -> Cache | None:
    """What a model has cached of some rows, or None where the cache holds more than keys and values: it is made again."""
    parts = (
        [cache.self_attention_cache, cache.cross_attention_cache] if isinstance(cache, EncoderDecoderCache) else [cache]
    )
    kinds = {type(layer) for part in parts for layer in getattr(part, "layers", [None])}
    if not kinds <= {DynamicLayer, DynamicSlidingWindowLayer}:
        return None
    cache.batch_select_indices(rows.nonzero()[:, 0])
    return cache


def stop_token_ids(loaded: LoadedModel, template: ChatTemplate) -> list[int]:
    """Every id that ends an answer: the template's terminators, the tokenizer's and the model's own, in this order."""
    tokenizer, config = loaded.tokenizer, loaded.model.generation_config
    ids = [tokenizer.convert_tokens_to_ids(token) for token in template.stop_tokens]
    own = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    return list(dict.fromkeys(token for token in (*ids, tokenizer.eos_token_id, *own) if token is not None))


def _without_first(pieces: Iterator[str], prefix: str) -> Iterator[str]:
    """The pieces without the prefix of the first one that is not empty."""
    begun = False
    for piece in pieces:
        yield piece if begun else piece.removeprefix(prefix)
        begun = begun or piece != ""


def _until_stop(pieces: Iterator[str], stop: Sequence[str]) -> Iterator[str]:
    """The pieces before the first stop string; text that may be the start of one is held back until it is not."""
    held, longest = "", max((len(marker) for marker in stop), default=0)
    for piece in pieces:
        held += piece
        cut = cut_at_stop(held, stop)
        if cut != held:
            yield cut
            return
        ready = len(held) - longest
        if ready > 0:
            yield held[:ready]
            held = held[ready:]
    yield held
