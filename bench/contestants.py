"""What is timed: functions of a scene and a number of threads, each with a check of its answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import whitediff
from errors import AnswerError, SkippedError
from fftw import RoundTrip
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene
from timing import Timed
from whitediff.whiteness import whiteness as measured_whiteness

Image = npt.NDArray[np.floating[Any]]

# Sampling errors that a statistic may lie off: less than one in 100,000 does.
_SIGMAS = 4.5
# In a stack.
STAMPS = 1000
# Kernels that vary leave so much in variance (relative) and in correlation.
_SYSTEMATIC = 2e-3


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


def check_white(image: Image, variance: Image, border: int, radius: int) -> None:
    """Refuse an image whose variance is not the plane's, or whose neighbours are correlated."""
    # Beyond the frame there is no noise, which is felt inside within reach of kernel and filter.
    size = len(image)
    margin = min(border + 2 * radius, size // 4)
    inner = np.s_[margin : size - margin, margin : size - margin]
    pixels = image[inner] / np.sqrt(variance[inner])
    measured = {
        "variance": (np.mean(pixels**2, dtype=np.float64), 1.0, np.sqrt(2 / pixels.size)),
        "correlation at lag 1 in x": (
            np.mean(pixels[:, 1:] * pixels[:, :-1], dtype=np.float64),
            0.0,
            np.sqrt(1 / pixels.size),
        ),
        "correlation at lag 1 in y": (
            np.mean(pixels[1:] * pixels[:-1], dtype=np.float64),
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


def decorrelate(
    scene: Scene,
    threads: int,
    *,
    planes: bool = False,
    kernel: whitediff.SpatialKernel | None = None,
    into: bool = False,
    **options: Any,
) -> Timed:
    """Run ``whitediff.decorrelate``: image and variance; `kernel` must equal the scene's.

    With `into`, into arrays that are there already.
    """
    kernel = kernel or scene.kernel
    science = scene.science_plane if planes else SCIENCE_VARIANCE
    template = scene.template_plane if planes else TEMPLATE_VARIANCE
    if into:
        options["out"] = (np.zeros_like(scene.difference), np.zeros_like(scene.difference))

    def run() -> whitediff.Whitened:
        return whitediff.decorrelate(
            scene.difference, science, template, kernel, n_threads=threads, **options
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


def _constant(scene: Scene, threads: int, **options: Any) -> whitediff.Whitened:
    return whitediff.decorrelate(
        scene.difference,
        options.pop("science_variance", SCIENCE_VARIANCE),
        options.pop("template_variance", TEMPLATE_VARIANCE),
        _central_kernel(scene),
        spatially_varying=False,
        n_threads=threads,
        **options,
    )


def _central_kernel(scene: Scene) -> npt.NDArray[np.float64]:
    middle = np.array([(scene.size - 1) / 2])
    return np.asarray(scene.kernel.evaluate(middle, middle)[0])


@lru_cache(maxsize=1)
def _expected(scene: Scene) -> whitediff.Whitened:
    """Give what one filter, that of the frame's centre, makes of all that comes with the image."""
    result = _whole(scene, 0)
    assert result.psf is not None
    return result


def _check_equal(scene: Scene, image: Image) -> None:
    expected = _expected(scene)
    inner = np.s_[expected.border : scene.size - expected.border]
    error = np.sqrt(np.mean((image[inner, inner] - expected.image[inner, inner]) ** 2))
    noise = np.sqrt(SCIENCE_VARIANCE + TEMPLATE_VARIANCE)
    # Filters are cut off with an error of 1e-5 of the noise; float32 adds less than that.
    if not error <= 2e-5 * noise:
        raise AnswerError(
            f"one filter: expected what the others give, within 2e-5 of the noise, "
            f"got a difference of {error / noise:.1e}"
        )


def _check_all_equal(scene: Scene, image: Image, variance: Image, psf: Image) -> None:
    """Check variance plane and PSF as well."""
    _check_equal(scene, image)
    expected = _expected(scene)
    assert expected.psf is not None
    for name, value, truth, scale in (
        ("variance", variance, expected.variance, SCIENCE_VARIANCE + TEMPLATE_VARIANCE),
        ("PSF", psf, expected.psf[0], 1.0),
    ):
        # Filters that end at the border have a gain, and a PSF, a little off that of endless ones.
        error = np.abs(value - truth).max() / scale
        if not error <= 1e-4:
            raise AnswerError(f"{name}: expected what the others give, got an error of {error:.1e}")


def constant(scene: Scene, threads: int) -> Timed:
    """Run ``whitediff.decorrelate`` with one filter for the frame."""
    return Timed(
        lambda: _constant(scene, threads), lambda result: _check_equal(scene, result.image)
    )


def _whole(scene: Scene, threads: int) -> whitediff.Whitened:
    return _constant(
        scene,
        threads,
        science_variance=scene.science_plane,
        template_variance=scene.template_plane,
        mean_variances=(SCIENCE_VARIANCE, TEMPLATE_VARIANCE),
        psf=scene.psf,
    )


def constant_whole(scene: Scene, threads: int) -> Timed:
    """Run it on image, variance planes of known means, and PSF."""

    def run() -> tuple[Image, Image, Image]:
        result = _whole(scene, threads)
        assert result.psf is not None
        return result.image, result.variance, result.psf[0]

    return Timed(run, lambda result: _check_all_equal(scene, *result))


class _FullFrame:
    """The usual method: complex transforms of the whole padded frame, in double precision."""

    def __init__(self, shape: tuple[int, ...], kernel: Image) -> None:
        # Frame and kernel side by side, and even.
        self._shape = tuple(size + size % 2 for size in np.add(shape, kernel.shape) - 1)
        self.transfer = np.fft.fft2(self._around_origin(kernel))
        power = SCIENCE_VARIANCE + TEMPLATE_VARIANCE * np.abs(self.transfer) ** 2
        self.filter = np.sqrt(power[0, 0] / power)

    def _indices(self, stamp: Image) -> tuple[npt.NDArray[np.intp], ...]:
        """Tell where the pixels of a stamp lie, its centre at the origin of the frame."""
        return np.ix_(
            *(
                (np.arange(size) - (size - 1) // 2) % whole
                for size, whole in zip(stamp.shape, self._shape, strict=True)
            )
        )

    def _around_origin(self, stamp: Image) -> Image:
        frame = np.zeros(self._shape)
        frame[self._indices(stamp)] = stamp
        return frame

    def _filtered_frame(self, frame: Image) -> Image:
        return np.fft.ifft2(np.fft.fft2(frame) * self.filter).real

    def filtered(self, image: Image) -> Image:
        """Pad an image, filter it, and cut it out again."""
        frame = np.zeros(self._shape)
        frame[: len(image), : len(image[0])] = image
        return self._filtered_frame(frame)[: len(image), : len(image[0])]

    def filtered_psf(self, psf: Image) -> Image:
        """Do the same with a PSF, which goes through the whole frame as well."""
        whitened = self._filtered_frame(self._around_origin(psf))[self._indices(psf)]
        return np.asarray(whitened / whitened.sum())

    def gains(self) -> tuple[float, float]:
        """Give the factors of the two variances."""
        return (
            float(np.mean(self.filter**2)),
            float(np.mean(np.abs(self.filter * self.transfer) ** 2)),
        )


def numpy_full_frame(scene: Scene, threads: int) -> Timed:
    """Run the usual method on the image alone."""
    kernel = _central_kernel(scene)
    image = scene.difference.astype(np.float64)

    def run() -> tuple[Image, Image]:
        frame = _FullFrame(image.shape, kernel)
        of_science, of_template = frame.gains()
        variance = of_science * SCIENCE_VARIANCE + of_template * TEMPLATE_VARIANCE
        return frame.filtered(image), np.full(image.shape, variance)

    return Timed(run, lambda result: _check_equal(scene, result[0]))


def numpy_whole(scene: Scene, threads: int) -> Timed:
    """Run the usual method on image, variance planes of known means, and PSF."""
    kernel = _central_kernel(scene)
    image = scene.difference.astype(np.float64)

    def run() -> tuple[Image, Image, Image]:
        frame = _FullFrame(image.shape, kernel)
        # Non-finite pixels become the mean, and come back.
        unknown = ~np.isfinite(image)
        whitened = frame.filtered(np.where(unknown, np.nanmean(image), image))
        whitened[unknown] = image[unknown]
        of_science, of_template = frame.gains()
        variance = of_science * scene.science_plane + of_template * scene.template_plane
        return whitened, variance, frame.filtered_psf(scene.psf)

    return Timed(run, lambda result: _check_all_equal(scene, *result))


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
    kernel = _expected(scene).filters[0].astype(np.float32)

    def run() -> Image:
        with fft.set_workers(threads):
            return np.asarray(convolve(scene.difference, kernel, mode="same"))

    return Timed(run, lambda result: _check_equal(scene, result))


def astropy_convolution(scene: Scene, threads: int) -> Timed:
    """Convolve the image with one ready-made filter, by the transforms of the whole frame."""
    try:
        from astropy.convolution import convolve_fft
    except ImportError as error:
        raise SkippedError(f"no astropy: {error}") from None
    kernel = _expected(scene).filters[0]

    def run() -> Image:
        return np.asarray(
            convolve_fft(
                scene.difference,
                kernel,
                boundary="fill",
                normalize_kernel=False,
                nan_treatment="fill",
                allow_huge=True,
            )
        )

    return Timed(run, lambda result: _check_equal(scene, result))


def whiteness(scene: Scene, threads: int) -> Timed:
    """Measure how white an image is, which is white: what ``whitediff check`` does with pixels."""
    image = np.random.default_rng(5).standard_normal(scene.difference.shape, np.float32)

    def check(found: Any) -> None:
        worst = max(abs(found.in_x[0]), abs(found.in_y[0])) * np.sqrt(image.size)
        if not worst <= _SIGMAS:
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
    "DecorrelateALKernelSpatialTask": Contestant(spatial_task, 40),
    "scipy fftconvolve, one filter": Contestant(
        partial(scipy_convolution, name="fftconvolve"), 56, 1 << 13
    ),
    "scipy oaconvolve, one filter": Contestant(
        partial(scipy_convolution, name="oaconvolve"), 60, 1 << 13
    ),
    "astropy convolve_fft, one filter": Contestant(astropy_convolution, 120, 1 << 12),
    "numpy full frame, one filter": Contestant(numpy_full_frame, 100, 1 << 13),
    "numpy full frame, planes and PSF": Contestant(numpy_whole, 120, 1 << 13),
    "numpy full frame, real transforms": Contestant(numpy_real, 72, 1 << 13),
}
