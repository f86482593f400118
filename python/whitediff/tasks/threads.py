"""How many threads a task may use."""

from __future__ import annotations

import os

from .. import _core

__all__ = ["threads_to_use"]


def threads_to_use(argument: int | None, configured: int) -> int:
    """Give the number of threads: the argument's, the configuration's or the environment's.

    Parameters
    ----------
    argument : int or None
        What a call says; None or 0 for nothing.
    configured : int
        What the configuration says; 0 for nothing.

    Returns
    -------
    n_threads : int
        The first of these that says something; OMP_NUM_THREADS is the last, which is how pipelines
        that run many processes ask for one thread in each, also once the core is loaded. 0, for the
        cores that the process may use, if none does, or that asks for as many or more.
    """
    return argument or configured or _environment()


def _environment() -> int:
    # There may be a number for every level of nesting.
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    asked = int(first) if first.isdecimal() else 0
    return asked if asked < _core.usable_cores() else 0
