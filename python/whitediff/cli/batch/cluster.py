"""Rows done by the workers of a dask.distributed cluster."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
import time
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any
from uuid import uuid4

from distributed import Client, Future, KilledWorker, as_completed, get_worker
from distributed.comm import resolve_address

from ..._core import __version__
from ..errors import ClusterError, reason
from .freed_memory import freed_memory_kept
from .row import Finished, whiten_row
from .row_job import RowJob

__all__ = ["finished_on_cluster"]

_TICK_SECONDS = 0.1
_CONNECT_SECONDS = 10
# Files are read under filters of warnings, of which a process has one set for all its threads.
_one_row = Lock()
# Rows that go to the scheduler in one message.
_MESSAGE_ROWS = 1000


def finished_on_cluster(rows: Mapping[int, RowJob], address: str) -> Generator[list[Finished]]:
    """Do rows on a cluster, which begins those again whose worker is lost.

    A worker does one row at a time, with the threads that it has unless the row says how many.
    The scheduler gives up a row when it has lost too many of its workers, of which some may be the
    fault of other rows. Such a row is tried once more when no other is left.

    Parameters
    ----------
    rows : mapping of int to RowJob
        What to do.
    address : str
        That of the scheduler.

    Yields
    ------
    list of Finished
        Rows that have ended since the last time, several times a second; often none.

    Raises
    ------
    ClusterError
        If the scheduler cannot be reached or is lost; if a worker has not this version of
        whitediff.
    ValueError
        If the address is none.
    """
    # What is wrong is told once, in the words of this command.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        resolve_address(address)
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except ValueError as error:
        raise ValueError(f"--scheduler must be like tcp://host:8786, got {address}") from error
    except OSError as error:
        raise ClusterError(f"no scheduler answers at {address}: {error}") from error
    with client:
        _check_workers(client, address)
        cluster = _Cluster(client, address, rows)
        suspects: list[int] = []
        yield from cluster.finished(list(rows), suspects)
        for row in suspects:
            convicted: list[int] = []
            yield from cluster.finished([row], convicted)
            if convicted:
                attempts = cluster.attempts[row]
                why = f"its worker died {attempts} times, the last times with no other row on it"
                yield [Finished(row, f"{why}: not enough memory?", attempts)]


class _Cluster:
    """A client, and what it hears of the rows."""

    def __init__(self, client: Client, address: str, rows: Mapping[int, RowJob]) -> None:
        self._client, self._address, self._rows = client, address, rows
        self._topic = f"whitediff-{uuid4().hex}"
        self.attempts: Counter[int] = Counter()
        client.subscribe_topic(self._topic, self._count)

    def finished(self, rows: list[int], killers: list[int]) -> Generator[list[Finished]]:
        """Do rows; those that the scheduler gives up are appended to `killers`."""
        futures = self._client.map(
            partial(_on_worker, self._topic, __version__),
            rows,
            [self._rows[row] for row in rows],
            pure=False,
            batch_size=_MESSAGE_ROWS,
        )
        row_of = dict(zip(futures, rows, strict=True))
        try:
            yield from self._ended(futures, row_of, killers)
        except OSError as error:
            # A connection that breaks while something is asked for.
            raise self._lost() from error

    def _ended(
        self, futures: list[Future[Any]], row_of: dict[Future[Any], int], killers: list[int]
    ) -> Generator[list[Finished]]:
        ended = as_completed(futures, loop=self._client.loop)
        # Whoever leaves early closes the client, at which the scheduler drops what is left.
        while row_of:
            news = []
            for future in ended.next_batch(block=False):
                row = row_of.pop(future)
                finished = self._result(future, row)
                if finished is None:
                    killers.append(row)
                else:
                    news.append(finished)
            if self._client.status != "running":
                raise self._lost()
            yield news
            time.sleep(_TICK_SECONDS)

    def _result(self, future: Future[Any], row: int) -> Finished | None:
        if future.status in ("cancelled", "lost"):
            raise self._lost()
        error = future.exception()
        if isinstance(error, KilledWorker):
            return None
        attempts = max(1, self.attempts[row])
        if error is not None:
            return Finished(row, f"on the cluster: {reason(error)}", attempts)
        finished: Finished = future.result()
        return replace(finished, attempts=attempts)

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the scheduler at {self._address} is gone: give the same command to go on"
        )

    def _count(self, event: tuple[float, int]) -> None:
        self.attempts[event[1]] += 1


def _on_worker(topic: str, version: str, row: int, job: RowJob) -> Finished:
    """Do a row with the threads that the worker has, and tell before that it is begun."""
    worker = get_worker()
    if version != __version__:
        # It has come after the others were asked.
        return Finished(row, _other_version(version, worker.address, __version__))
    with _one_row, freed_memory_kept():
        worker.log_event(topic, row)
        threads = job.options.n_threads or worker.state.nthreads
        options = replace(job.options, n_threads=threads)
        finished = whiten_row(row, replace(job, options=options))
    if finished.reason and not all(path.exists() for path in job.inputs):
        why = f"{finished.reason} (as the worker {worker.address} sees it)"
        return replace(finished, reason=why)
    return finished


def _check_workers(client: Client, address: str) -> None:
    if not client.nthreads():
        print(f"waiting for workers of {address}", file=sys.stderr, flush=True)
    try:
        versions = client.run(importlib.metadata.version, "whitediff", on_error="return")
    except OSError as error:
        raise ClusterError(f"the workers do not answer: {error}") from error
    for worker, version in versions.items():
        if version != __version__:
            found = "none" if isinstance(version, Exception) else version
            raise ClusterError(_other_version(__version__, worker, found))


def _other_version(needed: str, worker: str, found: str) -> str:
    return f"workers need whitediff {needed}, the one at {worker} has {found}"
