"""Batches: right padding, masks from lengths, aligned targets."""

from __future__ import annotations

import torch

from tunesmith.rendering.collate import IGNORE_INDEX, collate
from tunesmith.rendering.tokenize import Encoded


def example(name: str, ids: list[int], supervised: list[int], target_ids: list[int] | None = None) -> Encoded:
    return Encoded(name, ids, [bool(flag) for flag in supervised], text="", supervised_text="", target_ids=target_ids)


def test_padding_is_told_by_length_and_never_by_id():
    """L8: the pad id is a token of the first row, and its end-of-text token is learned though it is the pad id too."""
    rows = [(example("a", [9, 0, 5, 0], [0, 0, 1, 1]),), (example("b", [7, 0], [0, 1]),)]
    batch = collate(rows, pad_token_id=0)
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.targets.tolist() == [[IGNORE_INDEX, 5, 0, IGNORE_INDEX], [0] + [IGNORE_INDEX] * 3]
    assert (batch.num_supervised, batch.num_tokens, batch.record_ids) == (3, 6, ("a", "b"))


def test_position_ids_count_over_each_document():
    packed = (example("a", [1, 2, 3], [0, 1, 1]), example("b", [4, 5], [0, 1]), example("c", [6], [1]))
    batch = collate([packed, (example("d", [7], [1]),)], pad_token_id=0)
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 1, 2, 3, 4]]
    assert batch.document_ids.tolist() == [[1, 1, 1, 2, 2, 3], [1, 0, 0, 0, 0, 0]]


def test_the_block_mask_opens_exactly_the_earlier_tokens_of_the_same_document():
    batch = collate([(example("a", [1, 2], [0, 1]), example("b", [3, 4], [0, 1]))], pad_token_id=0)
    visible = batch.block_mask(torch.float32)[0, 0] == 0
    assert visible.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]


def test_rows_of_one_document_need_no_block_mask():
    batch = collate([(example("a", [1, 2], [0, 1]),)], pad_token_id=0)
    assert batch.document_ids is None
    assert batch.position_ids.tolist() == [[0, 1]]


def test_answers_of_an_encoder_decoder_are_padded_apart_from_their_prompts():
    """L21."""
    rows = [(example("a", [5, 6, 7], [0, 0, 0], [8, 1]),), (example("b", [5], [0], [9, 9, 1]),)]
    batch = collate(rows, pad_token_id=0, decoder_start_token_id=0)
    assert batch.targets.tolist() == [[8, 1, IGNORE_INDEX], [9, 9, 1]]
    assert batch.decoder_input_ids.tolist() == [[0, 8, 0], [0, 9, 9]]
    assert batch.decoder_attention_mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch.num_tokens == 4 + 5


def test_an_answer_that_holds_the_pad_id_is_learned_whole():
    """L8, for encoder-decoders: end of text may be the pad token too."""
    batch = collate(
        [(example("a", [5], [0], [0, 8, 0]),), (example("b", [5], [0], [9]),)], pad_token_id=0, decoder_start_token_id=0
    )
    assert batch.targets.tolist() == [[0, 8, 0], [9, IGNORE_INDEX, IGNORE_INDEX]]
    assert batch.decoder_attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_batch_moved_to_where_it_is_stays_the_same():
    batch = collate([(example("a", [1, 2], [0, 1]),)], pad_token_id=0)
    assert batch.to("cpu") is batch
