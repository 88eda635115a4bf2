"""Fresh constraint prompts as questions, a task for each kind."""

from __future__ import annotations

from tunesmith.evaluation.fresh_instructions import fresh_instruction_samples


def test_each_kind_of_constraint_is_a_task_and_several_kinds_are_one_more():
    tasks = fresh_instruction_samples(300, seed=1)
    assert {"instructions/length", "instructions/format", "instructions/several kinds"} <= set(tasks)
    assert list(tasks) == sorted(tasks)
    samples = [sample for task in tasks.values() for sample in task]
    assert len(samples) == len({sample.id for sample in samples}) == 300
    assert all(sample.task == name for name, task in tasks.items() for sample in task)
    assert all(sample.expected["checks"] and not sample.references for sample in samples)


def test_with_one_check_each_every_task_is_of_one_kind():
    tasks = fresh_instruction_samples(40, num_checks=1, kinds=["length", "case"])
    assert list(tasks) == ["instructions/case", "instructions/length"]
