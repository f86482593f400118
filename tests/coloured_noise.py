"""Noise that is not white to begin with: warps and coadds of white noise."""

from __future__ import annotations

import numpy as np

ROTATION = 0.003


def lanczos3(x):
    return np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def bilinear(x):
    return np.maximum(0.0, 1.0 - abs(x))


def warped(image, shape, kernel, radius, shift=(0.4, 0.3), rotation=ROTATION):
    """The middle of an image, shifted by (y, x) and turned a little about its middle.

    Pixel [y, x] is interpolated, with the weights of a kernel scaled to a sum of one.
    """
    margin = [(big - small) // 2 for big, small in zip(image.shape, shape, strict=True)]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    dy, dx = y - shape[0] / 2, x - shape[1] / 2
    from_y = y + margin[0] + shift[0] - rotation * dx
    from_x = x + margin[1] + shift[1] + rotation * dy
    base_y, base_x = np.floor(from_y).astype(int), np.floor(from_x).astype(int)
    offsets = np.arange(1 - radius, radius + 1)
    weights_y, weights_x = (
        np.stack([kernel(offset - (place - base)) for offset in offsets])
        for place, base in ((from_y, base_y), (from_x, base_x))
    )
    weights_y /= weights_y.sum(axis=0)
    weights_x /= weights_x.sum(axis=0)
    total = np.zeros(shape)
    for weight_y, offset_y in zip(weights_y, offsets, strict=True):
        for weight_x, offset_x in zip(weights_x, offsets, strict=True):
            total += weight_y * weight_x * image[base_y + offset_y, base_x + offset_x]
    return total


def warped_noise(shape, variance, rng, kernel, radius, n_images=1, rotation=ROTATION):
    """A coadd of warps of white noise, scaled so that its inputs' variance is as given."""
    total = np.zeros(shape)
    margin = 24 + 2 * int(rotation * max(shape))
    for _ in range(n_images):
        noise = rng.normal(
            scale=np.sqrt(variance * n_images), size=[size + margin for size in shape]
        )
        total += warped(noise, shape, kernel, radius, rng.uniform(size=2), rotation)
    return total / n_images


def matched_filter(image, variance, profile, margin=30):
    """A separable matched filter over what the variance plane says of its standard deviation."""
    filtered = image
    for axis in (0, 1):
        filtered = np.apply_along_axis(np.convolve, axis, filtered, profile, "same")
    error = np.sqrt(variance * (profile**2).sum() ** 2)
    return (filtered / error)[margin:-margin, margin:-margin]


def pull(image, variance, profile, margin=30):
    """Standard deviation of a separable matched filter over what the variance plane says."""
    return float(matched_filter(image, variance, profile, margin).std())


def psf_profile(sigma=1.7, radius=8):
    offset = np.arange(-radius, radius + 1)
    profile = np.exp(-0.5 * (offset / sigma) ** 2)
    return profile / profile.sum()


def drizzled_noise(shape, rng, scale=1.5, pixfrac=0.8, n_images=4):
    """White noise of dithered images, drizzled onto pixels that are smaller by a factor.

    Input pixels, shrunk by ``pixfrac``, drop onto the output pixels that they overlap; these have
    the mean, weighted with the overlap. The variance of output pixels is one.
    """
    drop = pixfrac * scale
    reach = int(np.ceil((drop + 1) / 2 / scale)) + 1
    total, weight = np.zeros(shape), np.zeros(shape)
    for _ in range(n_images):
        image = rng.normal(size=[int(size / scale) + 2 * reach + 2 for size in shape])
        covered = []
        for size, phase in zip(shape, rng.uniform(size=2), strict=True):
            out = np.arange(size)
            base = np.floor(out / scale - phase).astype(int)
            overlaps = np.zeros(size)
            dropped = np.zeros((size, image.shape[1]))
            for n in range(-reach, reach + 2):
                distance = abs((base + n + phase) * scale - out)
                overlap = np.clip((drop + 1) / 2 - distance, 0, min(drop, 1.0))
                overlaps += overlap
                dropped += overlap[:, np.newaxis] * image[base + n + reach]
            # The other axis next, and back.
            image = dropped.T
            covered.append(overlaps)
        total += image
        weight += np.outer(*covered)
    noise = total / weight
    return noise / noise.std()
