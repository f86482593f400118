"""How far a batch is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Display", "display"]

# Seconds between two lines where there is no terminal.
_LINE_SECONDS = 30.0


class Display(Protocol):
    """Shows how far a batch is."""

    def complain(self, text: str) -> None:
        """Show what went wrong with a row."""

    def update(self, n_done: int, n_failed: int) -> None:
        """Show how many rows have ended."""


@contextmanager
def display(total: int) -> Iterator[Display]:
    """Yield a bar on a terminal, or what prints a line now and then.

    Parameters
    ----------
    total : int
        Number of rows to do.
    """
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.fields[ended]}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, total)


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total
        self._task = progress.add_task("", total=total, ended="")
        self.update(0, 0)

    def complain(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, n_done: int, n_failed: int) -> None:
        self._progress.update(
            self._task,
            completed=n_done + n_failed,
            ended=_ended(n_done, n_failed, self._total),
        )


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._begin = self._printed = time.monotonic()

    def complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def update(self, n_done: int, n_failed: int) -> None:
        now = time.monotonic()
        n_ended = n_done + n_failed
        if n_ended and now - self._printed > _LINE_SECONDS:
            left = (now - self._begin) * (self._total - n_ended) / n_ended
            print(
                f"{_ended(n_done, n_failed, self._total)}, about {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
            self._printed = now


def _ended(n_done: int, n_failed: int, total: int) -> str:
    return f"{n_done} of {total} done, {n_failed} failed"
