"""The usual way: transforms of the whole frame, with numpy, in double precision."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from answers import Image, central_kernel, check_all_equal, check_equal
from errors import SkippedError
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene
from timing import Timed


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
    kernel = central_kernel(scene)
    image = scene.difference.astype(np.float64)

    def run() -> tuple[Image, Image]:
        frame = _FullFrame(image.shape, kernel)
        of_science, of_template = frame.gains()
        variance = of_science * SCIENCE_VARIANCE + of_template * TEMPLATE_VARIANCE
        return frame.filtered(image), np.full(image.shape, variance)

    return Timed(run, lambda result: check_equal(scene, result[0]))


def numpy_whole(scene: Scene, threads: int) -> Timed:
    """Run the usual method on image, variance planes of known means, and PSF."""
    kernel = central_kernel(scene)
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

    return Timed(run, lambda result: check_all_equal(scene, *result))


def numpy_real(scene: Scene, threads: int) -> Timed:
    """Run the same with transforms of real images: the reference of the tests."""
    tests = Path(__file__).parents[1] / "tests"
    if not (tests / "reference.py").is_file():
        raise SkippedError(f"no reference.py in {tests}")
    sys.path.append(str(tests))
    import reference

    kernel = central_kernel(scene)
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

    return Timed(run, lambda result: check_equal(scene, result[0]))
