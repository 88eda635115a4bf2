"""From segments of text to token ids and, per token, whether it is learned.

Every segment is tokenized by itself, so that the ids of a prompt are the beginning of the ids of prompt and answer by
construction: no merge can reach across the seam. Two things need care there:

* SentencePiece-like tokenizers put a space in front of what they believe is the beginning of a text. A segment that
  goes on after other text is tokenized by a copy of the tokenizer that does not.
* What follows a special (or otherwise added) token is tokenized behind that token, exactly as plain ``transformers``
  tokenizes the whole text, which it splits at such tokens first.

The beginning-of-text token comes from the template, never from the tokenizer, so there is one or none. An
encoder-decoder reads its prompt as it was pre-trained to: with whatever its tokenizer puts around a text (T5:
``</s>`` at the end).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from tokenizers import Tokenizer

from tunesmith.errors import ModelError, RowError
from tunesmith.records import Drop, Message, Record
from tunesmith.rendering.render import Rendering, Segment, render_prompts
from tunesmith.rendering.templates import ChatTemplate
from tunesmith.rendering.words import state, words_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Kind = Literal["causal", "seq2seq"]
OverLength = Literal["drop", "truncate", "raise"]
STAGE = "tokenize"
TOO_LONG = "too_long"  # why a record is dropped


@dataclass(frozen=True)
class Encoded:
    """One example to train on.

    Attributes:
        input_ids: the whole text for a decoder-only model; the prompt for an encoder-decoder.
        supervised: per id of ``input_ids``, whether it is learned; never, for an encoder-decoder.
        target_ids: the answer for an encoder-decoder, all of it learned; None for a decoder-only model.
        text, supervised_text: what the ids spell, and the learned part of it.
        truncated: the end was cut off at ``max_length``. answer_cut: and learned tokens were lost with it.
        num_turns, num_stops: answers that are learned, in part or as a whole, and learned stop tokens that end one.
    """

    record_id: str
    input_ids: list[int]
    supervised: list[bool]
    text: str
    supervised_text: str
    truncated: bool = False
    answer_cut: bool = False
    task: str = ""
    source: str = ""
    target_ids: list[int] | None = None
    num_turns: int = 1
    num_stops: int = 1

    @property
    def num_tokens(self) -> int:
        return len(self.input_ids) + len(self.target_ids or ())

    @property
    def num_supervised_tokens(self) -> int:
        return sum(self.supervised) if self.target_ids is None else len(self.target_ids)


def encode(
    renderings: Sequence[Rendering],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    kind: Kind,
    max_length: int,
    over_length: OverLength,
) -> list[Encoded | Drop]:
    """One example, or the reason why there is none, per rendering.

    An encoder-decoder needs renderings of one turn each (``per_turn=True``); ``max_length`` holds for its prompt and
    for its answer. ``truncate`` cuts the end of the answer; a prompt that leaves it no room is dropped.

    Raises:
        RowError: with ``over_length="raise"``, at the first example that is too long.
    """
    whole = _encode_seq2seq if kind == "seq2seq" else _encode_causal
    stop_ids = _stop_ids(tokenizer, template)
    examples = whole(renderings, tokenizer, stop_ids)
    return [_fit(example, tokenizer, stop_ids, max_length, over_length) for example in examples]


def encode_prompt(
    messages: Sequence[Message],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    kind: Kind,
    tools: Sequence[Mapping[str, Any]] = (),
    shots: Sequence[Record] = (),
) -> list[int]:
    """The ids a model is asked with: always the prompt part of the ids it was trained on. Raises as `render` does."""
    return encode_prompts([messages], tokenizer, template, kind=kind, tools=[tools], shots=[shots])[0]


def encode_prompts(
    conversations: Sequence[Sequence[Message]],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    kind: Kind,
    tools: Sequence[Sequence[Mapping[str, Any]]] | None = None,
    shots: Sequence[Sequence[Record]] | None = None,
) -> list[list[int]]:
    """`encode_prompt` for many conversations at once."""
    prompts = render_prompts(conversations, template, tools=tools, shots=shots)
    if kind == "seq2seq":
        return _source_ids(["".join(segment.text for segment in segments) for segments in prompts], tokenizer)
    return [[token for piece in pieces for token in piece] for pieces in _segment_ids(prompts, tokenizer)]


# Decoder-only


def _encode_causal(
    renderings: Sequence[Rendering], tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]
) -> list[Encoded | Drop]:
    pieces = _segment_ids([rendering.segments for rendering in renderings], tokenizer)
    return [_join(rendering, ids, stop_ids) for rendering, ids in zip(renderings, pieces)]


def _join(rendering: Rendering, pieces: Sequence[list[int]], stop_ids: frozenset[int]) -> Encoded | Drop:
    answers = [ids for segment, ids in zip(rendering.segments, pieces) if segment.supervised]
    flags = chain.from_iterable([segment.supervised] * len(ids) for segment, ids in zip(rendering.segments, pieces))
    return _example(rendering, answers, stop_ids, list(chain.from_iterable(pieces)), list(flags), None)


def _example(
    rendering: Rendering,
    answers: Sequence[list[int]],
    stop_ids: frozenset[int],
    input_ids: list[int],
    supervised: list[bool],
    target_ids: list[int] | None,
) -> Encoded | Drop:
    if not any(answers):
        return _drop(
            rendering, "nothing_supervised", "the record has no assistant text, so nothing in it can be learned."
        )
    if any(sum(map(ids.count, stop_ids)) != 1 or ids[-1] not in stop_ids for ids in answers):
        return _drop(rendering, "control_token_in_text", "an answer does not have its stop token once, at its end.")
    return Encoded(
        rendering.record_id, input_ids, supervised, rendering.text, rendering.supervised_text, task=rendering.task,
        source=rendering.source, target_ids=target_ids, num_turns=len(answers), num_stops=len(answers),
    )  # fmt: skip


def _segment_ids(texts: Sequence[Sequence[Segment]], tokenizer: PreTrainedTokenizerBase) -> list[list[list[int]]]:
    """Ids per segment per text, with one call of the tokenizer for all that it can take as they are."""
    words = words_of(tokenizer, len(tokenizer))
    if words is not None:
        ids = iter(words.ids([segment.text for segments in texts for segment in segments]))
    else:
        ids = iter(_ids_behind_what_leads(texts, tokenizer))
    return [[next(ids) for _ in segments] for segments in texts]


def _ids_behind_what_leads(texts: Sequence[Sequence[Segment]], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    lead = _Lead(tokenizer)
    return lead.ids(
        [
            lead.piece(segments[i - 1].text if i else "", segment.text)
            for segments in texts
            for i, segment in enumerate(segments)
        ]
    )


@dataclass(frozen=True)
class _Piece:
    """A text, whether it goes on after other text, and the special token it is tokenized behind."""

    text: str
    goes_on: bool
    behind: str = ""


class _Lead:
    """Knows what must stand in front of a segment for a tokenizer to take it as the middle of a text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.unprefixed = _without_prefix(tokenizer, len(tokenizer))
        # Not those that eat white space, which would be the beginning of an answer, nor those that are looked for after
        # the text was normalized, which are no beginning to the normalizer.
        added = tokenizer.added_tokens_decoder.values()
        tokens = [token for token in added if not token.rstrip and not token.normalized]
        self.added = tuple(token.content for token in tokens) if self.unprefixed is not None else ()

    def piece(self, before: str, text: str) -> _Piece:
        behind = max((token for token in self.added if before.endswith(token)), key=len, default="")
        return _Piece(text, bool(before) and self.unprefixed is not None and not behind, behind)

    def ids(self, pieces: Sequence[_Piece]) -> list[list[int]]:
        unique = list(dict.fromkeys(pieces))
        known = dict(zip((piece for piece in unique if not piece.goes_on), self._whole(unique)))
        going_on = [piece for piece in unique if piece.goes_on]
        if going_on:
            encodings = self.unprefixed.encode_batch([piece.text for piece in going_on], add_special_tokens=False)
            known |= zip(going_on, (encoding.ids for encoding in encodings))
        return [known[piece] for piece in pieces]

    def _whole(self, pieces: Sequence[_Piece]) -> list[list[int]]:
        pieces = [piece for piece in pieces if not piece.goes_on]
        ids = _ids(self.tokenizer, [piece.behind + piece.text for piece in pieces], add_special_tokens=False)
        return [found[1:] if piece.behind else found for piece, found in zip(pieces, ids)]


def _ids(tokenizer: PreTrainedTokenizerBase, texts: list[str], *, add_special_tokens: bool) -> list[list[int]]:
    if not texts:
        return []
    return tokenizer(
        texts,
        add_special_tokens=add_special_tokens,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]


@lru_cache(maxsize=8)
def _without_prefix(tokenizer: PreTrainedTokenizerBase, num_tokens: int) -> Tokenizer | None:
    """A copy of the tokenizer that puts no space in front of a text; None where the tokenizer itself puts none.

    ``num_tokens`` is part of the key: a tokenizer that got new tokens needs a new copy.
    """
    backend = tokenizer.backend_tokenizer
    parts = {name: state(getattr(backend, name)) for name in ("normalizer", "pre_tokenizer")}
    unprefixed = {name: _drop_prefix(part) for name, part in parts.items()}
    if unprefixed == parts:
        return None
    copy = Tokenizer.from_str(json.dumps({**json.loads(backend.to_str()), **unprefixed}))
    copy.no_truncation()
    copy.no_padding()
    return copy


def _drop_prefix(part: dict[str, Any] | None) -> dict[str, Any] | None:
    """A normalizer or pre-tokenizer without the step that puts a space first."""
    if part is None or part["type"] == "Prepend":
        return None
    if part["type"] == "Sequence":
        key = "normalizers" if "normalizers" in part else "pretokenizers"
        return {**part, key: [kept for inner in part[key] if (kept := _drop_prefix(inner)) is not None]}
    if part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never":
        return {**part, "prepend_scheme": "never"}
    if part.get("add_prefix_space"):
        return {**part, "add_prefix_space": False}
    return part


# Encoder-decoder


def _encode_seq2seq(
    renderings: Sequence[Rendering], tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]
) -> list[Encoded | Drop]:
    sources = _source_ids([rendering.prompt_text for rendering in renderings], tokenizer)
    targets = _ids(tokenizer, [rendering.supervised_text for rendering in renderings], add_special_tokens=False)
    examples = []
    for rendering, source, target in zip(renderings, sources, targets):
        answers = [target] if rendering.supervised_text else []
        examples.append(_example(rendering, answers, stop_ids, source, [False] * len(source), target))
    return examples


def _source_ids(prompts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Ids of prompts as the encoder was pre-trained to read them; a template that writes BOS does not double it."""
    ids = _ids(tokenizer, prompts, add_special_tokens=True)
    bos = tokenizer.bos_token_id
    return [found[1:] if bos is not None and found[:2] == [bos, bos] else found for found in ids]


# Length


def _fit(
    example: Encoded | Drop,
    tokenizer: PreTrainedTokenizerBase,
    stop_ids: frozenset[int],
    max_length: int,
    over_length: OverLength,
) -> Encoded | Drop:
    if isinstance(example, Drop):
        return example
    length = max(len(example.input_ids), len(example.target_ids or ()))
    if length <= max_length:
        return example
    detail = f"{length} tokens, and train.max_length is {max_length}."
    if over_length == "raise":
        raise RowError(TOO_LONG, f"{detail} Raise it, or set train.over_length to drop or truncate.", example.source)
    if over_length == "drop":
        return _drop(example, TOO_LONG, detail)
    return _truncate(example, tokenizer, stop_ids, max_length)


def _truncate(
    example: Encoded, tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int], max_length: int
) -> Encoded | Drop:
    supervised, target = example.supervised[:max_length], example.target_ids
    if not any(supervised) if target is None else len(example.input_ids) > max_length:
        return _drop(example, "prompt_too_long", f"the prompt leaves no room for the answer in {max_length} tokens.")
    ids = example.input_ids[:max_length]
    target = target if target is None else target[:max_length]
    learned = target if target is not None else [token for token, flag in zip(ids, supervised) if flag]
    cut = replace(example, input_ids=ids, supervised=supervised, target_ids=target, truncated=True)
    num_stops = sum(token in stop_ids for token in learned)
    return replace(
        cut,
        text=tokenizer.decode(ids + (target or []), clean_up_tokenization_spaces=False),
        supervised_text=tokenizer.decode(learned, clean_up_tokenization_spaces=False),
        answer_cut=cut.num_supervised_tokens < example.num_supervised_tokens,
        num_turns=num_stops + (learned[-1] not in stop_ids),
        num_stops=num_stops,
    )


def _stop_ids(tokenizer: PreTrainedTokenizerBase, template: ChatTemplate) -> frozenset[int]:
    ids = _ids(tokenizer, list(template.stop_tokens), add_special_tokens=False)
    if any(len(found) != 1 for found in ids) or not ids:
        raise ModelError(
            f"template `{template.name}` has no stop token that this tokenizer knows. Load the template with "
            "this tokenizer."
        )
    return frozenset(found[0] for found in ids)


def _drop(example: Rendering | Encoded, reason: str, detail: str) -> Drop:
    return Drop(example.record_id, example.source, STAGE, reason, detail)
