"""What tells whether a file is still the one that it was."""

from __future__ import annotations

from pathlib import Path

from ...subtraction import Job

__all__ = ["is_same", "state_of"]

_MISSING = "-"


def state_of(path: Path) -> str:
    """Size in bytes, time of the last change in nanoseconds and inode of a file, in one word.

    Times alone do not tell: a copy may keep that of the original, and clocks of machines differ.
    """
    try:
        status = path.stat()
    except OSError:
        return _MISSING
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def is_same(job: Job, inputs: str, output: str) -> bool:
    """Whether the output of a job and all inputs that are still there are what they were.

    Parameters
    ----------
    job : Job
        The job.
    inputs, output : str
        Their states when it was done; those of inputs in their order, with blanks between.
    """
    if state_of(job.output) != output or output == _MISSING:
        return False
    before, now = inputs.split(), [state_of(path) for path in job.inputs]
    return len(before) == len(now) and all(
        new in (old, _MISSING) for old, new in zip(before, now, strict=True)
    )
