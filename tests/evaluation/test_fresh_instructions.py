"""Fresh constraint prompts as questions."""

from __future__ import annotations

from tunesmith.evaluation.fresh_instructions import fresh_instruction_samples


def test_all_of_them_are_one_task_so_that_a_share_is_one_of_all_prompts():
    tasks = fresh_instruction_samples(300, seed=1)
    assert list(tasks) == ["instructions"]
    samples = tasks["instructions"]
    assert len(samples) == len({sample.id for sample in samples}) == 300
    assert all(sample.task == sample.group == "instructions" for sample in samples)
    assert all(sample.expected["checks"] and not sample.references for sample in samples)


def test_kinds_and_number_of_checks_are_those_asked_for():
    (samples,) = fresh_instruction_samples(40, num_checks=1, kinds=["length", "case"]).values()
    assert all(len(sample.expected["checks"]) == 1 for sample in samples)
    families = {check["id"].split(":")[0] for sample in samples for check in sample.expected["checks"]}
    assert {"length_constraints", "change_case"} <= families
