"""Progress for people: a bar where there is a terminal, a few plain lines where there is none."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from tunesmith.cli import console
from tunesmith.cli.console import PlainProgress, clock, figures, make_progress, results_only
from tunesmith.progress import SilentProgress


class Clock:
    """Time that passes only when told to."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(console.time, "monotonic", lambda: self.now)


def test_without_a_terminal_a_long_bar_is_about_ten_lines_with_figures_and_time_left(monkeypatch):
    time, out = Clock(monkeypatch), io.StringIO()
    with PlainProgress(out).bar("Training", 200, "step") as bar:
        for step in range(200):
            time.now += 2
            bar.update(loss=4.0 - step / 100, tokens_per_second=1234.5)
            bar.advance()
    lines = out.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0] == "Training 20/200 step · loss 3.81 · 1,234 tokens/s · 6:00 left"
    assert lines[-1] == "Training 200/200 step · loss 2.01 · 1,234 tokens/s · 6:40"


def test_a_quick_bar_is_one_line(monkeypatch):
    time, out = Clock(monkeypatch), io.StringIO()
    with PlainProgress(out).bar("Asking base", 50, "sample") as bar:
        for _ in range(50):
            time.now += 0.01
            bar.advance()
    assert out.getvalue() == "Asking base 50/50 sample · 0:00\n"


def test_slow_work_says_something_every_minute_even_with_an_unknown_end(monkeypatch):
    time, out = Clock(monkeypatch), io.StringIO()
    with PlainProgress(out).bar("Reading", None, "row") as bar:
        for _ in range(5):
            time.now += 61
            bar.advance(10)
    assert out.getvalue().splitlines()[:2] == ["Reading 10 row · 1:01", "Reading 20 row · 2:02"]


def test_a_bar_that_was_given_up_tells_how_far_it_came(monkeypatch):
    Clock(monkeypatch)
    out = io.StringIO()
    with pytest.raises(KeyError), PlainProgress(out).bar("Training", 10, "step") as bar:
        bar.advance(3)
        raise KeyError
    assert out.getvalue().startswith("Training 3/10 step")


def test_notices_and_warnings_are_told_apart():
    out = io.StringIO()
    progress = PlainProgress(out)
    progress.say("plain"), progress.notice("read as"), progress.warn("odd")
    assert out.getvalue() == "plain\nnote: read as\nwarning: odd\n"


@pytest.mark.parametrize(
    "fields, told",
    [
        ({"loss": 1.93251}, "loss 1.933"),
        ({"loss": None}, "loss n/a"),
        ({"loss": 0.0, "tokens_per_second": 840.4}, "loss 0 · 840 tokens/s"),
        ({"learning_rate": 2e-5}, "learning rate 2e-05"),
        ({"phase": "warm-up"}, "phase warm-up"),
        ({"tokens_per_second": None}, "n/a tokens/s"),
        ({}, ""),
    ],
)
def test_figures_are_short_and_an_undefined_one_is_n_a(fields, told):
    assert figures(fields) == told


@pytest.mark.parametrize("seconds, told", [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3723, "1:02:03")])
def test_a_clock_reads_like_a_clock(seconds, told):
    assert clock(seconds) == told


def test_where_stderr_is_no_terminal_lines_are_plain(capsys):
    progress = make_progress()
    progress.say("[bold]hello[/bold] " + "x" * 200)
    told = capsys.readouterr()
    assert told.out == "" and told.err == "[bold]hello[/bold] " + "x" * 200 + "\n"


def test_only_results_reach_stdout(capsys):
    with results_only():
        print("a library")
    print("a result")
    assert capsys.readouterr() == ("a result\n", "a library\n")


def test_a_silent_progress_is_silent(capsys):
    progress = SilentProgress()
    progress.say("a"), progress.notice("b"), progress.warn("c")
    with progress.bar("d", 3, "x") as bar:
        bar.advance()
        bar.update(loss=None)
    assert capsys.readouterr() == ("", "")


TERMINAL = """
from tunesmith.cli.console import make_progress
progress = make_progress()
progress.say("Loading [model]")
progress.warn("odd")
with progress.bar("Training", 4, "step") as bar:
    for step in range(4):
        bar.update(loss=2.5 - step, tokens_per_second=900.0, grad_norm=None)
        bar.advance()
        if step == 1:
            with progress.bar("Validating", 2, "batch") as inner:
                inner.advance(2)
            progress.say("validation loss 2.25")
with progress.bar("Asking") as bar:
    bar.advance(7)
"""


def test_on_a_terminal_bars_show_count_figures_and_time_and_bars_within_bars_work():
    outside, inside = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "110"}
    subprocess.run([sys.executable, "-c", TERMINAL], stderr=inside, env=environment, check=True)
    os.close(inside)
    told = b""
    while chunk := _read(outside):
        told += chunk
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told.decode())
    assert "Loading [model]" in text and "warning: odd" in text and "validation loss 2.25" in text
    assert (
        "4/4 step" in text
        and "loss -0.5 · 900 tokens/s · grad norm n/a" in text
        and "left" in text
        and "Asking" in text
    )


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux tells the end of a terminal as EIO
        return b""
