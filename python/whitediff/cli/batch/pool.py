"""Rows done by processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

from .fork_server import start_server, without_interrupts
from .row import Finished, whiten_row
from .row_job import RowJob

__all__ = ["finished_in_pool"]

# A row whose process dies is begun so many times.
_MAX_ATTEMPTS = 3
_TICK_SECONDS = 0.25
# Longer than it takes to remove a file that is half written.
_LEAVING_SECONDS = 5.0

_LEAVING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def finished_in_pool(rows: Mapping[int, RowJob], jobs: int) -> Generator[list[Finished]]:
    """Do rows in processes, one at a time in each; a process that dies is replaced.

    Parameters
    ----------
    rows : mapping of int to RowJob
        What to do.
    jobs : int
        Number of processes.

    Yields
    ------
    list of Finished
        Rows that have ended since the last time, several times a second; often none.
    """
    waiting = deque((row, 1) for row in rows)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.is_busy for worker in workers):
            n_useful = len(waiting) + sum(worker.is_busy for worker in workers)
            while len(workers) < min(jobs, n_useful):
                workers.append(_Worker())
            for worker in workers:
                if waiting and not worker.is_busy:
                    row, attempt = waiting.popleft()
                    worker.begin(row, attempt, rows[row])
            busy = {worker.connection: worker for worker in workers if worker.is_busy}
            news = []
            for connection in wait(list(busy), timeout=_TICK_SECONDS):
                worker = busy[connection]
                finished = worker.end()
                if finished is not None:
                    news.append(finished)
                    continue
                workers.remove(worker)
                if worker.attempt < _MAX_ATTEMPTS:
                    waiting.appendleft((worker.row, worker.attempt + 1))
                else:
                    why = f"its process died {worker.attempt} times, {worker.cause_of_death}"
                    news.append(Finished(worker.row, why, worker.attempt))
            yield news
    finally:
        for worker in workers:
            worker.ask_to_leave()
        for worker in workers:
            worker.see_off()


class _Worker:
    """A process, and the row that it has."""

    def __init__(self) -> None:
        context: Any = start_server()
        self.connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), daemon=True)
        with without_interrupts():
            self._process.start()
        # The end of the process must be the end of the connection.
        far_end.close()
        self.is_busy = False
        self.row, self.attempt = -1, 0

    def begin(self, row: int, attempt: int, job: RowJob) -> None:
        self.row, self.attempt, self.is_busy = row, attempt, True
        try:
            self.connection.send((row, job))
        except OSError:
            # It died while it was idle: as soon as it is asked for its answer that comes out.
            pass

    def end(self) -> Finished | None:
        """Give what became of its row; None if the process is dead."""
        self.is_busy = False
        try:
            finished: Finished = self.connection.recv()
        except (EOFError, OSError):
            self.ask_to_leave()
            self.see_off()
            return None
        return replace(finished, attempts=self.attempt)

    @property
    def cause_of_death(self) -> str:
        status = self._process.exitcode
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return f"by {name}" + (": not enough memory?" if name == "SIGKILL" else "")
        return f"with exit status {status}"

    def ask_to_leave(self) -> None:
        self.connection.close()
        if self.is_busy:
            self._process.terminate()

    def see_off(self) -> None:
        self._process.join(_LEAVING_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection[Any, Any]) -> None:
    """Do the rows that come, until there is no one who sends them."""
    for number in _LEAVING_SIGNALS:
        signal.signal(number, _leave)
    Thread(target=_leave_with_parent, daemon=True).start()
    try:
        while True:
            connection.send(whiten_row(*connection.recv()))
    except (EOFError, BrokenPipeError):
        pass


def _leave_with_parent() -> None:
    """Leave when the process that sends rows is killed, which has no time to say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _leave(number: int, frame: object) -> None:
    """Leave through every `finally`, so that no file stays half written."""
    # A second signal would interrupt them.
    for other in _LEAVING_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)
