"""The process that those of the pool are forked from."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

__all__ = ["start_server", "without_interrupts"]


def start_server() -> BaseContext:
    """Start it unless it runs, and do not wait for its imports, which are what rows need.

    Threads of OpenMP do not outlive a fork: it has none.

    Returns
    -------
    BaseContext
        Makes processes that are forked from it, or new ones where its socket has no place: in a
        temporary directory, whose name must not be long.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.row"])
    try:
        with without_interrupts():
            forkserver.ensure_running()
    except OSError:
        return multiprocessing.get_context("spawn")
    return context


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes that a Ctrl-C is not for, from their first moment."""
    # To start the resource tracker would let it through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
