"""Whitening of images of lsst.images in one call."""

from __future__ import annotations

from typing import Any

from lsst.images import DifferenceImage, MaskedImage

from .whiten_difference import WhitenDifferenceTask

__all__ = ["decorrelate"]


def decorrelate(
    difference: DifferenceImage,
    science: MaskedImage,
    template: MaskedImage,
    kernel: Any = None,
    *,
    n_threads: int | None = None,
) -> DifferenceImage:
    """Whiten a difference image.

    The template was convolved, unless the metadata of the difference say otherwise: see
    `WhitenDifferenceConfig.templateMatched`.

    Parameters
    ----------
    difference : DifferenceImage
        The difference image. No image is modified.
    science, template : MaskedImage
        The inputs before any convolution. They contain the box of the difference.
    kernel : Kernel, array_like [v, u] or object, optional
        The matching kernel; by default that of the difference.
    n_threads : int, optional
        Number of threads.

    Returns
    -------
    white : DifferenceImage
        The whitened image, its variance and its PSF, with all else that the difference has.

    Raises
    ------
    NoWorkFound, WhitenDifferenceError
        As `WhitenDifferenceTask.run`, which has more to say.
    """
    task = WhitenDifferenceTask()
    result = task.run(science, template, difference, kernel, nThreads=n_threads)
    white: DifferenceImage = result.white
    return white
