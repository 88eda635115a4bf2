"""Being asked to stop: at once, or after what must be finished first; never forgotten."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from tunesmith.errors import Interrupted
from tunesmith.workflows import signals
from tunesmith.workflows.signals import SIGNALS, listening


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_where_it_arrives(number):
    with pytest.raises(Interrupted, match="continue with --resume") as caught, listening():
        send(number)
    assert caught.value.exit_code == 128 + number


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_waits_for_the_loop_and_says_so_and_a_later_interrupt_does_not(number, monkeypatch, capfd):
    monkeypatch.setattr(signals, "REPEAT_S", 0.0)
    with pytest.raises(Interrupted), listening() as stop, stop.patiently():
        send(number)
        assert stop.requested() == number
        assert "Stopping after this step and a checkpoint. Ctrl-C once more stops at once." in capfd.readouterr().err
        time.sleep(0.001)
        send(signal.SIGINT)
        raise AssertionError("the interrupt did not stop at once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_request_of_another_process_waits_as_the_first_does(number, monkeypatch):
    monkeypatch.setattr(signals, "REPEAT_S", 0.0)
    with listening() as stop, pytest.raises(Interrupted) as caught, stop.patiently():
        send(signal.SIGTERM)
        send(number)
        finished = True
    assert finished
    assert caught.value.exit_code == 128 + number


def test_one_interrupt_that_arrives_twice_is_one():
    """A terminal sends it to the whole group, and a parent passes it on."""
    with pytest.raises(Interrupted), listening() as stop, stop.patiently():
        send(signal.SIGINT)
        send(signal.SIGINT)
        finished = True
    assert finished


def test_a_signal_while_an_object_is_deleted_is_raised_a_moment_later(monkeypatch):
    """Python prints and forgets what a ``__del__`` raises."""

    class Slow:
        def __del__(self):
            send()
            for _ in range(3):
                time.sleep(0.001)
            done.append(True)

    done = []
    with pytest.raises(Interrupted), listening():
        slow = Slow()
        del slow
        time.sleep(5)
    assert done == [True]


def test_a_signal_whose_exception_was_lost_is_raised_again(monkeypatch):
    monkeypatch.setattr(signals, "AGAIN_S", 0.05)
    with pytest.raises(Interrupted) as caught, listening():
        with contextlib.suppress(BaseException):  # as a library does that catches everything
            send()
        time.sleep(5)
    assert caught.value.exit_code == 143


def test_training_does_not_begin_after_a_signal_whose_exception_was_lost():
    with pytest.raises(Interrupted), listening() as stop:
        with contextlib.suppress(BaseException):
            send()
        with stop.patiently():
            raise AssertionError("training began")


def test_what_takes_every_exception_for_its_own_does_not_take_a_signal():
    """A row that "cannot be rendered" because a signal came would be dropped, and the data another."""
    with pytest.raises(Interrupted), listening():
        try:
            send()
        except Exception as error:
            raise ValueError("this row cannot be rendered") from error


def test_what_falls_apart_when_it_is_interrupted_is_an_interruption():
    """torch, interrupted while it enters a mode, complains of having none to leave."""
    with pytest.raises(Interrupted, match="continue with --resume") as caught, listening():
        try:
            send()
        finally:
            raise RuntimeError("trying to pop from empty mode stack")
    assert caught.value.exit_code == 143


def test_a_signal_that_was_ignored_stays_ignored():
    """``nohup`` ignores SIGHUP, and a shell's background job SIGINT: both on purpose."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as stop:
            send(signal.SIGHUP)
            assert stop.requested() is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_has_begun_nothing_ends_at_once_with_the_exit_code(number):
    code = (
        "import os; from tunesmith import cli\n"
        f"cli.app = lambda *words, **options: os.kill(os.getpid(), {int(number)})\n"
        "cli.main(['version'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (128 + number, "Interrupted.\n")


def test_a_signal_the_loop_did_not_act_on_is_not_forgotten():
    """One that arrives with the last step: the hours of evaluation that follow are not wanted any more."""
    with listening() as stop, pytest.raises(Interrupted, match="--resume") as caught:
        with stop.patiently():
            send()
        raise AssertionError("went on after a signal")
    assert caught.value.exit_code == 143


def test_an_error_of_the_loop_is_told_rather_than_the_signal():
    with listening() as stop, pytest.raises(ValueError, match="the loop failed"), stop.patiently():
        send()
        raise ValueError("the loop failed")


def test_handlers_are_put_back_and_no_alarm_is_left():
    before = [signal.getsignal(number) for number in SIGNALS]
    with listening():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
