"""What is timed: functions of a scene and a number of threads, each with a check of its answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import whitediff
from errors import AnswerError, SkippedError
from fftw import RoundTrip
from scene import RADIUS, SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene
from timing import Timed

Contestant = Callable[[Scene, int], Timed]
Image = npt.NDArray[np.floating[Any]]

# Sampling errors that a statistic may lie off: less than one in 100,000 does.
_SIGMAS = 4.5
# Kernels that vary leave so much in variance (relative) and in correlation.
_SYSTEMATIC = 2e-3


@cache
def _round_trip(size: int, threads: int) -> RoundTrip:
    return RoundTrip(size, threads)


def fftw(scene: Scene, threads: int) -> Timed:
    """Run B, a bare FFTW round trip of a frame of this size."""
    return Timed(_round_trip(scene.size, threads), lambda _: None)


def _check_white(image: Image, variance: Image, border: int, size: int) -> None:
    """Refuse an image whose variance is not the plane's, or whose neighbours are correlated."""
    # Beyond the frame there is no noise, which is felt inside within reach of kernel and filter.
    margin = min(border + 20, size // 4)
    inner = np.s_[margin : size - margin, margin : size - margin]
    pixels = (image[inner] / np.sqrt(variance[inner])).astype(np.float64)
    measured = {
        "variance": (np.mean(pixels**2), 1.0, np.sqrt(2 / pixels.size)),
        "correlation at lag 1 in x": (
            np.mean(pixels[:, 1:] * pixels[:, :-1]),
            0.0,
            np.sqrt(1 / pixels.size),
        ),
        "correlation at lag 1 in y": (
            np.mean(pixels[1:] * pixels[:-1]),
            0.0,
            np.sqrt(1 / pixels.size),
        ),
        "variance plane": (
            np.mean(variance[inner], dtype=np.float64) / (SCIENCE_VARIANCE + TEMPLATE_VARIANCE),
            1.0,
            0.0,
        ),
    }
    for name, (value, expected, error) in measured.items():
        if not abs(value - expected) <= _SIGMAS * error + _SYSTEMATIC:
            raise AnswerError(f"{name}: expected {expected} (within {error:.1e}), got {value:.6f}")


def decorrelate(scene: Scene, threads: int, *, planes: bool = False, **options: Any) -> Timed:
    """Run ``whitediff.decorrelate``: image and variance."""
    variances = (
        (scene.science_plane, scene.template_plane)
        if planes
        else (SCIENCE_VARIANCE, TEMPLATE_VARIANCE)
    )

    def run() -> whitediff.Whitened:
        return whitediff.decorrelate(
            scene.difference, *variances, scene.kernel, n_threads=threads, **options
        )

    def check(result: whitediff.Whitened) -> None:
        _check_white(result.image, result.variance, result.border, scene.size)

    return Timed(run, check)


def spatial_task(scene: Scene, threads: int) -> Timed:
    """Run the task of the Rubin layer on exposures with variances, masks and PSF."""
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
        whitediff.Exposure(image=scene.difference, variance=plane, mask=scene.mask, psf=psf)
        for plane in (scene.science_plane, scene.template_plane, None)
    )

    def run() -> Any:
        return task.run(science, template, difference, scene.kernel).correctedExposure

    def check(exposure: Any) -> None:
        _check_white(exposure.image.array, exposure.variance.array, 30, scene.size)
        if not abs(exposure.getPsf().computeKernelImage().array.sum() - 1) < 1e-3:
            raise AnswerError("PSF: expected a sum of 1")

    return Timed(run, check)


def _constant(scene: Scene, threads: int) -> whitediff.Whitened:
    return whitediff.decorrelate(
        scene.difference,
        SCIENCE_VARIANCE,
        TEMPLATE_VARIANCE,
        _central_kernel(scene),
        spatially_varying=False,
        n_threads=threads,
    )


def _central_kernel(scene: Scene) -> npt.NDArray[np.float64]:
    middle = np.array([(scene.size - 1) / 2])
    return np.asarray(scene.kernel.evaluate(middle, middle)[0])


@lru_cache(maxsize=1)
def _expected(scene: Scene) -> tuple[Image, npt.NDArray[np.float64], int]:
    """Give the image through the filter of the frame's centre, that filter, and its reach."""
    result = _constant(scene, 0)
    return result.image, result.filters[0], result.border


def _check_equal(scene: Scene, image: Image) -> None:
    expected, _, border = _expected(scene)
    inner = np.s_[border : scene.size - border, border : scene.size - border]
    error = np.sqrt(np.mean((image[inner] - expected[inner]) ** 2))
    noise = np.sqrt(SCIENCE_VARIANCE + TEMPLATE_VARIANCE)
    # Filters are cut off with an error of 1e-5 of the noise; float32 adds less than that.
    if not error <= 2e-5 * noise:
        raise AnswerError(
            f"one filter: expected what the others give, within 2e-5 of the noise, "
            f"got a difference of {error / noise:.1e}"
        )


def constant(scene: Scene, threads: int) -> Timed:
    """Run ``whitediff.decorrelate`` with one filter for the frame."""
    return Timed(
        lambda: _constant(scene, threads), lambda result: _check_equal(scene, result.image)
    )


def numpy_full_frame(scene: Scene, threads: int) -> Timed:
    """Run the usual method: complex transforms of the whole padded frame, in double precision."""
    kernel = _central_kernel(scene)
    image = scene.difference.astype(np.float64)
    shape = tuple(size + size % 2 for size in np.add(image.shape, kernel.shape) - 1)

    def run() -> tuple[Image, Image]:
        frame = np.zeros(shape)
        frame[: len(kernel), : len(kernel)] = kernel
        transfer = np.fft.fft2(np.roll(frame, (-RADIUS, -RADIUS), (0, 1)))
        power = SCIENCE_VARIANCE + TEMPLATE_VARIANCE * np.abs(transfer) ** 2
        whitening = np.sqrt(power[0, 0] / power)
        frame = np.zeros(shape)
        frame[: len(image), : len(image)] = image
        whitened = np.fft.ifft2(np.fft.fft2(frame) * whitening).real
        gains = np.mean(whitening**2), np.mean(np.abs(whitening * transfer) ** 2)
        variance = gains[0] * SCIENCE_VARIANCE + gains[1] * TEMPLATE_VARIANCE
        return whitened[: len(image), : len(image)], np.full(image.shape, variance)

    return Timed(run, lambda result: _check_equal(scene, result[0]))


def numpy_real(scene: Scene, threads: int) -> Timed:
    """Run the same with transforms of real images: the reference of the tests."""
    tests = Path(__file__).parents[1] / "tests"
    if not (tests / "reference.py").is_file():
        raise SkippedError(f"no reference.py in {tests}")
    sys.path.append(str(tests))
    import reference

    kernel = _central_kernel(scene)
    image = scene.difference.astype(np.float64)

    def run() -> tuple[Image, Image]:
        shape = reference.padded_shape(image.shape, len(kernel))
        sources = reference.difference_sources(SCIENCE_VARIANCE, TEMPLATE_VARIANCE, kernel)
        spectrum = reference.whitening_filter(sources, shape)
        whitened = reference.filtered(image, spectrum, shape)
        variance = 0.0
        for source in sources:
            power = np.abs(spectrum * reference.response(source, shape)) ** 2
            power[:, 1:-1] *= 2
            variance += source.variance * power.sum() / (shape[0] * shape[1])
        return whitened, np.full(image.shape, variance)

    return Timed(run, lambda result: _check_equal(scene, result[0]))


def scipy_convolution(scene: Scene, threads: int, *, name: str) -> Timed:
    """Convolve the image with one ready-made filter, in float32."""
    try:
        from scipy import fft, signal
    except ImportError as error:
        raise SkippedError(f"no scipy: {error}") from None
    convolve = getattr(signal, name)
    kernel = _expected(scene)[1].astype(np.float32)

    def run() -> Image:
        with fft.set_workers(threads):
            return np.asarray(convolve(scene.difference, kernel, mode="same"))

    return Timed(run, lambda result: _check_equal(scene, result))


CONTESTANTS: dict[str, Contestant] = {
    "FFTW round trip": fftw,
    "decorrelate": decorrelate,
    "decorrelate, variance planes": partial(decorrelate, planes=True),
    "decorrelate, full variance": partial(decorrelate, planes=True, variance="full"),
    "decorrelate, one filter": constant,
    "DecorrelateALKernelSpatialTask": spatial_task,
    "scipy fftconvolve, one filter": partial(scipy_convolution, name="fftconvolve"),
    "scipy oaconvolve, one filter": partial(scipy_convolution, name="oaconvolve"),
    "numpy full frame, one filter": numpy_full_frame,
    "numpy full frame, real transforms": numpy_real,
}
