"""Decorrelation with one filter: what the tests of `DecorrelateALKernelTask` share."""

from __future__ import annotations

from typing import Any

import numpy as np

import exposures
import whitediff
from white_noise import gaussian
from whitediff.exposure import Exposure
from whitediff.psf import KernelPsf
from whitediff.tasks import DecorrelateALKernelConfig, DecorrelateALKernelTask

SHAPE = (111, 134)
# Not symmetric, so that a kernel that is turned round gives another answer.
KERNEL = np.pad(gaussian(1.4, 6), ((0, 2), (0, 2))) + 0.3 * np.pad(
    gaussian(1.0, 6), ((2, 0), (1, 1))
)
PSF = 0.8 * gaussian(1.5, 10) + 0.2 * np.roll(gaussian(2.0, 10), (1, -2), (0, 1))


def make_task(**values: Any) -> DecorrelateALKernelTask:
    config = DecorrelateALKernelConfig()
    config.update(**values)
    return DecorrelateALKernelTask(config=config)


def make_exposure(seed: int, shape: tuple[int, int] = SHAPE, **values: Any) -> Exposure:
    return exposures.make_exposure(seed, shape, **{"psf": KernelPsf(PSF), **values})


def make_exposures(**values: Any) -> tuple[Exposure, Exposure, Exposure]:
    """Science, template, difference."""
    return make_exposure(1, **values), make_exposure(2, **values), make_exposure(3, **values)


def core(inputs: Any, kernel: Any = KERNEL, **options: Any) -> whitediff.Whitened:
    """The same through the core."""
    options = {"spatially_varying": False, "psf": PSF, **options}
    return exposures.decorrelated(inputs, kernel, **options)
