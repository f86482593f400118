"""Calls that are made while the caller goes on."""

import threading

import pytest

from whitediff.subtraction.background import in_background

# Far beyond what a thread needs to begin: a wait that takes as long is one for ever.
FOREVER = 30.0


def test_calls_are_made_in_order_while_the_caller_goes_on():
    made, go = [], threading.Event()

    def call(number):
        assert go.wait(FOREVER)
        made.append((number, threading.current_thread()))

    with in_background(call) as begin:
        begin(0)
        # It would wait for ever if this were not the caller's turn.
        go.set()
        for number in range(1, 20):
            begin(number)
            # At most one is on its way.
            assert len(made) >= number
    assert [number for number, _ in made] == list(range(20))
    assert len({thread for _, thread in made} | {threading.current_thread()}) == 2


def test_what_a_call_raises_comes_with_the_next_one():
    def call(number):
        if number == 1:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"), in_background(call) as begin:
        begin(0)
        begin(1)
        begin(2)
        pytest.fail("the call before has failed")


def test_what_the_last_call_raises_comes_with_the_end():
    reached = []

    def call():
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), in_background(call) as begin:
        begin()
        reached.append(True)
    assert reached


def test_a_block_that_raises_waits_for_the_call_that_is_made():
    begun, go, made = threading.Event(), threading.Event(), []

    def call():
        begun.set()
        assert go.wait(FOREVER)
        made.append(True)

    with pytest.raises(KeyboardInterrupt), in_background(call) as begin:
        begin()
        assert begun.wait(FOREVER)
        threading.Timer(0.05, go.set).start()
        raise KeyboardInterrupt
    assert made
