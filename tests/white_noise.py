"""White noise through spatially varying kernels, exactly, and how white something is."""

from __future__ import annotations

import numpy as np

from whitediff import Kernel, Polynomial2D, SpatialKernel

# Convolution kernels reach this far: less than 1e-9 of a Gaussian of 2.4 pixels lies beyond.
RADIUS = 15


def gaussian(sigma, radius=RADIUS):
    """Gaussian image of sum one; sigma in pixels."""
    offset = np.arange(-radius, radius + 1)
    profile = np.exp(-(offset**2) / (2 * sigma**2))
    image = np.outer(profile, profile)
    return image / image.sum()


def linear_kernel(shape, kernel_sum=1.0, sigmas=(1.2, 2.4)):
    """Kernel that goes linearly from one width at the left edge to another at the right edge."""
    slope = 1 / (shape[1] - 1)
    return SpatialKernel(
        np.stack([kernel_sum * gaussian(sigma) for sigma in sigmas]),
        [Polynomial2D([1.0, -slope, 0.0]), Polynomial2D([0.0, slope, 0.0])],
    )


def white(shape, variance, rng):
    """White noise in a frame that is larger by RADIUS pixels on every side."""
    return rng.normal(scale=np.sqrt(variance), size=[size + 2 * RADIUS for size in shape])


def inner(image, radius=RADIUS):
    return image[radius:-radius, radius:-radius]


def convolved(image, kernel):
    """The inner part of a white frame, convolved with a kernel evaluated at every output pixel."""
    height, width = (size - 2 * RADIUS for size in image.shape)
    y, x = np.mgrid[:height, :width].astype(float)
    # The frame is large enough for the wrap-around of a transform to stay out of the inner part.
    spectrum = np.fft.rfft2(image)
    total = np.zeros((height, width))
    for basis, function in zip(kernel.basis, kernel.functions, strict=True):
        frame = np.zeros(image.shape)
        frame[: basis.shape[0], : basis.shape[1]] = basis
        frame = np.roll(frame, (-kernel.center[0], -kernel.center[1]), (0, 1))
        part = np.fft.irfft2(np.fft.rfft2(frame) * spectrum, s=image.shape)
        total += function(x, y) * inner(part)
    return total
