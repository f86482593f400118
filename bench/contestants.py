"""What is timed: functions of a scene and a number of threads, each with a check of its answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np

import others
import usual
import whitediff
from answers import SIGMAS, Image, check_all_equal, check_equal, check_white, one_filter, whole
from errors import AnswerError, SkippedError
from fftw import RoundTrip
from machine import core_count
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene
from timing import Timed
from whitediff.whiteness import whiteness as measured_whiteness

# In a stack.
STAMPS = 1000


@dataclass(frozen=True)
class Contestant:
    """A way to do the work, or a part of it.

    Attributes
    ----------
    prepare : callable
        Gives what is timed for a scene and a number of threads, or raises `SkippedError`.
    bytes_a_pixel : `float`
        Peak memory, inputs and outputs included.
    largest : `int`
        Pixels on a side of the largest frame that it takes in reasonable time.
    """

    prepare: Callable[[Scene, int], Timed]
    bytes_a_pixel: float
    largest: int = 1 << 14


@lru_cache(maxsize=2)
def _round_trip(size: int, threads: int) -> RoundTrip:
    return RoundTrip(size, threads)


def fftw(scene: Scene, threads: int) -> Timed:
    """Run B, a bare FFTW round trip of a frame of this size."""
    return Timed(_round_trip(scene.size, threads), lambda _: None)


def copy(scene: Scene, threads: int) -> Timed:
    """Copy the frame, a band a thread: what memory gives."""
    target = np.empty_like(scene.difference)
    bands = list(
        zip(np.array_split(target, threads), np.array_split(scene.difference, threads), strict=True)
    )
    pool = ThreadPoolExecutor(threads)

    def run() -> None:
        # numpy copies without holding the interpreter.
        list(pool.map(lambda band: np.copyto(*band), bands))

    return Timed(run, lambda _: None)


def decorrelate(
    scene: Scene,
    threads: int,
    *,
    planes: bool = False,
    kernel: whitediff.SpatialKernel | None = None,
    into: bool = False,
    planned_anew: bool = False,
    **options: Any,
) -> Timed:
    """Run ``whitediff.decorrelate``: image and variance; `kernel` must equal the scene's.

    With `into`, into arrays that are there already. With `planned_anew`, variances being numbers,
    no call has the noise of an earlier one, whose plan would be remembered.
    """
    kernel = kernel or scene.kernel
    science = scene.science_plane if planes else SCIENCE_VARIANCE
    calls = itertools.count()
    # With all cores, what is found by itself: a small frame is not worth them.
    n_threads = 0 if threads == core_count() else threads
    template = scene.template_plane if planes else TEMPLATE_VARIANCE
    if into:
        options["out"] = (np.zeros_like(scene.difference), np.zeros_like(scene.difference))

    def run() -> whitediff.Whitened:
        return whitediff.decorrelate(
            scene.difference,
            science * (1 + 1e-6 * next(calls)) if planned_anew else science,
            template,
            kernel,
            n_threads=n_threads,
            **options,
        )

    def check(result: whitediff.Whitened) -> None:
        check_white(result.image, result.variance, result.border, scene.radius)

    return Timed(run, check)


def stack(scene: Scene, threads: int) -> Timed:
    """Run ``whitediff.whiten_stack`` on many stamps of the size of the scene; one thread."""
    stamps = np.repeat(scene.difference[None], STAMPS, axis=0)
    sources = [
        whitediff.NoiseSource(SCIENCE_VARIANCE),
        whitediff.NoiseSource(TEMPLATE_VARIANCE, kernels=[scene.kernel]),
    ]

    def run() -> Any:
        return whitediff.whiten_stack(stamps, sources, n_threads=1)

    alone = whitediff.whiten(scene.difference, sources)

    def check(result: Any) -> None:
        if not np.array_equal(result.image[-1], alone.image):
            raise AnswerError("stack: expected what whiten gives for the last stamp")

    return Timed(run, check)


def fftw_of_stamps(scene: Scene, threads: int) -> Timed:
    """Run B of a stamp as often as there are stamps, with one thread."""
    round_trip = _round_trip(scene.size, 1)

    def run() -> None:
        for _ in range(STAMPS):
            round_trip()

    return Timed(run, lambda _: None)


def spatial_task(scene: Scene, threads: int) -> Timed:
    """Run the task of the Rubin layer on exposures with variances, masks and PSF; verdict on."""
    try:
        from whitediff.psf import KernelPsf
        from whitediff.tasks import DecorrelateALKernelSpatialTask
    except ImportError as error:
        raise SkippedError(f"no DecorrelateALKernelSpatialTask: {error}") from None
    config: Any = DecorrelateALKernelSpatialTask.ConfigClass()
    config.decorrelateMapReduceConfig.mapper.nThreads = threads
    task = DecorrelateALKernelSpatialTask(config=config)
    psf = KernelPsf(scene.psf)
    science, template, difference = (
        whitediff.Exposure(image=image, variance=plane, mask=scene.mask, psf=psf)
        for image, plane in zip(
            (*scene.pair, scene.difference),
            (scene.science_plane, scene.template_plane, None),
            strict=True,
        )
    )

    def run() -> Any:
        return task.run(science, template, difference, scene.kernel).correctedExposure

    def check(exposure: Any) -> None:
        check_white(exposure.image.array, exposure.variance.array, 30, scene.radius)
        if not abs(exposure.getPsf().computeKernelImage().array.sum() - 1) < 1e-3:
            raise AnswerError("PSF: expected a sum of 1")

    return Timed(run, check)


def constant(scene: Scene, threads: int) -> Timed:
    """Run ``whitediff.decorrelate`` with one filter for the frame."""
    return Timed(
        lambda: one_filter(scene, threads), lambda result: check_equal(scene, result.image)
    )


def constant_whole(
    scene: Scene, threads: int, *, variance: Literal["estimate", "full"] = "estimate"
) -> Timed:
    """Run it on image, variance planes of known means, and PSF."""

    def run() -> tuple[Image, Image, Image]:
        result = whole(scene, threads, variance=variance)
        assert result.psf is not None
        return result.image, result.variance, result.psf[0]

    return Timed(run, lambda result: check_all_equal(scene, *result, variance))


def whiteness(scene: Scene, threads: int) -> Timed:
    """Measure how white an image is, which is white: what ``whitediff check`` does with pixels."""
    image = np.random.default_rng(5).standard_normal(scene.difference.shape, np.float32)

    def check(found: Any) -> None:
        worst = max(abs(found.in_x[0]), abs(found.in_y[0])) * np.sqrt(image.size)
        if not worst <= SIGMAS:
            raise AnswerError(f"correlation: expected none, got {worst:.1f} sampling errors")

    return Timed(lambda: measured_whiteness(image, 1.0, n_threads=threads), check)


CONTESTANTS: dict[str, Contestant] = {
    "FFTW round trip": Contestant(fftw, 12),
    "FFTW round trips of stamps": Contestant(fftw_of_stamps, 12),
    "whiten_stack": Contestant(stack, 16 * STAMPS),
    "decorrelate": Contestant(decorrelate, 16),
    "decorrelate, variance planes": Contestant(partial(decorrelate, planes=True), 24),
    "decorrelate, full variance": Contestant(
        partial(decorrelate, planes=True, variance="full"), 24
    ),
    "decorrelate into arrays": Contestant(partial(decorrelate, into=True), 16),
    "decorrelate into arrays, variance planes": Contestant(
        partial(decorrelate, planes=True, into=True), 24
    ),
    "whiteness": Contestant(whiteness, 32),
    "decorrelate, one filter": Contestant(constant, 32),
    "decorrelate, one filter, planes and PSF": Contestant(constant_whole, 32),
    "decorrelate, one filter, full variance and PSF": Contestant(
        partial(constant_whole, variance="full"), 32
    ),
    "DecorrelateALKernelSpatialTask": Contestant(spatial_task, 48),
    "scipy fftconvolve, one filter": Contestant(
        partial(others.scipy_convolution, name="fftconvolve"), 56, 1 << 13
    ),
    "scipy oaconvolve, one filter": Contestant(
        partial(others.scipy_convolution, name="oaconvolve"), 60, 1 << 13
    ),
    "astropy convolve_fft, one filter": Contestant(others.astropy_convolution, 120, 1 << 12),
    "SFFT, one filter": Contestant(others.sfft, 60, 1 << 12),
    "SFFT, tiles": Contestant(others.sfft_tiles, 60, 1 << 12),
    "Roman, one filter, full variance and PSF": Contestant(others.roman, 200, 1 << 12),
    "Rubin, one filter, planes": Contestant(others.rubin, 120, 1 << 13),
    "numpy full frame, one filter": Contestant(usual.numpy_full_frame, 100, 1 << 13),
    "numpy full frame, planes and PSF": Contestant(usual.numpy_whole, 120, 1 << 13),
    "numpy full frame, real transforms": Contestant(usual.numpy_real, 72, 1 << 13),
}
