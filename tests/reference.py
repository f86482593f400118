"""The equations of the noise model in plain numpy: one filter on the whole, padded frame.

Slow, in double precision, and written without regard to the package that it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Source:
    """One raw image: its mean variance, the kernel images it went through, its weight."""

    variance: float
    kernels: tuple[np.ndarray, ...] = ()
    weight: float = 1.0


def difference_sources(v_science, v_template, kernel, convolved="template"):
    """D = S - K*T, or D = (K*S - T) / sum(K)."""
    if convolved == "template":
        return [Source(v_science), Source(v_template, (kernel,))]
    scale = 1 / kernel.sum()
    return [Source(v_science, (kernel,), scale), Source(v_template, (), scale)]


def score_sources(v_science, v_template, kernel, psf):
    """D = (S correlated with its PSF) - K*T."""
    return [Source(v_science, (psf[::-1, ::-1],)), Source(v_template, (kernel,))]


def transfer(kernel, shape):
    """Fourier transform of a kernel image with its centre at pixel ((h-1)//2, (w-1)//2)."""
    height, width = kernel.shape
    frame = np.zeros(shape)
    frame[:height, :width] = kernel
    return np.fft.rfft2(np.roll(frame, (-((height - 1) // 2), -((width - 1) // 2)), (0, 1)))


def response(source, shape):
    """a_i(k): weight times the product of the kernels' transforms."""
    total = np.full((shape[0], shape[1] // 2 + 1), source.weight, complex)
    for kernel in source.kernels:
        total *= transfer(kernel, shape)
    return total


def noise_power(sources, shape):
    """P(k) = sum_i v_i |a_i(k)|^2."""
    return sum(source.variance * abs(response(source, shape)) ** 2 for source in sources)


def whitening_filter(sources, shape):
    """psi(k) = sqrt(P(0) / P(k))."""
    power = noise_power(sources, shape)
    return np.sqrt(power[0, 0] / power)


def score_filter(sources, psf, shape, floor):
    """F(k) = P(0) conj(phi_D) / P, with phi_D = |phi|^2 and P held at `floor` times its maximum."""
    power = noise_power(sources, shape)
    power_at_zero = power[0, 0]
    power = np.maximum(power, floor * power.max())
    return power_at_zero * abs(transfer(psf / psf.sum(), shape)) ** 2 / power


def padded_shape(shape, padding):
    """The shape with at least this many more pixels, and even."""
    return tuple(size + padding + (size + padding) % 2 for size in shape)


def filtered(image, filter_spectrum, shape):
    """The image through a filter on a frame of this shape, which has zeros beyond the image.

    Non-finite pixels are replaced by the mean of the finite ones, and come back at the end.
    """
    finite = np.isfinite(image)
    frame = np.zeros(shape)
    frame[: image.shape[0], : image.shape[1]] = np.where(finite, image, image[finite].mean())
    result = np.fft.irfft2(np.fft.rfft2(frame) * filter_spectrum, s=shape)
    return np.where(finite, result[: image.shape[0], : image.shape[1]], image)


def gains(sources, filter_spectrum, shape):
    """mean over k of |F a_i|^2, for every source."""
    return [
        (np.fft.irfft2(filter_spectrum * response(source, shape), s=shape) ** 2).sum()
        for source in sources
    ]


def full_variance(planes, sources, filter_spectrum, shape):
    """Each plane convolved with the squared response of its source, shift by shift.

    There is no noise beyond the frame. Non-finite variances become the mean variance.
    """
    height, width = planes[0].shape
    total = np.zeros((height, width))
    for plane, source in zip(planes, sources, strict=True):
        squared = np.fft.irfft2(filter_spectrum * response(source, shape), s=shape) ** 2
        plane = np.where(np.isfinite(plane), plane, source.variance)
        # Shifts in order of weight: what is left out carries less than 1e-9 of the variance.
        order = np.argsort(squared, axis=None)[::-1]
        within = np.cumsum(squared.ravel()[order]) <= (1 - 1e-9) * squared.sum()
        for dy, dx in zip(*np.unravel_index(order[: within.sum() + 1], shape), strict=True):
            weight = squared[dy, dx]
            dy = dy - shape[0] if 2 * dy > shape[0] else dy
            dx = dx - shape[1] if 2 * dx > shape[1] else dx
            rows = slice(max(0, dy), min(height, height + dy))
            columns = slice(max(0, dx), min(width, width + dx))
            from_rows = slice(max(0, -dy), min(height, height - dy))
            from_columns = slice(max(0, -dx), min(width, width - dx))
            if rows.start < rows.stop and columns.start < columns.stop:
                total[rows, columns] += weight * plane[from_rows, from_columns]
    return total
