"""Whitening through the decorrelation task, with all images in memory."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..exposure import Exposure
from ..geometry import Point2D
from ..io import replace_file, write_exposure
from ..io.atomic import writing
from ..io.exposure_rows import ExposureRows
from ..io.reading import reading
from ..kernel import Kernel, flux_scale
from ..psf import CellPsf, EvaluatedPsf
from ..tasks import DecorrelateALKernelSpatialTask
from ..verdict import Verdict
from .facts import Facts
from .files import Pair, Subtraction
from .header import whitened_header
from .inputs import Inputs
from .job import Job, JobError
from .noise import InputNoise

__all__ = ["configured_job", "planes_of", "whiten_with_task", "write_metadata"]


def configured_job(job: Job, task: DecorrelateALKernelSpatialTask) -> Job:
    """Give a job with the options that a task is configured for.

    Raises
    ------
    JobError
        If the covariance is that of a file.
    """
    varying = task.config.spatiallyVarying
    if varying is not None:
        job = replace(job, options=replace(job.options, spatially_varying=varying))
    if isinstance(job.covariance, Path):
        raise JobError("a task takes no file for ", "covariance", "")
    config = _worker_of(task, job).config
    full = config.completeVarPlanePropagation
    options = replace(
        job.options, variance="full" if full else "estimate", covariance=config.covariance
    )
    return replace(job, options=options, covariance=None)


def planes_of(task: DecorrelateALKernelSpatialTask, job: Job) -> tuple[str, ...]:
    """Mask planes that a task is configured to leave out of statistics."""
    return tuple(_worker_of(task, job).config.ignoreMaskPlanes)


def whiten_with_task(
    task: DecorrelateALKernelSpatialTask, job: Job, inputs: Inputs
) -> tuple[Facts, Verdict]:
    """Whiten a difference image with a task, and write the result.

    Parameters
    ----------
    task : DecorrelateALKernelSpatialTask
        The task.
    job : Job
        What to whiten, and how.
    inputs : Inputs
        Its open files.

    Raises
    ------
    ValueError
        If the difference has another scale than the tasks assume; if an image is entirely NaN.
    JobError
        If the job has what tasks do not take, as a kernel that differs from region to region where
        filters vary; in mode "score", if the difference is not
        preconvolved.
    WriteError
        If the output cannot be written.
    """
    subtraction, psf = inputs.subtraction, inputs.psf
    pair = subtraction.pair
    if pair is None or job.science is None or job.template is None:
        if job.kernel is not None:
            raise JobError("a task takes one convolved image and one scale, got a ", "kernel",
                           f" of both images, {job.kernel}: whiten without a task")  # fmt: skip
        raise JobError("a task needs science, template and ", "kernel", "")
    if subtraction.grid is not None and job.options.spatially_varying:
        raise JobError("cells of a task do not end where regions of a ", "kernel",
                       f" do, as of {job.kernel}: whiten without a task")  # fmt: skip
    for name in ("science_covariance", "template_covariance", "shared_variance"):
        if getattr(job, name) not in (None, 0.0):
            raise JobError("a task takes no ", name, "")
    _check_scale(subtraction, pair)
    score = job.options.mode == "score"
    if score and not job.preconvolved:
        raise JobError(
            "mode score with the task must come with ",
            "preconvolved",
            ", got another",
        )
    x0, y0 = subtraction.difference.xy0
    if isinstance(psf, Kernel):
        height, width = subtraction.difference.shape
        psf = EvaluatedPsf(psf, Point2D(x0 + (width - 1) / 2, y0 + (height - 1) / 2))
    progress: Any = job.options.progress
    science = _with_noise(pair.science, inputs.noise["science"], (x0, y0), job.science)
    science.setPsf(psf)
    template = _with_noise(pair.template, inputs.noise["template"], (x0, y0), job.template)
    with reading(job.difference):
        difference = subtraction.difference.load()
    difference.setPsf(psf)
    result = task.run(
        science,
        template,
        difference,
        pair.kernel,
        spatiallyVarying=job.options.spatially_varying,
        preConvKernel=psf if score else None,
        templateMatched=pair.convolved == "template",
        preConvMode=score,
        progress=progress,
    )
    exposure = result.correctedExposure
    recorded = task.mapReduce.metadata.to_dict() | _worker_of(task, job).metadata.to_dict()
    facts = Facts.of_task(recorded)
    if facts.cells is None:
        raise ValueError("nothing to whiten: the science image or the template is entirely NaN")
    judged = Verdict.recorded(recorded)
    if isinstance(exposure.psf, CellPsf) and exposure.psf.getComponentCount() == 1:
        exposure.setPsf(exposure.psf.getPsf(0))
    exposure.setMetadata(whitened_header(job, inputs, facts))
    with writing(job.output):
        write_exposure(
            exposure, job.output, quantization=job.compress or 0, overwrite=job.overwrite
        )
    return facts, judged


def write_metadata(task: DecorrelateALKernelSpatialTask, path: Path, *, overwrite: bool) -> None:
    """Write what a task and its subtasks have recorded, as JSON, atomically.

    Parameters
    ----------
    task : DecorrelateALKernelSpatialTask
        A task that was run.
    path : Path
        The file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    text = task.getFullMetadata().model_dump_json()
    with writing(path), replace_file(path, overwrite=overwrite) as file:
        file.write(text.encode() + b"\n")


def _worker_of(task: DecorrelateALKernelSpatialTask, job: Job) -> Any:
    """Give the subtask that whitens."""
    return task.mapReduce.mapper if job.options.spatially_varying else task.decorrelate


def _with_noise(
    rows: ExposureRows, noise: InputNoise, xy0: tuple[int, int], path: Path
) -> Exposure:
    """Read an input image, and give it its variance plane and the place of the difference."""
    variance = noise.variance
    if isinstance(variance, float):
        number = variance
        variance = rows.image.map(rows.image.dtype, lambda pixels: np.full_like(pixels, number))
    with reading(path):
        return replace(rows, variance=variance, psf=None, wcs_or_cards=None, xy0=xy0).load()


def _check_scale(subtraction: Subtraction, pair: Pair) -> None:
    """Refuse a scale that is not 1 (template convolved) or 1 / sum(K) (science convolved)."""
    difference = subtraction.difference
    expected = flux_scale(pair.kernel, pair.convolved, difference.shape, difference.xy0)
    scale = pair.scale
    # Files give the scale to the digits of single precision.
    if scale is not None and not math.isclose(scale, expected, rel_tol=1e-6):
        raise ValueError(f"tasks need a difference of scale {expected:g}, got {scale:g}")
