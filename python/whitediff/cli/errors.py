"""Errors, and how they read."""

from __future__ import annotations

__all__ = ["ClusterError", "reason"]


class ClusterError(Exception):
    """The machines that do the work cannot be reached, or are not set up for it."""


def reason(error: BaseException) -> str:
    """What went wrong, in one line; an error that is no one's expectation has its type before."""
    # Not before something is wrong: these need astropy.
    from ..io.atomic import WriteError
    from ..subtraction import JobError

    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, OSError) and error.strerror:
        text = f"reading or writing failed: {error.strerror}"
    elif isinstance(error, MemoryError):
        text = "not enough memory"
    elif isinstance(error, JobError):
        before, field, after = error.args
        text = f"{before}--{field.replace('_', '-')}{after}"
    elif isinstance(error, OSError | TypeError | ValueError | WriteError | ClusterError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())
