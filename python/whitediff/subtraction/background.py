"""Calls that are made while the caller goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["in_background"]


@contextmanager
def in_background(call: Callable[..., object]) -> Iterator[Callable[..., None]]:
    """Have a function called in a thread of its own, one call after the other.

    When the block ends the last call has ended, also if the block raises. What a call raises is
    raised by the one after it, or when the block ends.

    Parameters
    ----------
    call : callable
        It must not depend on what belongs to a thread or to all of the process: filters of
        warnings, signals.

    Yields
    ------
    callable
        What begins a call, with the arguments that it is given, once the one before has ended: of
        two sets of arguments that take much memory, one is in use.
    """
    last: Future[object] | None = None

    def begin(*arguments: Any) -> None:
        nonlocal last
        if last is not None:
            last.result()
        last = thread.submit(call, *arguments)

    with ThreadPoolExecutor(1) as thread:
        yield begin
        if last is not None:
            last.result()
