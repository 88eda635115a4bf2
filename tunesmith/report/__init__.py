"""Run folder → report.html and report.md: a pure function of its files. Loads no model, needs no network."""

from __future__ import annotations

from pathlib import Path

from tunesmith.files import write_text
from tunesmith.report.facts import Facts
from tunesmith.report.folder import open_run
from tunesmith.report.render import render_html, render_markdown


def write_report(run_dir: Path | str) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into a run folder and return their paths.

    Whatever the run has not written (no evaluation yet, killed while training, no validation split) is said to be
    missing; equal folders give equal bytes.

    Raises:
        DataError: the folder does not exist, was not written by a run, or holds a damaged file.
        ResourceError: the report cannot be written there.
    """
    facts = Facts(open_run(run_dir))
    html_path, markdown_path = facts.run.path / "report.html", facts.run.path / "report.md"
    write_text(html_path, render_html(facts))
    write_text(markdown_path, render_markdown(facts))
    return html_path, markdown_path
