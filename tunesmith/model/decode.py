"""Answers to many prompts at once: a row that is done makes room for the next prompt (continuous batching).

Rows of different lengths share one cache whose columns are time: all rows write the same column at each step, and a prompt
that joins is put in the columns before it, as if it were padded in front. What is padding is told by a mask, and positions
are counted by row, so an answer does not depend on what else is in the batch (cf. Yu et al. 2022, Orca). Everything goes
through the model's own forward.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

from tunesmith.lm import Sampling
from tunesmith.model import adapters
from tunesmith.model.forward import base_model
from tunesmith.model.load import LoadedModel

CACHE_BYTES = 512 * 2**20
"""What keys and values of all rows may take, the longest row's at least."""
PREFILL_TOKENS = 2048
"""Most prompt tokens, padding among them, that are read at a time, the longest prompt's at least."""
SPARE_COLUMNS = 64
"""Columns of the cache beside those a row needs, so that it is seldom moved to its beginning."""
TOLERANCE = 1e-4
"""Largest difference of a logit, as a share of the largest one, that counts as equal."""

IsDone = Callable[[list[int]], bool]


@dataclass
class Row:
    """One prompt on its way: which one it is, how long its answer may be, the answer so far, where it goes on."""

    number: int
    room: int
    position: int
    draws: torch.Generator | None = None
    ids: list[int] = field(default_factory=list)


class SlotLayer(DynamicLayer):
    """One layer's keys and values, (slots, heads, columns, width), in memory that is there from the start."""

    def __init__(self, like: DynamicLayer, num_slots: int, num_columns: int):
        super().__init__()
        self.keys, self.values = (
            part.new_zeros(num_slots, part.shape[1], num_columns, part.shape[3]) for part in (like.keys, like.values)
        )
        self.dtype, self.device, self.is_initialized, self.num_filled = like.keys.dtype, like.keys.device, True, 0

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """Write the next columns and give all there are."""
        end = self.num_filled + key_states.shape[2]
        self.keys[:, :, self.num_filled : end] = key_states
        self.values[:, :, self.num_filled : end] = value_states
        self.num_filled = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.num_filled


class Slots:
    """The cache of the rows under way: a slot is a row of it, a column a point in time.

    ``mask`` (slots, columns) is 1 where a row has a token; ``read`` (slots, encoder columns) likewise for what an
    encoder-decoder has read.
    """

    def __init__(self, like: Slots | Prefilled, num_slots: int, num_columns: int, num_read: int):
        device = like.layers[0].keys.device
        self.layers = [SlotLayer(layer, num_slots, num_columns) for layer in like.layers]
        self.read_layers = [SlotLayer(layer, num_slots, num_read) for layer in like.read_layers]
        self.mask = torch.zeros(num_slots, num_columns, dtype=torch.long, device=device)
        self.read = torch.ones(num_slots, num_read, dtype=torch.long, device=device)
        self.rows: list[Row | None] = [None] * num_slots
        self.clock = 0

    @property
    def live(self) -> list[int]:
        return [slot for slot, row in enumerate(self.rows) if row is not None]

    @property
    def free(self) -> list[int]:
        return [slot for slot, row in enumerate(self.rows) if row is None]

    def put(self, prefilled: Prefilled, rows: Sequence[Row], slots: Sequence[int]) -> None:
        """Let rows join, their newest column before the next one to be written."""
        length = prefilled.mask.shape[1]
        self.clock = self.clock if self.live else length
        at = torch.tensor(slots, device=self.mask.device)
        for mine, theirs in zip(self.layers, prefilled.layers, strict=True):
            mine.keys[at, :, self.clock - length : self.clock] = theirs.keys
            mine.values[at, :, self.clock - length : self.clock] = theirs.values
        for mine, theirs in zip(self.read_layers, prefilled.read_layers, strict=True):
            mine.keys[at, :, : theirs.keys.shape[2]] = theirs.keys
            mine.values[at, :, : theirs.values.shape[2]] = theirs.values
        self.mask[at] = 0
        self.mask[at, self.clock - length : self.clock] = prefilled.mask
        self.read[at] = 0
        self.read[at, : prefilled.read.shape[1]] = prefilled.read
        for slot, row in zip(slots, rows, strict=True):
            self.rows[slot] = row

    def moved(self, num_slots: int, num_columns: int, num_read: int) -> Slots:
        """The live rows in a cache of another size, from its beginning; layer by layer, so that memory is not doubled."""
        live = torch.tensor(self.live, dtype=torch.long, device=self.mask.device)
        count, mask = len(live), self.mask[live, : self.clock]
        start = int(mask.any(0).int().argmax()) if count else self.clock
        there = Slots(self, 0, 0, 0)
        there.layers = [_moved(layer, live, start, self.clock, num_slots, num_columns) for layer in self.layers]
        still_read = min(num_read, self.read.shape[1])
        there.read_layers = [_moved(layer, live, 0, still_read, num_slots, num_read) for layer in self.read_layers]
        there.mask = mask.new_zeros(num_slots, num_columns)
        there.mask[:count, : self.clock - start] = mask[:, start:]
        there.read = mask.new_ones(num_slots, num_read)
        there.read[:count] = 0
        there.read[:count, :still_read] = self.read[live, :still_read]
        there.rows = [self.rows[slot] for slot in self.live] + [None] * (num_slots - count)
        there.clock = self.clock - start
        return there

    def cache(self) -> Cache:
        """What the model is given; it writes the column of the clock."""
        for layer in self.layers:
            layer.num_filled = self.clock
        mine = Cache(layers=self.layers)
        if not self.read_layers:
            return mine
        for layer in self.read_layers:
            layer.num_filled = layer.keys.shape[2]
        return EncoderDecoderCache(mine, Cache(layers=self.read_layers))


def _moved(layer: SlotLayer, live: torch.Tensor, start: int, end: int, num_slots: int, num_columns: int) -> SlotLayer:
    there = SlotLayer(layer, num_slots, num_columns)
    there.keys[: len(live), :, : end - start] = layer.keys[live, :, start:end]
    there.values[: len(live), :, : end - start] = layer.values[live, :, start:end]
    layer.keys = layer.values = None
    return there


@dataclass
class Prefilled:
    """Prompts that were read: keys and values by layer, masks as in `Slots`, and (rows, vocabulary) logits of what follows."""

    layers: list[DynamicLayer]
    read_layers: list[DynamicLayer]
    mask: torch.Tensor
    read: torch.Tensor
    logits: torch.Tensor


def _bytes_per_column(layers: Sequence[DynamicLayer]) -> int:
    parts = [part for layer in layers for part in (layer.keys, layer.values)]
    return sum(part.shape[1] * part.shape[3] * part.element_size() for part in parts)


class Decoder:
    """Reads prompts and writes tokens with a model whose cache is keys and values and nothing else.

    At most ``max_rows`` are under way at a time, and fewer where their keys and values would take more than
    ``cache_bytes``.
    """

    def __init__(self, loaded: LoadedModel, *, max_rows: int, cache_bytes: int = CACHE_BYTES):
        self.loaded, self.max_rows, self.cache_bytes = loaded, max_rows, cache_bytes
        self._takes = frozenset(inspect.signature(base_model(loaded.model).forward).parameters)
        self._like = self.read([[0]])

    def answers(
        self, prompts: Sequence[Sequence[int]], rooms: Sequence[int], sampling: Sampling, is_done: IsDone
    ) -> Iterator[tuple[int, list[int]]]:
        """The place and the new ids of each prompt as they are done: at ``is_done``, or when its room (≥ 1) is full.

        A sampled answer depends on the seed, the prompt, and how often the same prompt stands before it.
        """
        queue = deque(sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i)))
        draws = _draws(prompts, sampling)
        slots = Slots(self._like, 0, 0, 0)
        while queue or slots.live:
            slots = self._sized(slots, [(len(prompts[i]), rooms[i]) for i in queue])
            while queue and _may_join(slots):
                numbers = self._next(queue, prompts, len(slots.free))
                prefilled = self.read([prompts[i] for i in numbers])
                free = slots.free[: len(numbers)]
                rows = [Row(i, rooms[i], self._first_position(prompts[i]), draws[i]) for i in numbers]
                slots.put(prefilled, rows, free)
                yield from _chosen(slots, free, prefilled.logits, sampling, is_done)
            live = slots.live
            if live and slots.clock < slots.mask.shape[1]:
                yield from _chosen(slots, live, self.step(slots)[live], sampling, is_done)

    @torch.inference_mode()
    def read(self, prompts: Sequence[Sequence[int]]) -> Prefilled:
        """Prompts, put into the model together."""
        is_causal = self.loaded.kind == "causal"
        ids, mask = padded(prompts, self.loaded.pad_token_id, in_front=is_causal)
        ids, mask = ids.to(self.loaded.model.device), mask.to(self.loaded.model.device)
        if is_causal:
            inputs = {"input_ids": ids, "position_ids": (mask.cumsum(1) - 1).clamp_(min=0), "logits_to_keep": 1}
            cache: Cache = DynamicCache()
            outputs = self.run(attention_mask=mask, past_key_values=cache, **inputs)
            return Prefilled(_plain(cache), [], mask, mask[:, :0], outputs.logits[:, -1])
        starts = torch.full((len(prompts), 1), self.loaded.decoder_start_token_id, device=ids.device)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        outputs = self.run(input_ids=ids, attention_mask=mask, decoder_input_ids=starts, past_key_values=cache)
        own, read = _plain(cache.self_attention_cache), _plain(cache.cross_attention_cache)
        return Prefilled(own, read, torch.ones_like(starts), mask, outputs.logits[:, -1])

    @torch.inference_mode()
    def step(self, slots: Slots) -> torch.Tensor:
        """(slots, vocabulary) logits behind the newest token of each row, which is put into the cache."""
        device = self.loaded.model.device
        tokens = [self.loaded.pad_token_id if row is None else row.ids[-1] for row in slots.rows]
        ids = torch.tensor(tokens, device=device)[:, None]
        slots.mask[:, slots.clock] = 1  # also of free slots, whose scores would else be of nothing
        mask = slots.mask[:, : slots.clock + 1]
        if self.loaded.kind == "causal":
            positions = [0 if row is None else row.position for row in slots.rows]
            inputs = {
                "input_ids": ids,
                "attention_mask": mask,
                "position_ids": torch.tensor(positions, device=device)[:, None],
            }
        else:
            nothing = torch.zeros(1, 1, 1, device=device).expand(*slots.read.shape, 1)  # it is in the cache
            inputs = {"encoder_outputs": BaseModelOutput(nothing), "attention_mask": slots.read}
            inputs |= {"decoder_input_ids": ids, "decoder_attention_mask": mask}
        logits = self.run(past_key_values=slots.cache(), **inputs).logits[:, -1]
        slots.clock += 1
        for row in slots.rows:
            if row is not None:
                row.position += 1
        return logits

    @torch.inference_mode()
    def go_on(
        self, prefilled: Prefilled, numbers: torch.Tensor, tokens: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """(rows, longest, vocabulary) logits behind each of some given tokens (rows, longest).

        ``numbers`` (rows,) is the prompt that each row goes on from, ``lengths`` (rows,) how many of its tokens are no
        padding.
        """
        steps = torch.arange(tokens.shape[1], device=tokens.device)
        mask = torch.cat([prefilled.mask[numbers], (steps < lengths[:, None]).long()], dim=1)
        own = Cache(layers=[_of_rows(layer, numbers) for layer in prefilled.layers])
        if self.loaded.kind == "causal":
            positions = prefilled.mask.sum(1)[numbers, None] + steps
            inputs = {"input_ids": tokens, "attention_mask": mask, "position_ids": positions, "past_key_values": own}
            return self.run(**inputs).logits
        read = prefilled.read[numbers]
        nothing = torch.zeros(1, 1, 1, device=tokens.device).expand(*read.shape, 1)  # it is in the cache
        cache = EncoderDecoderCache(own, Cache(layers=[_of_rows(layer, numbers) for layer in prefilled.read_layers]))
        inputs = {"encoder_outputs": BaseModelOutput(nothing), "attention_mask": read, "past_key_values": cache}
        return self.run(decoder_input_ids=tokens, decoder_attention_mask=mask, **inputs).logits

    def run(self, **inputs):
        """The model's outputs; what its forward does not take of position_ids and logits_to_keep is left out."""
        optional = {"position_ids", "logits_to_keep"}
        given = {name: value for name, value in inputs.items() if name in self._takes or name not in optional}
        return self.loaded.model(**given, use_cache=True)

    def _first_position(self, prompt: Sequence[int]) -> int:
        """Of the first new token."""
        return len(prompt) if self.loaded.kind == "causal" else 1

    def _next(self, queue: deque[int], prompts: Sequence[Sequence[int]], num_free: int) -> list[int]:
        """The prompts to be read together next; they leave the queue."""
        longest = len(prompts[queue[0]])
        count = min(num_free, len(queue), max(1, PREFILL_TOKENS // max(1, longest)))
        return [queue.popleft() for _ in range(count)]

    def _sized(self, slots: Slots, waiting: Sequence[tuple[int, int]]) -> Slots:
        """The slots, or a cache of another size with the same rows: where it is full, too small, or largely unused."""
        num_live, num_slots = len(slots.live), len(slots.rows)
        size = self._size(slots, waiting)
        is_full = slots.clock == slots.mask.shape[1]
        is_unused = not waiting and 4 * num_live <= 3 * num_slots
        grows = bool(waiting) and (2 * size[0] >= 3 * num_slots or (not num_live and size != _size_of(slots)))
        return slots.moved(*size) if is_full or is_unused or grows else slots

    def _size(self, slots: Slots, waiting: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
        """How many slots, columns, and columns that are read, the live rows and those that wait (length, room) need."""
        live = [slots.rows[slot] for slot in slots.live]
        needed = [row.position + row.room - len(row.ids) for row in live]
        needed += [(length if self.loaded.kind == "causal" else 1) + room for length, room in waiting]
        num_columns = max(needed, default=0) + SPARE_COLUMNS
        num_read = 0
        if self.loaded.kind == "seq2seq":
            lengths = slots.read[slots.live].sum(1).tolist() + [length for length, _ in waiting]
            num_read = max(lengths, default=0)
        of_own, of_read = _bytes_per_column(self._like.layers), _bytes_per_column(self._like.read_layers)
        affordable = self.cache_bytes // max(1, num_columns * of_own + num_read * of_read)
        num_slots = max(1, len(live), min(self.max_rows, affordable, len(live) + len(waiting)))
        return num_slots, num_columns, num_read


def _size_of(slots: Slots) -> tuple[int, int, int]:
    return *slots.mask.shape, slots.read.shape[1]


def _may_join(slots: Slots) -> bool:
    """Whether enough slots are free for reading prompts to be worth a forward of its own."""
    return 8 * len(slots.free) >= len(slots.rows)


def padded(prompts: Sequence[Sequence[int]], pad_token_id: int, *, in_front: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, longest) ids, and the mask that says which are padding.

    A decoder continues its prompt, so padding stands in front; an encoder's positions count from the first column.
    """
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad_token_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        place = slice(longest - len(prompt), longest) if in_front else slice(0, len(prompt))
        ids[row, place] = torch.tensor(prompt, dtype=torch.long)
        mask[row, place] = 1
    return ids, mask


def _plain(cache: Cache) -> list[DynamicLayer]:
    """The layers of a cache. Raises `NotImplementedError` where they hold anything but keys and values."""
    if not cache.layers or any(type(layer) is not DynamicLayer for layer in cache.layers):
        raise NotImplementedError("the cache is no plain one")
    return list(cache.layers)


def _of_rows(layer: DynamicLayer, rows: torch.Tensor) -> DynamicLayer:
    """A layer with some rows of another, any of them more than once."""
    there = DynamicLayer()
    there.lazy_initialization(layer.keys, layer.values)
    there.keys, there.values = layer.keys[rows], layer.values[rows]
    return there


def _chosen(
    slots: Slots, places: Sequence[int], logits: torch.Tensor, sampling: Sampling, is_done: IsDone
) -> Iterator[tuple[int, list[int]]]:
    """Give each of the rows its next token; gives those that are done, whose slots are free then."""
    for slot, token in zip(places, _tokens([slots.rows[slot] for slot in places], logits, sampling), strict=True):
        row = slots.rows[slot]
        row.ids.append(token)
        if len(row.ids) >= row.room or is_done(row.ids):
            slots.rows[slot] = None
            yield row.number, row.ids


def _tokens(rows: Sequence[Row], logits: torch.Tensor, sampling: Sampling) -> list[int]:
    """The next token of each row: the most probable, or drawn from the most probable ones that ``top_p`` leaves."""
    if sampling.temperature <= 0:
        return logits.argmax(-1).tolist()
    p, order = torch.softmax(logits.float() / sampling.temperature, dim=-1).sort(dim=-1, descending=True)
    before = p.cumsum(-1) - p
    p = p.masked_fill(before >= sampling.top_p, 0.0).cumsum(-1)
    draws = torch.cat([torch.rand(1, generator=row.draws) for row in rows]).to(p.device)[:, None]
    chosen = torch.searchsorted(p, draws * p[:, -1:], right=True).clamp_(max=p.shape[1] - 1)
    return order.gather(1, chosen)[:, 0].tolist()


def _draws(prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[torch.Generator | None]:
    """A source of randomness for each prompt."""
    if sampling.temperature <= 0:
        return [None] * len(prompts)
    return [torch.Generator().manual_seed(seed) for seed in row_seeds(prompts, sampling.seed)]


def row_seeds(prompts: Sequence[Sequence[int]], seed: int) -> list[int]:
    """A seed for each prompt that depends on nothing else in the batch but how often it stands there before."""
    seen: Counter[tuple[int, ...]] = Counter()
    seeds = []
    for prompt in map(tuple, prompts):
        digest = hashlib.sha256(f"{seed} {seen[prompt]} {prompt}".encode()).digest()
        seeds.append(int.from_bytes(digest[:8]) >> 1)
        seen[prompt] += 1
    return seeds


def decoder_for(loaded: LoadedModel, *, max_rows: int, cache_bytes: int = CACHE_BYTES) -> Decoder | None:
    """A decoder for the model, or None where rows that join later would be answered otherwise than alone.

    It is tried on two short rows, the second of which joins late, against the model without a cache: a cache that holds
    more than keys and values, virtual tokens in front of it, or positions that are counted over the whole batch show.
    """
    if adapters.num_virtual_tokens(loaded.model):
        return None
    try:
        decoder = Decoder(loaded, max_rows=max_rows, cache_bytes=cache_bytes)
        return decoder if _joins_unseen(decoder) else None
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError, NotImplementedError):
        return None


def _joins_unseen(decoder: Decoder) -> bool:
    vocabulary = min(
        len(decoder.loaded.tokenizer), base_model(decoder.loaded.model).get_input_embeddings().weight.shape[0]
    )
    first, late = ([(7 * i + start) % vocabulary for i in range(length)] for start, length in ((3, 9), (5, 6)))
    slots = Slots(decoder._like, 2, 16, len(first))
    slots.put(decoder.read([first]), [Row(0, 9, decoder._first_position(first), ids=[1])], [0])
    decoder.step(slots)
    slots.rows[0].ids.append(2)
    prefilled = decoder.read([late])
    slots.put(prefilled, [Row(1, 9, decoder._first_position(late), ids=[3 % vocabulary])], [1])
    found = [prefilled.logits[0], decoder.step(slots)[1]]
    slots = slots.moved(2, 16, len(first))
    slots.rows[1].ids.append(4 % vocabulary)
    found.append(decoder.step(slots)[1])
    expected = _without_cache(decoder.loaded, late, [3 % vocabulary, 4 % vocabulary])
    return bool(
        (torch.stack(found).float() - expected).abs().max() <= TOLERANCE * max(1.0, float(expected.abs().max()))
    )


@torch.inference_mode()
def _without_cache(loaded: LoadedModel, prompt: Sequence[int], answer: Sequence[int]) -> torch.Tensor:
    """(len(answer) + 1, vocabulary) logits behind a prompt and each token of its answer."""
    device = loaded.model.device
    if loaded.kind == "causal":
        ids = torch.tensor([[*prompt, *answer]], device=device)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    else:
        ids = torch.tensor([prompt], device=device)
        decoded = torch.tensor([[loaded.decoder_start_token_id, *answer]], device=device)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "decoder_input_ids": decoded}
    return loaded.model(**inputs, use_cache=False).logits[0, -len(answer) - 1 :].float()
