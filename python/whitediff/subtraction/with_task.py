"""Whitening through the decorrelation task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..exposure import Exposure, Image
from ..geometry import Point2D
from ..io import replace_file
from ..kernel import Kernel
from ..psf import CellPsf, KernelPsf
from ..tasks import DecorrelateALKernelSpatialTask
from .configuration import worker_of
from .errors import writing
from .noise import InputNoise
from .outcome import Outcome
from .subtraction import Subtraction

__all__ = ["outcome_of_task", "write_metadata"]

_FACTS = (
    "scienceVariance", "templateVariance", "nCells", "nFilters", "border", "clippedModes",
    "nThreads",
)  # fmt: skip


def outcome_of_task(
    task: DecorrelateALKernelSpatialTask,
    subtraction: Subtraction,
    noise: Mapping[str, InputNoise],
    *,
    mode: str,
    constant: bool,
    psf: Any,
    progress: Callable[[int, int], None],
) -> Outcome:
    """Whiten a difference image with a task.

    Parameters
    ----------
    task : DecorrelateALKernelSpatialTask
        The task.
    subtraction : Subtraction
        The images and the matching kernel.
    noise : mapping of str to InputNoise
        Of "science" and "template".
    mode : {"difference", "score"}
        What the difference is.
    constant : bool
        Whether to use one filter for the frame.
    psf : object or None
        PSF of the difference; of the science image in mode "score".
    progress : callable
        Called as ``progress(done, total)``.

    Raises
    ------
    ValueError
        If the difference has another scale than the tasks assume; if an image is entirely NaN.
    """
    _check_scale(subtraction)
    difference, score = subtraction.difference, mode == "score"
    x0, y0 = difference.getXY0()
    if isinstance(psf, Kernel):
        height, width = difference.image.array.shape
        psf = _EvaluatedPsf(psf, Point2D(x0 + (width - 1) / 2, y0 + (height - 1) / 2))
    result = task.run(
        _with_noise(subtraction.science, noise["science"], psf, (x0, y0)),
        _with_noise(subtraction.template, noise["template"], None, (x0, y0)),
        Exposure(
            image=difference.image,
            mask=difference.mask,
            variance=difference.variance,
            psf=psf,
            wcs=difference.wcs,
        ),
        subtraction.kernel,
        spatiallyVarying=not constant,
        preConvKernel=psf if score else None,
        templateMatched=subtraction.convolved == "template",
        preConvMode=score,
        progress=progress,
    )
    exposure = result.correctedExposure
    found = {"nCells": None} | task.mapReduce.metadata.to_dict()
    found |= worker_of(task, constant=constant).metadata.to_dict()
    if found["nCells"] is None:
        raise ValueError("nothing to whiten: the science image or the template is entirely NaN")
    if isinstance(exposure.psf, CellPsf) and exposure.psf.getComponentCount() == 1:
        exposure.setPsf(exposure.psf.getPsf(0))
    return Outcome(exposure, {name: found[name] for name in _FACTS if name in found})


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


class _EvaluatedPsf:
    """A kernel with the methods of a PSF."""

    def __init__(self, kernel: Kernel, average_position: Point2D) -> None:
        self._kernel, self._average_position = kernel, average_position

    def getAveragePosition(self) -> Point2D:  # noqa: N802
        return self._average_position

    def computeKernelImage(self, position: Any) -> Image:  # noqa: N802
        return self._at(position).computeKernelImage()

    def computeShape(self, position: Any) -> Any:  # noqa: N802
        return self._at(position).computeShape()

    def _at(self, position: Any) -> KernelPsf:
        x, y = position
        image = self._kernel.evaluate(np.array([float(x)]), np.array([float(y)]))[0]
        center = np.array(self._kernel.center)
        # Zeros move the centre of the kernel to where PSFs have theirs.
        sides = np.stack([center, np.array(image.shape) - 1 - center], axis=1)
        return KernelPsf(np.pad(image, sides.max(axis=1, keepdims=True) - sides))


def _with_noise(exposure: Exposure, noise: InputNoise, psf: Any, xy0: tuple[int, int]) -> Exposure:
    """Give an input image its variance plane, and the place of the difference."""
    pixels = exposure.image.array
    variance = noise.variance
    if isinstance(variance, float):
        variance = np.full(pixels.shape, variance, pixels.dtype)
    return Exposure(image=pixels, mask=exposure.mask, variance=variance, psf=psf, xy0=xy0)


def _check_scale(subtraction: Subtraction) -> None:
    """Refuse a scale that is not 1 (template convolved) or 1 / sum(K) (science convolved)."""
    expected = 1.0
    if subtraction.convolved == "science":
        difference = subtraction.difference
        (height, width), (x0, y0) = difference.image.array.shape, difference.getXY0()
        x, y = np.array([x0 + (width - 1) / 2]), np.array([y0 + (height - 1) / 2])
        expected = 1 / float(subtraction.kernel.evaluate(x, y).sum())
    scale = subtraction.scale
    # Files give the scale to the digits of single precision.
    if scale is not None and not math.isclose(scale, expected, rel_tol=1e-6):
        raise ValueError(
            f"tasks (--config, --config-override, --save-metadata) need a difference of scale "
            f"{expected:g}, got {scale:g}"
        )
