"""Times of functions that take turns, so that a change of the machine's mood meets all of them."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

Clock = Literal["wall", "cpu"]


def _processor_time() -> float:
    """Give that of this process, and of all its processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": _processor_time}

# The clocks tick in microseconds at worst; short functions are called many times in a row.
_LEAST_SECONDS = 0.02
# A first call that takes longer than this tells enough.
_WARM_SECONDS = 1.0


class Turn(Protocol):
    """What takes turns: in this process, or in another."""

    def warm_up(self, clock: Clock) -> float:
        """Make first calls, find how many are timed at once, and give the seconds of those."""

    def seconds(self, clock: Clock) -> float:
        """Time a call, as the mean over some in a row."""


class Timed:
    """A function to time, and the check of what it gives."""

    def __init__(self, run: Callable[[], Any], check: Callable[[Any], None]) -> None:
        self.run = run
        self.check = check
        self._calls = 1

    def seconds(self, clock: Clock) -> float:
        """Time a call, as the mean over some in a row, and check what the last one gave."""
        tick = CLOCKS[clock]
        begin = tick()
        for _ in range(self._calls):
            result = self.run()
        seconds = tick() - begin
        self.check(result)
        return seconds / self._calls

    def warm_up(self, clock: Clock) -> float:
        """Make first calls, find how many are timed at once, and give the seconds of those."""
        seconds = self.seconds(clock)
        if seconds < _WARM_SECONDS:
            seconds = self.seconds(clock)
            self._calls = max(1, round(_LEAST_SECONDS / max(seconds, 1e-6)))
        return self._calls * seconds


def take_turns(
    functions: Sequence[Turn], repeat: int, clock: Clock, *, patience: float = math.inf
) -> list[list[float]]:
    """Time functions in turn, every other round in the opposite order.

    Parameters
    ----------
    functions : sequence of `Turn`
    repeat : `int`
        Rounds.
    clock : {"wall", "cpu"}
    patience : `float`
        Seconds after which no more rounds begin. First calls that take longer are the only round.

    Returns
    -------
    `list` of `list` of `float`
        Seconds a call, [function][round].
    """
    first = [function.warm_up(clock) for function in functions]
    if sum(first) > patience:
        return [[seconds] for seconds in first]
    seconds: list[list[float]] = [[] for _ in functions]
    for turn in range(repeat):
        if turn * sum(first) > patience:
            break
        order = range(len(functions)) if turn % 2 == 0 else reversed(range(len(functions)))
        for n in order:
            seconds[n].append(functions[n].seconds(clock))
    return seconds
