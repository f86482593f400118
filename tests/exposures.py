"""Exposures of random numbers, the core's answer to them, and what shows a change."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import DTypeLike, NDArray

import whitediff
from whitediff.exposure import Exposure, Mask

XY0 = (-30, 205)
# The bits of Rubin's ignored planes: all but SUSPECT.
IGNORED_BITS = 0b101111111


def ramp(shape: tuple[int, int], low: float, high: float) -> NDArray[np.float64]:
    """A variance that grows along y."""
    return np.repeat(np.linspace(low, high, shape[0])[:, np.newaxis], shape[1], axis=1)


def make_exposure(
    seed: int, shape: tuple[int, int], dtype: DTypeLike = np.float64, **values: Any
) -> Exposure:
    """An exposure without a PSF; the variances of seeds 1, 2, 3 are about 2, 3, 1."""
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "image": rng.normal(0.0, 1.0, shape).astype(dtype),
        "mask": (rng.random(shape) < 0.03).astype(np.int32) << rng.integers(0, 9, shape),
        "variance": (ramp(shape, 0.8, 1.2) * rng.uniform(0.9, 1.1, shape) * (1 + seed % 3)).astype(
            dtype
        ),
        "xy0": XY0,
        "metadata": fits.Header({"EXPTIME": 30.0}),
    }
    return Exposure(**{**options, **values})


def decorrelated(exposures: Any, kernel: Any, **options: Any) -> whitediff.Whitened:
    """What the core makes of science, template and difference, with Rubin's ignored planes."""
    science, template, difference = exposures
    defaults = dict(
        mask=difference.mask.array,
        science_mask=science.mask.array,
        template_mask=template.mask.array,
        ignore_mask=IGNORED_BITS,
        xy0=XY0,
    )
    return whitediff.decorrelate(
        difference.image.array,
        science.variance.array,
        template.variance.array,
        kernel,
        **{**defaults, **options},
    )


def snapshot(exposure: Any) -> list[Any]:
    """All that a task must not change."""
    planes = (exposure.image, exposure.mask, exposure.variance)
    psf = exposure.getPsf()
    # Planes of foreign masks belong to the process.
    own = isinstance(exposure.mask, Mask)
    return [plane.array.tobytes() for plane in planes] + [
        exposure.mask.getMaskPlaneDict() if own else None,
        repr(exposure.metadata) if hasattr(exposure, "metadata") else None,
        psf,
        psf.image.tobytes() if hasattr(psf, "image") else None,
        exposure.getBBox(),
    ]


def assert_same_psf(images: Any, expected: Any) -> None:
    # Sums in another order: rounding of a peak below one.
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-15)
