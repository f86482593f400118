"""Signals that end a command."""

from __future__ import annotations

import signal

__all__ = ["interrupted", "raise_interrupts"]

_came: list[int] = []


def raise_interrupts() -> None:
    """Have SIGTERM and SIGHUP end a run as Ctrl-C does, through whatever is to be tidied up.

    Batch systems send the first when time is up, terminals that are closed the second; what is
    ignored, as `nohup` has it, stays so.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # Not every system has all of them.
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in usual:
            signal.signal(number, _raise)


def interrupted(error: BaseException) -> bool:
    """Whether an error is what became of an interrupt: some code makes others of it."""
    return bool(_came) or isinstance(error, KeyboardInterrupt)


def _raise(number: int, frame: object) -> None:
    _came.append(number)
    raise KeyboardInterrupt
