"""A batch from its manifest to its table of results."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from ...options import WhitenOptions
from .display import display
from .manifest import Manifest
from .results import Results
from .row import Finished
from .row_job import chosen_covariance

__all__ = ["run_batch"]


def run_batch(
    manifest: Manifest,
    results: Results,
    settings: Mapping[str, Any],
    *,
    jobs: int,
    threads: int,
    scheduler: str | None,
    overwrite: bool,
) -> None:
    """Do what is left to do of a batch, and keep the table of results up to date.

    Parameters
    ----------
    manifest : Manifest
        What to do.
    results : Results
        What was done before.
    settings : mapping of str to object
        Options that are the same for all rows: mode, preconvolved, constant, variance, covariance,
        ignore_planes and no_value_planes.
    jobs : int
        Number of processes of this machine.
    threads : int
        Number of threads for a row; 0: as many as a worker of the cluster has.
    scheduler : str or None
        Address of a scheduler, whose workers take the place of those processes.
    overwrite : bool
        Whether existing outputs that are not of this batch may be replaced.

    Raises
    ------
    ClusterError
        If the cluster cannot do it.
    WriteError
        If the table of results cannot be written.
    """
    options = WhitenOptions(
        mode=settings["mode"],
        spatially_varying=not settings["constant"],
        variance=settings["variance"],
        n_threads=threads,
    )
    rows = {
        n: replace(
            manifest.rows[n],
            preconvolved=settings["preconvolved"],
            ignore_planes=settings["ignore_planes"],
            no_value_planes=settings["no_value_planes"],
            options=options,
            covariance=chosen_covariance(manifest.rows[n], settings),
            overwrite=overwrite,
            batch=results.batch,
            was_tried=results.was_tried(n),
        )
        for n in results.unfinished
    }
    news: Generator[list[Finished]]
    if scheduler is None:
        from .pool import finished_in_pool

        news = finished_in_pool(rows, jobs)
    else:
        from .cluster import finished_on_cluster

        news = finished_on_cluster(rows, scheduler)
    # Before the first output: from here on the batch knows its own.
    results.save()
    if not rows:
        return
    n_done, n_failed = 0, 0
    with closing(news), display(len(rows)) as shown:
        try:
            for batch in news:
                for finished in batch:
                    results.record(finished)
                    if finished.reason:
                        n_failed += 1
                        shown.complain(f"row {finished.row + 1} failed: {finished.reason}")
                    else:
                        n_done += 1
                shown.update(n_done, n_failed)
                results.save_now_and_then()
        finally:
            results.save()
