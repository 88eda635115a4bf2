"""What a run was made of is written down: versions, machine, seeds, inputs, the commit."""

from __future__ import annotations

import json
import subprocess

from tunesmith import __version__
from tunesmith.provenance import git_state, provenance
from tunesmith.recipe import Recipe
from tunesmith.run import Run

RECIPE = Recipe.model_validate({"model": {"name_or_path": "gpt2"}, "data": {"sources": ["a.jsonl"]}})


def test_provenance_says_what_a_run_was_made_of(tmp_path):
    told = provenance(
        command="tunesmith run r.yaml",
        seeds={"data": 0},
        inputs=[{"path": "a.jsonl", "size_bytes": 3}],
        model={"name_or_path": "gpt2"},
        num_threads=2,
    )
    assert set(told) == {
        "tunesmith", "python", "platform", "packages", "threads", "cpu", "gpu", "command", "started_at", "finished_at",
        "seeds", "inputs", "model", "git",
    }  # fmt: skip
    assert (
        told["tunesmith"] == __version__
        and told["threads"] == 2
        and told["gpu"] is None
        and "torch" in told["packages"]
    )
    assert told["inputs"] == [{"path": "a.jsonl", "size_bytes": 3}]
    run = Run.create(tmp_path / "a", RECIPE)
    run.write_provenance(told)
    assert not run.is_finished
    run.mark_finished()
    assert run.is_finished and json.loads(run.provenance_file.read_text())["command"] == "tunesmith run r.yaml"
    run.release()


def test_the_state_of_git_is_the_commit_and_whether_tracked_files_changed(tmp_path):
    assert git_state(tmp_path) is None

    def git(*arguments):
        identity = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
            "-c",
            f"core.hooksPath={tmp_path}",
        ]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    (tmp_path / "a").write_text("1")
    git("init", "-q"), git("add", "a"), git("commit", "-qm", "a")
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40 and state["dirty"] is False
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {**state, "dirty": True}
