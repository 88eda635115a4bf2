"""Being asked to stop: at once, or after what must be finished first; never forgotten."""

from __future__ import annotations

import os
import signal

import pytest

from tunesmith.errors import Interrupted
from tunesmith.workflows.signals import SIGNALS, listening


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_where_it_arrives(number):
    with pytest.raises(Interrupted, match="continue with --resume") as caught, listening():
        send(number)
    assert caught.value.exit_code == 128 + number


def test_the_first_signal_waits_for_the_loop_and_the_second_does_not():
    with listening() as stop, pytest.raises(Interrupted), stop.patiently():
        send(signal.SIGINT)
        assert stop.requested() == signal.SIGINT
        send()
        raise AssertionError("the second signal did not stop at once")
    assert stop.requested() == signal.SIGTERM


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


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with listening():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
