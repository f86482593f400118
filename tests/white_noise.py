"""White noise through spatially varying kernels."""

from __future__ import annotations

import numpy as np

from whitediff import Polynomial2D, SpatialKernel
from whitediff.simulate import convolve

# Kernels reach this far: less than 1e-8 of a Gaussian of 2.4 pixels lies beyond.
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


def white(shape, variance, rng, margin=RADIUS):
    """White noise in a frame that is larger than the shape by a margin on every side."""
    return rng.normal(scale=np.sqrt(variance), size=[size + 2 * margin for size in shape])


def inner(image, margin=RADIUS):
    return image[margin:-margin, margin:-margin]


def matched(image, kernel):
    """An image with a margin of RADIUS, convolved and without the margin: right to the edges."""
    return inner(convolve(image, kernel, xy0=(-RADIUS, -RADIUS)))


def difference(shape, kernel, variances, rng, convolved="template", scale=1.0):
    """White noise S - K*T, or (K*S - T) times a scale."""
    v_science, v_template = variances
    science, template = white(shape, v_science, rng), white(shape, v_template, rng)
    if convolved == "template":
        return inner(science) - matched(template, kernel)
    return scale * (matched(science, kernel) - inner(template))


def crowded_field(rng):
    """White noise whose variance is that of sky and stars, the variance, and where stars are."""
    radius, shape = 10, (1000, 1030)
    star = gaussian(1.8, radius)
    light = np.zeros(shape)
    n = 12_000
    rows, columns = (rng.integers(radius, side - radius, n) for side in shape)
    for y, x, flux in zip(rows, columns, 10 ** rng.uniform(2.5, 4.5, n), strict=True):
        light[y - radius : y + radius + 1, x - radius : x + radius + 1] += flux * star
    return rng.normal(size=shape) * np.sqrt(100 + light), 100 + light, light > 50
