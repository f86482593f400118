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


def filtered(image, filter_spectrum, shape, level=0.0):
    """The image through a filter on a frame of this shape, which has a level beyond the image.

    Non-finite pixels are replaced by the level, a plane [y, x], and come back at the end.
    """
    finite = np.isfinite(image)
    frame = np.zeros(shape)
    frame[: image.shape[0], : image.shape[1]] = np.where(finite, image - level, 0)
    result = np.fft.irfft2(np.fft.rfft2(frame) * filter_spectrum, s=shape)
    result = result[: image.shape[0], : image.shape[1]] + filtered_plane(
        np.broadcast_to(level, image.shape), filter_spectrum, shape
    )
    return np.where(finite, result, image)


def filtered_plane(plane, filter_spectrum, shape):
    """What a filter makes of a plane without end: its sum times that, less its first moments."""
    filter_image = np.fft.irfft2(filter_spectrum, s=shape)
    result = filter_image.sum() * plane
    for axis, size in enumerate(shape):
        shift = np.fft.fftfreq(size, 1 / size)
        moment = (filter_image.sum(1 - axis) * shift).sum()
        if plane.shape[axis] > 1:
            result = result - moment * (plane.take(1, axis) - plane.take(0, axis)).flat[0]
    return result


def level_of(image, box, sigma, ignored=None):
    """What lies beyond a box [y, x]: a plane through some 1 024 of its finite pixels.

    Its middle is their median, its slopes go from the median of one half to that of the other,
    twice, as far as they rise by more than a quarter of the noise from the middle to the edge.
    Pixels come in runs of neighbours spread over the box; those to be ignored only if there are no
    others; all where so few are usable.
    """
    x0, y0, x1, y1 = box
    share = (x1 - x0) * (y1 - y0) / 1024
    step = max(1, int(share if share <= 16 else np.sqrt(16 * share)))
    usable = np.isfinite(image)
    wanted = usable if ignored is None else usable & ~ignored
    for every in (step, 1):
        chosen = np.zeros(image.shape, bool)
        columns = np.arange(x0 + every // 2, x1, every)[:, np.newaxis] + np.arange(min(16, every))
        chosen[y0 + every // 2 : y1 : every, columns[columns < x1]] = True
        if (chosen & wanted).sum() >= 32:
            break
    y, x = np.nonzero(chosen & (wanted if (chosen & wanted).any() else usable))
    if not x.size:
        return np.zeros(image.shape)
    places = {1: x - (x0 + x1 - 1) / 2, 0: y - (y0 + y1 - 1) / 2}
    pixels, slopes = image[y, x].astype(float), {1: 0.0, 0: 0.0}
    sides = {1: x1 - x0, 0: y1 - y0}
    for _ in range(2):
        flat = pixels - sum(slopes[axis] * place for axis, place in places.items())
        for axis, place in places.items():
            slope = slopes[axis] + half_slope(flat, place)
            slopes[axis] = slope if abs(slope) * sides[axis] / 2 > 0.25 * sigma else 0.0
        if not any(slopes.values()):
            break
    pixels -= sum(slopes[axis] * place for axis, place in places.items())
    rows, columns = np.indices(image.shape)
    ramp = slopes[0] * (rows - (y0 + y1 - 1) / 2) + slopes[1] * (columns - (x0 + x1 - 1) / 2)
    return upper_median(pixels) + ramp


def half_slope(pixels, place):
    """From the median of what lies before the middle to that of the rest."""
    before = place < 0
    if min(before.sum(), (~before).sum()) < 32:
        return 0.0
    distance = place[~before].mean() - place[before].mean()
    return (upper_median(pixels[~before]) - upper_median(pixels[before])) / distance


def upper_median(pixels):
    return np.sort(pixels)[pixels.size // 2]


def assert_filtered(result, image, filter_spectrum, shape, tolerance=1e-5, ignored=None):
    """The image is that of the filter, each cell having its own level beyond the frame.

    Where cells overlap it lies between theirs. The tolerance is in units of the largest value:
    that of the cut-off of whitening filters by default.
    """
    low, high = np.full(image.shape, np.inf), np.full(image.shape, -np.inf)
    sigma = np.sqrt(np.nanmedian(result.variance))
    for (x0, y0, x1, y1), expanded in zip(result.cells.boxes, result.cells.expanded, strict=True):
        level = level_of(image, expanded, sigma, ignored)
        part = filtered(image, filter_spectrum, shape, level)[y0:y1, x0:x1]
        low[y0:y1, x0:x1] = np.minimum(low[y0:y1, x0:x1], part)
        high[y0:y1, x0:x1] = np.maximum(high[y0:y1, x0:x1], part)
    covered = low < np.inf
    finite = np.isfinite(image) & covered
    np.testing.assert_array_equal(result.image[covered & ~finite], image[covered & ~finite])
    found = result.image[finite]
    deviation = np.maximum(low[finite] - found, found - high[finite])
    assert deviation.max() < tolerance * abs(high[finite]).max()


def away_from_edges(image, distance):
    """Pixels farther than this from non-finite ones and from the edge of the frame."""
    near = np.pad(~np.isfinite(image), 1, constant_values=True)
    for axis in (0, 1):
        reached = near.swapaxes(0, axis)
        spread = reached.copy()
        for shift in range(1, distance + 1):
            spread[shift:] |= reached[:-shift]
            spread[:-shift] |= reached[shift:]
        near = spread.swapaxes(0, axis)
    return ~near[1:-1, 1:-1]


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
