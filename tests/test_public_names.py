"""What `import tunesmith` offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tunesmith


def test_every_public_name_is_there():
    for name in tunesmith.__all__:
        assert getattr(tunesmith, name).__doc__
    assert set(tunesmith.__all__) < set(dir(tunesmith))


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = tunesmith.trian


def test_importing_the_package_loads_nothing_else():
    code = "import sys; before = set(sys.modules); import tunesmith; print(len([m for m in set(sys.modules) - before if '.' not in m]) < 12)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "True"
    )


def test_the_main_job_works_from_python_in_silence(model_folders, tmp_path, capfd):
    from tests.workflows.recipes import recipe, write_rows

    made = recipe(
        model_folders["llama"], write_rows(tmp_path / "rows.jsonl"), train={"max_steps": 1}, evaluate={"max_samples": 2}
    )
    capfd.readouterr()
    result = tunesmith.run_recipe(made, tmp_path / "run")
    assert tunesmith.Run.open(tmp_path / "run").is_finished
    assert result["verdict"]
    assert capfd.readouterr() == ("", "")
