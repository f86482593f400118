"""One row of a manifest: its work, done in whatever process this runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from ..._core import __version__
from ...io.fits_structure import first_header
from ...subtraction import WhitenedFile, whiten_files
from ...subtraction.header import BATCH_KEYWORD
from ...subtraction.masks import left_out_rows
from ...whiteness import Whiteness, sampled_whiteness
from ..errors import reason
from ..figure import plot_result, unit_of
from .file_state import state_of
from .row_job import RowJob

__all__ = ["Finished", "whiten_row"]


@dataclass(frozen=True)
class Finished:
    """What became of a row.

    Attributes
    ----------
    row : int
        Its index in the manifest.
    reason : str
        Why it failed; empty if it is done.
    attempts : int
        How many times it was begun.
    cells : mapping of str to scalar
        What its columns of the results table hold.
    """

    row: int
    reason: str = ""
    attempts: int = 1
    cells: Mapping[str, Any] = field(default_factory=dict)


def whiten_row(row: int, job: RowJob) -> Finished:
    """Do the work of a row; errors become the reason of its failure.

    An output that this batch has made before, in an attempt that nobody heard of again, may be
    replaced.
    """
    begin = time.perf_counter()
    try:
        output, overwrite = job.output, job.overwrite
        for path in (output, *job.extras):
            if not path.parent.is_dir():
                raise FileNotFoundError(f"directory {path.parent} of {path.name} does not exist")
        if output.exists() and not overwrite:
            if not _was_made_by(job.batch, output):
                raise FileExistsError(f"{output} exists: give --overwrite to replace it")
            overwrite = True
        replaces = overwrite or job.was_tried
        for path in job.extras:
            if path.exists() and not replaces:
                raise FileExistsError(f"{path} exists: give --overwrite to replace it")
        # Before they are read: what replaces one of them meanwhile makes another row of it.
        inputs = " ".join(map(state_of, job.inputs))
        task = _task(job) if job.takes_task else None
        result = whiten_files(replace(job, overwrite=overwrite), lambda done, total: None, task)
        _write_extras(job, result, task, overwrite=replaces)
        states = {"inputs_state": inputs, "output_state": state_of(output)}
        cells = _cells(result) | states
    except click.ClickException as error:
        return Finished(row, error.format_message())
    except Exception as error:
        return Finished(row, reason(error) or type(error).__name__)
    return Finished(row, cells={"seconds": time.perf_counter() - begin} | cells)


def _task(job: RowJob) -> Any:
    """Give the task that is configured for a row."""
    from ..configuration import configured_task, task_settings

    settings = task_settings(
        # The default leaves it to the configuration.
        variance="full" if job.options.variance == "full" and job.options.mode != "score" else None,
        threads=None,
        covariance=job.covariance,
        ignore_planes=job.ignore_planes,
    )
    # A share of the cores, which the configuration may change.
    settings["nThreads"] = ("", job.options.n_threads)
    constant = not job.options.spatially_varying
    return configured_task(job.config, job.overrides, settings, constant=constant)


def _write_extras(job: RowJob, result: WhitenedFile, task: Any, *, overwrite: bool) -> None:
    """Write what a row asks for besides the image."""
    if job.save_metadata is not None:
        from ...subtraction.with_task import write_metadata

        write_metadata(task, job.save_metadata, overwrite=overwrite)
    if job.plot is not None:
        plot_result(result, job.plot, overwrite=overwrite)
    if job.report is not None:
        from ...report import write_report

        write_report(result, job.report, overwrite=overwrite)


def _was_made_by(batch: str | None, path: Path) -> bool:
    """Whether a file, complete or not, says that it is of a batch."""
    try:
        return first_header(path).get(BATCH_KEYWORD) == batch
    except OSError:
        return False


def _cells(result: WhitenedFile) -> dict[str, Any]:
    with result.open() as (difference, whitened):
        cells = {
            **result.facts.row,
            "image_unit": unit_of(difference),
            "whitediff_version": __version__,
        }
        # The mask of the difference, and the edge of filters.
        ignored = left_out_rows(whitened, result.planes)
        plane, threads = whitened.variance, result.job.options.n_threads
        for when, exposure in (("before", difference), ("after", whitened)):
            found = sampled_whiteness(exposure.image, plane, ignored, n_threads=threads)
            cells |= _named(found, when)
    return cells


def _named(noise: Whiteness | None, when: str) -> dict[str, float]:
    if noise is None:
        return {}
    return {
        f"variance_ratio_{when}": noise.variance,
        f"variance_ratio_{when}_error": noise.variance_error,
        f"correlation_x_{when}": float(noise.in_x[0]),
        f"correlation_x_{when}_error": float(noise.error_in_x[0]),
        f"correlation_y_{when}": float(noise.in_y[0]),
        f"correlation_y_{when}_error": float(noise.error_in_y[0]),
    }
