"""How many processes and threads the cores of this machine can keep busy."""

from __future__ import annotations

from ..._core import usable_cores

__all__ = ["shares_of_cores"]


def shares_of_cores(jobs: int | None, threads: int | None, n_rows: int) -> tuple[int, int]:
    """Choose what is not given so that there are no more threads than cores.

    Processes come first: all that a process does besides filtering takes one thread.

    Parameters
    ----------
    jobs, threads : int, optional
        Number of processes, and of threads in each, as far as the user says it.
    n_rows : int
        How many rows there are to do; more processes than that would have nothing to do.
    """
    cores = usable_cores()
    if jobs is None:
        jobs = max(1, cores // (threads or 1))
    jobs = max(1, min(jobs, n_rows))
    return jobs, threads or max(1, cores // jobs)
