"""What answers must be: white noise, or what one filter for the whole frame gives."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import whitediff
from errors import AnswerError
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene

Image = npt.NDArray[np.floating[Any]]

# Sampling errors that a statistic may lie off: less than one in 100,000 does.
SIGMAS = 4.5
# Kernels that vary leave so much in variance (relative) and in correlation.
_SYSTEMATIC = 2e-3


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
        if not abs(value - expected) <= SIGMAS * error + _SYSTEMATIC:
            raise AnswerError(f"{name}: expected {expected} (within {error:.1e}), got {value:.6f}")


def one_filter(scene: Scene, threads: int, **options: Any) -> whitediff.Whitened:
    """Whiten the difference with one filter, that of the frame's centre."""
    return whitediff.decorrelate(
        scene.difference,
        options.pop("science_variance", SCIENCE_VARIANCE),
        options.pop("template_variance", TEMPLATE_VARIANCE),
        central_kernel(scene),
        spatially_varying=False,
        n_threads=threads,
        **options,
    )


def central_kernel(scene: Scene) -> npt.NDArray[np.float64]:
    """Give the kernel in the middle of the frame, [v, u]."""
    middle = np.array([(scene.size - 1) / 2])
    return np.asarray(scene.kernel.evaluate(middle, middle)[0])


def whole(
    scene: Scene, threads: int, *, variance: Literal["estimate", "full"] = "estimate"
) -> whitediff.Whitened:
    """Whiten it so with all that comes with it: variance planes of known means, and PSF."""
    return one_filter(
        scene,
        threads,
        science_variance=scene.science_plane,
        template_variance=scene.template_plane,
        mean_variances=(SCIENCE_VARIANCE, TEMPLATE_VARIANCE),
        psf=scene.psf,
        variance=variance,
    )


@lru_cache(maxsize=2)
def expected(
    scene: Scene, variance: Literal["estimate", "full"] = "estimate"
) -> whitediff.Whitened:
    """Give what one filter, that of the frame's centre, makes of all that comes with the image."""
    return whole(scene, 0, variance=variance)


def check_equal(scene: Scene, image: Image) -> None:
    """Refuse an image that is not what one filter gives."""
    truth = expected(scene)
    inner = _inner(truth)
    error = np.sqrt(np.mean((image[inner] - truth.image[inner]) ** 2))
    noise = np.sqrt(SCIENCE_VARIANCE + TEMPLATE_VARIANCE)
    # Filters are cut off with an error of 1e-5 of the noise; float32 adds less than that.
    if not error <= 2e-5 * noise:
        raise AnswerError(
            f"one filter: expected what the others give, within 2e-5 of the noise, "
            f"got a difference of {error / noise:.1e}"
        )


def check_all_equal(
    scene: Scene,
    image: Image,
    variance: Image,
    psf: Image | None,
    propagated: Literal["estimate", "full"] = "estimate",
) -> None:
    """Check the variance plane as well, and the PSF if there is one."""
    check_equal(scene, image)
    truth = expected(scene, propagated)
    inner = _inner(truth)
    assert truth.psf is not None
    found = {
        "variance": (variance[inner], truth.variance[inner], SCIENCE_VARIANCE + TEMPLATE_VARIANCE)
    }
    if psf is not None:
        found["PSF"] = (psf, truth.psf[0], 1.0)
    for name, (value, right, scale) in found.items():
        # Filters that end at the border have a gain, and a PSF, a little off that of endless ones.
        error = np.abs(value - right).max() / scale
        if not error <= 1e-4:
            raise AnswerError(f"{name}: expected what the others give, got an error of {error:.1e}")


def _inner(truth: whitediff.Whitened) -> tuple[slice, slice]:
    """Give the pixels that the edge of the frame is not felt at."""
    height, width = truth.image.shape
    return np.s_[truth.border : height - truth.border, truth.border : width - truth.border]
