"""Stages: three shapes, settings read off the signature, every record accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tunesmith.curation import pipeline  # noqa: F401  (it files the stages)
from tunesmith.curation.stages import BASIC, STAGES, Injected, bind_stages, changed_fields, run_stage, stage
from tunesmith.errors import DataError, RecipeError
from tunesmith.records import Drop, Message, Record


def record(k: int, answer: str = "a") -> Record:
    return Record(f"id{k}", (Message("user", f"q{k}"), Message("assistant", answer)), source=f"x:{k}")


@pytest.fixture
def stages(monkeypatch):
    """Three stages of a user, forgotten after the test."""
    monkeypatch.setattr(STAGES, "_things", dict(STAGES._things))

    @stage("drop_brief", "check")
    def drop_brief(record: Record, *, min_words: int = 2, mode: str = "words") -> str | None:
        return "too_short" if len(record.answer.split()) < min_words else None

    @stage("shout", "rewrite")
    def shout(record: Record, *, times: float) -> Record:
        return replace(
            record, messages=(record.messages[0], Message("assistant", record.answer.upper())), meta={"times": times}
        )

    @stage("pick", "select")
    def pick(records: Sequence[Record], *, seed: int, forget: bool = False) -> Iterator[Record | Drop]:
        for k, item in enumerate(records):
            if not forget:
                yield item if k == seed else Drop(item.id, item.source, "pick", "not_picked")


def test_the_named_lists_are_lists_of_stages():
    basic = [bound.stage.name for bound in bind_stages("basic")]
    assert basic == ["normalize_text", "drop_empty", "drop_bad_order", "drop_duplicates"]
    default = [bound.stage.name for bound in bind_stages("default")]
    assert set(basic) < set(default) and default[-2:] == ["drop_duplicates", "drop_near_duplicates"]
    assert bind_stages("none") == bind_stages([]) == []


def test_a_check_drops_with_its_reason(stages):
    (bound,) = bind_stages([{"use": "drop_brief", "min_words": "3"}])
    assert bound.settings == {"min_words": 3, "mode": "words"}
    kept, drops, changes = run_stage(bound, [record(1, "one two"), record(2, "one two three")], Injected(seed=0))
    assert [item.id for item in kept] == ["id2"] and changes == []
    assert drops == [Drop("id1", "x:1", "drop_brief", "too_short")]


def test_a_rewrite_tells_which_fields_it_touched_and_never_their_values(stages):
    (bound,) = bind_stages([{"use": "shout", "times": 2}])
    kept, drops, changes = run_stage(bound, [record(1, "secret")], Injected(seed=0))
    assert kept[0].answer == "SECRET" and kept[0].id == "id1" and drops == []
    assert changes == [{"id": "id1", "source": "x:1", "stage": "shout", "fields": ["messages[1].content", "meta"]}]


def test_a_selection_sees_all_records_and_is_given_the_seed(stages):
    kept, drops, _ = run_stage(bind_stages(["pick"])[0], [record(0), record(1), record(2)], Injected(seed=1))
    assert [item.id for item in kept] == ["id1"] and [drop.id for drop in drops] == ["id0", "id2"]


def test_a_selection_that_loses_records_is_refused(stages):
    with pytest.raises(DataError, match="stage pick was given 2 records and answered for 0"):
        run_stage(bind_stages([{"use": "pick", "forget": True}])[0], [record(0), record(1)], Injected(seed=0))


def test_all_problems_of_a_list_are_told_at_once(stages):
    listed = [
        {"use": "drop_emty"},
        {"use": "drop_brief", "min_word": 3},
        {"use": "drop_brief", "min_words": "three"},
        {"use": "shout"},
        {"min_words": 3},
        {"use": "drop_empty", "x": 1},
        {"use": "pick", "seed": 3},
    ]
    with pytest.raises(RecipeError) as raised:
        bind_stages(listed, path="recipes/x.yaml")
    assert raised.value.path == "recipes/x.yaml"
    expected = [
        "curate[0].use: no such stage `drop_emty`. Did you mean `drop_empty`?",
        "curate[1].min_word: stage `drop_brief` has no such setting. Did you mean `min_words`?",
        "curate[2].min_words: input should be a valid integer, unable to parse string as an integer.",
        "curate[3].times: stage `shout` needs it: {use: shout, times: …}.",
        "curate[4]: a stage needs a name: {use: drop_empty}. Known: ",
        "curate[5].x: stage `drop_empty` has no such setting. It has: no settings.",
        "curate[6].seed: stage `pick` has no such setting.",
    ]
    for problem, start in zip(raised.value.problems, expected, strict=True):
        assert problem.startswith(start)


def test_an_unknown_named_list_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match="curate: no such list `basics`. Did you mean `basic`?"):
        bind_stages("basics")


def test_changed_fields_names_what_differs():
    one = record(1)
    assert changed_fields(one, one) == []
    assert changed_fields(one, replace(one, messages=one.messages[:1])) == ["messages"]
    assert changed_fields(one, replace(one, task="t", references=("b",))) == ["task", "references"]


def test_a_list_of_stages_may_begin_with_the_stages_of_a_named_list():
    bound = bind_stages(["basic", {"use": "drop_short", "min_prompt_words": 3}])
    assert [item.stage.name for item in bound] == [*BASIC, "drop_short"]
    assert bound[:-1] == bind_stages("basic")
